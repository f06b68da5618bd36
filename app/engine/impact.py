"""The impact of a change before it is deployed: real decisions, made again by the rules of a draft.

Each decision table and gateway that instances have been through is replayed with the values that
history kept of it (see :mod:`app.engine.evidence`), at its own time. A table's new result reaches the
gateways after it in the same instance. Nothing is written.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.engine import deployments, evidence
from app.engine.core import ProcessEngine
from app.engine.decisions import DecisionError
from app.engine.definitions import Definition, compile_files
from app.engine.diagram import Diagram, Element, Flow
from app.engine.evidence import Path
from app.engine.execution import DECIDING
from app.engine.feel import Feel, FeelError
from app.engine.models import HistoryEntry, HistoryKind, ProcessInstance

MAXIMUM_DECISIONS = 5_000
MAXIMUM_SECONDS = 20.0
MAXIMUM_CASES = 200  # listed of one step; all are counted
MAXIMUM_DAYS = 3_650
AT_ONCE = 500  # rows read with one statement

NOT_KEPT = "Its inputs were not kept: it was made before this program kept them."
NO_STEP = "The draft has no such step."
AFTER_ANOTHER_WAY = "It came after a gateway that would have gone another way, so it might not have come up."


@dataclass(frozen=True, slots=True)
class Case:
    """A decision that would have gone another way: what it was made on, and what came of it then and now.

    ``then`` and ``now`` are the outputs of a decision, or the names of the ways that a gateway went;
    ``problem`` says why the draft's rules give nothing.
    """

    instance_id: int
    business_key: str
    at: datetime
    inputs: dict[str, Any]
    then: Any
    now: Any
    problem: str = ""


@dataclass(slots=True)
class Step:
    """What became of the decisions of one business rule task or gateway; ``cases`` are those that
    differ, newest first, at most ``MAXIMUM_CASES`` of them. ``not_replayed`` counts by reason."""

    kind: str  # "decision" or "gateway"
    element: str
    name: str
    replayed: int = 0
    same: int = 0
    different: int = 0
    cases: list[Case] = field(default_factory=list)
    not_replayed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Impact:
    """What a draft would have changed since a time. ``complete`` is False where there were more
    decisions than could be looked at in time: those left out are the oldest."""

    since: datetime
    steps: list[Step]
    decisions: int
    complete: bool

    @property
    def different(self) -> int:
        return sum(step.different for step in self.steps)


def replay(
    engine: ProcessEngine,
    session: Session,
    key: str,
    files: Mapping[str, bytes],
    *,
    days: int,
    limit: int = MAXIMUM_DECISIONS,
    seconds: float = MAXIMUM_SECONDS,
) -> Impact:
    """Make the decisions of the last ``days`` again by the rules in ``files``.

    Raises one of ``FILE_ERRORS`` for files that cannot be run. At most ``limit`` decisions are looked
    at, the newest, for at most ``seconds``.
    """
    draft = compile_files(files)
    since = clock.now() - timedelta(days=min(days, MAXIMUM_DAYS))
    newest = deployments.latest(session, key)
    deployed = engine.definition(session, newest.id) if newest is not None else None
    replayed = _Replay(engine, session, draft, deployed)
    ends_at = time.monotonic() + seconds
    looked_at, complete = 0, True
    for row in _rows(session, key, replayed.elements, since, limit):
        if row is None or time.monotonic() > ends_at:
            complete = False
            break
        looked_at += 1
        replayed.look_at(row)
    return Impact(since, replayed.found(), looked_at, complete)


def _rows(
    session: Session, key: str, elements: set[str], since: datetime, limit: int
) -> Iterator[Any | None]:
    """The decisions since a time, in the order they were made; None first of those that are too many.

    What is too old is left out: which those are, the id of the oldest of the newest says.
    """
    if not elements:
        return
    query = _decisions(key, elements, since)
    ids = query.with_only_columns(HistoryEntry.id).order_by(HistoryEntry.id.desc())
    first = session.scalar(ids.offset(limit - 1).limit(1))
    more = first is not None and session.scalar(ids.where(HistoryEntry.id < first).limit(1)) is not None
    last = (first or 1) - 1
    while True:
        page = session.execute(
            query.where(HistoryEntry.id > last).order_by(HistoryEntry.id).limit(AT_ONCE)
        ).all()
        yield from page
        if len(page) < AT_ONCE:
            break
        last = page[-1].id
    if more:
        yield None


def _decisions(key: str, elements: set[str], since: datetime) -> Select[Any]:
    return (
        select(
            HistoryEntry.id,
            HistoryEntry.instance_id,
            HistoryEntry.kind,
            HistoryEntry.element_id,
            HistoryEntry.element_name,
            HistoryEntry.at,
            HistoryEntry.detail,
            ProcessInstance.business_key,
            ProcessInstance.deployment_id,
        )
        .join(ProcessInstance, ProcessInstance.id == HistoryEntry.instance_id)
        .where(
            HistoryEntry.process_key == key,
            HistoryEntry.element_id.in_(elements),
            HistoryEntry.kind.in_([HistoryKind.DECIDED, HistoryKind.PASSED]),
            # A business rule task tells what it decided, and then that it was passed.
            or_(HistoryEntry.kind == HistoryKind.DECIDED, HistoryEntry.element_type.in_(DECIDING)),
            HistoryEntry.at >= since,
        )
    )


def decides(diagram: Diagram, element: Element) -> bool:
    """Whether something is decided at an element: by a table, or by conditions on several ways."""
    if element.type == "businessRuleTask":
        return True
    return element.type in DECIDING and len(diagram.outgoing(element.id)) > 1


class _NotReplayed(Exception):
    """A decision cannot be made again; the message says why."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the draft's rules make of a decision."""

    value: Any
    problem: str = ""


class _Replay:
    """The replaying of one draft."""

    def __init__(
        self, engine: ProcessEngine, session: Session, draft: Definition, deployed: Definition | None
    ) -> None:
        self.engine = engine
        self.feel: Feel = engine.feel
        self.session = session
        self.draft = draft
        self._steps: dict[str, Step] = {}
        self._answers: dict[tuple[str, str], _Answer] = {}
        # What the draft's tables give instead of what is in an instance's variables.
        self._results: dict[tuple[int, str], Any] = {}
        self._elsewhere: set[int] = set()
        self.elements: set[str] = set()
        for definition in (draft, *((deployed,) if deployed else ())):
            diagram = definition.diagram
            self.elements |= {e.id for e in diagram.elements.values() if decides(diagram, e)}

    def found(self) -> list[Step]:
        """The steps in the order of the draft's diagram, those that it no longer has last."""
        order = {name: place for place, name in enumerate(self.draft.diagram.elements)}
        for step in self._steps.values():
            step.cases.reverse()
        return sorted(self._steps.values(), key=lambda step: order.get(step.element, len(order)))

    def look_at(self, row: Any) -> None:
        """Make one decision again and count what became of it."""
        is_decision = row.kind == HistoryKind.DECIDED
        element = self.draft.diagram.elements.get(row.element_id)
        name = (element.name if element else "") or row.element_name
        step = self._steps.setdefault(
            row.element_id, Step("decision" if is_decision else "gateway", row.element_id, name)
        )
        try:
            if row.instance_id in self._elsewhere:
                raise _NotReplayed(AFTER_ANOTHER_WAY)
            if element is None or element.type not in ("businessRuleTask", *DECIDING):
                raise _NotReplayed(NO_STEP)
            if (element.type == "businessRuleTask") != is_decision:
                raise _NotReplayed(NO_STEP)
            case = self._decision(row, element) if is_decision else self._gateway(row, element)
        except _NotReplayed as reason:
            step.not_replayed[str(reason)] += 1
            return
        step.replayed += 1
        if case is None:
            step.same += 1
            return
        step.different += 1
        step.cases.append(case)
        if len(step.cases) > MAXIMUM_CASES:
            del step.cases[0]

    # -- decisions ---------------------------------------------------------------------------------

    def _decision(self, row: Any, element: Element) -> Case | None:
        read = self._kept(row)
        wanted = element.attributes.get("decision", "")
        if wanted not in self.draft.decisions:
            raise _NotReplayed(f"The draft has no decision named {wanted}.")
        model, decision_id = self.draft.decisions[wanted]
        read = self._with_inputs(row, element, read, model.names(decision_id, self.feel))
        paths = model.paths(decision_id, self.feel)
        context = self._context(read, paths)

        def decide() -> _Answer:
            try:
                return _Answer(model.evaluate(decision_id, context, self.feel).outputs)
            except (DecisionError, FeelError) as error:
                return _Answer(None, str(error))

        answer = self._answered(row, element, read, paths, decide)
        variable = (row.instance_id, element.attributes.get("resultVariable", ""))
        self._results.pop(variable, None)
        if not answer.problem and answer.value == row.detail.get("outputs"):
            return None
        if answer.problem:
            self._elsewhere.add(row.instance_id)
        else:
            self._results[variable] = answer.value
        inputs = row.detail.get("inputs") or {}
        return _case(row, inputs, row.detail.get("outputs"), answer.value, answer.problem)

    def _with_inputs(
        self, row: Any, element: Element, read: dict[str, Any], names: frozenset[str]
    ) -> dict[str, Any]:
        """What a task hands to its decision, where the draft says it in other words than were used then."""
        then = self._then(row).elements.get(element.id)
        before = {m.name: m.expression for m in then.inputs} if then is not None else {}
        found = dict(read)
        for mapping in element.inputs:
            if mapping.name not in names or before.get(mapping.name) == mapping.expression:
                continue
            context = self._context(read, self.feel.paths(mapping.expression))
            try:
                with clock.use(lambda: row.at):
                    found[mapping.name] = self.feel.evaluate(mapping.expression, context)
            except FeelError as error:
                raise _NotReplayed(f"“{mapping.name}” has no value: {error}") from error
        return found

    # -- gateways ----------------------------------------------------------------------------------

    def _gateway(self, row: Any, element: Element) -> Case | None:
        ways = self.draft.diagram.outgoing(element.id)
        read = self._kept(row)
        for name in read:
            if (row.instance_id, name) in self._results:
                read[name] = self._results[row.instance_id, name]
        paths = {path for flow in ways if flow.condition for path in self.feel.paths(flow.condition)}
        answer = self._answered(row, element, read, paths, lambda: self._chosen(element, ways, read))
        old = self._then(row)
        known = [old.flows[flow] for flow in row.detail.get("flows", ()) if flow in old.flows]
        then = [flow for flow in known if flow.source == element.id]
        if not then:
            raise _NotReplayed("History does not say which way it went.")
        now: list[Flow] = answer.value
        if not answer.problem and {flow.target for flow in then} == {flow.target for flow in now}:
            return None
        self._elsewhere.add(row.instance_id)
        inputs = {".".join(path): _value_at(read, path) for path in sorted(paths)}
        return _case(row, inputs, _named(old, then), _named(self.draft.diagram, now), answer.problem)

    def _chosen(self, element: Element, ways: list[Flow], read: dict[str, Any]) -> _Answer:
        """The flows that the draft's conditions choose."""
        chosen: list[Flow] = []
        for flow in ways:
            if flow.condition is None or flow.id == element.default_flow:
                continue
            context = self._context(read, self.feel.paths(flow.condition))
            try:
                holds = bool(self.feel.evaluate(flow.condition, context))
            except FeelError as error:
                return _Answer([], str(error))
            if holds:
                chosen.append(flow)
                if element.type == "exclusiveGateway":
                    break
        if not chosen:
            chosen = [flow for flow in ways if flow.condition is None or flow.id == element.default_flow]
        return _Answer(chosen, "" if chosen else f"No condition of “{element.label}” holds.")

    # -- what was kept -------------------------------------------------------------------------------

    def _kept(self, row: Any) -> dict[str, Any]:
        read = (row.detail or {}).get("read")
        if read is None:
            raise _NotReplayed(NOT_KEPT)
        return dict(read)

    def _context(self, read: Mapping[str, Any], paths: set[Path]) -> dict[str, Any]:
        """What expressions are given again. Raises :class:`_NotReplayed` for what history does not hold."""
        missing = sorted(".".join(path) for path in paths if not evidence.holds(read, path))
        if missing:
            raise _NotReplayed(f"History does not hold {', '.join(missing[:5])}.")
        found: dict[str, Any] = evidence.restored(read)
        return found

    def _answered(
        self, row: Any, element: Element, read: Mapping[str, Any], paths: set[Path], decide: Any
    ) -> _Answer:
        """The same question is asked once only, and every one at its own time."""
        values = json.dumps([[path, _value_at(read, path)] for path in sorted(paths)])
        question = (element.id, values if not self._asks_for_time(element) else f"{row.at} {values}")
        if question not in self._answers:
            with clock.use(lambda: row.at):
                self._answers[question] = decide()
        return self._answers[question]

    def _asks_for_time(self, element: Element) -> bool:
        texts = [flow.condition or "" for flow in self.draft.diagram.outgoing(element.id)]
        wanted = self.draft.decisions.get(element.attributes.get("decision", ""))
        if wanted is not None:
            texts += [cell.text for _, cell in wanted[0].expressions()]
        return any("now" in text or "today" in text for text in texts)

    def _then(self, row: Any) -> Diagram:
        """The diagram that the instance follows: where it was migrated since, the newer one."""
        return self.engine.definition(self.session, row.deployment_id).diagram


def _value_at(value: Any, path: Path) -> Any:
    for name in path:
        if isinstance(value, list):
            value = [_value_at(item, (name,)) for item in value]
        elif isinstance(value, dict) and set(value) != {evidence.TEMPORAL}:
            value = value.get(name)
        else:
            break
    return value


def _named(diagram: Diagram, flows: list[Flow]) -> list[str]:
    """The ways that a gateway goes, as people know them."""
    return [
        flow.name or f"to “{diagram.elements[flow.target].label}”"
        if flow.target in diagram.elements
        else flow.id
        for flow in flows
    ]


def _case(row: Any, inputs: dict[str, Any], then: Any, now: Any, problem: str) -> Case:
    return Case(row.instance_id, row.business_key, row.at, _plain(inputs), then, now, problem[:500])


def _plain(value: Any) -> Any:
    """What was kept, with dates as texts."""
    match value:
        case dict():
            if set(value) == {evidence.TEMPORAL}:
                return value[evidence.TEMPORAL]
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
    return value
