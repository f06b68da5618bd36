"""Sends what alerts tell: by e-mail and to webhooks. What fails is tried again by the job table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.engine import jobs
from app.engine.models import Job
from app.engine.monitor import alerts
from app.engine.monitor.models import AlertRule
from app.jobs import webhooks
from app.jobs.mail import Mailer

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

TEXT = """{text}

{link}

You get this because an alert of Millwright has your address. Managers change that under Monitor, Alerts.
"""


@jobs.job_handler(alerts.MAIL, outside=True)
def _mail(engine: ProcessEngine, session: Session, payload: Mapping[str, Any], job: Job) -> None:
    mailer: Mailer | None = session.info.get("mailer")
    if mailer is None:
        return
    link = engine.bindings.site_url + payload["link"]
    mailer.send(payload["to"], payload["subject"], TEXT.format(text=payload["text"], link=link))


@jobs.job_handler(alerts.WEBHOOK, outside=True)
def _post(engine: ProcessEngine, session: Session, payload: Mapping[str, Any], job: Job) -> None:
    with unit_of_work(session):
        rule = session.get(AlertRule, payload["rule"], populate_existing=True)
        if rule is None or not rule.webhook_url:
            return  # deleted, or told otherwise meanwhile
        url, secret = rule.webhook_url, rule.webhook_secret
    body = {**payload["body"], "link": engine.bindings.site_url + payload["body"]["link"]}
    webhooks.post(
        url, secret, body, delivery=job.unique_key or str(job.id), trusted=engine.bindings.webhook_hosts
    )
