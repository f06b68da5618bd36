"""The six reports, against the day's story and against each other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.domain import settings, stock
from app.domain.analytics.scope import Scope
from app.domain.reports import catalogue, valuation
from app.domain.reports.catalogue import ReportName
from app.domain.reports.model import Kind, Totals
from app.errors import BusinessError
from tests.conftest import START
from tests.factories import make_location, make_part

pytestmark = pytest.mark.databases


def read(session, name, scope):
    """The report, its rows as mappings, and its totals as one."""
    report = catalogue.build(session, name, scope)
    totals = Totals(report)
    keys = [column.key for column in report.columns]
    rows = []
    for row in report.rows:
        totals.add(row)
        rows.append(dict(zip(keys, row, strict=True)))
    total = totals.row()
    return report, rows, None if total is None else dict(zip(keys, total, strict=True))


def part_row(rows, part):
    return next(row for row in rows if row["partNumber"] == part.part_number)


def test_downtime(session, plant):
    report, rows, total = read(session, "downtime", plant.day)
    assert [(row["machine"], row["stops"], row["downtimeMinutes"]) for row in rows] == [
        ("Press", 3, 180),
        ("Saw", 2, 90),
        ("Robot", 1, 60),
    ]
    assert [row["availability"] for row in rows] == [0.75, 0.875, pytest.approx(11 / 12)]
    assert (total["stops"], total["downtimeMinutes"]) == (6, 330)
    assert total["availability"] == pytest.approx(1 - 330 / 2160)
    assert report.subtitle == ("2026-03-02 08:00 to 2026-03-02 20:00",)
    assert (report.site, report.currency) == ("Northfield", "EUR")


def test_what_a_report_is_narrowed_to_stands_above_it(session, plant):
    scope = Scope(
        START.replace(hour=0),
        START.replace(hour=0) + timedelta(days=2),
        department_id=plant.assembly.id,
        machine_id=plant.robot.id,
    )
    report, rows, _ = read(session, "downtime", scope)
    assert report.subtitle == ("2026-03-02 to 2026-03-03", "Department: Assembly", "Machine: Robot")
    assert [row["machine"] for row in rows] == ["Robot"]


def test_consumption(session, plant):
    _, rows, total = read(session, "consumption", plant.day)
    assert [(row["quantity"], row["cost"]) for row in rows] == [(5, Decimal("49.00")), (1, Decimal("48.50"))]
    assert (total["quantity"], total["cost"]) == (6, Decimal("97.50"))


def test_inventory(session, plant):
    stock.record_movement(session, plant.bearing.id, "ADJUSTMENT", -2, by=None)
    other = make_location(session)
    stock.record_movement(session, plant.bearing.id, "TRANSFER", 9, to_location_id=other.id, by=None)
    plant.time.advance(hours=1)
    stock.record_movement(session, plant.bearing.id, "IN", 100, by=None)
    scope = Scope(START.replace(hour=12), START.replace(hour=20, minute=30))
    report, rows, _ = read(session, "inventory", scope)
    bearing = part_row(rows, plant.bearing)
    assert [bearing[key] for key in ("opening", "received", "issued", "adjusted", "closing")] == [
        40, 0, 5, -2, 33,
    ]  # fmt: skip
    seal = part_row(rows, plant.seal)
    assert [seal[key] for key in ("opening", "closing", "minimum", "missing")] == [9, 9, 10, 1]
    assert all(
        row["opening"] + row["received"] - row["issued"] + row["adjusted"] == row["closing"] for row in rows
    )
    assert report.chart is None


def test_inventory_leaves_out_parts_that_are_no_longer_in_use_once_they_are_gone(session, plant):
    gone, kept = make_part(session, active=False), make_part(session, 3, active=False)
    unused = make_part(session)
    numbers = [row["partNumber"] for row in read(session, "inventory", plant.day)[1]]
    # The part that is kept was bought at 20:00, just after the day.
    assert gone.part_number not in numbers and unused.part_number in numbers
    assert kept.part_number not in numbers
    later = replace(plant.day, until=START + timedelta(days=1))
    assert part_row(read(session, "inventory", later)[1], kept)["closing"] == 3


def test_valuation_at_the_moving_average(session, plant):
    part = make_part(session, unit_price=Decimal("9.00"))
    for kind, quantity, cost in (
        ("IN", 10, Decimal("4.00")),
        ("OUT", 4, None),  # the average stays 4
        ("IN", 3, Decimal("7.00")),  # (6 x 4 + 3 x 7) / 9 = 5
        ("ADJUSTMENT", -2, None),
        ("ADJUSTMENT", 1, None),
    ):
        stock.record_movement(session, part.id, kind, quantity, by=None, unit_cost=cost)
    plant.time.advance(minutes=1)
    scope = replace(plant.day, until=START + timedelta(days=1))
    report, rows, total = read(session, "valuation", scope)
    row = part_row(rows, part)
    assert (row["quantity"], row["averageCost"], row["value"]) == (8, Decimal("5.0000"), Decimal("40.00"))
    # 9 seals at 48.50 and 35 bearings at 9.80.
    assert total["value"] == Decimal("436.50") + Decimal("343.00") + Decimal("40.00")
    assert report.subtitle == ("As of 2026-03-02 20:01",)


def test_valuation_first_in_first_out(session, plant):
    part = make_part(session, unit_price=Decimal("9.00"))
    for kind, quantity, cost in (
        ("IN", 10, Decimal("4.00")),
        ("OUT", 4, None),  # 6 x 4 are left
        ("IN", 3, Decimal("7.00")),  # 6 x 4 + 3 x 7 = 45
        ("ADJUSTMENT", -2, None),  # 4 x 4 + 3 x 7 = 37
        ("ADJUSTMENT", 1, None),  # one more at 37 / 7 = 5.29
    ):
        stock.record_movement(session, part.id, kind, quantity, by=None, unit_cost=cost)
    plant.time.advance(minutes=1)
    scope = replace(plant.day, until=START + timedelta(days=1))
    settings.change_site(session, None, costing_method="FIFO")
    report, rows, _ = read(session, "valuation", scope)
    row = part_row(rows, part)
    assert (row["quantity"], row["averageCost"], row["value"]) == (8, Decimal("5.2863"), Decimal("42.29"))
    assert "first in, first out" in report.notes[0]


def test_valuation_by_group_is_the_sum_of_its_parts(session, plant):
    scope = replace(plant.day, until=START + timedelta(days=1))
    make_part(session, 2, unit_price=Decimal("700.00"), group_number="90", group_name="Drives")
    plant.time.advance(minutes=1)
    _, _, total = read(session, "valuation", scope)
    groups = valuation.by_group(session, scope)
    assert sum(group.average_value for group in groups) == total["value"]
    assert (groups[0].group_name, groups[0].parts, groups[0].quantity) == ("Drives", 1, 2)


def test_valuation_by_location_divides_the_value_of_each_part(session, plant):
    shelf, rack = make_location(session, name="Shelf"), make_location(session, name="Rack")
    part = make_part(session, location=shelf, group_number="90")
    stock.record_movement(session, part.id, "IN", 3, by=None, unit_cost=Decimal("3.34"), location_id=shelf.id)
    stock.record_movement(session, part.id, "OUT", 1, by=None, location_id=shelf.id)  # 6.68 are left
    stock.record_movement(session, part.id, "IN", 1, by=None, unit_cost=Decimal("3.32"), location_id=rack.id)
    plant.time.advance(minutes=1)
    drives = replace(plant.day, until=plant.time(), part_group="90")
    # 10.00 / 3 pieces: 6.666... and 3.333...; the cent that is left goes where more was cut off.
    report, rows, total = read(session, "valuation-by-location", drives)
    assert [(row["location"], row["parts"], row["quantity"], row["value"]) for row in rows] == [
        ("Shelf", 1, 2, Decimal("6.67")),
        ("Rack", 1, 1, Decimal("3.33")),
    ]
    assert (total["quantity"], total["value"], total["parts"]) == (3, Decimal("10.00"), None)
    assert "largest remainder" in report.notes[-1]
    plant.time.advance(minutes=1)
    stock.record_movement(
        session, part.id, "TRANSFER", 2, by=None, location_id=shelf.id, to_location_id=rack.id
    )
    plant.time.advance(minutes=1)
    assert read(session, "valuation-by-location", drives)[1] == rows  # as it was
    (row,) = read(session, "valuation-by-location", replace(drives, until=plant.time()))[1]
    assert (row["location"], row["quantity"], row["value"]) == ("Rack", 3, Decimal("10.00"))
    # Of all parts, the locations and the parts add up to the same.
    everything = replace(plant.day, until=plant.time())
    _, _, total = read(session, "valuation", everything)
    places = valuation.by_location(session, everything)
    assert sum(place.average_value for place in places) == total["value"]


def test_valuation_of_another_day(session, plant):
    _, rows, total = read(session, "valuation", Scope(START, START.replace(hour=10)))
    # One seal was used at nine.
    assert (part_row(rows, plant.seal)["quantity"], total["value"]) == (
        9,
        Decimal("436.50") + Decimal("392.00"),
    )


def test_maintenance_efficiency(session, plant):
    _, rows, total = read(session, "maintenance-efficiency", plant.day)
    press, robot, saw = rows
    assert (press["machine"], press["completed"], press["firstTimeShare"]) == ("Press", 3, 1.0)
    assert (press["labourMinutes"], press["partsCost"]) == (135, Decimal("48.50"))
    assert (press["failures"], press["mtbfMinutes"], press["mttrMinutes"]) == (2, 270, 75)
    assert (saw["firstTimeShare"], saw["resolutionMinutes"], saw["availability"]) == (0.0, 120, 0.875)
    assert (robot["completed"], robot["firstTimeShare"], robot["responseMinutes"]) == (0, None, None)
    assert (total["completed"], total["failures"], total["mttrMinutes"]) == (4, 4, 75)
    assert (total["labourMinutes"], total["partsCost"]) == (205, Decimal("68.10"))


def test_failure_analysis(session, plant):
    report, rows, total = read(session, "failure-analysis", plant.day)
    assert [(row["code"], row["failures"], row["cumulativeShare"]) for row in rows] == [
        ("DRIVE", 2, 0.4),
        ("LEAK", 2, 0.8),
        ("", 1, 1.0),
    ]
    assert (total["failures"], total["share"]) == (5, 1.0)
    assert report.chart.line == "cumulativeShare"


@pytest.mark.parametrize(
    ("name", "filters", "field"),
    [
        ("inventory", {"machine_id": 1}, "machineId"),
        ("valuation", {"department_id": 1}, "departmentId"),
        ("downtime", {"part_group": "10"}, "partGroup"),
        ("maintenance-efficiency", {"part_group": "10"}, "partGroup"),
        ("failure-analysis", {"part_group": "10"}, "partGroup"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(session, plant, name, filters, field):
    with pytest.raises(BusinessError) as refused:
        catalogue.build(session, name, replace(plant.day, **filters))
    assert (refused.value.code, refused.value.field) == ("FILTER_NOT_POSSIBLE", field)


@pytest.mark.parametrize("name", ["inventory", "valuation", "consumption"])
def test_reports_of_one_part_group(session, plant, name):
    report, rows, _ = read(session, name, replace(plant.day, part_group="20"))
    assert [row["partNumber"] for row in rows] == [plant.seal.part_number]
    assert report.subtitle[-1] == "Part group: 20 Hydraulics"


@pytest.mark.parametrize("name", list(ReportName))
def test_every_report_of_an_empty_factory(session, time, name):
    report, rows, total = read(session, name, Scope(START, START + timedelta(days=1)))
    assert rows == []
    assert total is not None
    assert report.title and report.columns[0].kind == Kind.TEXT


@pytest.mark.parametrize("name", list(ReportName))
def test_cells_are_what_their_columns_say(session, plant, name):
    types = {
        Kind.TEXT: str, Kind.INTEGER: int, Kind.MINUTES: int,
        Kind.MONEY: Decimal, Kind.DECIMAL: Decimal, Kind.PERCENT: float,
    }  # fmt: skip
    report, rows, _ = read(session, name, plant.day)
    assert rows
    for row in rows:
        for column in report.columns:
            assert row[column.key] is None or isinstance(row[column.key], types[column.kind])
    if report.chart:
        keys = {column.key for column in report.columns}
        assert {report.chart.label, report.chart.value} <= keys
