"""What people say to each other about an instance, next to one of its tasks."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.engine.actors import Actor
from app.engine.models import TaskComment, UserTask
from app.engine.queries import Listed, listed
from app.errors import BusinessError


def comment(session: Session, task: UserTask, actor: Actor, body: str) -> TaskComment:
    """Say something about a task. Raises :class:`BusinessError` (``EMPTY``) for nothing said."""
    body = body.strip()
    if not body:
        raise BusinessError("EMPTY", "Write something first.", field="body")
    if len(body) > 4000:
        raise BusinessError("TOO_LONG", "Keep it under 4,000 characters.", field="body")
    said = TaskComment(
        instance_id=task.instance_id,
        task_id=task.id,
        author_id=actor.user_id,
        author_name=actor.name,
        body=body,
    )
    session.add(said)
    session.flush()
    return said


def comments(session: Session, instance_id: int) -> list[TaskComment]:
    """What was said about an instance, oldest first."""
    query = select(TaskComment).where(TaskComment.instance_id == instance_id).order_by(TaskComment.id)
    return list(session.scalars(query))


def list_comments(
    session: Session,
    instance_id: int,
    *,
    q: str = "",
    sort: str = "createdAt",
    page: int = 1,
    page_size: int = 25,
) -> Listed[TaskComment]:
    """A page of what was said about an instance, oldest first, or newest first (``-createdAt``)."""
    query = select(TaskComment).where(TaskComment.instance_id == instance_id)
    for word in q.split():
        query = query.where(TaskComment.body.icontains(word, autoescape=True))
    return listed(session, query, {"createdAt": TaskComment.id}, sort, TaskComment.id, page, page_size)
