"""What the files of a process may speak of: roles, service tasks, facts, statuses and lists of options.

Made from the registry and the bindings, so that editors offer what the engine knows, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.engine.bindings import Fact
from app.engine.core import ProcessEngine
from app.engine.outline import ProcessOutline
from app.engine.services import ServiceTask
from app.errors import NotFound


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``statuses`` are those that a diagram may set; with ``free_statuses``, it may set any code.

    ``subject_type`` is empty where nothing ties the process to records.
    """

    roles: Mapping[str, str]
    services: list[ServiceTask]
    facts: Mapping[str, Fact]
    subject_type: str
    statuses: tuple[str, ...]
    free_statuses: bool
    options: list[str]


def vocabulary(engine: ProcessEngine, key: str, outline: ProcessOutline | None = None) -> Vocabulary:
    """What a process may speak of. Its ``outline`` tells the facts of one that has no binding of its own."""
    bindings = engine.bindings
    try:
        binding = engine.binding(key, outline)
    except NotFound:
        binding = None
    return Vocabulary(
        roles=bindings.roles,
        services=[engine.services.tasks[name] for name in sorted(engine.services.tasks)],
        facts={**bindings.common_facts, **(binding.facts if binding else {})},
        subject_type=binding.subject_type if binding else "",
        statuses=binding.statuses if binding else (),
        free_statuses=binding is None or binding.free_statuses,
        options=sorted(bindings.options),
    )
