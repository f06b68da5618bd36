"""The scenarios that travel with a process: whether they can be read. Running them is another matter."""

from __future__ import annotations

from collections.abc import Iterator

from app.engine.check.checked import Checked
from app.engine.check.problems import Place, Problem, error
from app.engine.scenario_files import FILE, ScenarioError, read_scenarios

HINT = "Correct it in that line; the process owner's guide shows what scenarios look like."
HINT_WITHOUT_LINE = "Correct it; the process owner's guide shows what scenarios look like."


def scenarios(checked: Checked) -> Iterator[Problem]:
    """A scenario file, where there is one, holds scenarios."""
    content = checked.files.get(FILE)
    if content is None:
        return
    try:
        read_scenarios(content)
    except ScenarioError as fault:
        place = Place(FILE, line=fault.line)
        yield error(place, "bad-scenarios", str(fault), HINT if fault.line else HINT_WITHOUT_LINE)
