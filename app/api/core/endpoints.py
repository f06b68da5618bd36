"""Declaring an endpoint: its address, who may call it, what it takes and what it answers, in one place.

A function with a decorator is an endpoint. Its parameters say what it takes: those named in the address,
``query``, ``body`` (JSON), ``form`` and ``files`` (multipart). Its docstring is its documentation. Routing,
checking and the OpenAPI document are all made from that.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model
from pydantic.alias_generators import to_camel
from werkzeug.routing import BaseConverter

from app.access.permissions import RIGHTS

Function = TypeVar("Function", bound=Callable[..., Any])

SAFE = ("GET",)
VERSION_PATTERN = "^[!-~]([ -~]{0,253}[!-~])?$"  # one ETag, or several separated by commas
OTHER_PARAMETERS = ("query", "body", "form", "files", "prepared")


class WholeNumber(BaseConverter):
    """A whole number in an address, still as a text: what it may be, its own schema says."""

    regex = "[0-9]{1,20}"


@dataclass(frozen=True)
class Download:
    """A file as an answer. It is saved under ``file_name``, and never shown inline unless told so."""

    data: bytes
    media_type: str
    file_name: str
    inline: bool = False


@dataclass(frozen=True)
class Refused:
    """A refusal that is an answer: what the endpoint wrote is kept, as a failed sign-in is."""

    status: int
    code: str
    detail: str
    errors: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoint:
    """One method of one address, as it was declared."""

    method: str
    rule: str
    function: Callable[..., Any]
    tag: str
    needs: str | None
    answers: Any
    status: int
    etag: bool
    media: tuple[str, ...]
    file_field: str | None
    prepares: Callable[..., Any] | None
    strict_limit: bool
    hints: dict[str, Any]

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def is_public(self) -> bool:
        """Whether nobody has to be signed in."""
        return self.needs is None

    @property
    def is_safe(self) -> bool:
        return self.method in SAFE

    @property
    def heeds_if_match(self) -> bool:
        """Whether a change can be tied to the version of the thing that was read."""
        return self.etag and not self.is_safe and self.status != 201

    @property
    def heeds_if_none_match(self) -> bool:
        """Whether a version that the caller knows already is not sent again."""
        return self.etag and self.is_safe

    @property
    def operation_id(self) -> str:
        return to_camel(self.name)

    @cached_property
    def path_names(self) -> tuple[str, ...]:
        return tuple(re.findall(r"{(\w+)}", self.rule))

    @cached_property
    def flask_rule(self) -> str:
        """The rule as Flask knows it. What is no id is no address: ``/things/export`` stays its own."""
        return re.sub(r"{(\w+)}", lambda match: f"<{self._converter(match[1])}{match[1]}>", self.rule)

    def _converter(self, name: str) -> str:
        schema = self.path_model.model_json_schema()["properties"][to_camel(name)]
        return "whole:" if schema.get("type") == "integer" else ""

    @property
    def documented_path(self) -> str:
        """The address in the OpenAPI document, with names in camelCase."""
        return re.sub(r"{(\w+)}", lambda match: f"{{{to_camel(match[1])}}}", self.rule)

    @cached_property
    def path_model(self) -> type[BaseModel]:
        """The parameters in the address."""
        fields: dict[str, Any] = {name: (self.hints[name], ...) for name in self.path_names}
        config = ConfigDict(strict=True, extra="forbid", alias_generator=to_camel)
        return create_model(f"{self.name}_path", __config__=config, **fields)

    def model(self, part: str) -> type[BaseModel] | None:
        """The model of ``query``, ``body`` or ``form``; None where the endpoint takes no such thing."""
        return self.hints.get(part)

    @property
    def takes_files(self) -> bool:
        return "files" in self.hints

    @cached_property
    def answer(self) -> TypeAdapter[Any] | None:
        """What turns a result into JSON; None for a file or for no content."""
        return None if self.answers in (None, Download) else TypeAdapter(self.answers)

    @property
    def gives_file(self) -> bool:
        return self.answers is Download

    @property
    def summary(self) -> str:
        return inspect.getdoc(self.function).splitlines()[0].strip()  # type: ignore[union-attr]

    @property
    def description(self) -> str:
        lines = inspect.cleandoc(self.function.__doc__ or "").split("\n:", 1)[0]
        return " ".join(line for line in lines.splitlines()[1:]).strip().replace("  ", " ")


class Resource:
    """The endpoints of one kind of thing; ``tag`` and ``about`` head them in the documentation."""

    def __init__(self, tag: str, about: str) -> None:
        self.tag = tag
        self.about = about
        self.endpoints: list[Endpoint] = []

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self.endpoints)

    def get(self, rule: str, **options: Any) -> Callable[[Function], Function]:
        return self._declare("GET", rule, **options)

    def post(self, rule: str, **options: Any) -> Callable[[Function], Function]:
        return self._declare("POST", rule, **options)

    def put(self, rule: str, **options: Any) -> Callable[[Function], Function]:
        return self._declare("PUT", rule, **options)

    def patch(self, rule: str, **options: Any) -> Callable[[Function], Function]:
        return self._declare("PATCH", rule, **options)

    def delete(self, rule: str, **options: Any) -> Callable[[Function], Function]:
        return self._declare("DELETE", rule, **options)

    def _declare(
        self,
        method: str,
        rule: str,
        *,
        needs: str | None = None,
        public: bool = False,
        answers: Any = None,
        status: int = 200,
        etag: bool = False,
        media: Sequence[str] = (),
        file_field: str | None = None,
        prepares: Callable[..., Any] | None = None,
        strict_limit: bool = False,
    ) -> Callable[[Function], Function]:
        """Declare an endpoint.

        ``needs`` is a permission of :mod:`app.access.permissions`; only a ``public`` endpoint has none.
        ``answers``: the model that the result is turned into, or :class:`Download`; nothing means 204.
        ``etag``: the answer is one version of a thing, and If-Match may name it. ``media``: the types
        of a file answered. ``file_field``: the multipart field of the files taken. ``prepares`` runs
        before the transaction with the body, for slow work; its result is the parameter ``prepared``.
        ``strict_limit``: the rate limit of anonymous callers holds for everybody.
        """
        if (needs is None) != public or (needs is not None and needs not in RIGHTS):
            raise ValueError(f"{method} {rule}: say which known permission it needs, or that it is public")

        def declare(function: Function) -> Function:
            hints = get_type_hints(function, include_extras=True)
            endpoint = Endpoint(
                method=method,
                rule=rule,
                function=function,
                tag=self.tag,
                needs=needs,
                answers=answers,
                status=204 if answers is None else status,
                etag=etag,
                media=tuple(media),
                file_field=file_field,
                prepares=prepares,
                strict_limit=strict_limit,
                hints=hints,
            )
            _check(endpoint)
            self.endpoints.append(endpoint)
            return function

        return declare


def _check(endpoint: Endpoint) -> None:
    """Refuse a declaration that would surprise its callers. Raises :class:`TypeError`."""
    known = {*endpoint.path_names, *OTHER_PARAMETERS}
    parameters = set(inspect.signature(endpoint.function).parameters)
    if unknown := parameters - known:
        raise TypeError(f"{endpoint.name}: no part of a request is called {', '.join(sorted(unknown))}")
    if missing := set(endpoint.path_names) - parameters:
        raise TypeError(f"{endpoint.name} does not take {', '.join(sorted(missing))} of its address")
    if not (endpoint.function.__doc__ or "").strip():
        raise TypeError(f"{endpoint.name} has no docstring, and so no documentation")
