"""The Monitor: what needs a manager now, how each process goes, and the list of instances."""

from __future__ import annotations

from datetime import date
from urllib.parse import parse_qsl, urlencode

import sqlalchemy as sa
from flask import Blueprint, Flask, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.access import permissions
from app.database import unit_of_work
from app.domain.machines import Machine
from app.domain.people import Department, User
from app.engine import deployments, queries
from app.engine.models import ProcessInstance
from app.engine.monitor import instance_list, overview, stuck, views
from app.engine.monitor.instance_list import URGENT, Row
from app.engine.monitor.models import SavedView
from app.engine.monitor.obstacles import Reason
from app.engine.monitor.overview import ProcessOverview
from app.engine.monitor.statistics import Figures
from app.engine.monitor.stuck import SHORT, Group
from app.engine.monitor.words import explain, explain_group
from app.errors import BusinessError
from app.extensions import db
from app.web import formatting, instance_filters, listing
from app.web.bars import Bars, bars
from app.web.engine import engine
from app.web.instance_filters import AGES, STATES_OF, TABS
from app.web.labels import Label, label
from app.web.live import State, Streams
from app.web.navigation import counters
from app.web.people import current_actor, me, permission_required

pages = Blueprint("monitor", __name__)

NEEDED = 10  # lines of what needs a manager now
CHOICES = 1000  # machines or people that a filter offers
LOOK = "instances:list"
# Pages beside these, as far as the site has them.
ELSEWHERE = (("batches.recent", "Batches", "instances:operate"), ("alerts.listing", "Alerts", LOOK))

REASONS: dict[Reason, Label] = {
    Reason.INCIDENT: Label(SHORT[Reason.INCIDENT], "alert", "bad"),
    Reason.TIMER_MISSED: Label(SHORT[Reason.TIMER_MISSED], "clock", "bad"),
    Reason.NOBODY_ELIGIBLE: Label(SHORT[Reason.NOBODY_ELIGIBLE], "users", "bad"),
    Reason.MESSAGE_LATE: Label(SHORT[Reason.MESSAGE_LATE], "comment", "wait"),
    Reason.OVERDUE: Label(SHORT[Reason.OVERDUE], "clock", "warn"),
    Reason.SLOW: Label(SHORT[Reason.SLOW], "clock", "info"),
}


def init_live(app: Flask) -> None:
    """Give the application the streams by which its pages hear of changes."""
    jobs = app.extensions["millwright.jobs"]
    most = app.config["MILLWRIGHT_LIVE_STREAMS"] or 0
    app.extensions["millwright.live"] = Streams(most, jobs.sessions, _state)


# -- pages ---------------------------------------------------------------------------------------


@pages.get("/monitor", endpoint="overview")
@permission_required(LOOK)
def overview_page() -> str:
    """What needs a manager now, and how each process goes."""
    session = db.session()
    revision = overview.revision(session)
    found = stuck.piles(session)
    groups = stuck.groups(session, found, limit=NEEDED + 1)
    processes = overview.processes(engine(), session, found)
    departments = _departments(session)
    return render_template(
        "monitor/overview.html",
        revision=revision,
        survey=stuck.age(session),
        needed=[(group, explain_group(group, engine().bindings, departments)) for group in groups[:NEEDED]],
        more=len(groups) > NEEDED,
        places=stuck.places(session, [group.sample.instance.id for group in groups if group.instances == 1]),
        processes=[(each, _trend(each)) for each in processes],
        names={each.key: each.name for each in processes},
        total=sum(sum(each.stuck.values()) for each in processes),
        weeks=overview.WEEKS,
        elsewhere=[
            (url_for(name), text)
            for name, text, needs in ELSEWHERE
            if name in current_app.view_functions and permissions.may(current_actor(), needs)
        ],
        reasons=REASONS,
        list_of=_list_of,
        page_of=_page_of,
        figures_of=_figures_of,
        told=_told,
    )


@pages.get("/monitor/instances")
@permission_required(LOOK)
def instances() -> str:
    """The list of instances: filtered, sorted, and some of it at a time."""
    return _instances()


@pages.get("/monitor/state")
@permission_required(LOOK)
def state() -> ResponseReturnValue:
    """What :func:`live` tells, once; 304 while nothing has changed."""
    found = _streams().state()
    answer = jsonify(
        counts=counters(), revision=found.revision, at=found.at.isoformat() if found.at else None
    )
    answer.set_etag(f"{found.revision}-{counters()['tasks']}-{counters()['unread']}")
    return answer.make_conditional(request)


@pages.get("/monitor/live")
@permission_required(LOOK)
def live() -> ResponseReturnValue:
    """Tell a page that something has changed, as server-sent events."""
    return _streams().response(hold=request.method == "GET")


# -- saved views ---------------------------------------------------------------------------------


@pages.post("/monitor/views")
@permission_required(LOOK)
def save_view() -> ResponseReturnValue:
    """Keep the filters of the list under a name."""
    query = instance_filters.query(_args_of(request.form.get("query", "")))
    name = request.form.get("name", "")
    try:
        with unit_of_work(db.session()) as session:
            view = views.save(session, me().id, name, query)
            saved, view_id = view.name, view.id
    except BusinessError as error:
        return _instances(_args_of(query), name=name, problem=str(error)), 422
    flash(f"“{saved}” is kept among your views.", "success")
    return redirect(_address(query, view_id))


@pages.post("/monitor/views/<int:view_id>")
@permission_required(LOOK)
def rename_view(view_id: int) -> ResponseReturnValue:
    """Call a view something else."""
    name = request.form.get("name", "")
    view = views.get(db.session(), me().id, view_id)
    query = view.query
    try:
        with unit_of_work(db.session()) as session:
            views.rename(session, views.get(session, me().id, view_id), name)
    except BusinessError as error:
        return _instances({**_args_of(query), "view": str(view_id)}, name=name, problem=str(error)), 422
    flash(f"The view is called “{' '.join(name.split())}” now.", "success")
    return redirect(_address(query, view_id))


@pages.post("/monitor/views/<int:view_id>/delete")
@permission_required(LOOK)
def delete_view(view_id: int) -> ResponseReturnValue:
    """Forget a view. What it showed stays."""
    with unit_of_work(db.session()) as session:
        view = views.get(session, me().id, view_id)
        name, query = view.name, view.query
        views.delete(session, view)
    flash(f"The view “{name}” is gone.", "success")
    return redirect(_address(query))


# -- inner parts ---------------------------------------------------------------------------------


def _instances(args: dict[str, str] | None = None, *, name: str = "", problem: str = "") -> str:
    session = db.session()
    given = request.args.to_dict() if args is None else args
    filters, found = instance_filters.read(given), instance_filters.values(given)
    sort = instance_filters.order(given)
    revision = overview.revision(session)
    rows = instance_list.listing(
        session,
        filters,
        sort=sort,
        size=listing.PAGE_SIZE,
        before=given.get("before", "")[:400],
        after=given.get("after", "")[:400],
    )
    kept = views.of_user(session, me().id)
    departments = _departments(session)
    return render_template(
        "monitor/instances.html",
        found=rows,
        number=instance_list.count(session, filters, sort=sort),
        counted=instance_list.COUNTED,
        words={
            each.obstacle.id: explain(each, engine().bindings, departments)
            for row in rows.items
            for each in row.obstacles
        },
        machines=_machine_names(session, rows.items),
        shows=TABS,
        show=found.get("show", "open"),
        filters=found,
        filtered=bool(found.keys() - {"show", "sort"}),
        sort=sort,
        sorts=instance_filters.orders(given),
        choices=_choices(session, found, departments),
        query=instance_filters.query(given),
        views=kept,
        view=_chosen(kept, given),
        name=name,
        problem=problem,
        revision=revision,
        survey=stuck.age(session),
        reasons=REASONS,
        list_with=lambda **changes: _address(instance_filters.query({**found, **changes})),
        part=lambda **place: _address(urlencode({**found, **place}), _chosen_id(kept, given)),
        view_address=lambda view: _address(view.query, view.id),
        page_of=_page_of,
        batch=_batch_address(),
        urgent=sort == URGENT,
    )


def _state(session: Session) -> State:
    return State(overview.revision(session), stuck.age(session).at)


def _streams() -> Streams:
    found: Streams = current_app.extensions["millwright.live"]
    return found


def _departments(session: Session) -> dict[int, str]:
    rows = session.execute(sa.select(Department.id, Department.name).order_by(Department.name))
    return dict(rows.all())


def _machine_names(session: Session, rows: list[Row]) -> dict[int, str]:
    ids = {row.place.machine_id for row in rows if row.place and row.place.machine_id}
    if not ids:
        return {}
    return dict(session.execute(sa.select(Machine.id, Machine.name).where(Machine.id.in_(ids))).all())


def _choices(
    session: Session, found: dict[str, str], departments: dict[int, str]
) -> dict[str, list[tuple[str, str]]]:
    """What the filters offer, as value and text."""
    newest = {one.key: one for one in deployments.latest_of_all(session)}
    process = newest.get(found.get("process", ""))
    versions: list[tuple[str, str]] = []
    elements: list[tuple[str, str]] = []
    if process is not None:
        rows = queries.list_versions(session, process.key, page_size=queries.MAXIMUM_PAGE).items
        versions = [(str(row.deployment.version), f"Version {row.deployment.version}") for row in rows]
        diagram = engine().definition(session, process.id).diagram
        steps = [each for each in diagram.elements.values() if each.type.endswith(("Task", "CatchEvent"))]
        elements = sorted(((each.id, each.label) for each in steps), key=lambda each: each[1].casefold())
    return {
        "process": [(key, one.name) for key, one in newest.items()],
        "version": _with(versions, found.get("version"), "Version "),
        "state": [(state, label("instance", state).text) for state in STATES_OF[found.get("show", "open")]],
        "reason": [(reason.value, text.text) for reason, text in REASONS.items()],
        "element": _with(elements, found.get("element")),
        "age": [(name, age.text) for name, age in AGES.items()],
        "machine": _named(session, Machine, found.get("machine")),
        "department": [(str(number), text) for number, text in departments.items()],
        "person": _named(session, User, found.get("person")),
    }


def _named(session: Session, model: type[Machine] | type[User], chosen: str | None) -> list[tuple[str, str]]:
    """Things by name, as many as a filter offers, with the chosen one in any case."""
    rows = session.execute(sa.select(model.id, model.name).order_by(model.name, model.id).limit(CHOICES))
    found = [(str(row_id), name) for row_id, name in rows]
    if chosen and chosen not in dict(found):
        name = session.scalar(sa.select(model.name).where(model.id == int(chosen)))
        found.append((chosen, name or f"No. {chosen}"))
    return found


def _with(choices: list[tuple[str, str]], chosen: str | None, prefix: str = "") -> list[tuple[str, str]]:
    return choices if not chosen or chosen in dict(choices) else [*choices, (chosen, f"{prefix}{chosen}")]


def _chosen(kept: list[SavedView], given: dict[str, str]) -> SavedView | None:
    return next((view for view in kept if str(view.id) == given.get("view")), None)


def _chosen_id(kept: list[SavedView], given: dict[str, str]) -> int | None:
    view = _chosen(kept, given)
    return view.id if view else None


def _args_of(query: str) -> dict[str, str]:
    """What a query string says; of what it says twice, the first."""
    return dict(reversed(parse_qsl(query[: views.QUERY_LENGTH])))


def _address(query: str, view_id: int | None = None) -> str:
    """The list with the filters of a query string."""
    asked = "&".join(part for part in (query, f"view={view_id}" if view_id else "") if part)
    return url_for("monitor.instances") + (f"?{asked}" if asked else "")


def _list_of(group: Group) -> str:
    """The list of the instances of a group."""
    return url_for(
        "monitor.instances",
        show="stuck",
        process=group.process_key,
        reason=group.reason.value,
        element=group.element_id or None,
    )


def _page_of(instance: ProcessInstance) -> str | None:
    """The page of an instance, where the site has such pages."""
    if "monitored.show" not in current_app.view_functions:
        return None
    return url_for("monitored.show", instance_id=instance.id)


def _figures_of(key: str) -> str | None:
    """The figures of a process, where the site has such pages."""
    if "process_figures.show" not in current_app.view_functions:
        return None
    return url_for("process_figures.show", key=key)


def _batch_address() -> str | None:
    """Where operations on many instances begin, for those who may operate."""
    if "batches.choose" not in current_app.view_functions:
        return None
    return url_for("batches.choose") if permissions.may(current_actor(), "instances:operate") else None


def _told(seconds: float | None) -> str:
    """A duration in words."""
    return "–" if seconds is None else formatting.lasting(seconds)


def _trend(process: ProcessOverview) -> Bars:
    """How long instances took, week by week."""
    weeks = sorted(process.weeks.items())
    return bars(((figures.median, _week(monday, figures)) for monday, figures in weeks), "Median by week")


def _week(monday: date, figures: Figures) -> str:
    first = formatting.day(monday)
    if figures.median is None:
        return f"week of {first}: none ended"
    return f"week of {first}: {_told(figures.median)} ({figures.number} ended)"
