"""Reads scenario files, saying plainly what cannot be understood, and in which line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from app.errors import MillwrightError

# What the scenarios of a process are called among its files.
FILE = "scenarios.yaml"
STEPS = ("do", "wait", "expect", "refuse", "message", "stock")
KEYS = ("name", "description", "given", "start", "steps", "expect")
MAXIMUM_BYTES = 512 * 1024
MAXIMUM_SCENARIOS = 200
MAXIMUM_STEPS = 100
MAXIMUM_DEPTH = 50
# libyaml's is ten times as fast; PyYAML has it wherever it was installed from a wheel.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ScenarioError(MillwrightError):
    """A scenario file, or a step in it, cannot be understood; ``line`` says where, counted from 1."""

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


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
    found, lines = _parse(_text(data))
    if not isinstance(found, list) or not found:
        raise ScenarioError("A scenario file is a list; each scenario begins with “- name: …”.", line=1)
    if len(found) > MAXIMUM_SCENARIOS:
        raise ScenarioError(f"A file has at most {MAXIMUM_SCENARIOS} scenarios.")
    scenarios: list[Scenario] = []
    for position, (item, line) in enumerate(zip(found, lines, strict=True), 1):
        scenario = _scenario(position, item, line)
        if any(earlier.name == scenario.name for earlier in scenarios):
            raise ScenarioError(f"Two scenarios have the same name: {scenario.name}.", line=line)
        scenarios.append(scenario)
    return scenarios


def scenario_of(item: Mapping[str, Any]) -> Scenario:
    """One scenario that was sent as JSON, held to what a file is held to. Raises :class:`ScenarioError`."""
    _require_shallow(item)
    try:
        size = len(json.dumps(item, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError):
        raise ScenarioError("A scenario is made of texts, numbers, lists and objects.") from None
    if size > MAXIMUM_BYTES:
        raise ScenarioError("The scenario is larger than 512 kB.")
    return _scenario(1, item, None)


def _require_shallow(value: Any) -> None:
    """Raises :class:`ScenarioError` for what is nested more deeply than files may be."""
    level = [value]
    for _ in range(MAXIMUM_DEPTH + 1):
        inner: list[Any] = []
        for each in level:
            inner += each.values() if isinstance(each, Mapping) else each if isinstance(each, list) else ()
        if not inner:
            return
        level = inner
    raise ScenarioError("The scenario is nested too deeply.")


def _parse(text: str) -> tuple[Any, list[int]]:
    """What the text holds, and in which lines the items of its list begin."""
    loader: Any = None
    try:
        loader = LOADER(text)
        # Anchors could make a small file a huge document.
        depth = 0
        for token in yaml.scan(text, Loader=LOADER):
            if isinstance(token, (yaml.AliasToken, yaml.AnchorToken)):
                raise ScenarioError(
                    "Anchors and aliases (& and *) are not used in scenarios.",
                    line=token.start_mark.line + 1,
                )
            depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
            if depth > MAXIMUM_DEPTH:
                raise ScenarioError("The file is nested too deeply.", line=token.start_mark.line + 1)
        node = loader.get_single_node()
        found = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        where = f" in line {line}" if line else ""
        raise ScenarioError(
            f"The scenario file is not YAML: {getattr(error, 'problem', None) or _first_line(error)}{where}.",
            line=line,
        ) from None
    finally:
        if loader is not None:
            loader.dispose()
    items = node.value if isinstance(node, yaml.SequenceNode) else []
    return found, [item.start_mark.line + 1 for item in items]


_OPENING = (
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")[:200]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ScenarioError("Save the scenario file in the encoding UTF-8.", line=line) from None


def _scenario(position: int, item: Any, line: int | None) -> Scenario:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not item["name"].strip():
        raise ScenarioError(f"Scenario {position} has no name.", line=line)
    name = item["name"]
    unknown = set(item) - set(KEYS)
    if unknown:
        raise ScenarioError(f"“{name}” has the unknown key {sorted(map(str, unknown))[0]}.", line=line)
    start = _mapping(name, "start", item.get("start"), line)
    if not isinstance(start.get("process"), str):
        raise ScenarioError(f"“{name}” does not say which process starts (start: {{process: …}}).", line=line)
    steps = item.get("steps") or []
    if not isinstance(steps, list) or len(steps) > MAXIMUM_STEPS:
        raise ScenarioError(f"The steps of “{name}” are a list of at most {MAXIMUM_STEPS}.", line=line)
    for number, step in enumerate(steps, 1):
        kinds = [kind for kind in STEPS if isinstance(step, dict) and kind in step]
        if len(kinds) != 1:
            raise ScenarioError(f"Step {number} of “{name}” is none of: {', '.join(STEPS)}.", line=line)
    return Scenario(
        name=name,
        description=str(item.get("description") or ""),
        given=_mapping(name, "given", item.get("given") or {}, line),
        start=start,
        steps=steps,
        expect=_mapping(name, "expect", item.get("expect") or {}, line),
    )


def _mapping(name: str, key: str, value: Any, line: int | None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ScenarioError(f"“{key}” of “{name}” is not a list of keys and values.", line=line)
    return value
