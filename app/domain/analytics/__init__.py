"""What the factory's history adds up to: downtime, failures, reliability, consumption and costs.

Each module computes one thing from a :class:`~app.domain.analytics.scope.Scope` (a half-open period and
what it is narrowed to) and answers frozen dataclasses, in a number of SQL statements that does not
depend on how much there is. Durations are minutes, rounded once, at the end; shares are parts of 1;
money is ``Decimal``; a figure that does not exist (a mean of nothing) is ``None``. Terms follow EN 13306.
"""
