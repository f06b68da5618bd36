"""Durations in buckets whose widths grow with them, so that days add up and quantiles stay within 2 %.

After C. Masson, J. E. Rim, H. K. Lee: DDSketch, PVLDB 12 (2019): with gamma = (1 + a) / (1 - a), bucket
i holds what is longer than gamma^(i - 1) and at most gamma^i, and is answered for by a value whose relative
error is at most a.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

ACCURACY = 0.02
GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
LARGEST = 1000  # beyond any duration: more than a thousand million years


def bucket(seconds: float) -> int:
    """The bucket of a duration in seconds; 0 holds all up to a second."""
    if seconds <= 1:
        return 0
    return min(math.ceil(math.log(seconds, GAMMA)), LARGEST)


def duration(number: int) -> float:
    """The seconds that stand for all durations in a bucket."""
    return 1.0 if number == 0 else 2 * GAMMA**number / (GAMMA + 1)


def quantile(counts: Mapping[int, int], share: float) -> float | None:
    """The duration in seconds that a ``share`` (0 to 1) of all counted ones do not exceed; None for none."""
    total = sum(counts.values())
    if total == 0:
        return None
    rank, passed = max(1, math.ceil(share * total)), 0
    for number in sorted(counts):
        passed += counts[number]
        if passed >= rank:
            break
    return duration(number)
