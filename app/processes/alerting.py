"""Making, changing and deleting alerts, and writing down who did."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.domain import activity
from app.domain.entities import EntityType
from app.engine.core import ProcessEngine
from app.engine.monitor import alerts
from app.engine.monitor.alerts import Wanted
from app.engine.monitor.models import AlertRule


def create(engine: ProcessEngine, session: Session, wanted: Wanted, by: int | None) -> AlertRule:
    """A new alert. Raises as :func:`app.engine.monitor.alerts.create` does."""
    rule = alerts.create(engine, session, wanted, by)
    activity.record_changes(session, "CREATE_ALERT", EntityType.ALERT, rule, by)
    return rule


def change(engine: ProcessEngine, session: Session, rule: AlertRule, wanted: Wanted, by: int | None) -> None:
    """Make an alert as somebody wants it. Raises as :func:`app.engine.monitor.alerts.apply` does."""
    with session.no_autoflush:
        alerts.apply(engine, session, rule, wanted)
        activity.record_changes(session, "UPDATE_ALERT", EntityType.ALERT, rule, by)


def switch(session: Session, rule: AlertRule, by: int | None, *, active: bool) -> None:
    """Switch an alert on or off."""
    with session.no_autoflush:
        alerts.switch(session, rule, active=active)
        activity.record_changes(session, "UPDATE_ALERT", EntityType.ALERT, rule, by)


def delete(session: Session, rule: AlertRule, by: int | None) -> None:
    """Delete an alert with all that it has raised."""
    before = {"name": rule.name, "measure": rule.measure, "process_key": rule.process_key}
    rule_id = rule.id
    alerts.delete(session, rule)
    activity.record(session, "DELETE_ALERT", EntityType.ALERT, rule_id, by, before=before)
