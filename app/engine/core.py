"""The engine object: what every action needs and no instance owns."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from app.engine.bindings import Bindings, Fact, ProcessBinding
from app.engine.definitions import Definition, DefinitionCache
from app.engine.feel import Feel
from app.engine.models import ProcessInstance
from app.engine.outline import ProcessOutline
from app.engine.services import ServiceRegistry
from app.errors import NotFound

# Keys of processes are parts of addresses, and prefixes of file names.
KEY_LENGTH = 60
KEY = re.compile(rf"[a-z][a-z0-9_]{{2,{KEY_LENGTH - 1}}}", re.ASCII)


@dataclass(slots=True)
class ProcessEngine:
    """FEEL, the service registry, the bindings of the processes, and compiled definitions."""

    services: ServiceRegistry
    bindings: Bindings
    feel: Feel = field(default_factory=Feel)
    definitions: DefinitionCache = field(default_factory=DefinitionCache)

    def binding(self, key: str, outline: ProcessOutline | None = None) -> ProcessBinding:
        """The binding of a process: its own, else the general one, which its ``outline`` tells more.

        Raises :class:`NotFound` for a process that has none.
        """
        found = self.bindings.processes.get(key)
        if found is None and self.bindings.fallback is not None:
            found = self.bindings.fallback(outline or ProcessOutline(key))
        if found is None:
            raise NotFound(f"The process {key} is not tied to any records.")
        return found

    def key_problem(self, key: str) -> str | None:
        """Why a process without a binding of its own cannot have this key; None where it can."""
        if key in self.bindings.processes:
            return None
        if not KEY.fullmatch(key):
            return (
                f"“{key[:60]}” cannot be the key of a process: use 3 to {KEY_LENGTH} lower-case letters, "
                "digits and “_”, beginning with a letter."
            )
        if key in self.bindings.reserved_keys:
            return f"“{key}” is used by Millwright itself: choose another key for the process."
        return None

    def definition(self, session: Session, deployment_id: int) -> Definition:
        return self.definitions.get(session, deployment_id)

    def facts(self, key: str, outline: ProcessOutline | None = None) -> dict[str, Fact]:
        """The facts that expressions of a process may use, by name."""
        return {**self.bindings.common_facts, **self.binding(key, outline).facts}

    def options(self, session: Session) -> Callable[[str], list[dict[str, Any]] | None]:
        """Looks up the options of a form field by its ``valuesKey``."""

        def look_up(key: str) -> list[dict[str, Any]] | None:
            provider = self.bindings.options.get(key)
            return None if provider is None else provider(session)

        return look_up


class Facts:
    """The facts of one subject, each looked up at most once until told that they changed."""

    def __init__(
        self, engine: ProcessEngine, session: Session, instance: ProcessInstance, definition: Definition
    ) -> None:
        self._session = session
        self._instance = instance
        self._known = engine.facts(instance.key, definition.outline)
        self._values: dict[str, Any] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def get(self, name: str) -> Any:
        if name not in self._values:
            self._values[name] = self._known[name].load(self._session, self._instance.subject_id)
        return self._values[name]

    def is_known(self, name: str) -> bool:
        """Whether a fact has been looked up."""
        return name in self._values

    def forget(self) -> None:
        """Whatever was looked up may have changed."""
        self._values.clear()
