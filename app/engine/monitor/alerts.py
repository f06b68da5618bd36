"""Rules by which people are told that a figure has passed a threshold: once, until it is over.

The rules are looked at after each survey. A rule that becomes true is raised, and its recipients are told;
it is cleared when it has not been true for ``CALM``, so that a figure about its threshold tells nobody twice.
People are told in the transaction that raises it; e-mails and webhooks go through the job table.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.engine import deployments, jobs, webhooks
from app.engine.models import Deployment, Job
from app.engine.monitor import marks, measures
from app.engine.monitor.measures import KINDS, AlertMeasure, Unit
from app.engine.monitor.models import AlertEvent, AlertRule, Mark
from app.engine.monitor.obstacles import Reason
from app.engine.queries import Listed
from app.errors import BusinessError, NotFound

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine
    from app.engine.jobs import SessionFactory

log = logging.getLogger(__name__)

NAME = "alerts"
EVERY = timedelta(seconds=30)
CALM = timedelta(minutes=5)
MAXIMUM_RULES = 100
MAXIMUM_RECIPIENTS = 50
NAME_LENGTH, EMAIL_LENGTH = 120, 255
MAXIMUM_DAYS = 90
MAXIMUM_COUNT = 1_000_000
MAXIMUM_SECONDS = 10 * 365 * 86_400
MAIL, WEBHOOK = "alert_mail", "alert_webhook"
SECRET = re.compile(r"[A-Za-z0-9_-]{24,100}", re.ASCII)
EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rule as somebody wants it. ``threshold`` is in the measure's unit; empty texts mean any.

    Who is told: all who hold one of ``roles``, ``people`` by their ids, ``emails``, and a ``webhook_url``.
    ``webhook_secret`` None keeps the one that there is, or makes one.
    """

    name: str
    measure: str
    threshold: float
    process_key: str = ""
    element_id: str = ""
    reason: str = ""
    days: int | None = None
    active: bool = True
    roles: tuple[str, ...] = ()
    people: tuple[int, ...] = ()
    emails: tuple[str, ...] = ()
    webhook_url: str = ""
    webhook_secret: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """A rule, since when it is raised if it is, and its condition in words."""

    rule: AlertRule
    event: AlertEvent | None
    condition: str


@dataclass(frozen=True, slots=True)
class Told:
    """That a rule was raised: the event, and the rule's name."""

    event: AlertEvent
    name: str


def new_secret() -> str:
    """A secret that signs what is posted."""
    return secrets.token_urlsafe(32)


# -- rules -----------------------------------------------------------------------------------------


def get(session: Session, rule_id: int, *, lock: bool = False) -> AlertRule:
    """A rule. Raises :class:`NotFound`."""
    query = sa.select(AlertRule).where(AlertRule.id == rule_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).first()
    if found is None:
        raise NotFound("There is no such alert.")
    return found


def create(engine: ProcessEngine, session: Session, wanted: Wanted, by: int | None) -> AlertRule:
    """A new rule; it is looked at from the next survey on. It is not added to the session yet.

    :raises BusinessError: as :func:`apply`; TOO_MANY_RULES
    """
    number = session.scalar(sa.select(sa.func.count(AlertRule.id))) or 0
    if number >= MAXIMUM_RULES:
        raise BusinessError("TOO_MANY_RULES", f"There are {MAXIMUM_RULES} alerts: delete one first.")
    rule = AlertRule(created_by=by, webhook_secret="")  # nosec B106  # none yet
    apply(engine, session, rule, wanted)
    return rule


def apply(engine: ProcessEngine, session: Session, rule: AlertRule, wanted: Wanted) -> None:
    """Make a rule as somebody wants it. What was raised by what it measured before is cleared.

    :raises BusinessError: NAME_MISSING, NAME_TOO_LONG (``name``), UNKNOWN_MEASURE (``measure``),
        UNKNOWN_PROCESS, PROCESS_MISSING (``process``), UNKNOWN_ELEMENT (``element``), UNKNOWN_REASON
        (``reason``), BAD_DAYS (``days``), BAD_THRESHOLD (``threshold``), NOT_MEASURED (what the measure has
        not), UNKNOWN_ROLE (``roles``), UNKNOWN_PERSON (``people``), BAD_EMAIL (``emails``), TOO_MANY (its
        field), BAD_URL (``webhookUrl``), BAD_SECRET (``webhookSecret``), NOBODY_TO_TELL (``roles``)
    """
    _check_condition(engine, session, wanted)
    _check_recipients(engine, session, wanted)
    before = _condition(rule) if rule.id is not None else None
    rule.name = wanted.name.strip()
    rule.measure, rule.threshold = wanted.measure, float(wanted.threshold)
    rule.process_key, rule.element_id = wanted.process_key, wanted.element_id
    rule.reason, rule.days = wanted.reason, wanted.days
    rule.active = wanted.active
    rule.recipients = {
        "roles": list(dict.fromkeys(wanted.roles)),
        "people": list(dict.fromkeys(wanted.people)),
        "emails": list(dict.fromkeys(wanted.emails)),
    }
    rule.webhook_url = wanted.webhook_url
    if not wanted.webhook_url:
        rule.webhook_secret = ""
    elif wanted.webhook_secret is not None or not rule.webhook_secret:
        rule.webhook_secret = wanted.webhook_secret or new_secret()
    if before is not None and (not rule.active or before != _condition(rule)):
        rule.value = None
        _end(session, rule)


def switch(session: Session, rule: AlertRule, *, active: bool) -> None:
    """Switch a rule on or off. One that is off tells nobody, and what it had raised is cleared."""
    rule.active = active
    if not active:
        rule.value = None
        _end(session, rule)


def delete(session: Session, rule: AlertRule) -> None:
    """Delete a rule with all that it has raised. What is still to be posted is not posted any more."""
    session.execute(sa.delete(AlertEvent).where(AlertEvent.rule_id == rule.id))
    session.delete(rule)
    session.flush()


def states(engine: ProcessEngine, session: Session) -> list[State]:
    """All rules with their states: those that are raised first, then by name."""
    rules = list(session.scalars(sa.select(AlertRule)))
    events, names = _open_events(session, [rule.id for rule in rules]), _Names(engine, session)
    found = [State(rule, events.get(rule.id), names.condition(rule)) for rule in rules]
    return sorted(
        found, key=lambda each: (each.event is None, not each.rule.active, each.rule.name.casefold())
    )


def state(engine: ProcessEngine, session: Session, rule: AlertRule) -> State:
    """A rule with its state."""
    event = _open_events(session, [rule.id]).get(rule.id)
    return State(rule, event, _Names(engine, session).condition(rule))


def events(
    session: Session,
    *,
    rule_id: int | None = None,
    raised: bool | None = None,
    page: int = 1,
    page_size: int = 25,
) -> Listed[Told]:
    """What was raised, the newest first: by one rule or all, still so (``raised``) or over, or both."""
    conditions: list[sa.ColumnElement[bool]] = []
    if rule_id is not None:
        conditions.append(AlertEvent.rule_id == rule_id)
    if raised is not None:
        over = AlertEvent.cleared_at.is_not(None)
        conditions.append(~over if raised else over)
    total = session.scalar(sa.select(sa.func.count(AlertEvent.id)).where(*conditions))
    query = (
        sa.select(AlertEvent, AlertRule.name)
        .join(AlertRule, AlertRule.id == AlertEvent.rule_id)
        .where(*conditions)
        .order_by(AlertEvent.raised_at.desc(), AlertEvent.id.desc())
    )
    first = (max(1, page) - 1) * page_size
    rows = session.execute(query.limit(page_size).offset(first))
    return Listed([Told(event, name) for event, name in rows], total or 0, max(1, page), page_size)


def deliveries(session: Session, rule: AlertRule, limit: int = 10) -> list[Job]:
    """The last e-mails and webhook calls of a rule, newest first, with what became of each."""
    query = sa.select(Job).where(Job.batch == _batch(rule.id), Job.kind.in_((MAIL, WEBHOOK)))
    return list(session.scalars(query.order_by(Job.id.desc()).limit(limit)))


# -- looking at the rules --------------------------------------------------------------------------


def keep_up(engine: ProcessEngine, sessions: SessionFactory) -> bool:
    """Look at all active rules, unless that was done within the last half minute; answers whether it was.

    Any number of processes may call it at any time.
    """
    with sessions() as session:
        mark = session.get(Mark, NAME)
        if mark is not None and marks.is_fresh(mark, EVERY):
            return False
        seen, now = mark.at if mark is not None else None, clock.now()
        found = _measure_all(engine, session)
        session.rollback()
        with unit_of_work(session):
            mark = marks.take(session, NAME, seen)
            if mark is None:
                return False
            mark.at = now
            _judge_all(engine, session, found)
    return True


def _measure_all(engine: ProcessEngine, session: Session) -> dict[int, tuple[tuple[Any, ...], float | None]]:
    """The figure of each active rule, and what was measured."""
    found = {}
    known: dict[tuple[Any, ...], float | None] = {}
    for rule in session.scalars(sa.select(AlertRule).where(AlertRule.active)).all():
        what = _measured(rule)
        try:
            if what not in known:
                known[what] = measures.measure(engine, session, rule)
            found[rule.id] = (what, known[what])
        except Exception:
            # One that cannot be measured keeps no other from being looked at.
            log.exception("alert %s cannot be measured", rule.id)
    return found


def _judge_all(
    engine: ProcessEngine, session: Session, found: Mapping[int, tuple[tuple[Any, ...], float | None]]
) -> None:
    query = sa.select(AlertRule).where(AlertRule.id.in_(list(found)), AlertRule.active).order_by(AlertRule.id)
    rules = session.scalars(query.with_for_update().execution_options(populate_existing=True)).all()
    open_events, names = _open_events(session, found), _Names(engine, session)
    for rule in rules:
        what, value = found[rule.id]
        if what == _measured(rule):  # else somebody has changed it meanwhile
            _judge(engine, session, rule, value, open_events.get(rule.id), names)


def _judge(
    engine: ProcessEngine,
    session: Session,
    rule: AlertRule,
    value: float | None,
    event: AlertEvent | None,
    names: _Names,
) -> None:
    now = clock.now()
    rule.value = value
    if value is not None and measures.passes(rule, value):
        rule.calm_since = None
        if event is None:
            _raise(engine, session, rule, value, names)
    elif event is not None:
        if rule.calm_since is None:
            rule.calm_since = now
        if now - rule.calm_since >= CALM:
            _clear(session, rule, event, value, now)


def _raise(engine: ProcessEngine, session: Session, rule: AlertRule, value: float, names: _Names) -> None:
    told = measures.in_words(rule, value, names.process(rule), names.element(rule))
    event = AlertEvent(
        rule_id=rule.id, raised_at=clock.now(), value=value, threshold=rule.threshold, told=told[:500]
    )
    session.add(event)
    session.flush()
    body = _body("alert.raised", rule, told, value, event)
    _tell(engine, session, rule, f"Alert: {rule.name}", told, f"{event.id}:raised", body)


def _clear(session: Session, rule: AlertRule, event: AlertEvent, value: float | None, now: datetime) -> None:
    """Write that it is over. Only the webhook hears of it: people look at the page."""
    event.cleared_at, rule.calm_since = now, None
    if rule.webhook_url:
        body = _body("alert.cleared", rule, event.told, value, event)
        _post(session, rule, f"{event.id}:cleared", body)


def _end(session: Session, rule: AlertRule) -> None:
    event = _open_events(session, [rule.id]).get(rule.id)
    if event is not None:
        _clear(session, rule, event, None, clock.now())
    rule.calm_since = None


# -- telling ---------------------------------------------------------------------------------------


def send_test(engine: ProcessEngine, session: Session, rule: AlertRule) -> None:
    """Tell all recipients of a rule that this is a test."""
    told = "This is a test: nothing is the matter. What the alert looks for: "
    told += _Names(engine, session).condition(rule) + "."
    body = _body("alert.test", rule, told, rule.value, None)
    _tell(engine, session, rule, f"Test of the alert: {rule.name}", told, f"test:{uuid4().hex}", body)


def _tell(
    engine: ProcessEngine,
    session: Session,
    rule: AlertRule,
    title: str,
    told: str,
    occasion: str,
    body: Mapping[str, Any],
) -> None:
    roles, people = set(rule.recipients["roles"]), set(rule.recipients["people"])
    if roles or people:
        ids = [
            colleague.user_id
            for colleague in engine.bindings.colleagues(session)
            if colleague.role in roles or colleague.user_id in people
        ]
        engine.bindings.tell(session, ids, title, told, measures.link(rule))
    for number, address in enumerate(rule.recipients["emails"]):
        payload = {
            "rule": rule.id,
            "to": address,
            "subject": title,
            "text": told,
            "link": measures.link(rule),
        }
        _queue(session, rule, MAIL, f"{occasion}:mail:{number}", payload)
    if rule.webhook_url:
        _post(session, rule, occasion, body)


def _post(session: Session, rule: AlertRule, occasion: str, body: Mapping[str, Any]) -> None:
    # Neither address nor secret: they are read when it is posted, and belong to nobody's list of jobs.
    _queue(session, rule, WEBHOOK, f"{occasion}:webhook", {"rule": rule.id, "body": dict(body)})


def _queue(session: Session, rule: AlertRule, kind: str, occasion: str, payload: Mapping[str, Any]) -> None:
    job = jobs.enqueue(session, kind, payload, key=f"alert:{rule.id}:{occasion}")
    job.batch = _batch(rule.id)


def _batch(rule_id: int) -> str:
    return f"alert:{rule_id}"


def _body(
    kind: str, rule: AlertRule, told: str, value: float | None, event: AlertEvent | None
) -> dict[str, Any]:
    """What is posted, as the integrator's guide says."""
    return {
        "type": kind,
        "what": told,
        "value": value,
        "threshold": rule.threshold,
        "unit": KINDS[AlertMeasure(rule.measure)].unit.value,
        "link": measures.link(rule),
        "alert": event.id if event is not None else None,
        "raisedAt": _text(event.raised_at) if event is not None else None,
        "clearedAt": _text(event.cleared_at) if event is not None and event.cleared_at else None,
        "rule": {
            "id": rule.id,
            "name": rule.name,
            "measure": rule.measure,
            "process": rule.process_key or None,
            "element": rule.element_id or None,
            "reason": rule.reason or None,
            "days": rule.days,
        },
    }


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


# -- inner parts -----------------------------------------------------------------------------------


def _measured(rule: AlertRule) -> tuple[Any, ...]:
    return rule.measure, rule.process_key, rule.element_id, rule.reason, rule.days


def _condition(rule: AlertRule) -> tuple[Any, ...]:
    return *_measured(rule), rule.threshold


def _open_events(session: Session, rule_ids: Iterable[int]) -> dict[int, AlertEvent]:
    query = sa.select(AlertEvent).where(
        AlertEvent.rule_id.in_(list(rule_ids)), AlertEvent.cleared_at.is_(None)
    )
    return {event.rule_id: event for event in session.scalars(query)}


class _Names:
    """The names of processes and steps, of the newest versions, read when they are asked for."""

    def __init__(self, engine: ProcessEngine, session: Session) -> None:
        self._engine, self._session = engine, session
        self._newest: dict[str, Deployment] | None = None

    def process(self, rule: AlertRule) -> str:
        newest = self._all().get(rule.process_key)
        return newest.name if newest is not None else rule.process_key

    def element(self, rule: AlertRule) -> str:
        newest = self._all().get(rule.process_key)
        if newest is None or not rule.element_id:
            return rule.element_id
        found = self._engine.definition(self._session, newest.id).diagram.elements.get(rule.element_id)
        return found.label if found is not None else rule.element_id

    def condition(self, rule: AlertRule) -> str:
        return measures.rule_in_words(rule, self.process(rule), self.element(rule))

    def _all(self) -> dict[str, Deployment]:
        if self._newest is None:
            self._newest = {one.key: one for one in deployments.latest_of_all(self._session)}
        return self._newest


def _check_condition(engine: ProcessEngine, session: Session, wanted: Wanted) -> None:
    if not wanted.name.strip():
        raise BusinessError(
            "NAME_MISSING", "Give the alert a name: those who are told read it.", field="name"
        )
    if len(wanted.name.strip()) > NAME_LENGTH:
        raise BusinessError("NAME_TOO_LONG", f"Keep the name under {NAME_LENGTH} characters.", field="name")
    if wanted.measure not in list(AlertMeasure):
        raise BusinessError("UNKNOWN_MEASURE", "Choose what is measured.", field="measure")
    kind = KINDS[AlertMeasure(wanted.measure)]
    for applies, value, field in (
        (kind.of_step, wanted.element_id, "element"),
        (kind.of_reason, wanted.reason, "reason"),
        (kind.of_days, wanted.days, "days"),
    ):
        if value and not applies:
            raise BusinessError("NOT_MEASURED", f"“{kind.title}” has no {field}.", field=field)
    _check_where(engine, session, kind, wanted)
    if wanted.reason and wanted.reason not in list(Reason):
        raise BusinessError("UNKNOWN_REASON", "Choose one of the reasons.", field="reason")
    if kind.of_days and not 1 <= (wanted.days or 0) <= MAXIMUM_DAYS:
        message = f"Say of how many days, 1 to {MAXIMUM_DAYS}."
        raise BusinessError("BAD_DAYS", message, field="days")
    _check_threshold(kind.unit, wanted.threshold)


def _check_where(engine: ProcessEngine, session: Session, kind: measures.Kind, wanted: Wanted) -> None:
    newest = {one.key: one for one in deployments.latest_of_all(session)}
    if wanted.process_key and wanted.process_key not in newest:
        raise BusinessError("UNKNOWN_PROCESS", "Choose one of the processes.", field="process")
    if not wanted.process_key and (kind.needs_process or wanted.element_id):
        raise BusinessError("PROCESS_MISSING", "Choose a process.", field="process")
    if wanted.element_id:
        diagram = engine.definition(session, newest[wanted.process_key].id).diagram
        if wanted.element_id not in diagram.elements:
            message = f"{newest[wanted.process_key].name} has no such step: choose one of its steps."
            raise BusinessError("UNKNOWN_ELEMENT", message, field="element")


def _check_threshold(unit: Unit, threshold: float) -> None:
    match unit:
        case Unit.INSTANCES:
            fits = 0 <= threshold <= MAXIMUM_COUNT and float(threshold).is_integer()
            message = f"Write a whole number, 0 to {MAXIMUM_COUNT:,}."
        case Unit.SECONDS:
            fits, message = 1 <= threshold <= MAXIMUM_SECONDS, "Write how long, at most 10 years."
        case Unit.SHARE:
            fits, message = 0 < threshold <= 1, "Write a share, over 0 % and up to 100 %."
    if not fits:
        raise BusinessError("BAD_THRESHOLD", message, field="threshold")


def _check_recipients(engine: ProcessEngine, session: Session, wanted: Wanted) -> None:
    lists: dict[str, Collection[Any]] = {
        "roles": wanted.roles,
        "people": wanted.people,
        "emails": wanted.emails,
    }
    for field, values in lists.items():
        if len(values) > MAXIMUM_RECIPIENTS:
            raise BusinessError("TOO_MANY", f"At most {MAXIMUM_RECIPIENTS}.", field=field)
    if any(role not in engine.bindings.roles for role in wanted.roles):
        raise BusinessError("UNKNOWN_ROLE", "Choose among the roles.", field="roles")
    if wanted.people:
        known = {colleague.user_id for colleague in engine.bindings.colleagues(session)}
        if not known.issuperset(wanted.people):
            raise BusinessError("UNKNOWN_PERSON", "Choose among those who work here.", field="people")
    for address in wanted.emails:
        if len(address) > EMAIL_LENGTH or not EMAIL.fullmatch(address):
            message = f"“{address[:60]}” is no e-mail address."
            raise BusinessError("BAD_EMAIL", message, field="emails")
    if wanted.webhook_url:
        try:
            webhooks.target(wanted.webhook_url, engine.bindings.webhook_hosts)
        except webhooks.BadAddress as refused:
            raise BusinessError("BAD_URL", str(refused), field="webhookUrl") from None
    if wanted.webhook_secret is not None and not SECRET.fullmatch(wanted.webhook_secret):
        message = "A secret is 24 to 100 letters, digits, “-” and “_”."
        raise BusinessError("BAD_SECRET", message, field="webhookSecret")
    if not any((*lists.values(), wanted.webhook_url)):
        raise BusinessError("NOBODY_TO_TELL", "Say who is told: nobody is yet.", field="roles")
