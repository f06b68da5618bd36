"""Sends people who have forgotten their password the link to set a new one.

The link is made when it is sent, so that its secret is never stored; and whether anybody has the
address is found out here, so that asking takes as long and looks the same for every address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain import password_resets, settings
from app.engine import jobs
from app.engine.models import Job
from app.jobs.mail import Mailer

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

TEXT = """Hello {name},

somebody, most likely you, has asked for a new password for {site}.
Open this link within the next hour to set one:

{link}

It works once. If it was not you, there is nothing to do: your password stays as it is.
"""


def queue(session: Session, mailer: Mailer | None, email: str, page: str) -> Job | None:
    """Have a link sent to an address, if somebody has it. Without a mailer nothing is queued.

    ``page`` is where links begin, as the settings have it and never the request.
    """
    if mailer is None:
        return None
    return jobs.enqueue(session, "password_link", {"email": email.strip()[:255], "page": page})


@jobs.job_handler("password_link", outside=True)
def _send(engine: ProcessEngine, session: Session, payload: Mapping[str, Any], job: Job) -> None:
    mailer: Mailer | None = session.info.get("mailer")
    if mailer is None:
        return
    with unit_of_work(session):
        made = password_resets.ask(session, payload["email"], again=job.attempts > 0)
        site = settings.site(session).name
        to, name = (made[0].email, made[0].name) if made else ("", "")
    if made:
        text = TEXT.format(name=name, site=site, link=payload["page"] + made[1].token)
        mailer.send(to, f"{site}: a new password", text)
