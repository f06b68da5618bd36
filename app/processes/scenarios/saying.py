"""What somebody filled in during a dry run, said as a scenario says it: parts, people and files by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.domain.attachments import clean_name
from app.engine.forms import TaskForm
from app.engine.forms.items import Item
from app.processes.scenarios.world import World

MAINTENANCE_TYPES = {1: "CORRECTIVE", 2: "PREVENTIVE"}
FAILURE_CODES = {1: "MECH"}


def said_values(
    world: World,
    form: TaskForm,
    values: Mapping[str, Any],
    before: Mapping[str, Any],
    *,
    starts: bool = False,
) -> dict[str, Any]:
    """The values of a form that was accepted, without what nobody has touched.

    ``before`` is what the form held at first; of a form that ``starts`` something, all that is not
    empty is said.
    """
    items = {item.path: item for item in form.scope.all if item.component.holds_value}
    found: dict[str, Any] = {}
    for name, value in values.items():
        files = [clean_name(str(file.filename)) for file in form.uploads.get(name, [])]
        held = before.get(name)
        untouched = (_is_empty(value) and _is_empty(held)) or (value == held and not starts)
        if files:
            found[name] = files
        elif not untouched:
            found |= _said(world, name, value, items.get(name))
    if starts and found.get("machineId") == world.machine_id:
        del found["machineId"]
    return found


def _said(world: World, name: str, value: Any, item: Item | None) -> dict[str, Any]:
    if item is not None and item.type == "filepicker":
        return {}
    if name == "maintenanceTypeId" and value in MAINTENANCE_TYPES:
        return {"maintenanceType": MAINTENANCE_TYPES[value]}
    if name == "failureCodeId" and value in FAILURE_CODES:
        return {"failureCode": FAILURE_CODES[value]}
    if name == "partLines" and (lines := part_lines(world, value)) is not None:
        return {name: lines}
    if item is not None and item.type == "dynamiclist":
        return {name: _rows(item, value)}
    if name.endswith("Id") and item is not None and item.component.options.key == "technicians":
        person = world.name_of(value)
        return {name: person if person in world.actors else value}
    return {name: value}


def part_lines(world: World, value: Any) -> list[dict[str, Any]] | None:
    """Lines of parts by their numbers; None where one of them names no part."""
    numbers = {part_id: number for number, part_id in world.parts.items()}
    if not isinstance(value, list) or any(line.get("partId") not in numbers for line in value):
        return None
    return [
        {
            "part": numbers[line["partId"]],
            **{key: item for key, item in line.items() if key != "partId" and not _is_empty(item)},
        }
        for line in value
    ]


def _rows(item: Item, value: Any) -> Any:
    """Rows of parts by their numbers and with what people fill in; others as they are."""
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        return value
    numbers = [row.get("partNumber") for row in value]
    if not numbers or None in numbers or len(set(numbers)) < len(numbers):
        return [dict(row) for row in value]
    editable = [set(_editable(row.all)) for row in item.rows]
    if len(editable) != len(value):
        return [dict(row) for row in value]
    return [
        {"part": row["partNumber"], **{key: row[key] for key in row if key in fields}}
        for row, fields in zip(value, editable, strict=True)
    ]


def _editable(items: list[Item]) -> Iterator[str]:
    for item in items:
        if item.component.holds_value and not item.locked and item.type != "expression":
            yield item.component.path[0]


def _is_empty(value: Any) -> bool:
    """Whether nothing was filled in; 0 is something."""
    return value is None or value is False or value == "" or value == [] or value == {}
