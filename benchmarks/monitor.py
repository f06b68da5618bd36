"""What the monitor's pages cost with years of instances behind them.

    python -m benchmarks.monitor [--database URL] [--instances 50000] [--tasks 20000] [--history 1000000]

The demonstration is set up, its instances are written many times over (benchmarks/past.py), the scheduler's
survey and figures are brought up to date, and each page is asked for several times as a maintenance manager.
Times are those inside the server; beside them stand the statements, and the ratio to the page of one's own
profile, in the same run. A database that is given is filled if it is empty, and else taken as it is.
"""

from __future__ import annotations

import argparse
import time

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.engine import monitor
from app.engine.models import OPEN_STATES, ProcessInstance
from app.engine.monitor.models import Mark
from app.extensions import db
from benchmarks import pages, past
from benchmarks.served import DATABASE

TARGET = 300  # milliseconds
LARGE = "parts_approval"
MOST_ROUNDS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--database", default="sqlite", help=DATABASE)
    parser.add_argument("--instances", type=int, default=50_000)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--history", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()

    def fill(app: Flask) -> None:
        _fill(db.engine, options)
        _catch_up(app)

    with pages.site(options.database, fill) as app:
        _pages(app, options.rounds)


def _fill(database: sa.Engine, options: argparse.Namespace) -> None:
    with pages.told() as written, Session(database) as session, unit_of_work(session):
        written |= past.multiply(
            session, instances=options.instances, open_tasks=options.tasks, history=options.history
        )
    if database.dialect.name == "sqlite":
        with database.connect() as connection:
            connection.exec_driver_sql("ANALYZE")


def _catch_up(app: Flask) -> None:
    """Let the scheduler's work begin anew, as after an upgrade."""
    engine, sessions = app.extensions["millwright"], app.extensions["millwright.jobs"].sessions
    with sessions() as session, unit_of_work(session):
        session.execute(sa.delete(Mark))
    for work in (monitor.statistics, monitor.survey, monitor.variants):
        began, rounds = time.perf_counter(), 0
        while rounds < MOST_ROUNDS and work.keep_up(engine, sessions):
            rounds += 1
        print(f"Caught up: {work.NAME} in {time.perf_counter() - began:.1f} s, {rounds} rounds.", flush=True)


def _pages(app: Flask, rounds: int) -> None:
    with app.app_context(), Session(db.engine) as session:
        newest = session.scalar(
            sa.select(sa.func.max(ProcessInstance.id)).where(ProcessInstance.state.in_(OPEN_STATES))
        )
        database = db.engine
    pages.measure(
        app,
        database,
        [
            "/monitor",
            "/monitor/state",
            "/monitor/instances",
            "/monitor/instances?show=all",
            "/monitor/instances?show=stuck",
            f"/monitor/instances?process={LARGE}",
            "/monitor/instances?q=PR-2026",
            f"/monitor/instances/{newest}",
            f"/monitor/processes/{LARGE}",
            f"/monitor/processes/{LARGE}?days=7",
            "/monitor/processes/maintenance_request?days=90",
            f"/monitor/processes/{LARGE}/variants",
            "/monitor/alerts",
            "/monitor/batches",
        ],
        rounds=rounds,
        target=TARGET,
    )


if __name__ == "__main__":
    main()
