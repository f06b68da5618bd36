"""The registry of service tasks: the only Python that a process file can reach, by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.engine.actors import Actor
from app.errors import MillwrightError

NAME = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$")


@dataclass(frozen=True, slots=True)
class Input:
    """An argument of a service task: its FEEL type, what it means, whether it must be given."""

    type: str
    description: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Output:
    """A key of the dictionary that a service task answers."""

    type: str
    description: str


@dataclass(slots=True)
class ServiceContext:
    """What a service task works with. All of it belongs to the transaction of the action."""

    session: Session
    actor: Actor
    instance: Any
    subject_type: str
    subject_id: int
    element_id: str
    now: datetime
    _send_message: Callable[..., None]
    _enqueue: Callable[..., Any]
    _escalate: Callable[[str, str], int]

    def send_message(
        self, name: str, *, to: str | list[str] | None = None, payload: Mapping[str, Any]
    ) -> None:
        """Queue a message to the instances with these business keys, or to whoever starts with it."""
        self._send_message(name, to, dict(payload))

    def enqueue(self, kind: str, payload: Mapping[str, Any], **options: Any) -> Any:
        """Queue a job for what must happen outside the database, after this transaction."""
        return self._enqueue(kind, dict(payload), **options)

    def escalate(self, element_id: str, role: str) -> int:
        """Let ``role`` too do the open user tasks of an element; answers how many those are."""
        return self._escalate(element_id, role)


ServiceFunction = Callable[..., Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class ServiceTask:
    """A registered service task, documented well enough for a process owner to use it."""

    name: str
    title: str
    description: str
    function: ServiceFunction
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Output]
    errors: Mapping[str, str]


class UnknownService(MillwrightError):
    """A diagram names a service task that is not registered."""


@dataclass(slots=True)
class ServiceRegistry:
    """Service tasks by name."""

    tasks: dict[str, ServiceTask] = field(default_factory=dict)

    def add(self, task: ServiceTask) -> None:
        if not NAME.match(task.name):
            raise ValueError(f"{task.name!r} is no name for a service task: use group.verb")
        if task.name in self.tasks and self.tasks[task.name].function is not task.function:
            raise ValueError(f"the service task {task.name} is registered twice")
        self.tasks[task.name] = task

    def get(self, name: str) -> ServiceTask:
        try:
            return self.tasks[name]
        except KeyError:
            raise UnknownService(f"There is no service task named {name}.") from None

    def call(self, name: str, context: ServiceContext, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Run a service task with the arguments its inputs name.

        Raises whatever the function raises: a ``BusinessError`` refuses the action, anything else
        becomes an incident.
        """
        task = self.get(name)
        missing = [key for key, spec in task.inputs.items() if spec.required and arguments.get(key) is None]
        if missing:
            raise ValueError(f"{name} needs a value for {', '.join(missing)}")
        known = {key: value for key, value in arguments.items() if key in task.inputs}
        return dict(task.function(context, **known) or {})


registry = ServiceRegistry()


def service_task(
    name: str,
    *,
    title: str,
    inputs: Mapping[str, Input] | None = None,
    outputs: Mapping[str, Output] | None = None,
    errors: Mapping[str, str] | None = None,
) -> Callable[[ServiceFunction], ServiceFunction]:
    """Register a function as a service task; its docstring is what the Studio shows.

    The function takes a :class:`ServiceContext` and its inputs by name, and answers a dictionary
    with its outputs. Optional inputs need a default.
    """

    def register(function: ServiceFunction) -> ServiceFunction:
        description = " ".join((function.__doc__ or "").split())
        registry.add(
            ServiceTask(name, title, description, function, inputs or {}, outputs or {}, errors or {})
        )
        return function

    return register
