"""The figures of a process: where it waits, its versions compared, its variants, and its event log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.current import site
from app.engine import history, queries
from app.engine.models import Deployment
from app.engine.monitor import event_log, heat, statistics, variants
from app.engine.monitor.event_log import Selection
from app.engine.monitor.heat import Measure, Pair
from app.engine.monitor.variants import Way, Which
from app.errors import NotFound
from app.exports import event_logs
from app.exports.event_logs import LogFormat
from app.extensions import db
from app.jobs.system import JobSystem
from app.processes import event_logs as taken
from app.web import heat_words, listing
from app.web.engine import engine
from app.web.people import permission_required
from app.web.versions import get_version, latest

pages = Blueprint("process_figures", __name__)

WATCH = "instances:list"
PERIODS = {"7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days", "other": "Other dates …"}
USUAL = "30"
LONGEST = 366  # days
EARLIEST = date(2000, 1, 1)
FIRST_VARIANTS, MORE_VARIANTS = 20, variants.MOST_LISTED
INSTANCES_SHOWN = 10


@dataclass(frozen=True)
class Asked:
    """What an address asks for: the days, both included, and the version, or all of them."""

    period: str
    since: date
    until: date
    only: Deployment | None
    problem: str = ""

    @property
    def arguments(self) -> dict[str, Any]:
        """The same as arguments of another address."""
        days = {"from": self.since, "until": self.until} if self.period == "other" else {}
        return {"period": self.period, "version": self.only.version if self.only else None, **days}

    @property
    def deployment_ids(self) -> tuple[int, ...] | None:
        return (self.only.id,) if self.only else None


@pages.get("/monitor/processes/<key>")
@permission_required(WATCH)
def show(key: str) -> str:
    """The diagram as a heat map, the same numbers as a table, the bottlenecks, and two versions compared."""
    newest, asked = latest(key), _asked(key)
    session = db.session()
    shown = asked.only or newest
    found = heat.of_process(engine(), session, shown, asked.since, asked.until, only=asked.only is not None)
    measure = Measure(listing.one_of("measure", list(Measure), Measure.MEDIAN))
    orders = [*heat_words.SORTS, *(f"-{name}" for name in heat_words.SORTS)]
    sort = listing.one_of("sort", orders, "waiting")
    versions = _versions(key)
    before, after = _compared(key, versions)
    return render_template(
        "monitor/process.html",
        process=newest,
        shown=shown,
        asked=asked,
        heat=found,
        places=heat_words.in_order(found, sort),
        measure=measure,
        measures=heat_words.MEASURES,
        meanings=heat_words.MEANINGS,
        legends={each: heat_words.legend(found, each) for each in Measure},
        on_diagram=heat_words.on_diagram(found),
        said=heat_words.said,
        kinds=heat_words.KINDS,
        sort=sort,
        sorts={name: f"By {text[0].lower()}{text[1:]}" for name, (text, _) in heat_words.SORTS.items()},
        few=heat.FEW,
        before=before,
        after=after,
        pairs=_pairs(before, after, asked),
        differences=heat_words.differences,
        **_shared(versions),
    )


@pages.get("/monitor/processes/<key>/variants", endpoint="variants")
@permission_required(WATCH)
def variants_page(key: str) -> str:
    """The distinct paths of what ended in a period, the most frequent first, and one of them in detail."""
    newest, asked = latest(key), _asked(key)
    session = db.session()
    which = Which(key, asked.since, asked.until, asked.deployment_ids)
    most = MORE_VARIANTS if request.args.get("more") else FIRST_VARIANTS
    found = variants.listed(session, which, most=most)
    chosen = _chosen(which)
    before = request.args.get("before", type=int)
    instances = (
        variants.instances_of(session, which, chosen.variant_id, before=before, most=INSTANCES_SHOWN + 1)
        if chosen
        else []
    )
    example = instances[0] if instances else None
    return render_template(
        "monitor/variants.html",
        process=newest,
        asked=asked,
        found=found,
        chosen=chosen,
        instances=instances[:INSTANCES_SHOWN],
        older=instances[INSTANCES_SHOWN - 1].id if len(instances) > INSTANCES_SHOWN else None,
        example=session.get(Deployment, example.deployment_id) if example else None,
        path={"here": [], "failed": False, **history.path(session, example.id)} if example else None,
        most_listed=most,
        can_list_more=most == FIRST_VARIANTS and found.variants > len(found.listed),
        **_shared(_versions(key)),
    )


# -- the event log ---------------------------------------------------------------------------------


@pages.get("/monitor/processes/<key>/events.xes", endpoint="xes_log")
@permission_required(WATCH)
def xes_log(key: str) -> ResponseReturnValue:
    """The event log as XES, written while it is read."""
    return _streamed(key, LogFormat.XES)


@pages.get("/monitor/processes/<key>/events.csv", endpoint="csv_log")
@permission_required(WATCH)
def csv_log(key: str) -> ResponseReturnValue:
    """The event log as CSV, written while it is read."""
    return _streamed(key, LogFormat.CSV)


def _streamed(key: str, form: LogFormat) -> Response:
    """The log of what began in the days asked for; people are named only where that was asked for."""
    asked = _asked(key)
    only = asked.only.id if asked.only else None
    selection = Selection(key, latest(key).name, asked.since, asked.until, site().zone, only)
    system: JobSystem = current_app.extensions["millwright.jobs"]
    named = request.args.get("names") == "1"
    naming = taken.naming(db.session(), selection, latest(key), current_user.id, named=named)
    cases = event_log.cases(system.sessions, selection, naming=naming)
    response = Response(
        event_logs.chunks(form, selection.name, cases, selection.zone), mimetype=form.media_type
    )
    name = event_logs.file_name(key, asked.since, asked.until, form)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers["Cache-Control"] = "private, no-store"
    return response


# -- what an address asks for ----------------------------------------------------------------------


def _asked(key: str) -> Asked:
    today = statistics.today(engine(), db.session())
    period, problem = listing.one_of("period", tuple(PERIODS), USUAL), ""
    since, until = today - timedelta(days=int(USUAL) - 1), today
    if period == "other":
        days = [
            min(max(request.args.get(name, day, type=date.fromisoformat), EARLIEST), today)
            for name, day in (("from", since), ("until", until))
        ]
        since, until = min(days), max(days)
        if (until - since).days >= LONGEST:
            since = until - timedelta(days=LONGEST - 1)
            problem = "Figures are of a year at most: the days before that are left out."
    else:
        since = today - timedelta(days=int(period) - 1)
    return Asked(period, since, until, _version(key, "version"), problem)


def _version(key: str, name: str) -> Deployment | None:
    """The version that an argument names; None for all. Raises :class:`NotFound`."""
    number = request.args.get(name, "")
    if not number:
        return None
    if not number.isascii() or not number.isdecimal() or len(number) > 10:
        raise NotFound("There is no such version.")
    return get_version(key, int(number))


def _versions(key: str) -> list[Deployment]:
    found = queries.list_versions(db.session(), key, page_size=queries.MAXIMUM_PAGE)
    return [row.deployment for row in found.items]


def _compared(key: str, versions: list[Deployment]) -> tuple[Deployment | None, Deployment | None]:
    """The two versions to compare; the last two where nothing was chosen, none where there is only one."""
    if len(versions) < 2:
        return None, None
    return _version(key, "before") or versions[1], _version(key, "after") or versions[0]


def _pairs(before: Deployment | None, after: Deployment | None, asked: Asked) -> list[Pair]:
    """What the comparison shows, once somebody asks for it."""
    if before is None or after is None or not request.args.get("before"):
        return []
    return heat.compare(engine(), db.session(), before, after, asked.since, asked.until)


def _chosen(which: Which) -> Way | None:
    number = request.args.get("variant", type=int)
    if number is None:
        return None
    found = variants.one(db.session(), which, number)
    if found is None:
        raise NotFound("There is no such path.")
    return found


def _shared(versions: list[Deployment]) -> dict[str, Any]:
    return {
        "periods": PERIODS,
        "versions": [(str(each.version), f"Version {each.version}") for each in versions],
        "url_with": listing.url_with,
        "crumbs": [("Monitor", url_for("monitor.overview"))],
    }
