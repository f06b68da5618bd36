"""The engine object: what every action needs and no instance owns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from app.engine.bindings import Bindings, Fact, ProcessBinding
from app.engine.definitions import Definition, DefinitionCache
from app.engine.feel import Feel
from app.engine.models import ProcessInstance
from app.engine.services import ServiceRegistry
from app.errors import NotFound


@dataclass(slots=True)
class ProcessEngine:
    """FEEL, the service registry, the bindings of the processes, and compiled definitions."""

    services: ServiceRegistry
    bindings: Bindings
    feel: Feel = field(default_factory=Feel)
    definitions: DefinitionCache = field(default_factory=DefinitionCache)

    def binding(self, key: str) -> ProcessBinding:
        """The binding of a process. Raises :class:`NotFound` for one that has none."""
        try:
            return self.bindings.processes[key]
        except KeyError:
            raise NotFound(f"The process {key} is not tied to any records.") from None

    def definition(self, session: Session, deployment_id: int) -> Definition:
        return self.definitions.get(session, deployment_id)

    def facts(self, key: str) -> dict[str, Fact]:
        """The facts that expressions of a process may use, by name."""
        return {**self.bindings.common_facts, **self.binding(key).facts}

    def options(self, session: Session) -> Callable[[str], list[dict[str, Any]] | None]:
        """Looks up the options of a form field by its ``valuesKey``."""

        def look_up(key: str) -> list[dict[str, Any]] | None:
            provider = self.bindings.options.get(key)
            return None if provider is None else provider(session)

        return look_up


class Facts:
    """The facts of one subject, each looked up at most once until told that they changed."""

    def __init__(self, engine: ProcessEngine, session: Session, instance: ProcessInstance) -> None:
        self._session = session
        self._instance = instance
        self._known = engine.facts(instance.key)
        self._values: dict[str, Any] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def get(self, name: str) -> Any:
        if name not in self._values:
            self._values[name] = self._known[name].load(self._session, self._instance.subject_id)
        return self._values[name]

    def forget(self) -> None:
        """Whatever was looked up may have changed."""
        self._values.clear()
