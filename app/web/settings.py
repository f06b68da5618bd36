"""Settings of the site: what an administrator sets while it runs, and what whoever runs it has set."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

import sqlalchemy as sa
from babel import Locale
from flask import Blueprint, current_app, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import current
from app.domain import settings
from app.domain.costing import CHANGING_METHOD, NAMES
from app.domain.entities import EntityType
from app.domain.queries import people as lists
from app.domain.scanning import NoScanner
from app.domain.settings import Setting, Site
from app.errors import Conflict
from app.extensions import db
from app.web import activity_words
from app.web.people import me, permission_required
from app.web.record_forms import Choice, Flag, Line, RecordForm, attempt

pages = Blueprint("settings", __name__)

CHANGES_SHOWN = 20
COSTING = {str(method): name.capitalize() for method, name in NAMES.items()}


class SettingsForm(RecordForm):
    """What an administrator sets."""

    name = Line(
        "Name of the site",
        description="Stands in the heading of reports and in e-mails.",
        render_kw={"required": True, "maxlength": 100},
    )
    time_zone = Choice(
        "Time zone",
        description="The clock on the factory's wall: all times are shown by it, and days begin by it.",
        render_kw={"required": True},
    )
    currency = Choice(
        "Currency",
        description="What prices and costs are in. Changing it converts no amounts.",
        render_kw={"required": True},
    )
    costing_method = Choice(
        "Stock is valued by",
        description=CHANGING_METHOD,
        render_kw={"required": True},
    )
    registration = Flag(
        "People may register themselves",
        description="They have no role until an administrator gives one, and can do nearly nothing before.",
    )


@pages.route("/settings", methods=["GET", "POST"])
@permission_required("settings:write")
def show() -> ResponseReturnValue:
    """The settings, and who changed them."""
    site, form = current.site(), _form()

    def save(session: Session) -> Site:
        session.execute(sa.select(Setting.key).with_for_update())
        _require_unchanged(session, form)
        return settings.change_site(session, me().id, **form.values())

    if request.method == "POST" and attempt(form, save) is not None:
        g.pop("site", None)
        flash("The settings are saved.", "success")
        return redirect(url_for("settings.show"))
    session = db.session()
    changes = lists.activity_stretch(session, entity_type=EntityType.SETTING, most=CHANGES_SHOWN)
    page = render_template(
        "settings/show.html",
        form=form,
        site=site,
        around=_around(),
        changes=activity_words.told(session, changes.entries),
        is_all=changes.is_oldest,
    )
    return page, 422 if form.problems else 200


def _form() -> SettingsForm:
    form = SettingsForm(**dataclasses.asdict(current.site()), seen=_last_changed(db.session()))
    form.time_zone.offer([(name, name.replace("_", " ")) for name in sorted(available_timezones())])
    names: dict[str, str] = {str(code): str(name) for code, name in Locale.parse("en").currencies.items()}
    known = sorted(names, key=lambda code: names[code])
    if form.currency.data and form.currency.data not in known:
        known.insert(0, form.currency.data)
    form.costing_method.offer(list(COSTING.items()))
    form.currency.offer([(code, f"{names.get(code, code)} ({code})") for code in known])
    return form


def _last_changed(session: Session) -> str:
    changed: datetime | None = session.scalar(sa.select(sa.func.max(Setting.updated_at)))
    return changed.isoformat() if changed else "never"


def _require_unchanged(session: Session, form: SettingsForm) -> None:
    """Refuse to overwrite what somebody else has saved since the form was shown.

    :raises Conflict: sent again, the form does overwrite it
    """
    now = _last_changed(session)
    if form.seen.data and form.seen.data != now:
        form.seen.data, form.seen.raw_data = now, [now]
        raise Conflict(
            "Somebody else has changed the settings while you were editing. Save again to keep yours."
        )


def _around() -> list[tuple[str, str, str]]:
    """What is set where Millwright is started: its name, how it is, and what it means."""
    config: dict[str, Any] = current_app.config
    mail, scans = current.mailer() is not None, not isinstance(current.scanner(), NoScanner)
    return [
        (
            "Address",
            str(config["MILLWRIGHT_BASE_URL"]),
            "Stands in links of e-mails and in the codes of labels.",
        ),
        (
            "E-mail",
            "on" if mail else "off",
            "Notices and links for new passwords are sent."
            if mail
            else "Nothing is sent: notices are seen here only, and links for new passwords are handed over.",
        ),
        (
            "Virus scan",
            "on" if scans else "off",
            "Every file is scanned before it is kept." if scans else "Files are kept without a scan.",
        ),
        (
            "Sign-in lasts",
            f"{config['MILLWRIGHT_SESSION_HOURS']} hours",
            "Who does nothing for so long signs in anew.",
        ),
    ]
