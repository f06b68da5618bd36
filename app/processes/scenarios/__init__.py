"""Scenarios: what a process should do, told in steps, and run against its files in seconds.

A scenario runs in a small factory of its own (an empty database in memory, a clock that stands
still until told), through the same forms, rules and services as the real one.
"""

from app.engine.scenario_files import Scenario, ScenarioError, read_scenarios
from app.processes.scenarios.allowance import Allowance
from app.processes.scenarios.dry_run import DryRun, Given, NotRunnable, Refusal, choices_of, rehearse
from app.processes.scenarios.recording import Recorded, record
from app.processes.scenarios.running import ScenarioResult, run_folder, run_scenarios
from app.processes.scenarios.standing import Standing
from app.processes.scenarios.trial import Coverage, Trial, coverage, try_out

__all__ = [
    "Allowance",
    "Coverage",
    "DryRun",
    "Given",
    "NotRunnable",
    "Recorded",
    "Refusal",
    "Scenario",
    "ScenarioError",
    "ScenarioResult",
    "Standing",
    "Trial",
    "choices_of",
    "coverage",
    "read_scenarios",
    "record",
    "rehearse",
    "run_folder",
    "run_scenarios",
    "try_out",
]
