"""The way around: what the rail and the tab bar show to whom, and the numbers on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from flask import Blueprint, Flask, current_app, g, render_template, request, url_for
from flask_login import current_user, login_required

from app.access import imports, permissions
from app.domain import notifications
from app.engine import deployments, inbox, instances
from app.engine.models import Deployment
from app.extensions import db
from app.web.engine import engine
from app.web.people import current_actor, me

pages = Blueprint("navigation", __name__)

REPORTING = "maintenance_request"  # the process whose start form is “Report a problem”


@dataclass(frozen=True)
class Entry:
    """A link of the navigation. ``needs`` is the right to its page; ``counter`` names its number;
    ``key`` is the process that it starts."""

    endpoint: str
    text: str
    icon: str
    short: str = ""
    needs: str = ""
    counter: str = ""
    also: tuple[str, ...] = ()
    key: str = ""

    @property
    def address(self) -> str:
        return url_for(self.endpoint, key=self.key) if self.key else url_for(self.endpoint)

    def is_here(self) -> bool:
        if self.endpoint.startswith("starts."):
            return bool(request.path == self.address)
        return request.blueprint in (self.endpoint.partition(".")[0], *self.also)


GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Work",
        (
            Entry("inbox.show", "Inbox", "inbox", counter="tasks"),
            Entry("starts.report", "Report a problem", "megaphone", short="Report"),
            Entry("requests.listing", "Requests", "clipboard"),
            Entry("records.listing", "Records", "file"),
        ),
    ),
    (
        "Factory",
        (
            Entry(
                "machines.listing",
                "Machines",
                "machine",
                needs="machines:read",
                also=("machine_forms", "machine_parts"),
            ),
            Entry(
                "preventive.listing",
                "Preventive plans",
                "wrench",
                needs="preventive-maintenance:read",
                also=("meter_readings",),
            ),
            Entry("preventive_calendar.show", "Calendar", "calendar", needs="preventive-maintenance:read"),
        ),
    ),
    (
        "Stock",
        (
            Entry("parts.listing", "Spare parts", "box", needs="spare-parts:read", also=("part_forms",)),
            Entry("parts_requests.listing", "Parts requests", "cart", needs="spare-parts-requests:read"),
            Entry("stock_reorder.listing", "Reorder list", "flag", needs="inventory-transactions:read"),
            Entry("stock_movements.listing", "Movements", "forward", needs="inventory-transactions:read"),
            Entry("stock_counts.listing", "Stock counts", "clipboard", needs="stock-counts:read"),
            Entry("stock_locations.listing", "Stock locations", "pin", needs="stock-locations:read"),
            Entry("stock_value.show", "Stock value", "tag", needs="analytics:costs"),
            Entry("replenishments.listing", "Replenishments", "turn", needs="stock-replenishments:read"),
        ),
    ),
    (
        "Figures",
        (
            Entry("analytics.show_dashboard", "Analytics", "chart", needs="analytics:dashboard"),
            Entry("reports.choose", "Reports", "print", needs="reports:export", also=("exports",)),
        ),
    ),
    (
        "Processes",
        (
            Entry(
                "monitor.overview",
                "Monitor",
                "pulse",
                needs="instances:list",
                also=("monitored", "process_figures", "batches", "alerts"),
            ),
            Entry(
                "studio.listing",
                "Studio",
                "flow",
                needs="processes:deploy",
                also=("versions", "migrations"),
            ),
        ),
    ),
    (
        "Administration",
        (
            Entry("users.listing", "Users", "users", needs="users:read", also=("user_actions",)),
            Entry("departments.listing", "Departments", "building", needs="departments:write"),
            Entry("failure_codes.listing", "Failure codes", "alert", needs="failure-codes:write"),
            Entry("maintenance_types.listing", "Maintenance types", "tag", needs="maintenance-types:write"),
            Entry("imports.choose", "Import", "download"),
            Entry("activity.listing", "Activity log", "list", needs="activity-logs:read"),
            Entry("settings.show", "Settings", "sliders", needs="settings:write"),
        ),
    ),
    (
        "You",
        (
            Entry("notifications.listing", "Notifications", "bell", counter="unread"),
            Entry("profile.show", "Profile", "user"),
        ),
    ),
)
TABS = ("inbox.show", "requests.listing", "starts.report", "machines.listing")


def visible_groups() -> list[tuple[str, list[Entry]]]:
    """The navigation of the signed-in person: what exists, and is for their role."""
    groups = []
    for title, entries in GROUPS:
        shown = [entry for entry in entries if _is_for_me(entry)]
        if shown:
            groups.append((title, shown))
    starts = [Entry("starts.start", start.name, "plus", key=start.key) for start in startable()]
    if starts:
        groups.insert(1, ("Start", starts))
    return groups


def tabs() -> list[Entry]:
    """The links of the phone's tab bar."""
    by_endpoint = {entry.endpoint: entry for _, entries in GROUPS for entry in entries}
    return [by_endpoint[name] for name in TABS if _is_for_me(by_endpoint[name])]


def _is_for_me(entry: Entry) -> bool:
    if entry.endpoint not in current_app.view_functions:
        return False
    if entry.endpoint == "starts.report":
        return may_report()
    if entry.endpoint == "imports.choose":
        return bool(imports.importable(current_actor()))
    if entry.endpoint == "records.listing":
        return bool(process_names())
    return not entry.needs or permissions.may(current_actor(), entry.needs)


def may_report() -> bool:
    """Whether the signed-in person may report problems: the diagram of the process decides."""
    if "may_report" not in g:
        newest = next((one for one in _newest() if one.key == REPORTING), None)
        g.may_report = newest is not None and instances.may_start(newest, current_actor())
    return cast(bool, g.may_report)


def startable() -> list[Deployment]:
    """The processes, by name, that the signed-in person may start by a form; reporting has its own link."""
    if "startable" not in g:
        mine = [
            one
            for one in _newest()
            if one.key != REPORTING and instances.may_start(one, current_actor()) and _has_start_form(one)
        ]
        g.startable = sorted(mine, key=lambda one: one.name.casefold())
    return cast(list[Deployment], g.startable)


def process_names() -> dict[str, str]:
    """The names of the processes whose records are those of their forms, by key."""
    bound = engine().bindings.processes
    return {one.key: one.name for one in _newest() if one.key not in bound}


def _newest() -> list[Deployment]:
    """The newest version of each process, read once a request."""
    if "newest_deployments" not in g:
        g.newest_deployments = deployments.latest_of_all(db.session())
    return cast(list[Deployment], g.newest_deployments)


def _has_start_form(deployment: Deployment) -> bool:
    definition = engine().definition(db.session(), deployment.id)
    return any(start.event is None and start.form for start in definition.diagram.starts)


def counters() -> dict[str, int]:
    """The numbers on the navigation, counted once a request."""
    if "counters" not in g:
        found = inbox.counts(db.session(), current_actor())
        unread = notifications.unread_count(db.session(), me().id)
        g.counters = {
            "tasks": found.mine,
            "mine": found.mine,
            "group": found.group,
            "overdue": found.overdue,
            "unread": unread,
        }
    return cast(dict[str, int], g.counters)


def _for_templates() -> dict[str, Any]:
    if not current_user.is_authenticated:
        return {}
    return {
        "navigation": visible_groups,
        "tabs": tabs,
        "counters": counters,
        "may_report": may_report,
        "may_scan": permissions.may(current_actor(), "machines:read"),
    }


def init_navigation(app: Flask) -> None:
    """Give templates the navigation of whoever is signed in."""
    app.context_processor(_for_templates)


@pages.get("/menu")
@login_required
def menu() -> str:
    """All of the navigation on a page, for phones."""
    return render_template("menu.html")
