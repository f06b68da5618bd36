"""Service tasks that any process may use: telling people, and escalating."""

from __future__ import annotations

from typing import Any

from app.domain import notifications
from app.engine.services import Input, Output, ServiceContext, service_task
from app.errors import BusinessError
from app.processes.directory import ROLE_NAMES

MESSAGE = {
    "title": Input("string", "What it is about, in a few words"),
    "body": Input("string", "What happened and what to do", required=False),
}
TOLD = {"told": Output("number", "How many people were told")}
LINKS = {
    "maintenance_request": "/requests/{}",
    "spare_parts_request": "/parts-requests/{}",
    "process_record": "/records/{}",
    "preventive_job": "/preventive/jobs/{}",
    "stock_replenishment": "/replenishments/{}",
}


def register() -> None:
    """Nothing to do: importing this module registers its service tasks."""


def link_of(ctx: ServiceContext) -> str:
    """The page of the record that the process is about."""
    return LINKS.get(ctx.subject_type, "").format(ctx.subject_id)


@service_task(
    "notify.role",
    title="Notify everybody with a role",
    inputs={
        "role": Input("string", "The role's code, such as MAINTENANCE_TECH"),
        **MESSAGE,
        "departmentId": Input("number", "Only members of this department", required=False),
    },
    outputs=TOLD,
)
def notify_role(
    ctx: ServiceContext,
    role: str,
    title: str,
    body: str | None = None,
    departmentId: int | None = None,  # noqa: N803
) -> dict[str, Any]:
    """Tell everybody who holds a role, in one department if that is given. The message links to
    the record that the process is about."""
    _known_role(role)
    rows = notifications.notify(
        ctx.session, role=role, department_id=departmentId, title=title, body=body or "", link=link_of(ctx)
    )
    return {"told": len(rows)}


@service_task(
    "notify.user",
    title="Notify a person",
    inputs={
        "userId": Input("number", "Whom to tell; nobody is told where it is empty", required=False),
        **MESSAGE,
    },
    outputs=TOLD,
)
def notify_user(
    ctx: ServiceContext,
    title: str,
    body: str | None = None,
    userId: int | None = None,  # noqa: N803
) -> dict[str, Any]:
    """Tell one person. The message links to the record that the process is about."""
    rows = notifications.notify(
        ctx.session, user_ids=[userId], title=title, body=body or "", link=link_of(ctx)
    )
    return {"told": len(rows)}


@service_task(
    "tasks.escalate",
    title="Escalate an open task",
    inputs={
        "element": Input("string", "The id of the user task in the diagram"),
        "role": Input("string", "The code of the role that may do it from now on, too"),
    },
    outputs={"escalated": Output("number", "How many open tasks that were")},
)
def escalate(ctx: ServiceContext, element: str, role: str) -> dict[str, Any]:
    """Let another role too do the open tasks of an element, and move them up in its inbox."""
    _known_role(role)
    return {"escalated": ctx.escalate(element, role)}


def _known_role(role: str) -> None:
    if role not in ROLE_NAMES:
        raise BusinessError("UNKNOWN_ROLE", f"{role} is no role. Roles are: {', '.join(ROLE_NAMES)}.")
