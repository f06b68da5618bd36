"""Calendar rules name exactly the days that RFC 5545 says, at month ends and in leap years too."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from app.domain.preventive import recurrence
from app.errors import BusinessError

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
DAYS = st.dates(date(2019, 1, 1), date(2032, 12, 31))
INTERVALS = st.integers(1, 13)


def days(rule, starts_on, last):
    return recurrence.between(recurrence.checked(rule, starts_on), starts_on, starts_on, last)


def every_day(first, last):
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def months_from(start, day):
    return (day.year - start.year) * 12 + day.month - start.month


def weeks_from(start, day):
    """How many Mondays lie between two days' weeks."""
    return ((day - timedelta(days=day.weekday())) - (start - timedelta(days=start.weekday()))).days // 7


@given(DAYS, INTERVALS)
def test_daily(start, interval):
    last = start + timedelta(days=100)
    expected = [day for day in every_day(start, last) if (day - start).days % interval == 0]
    assert days(f"FREQ=DAILY;INTERVAL={interval}", start, last) == expected


@given(DAYS, INTERVALS, st.sets(st.sampled_from(WEEKDAYS), min_size=1))
@example(date(2026, 12, 30), 2, {"MO", "SU"})  # weeks go on over the end of a year
@example(date(2020, 12, 31), 1, {"FR"})  # the year that has a 53rd week
def test_weekly(start, interval, weekdays):
    last = start + timedelta(days=500)
    expected = [
        day
        for day in every_day(start, last)
        if WEEKDAYS[day.weekday()] in weekdays and weeks_from(start, day) % interval == 0
    ]
    rule = f"FREQ=WEEKLY;INTERVAL={interval};BYDAY={','.join(sorted(weekdays))}"
    assert days(rule, start, last) == expected


@given(DAYS, INTERVALS, st.sets(st.integers(-31, 31).filter(bool), min_size=1, max_size=4))
@example(date(2026, 1, 31), 1, {31})
@example(date(2024, 1, 30), 1, {-1})
@example(date(2024, 2, 29), 12, {29})
def test_monthly_by_day_of_the_month(start, interval, month_days):
    last = start + timedelta(days=1500)
    expected = []
    for day in every_day(start, last):
        from_the_end = day.day - monthrange(day.year, day.month)[1] - 1
        if months_from(start, day) % interval == 0 and {day.day, from_the_end} & month_days:
            expected.append(day)
    assume(expected)
    rule = f"FREQ=MONTHLY;INTERVAL={interval};BYMONTHDAY={','.join(map(str, sorted(month_days)))}"
    assert days(rule, start, last) == expected


@given(DAYS, st.integers(1, 4))
@example(date(2026, 1, 31), 1)
def test_monthly_on_the_day_it_began(start, interval):
    last = start + timedelta(days=1500)
    expected = [
        day
        for day in every_day(start, last)
        if day.day == start.day and months_from(start, day) % interval == 0
    ]
    assert days(f"FREQ=MONTHLY;INTERVAL={interval}", start, last) == expected


@given(DAYS, st.sampled_from([1, 2, 3, 4, -1, -2]), st.sampled_from(WEEKDAYS))
def test_monthly_by_the_nth_weekday(start, nth, weekday):
    last = start + timedelta(days=400)

    def counted(day):
        length = monthrange(day.year, day.month)[1]
        return (day.day - 1) // 7 + 1 if nth > 0 else -((length - day.day) // 7 + 1)

    expected = [
        day for day in every_day(start, last) if WEEKDAYS[day.weekday()] == weekday and counted(day) == nth
    ]
    assert days(f"FREQ=MONTHLY;BYDAY={nth}{weekday}", start, last) == expected


@given(DAYS, st.integers(1, 3))
@example(date(2024, 2, 29), 1)
@example(date(2024, 2, 29), 3)
def test_yearly(start, interval):
    last = start + timedelta(days=366 * 13)
    expected = [
        day
        for day in every_day(start, last)
        if (day.month, day.day) == (start.month, start.day) and (day.year - start.year) % interval == 0
    ]
    assert days(f"FREQ=YEARLY;INTERVAL={interval}", start, last) == expected


@given(DAYS, st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]), INTERVALS, st.integers(-400, 800))
def test_each_day_leads_to_the_next_one(start, frequency, interval, distance):
    """What is due next never jumps over a day that the rule names, and never stays."""
    rule = recurrence.checked(f"FREQ={frequency};INTERVAL={interval if frequency != 'YEARLY' else 1}", start)
    day = start + timedelta(days=distance)
    following = recurrence.next_after(rule, start, day)
    assert following > day and following >= start
    known = recurrence.between(rule, start, day + timedelta(days=1), following)
    assert known == [following]
    assert recurrence.first_on_or_after(rule, start, following) == following


def test_the_31st_is_left_out_where_there_is_none_and_the_last_day_is_not():
    start = date(2026, 1, 31)
    assert [d.month for d in days("FREQ=MONTHLY", start, date(2026, 12, 31))] == [1, 3, 5, 7, 8, 10, 12]
    last_days = days("FREQ=MONTHLY;BYMONTHDAY=-1", start, date(2026, 5, 1))
    assert [(d.month, d.day) for d in last_days] == [(1, 31), (2, 28), (3, 31), (4, 30)]


def test_29_february_comes_in_leap_years():
    found = days("FREQ=YEARLY", date(2096, 2, 29), date(2108, 3, 1))
    assert [d.year for d in found] == [2096, 2104, 2108]  # 2100 is none


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("freq=weekly;byday=mo,th", "FREQ=WEEKLY;BYDAY=MO,TH"),
        (" RRULE:INTERVAL=3;FREQ=MONTHLY ", "FREQ=MONTHLY;INTERVAL=3"),
        ("BYMONTHDAY=-1;FREQ=MONTHLY", "FREQ=MONTHLY;BYMONTHDAY=-1"),
        ("FREQ=YEARLY;BYDAY=20MO", "FREQ=YEARLY;BYDAY=20MO"),
    ],
)
def test_rules_are_stored_in_one_form(given, stored):
    assert recurrence.checked(given, date(2026, 3, 2)) == stored


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("", "1 to 200 characters"),
        ("every monday", "NAME=VALUE"),
        ("INTERVAL=2", "FREQ is one of"),
        ("FREQ=HOURLY", "FREQ is one of DAILY, WEEKLY, MONTHLY, YEARLY"),
        ("FREQ=DAILY;FREQ=DAILY", "twice"),
        ("FREQ=DAILY;COUNT=5", "leave out COUNT"),
        ("FREQ=DAILY;UNTIL=20270101", "leave out UNTIL"),
        ("FREQ=DAILY;BYHOUR=8", "BYHOUR is not understood"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=1001", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=²", "INTERVAL"),
        ("FREQ=WEEKLY;BYDAY=XX", "'XX' in BYDAY"),
        ("FREQ=WEEKLY;BYDAY=", "NAME=VALUE"),
        ("FREQ=WEEKLY;BYDAY=1MO", "use MO"),
        ("FREQ=WEEKLY;BYMONTHDAY=3", "use BYDAY"),
        ("FREQ=MONTHLY;BYDAY=6MO", "at most 5"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "'32' in BYMONTHDAY"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "'0' in BYMONTHDAY"),
        ("FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=30", "names no day"),  # always February
        ("FREQ=DAILY;" + "BYDAY=" + "MO," * 80, "1 to 200 characters"),
    ],
)
def test_what_is_no_rule_is_refused_with_what_to_do(rule, says):
    with pytest.raises(BusinessError) as refused:
        recurrence.checked(rule, date(2026, 2, 2))
    assert (refused.value.code, refused.value.field) == ("BAD_RULE", "rrule")
    assert says in refused.value.message
