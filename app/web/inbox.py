"""The inbox: what waits for me, for my group, for anybody."""

from __future__ import annotations

import hashlib
import json

from flask import Blueprint, flash, g, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.database import unit_of_work
from app.domain.requests import Priority
from app.engine import deployments, inbox, user_tasks
from app.engine.inbox import Page
from app.errors import Conflict
from app.extensions import db
from app.web import listing
from app.web.engine import engine
from app.web.navigation import counters
from app.web.people import current_actor

pages = Blueprint("inbox", __name__)

SORTS = {"urgency": "Most urgent first", "due": "Due first", "newest": "Newest first"}


@pages.get("/")
@login_required
def show() -> str:
    """One tab of the inbox."""
    return render_template(
        "inbox/show.html",
        tasks=_tasks(),
        scope=_scope(),
        scopes=_scopes(),
        sorts=SORTS,
        processes={deployment.key: deployment.name for deployment in deployments.latest_of_all(db.session())},
        filters={
            name: request.args.get(name, "") for name in ("q", "process", "priority", "overdue", "sort")
        },
        filtered=any(request.args.get(name) for name in ("q", "process", "priority", "overdue")),
        revision=_revision(_tasks()),
        actor=current_actor(),
        may_claim=user_tasks.may_claim,
        may_release=user_tasks.may_release,
        url_with=listing.url_with,
    )


@pages.get("/inbox/state")
@login_required
def state() -> ResponseReturnValue:
    """The badges' numbers, and something that changes when the list does; 304 while nothing has."""
    answer = jsonify(counts=counters(), revision=_revision(_tasks()))
    answer.add_etag()
    return answer.make_conditional(request)


@pages.post("/tasks/<int:task_id>/claim")
@login_required
def claim(task_id: int) -> ResponseReturnValue:
    """Take a task of the group."""
    try:
        with unit_of_work(db.session()) as session:
            task = user_tasks.claim(engine(), session, task_id, current_actor())
            name, title = task.name, task.title
    except Conflict as error:  # somebody was quicker: the list shows what is left
        flash(str(error), "warning")
        return redirect(url_for("inbox.show", scope="group"))
    flash(f"“{name}” ({title}) is yours now.", "success")
    return redirect(url_for("tasks.show", task_id=task_id))


@pages.post("/tasks/<int:task_id>/release")
@login_required
def release(task_id: int) -> ResponseReturnValue:
    """Give a task back to its group."""
    with unit_of_work(db.session()) as session:
        task = user_tasks.release(engine(), session, task_id, current_actor())
        name = task.name
    flash(f"“{name}” is free for your group again.", "success")
    return redirect(url_for("inbox.show", scope="group"))


def _scopes() -> dict[str, tuple[str, int | None]]:
    """The tabs, each with its number."""
    numbers = counters()
    tabs: dict[str, tuple[str, int | None]] = {
        "mine": ("Mine", numbers["mine"]),
        "group": ("My group", numbers["group"]),
    }
    if current_actor().oversees:
        tabs["all"] = ("All", None)
    return tabs


def _scope() -> str:
    """The tab asked for; without asking, the first of Mine and My group that has tasks."""
    numbers = counters()
    default = "group" if not numbers["mine"] and numbers["group"] else "mine"
    return listing.one_of("scope", tuple(_scopes()), default)


def _tasks() -> Page:
    if "inbox_page" not in g:
        g.inbox_page = inbox.list_tasks(
            db.session(),
            current_actor(),
            scope=_scope(),
            process=request.args.get("process") or None,
            priority=listing.one_of("priority", tuple(Priority)) or None,
            overdue=bool(request.args.get("overdue")),
            q=listing.words(),
            sort=listing.one_of("sort", tuple(SORTS), "urgency"),
            page=listing.page_number(),
        )
    page: Page = g.inbox_page
    return page


def _revision(page: Page) -> str:
    """A digest of everything about the listed tasks that can change while they stay listed."""
    seen = [
        (
            task.id,
            task.assignee_id,
            task.priority,
            str(task.due_at),
            task.escalation_role,
            task.title,
            task.detail,
        )
        for task in page.items
    ]
    return hashlib.sha256(json.dumps([page.total, seen]).encode()).hexdigest()[:16]
