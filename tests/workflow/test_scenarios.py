"""The scenarios that ship with each process hold; a process owner can read and extend them."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.engine.core import ProcessEngine
from app.processes.scenarios import Scenario, read_scenarios, run_scenarios
from app.processes.shipped import folders, read_folder

CASES = [
    pytest.param(folder, scenario, id=f"{folder.name}: {scenario.name}")
    for folder in folders()
    for scenario in read_scenarios((folder / "scenarios.yaml").read_bytes())
]


@pytest.mark.parametrize(("folder", "scenario"), CASES)
def test_scenario(engine: ProcessEngine, folder: Path, scenario: Scenario) -> None:
    (result,) = run_scenarios(engine, read_folder(folder), [scenario])
    assert result.failures == []


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
def test_each_process_has_at_least_ten_scenarios(folder: Path) -> None:
    assert len(read_scenarios((folder / "scenarios.yaml").read_bytes())) >= 10
