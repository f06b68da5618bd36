"""Messages to running processes, where their diagrams let people send them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import select

from app.access import records
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import In
from app.api.instance_schemas import InstanceOut, instance_out
from app.engine import messages, operations, queries
from app.engine.models import OPEN_STATES, ProcessInstance

resource = Resource("Messages", "Messages to running processes, where their diagrams let people send them.")


class MessageIn(In):
    """A message to one instance."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    business_key: Annotated[str, Field(min_length=1, max_length=40, description="Whose message it is.")]
    payload: Annotated[dict[str, Any], Field(max_length=100)] = Field(
        default_factory=dict, description="What the message says; the diagram tells what it needs."
    )


@resource.post("/messages", needs="messages:send", answers=InstanceOut)
def send_message(body: MessageIn) -> InstanceOut:
    """Send a message to a running instance that waits for it, if its diagram takes it from the caller."""
    engine, session, actor = calls.engine(), calls.session(), calls.actor()
    operations.check_values(body.payload, "payload")
    found = session.scalar(
        select(ProcessInstance).where(
            ProcessInstance.business_key == body.business_key, ProcessInstance.state.in_(OPEN_STATES)
        )
    )
    records.visible(session, actor, found, records.may_see_instance, "open process instance")
    instance = messages.deliver(engine, session, body.name, body.business_key, body.payload, actor)
    return instance_out(queries.instance_row(session, instance))
