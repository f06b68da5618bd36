"""Scenario files: what they hold, what is refused in which line, and what a check says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.engine.check import check_files
from app.engine.core import ProcessEngine
from app.engine.scenario_files import FILE, ScenarioError, read_scenarios
from app.processes.shipped import WORKFLOWS, folders, read_folder

ONE = "- name: One\n  start: {process: parts_approval}\n"
FAULTS = {
    "not YAML": (ONE + "- name: [Two\n", 4, "is not YAML"),
    "no list": ("name: One\n", 1, "is a list"),
    "empty": ("", 1, "is a list"),
    "an anchor": (ONE + "- &again\n  name: Two\n", 3, "Anchors"),
    "no name": (ONE + "\n- description: Two\n  start: {process: x}\n", 4, "has no name"),
    "an unknown key": (ONE + "# a remark\n- name: Two\n  strat: {process: x}\n", 4, "unknown key strat"),
    "no process": (ONE + "- name: Two\n  start: {by: admin}\n", 3, "which process starts"),
    "the same name": (ONE + ONE, 3, "same name"),
    "an unknown step": (ONE + "  steps: [{jump: high}]\n", 1, "Step 1 of “One”"),
    "steps that are none": (ONE + "  steps: 7\n", 1, "The steps of “One”"),
    "given that is none": (ONE + "  given: everything\n", 1, "“given” of “One”"),
    "nested too deeply": (ONE + "  given: {a: " + "[" * 60 + "]" * 60 + "}\n", 3, "too deeply"),
    "Python": (ONE + "  given: !!python/object/apply:os.system [ls]\n", 3, "is not YAML"),
    "a control character": (ONE + "# \a\n", None, "is not YAML"),
    "a number without end": (ONE + "  given: {a: " + "9" * 5000 + "}\n", None, "is not YAML"),
}


@pytest.mark.parametrize(("text", "line", "says"), FAULTS.values(), ids=FAULTS.keys())
def test_what_cannot_be_understood_is_refused_in_its_line(text: str, line: int | None, says: str) -> None:
    with pytest.raises(ScenarioError, match=says) as refusal:
        read_scenarios(text.encode())
    assert refusal.value.line == line


def test_a_file_in_another_encoding_is_refused_in_its_line() -> None:
    with pytest.raises(ScenarioError, match="UTF-8") as refusal:
        read_scenarios((ONE + "# für\n").encode("latin-1"))
    assert refusal.value.line == 3


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
def test_a_process_has_its_scenarios_with_it(engine: ProcessEngine, folder: Path) -> None:
    files = read_folder(folder)
    assert read_scenarios(files[FILE])
    assert [p for p in check_files(engine, files) if p.file == FILE] == []


def test_a_check_says_where_a_scenario_file_cannot_be_read_and_what_to_do(engine: ProcessEngine) -> None:
    files = {**read_folder(WORKFLOWS / "parts_approval"), FILE: (ONE + "- name: [Two\n").encode()}
    (problem,) = [p for p in check_files(engine, files) if p.file == FILE]
    assert (problem.code, problem.line, problem.is_error) == ("bad-scenarios", 4, True)
    assert "is not YAML" in problem.message
    assert "Correct it" in problem.hint
