"""What the drawing of a running process is made from."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app import clock
from app.access import records as access
from app.engine import history, instances, waiting
from app.engine.models import InstanceState, ProcessInstance
from app.extensions import db
from app.web import formatting
from app.web.engine import engine
from app.web.people import current_actor

pages = Blueprint("instances", __name__)


@pages.get("/instances/<int:instance_id>/diagram.xml")
@login_required
def diagram(instance_id: int) -> ResponseReturnValue:
    """The diagram that an instance runs on. It never changes: a new version is another deployment."""
    instance = _visible(instance_id)
    definition = engine().definition(db.session(), instance.deployment_id)
    response = Response(definition.bpmn, mimetype="application/xml")
    response.set_etag(f"deployment-{instance.deployment_id}")
    return response.make_conditional(request)


@pages.get("/instances/<int:instance_id>/tokens.json")
@login_required
def tokens(instance_id: int) -> ResponseReturnValue:
    """Where an instance stands and how long it has waited there, and which way it came."""
    session = db.session()
    instance = _visible(instance_id)
    passed = history.path(session, instance_id)
    return jsonify(
        state=instance.state,
        here=instances.tokens(engine(), session, instance_id),
        failed=instance.state == InstanceState.INCIDENT,
        elements=passed["elements"],
        flows=passed["flows"],
        waiting={
            element_id: formatting.span(clock.now() - since)
            for element_id, since in waiting.since(session, instance_id).items()
        },
    )


def _visible(instance_id: int) -> ProcessInstance:
    found = db.session().get(ProcessInstance, instance_id)
    return access.visible(db.session(), current_actor(), found, access.may_see_instance, "process instance")
