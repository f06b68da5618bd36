"""What the database raised is not hidden in the error of whoever called it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, TypeAdapter
from sqlalchemy.exc import OperationalError

from app.api.core import etags
from app.database import failures_unwrapped


class Answer(BaseModel):
    name: str


class Late:
    """A thing whose name is read when it is asked for."""

    def __init__(self, database: sa.Engine, table: str) -> None:
        self._database, self._table = database, table

    @property
    def name(self) -> str:
        with self._database.connect() as connection:
            return str(connection.scalar(sa.text(f"SELECT name FROM {self._table}")))  # noqa: S608


def test_a_failure_while_an_answer_is_made_is_that_of_the_database(database: sa.Engine) -> None:
    with pytest.raises(OperationalError, match="nowhere"):
        etags.body_of(TypeAdapter(Answer), Late(database, "nowhere"))
    assert etags.body_of(TypeAdapter(Answer), Late(database, "departments")) == b'{"name":"None"}'


def test_other_failures_stay_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError), failures_unwrapped():
        raise ZeroDivisionError
