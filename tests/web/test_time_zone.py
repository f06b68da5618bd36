"""The time zone that an installation is given holds wherever the product asks what day it is."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from app.clock import ManualClock
from app.domain import settings
from app.domain.preventive import due
from app.extensions import db
from app.ops import runtime
from tests.support.application import application


def test_pages_jobs_and_processes_know_the_same_day(
    deployed_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    clock.advance(hours=4)  # past midnight in Auckland
    there = {"MILLWRIGHT_TIME_ZONE": "Pacific/Auckland"}
    with application(deployed_url, tmp_path, **there) as app, app.app_context():
        jobs, engine = app.extensions["millwright.jobs"], app.extensions["millwright"]
        with jobs.sessions() as session:
            assert due.site_date(session) == date(2026, 3, 3)
            assert engine.bindings.time_zone(session) == "Pacific/Auckland"
        assert due.site_date(db.session()) == date(2026, 3, 3)
    commands = runtime.database_app({"SQLALCHEMY_DATABASE_URI": deployed_url, **there})
    with commands.app_context():
        assert settings.site(db.session()).time_zone == "Pacific/Auckland"
        db.engine.dispose()
