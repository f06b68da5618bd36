"""Downtime, failures, types, costs, consumption and repairs against what the day's story says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from app.domain import machines as machine_rules
from app.domain import settings
from app.domain.analytics.consumption import consumption
from app.domain.analytics.costs import costs
from app.domain.analytics.dashboard import dashboard
from app.domain.analytics.downtime import downtime
from app.domain.analytics.efficiency import repairs
from app.domain.analytics.failures import failures
from app.domain.analytics.maintenance_types import maintenance_types
from app.domain.analytics.preventive import compliance
from app.domain.analytics.scope import Scope
from app.domain.preventive import meters
from app.domain.preventive.completion import log_completion
from app.domain.preventive.jobs import call_off, get_job, machine_out_of_use, open_job
from app.errors import BusinessError
from tests.conftest import START
from tests.factories import make_failure_code, make_machine, make_part, make_preventive_task

pytestmark = pytest.mark.databases

FIGURES = (compliance, downtime, consumption, failures, maintenance_types, costs, repairs, dashboard)


# -- downtime ----------------------------------------------------------------------------------------


def test_downtimes_of_one_machine_that_overlap_count_once(session, plant):
    found = downtime(session, plant.day)
    # Press 90 + 60 (14:00-15:00, twice down between 14:10 and 14:20) + 30; saw 45 + 45; robot 60.
    assert [(row.machine.name, row.stops, row.minutes, row.longest_minutes) for row in found.machines] == [
        ("Press", 3, 180, 90),
        ("Saw", 2, 90, 45),
        ("Robot", 1, 60, 60),
    ]
    assert (found.stops, found.minutes) == (6, 330)
    assert [row.share for row in found.machines] == [180 / 330, 90 / 330, 60 / 330]
    assert [row.is_down for row in found.machines] == [False, False, True]


def test_downtime_is_clipped_to_the_period(session, plant):
    found = downtime(session, Scope(plant.at(10), START.replace(hour=14, minute=5)))
    assert found.minutes == 0  # at ten, nothing later has happened yet
    plant.at(20)
    found = downtime(session, Scope(START.replace(hour=10), START.replace(hour=14, minute=5)))
    assert {row.machine.name: row.minutes for row in found.machines} == {"Press": 35, "Saw": 90}


def test_an_open_downtime_lasts_until_now_and_not_into_the_future(session, plant):
    evening = Scope(START.replace(hour=18), START.replace(hour=23))
    assert downtime(session, evening).minutes == 60
    plant.at(21, 30)
    assert downtime(session, evening).minutes == 150


def test_what_ends_as_the_period_begins_is_not_in_it(session, plant):
    assert downtime(session, Scope(START.replace(hour=15), START.replace(hour=16))).machines == ()


def test_downtime_by_department_machine_and_technician(session, plant):
    day = plant.day
    assert downtime(session, replace(day, department_id=plant.assembly.id)).minutes == 60
    assert downtime(session, replace(day, machine_id=plant.press.id)).minutes == 180
    assert downtime(session, replace(day, technician_id=plant.helper.id)).minutes == 90


def test_steps_are_days_of_the_sites_time_zone(session, plant):
    # 19:00-20:00 UTC is 4:00-5:00 of Tuesday in Tokyo; 14:00-15:00 UTC ends at its midnight.
    settings.change_site(session, None, time_zone="Asia/Tokyo")
    steps = downtime(session, plant.day, "day").steps
    assert [(step.first, step.stops, step.minutes) for step in steps] == [
        (date(2026, 3, 2), 4, 90 + 90 + 60),
        (date(2026, 3, 3), 2, 30 + 60),
    ]


def test_steps_may_be_days_of_another_time_zone(session, plant):
    scope = replace(plant.day, zone=ZoneInfo("Asia/Tokyo"))
    assert [step.minutes for step in downtime(session, scope, "day").steps] == [240, 90]
    assert [step.quantity for step in consumption(session, scope, "day").steps] == [3, 3]
    assert [step.labour_minutes for step in costs(session, scope, "day").steps] == [160, 45]


def test_a_downtime_over_midnight_is_divided(session, plant):
    plant.at(23, 59)
    plant.time.advance(minutes=31)
    scope = Scope(START.replace(hour=18), START + timedelta(days=1))
    steps = downtime(session, scope, "day").steps
    assert [(step.stops, step.minutes) for step in steps] == [(1, 300), (0, 30)]


# -- consumption and costs ---------------------------------------------------------------------------


def test_consumption_is_what_left_the_store(session, plant):
    found = consumption(session, plant.day, "day")
    assert [(row.part_id, row.movements, row.quantity, row.cost) for row in found.parts] == [
        (plant.bearing.id, 2, 5, Decimal("49.00")),
        (plant.seal.id, 1, 1, Decimal("48.50")),
    ]
    assert (found.quantity, found.cost) == (6, Decimal("97.50"))
    assert found.parts[0].share == pytest.approx(49 / 97.5)
    assert [(row.group_name, row.cost) for row in found.groups] == [
        ("Bearings", Decimal("49.00")),
        ("Hydraulics", Decimal("48.50")),
    ]
    assert [(step.first, step.quantity, step.cost) for step in found.steps] == [
        (date(2026, 3, 2), 6, Decimal("97.50"))
    ]


def test_consumption_of_a_machine_is_what_went_into_its_work(session, plant):
    saw = consumption(session, replace(plant.day, machine_id=plant.saw.id))
    assert (saw.quantity, saw.cost) == (2, Decimal("19.60"))
    assert consumption(session, replace(plant.day, part_group="20")).cost == Decimal("48.50")
    assert consumption(session, replace(plant.day, department_id=plant.assembly.id)).parts == ()


def test_costs_are_parts_in_money_and_labour_in_minutes(session, plant):
    found = costs(session, plant.day, "week")
    assert (found.parts, found.labour_minutes, found.currency) == (Decimal("68.10"), 205, "EUR")
    assert [(row.machine.name, row.parts, row.labour_minutes) for row in found.machines] == [
        ("Press", Decimal("48.50"), 135),
        ("Saw", Decimal("19.60"), 70),
    ]
    assert [(row.department, row.parts, row.labour_minutes) for row in found.departments] == [
        ("Press shop", Decimal("68.10"), 205)
    ]
    assert [(row.group_number, row.parts) for row in found.groups] == [
        ("20", Decimal("48.50")),
        ("10", Decimal("19.60")),
    ]
    assert [(row.first, row.parts, row.labour_minutes) for row in found.steps] == [
        (date(2026, 3, 2), Decimal("68.10"), 205)
    ]


def test_working_time_is_not_known_by_part_group(session, plant):
    found = costs(session, replace(plant.day, part_group="10"), "day")
    assert (found.parts, found.labour_minutes) == (Decimal("19.60"), None)
    assert [row.labour_minutes for row in (*found.machines, *found.departments, *found.steps)] == [None] * 3
    assert any("not recorded by part group" in sentence for sentence in found.included)


# -- failures, types, repairs ------------------------------------------------------------------------


def test_failures_in_pareto_order(session, plant):
    found = failures(session, plant.day)
    rows = [(row.code, row.failures, row.downtime_minutes, row.parts_cost) for row in found.codes]
    assert rows == [
        ("DRIVE", 2, 50 + 60, Decimal(0)),
        ("LEAK", 2, 90 + 20, Decimal("48.50")),
        ("", 1, 90, Decimal("19.60")),  # the false alarm does not count
    ]
    assert [row.share for row in found.codes] == [0.4, 0.4, 0.2]
    assert [row.cumulative_share for row in found.codes] == [0.4, 0.8, 1.0]
    assert (found.failures, found.parts_cost) == (5, Decimal("68.10"))
    assert [(row.machine.name, row.failures) for row in found.machines] == [
        ("Press", 3),
        ("Robot", 1),
        ("Saw", 1),
    ]


@pytest.mark.parametrize(
    ("measure", "codes"), [("cost", ["LEAK", "", "DRIVE"]), ("downtime", ["DRIVE", "LEAK", ""])]
)
def test_failures_by_other_measures(session, plant, measure, codes):
    found = failures(session, plant.day, measure)
    assert [row.code for row in found.codes] == codes
    assert found.codes[-1].cumulative_share == 1.0


def test_without_failures_there_are_no_shares(session, plant):
    assert failures(session, replace(plant.day, until=START.replace(hour=9))).codes == ()
    by_cost = failures(session, replace(plant.day, department_id=plant.assembly.id), "cost")
    assert [(row.share, row.cumulative_share) for row in by_cost.codes] == [(0.0, 0.0)]


def test_maintenance_types(session, plant):
    found = maintenance_types(session, plant.day)
    (row,) = found.types
    # Press 70 + 20 + 45, saw 30 + 40 minutes of work.
    assert (row.code, row.jobs, row.labour_minutes, row.share) == ("CORR", 4, 205, 1.0)
    assert (row.downtime_minutes, row.parts_cost) == (90 + 20 + 50 + 90, Decimal("68.10"))


def test_repairs_tell_response_resolution_and_rework(session, plant):
    found = repairs(session, plant.day)
    saw = next(row.times for row in found.machines if row.machine.name == "Saw")
    assert (saw.completed, saw.reworked, saw.resolution_minutes, saw.first_time_share) == (1, 1, 120, 0.0)
    # Press: 90, 20 and 50 minutes.
    press = next(row.times for row in found.machines if row.machine.name == "Press")
    assert (press.completed, press.reworked, press.resolution_minutes, press.response_minutes) == (
        3,
        0,
        53,
        0,
    )
    assert found.overall.first_time_share == 0.75
    nothing = repairs(session, replace(plant.day, department_id=plant.assembly.id)).overall
    assert (nothing.resolution_minutes, nothing.response_minutes, nothing.first_time_share) == (None,) * 3


def test_preventive_compliance(session, plant):
    """Daily from Monday the 2nd: done on the day, a day late, skipped, and then not any more."""
    task = make_preventive_task(session, machine=plant.saw, rrule="FREQ=DAILY")
    settings.change_site(session, None, time_zone="Asia/Tokyo")
    other = make_preventive_task(session, machine=plant.robot, rrule="FREQ=WEEKLY;BYDAY=FR")
    plant.time.time = START.replace(hour=14, minute=59)  # 23:59 in Tokyo
    log_completion(session, task, plant.technician.id, minutes_spent=12)
    plant.time.time = START + timedelta(days=2)
    log_completion(session, task, plant.technician.id, minutes_spent=8)  # that of the 3rd
    log_completion(session, task, None, outcome="SKIPPED", notes="The machine was not needed.")
    plant.time.time = START + timedelta(days=5)

    week = Scope(START - timedelta(hours=17), START + timedelta(days=7) - timedelta(hours=17))
    found = compliance(session, week)
    # The 5th and the 6th of the saw are past, and the 6th of the robot; in Tokyo it is the 7th.
    assert (found.on_time, found.late, found.skipped, found.overdue) == (1, 1, 1, 3)
    assert (found.due, found.compliance) == (6, 1 / 6)
    saw = compliance(session, replace(week, machine_id=plant.saw.id))
    assert (saw.due, compliance(session, replace(week, department_id=plant.assembly.id)).due) == (5, 1)
    monday = compliance(session, replace(week, until=week.since + timedelta(days=1)))
    assert (monday.due, monday.compliance) == (1, 1.0)
    assert compliance(session, Scope(START - timedelta(days=9), START - timedelta(days=8))).compliance is None
    assert other.next_due_on == date(2026, 3, 6)
    assert costs(session, replace(week, machine_id=plant.saw.id)).labour_minutes == 70 + 20
    steps = costs(session, replace(week, machine_id=plant.saw.id), "day").steps
    assert [step.labour_minutes for step in steps[:3]] == [70 + 12, 0, 8]


def test_each_due_date_that_nobody_dealt_with_is_overdue(session, plant):
    """Daily from Monday the 2nd. Jobs of the 2nd to the 5th were opened, and those of the 4th dealt with."""
    task = make_preventive_task(session, machine=plant.saw, rrule="FREQ=DAILY")
    for number, day in enumerate((2, 3, 4, 5)):
        open_job(session, task, date(2026, 3, day), f"PM-2026-{number}")
    plant.time.time = START.replace(day=4)
    log_completion(session, task, plant.technician.id, due_on=date(2026, 3, 4))
    plant.time.time = START.replace(day=9)
    month = Scope(START.replace(day=1, hour=0), START.replace(day=31, hour=0))
    # The 2nd, 3rd and 5th are open; on the 6th, 7th and 8th nothing was opened; the 9th is not over.
    found = compliance(session, month)
    assert (found.on_time, found.overdue) == (1, 6)
    assert found.compliance == 1 / 7
    weekend = Scope(START.replace(day=7, hour=0), START.replace(day=9, hour=0))
    assert compliance(session, weekend).overdue == 2

    call_off(session, get_job(session, task.id, date(2026, 3, 3)), None, "The line was being moved.")
    assert compliance(session, month).overdue == 5
    machine_rules.set_status(session, plant.saw, "DECOMMISSIONED", None)
    machine_out_of_use(session, plant.saw, None)
    found = compliance(session, month)
    assert (found.on_time, found.overdue, found.compliance) == (1, 0, 1.0)


def test_a_task_by_the_meter_is_overdue_once(session, plant):
    task = make_preventive_task(session, machine=plant.saw, meter_interval=100)
    meters.record(session, plant.saw, "0", None)
    plant.time.time = START.replace(day=3)
    meters.record(session, plant.saw, "150", None)
    assert task.next_due_on == date(2026, 3, 3)
    plant.time.time = START.replace(day=9)
    month = Scope(START.replace(day=1, hour=0), START.replace(day=31, hour=0))
    assert compliance(session, month).overdue == 1


# -- dashboard ---------------------------------------------------------------------------------------


def test_the_dashboard(session, plant):
    found = dashboard(session, plant.day)
    assert found.open_requests == 1
    assert found.open_by_status == {"PENDING": 0, "IN_PROGRESS": 1, "WAITING_PARTS": 0}
    assert found.open_by_priority == {"LOW": 0, "MEDIUM": 0, "HIGH": 1, "CRITICAL": 0}
    assert (found.unassigned, found.oldest_open) == (0, START.replace(hour=19))
    assert found.machines_by_status == {"OPERATIONAL": 2, "DOWN": 1, "MAINTENANCE": 0, "DECOMMISSIONED": 0}
    assert (found.low_stock, [part.part_id for part in found.low_parts]) == (1, [plant.seal.id])
    assert (found.downtime.minutes, found.previous_downtime_minutes) == (330, 0)
    assert [row.machine.name for row in found.top_machines] == ["Press", "Saw", "Robot"]
    activity = found.activity
    assert (activity.reported, activity.completed, activity.cancelled) == (6, 4, 1)
    assert (activity.parts_requested, activity.parts_closed) == (2, 2)
    assert found.previous_activity.reported == 0


def test_the_dashboard_compares_with_the_period_before(session, plant):
    evening = Scope(START.replace(hour=18), START.replace(hour=20))
    found = dashboard(session, evening)
    assert (found.downtime.minutes, found.previous_downtime_minutes) == (60, 30)
    assert (found.activity.reported, found.previous_activity.cancelled) == (1, 1)


def test_the_dashboard_of_a_department(session, plant):
    found = dashboard(session, replace(plant.day, department_id=plant.press_shop.id))
    assert (found.open_requests, found.downtime.minutes) == (0, 270)
    assert found.machines_by_status["DOWN"] == 0


# -- all of them -------------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", FIGURES)
def test_statements_do_not_grow_with_the_data(session, plant, counted, figure):
    session.commit()
    figure(session, plant.day)
    with counted() as before:
        figure(session, plant.day)
    plant.at(20)
    for _ in range(3):
        code, part = make_failure_code(session), make_part(session, 5)
        request = plant.report(make_machine(session), code)
        plant.issue(request, part, 1)
        plant.time.advance(minutes=5)
        plant.repaired(request, 5)
    session.commit()
    scope = replace(plant.day, until=plant.time.time)
    with counted() as after:
        figure(session, scope)
    assert len(before) == len(after)


@pytest.mark.parametrize("figure", FIGURES)
def test_a_period_in_which_nothing_happened_and_one_to_come(session, plant, figure):
    figure(session, Scope(START - timedelta(days=30), START - timedelta(days=20)))
    figure(session, Scope(START + timedelta(days=20), START + timedelta(days=30)))


@pytest.mark.parametrize("figure", FIGURES)
def test_an_empty_factory(session, time, figure):
    figure(session, Scope(START, START + timedelta(days=1)))


def test_a_period_ends_after_it_begins():
    with pytest.raises(BusinessError, match="ends before") as refused:
        Scope(START, START)
    assert (refused.value.code, refused.value.field) == ("BAD_PERIOD", "until")


def test_a_period_has_an_end():
    with pytest.raises(BusinessError, match="20 years") as refused:
        Scope(START - timedelta(days=365 * 21), START)
    assert (refused.value.code, refused.value.field) == ("PERIOD_TOO_LONG", "until")


def test_too_many_steps_are_refused(session, plant):
    scope = Scope(START - timedelta(days=4000), START)
    with pytest.raises(BusinessError) as refused:
        downtime(session, scope, "day")
    assert (refused.value.code, refused.value.field) == ("PERIOD_TOO_LONG", "groupBy")
    assert len(downtime(session, scope, "month").steps) == 133
