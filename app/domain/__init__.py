"""What a factory's maintenance consists of, and the rules that hold whatever the diagrams say.

Machines, requests, work, spare parts, stock and people: tables and plain functions over a session.
Functions flush when they need an id and never commit; a rule that says no raises
:class:`app.errors.BusinessError` with a stable code, having changed nothing. Knows neither Flask nor
the process engine: diagrams decide what comes next, this package decides what is possible at all.

Rows are locked in one order everywhere (see :mod:`app.domain.locks`).

Importing the package makes its tables complete, so that relationships can name each other's classes.
"""

from app.domain import models as models
