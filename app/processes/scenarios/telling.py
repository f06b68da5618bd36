"""How a recorded story is written down: form values by names, durations, and YAML for people to read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import yaml
from sqlalchemy.orm import Session

from app.domain.catalogues import FailureCode, MaintenanceType
from app.engine.scenario_files import Scenario

NOTHING: tuple[Any, ...] = (None, "", [], {})
MAXIMUM_TEXT = 500


class Telling:
    """Turns what was submitted into what a scenario says.

    ``files`` are those of the version that the run belongs to: its forms say what people fill in.
    ``numbers`` are the part numbers by id, ``plain`` takes people's names out of a text.
    """

    def __init__(
        self,
        session: Session,
        files: Mapping[str, bytes],
        numbers: Mapping[int, str],
        plain: Callable[[str], str],
    ) -> None:
        self._session = session
        self._files = files
        self._numbers = numbers
        self._plain = plain
        self.warnings: list[str] = []

    def values(self, step: str, values: Mapping[str, Any], form: str | None = None) -> dict[str, Any]:
        """The values of a form or a message, without what is empty; what cannot be said is warned of."""
        found: dict[str, Any] = {}
        for name, value in values.items():
            if not _is_empty(value):
                self._value(step, name, value, form, found)
        return found

    def _value(self, step: str, name: str, value: Any, form: str | None, found: dict[str, Any]) -> None:
        if name == "machineId":
            return
        if name == "maintenanceTypeId":
            found["maintenanceType"] = self._maintenance_type(step, value)
        elif name == "failureCodeId":
            found["failureCode"] = self._code(FailureCode, value)
        elif name == "partLines":
            found[name] = [self._line(line) for line in value]
        elif name in self._file_fields(form):
            self.warnings.append(f"{step}: the files of “{name}” are left out.")
        elif name.endswith(("Id", "Ids")):
            self.warnings.append(f"{step}: “{name}” is left out: it means nothing in a scenario.")
        elif isinstance(value, list) and all(isinstance(row, dict) and "partNumber" in row for row in value):
            editable = self._editable(form, name)
            found[name] = [
                {"part": row["partNumber"], **{key: row[key] for key in editable if key in row}}
                for row in value
            ]
        else:
            found[name] = self._said(value)

    def _said(self, value: Any) -> Any:
        match value:
            case str():
                return self._plain(value[:MAXIMUM_TEXT])
            case list():
                return [self._said(item) for item in value if not _is_empty(item)]
            case dict():
                return {key: self._said(item) for key, item in value.items() if not _is_empty(item)}
        return value

    def _line(self, line: Mapping[str, Any]) -> dict[str, Any]:
        others = {name: self._said(item) for name, item in line.items() if name != "partId"}
        number = self._numbers.get(line.get("partId") or 0, "?")
        return {"part": number, **{name: item for name, item in others.items() if not _is_empty(item)}}

    def _maintenance_type(self, step: str, type_id: Any) -> str:
        code = self._code(MaintenanceType, type_id).upper()
        if code in ("CORRECTIVE", "PREVENTIVE"):
            return code
        self.warnings.append(f"{step}: the maintenance type {code or type_id} is told as CORRECTIVE.")
        return "CORRECTIVE"

    def _code(self, model: Any, row_id: Any) -> str:
        return str(self._session.scalar(sa.select(model.code).where(model.id == row_id)) or "")

    # -- forms -------------------------------------------------------------------------------------

    def _components(self, form: str | None) -> list[dict[str, Any]]:
        content = self._files.get(f"{form}.form")
        if content is None:
            return []
        return list(_flat(json.loads(content)))

    def _file_fields(self, form: str | None) -> set[str]:
        fields = {str(c.get("key")) for c in self._components(form) if c.get("type") == "filepicker"}
        return fields | {"photos"}

    def _editable(self, form: str | None, name: str) -> list[str]:
        """The fields of a list's rows that people fill in."""
        for component in self._components(form):
            if component.get("type") == "dynamiclist" and component.get("path") == name:
                return [
                    str(inner.get("key"))
                    for inner in _flat(component)
                    if inner.get("key") and not inner.get("readonly") and inner.get("type") != "expression"
                ]
        return []


def _flat(component: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for inner in component.get("components") or []:
        found += [inner, *_flat(inner)]
    return found


def _is_empty(value: Any) -> bool:
    """Whether nothing was filled in: also a row of nothing."""
    if isinstance(value, dict):
        return all(_is_empty(item) for item in value.values())
    if isinstance(value, list):
        return all(_is_empty(item) for item in value)
    return value in NOTHING if isinstance(value, str) else value is None


def duration(length: timedelta) -> str:
    """An ISO 8601 duration as people write it: ``PT4H``, ``P2DT1H30M``."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    text = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
    return f"P{f'{days}D' if days else ''}{f'T{text}' if text else ''}" if days or text else "PT0S"


class _Dumper(yaml.SafeDumper):
    """Writes lists a little further in, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def written(scenario: Scenario, remarks: list[str]) -> str:
    """A scenario as a file with nothing else in it, the remarks in front."""
    told = {
        "name": scenario.name,
        "description": scenario.description,
        "given": scenario.given,
        "start": scenario.start,
        "steps": scenario.steps,
        "expect": scenario.expect,
    }
    item = {name: value for name, value in told.items() if value not in NOTHING}
    text = yaml.dump(
        [item], Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None
    )
    lines = [" ".join(remark.split()) for remark in remarks]
    return "".join(f"# {line}\n" for line in lines) + text
