"""Reads scenario files, saying plainly what cannot be understood."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from app.errors import MillwrightError

STEPS = ("do", "wait", "expect", "refuse", "message", "stock")
MAXIMUM_BYTES = 512 * 1024
MAXIMUM_SCENARIOS = 200
MAXIMUM_STEPS = 100


class ScenarioError(MillwrightError):
    """A scenario file, or a step in it, cannot be understood."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story: what is given, how it starts, what is done, and what is to be so in the end."""

    name: str
    given: dict[str, Any]
    start: dict[str, Any]
    steps: list[dict[str, Any]]
    expect: dict[str, Any]
    description: str = field(default="")


def read_scenarios(data: bytes) -> list[Scenario]:
    """The scenarios of a file. Raises :class:`ScenarioError`."""
    if len(data) > MAXIMUM_BYTES:
        raise ScenarioError("The scenario file is larger than 512 kB.")
    text = _text(data)
    try:
        # Anchors could make a small file a huge document.
        if any(isinstance(token, (yaml.AliasToken, yaml.AnchorToken)) for token in yaml.scan(text)):
            raise ScenarioError("Anchors and aliases (& and *) are not used in scenarios.")
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise ScenarioError(
            f"The scenario file is not YAML: {getattr(error, 'problem', error)}{where}."
        ) from None
    if not isinstance(found, list) or not found:
        raise ScenarioError("A scenario file is a list; each scenario begins with “- name: …”.")
    if len(found) > MAXIMUM_SCENARIOS:
        raise ScenarioError(f"A file has at most {MAXIMUM_SCENARIOS} scenarios.")
    scenarios = [_scenario(position, item) for position, item in enumerate(found, 1)]
    names = [scenario.name for scenario in scenarios]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ScenarioError(f"Two scenarios have the same name: {', '.join(sorted(twice))}.")
    return scenarios


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ScenarioError("Save the scenario file in the encoding UTF-8.") from None


def _scenario(position: int, item: Any) -> Scenario:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise ScenarioError(f"Scenario {position} has no name.")
    name = item["name"]
    unknown = set(item) - {"name", "description", "given", "start", "steps", "expect"}
    if unknown:
        raise ScenarioError(f"“{name}” has the unknown key {sorted(map(str, unknown))[0]}.")
    start = _mapping(name, "start", item.get("start"))
    if not isinstance(start.get("process"), str):
        raise ScenarioError(f"“{name}” does not say which process starts (start: {{process: …}}).")
    steps = item.get("steps") or []
    if not isinstance(steps, list) or len(steps) > MAXIMUM_STEPS:
        raise ScenarioError(f"The steps of “{name}” are a list of at most {MAXIMUM_STEPS}.")
    for number, step in enumerate(steps, 1):
        kinds = [kind for kind in STEPS if isinstance(step, dict) and kind in step]
        if len(kinds) != 1:
            raise ScenarioError(f"Step {number} of “{name}” is none of: {', '.join(STEPS)}.")
    return Scenario(
        name=name,
        description=str(item.get("description") or ""),
        given=_mapping(name, "given", item.get("given") or {}),
        start=start,
        steps=steps,
        expect=_mapping(name, "expect", item.get("expect") or {}),
    )


def _mapping(name: str, key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ScenarioError(f"“{key}” of “{name}” is not a list of keys and values.")
    return value
