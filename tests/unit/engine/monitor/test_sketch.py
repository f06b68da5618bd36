"""Quantiles from buckets stay within two in a hundred of the real ones, however days are added up."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.engine.monitor import sketch

DURATIONS = st.lists(st.floats(1, 10 * 365 * 86_400), min_size=1, max_size=200)


@given(DURATIONS, st.floats(0, 1))
def test_a_quantile_is_within_two_percent(durations: list[float], share: float) -> None:
    found = sketch.quantile(Counter(sketch.bucket(each) for each in durations), share)
    real = sorted(durations)[max(1, math.ceil(share * len(durations))) - 1]
    assert found is not None
    assert abs(found - real) <= real * 0.0201


@given(DURATIONS, DURATIONS)
def test_two_days_together_are_the_days_added_up(one: list[float], other: list[float]) -> None:
    added = Counter(map(sketch.bucket, one)) + Counter(map(sketch.bucket, other))
    assert added == Counter(map(sketch.bucket, one + other))


def test_nothing_has_no_quantile() -> None:
    assert sketch.quantile({}, 0.5) is None


def test_an_instant_is_a_second() -> None:
    assert sketch.quantile({sketch.bucket(0): 3}, 0.9) == 1.0
