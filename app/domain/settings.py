"""Settings of the site that an administrator changes while it runs."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import Base, CompactJson
from app.domain import activity, values
from app.domain.columns import Timestamps
from app.domain.costing import CostingMethod
from app.domain.entities import EntityType
from app.errors import BusinessError


class Setting(Timestamps, Base):
    """One setting that differs from its default."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    value: Mapped[Any] = mapped_column(CompactJson)


@dataclass(frozen=True)
class Site:
    """What the factory is called, which clock hangs on its wall, what it pays with, and who may join.

    ``costing_method`` is by what its stock is valued (:mod:`app.domain.costing`). With ``registration``
    people add themselves; they have no role until an administrator gives one.
    """

    name: str = "Factory"
    time_zone: str = "UTC"
    currency: str = "EUR"
    registration: bool = False
    costing_method: str = CostingMethod.MOVING_AVERAGE

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


_TIME_ZONE = "millwright_time_zone"


def use_time_zone(database: sa.Engine, name: str) -> None:
    """What the clock on the wall of a site shows until somebody sets its time zone; nothing for UTC."""
    if name:
        database.update_execution_options(**{_TIME_ZONE: name})


def site(session: Session) -> Site:
    """The site's settings, with defaults for those that nobody has changed."""
    known = asdict(Site(time_zone=session.get_bind().get_execution_options().get(_TIME_ZONE, "UTC")))
    stored = session.execute(sa.select(Setting.key, Setting.value).where(Setting.key.in_(known)))
    return Site(**{**known, **{row.key: row.value for row in stored}})


def costing_method(session: Session) -> str:
    """By what the stock is valued."""
    stored = session.scalar(sa.select(Setting.value).where(Setting.key == "costing_method"))
    return Site.costing_method if stored is None else str(stored)


def change_site(session: Session, by: int | None, **changes: Any) -> Site:
    """Change ``name``, ``time_zone`` (IANA), ``currency`` (ISO 4217), ``registration`` (on or off) or
    ``costing_method`` (what that does, :data:`app.domain.costing.CHANGING_METHOD` says).

    :raises BusinessError: NAME_MISSING, NAME_TOO_LONG, BAD_TIME_ZONE, BAD_CURRENCY, BAD_REGISTRATION,
        BAD_COSTING_METHOD
    """
    # Locked, so that two people who change settings do not overwrite each other's.
    session.execute(sa.select(Setting.key).with_for_update())
    before = asdict(site(session))
    if unknown := set(changes) - set(before):
        raise TypeError(f"not settings of a site: {', '.join(sorted(unknown))}")
    if "name" in changes:
        changes["name"] = values.line(
            changes["name"], code="NAME", what="name for the site", field="name", most=100
        )
    if "time_zone" in changes and changes["time_zone"] not in available_timezones():
        message = f"{changes['time_zone']!r} is not a time zone; use a name like Europe/Berlin."
        raise BusinessError("BAD_TIME_ZONE", message, field="timeZone")
    if "currency" in changes and not re.fullmatch("[A-Z]{3}", changes["currency"]):
        message = f"{changes['currency']!r} is not a currency; use three letters like EUR."
        raise BusinessError("BAD_CURRENCY", message, field="currency")
    if not isinstance(changes.get("registration", False), bool):
        message = "Registration is on or off: true or false."
        raise BusinessError("BAD_REGISTRATION", message, field="registration")
    if "costing_method" in changes:
        changes["costing_method"] = values.one_of(
            changes["costing_method"], list(CostingMethod),
            code="BAD_COSTING_METHOD", what="method of costing", field="costingMethod",
        )  # fmt: skip
    changed = {key: value for key, value in changes.items() if value != before[key]}
    for key, value in changed.items():
        session.merge(Setting(key=key, value=value))
    if changed:
        session.flush()
        old = {key: before[key] for key in changed}
        activity.record(session, "CHANGE_SETTINGS", EntityType.SETTING, None, by, before=old, after=changed)
    return site(session)
