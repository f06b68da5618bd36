"""The pages of figures and reports: what they show to whom, what they lead to, and that files match them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import openpyxl
import pytest
from pypdf import PdfReader

from app import clock
from app.database import unit_of_work
from app.domain import exports, notification_choices, notifications
from app.domain.downtime import MachineDowntime
from app.domain.exports import Export, ExportState
from app.domain.notifications import Notification
from app.web import charts
from app.web.analytics import VIEWS
from app.web.charts import Value
from tests import factories
from tests.web.conftest import Factory, SignIn


@pytest.fixture
def history(factory: Factory) -> Factory:
    """A failure of the press that took two hours, and a part that is low."""
    now = clock.now()
    with unit_of_work(factory.session) as session:
        code = factories.make_failure_code(session, code="HYD", name="Hydraulics")
        request = factories.make_request(
            session, machine=factory.press, reporter=factory.supervisor, failure_code_id=code.id
        )
        session.add(
            MachineDowntime(
                machine_id=factory.press.id,
                maintenance_request_id=request.id,
                machine_status="DOWN",
                started_at=now - timedelta(hours=3),
                ended_at=now - timedelta(hours=1),
            )
        )
        factories.make_part(session, part_number="BR-1", part_name="Bearing", min_quantity=5)
    return factory


def test_every_analysis_shows_its_numbers_with_a_table_and_an_explanation(
    history: Factory, sign_in: SignIn
) -> None:
    manager = sign_in(history.manager)
    for name in VIEWS:
        page = manager.get("/analytics" if name == "dashboard" else f"/analytics/{name}")
        assert page.status_code == 200, name
        assert "/analytics/how#" in page.text
    page = manager.get("/analytics/downtime").text
    assert "2 h" in page
    assert 'role="img"' in page
    assert f'href="/machines/{history.press.id}"' in page
    assert "HYD Hydraulics" in manager.get("/analytics/failures").text
    assert "style=" not in page


def test_rows_lead_to_the_requests_that_they_count(history: Factory, sign_in: SignIn) -> None:
    with unit_of_work(history.session) as session:
        for machine, status in ((history.press, "COMPLETED"), (history.press, "CANCELLED")):
            request = factories.make_request(session, machine=machine, reporter=history.supervisor)
            request.status = status
    manager = sign_in(history.manager)
    page = manager.get("/analytics/failures?period=30")
    rows = re.findall(
        r'<td\s*>\s*<a href="(/requests[^"]+)">([^<]+)</a>\s*</td>\s*<td[^>]*>\s*(\d+)', page.text
    )
    assert {(name, count) for _, name, count in rows} == {("HYD Hydraulics", "1"), ("No failure code", "1")}
    for link, name, count in rows:
        found = manager.get(unescape(link)).text
        assert f"{count} request matches" in found
        assert ("Failure: Hydraulics" if name.startswith("HYD") else "without a failure code") in found
        assert "not cancelled" in found and found.count('class="row"') <= 1
    supervisor = sign_in(history.supervisor)
    link = next(link for link, name, _ in rows if name.startswith("HYD"))
    assert "1 request matches" in supervisor.get(unescape(link)).text


@pytest.mark.parametrize(
    "query",
    ["failure=x&machine=-1", "from=0001-01-01&until=9999-12-31", "department=99999999999", "failure=7"],
)
def test_addresses_of_lists_that_mean_nothing_do_no_harm(
    history: Factory, sign_in: SignIn, query: str
) -> None:
    assert sign_in(history.manager).get(f"/requests?show=counted&{query}").status_code == 200


def test_months_lead_to_their_days(history: Factory, sign_in: SignIn) -> None:
    page = sign_in(history.manager).get("/analytics/downtime?period=365").text
    today = clock.now().date()
    first = today.replace(day=1)
    assert f"from={first.isoformat()}" in page


def test_a_period_without_anything_says_so(history: Factory, sign_in: SignIn) -> None:
    manager = sign_in(history.manager)
    page = manager.get("/analytics/downtime?period=other&from=2001-01-01&until=2001-01-31").text
    assert "Nothing in this period" in page


def test_figures_are_for_those_who_may_see_them(history: Factory, sign_in: SignIn) -> None:
    supervisor, technician, keeper = map(
        sign_in, (history.supervisor, history.technician, history.storekeeper)
    )
    assert supervisor.get("/analytics/downtime").status_code == 200
    assert supervisor.get("/analytics/costs").status_code == 403
    assert technician.get("/analytics").status_code == 200
    assert technician.get("/analytics/downtime").status_code == 403
    assert keeper.get("/analytics/consumption").status_code == 200
    assert "Parts</th>" not in supervisor.get("/analytics/failures").text


def test_a_supervisor_sees_the_own_department_whatever_the_address_says(
    history: Factory, sign_in: SignIn
) -> None:
    with unit_of_work(history.session) as session:
        other = factories.make_machine(session, name="Somebody else's robot")
        request = factories.make_request(session, machine=other, reporter=history.supervisor)
        session.add(
            MachineDowntime(
                machine_id=other.id,
                maintenance_request_id=request.id,
                machine_status="DOWN",
                started_at=clock.now() - timedelta(hours=5),
                ended_at=clock.now() - timedelta(hours=1),
            )
        )
    page = sign_in(history.supervisor).get(f"/analytics/downtime?department={other.department_id}").text
    assert "Somebody else" not in page
    assert "Hydraulic press" in page
    assert "Somebody else" in sign_in(history.manager).get("/analytics/downtime").text


def test_pages_of_figures_take_a_bounded_number_of_statements(
    history: Factory, sign_in: SignIn, statements: Callable[..., Any]
) -> None:
    manager = sign_in(history.manager)
    manager.get("/analytics")
    for name in VIEWS:
        with statements() as made:
            manager.get("/analytics" if name == "dashboard" else f"/analytics/{name}")
        assert len(made) <= 45, name


def test_reports_are_shown_and_taken_away(history: Factory, sign_in: SignIn) -> None:
    manager = sign_in(history.manager)
    assert "Inventory valuation" in manager.get("/reports").text
    page = manager.get("/reports/downtime").text
    assert "Total of 1 row" in page
    assert "2 h" in page
    book = openpyxl.load_workbook(io.BytesIO(manager.get("/reports/downtime/export.xlsx").data))
    assert book.active is not None
    assert book.active["A2"].value == "Hydraulic press"
    reader = PdfReader(io.BytesIO(manager.get("/reports/downtime/export.pdf").data))
    text = reader.pages[0].extract_text()
    assert "Downtime" in text
    assert "Hydraulic press" in text
    for name in ("inventory", "consumption", "valuation", "failure-analysis", "maintenance-efficiency"):
        assert manager.get(f"/reports/{name}").status_code == 200, name
        assert manager.get(f"/reports/{name}/export.csv").status_code == 200, name
    assert sign_in(history.technician).get("/reports").status_code == 403
    assert sign_in(history.storekeeper).get("/reports/downtime").status_code == 403
    assert manager.get("/reports/nothing").status_code == 404


def test_a_large_report_is_written_in_the_background_for_its_owner(
    history: Factory, sign_in: SignIn, application: Any
) -> None:
    application.config["MILLWRIGHT_EXPORT_ROWS"] = 0
    manager = sign_in(history.manager)
    asked = manager.get("/reports/inventory/export.csv")
    assert "Export in the background?" in asked.text
    assert manager.post("/reports/inventory/export.csv").location == "/exports"
    assert "Waiting" in manager.get("/exports").text
    history.jobs.sweep(whoever_leads=True)
    page = manager.get("/exports").text
    assert "Ready" in page
    history.session.rollback()
    row = history.session.query(Export).one()
    answer = manager.get(f"/exports/{row.id}/file")
    assert "Bearing" in answer.text
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=inventory-")
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    told = history.session.query(Notification).filter_by(user_id=history.manager.id).all()
    assert [note.link for note in told if "export" in note.title] == ["/exports"]
    assert sign_in(history.admin).get(f"/exports/{row.id}/file").status_code == 404
    assert manager.post(f"/exports/{row.id}/delete").status_code == 302
    assert manager.get(f"/exports/{row.id}/file").status_code == 404


def test_files_are_removed_after_some_days(history: Factory, clock: Any) -> None:
    with unit_of_work(history.session) as session:
        scope = {"since": "2026-01-01T00:00:00+00:00", "until": "2026-02-01T00:00:00+00:00"}
        row = exports.ask(
            session, history.manager.id, report="inventory", title="Inventory", form="csv", scope=scope,
            rows_expected=1,
        )  # fmt: skip
        exports.store(session, row, io.BytesIO(b"x" * (exports.PIECE + 1)), "inventory.csv", "text/csv")
        assert b"".join(exports.pieces(session, row.id)) == b"x" * (exports.PIECE + 1)
    assert row.state == ExportState.DONE
    clock.advance(days=8)
    history.jobs.sweep(whoever_leads=True)
    history.session.rollback()
    assert history.session.query(Export).all() == []


def test_scales_end_at_numbers_that_people_like() -> None:
    assert [charts.nice(value) for value in (0, 1, 7, 24, 26, 1001)] == [0, 1, 10, 25, 50, 2000]
    drawn = charts.columns("Cost", [Value("a", 10, "10"), Value("b", 5, "5"), Value("c", 0, "0")])
    assert drawn is not None
    assert [(column.y, column.height) for column in drawn.columns] == [(0, 100), (50, 50), (100, 0)]
    assert charts.columns("Nothing", [Value("a", 0, "0")]) is None


def test_a_report_is_scheduled_changed_and_ended_on_the_pages(history: Factory, sign_in: SignIn) -> None:
    manager = sign_in(history.manager)
    assert "Nothing is sent yet" in manager.get("/reports/schedules").text
    typed = {
        "report": "downtime", "period": "WEEK", "rrule": "FREQ=WEEKLY;BYDAY=MO", "at": "06:00",
        "format": "pdf", "recipients": [str(history.manager.id), str(history.supervisor.id)], "active": "1",
    }  # fmt: skip
    assert manager.post("/reports/schedules/new", data=typed).location == "/reports/schedules"
    page = manager.get("/reports/schedules").text
    assert "Each Monday at 06:00" in page
    assert "Maria Duarte, Ann Keller" in page or "Ann Keller, Maria Duarte" in page
    barred = manager.post(
        "/reports/schedules/new", data={**typed, "recipients": [str(history.technician.id)]}
    )
    assert barred.status_code == 422
    assert "Tomasz Wolski may not read this report" in barred.text
    edited = manager.post("/reports/schedules/1/edit", data={**typed, "at": "07:30"})
    assert edited.status_code == 302
    assert "at 07:30" in manager.get("/reports/schedules").text
    assert sign_in(history.supervisor).get("/reports/schedules/1/edit").status_code == 404
    assert manager.post("/reports/schedules/1/delete").location == "/reports/schedules"
    assert "Nothing is sent yet" in manager.get("/reports/schedules").text


def test_e_mails_are_chosen_on_the_profile_page(history: Factory, sign_in: SignIn) -> None:
    technician = sign_in(history.technician)
    assert "E-mail about what happens" in technician.get("/profile").text
    answer = technician.post("/profile/notifications", data={"TASK": "DAILY"})
    assert answer.location == "/profile#notifications"
    assert '<option value="DAILY"\n' in technician.get("/profile").text
    assert technician.post("/profile/notifications", data={"TASK": "SOON"}).status_code == 422
    choices = notification_choices.choices(history.session, history.technician.id)
    assert choices["TASK"] == "DAILY"


def test_the_number_on_the_bell_can_be_asked_for_cheaply(history: Factory, sign_in: SignIn) -> None:
    technician = sign_in(history.technician)
    assert 'data-bell="/notifications/count"' in technician.get("/machines").text
    first = technician.get("/notifications/count")
    assert first.json is not None
    again = technician.get("/notifications/count", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    with unit_of_work(history.session) as session:
        notifications.notify(session, title="News", user_ids=[history.technician.id])
    more = technician.get("/notifications/count").json
    assert more is not None
    assert more["counts"]["unread"] == first.json["counts"]["unread"] + 1
