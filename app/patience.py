"""Trying again what the database gave up so that somebody else could go on.

MySQL and MariaDB end one of two transactions that wait for each other, and ask for it to be tried again.
All that it did is rolled back, so that nothing happens twice.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from sqlalchemy.orm import Session

from app.database import commits

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# Errors that are the database's and pass: it is away, stops, has too many connections, or its disk is full.
_PASSING = {2002, 2003, 2006, 2013, 2014, 2055, 1053, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 4031}
_PASSING |= {1040, 1203, 3, 28, 1021, 1026, 1030, 1114}
_PASSING_SQLITE = {5, 6, 10, 13}  # busy, locked, a failure of the disk, no room
# Errors by which MySQL and MariaDB ask for another attempt: deadlock, lock wait, a row changed meanwhile.
_AGAIN = {1213, 1205, 1020}
TIME_LIMIT = 10.0  # seconds: somebody waits for the answer
LONGEST_PAUSE = 0.02  # seconds before the second attempt; later ones wait longer


def with_patience(session: Session, action: Callable[[], Result], *, attempts: int, what: str) -> Result:
    """Do something that writes in one unit of work, up to ``attempts`` times while the database gives it up.

    After ``TIME_LIMIT`` seconds it is not tried again: an attempt that waits for a lock may take as long.

    It is not repeated once a unit of work of the session has been committed meanwhile: what is done stays
    done once. ``what`` names it in the log. Raises what the last attempt raised.
    """
    before, began = commits(session), time.monotonic()
    for attempt in range(1, attempts + 1):
        try:
            return action()
        except DBAPIError as error:
            ended = attempt == attempts or time.monotonic() - began > TIME_LIMIT
            if ended or commits(session) != before or not asks_for_another_attempt(error):
                raise
            session.rollback()
            log.info("trying %s again: %s", what, error.orig)
            # Those who met do not meet again.
            time.sleep(random.uniform(0, LONGEST_PAUSE * attempt))  # noqa: S311  # nosec B311
    raise AssertionError("unreachable")


def asks_for_another_attempt(error: BaseException | None) -> bool:
    """Whether the database gave an action up, also where that made a savepoint fail, which went with it."""
    return any(_number(each) in _AGAIN for each in _chain(error))


def will_pass(error: BaseException | None) -> bool:
    """Whether what failed failed because of the state that the database is in: given up, away, full.

    Nobody's step or job has failed then: it is done again when the database can.
    """
    return any(
        _number(each) in _AGAIN | _PASSING
        or getattr(each, "connection_invalidated", False)
        or isinstance(each, NoConnectionLeft)
        or getattr(getattr(each, "orig", None), "sqlite_errorcode", 0) & 0xFF in _PASSING_SQLITE
        for each in _chain(error)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those while which it happened."""
    while error is not None:
        yield error
        error = error.__context__


def _number(error: BaseException) -> object:
    """The number that the database gave to its error."""
    arguments = getattr(getattr(error, "orig", None), "args", ())
    return arguments[0] if arguments else None
