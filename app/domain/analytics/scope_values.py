"""A scope as values that can be stored, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.analytics.scope import Scope


def stored(scope: Scope) -> dict[str, Any]:
    """The scope as JSON has it."""
    return {
        "since": scope.since.isoformat(),
        "until": scope.until.isoformat(),
        "department_id": scope.department_id,
        "machine_id": scope.machine_id,
        "part_group": scope.part_group,
        "zone": scope.zone.key if scope.zone else None,
    }


def restored(values: Mapping[str, Any]) -> Scope:
    """The scope that was stored."""
    zone = values.get("zone")
    return Scope(
        datetime.fromisoformat(values["since"]),
        datetime.fromisoformat(values["until"]),
        department_id=values.get("department_id"),
        machine_id=values.get("machine_id"),
        part_group=values.get("part_group"),
        zone=ZoneInfo(zone) if zone else None,
    )
