"""Alerts: figures that somebody is told of when they pass a threshold, and what was raised."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.access import permissions
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import Id, In, Instant, Out, PageOf, Paging, Text, left_out
from app.api.process_schemas import ElementId
from app.domain.queries.paging import Page
from app.engine.monitor import alerts
from app.engine.monitor.alerts import (
    MAXIMUM_DAYS,
    MAXIMUM_RECIPIENTS,
    MAXIMUM_SECONDS,
    NAME_LENGTH,
    State,
    Told,
    Wanted,
)
from app.engine.monitor.measures import AlertMeasure
from app.engine.monitor.models import AlertRule
from app.engine.monitor.obstacles import Reason
from app.engine.webhooks import URL_LENGTH
from app.processes import alerting

resource = Resource("Alerts", "Who is told when a figure passes a threshold: once, until it is over.")

Secret = Annotated[
    str,
    Field(
        min_length=24,
        max_length=100,
        pattern="^[A-Za-z0-9_-]+$",
        description="Signs what is posted. Left out, the one that there is stays, or one is made.",
    ),
]


class AlertRuleIn(In):
    """What somebody wants to be told of, and who is told."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]
    measure: Annotated[
        AlertMeasure,
        Field(
            strict=False,
            description="`stuck`: more instances than `threshold` are stuck. `p90`: of a step, or of whole "
            "instances, one in ten took longer than `threshold` seconds. `on_time`: less than the share "
            "`threshold` (0 to 1) of the tasks was done by the due time. `waiting`: the oldest open task has "
            "waited longer than `threshold` seconds. `open`: more instances than `threshold` are open.",
        ),
    ]
    threshold: Annotated[float, Field(ge=0, le=MAXIMUM_SECONDS, allow_inf_nan=False)]
    process: Annotated[Text, Field(description="Left out: all together; `p90` needs one.")] = left_out()
    element: Annotated[ElementId, Field(description="A step, of `p90` and `waiting`.")] = left_out()
    reason: Annotated[Reason, Field(strict=False, description="Of `stuck`; left out: any.")] = left_out()
    days: Annotated[
        int, Field(ge=1, le=MAXIMUM_DAYS, description="Of how many days, with today: of `p90` and `on_time`.")
    ] = left_out()
    active: bool = True
    roles: Annotated[list[Text], Field(max_length=MAXIMUM_RECIPIENTS)] = Field(default_factory=list)
    people: Annotated[list[Id], Field(max_length=MAXIMUM_RECIPIENTS)] = Field(default_factory=list)
    emails: Annotated[list[Text], Field(max_length=MAXIMUM_RECIPIENTS)] = Field(default_factory=list)
    webhook_url: Annotated[str, Field(max_length=URL_LENGTH, description="Empty: none.")] = ""
    webhook_secret: Secret = left_out()


class AlertRuleOut(Out):
    """A rule and its state."""

    id: int
    name: str
    measure: AlertMeasure
    threshold: float
    process: str | None
    element: str | None
    reason: Reason | None
    days: int | None
    condition: str = Field(description="When it is raised, in words.")
    active: bool
    roles: list[str]
    people: list[int]
    emails: list[str]
    webhook_url: str = Field(description="Only for those who may change it; else empty.")
    value: float | None = Field(description="What was measured last; null where there is too little.")
    raised_at: Instant | None = Field(description="Since when it is raised; null where it is not.")


class AlertRuleMadeOut(AlertRuleOut):
    """A rule with the secret of its webhook, which is told now and never again."""

    webhook_secret: str | None


class AlertRuleFilters(Paging):
    """Which page; those that are raised come first, then by name."""

    q: Annotated[str, Field(max_length=0)] = ""


class AlertFilters(Paging):
    """Which alerts; the newest come first."""

    q: Annotated[str, Field(max_length=0)] = ""
    rule_id: Id = left_out()
    raised: Annotated[bool, Field(strict=False, description="Whether it still is.")] = left_out()


class AlertOut(Out):
    """That a rule was raised."""

    id: int
    rule_id: int
    name: str = Field(description="Of the rule.")
    what: str = Field(description="What was the matter, in words.")
    value: float
    threshold: float
    raised_at: Instant
    cleared_at: Instant | None


@resource.get("/alert-rules", needs="alerts:read", answers=PageOf[AlertRuleOut])
def list_alert_rules(query: AlertRuleFilters) -> Page[AlertRuleOut]:
    """List the rules by which somebody is told, with their states."""
    found = alerts.states(calls.engine(), calls.session())
    first = (query.page - 1) * query.page_size
    items = [_out(each) for each in found[first : first + query.page_size]]
    return Page(items, len(found), query.page, query.page_size)


@resource.get("/alert-rules/{rule_id}", needs="alerts:read", answers=AlertRuleOut)
def get_alert_rule(rule_id: Id) -> AlertRuleOut:
    """Get a rule and its state."""
    return _state(alerts.get(calls.session(), rule_id))


@resource.post("/alert-rules", needs="alerts:write", answers=AlertRuleMadeOut, status=201)
def create_alert_rule(body: AlertRuleIn) -> AlertRuleMadeOut:
    """Make a rule. It is looked at every half minute from then on.

    Who is told are all who hold one of `roles`, `people`, `emails`, and what listens at `webhookUrl`; the
    answer has the secret that signs what is posted there.
    """
    rule = alerting.create(calls.engine(), calls.session(), _wanted(body), calls.user_id())
    calls.location(f"/alert-rules/{rule.id}")
    return AlertRuleMadeOut(**_state(rule).model_dump(), webhook_secret=rule.webhook_secret or None)


@resource.put("/alert-rules/{rule_id}", needs="alerts:write", answers=AlertRuleOut)
def update_alert_rule(rule_id: Id, body: AlertRuleIn) -> AlertRuleOut:
    """Change a rule. Where it measures something else then, what it had raised is over."""
    session = calls.session()
    rule = alerts.get(session, rule_id, lock=True)
    alerting.change(calls.engine(), session, rule, _wanted(body), calls.user_id())
    return _state(rule)


@resource.delete("/alert-rules/{rule_id}", needs="alerts:write")
def delete_alert_rule(rule_id: Id) -> None:
    """Delete a rule with all that it has raised."""
    session = calls.session()
    alerting.delete(session, alerts.get(session, rule_id, lock=True), calls.user_id())


@resource.post("/alert-rules/{rule_id}/test", needs="alerts:write", status=204)
def test_alert_rule(rule_id: Id) -> None:
    """Tell all recipients of a rule that this is a test."""
    session = calls.session()
    alerts.send_test(calls.engine(), session, alerts.get(session, rule_id))


@resource.get("/alerts", needs="alerts:read", answers=PageOf[AlertOut])
def list_alerts(query: AlertFilters) -> Page[AlertOut]:
    """List what was raised."""
    filters = query.for_list()
    filters.pop("q")
    found = alerts.events(calls.session(), **filters)
    return Page([_alert(each) for each in found.items], found.total, found.page, found.page_size)


def _wanted(body: AlertRuleIn) -> Wanted:
    given = body.given()
    return Wanted(
        name=body.name,
        measure=body.measure.value,
        threshold=body.threshold,
        process_key=given.get("process", ""),
        element_id=given.get("element", ""),
        reason=given["reason"].value if "reason" in given else "",
        days=given.get("days"),
        active=body.active,
        roles=tuple(body.roles),
        people=tuple(body.people),
        emails=tuple(body.emails),
        webhook_url=body.webhook_url,
        webhook_secret=given.get("webhook_secret"),
    )


def _state(rule: AlertRule) -> AlertRuleOut:
    return _out(alerts.state(calls.engine(), calls.session(), rule))


def _out(state: State) -> AlertRuleOut:
    rule = state.rule
    return AlertRuleOut(
        id=rule.id,
        name=rule.name,
        measure=AlertMeasure(rule.measure),
        threshold=rule.threshold,
        process=rule.process_key or None,
        element=rule.element_id or None,
        reason=Reason(rule.reason) if rule.reason else None,
        days=rule.days,
        condition=state.condition,
        active=rule.active,
        webhook_url=rule.webhook_url if permissions.may(calls.actor(), "alerts:write") else "",
        value=rule.value,
        raised_at=state.event.raised_at if state.event else None,
        **rule.recipients,
    )


def _alert(found: Told) -> AlertOut:
    event = found.event
    return AlertOut(
        id=event.id,
        rule_id=event.rule_id,
        name=found.name,
        what=event.told,
        value=event.value,
        threshold=event.threshold,
        raised_at=event.raised_at,
        cleared_at=event.cleared_at,
    )
