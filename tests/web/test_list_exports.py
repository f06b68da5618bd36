"""Lists as files: short ones at once, long ones in the background, as whoever wants them may see them."""

from __future__ import annotations

import csv
import io
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.activity import ActivityLog
from app.domain.exports import Export
from app.domain.notifications import Notification
from app.domain.people import Role
from app.domain.queries import inventory
from app.domain.queries.paging import AT_ONCE, EVERY
from app.web import list_files
from app.web.list_exports import ListReports
from tests.factories import make_location, make_part
from tests.web.conftest import Factory, SignIn


@pytest.fixture(autouse=True)
def long_from_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_files, "AT_ONCE", 1)


def lines(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


def written(factory: Factory) -> Export:
    """The only export, once all jobs are done."""
    factory.jobs.sweep(whoever_leads=True)
    factory.session.rollback()
    factory.session.expire_all()
    return factory.session.scalars(sa.select(Export)).one()


def test_a_long_list_is_written_in_the_background_with_its_filters_and_columns(
    factory: Factory, sign_in: SignIn
) -> None:
    with unit_of_work(factory.session) as session:
        for number in range(3):
            make_part(session, 2, part_name=f"Ball bearing {number}", unit_price=5)
        make_part(session, part_name="Shaft")
    keeper = sign_in(factory.storekeeper)
    address = "/parts/export.csv?q=ball&sort=-partName"
    asked = keeper.get(address).text
    assert "Export in the background?" in asked
    assert "Search: ball" in asked
    assert factory.session.scalars(sa.select(Export)).all() == []  # looking asks for nothing
    assert keeper.post(address).location == "/exports"
    assert "Spare parts: Search: ball" in keeper.get("/exports").text
    row = written(factory)
    assert (row.state, row.rows_written, row.rows_expected, row.error) == ("DONE", 3, 3, "")
    table = lines(keeper.get(f"/exports/{row.id}/file").text)
    assert [line[1] for line in table[1:4]] == ["Ball bearing 2", "Ball bearing 1", "Ball bearing 0"]
    assert table[0][-1] == "Value"  # for those who see what parts cost
    told = factory.session.scalars(
        sa.select(Notification).where(Notification.user_id == factory.storekeeper.id)
    )
    assert [note.title for note in told if note.link == "/exports"] == [
        "Your export is ready: Spare parts: Search: ball"
    ]


def test_what_its_reader_may_see_counts_when_it_is_written(factory: Factory, sign_in: SignIn) -> None:
    with unit_of_work(factory.session) as session:
        for number in range(2):
            make_part(session, part_name=f"Ball bearing {number}")
    keeper = sign_in(factory.storekeeper)
    keeper.post("/parts/export.csv")
    with unit_of_work(factory.session):
        factory.storekeeper.role = Role.MAINTENANCE_TECH
    row = written(factory)
    table = lines(sign_in(factory.storekeeper).get(f"/exports/{row.id}/file").text)
    assert "Value" not in table[0]


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("role", Role.MAINTENANCE_TECH, "This is for: Administrator, Maintenance manager."),
        ("active", False, "Whoever asked for this list may no longer sign in."),
    ],
)
def test_who_may_no_longer_read_a_list_gets_none(
    factory: Factory, sign_in: SignIn, column: str, value: Any, told: str
) -> None:
    browser = sign_in(factory.manager)
    assert browser.post("/users/export.xlsx").location == "/exports"
    with unit_of_work(factory.session):
        setattr(factory.manager, column, value)
    row = written(factory)
    assert (row.state, row.size, row.error) == ("FAILED", 0, told)


def test_every_list_can_be_written_in_the_background(factory: Factory, application: Flask) -> None:
    """What a view hands over needs nothing of the request that has asked."""
    rules = [
        rule.rule.replace("<form>", "xlsx")
        for rule in application.url_map.iter_rules()
        if rule.rule.endswith("/export.<form>") and "POST" in (rule.methods or ())
        if not rule.rule.startswith("/reports/") and "<int:" not in rule.rule
    ]
    assert len(rules) == 14
    reports = ListReports(lambda: application)
    for address in rules:
        with reports(factory.admin.id, address) as report:
            assert list(report.rows) is not None, address


def test_taking_the_log_is_logged_when_it_is_asked_for(factory: Factory, sign_in: SignIn) -> None:
    sign_in(factory.manager)
    admin = sign_in(factory.admin)
    address = "/activity/export.xlsx?kind=USER"
    assert "in the background" in admin.get(address).text
    for _ in range(2):
        admin.post(address)
    factory.jobs.sweep(whoever_leads=True)
    factory.session.rollback()
    taken = sa.select(ActivityLog).where(ActivityLog.action == "EXPORT_ACTIVITY_LOG")
    assert [entry.after for entry in factory.session.scalars(taken)] == [{"kind": "USER"}] * 2
    first, second = factory.session.scalars(sa.select(Export).order_by(Export.id))
    assert (first.state, second.state) == ("DONE", "DONE")
    book = openpyxl.load_workbook(io.BytesIO(admin.get(f"/exports/{first.id}/file").data))
    assert book.active is not None
    assert {row[5].value for row in list(book.active.rows)[1:]} == {"USER"}


def test_what_a_format_cannot_hold_is_said_before(
    factory: Factory, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.exports.formats.too_long", lambda form, rows: 1 if form == "pdf" else None)
    browser = sign_in(factory.manager)
    assert "too long" in browser.get("/users/export.pdf").text
    assert browser.post("/users/export.pdf").status_code == 422
    assert factory.session.scalars(sa.select(Export)).all() == []


def test_a_browser_cannot_say_in_whose_name_it_asks(application: Flask) -> None:
    answer = application.test_client().get(
        "/parts/export.csv", headers={"millwright.list_taker": "1", "millwright-list-taker": "1"}
    )
    assert answer.status_code == 302
    assert "/sign-in" in answer.location


@pytest.mark.databases
def test_all_rows_are_read_with_what_belongs_to_them(factory: Factory) -> None:
    """More than one bundle of them, in their order, on every database."""
    with unit_of_work(factory.session) as session:
        shelf = make_location(session)
        for number in range(AT_ONCE + 20):
            make_part(session, 1, location=shelf, part_name=f"Part {number:04}")
    with Session(factory.session.get_bind()) as reading:
        found = inventory.list_parts(reading, page_size=EVERY)
        rows = [(row.part_name, sum(place.quantity for place in row.stock)) for row in found.items]
    assert found.total == AT_ONCE + 20
    assert rows == [(f"Part {number:04}", 1) for number in range(AT_ONCE + 20)]
