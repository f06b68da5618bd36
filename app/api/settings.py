"""What an administrator sets for the whole site."""

from __future__ import annotations

from typing import Annotated

from flask import g
from pydantic import Field

from app import current
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import In, Out, left_out
from app.domain import settings
from app.domain.costing import CHANGING_METHOD, CostingMethod
from app.domain.settings import Site

resource = Resource("Settings", "What an administrator sets for the whole site.")

Name = Annotated[str, Field(min_length=1, max_length=100)]
TimeZone = Annotated[str, Field(min_length=1, max_length=100, examples=["Europe/Berlin"])]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["EUR"])]


class SettingsOut(Out):
    """The settings. With `registration`, people may make accounts for themselves."""

    name: str
    time_zone: str = Field(description="A name of the IANA data base.")
    currency: str = Field(description="A code of ISO 4217.")
    registration: bool
    costing_method: CostingMethod = Field(description="By what the stock is valued.")


class SettingsChanges(In):
    """What changes; what is left out stays."""

    name: Name = left_out()
    time_zone: TimeZone = left_out()
    currency: Currency = left_out()
    registration: bool = left_out()
    costing_method: Annotated[CostingMethod, Field(description=CHANGING_METHOD)] = left_out()


@resource.get("/settings", needs="settings:read", answers=SettingsOut, etag=True)
def get_settings() -> Site:
    """Get the site's settings."""
    return current.site()


@resource.put("/settings", needs="settings:write", answers=SettingsOut, etag=True)
def update_settings(body: SettingsChanges) -> Site:
    """Change the site's settings."""
    calls.require_unchanged(SettingsOut, _afresh())
    settings.change_site(calls.session(), calls.user_id(), **body.given())
    return _afresh()


def _afresh() -> Site:
    g.pop("site", None)
    return current.site()
