"""Reports over the API: as JSON page by page, and as files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import openpyxl
import pypdf
import pytest

from app.clock import ManualClock
from app.database import unit_of_work
from app.domain import settings
from app.domain.people import Role
from app.domain.reports.catalogue import ReportName
from app.exports import pdf
from app.extensions import db
from tests import factories
from tests.api.conftest import Api
from tests.support.plant import Plant, make_plant

SINCE, UNTIL = "2026-03-02T08:00:00Z", "2026-03-02T20:00:00Z"
DAY = f"from={SINCE}&until={UNTIL}"
MAINTENANCE = ("downtime", "maintenance-efficiency", "failure-analysis")
STOCK = ("inventory", "consumption", "valuation")


@pytest.fixture
def plant(clock: ManualClock, api: Api) -> Plant:
    """The plant of :class:`Plant`, at 20:00 of its Monday."""
    with unit_of_work(api.session):
        return make_plant(api.session, clock)


def order(report: str, form: str, **more: Any) -> dict[str, Any]:
    return {"report": report, "format": form, "from": SINCE, "until": UNTIL, **more}


def test_a_report_as_json(api: Api, plant: Plant) -> None:
    found = api.manager.get(f"/reports/downtime?{DAY}").json
    assert (found["name"], found["title"], found["site"]) == ("downtime", "Downtime", "Northfield")
    assert found["columns"][4] == {
        "key": "downtimeMinutes", "heading": "Downtime, min", "kind": "minutes", "total": True,
    }  # fmt: skip
    assert [row["downtimeMinutes"] for row in found["rows"]] == [180, 90, 60]
    assert list(found["rows"][0]) == [column["key"] for column in found["columns"]]
    assert found["totals"]["downtimeMinutes"] == 330
    assert found["chart"] == {"kind": "bar", "label": "machine", "value": "downtimeMinutes", "line": None}
    assert (found["total"], found["page"], found["generatedAt"]) == (3, 1, "2026-03-02T20:00:00Z")


def test_totals_are_of_all_pages(api: Api, plant: Plant) -> None:
    second = api.manager.get(f"/reports/downtime?{DAY}&page=2&pageSize=2").json
    assert [row["machine"] for row in second["rows"]] == ["Robot"]
    assert (second["totals"]["downtimeMinutes"], second["total"], second["pageSize"]) == (330, 3, 2)
    assert api.manager.get(f"/reports/downtime?{DAY}&page=9").json["rows"] == []


def test_amounts_are_texts(api: Api, plant: Plant) -> None:
    found = api.storekeeper.get(f"/reports/valuation?{DAY}&partGroup=20").json
    assert found["rows"][0]["averageCost"] == "48.5000"
    assert (found["rows"][0]["value"], found["totals"]["value"]) == ("436.50", "436.50")
    assert found["subtitle"] == ["As of 2026-03-02 20:00", "Part group: 20 Hydraulics"]


def test_without_the_fonts_of_pdf_files_whoever_is_on_call_is_told(
    api: Api, plant: Plant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is no mistake of the caller's."""
    monkeypatch.setattr(pdf, "FONTS", tmp_path)
    refused = api.admin.post("/reports/export", order("downtime", "pdf"))
    assert (refused.status_code, refused.json["code"]) == (503, "UNAVAILABLE")
    assert "make assets" in refused.json["detail"] and "make assets" in caplog.text


@pytest.mark.parametrize("name", list(ReportName))
def test_every_report_in_every_form(api: Api, plant: Plant, name: str) -> None:
    found = api.admin.get(f"/reports/{name}?{DAY}")
    assert found.status_code == 200 and found.json["rows"]
    first = str(next(iter(found.json["rows"][0].values())))
    title = found.json["title"]

    answer = api.admin.post("/reports/export", order(name, "xlsx"))
    assert answer.status_code == 200
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    assert book.sheetnames[0] == title and book.worksheets[0]["A2"].value == first

    answer = api.admin.post("/reports/export", order(name, "pdf"))
    assert answer.mimetype == "application/pdf"
    (page,) = pypdf.PdfReader(io.BytesIO(answer.data)).pages
    assert title in page.extract_text() and first in page.extract_text()

    answer = api.admin.post("/reports/export", order(name, "csv"))
    lines = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert lines[1][0] == first and len(lines) == found.json["total"] + 2


def test_a_file_is_saved_under_its_name_and_never_shown_inline(api: Api, plant: Plant) -> None:
    answer = api.manager.post("/reports/export", order("downtime", "csv"))
    assert answer.headers["Content-Disposition"] == "attachment; filename=downtime-2026-03-02.csv"
    assert answer.mimetype == "text/csv"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_until_somebody_sets_a_time_zone_it_is_that_of_the_environment(api: Api, plant: Plant) -> None:
    with api.application.app_context():
        settings.use_time_zone(db.engine, "Asia/Tokyo")
    found = api.manager.get(f"/reports/downtime?{DAY}").json
    assert (found["timeZone"], found["subtitle"]) == ("Asia/Tokyo", ["2026-03-02 17:00 to 2026-03-03 05:00"])
    days = api.manager.get(f"/analytics/downtime?{DAY}&groupBy=day").json["steps"]
    assert [(day["first"], day["minutes"]) for day in days] == [("2026-03-02", 240), ("2026-03-03", 90)]


def test_names_in_a_file_are_no_formulas(api: Api, plant: Plant) -> None:
    with unit_of_work(api.session):
        factories.make_part(api.session, 2, part_name='=HYPERLINK("http://x")', part_number="@A1")
    plant.time.advance(minutes=1)
    wanted = {"report": "inventory", "format": "csv", "from": SINCE}
    lines = list(csv.reader(io.StringIO(api.admin.post("/reports/export", wanted).data.decode("utf-8-sig"))))
    assert ["'@A1", '\'=HYPERLINK("http://x")'] in [line[:2] for line in lines]
    answer = api.admin.post("/reports/export", {**wanted, "format": "xlsx"})
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).worksheets[0]
    cells = [cell for row in sheet.iter_rows() for cell in row if str(cell.value).startswith(("=", "@"))]
    assert [cell.data_type for cell in cells] == ["s", "s"]


def test_filters_of_an_export(api: Api, plant: Plant) -> None:
    wanted = order("downtime", "csv", filters={"machineId": plant.saw.id})
    lines = api.manager.post("/reports/export", wanted).data.decode("utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in lines] == ["Machine", "Saw", "Total"]
    refused = api.manager.post("/reports/export", order("inventory", "csv", filters={"machineId": 1}))
    assert (refused.status_code, refused.json["code"]) == (422, "FILTER_NOT_POSSIBLE")
    assert list(refused.json["errors"]) == ["machineId"]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"report": "secrets"}, "report"), ({"format": "docx"}, "format"), ({"colour": "red"}, "colour")],
)
def test_what_is_wrong_stands_at_its_field(api: Api, change: dict[str, str], field: str) -> None:
    answer = api.admin.post("/reports/export", {**order("downtime", "csv"), **change})
    assert answer.status_code == 400
    assert list(answer.json["errors"]) == [field]


def test_an_export_repeated_with_its_key_is_the_same_file(api: Api, plant: Plant) -> None:
    first = api.manager.post("/reports/export", order("downtime", "xlsx"), key="k-1")
    plant.time.advance(minutes=5)
    again = api.manager.post("/reports/export", order("downtime", "xlsx"), key="k-1")
    assert again.data == first.data
    assert again.headers["Content-Disposition"] == first.headers["Content-Disposition"]


# -- who sees what -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        *((path, "ADMIN SUPERVISOR MAINTENANCE_MANAGER") for path in MAINTENANCE),
        *((path, "ADMIN MAINTENANCE_MANAGER INVENTORY_MANAGER") for path in STOCK),
    ],
)
def test_who_may_read_a_report_may_export_it(api: Api, path: str, allowed: str) -> None:
    for role, caller in api.by_role.items():
        expected = 200 if role in allowed.split() else 401 if role == "anonymous" else 403
        assert caller.get(f"/reports/{path}").status_code == expected
        assert caller.post("/reports/export", order(path, "csv")).status_code == expected


def test_supervisors_get_their_departments_reports(api: Api, plant: Plant) -> None:
    supervisor = api.someone(Role.SUPERVISOR, department_id=plant.assembly.id)
    found = supervisor.get(f"/reports/downtime?{DAY}").json
    assert [row["machine"] for row in found["rows"]] == ["Robot"]
    assert found["subtitle"][-1] == "Department: Assembly"
    lines = supervisor.post("/reports/export", order("downtime", "csv")).data.decode("utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in lines] == ["Machine", "Robot", "Total"]
    other = order("downtime", "csv", filters={"departmentId": plant.press_shop.id})
    assert supervisor.post("/reports/export", other).status_code == 403
    assert supervisor.get(f"/reports/downtime?{DAY}&departmentId={plant.press_shop.id}").status_code == 403


def test_statements_do_not_grow_with_the_data(api: Api, plant: Plant, statements) -> None:
    for name in ReportName:
        with statements() as few:
            api.admin.get(f"/reports/{name}?from=2026-02-20T00:00:00Z&until=2026-02-21T00:00:00Z")
        with statements() as many:
            api.admin.get(f"/reports/{name}?{DAY}")
        assert len(few) == len(many)
