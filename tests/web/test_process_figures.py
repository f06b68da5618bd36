"""The pages of a process's figures: the same numbers as a table, in words, for two versions, and as paths."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from app.database import unit_of_work
from app.domain.activity import ActivityLog
from app.domain.people import User
from app.engine import deployments, monitor, operations, user_tasks
from app.engine.models import ProcessInstance
from app.engine.monitor.models import StepStatistic
from app.processes.shipped import WORKFLOWS, read_folder
from app.web import process_figures
from tests import factories
from tests.support import xes
from tests.web.conftest import Factory, SignIn

KEY = "maintenance_request"
ADDRESS = f"/monitor/processes/{KEY}"
READ_LOG = Path(__file__).parents[1] / "peers" / "read_log.py"


@pytest.fixture
def maria(factory: Factory, sign_in: SignIn) -> FlaskClient:
    return sign_in(factory.manager)


def accept(factory: Factory, instance: ProcessInstance) -> None:
    task = factory.open_task(instance, "accept_request")
    with unit_of_work(factory.session) as session:
        user_tasks.complete(factory.engine, session, task.id, factory.actor(factory.technician), {}, "accept")


def cancel(factory: Factory, instance: ProcessInstance) -> None:
    with unit_of_work(factory.session) as session:
        operations.cancel(
            factory.engine, session, instance.id, factory.actor(factory.manager), "Reported twice"
        )


def gather(factory: Factory) -> None:
    factory.session.rollback()
    monitor.keep_up(factory.engine, factory.jobs.sessions)


@pytest.fixture
def worked(factory: Factory) -> Factory:
    """One request accepted, one waiting, two cancelled; the figures gathered."""
    accept(factory, factory.report())
    factory.report("It squeals.")
    cancel(factory, factory.report("It smells."))
    cancel(factory, factory.report("It stinks."))
    gather(factory)
    return factory


def lines(page: str) -> str:
    """What a page says, without its marks and with single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def row_of(page: str, name: str) -> str:
    rows = re.findall(r"<tr data-element=.*?</tr>", page, re.DOTALL)
    return next(lines(row) for row in rows if lines(row).startswith(name))


# -- where it waits --------------------------------------------------------------------------------


def test_the_table_has_each_step_with_its_numbers(worked: Factory, maria: FlaskClient) -> None:
    page = maria.get(ADDRESS).text
    row = row_of(page, "Accept request User task")
    assert "1 open at Accept request oldest" in row
    assert "100 % 0 %" in row
    assert "listens beside the work" in row_of(page, "Cancellation requested")
    assert "Completed in these days" in lines(page)


def test_the_drawing_gets_the_numbers_of_every_measure(worked: Factory, maria: FlaskClient) -> None:
    page = maria.get(f"{ADDRESS}?measure=open").text
    (found,) = re.findall(r'data-heat="([^"]*)"', page)
    heat = json.loads(unescape(found))
    assert set(heat) == {"open", "median", "p90", "on-time", "rework"}
    assert heat["open"]["accept_request"] == [5, "1"]
    assert heat["on-time"]["accept_request"] == [0, "100\xa0%"]
    assert "cancellation_requested" not in heat["open"]
    (current,) = re.findall(r'data-measure="([\w-]+)"\s+aria-current="true"', page)
    assert current == "open"
    shown = re.findall(r'data-legend="([\w-]+)"\s*>', page)
    assert shown == ["open"]


@pytest.mark.parametrize("sort", ["step", "-step", "open", "median", "-p90", "on-time", "rework", "done"])
def test_the_table_can_be_sorted(worked: Factory, maria: FlaskClient, sort: str) -> None:
    page = maria.get(f"{ADDRESS}?sort={sort}").text
    (direction,) = re.findall(r'aria-sort="(\w+)"', page)
    upwards = sort in ("step", "on-time") or (sort.startswith("-") and sort != "-step")
    assert direction == ("ascending" if upwards else "descending")
    names = [lines(name) for name in re.findall(r"<tr data-element=.*?<td>(.*?)<small>", page, re.DOTALL)]
    if sort.endswith("step"):
        assert names == sorted(names, key=str.casefold, reverse=sort.startswith("-"))


def test_bottlenecks_are_told_in_words(worked: Factory, maria: FlaskClient) -> None:
    with unit_of_work(worked.session) as session:
        of_step = sa.update(StepStatistic).where(StepStatistic.element_id == "accept_request")
        session.execute(of_step.values(seconds=7200))
    page = lines(maria.get(ADDRESS).text)
    assert "“Accept request” held 100 % of all waiting: median" in page
    assert "few, so take it with care" in page


@pytest.mark.parametrize("days", [7, 30, 90])
def test_periods(worked: Factory, maria: FlaskClient, days: int) -> None:
    page = lines(maria.get(f"{ADDRESS}?period={days}").text)
    assert f"Last {days} days" in page
    assert " 0 under 1 s" not in page


def test_other_dates(worked: Factory, maria: FlaskClient) -> None:
    page = maria.get(f"{ADDRESS}?period=other&from=2026-03-02&until=2026-02-20").text
    assert 'value="2026-02-20"' in page
    assert 'value="2026-03-02"' in page
    assert "Bottlenecks" not in page
    long = maria.get(f"{ADDRESS}?period=other&from=2020-01-01").text
    assert "of a year at most" in long


@pytest.mark.parametrize(
    "query",
    [
        "period=other&from=9999-12-31&until=0001-01-01",
        "period=other&from=x&until=2026-02-30",
        "period=1&measure=none&sort=none",
        "version=",
    ],
)
@pytest.mark.parametrize("page", ["", "/variants", "/events.xes", "/events.csv"])
def test_odd_addresses_are_answered(worked: Factory, maria: FlaskClient, query: str, page: str) -> None:
    answer = maria.get(f"{ADDRESS}{page}?{query}")
    assert answer.status_code == 200
    assert answer.data


@pytest.mark.parametrize("query", ["version=99", "version=x", "version=99999999999", "before=7"])
def test_a_version_that_is_not_there(worked: Factory, maria: FlaskClient, query: str) -> None:
    deploy_again(worked)
    assert maria.get(f"{ADDRESS}?{query}").status_code == 404


@pytest.mark.parametrize("page", ["", "/variants", "/events.xes", "/events.csv"])
def test_a_process_that_is_not_there(factory: Factory, maria: FlaskClient, page: str) -> None:
    assert maria.get(f"/monitor/processes/nothing{page}").status_code == 404


def deploy_again(factory: Factory) -> None:
    """Another version, in which a step has another name."""
    files = read_folder(WORKFLOWS / KEY)
    drawing = files[f"{KEY}.bpmn"].replace(b'name="Accept request"', b'name="Take it on"')
    with unit_of_work(factory.session) as session:
        deployments.deploy(
            factory.engine, session, {**files, f"{KEY}.bpmn": drawing}, by=factory.actor(factory.admin)
        )


def test_two_versions_side_by_side(worked: Factory, maria: FlaskClient) -> None:
    assert "Before and after" not in maria.get(ADDRESS).text
    deploy_again(worked)
    accept(worked, worked.report("On the new version."))
    page = maria.get(ADDRESS).text
    assert "Before and after" in page
    assert "compare-table" not in page
    compared = lines(maria.get(f"{ADDRESS}?before=1&after=2").text)
    assert "Fewer than 20 samples on one side everywhere" in compared
    assert "Take it on 1 → 0 few" in compared


def test_one_version_alone(worked: Factory, maria: FlaskClient) -> None:
    deploy_again(worked)
    page = maria.get(f"{ADDRESS}?version=2").text
    assert "drawn on version 2" in page
    assert "0 – – –" in row_of(page, "Take it on")
    assert "0 – – –" not in row_of(maria.get(f"{ADDRESS}?version=1").text, "Accept request")


# -- variants --------------------------------------------------------------------------------------


def test_paths_with_how_often_they_were_taken(worked: Factory, maria: FlaskClient) -> None:
    page = lines(maria.get(f"{ADDRESS}/variants").text)
    assert "2 ended in these days, by 1 different path." in page
    assert "100 % : 2 instances (100 % with all above)" in page
    assert "Cancelled" in page


def test_one_path_with_its_instances_and_its_way_on_the_diagram(
    worked: Factory, maria: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_figures, "INSTANCES_SHOWN", 1)
    (address,) = re.findall(r'href="([^"]*variant=\d+)#path"', maria.get(f"{ADDRESS}/variants").text)
    page = maria.get(unescape(address)).text
    (standing,) = re.findall(r'data-standing="([^"]*)"', page)
    assert "accept_request" not in json.loads(unescape(standing))["elements"]
    assert len(re.findall(r"MR-\d{4}-\d{6}<small>", page)) == 1
    (older,) = re.findall(r'href="([^"]*before=\d+)#path"', page)
    rest = maria.get(unescape(older)).text
    assert len(re.findall(r"MR-\d{4}-\d{6}<small>", rest)) == 1
    assert "Older instances" not in rest


def test_a_path_that_is_not_there(worked: Factory, maria: FlaskClient) -> None:
    assert maria.get(f"{ADDRESS}/variants?variant=999").status_code == 404


def test_nothing_has_ended(factory: Factory, maria: FlaskClient) -> None:
    assert "Nothing has ended in these days" in maria.get(f"{ADDRESS}/variants").text


# -- the event log ---------------------------------------------------------------------------------


def test_the_log_names_nobody_unless_asked(worked: Factory, maria: FlaskClient) -> None:
    page = maria.get(ADDRESS).text
    assert "Names are personal data" in page
    answer = maria.get(f"{ADDRESS}/events.xes")
    assert answer.is_streamed
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=maintenance_request-")
    assert len(xes.read(answer.data).traces) == 4
    assert "Tomasz Wolski" not in answer.text
    assert "Tomasz Wolski" in maria.get(f"{ADDRESS}/events.xes?names=1").text
    assert "Tomasz Wolski" in maria.get(f"{ADDRESS}/events.csv?names=1").text


def test_who_took_names_is_written_down(worked: Factory, maria: FlaskClient) -> None:
    days = "period=other&from=2026-03-01&until=2026-03-02"
    maria.get(f"{ADDRESS}/events.xes?{days}")
    maria.get(f"{ADDRESS}/events.csv?{days}&names=1")
    (entry,) = worked.session.scalars(sa.select(ActivityLog).filter_by(action="EXPORT_NAMED_EVENT_LOG"))
    assert entry.user_id == worked.manager.id
    assert entry.after == {"process": "maintenance_request", "from": "2026-03-01", "until": "2026-03-02"}


def test_pm4py_finds_in_the_log_what_happened(
    worked: Factory, maria: FlaskClient, pm4py: Path, tmp_path: Path
) -> None:
    data = maria.get(f"{ADDRESS}/events.xes").data
    ours = xes.read(data)
    (tmp_path / "log.xes").write_bytes(data)
    command = [str(pm4py), str(READ_LOG), str(tmp_path / "log.xes")]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    events = [event for trace in ours.traces for event in trace.events]
    assert found["cases"] == sorted(trace.name for trace in ours.traces)
    assert found["events"] == len(events)
    assert set(found["activities"]) == {event["concept:name"] for event in events}
    assert {"Accept request", "Carry out work"} <= set(found["activities"])
    assert "UTC" in found["times"]
    assert found["starts"] == sorted({trace.events[0]["concept:name"] for trace in ours.traces})


def test_the_log_of_days_without_any(worked: Factory, maria: FlaskClient) -> None:
    query = "period=other&from=2020-01-01&until=2020-02-01"
    assert xes.read(maria.get(f"{ADDRESS}/events.xes?{query}").data).traces == []
    assert maria.get(f"{ADDRESS}/events.csv?{query}").text.splitlines()[1:] == []


def test_no_text_becomes_a_formula(worked: Factory, maria: FlaskClient) -> None:
    with unit_of_work(worked.session) as session:
        session.get_one(User, worked.technician.id).name = "=cmd|' /C calc'!A0"
    accept(worked, worked.report("Another."))
    text = maria.get(f"{ADDRESS}/events.csv?names=1").text
    assert "'=cmd" in text
    assert not re.search(r"(^|,)\"?=cmd", text, re.MULTILINE)


# -- who, and how much -----------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["", "/variants", "/events.xes", "/events.csv"])
def test_who_may_look(factory: Factory, sign_in: SignIn, page: str) -> None:
    with unit_of_work(factory.session) as session:
        owner: User = factories.make_user(session, "MAINTENANCE_TECH", process_owner=True)
    for user in (factory.admin, factory.manager, owner):
        assert sign_in(user).get(f"{ADDRESS}{page}").status_code == 200
    for user in (factory.supervisor, factory.technician, factory.storekeeper):
        assert sign_in(user).get(f"{ADDRESS}{page}").status_code == 403


@pytest.mark.parametrize("page", ["", "/variants"])
def test_the_number_of_statements_is_bounded(
    worked: Factory, maria: FlaskClient, statements: Callable[[], Any], page: str
) -> None:
    maria.get(f"{ADDRESS}{page}")
    with statements() as few:
        maria.get(f"{ADDRESS}{page}")
    for number in range(4):
        accept(worked, worked.report(f"Fault {number}."))
        cancel(worked, worked.report(f"Another {number}."))
    worked.session.rollback()
    monitor.keep_up(worked.engine, worked.jobs.sessions)
    with statements() as many:
        maria.get(f"{ADDRESS}{page}")
    assert len(many) == len(few) <= 25
