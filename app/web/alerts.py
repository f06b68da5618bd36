"""Alerts: which figures somebody is told of, whether they are raised, and who is told how."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from app.access import permissions
from app.database import unit_of_work
from app.domain.queries.paging import Page
from app.engine import deployments
from app.engine.monitor import alerts, measures, stuck
from app.engine.monitor.measures import KINDS, AlertMeasure, Unit
from app.engine.monitor.models import AlertRule
from app.engine.monitor.obstacles import Reason
from app.engine.monitor.words import SHORT
from app.errors import BusinessError
from app.extensions import db
from app.processes import alerting
from app.web import alert_forms
from app.web.engine import engine
from app.web.labels import role_name
from app.web.listing import page_number, url_with
from app.web.people import current_actor, me, permission_required

pages = Blueprint("alerts", __name__)

READ, WRITE = "alerts:read", "alerts:write"


@pages.get("/monitor/alerts")
@permission_required(READ)
def listing() -> str:
    """All alerts with their states, and what was raised lately."""
    session = db.session()
    found = alerts.events(session, page=page_number(), page_size=10)
    return render_template(
        "monitor/alerts.html",
        states=alerts.states(engine(), session),
        found=Page(found.items, found.total, found.page, found.page_size),
        amount=measures.amount,
        survey=stuck.age(session),
        may_write=permissions.may(current_actor(), WRITE),
        who_may=permissions.holders(WRITE),
        url_with=url_with,
    )


@pages.get("/monitor/alerts/new")
@permission_required(WRITE)
def new() -> str:
    """What is measured, then the form of that."""
    measure = request.args.get("measure", "")
    if measure not in list(AlertMeasure):
        return render_template("monitor/alert_measures.html", kinds=KINDS)
    given = MultiDict(
        [("roles", me().role or ""), ("days", str(alert_forms.DEFAULT_DAYS)), ("unit", "hours")]
    )
    return _form(AlertMeasure(measure), given)


@pages.post("/monitor/alerts/new")
@permission_required(WRITE)
def create() -> ResponseReturnValue:
    """Make an alert as the form says."""
    measure = request.form.get("measure", "")
    if measure not in list(AlertMeasure):
        return redirect(url_for("alerts.new"))
    try:
        wanted = alert_forms.wanted(AlertMeasure(measure), request.form, active=True)
        with unit_of_work(db.session()) as session:
            rule = alerting.create(engine(), session, wanted, me().id)
            rule_id = rule.id
    except BusinessError as refused:
        return _form(AlertMeasure(measure), request.form, refused=refused), 422
    flash("The alert is set. It is looked at every half minute.", "success")
    return redirect(url_for("alerts.show", rule_id=rule_id))


@pages.get("/monitor/alerts/<int:rule_id>")
@permission_required(READ)
def show(rule_id: int) -> str:
    """One alert: its state, who is told, what it has raised, and what was sent."""
    session = db.session()
    rule = alerts.get(session, rule_id)
    found = alerts.events(session, rule_id=rule.id, page=page_number(), page_size=10)
    people = {each.user_id: each.name for each in engine().bindings.colleagues(session)}
    return render_template(
        "monitor/alert.html",
        rule=rule,
        state=alerts.state(engine(), session, rule),
        kind=KINDS[AlertMeasure(rule.measure)],
        amount=measures.amount,
        link=measures.link(rule),
        roles=[role_name(role) for role in rule.recipients["roles"]],
        people=[people[person] for person in rule.recipients["people"] if person in people],
        deliveries=alerts.deliveries(session, rule),
        sends_mail=_sends_mail(),
        found=Page(found.items, found.total, found.page, found.page_size),
        may_write=permissions.may(current_actor(), WRITE),
        url_with=url_with,
    )


@pages.get("/monitor/alerts/<int:rule_id>/edit")
@permission_required(WRITE)
def edit(rule_id: int) -> str:
    """The form with what the alert is now."""
    rule = alerts.get(db.session(), rule_id)
    return _form(AlertMeasure(rule.measure), alert_forms.of_rule(rule), rule)


@pages.post("/monitor/alerts/<int:rule_id>/edit")
@permission_required(WRITE)
def change(rule_id: int) -> ResponseReturnValue:
    """Make the alert as the form says."""
    rule = alerts.get(db.session(), rule_id)
    measure = AlertMeasure(rule.measure)
    try:
        wanted = alert_forms.wanted(measure, request.form, active=rule.active)
        with unit_of_work(db.session()) as session:
            alerting.change(engine(), session, alerts.get(session, rule_id, lock=True), wanted, me().id)
    except BusinessError as refused:
        return _form(measure, request.form, alerts.get(db.session(), rule_id), refused), 422
    flash("The alert is changed.", "success")
    return redirect(url_for("alerts.show", rule_id=rule_id))


@pages.post("/monitor/alerts/<int:rule_id>/switch")
@permission_required(WRITE)
def switch(rule_id: int) -> ResponseReturnValue:
    """Switch the alert on or off."""
    active = request.form.get("active") == "1"
    with unit_of_work(db.session()) as session:
        alerting.switch(session, alerts.get(session, rule_id, lock=True), me().id, active=active)
    flash("The alert is on." if active else "The alert is off: it tells nobody.", "success")
    return redirect(url_for("alerts.show", rule_id=rule_id))


@pages.post("/monitor/alerts/<int:rule_id>/test")
@permission_required(WRITE)
def test(rule_id: int) -> ResponseReturnValue:
    """Tell all recipients that this is a test."""
    with unit_of_work(db.session()) as session:
        alerts.send_test(engine(), session, alerts.get(session, rule_id))
    flash("A test is on its way to all who are told. Below you see what became of it.", "success")
    return redirect(url_for("alerts.show", rule_id=rule_id, _anchor="sent"))


@pages.route("/monitor/alerts/<int:rule_id>/delete", methods=["GET", "POST"])
@permission_required(WRITE)
def delete(rule_id: int) -> ResponseReturnValue:
    """Ask whether the alert is really to be deleted, and delete it."""
    rule = alerts.get(db.session(), rule_id)
    if request.method == "GET":
        return render_template("monitor/alert_delete.html", rule=rule)
    with unit_of_work(db.session()) as session:
        alerting.delete(session, alerts.get(session, rule_id, lock=True), me().id)
    flash("The alert is deleted.", "success")
    return redirect(url_for("alerts.listing"))


# -- inner parts -----------------------------------------------------------------------------------


def _form(
    measure: AlertMeasure,
    given: MultiDict[str, str],
    rule: AlertRule | None = None,
    refused: BusinessError | None = None,
) -> str:
    session, kind = db.session(), KINDS[measure]
    problems: dict[str, str] = {}
    if refused is not None:
        problems[refused.field or "name"] = refused.message
    # A secret is shown before it is kept, and never again.
    secret = given.get("webhookSecret", "")
    if not secret and (rule is None or not rule.webhook_secret or request.args.get("secret") == "new"):
        secret = alerts.new_secret()
    values: dict[str, Any] = {
        "processes": [(one.key, one.name) for one in deployments.latest_of_all(session)],
        "steps": alert_forms.steps(engine(), session) if kind.of_step else [],
        "reasons": [(reason.value, SHORT[reason]) for reason in Reason] if kind.of_reason else [],
        "units": list(alert_forms.UNITS) if kind.unit == Unit.SECONDS else [],
        "roles": list(engine().bindings.roles.items()),
        "people": [(str(each.user_id), each.name) for each in engine().bindings.colleagues(session)],
    }
    return render_template(
        "monitor/alert_form.html",
        measure=measure,
        kind=kind,
        rule=rule,
        given=given,
        chosen={"roles": given.getlist("roles"), "people": given.getlist("people")},
        secret=secret,
        problems=problems,
        sends_mail=_sends_mail(),
        **values,
    )


def _sends_mail() -> bool:
    return current_app.extensions["millwright.jobs"].mailer is not None
