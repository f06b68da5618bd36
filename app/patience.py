"""Trying again what the database gave up so that somebody else could go on.

MySQL and MariaDB end one of two transactions that wait for each other, and ask for it to be tried again.
All that it did is rolled back, so that nothing happens twice.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.database import commits

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# Errors by which MySQL and MariaDB ask for another attempt: deadlock, lock wait, a row changed meanwhile.
_AGAIN = {1213, 1205, 1020}
LONGEST_PAUSE = 0.02  # seconds before the second attempt; later ones wait longer


def with_patience(session: Session, action: Callable[[], Result], *, attempts: int, what: str) -> Result:
    """Do something that writes in one unit of work, up to ``attempts`` times while the database gives it up.

    It is not repeated once a unit of work of the session has been committed meanwhile: what is done stays
    done once. ``what`` names it in the log. Raises what the last attempt raised.
    """
    before = commits(session)
    for attempt in range(1, attempts + 1):
        try:
            return action()
        except DBAPIError as error:
            if attempt == attempts or commits(session) != before or not asks_for_another_attempt(error):
                raise
            session.rollback()
            log.info("trying %s again: %s", what, error.orig)
            # Those who met do not meet again.
            time.sleep(random.uniform(0, LONGEST_PAUSE * attempt))  # noqa: S311  # nosec B311
    raise AssertionError("unreachable")


def asks_for_another_attempt(error: BaseException | None) -> bool:
    """Whether the database gave an action up, also where that made a savepoint fail, which went with it."""
    while error is not None:
        arguments = getattr(getattr(error, "orig", None), "args", ())
        if arguments and arguments[0] in _AGAIN:
            return True
        error = error.__context__
    return False
