"""Dates and times as people at a site write them, and as the process keeps them: in UTC."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

log = logging.getLogger(__name__)


def zone_named(name: object) -> ZoneInfo:
    """The IANA time zone of this name; UTC where there is none."""
    try:
        return ZoneInfo(name) if isinstance(name, str) and name else ZoneInfo("UTC")
    except (ValueError, OSError, LookupError):
        log.warning("There is no time zone %.60r: forms go by UTC.", name)
        return ZoneInfo("UTC")


def exists(local: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks of the zone ever show this time: they skip an hour when they are put forward."""
    return to_local(local.replace(tzinfo=zone).astimezone(UTC), zone) == local


def to_local(moment: datetime, zone: ZoneInfo) -> datetime:
    """What a clock of the zone shows at a moment, without an offset."""
    return moment.astimezone(zone).replace(tzinfo=None)


def utc_text(moment: datetime, zone: ZoneInfo) -> str:
    """A moment in UTC, such as ``2026-03-27T13:30:00Z``; one without an offset is the zone's."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    return aware.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
