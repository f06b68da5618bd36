"""Files of other tools: taken as they are, or refused with a reason that their users can act on."""

from __future__ import annotations

import pytest

from app.engine.check import check_alone, check_files
from app.engine.core import ProcessEngine
from tests.support.dialects import FLAVOURS, Dialect


@pytest.mark.parametrize("dialect", FLAVOURS, ids=lambda dialect: dialect.name)
def test_a_file_of_another_tool(factory_engine: ProcessEngine, dialect: Dialect) -> None:
    look = check_files if "inspection.bpmn" in dialect.files else check_alone
    problems = look(factory_engine, dialect.data)
    told = [str(problem) for problem in problems]
    for code, words in (*dialect.refusals, *dialect.remarks):
        assert any(code == each.code and words in f"{each.message} {each.hint}" for each in problems), told
    # Nothing else speaks against it, and every refusal says what to do.
    errors = [problem for problem in problems if problem.is_error]
    assert {problem.code for problem in errors} == {code for code, _ in dialect.refusals}, told
    assert all(problem.hint for problem in errors), told


def test_names_of_dialects_are_their_own() -> None:
    assert len({dialect.name for dialect in FLAVOURS}) == len(FLAVOURS) >= 60
