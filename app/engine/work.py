"""What the engine does itself at an element, and what its expressions see while it does.

Nothing here knows of tokens: where an instance stands, and what comes next, is the execution's
(see :mod:`app.engine.execution`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from app import clock
from app.engine import evidence, jobs, messages, projection
from app.engine.actors import Actor
from app.engine.bindings import ProcessBinding, StatusContext, SubjectContext
from app.engine.core import Facts, ProcessEngine
from app.engine.definitions import Definition
from app.engine.diagram import Element
from app.engine.diagram import Mapping as ValueMapping
from app.engine.feel import feel_value
from app.engine.history import Journal
from app.engine.models import HistoryKind, InstanceState, ProcessInstance, TaskState, UserTask
from app.engine.services import ServiceContext
from app.errors import MillwrightError


class Work:
    """One action on an instance: who acts, its variables, facts, open tasks and history."""

    def __init__(
        self,
        engine: ProcessEngine,
        session: Session,
        instance: ProcessInstance,
        definition: Definition,
        actor: Actor,
    ) -> None:
        self.engine = engine
        self.session = session
        self.instance = instance
        self.definition = definition
        self.actor = actor
        self.journal = Journal(instance, actor)
        self.facts = Facts(engine, session, instance, definition)
        self.variables: dict[str, Any] = {}
        self.open_tasks: list[UserTask] = []

    # -- expressions ---------------------------------------------------------------------------

    def context(self, names: Iterable[str], extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Values for the names that an expression uses: facts first, then variables."""
        found: dict[str, Any] = {}
        for name in names:
            if extra is not None and name in extra:
                found[name] = feel_value(extra[name])
            elif name == "actor":
                found[name] = {"id": self.actor.user_id, "name": self.actor.name, "role": self.actor.role}
            elif name in self.facts:
                found[name] = feel_value(self.facts.get(name))
            elif name in self.variables or name in self.definition.variables:
                found[name] = self.variables.get(name)
        return found

    def value(self, expression: str, extra: Mapping[str, Any] | None = None) -> Any:
        """Evaluate FEEL over facts, variables and ``extra``. Raises ``FeelError``."""
        feel = self.engine.feel
        return feel.evaluate(expression, self.context(feel.names(expression), extra))

    def attribute(self, element: Element, name: str) -> Any:
        """An extension attribute's value: FEEL where it begins with ``=``, else the text; None if absent."""
        given = element.attributes.get(name, "").strip()
        if not given:
            return None
        return self.value(given[1:].strip()) if given.startswith("=") else given

    def mapped(
        self, mappings: Iterable[ValueMapping], extra: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The values of mappings by name, evaluated together. Raises ``FeelError``."""
        feel, wanted = self.engine.feel, list(mappings)
        found = feel.evaluate_many(
            [(each.expression, self.context(feel.names(each.expression), extra)) for each in wanted]
        )
        return {each.name: value for each, value in zip(wanted, found, strict=True)}

    # -- the subject ---------------------------------------------------------------------------

    def set_status(self, status: str) -> None:
        """Set the subject's status, as the diagram asks."""
        self.binding.set_status(
            StatusContext(self.session, self.actor, self.instance.subject_id, clock.now()), status
        )
        self.facts.forget()

    @property
    def binding(self) -> ProcessBinding:
        """What ties the process to its subject."""
        return self.engine.binding(self.instance.key, self.definition.outline)

    def keep_answers(self, values: Mapping[str, Any]) -> None:
        """Tell the subject what somebody answered in a user task."""
        if keep := self.binding.keep_answers:
            keep(SubjectContext(self.session, self.actor, self.instance.subject_id, clock.now()), values)
            self.facts.forget()

    def end_subject(self, how: InstanceState) -> None:
        """Tell the subject how its instance ended."""
        if ended := self.binding.ended:
            ended(SubjectContext(self.session, self.actor, self.instance.subject_id, clock.now()), how)

    # -- steps ---------------------------------------------------------------------------------

    def do(self, element: Element) -> None:
        """Do a service, business rule or script task. Raises whatever it fails with."""
        if element.type == "serviceTask":
            self._call_service(element)
        elif element.type == "businessRuleTask":
            self._decide(element)
        else:
            self._set(element, self.value(element.script or "null"))

    def _set(self, element: Element, value: Any) -> None:
        name = element.attributes.get("resultVariable")
        if name:
            self.variables[name] = value

    def _call_service(self, element: Element) -> None:
        name = element.attributes.get("service", "")
        arguments = self.mapped(element.inputs)
        context = ServiceContext(
            session=self.session,
            actor=self.actor,
            instance=self.instance,
            subject_type=self.instance.subject_type,
            subject_id=self.instance.subject_id,
            element_id=element.id,
            now=clock.now(),
            _send_message=self.send,
            _enqueue=self._enqueue,
            _escalate=self._escalate,
        )
        result = self.engine.services.call(name, context, arguments)
        self.facts.forget()
        if element.outputs:
            self.variables |= self.mapped(element.outputs, {"result": result})

    def _decide(self, element: Element) -> None:
        wanted = element.attributes.get("decision", "")
        if wanted not in self.definition.decisions:
            raise MillwrightError(f"There is no decision named {wanted}.")
        model, decision_id = self.definition.decisions[wanted]
        extra = self.mapped(element.inputs)
        feel = self.engine.feel
        context = self.context(model.names(decision_id, feel), extra)
        decided = model.evaluate(decision_id, context, feel)
        self._set(element, decided.outputs)
        self.journal.add(
            HistoryKind.DECIDED,
            element,
            {
                "decision": wanted,
                "inputs": decided.inputs,
                "outputs": decided.outputs,
                "rules": decided.matched_rules,
                "read": evidence.kept(context, model.paths(decision_id, feel)),
            },
        )

    # -- what a service task may ask -----------------------------------------------------------

    def send(
        self, name: str, to: str | list[str] | None, payload: dict[str, Any], element: Element | None = None
    ) -> None:
        """Send a message to one instance or several by their business keys, or to start a new one."""
        receivers = to if isinstance(to, list) else [to]
        if not all(isinstance(receiver, str) for receiver in receivers) and receivers != [None]:
            raise MillwrightError(f"The message {name} is sent to {to!r}, which is no business key.")
        for receiver in receivers:
            messages.send(self.session, name, to=receiver, payload=payload, sender=self.instance)
        self.journal.add(
            HistoryKind.MESSAGE_SENT, element, {"message": name, "to": receivers, "payload": payload}
        )

    def _enqueue(self, kind: str, payload: dict[str, Any], **options: Any) -> Any:
        return jobs.enqueue(self.session, kind, payload, instance_id=self.instance.id, **options)

    def _escalate(self, element_id: str, role: str) -> int:
        escalated = [
            row for row in self.open_tasks if row.element_id == element_id and row.state == TaskState.OPEN
        ]
        for row in escalated:
            projection.escalate(row, role)
            self.journal.add(
                HistoryKind.ESCALATED, self.definition.element(row.element_id), {"role": role, "task": row.id}
            )
        return len(escalated)
