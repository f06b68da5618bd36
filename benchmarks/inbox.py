"""What the inbox costs with many open tasks, and whether completing one costs more then.

    python -m benchmarks.inbox [--database sqlite|mariadb|URL] [--sizes 1000 10000 100000]

The demonstration's open instances are written many times over (benchmarks/past.py) until there are so
many open tasks, and at each size the same questions are asked several times. Times are those inside the
server; ratios are to the smallest size, in the same run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time

import flask_migrate
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import create_app
from app.database import unit_of_work
from app.engine.models import TaskState, UserTask
from app.extensions import db
from app.ops import demo, runtime
from app.ops.demo.factory import PASSWORD
from benchmarks import past
from benchmarks.measuring import load, table
from benchmarks.served import address

PAGES = (
    ("inbox of a technician", "technician", "/"),
    ("inbox of a manager", "manager", "/"),
    ("the same, searched", "manager", "/?q=MR-2026"),
    ("API: tasks, first page", "technician", "/api/v1/tasks?pageSize=50"),
    ("API: tasks, page 10", "technician", "/api/v1/tasks?pageSize=50&page=10"),
)
COMPLETING = "completing a task"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--database", default="sqlite", help="a new one of a kind, or an empty one's address")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, address(options.database) as url:
        os.environ["MILLWRIGHT_DATA"], os.environ["MILLWRIGHT_DATABASE_URL"] = folder, url
        often = "1000000 per second"
        os.environ["MILLWRIGHT_RATE_ANONYMOUS"] = os.environ["MILLWRIGHT_RATE_SIGNED_IN"] = often
        app = create_app()
        with app.app_context():
            flask_migrate.upgrade(str(runtime.MIGRATIONS))
            demo.load(app.extensions["millwright"], app.extensions["millwright.jobs"].sessions, whole=False)
            database = db.engine
        found = {}
        for size in options.sizes:
            _fill(database, size)
            found[size] = _ask(app, database, options.rounds)
        database.dispose()
    smallest = options.sizes[0]
    head = ["milliseconds, median", *(f"{size:,} open tasks" for size in options.sizes), "ratio"]
    rows = [
        [
            name,
            *(f"{found[size][name]:.1f}" for size in options.sizes),
            f"{found[options.sizes[-1]][name] / found[smallest][name]:.2f}",
        ]
        for name in found[smallest]
    ]
    print(f"{options.database}. Load of the machine: {load()}.\n\n{table(head, rows)}")


def _fill(database: sa.Engine, size: int) -> None:
    with Session(database) as session, unit_of_work(session):
        open_now = session.scalar(
            sa.select(sa.func.count()).select_from(UserTask).where(UserTask.state == TaskState.OPEN)
        )
        past.multiply(session, instances=1, open_tasks=size - (open_now or 0), history=1, seed=size)
    with database.connect() as connection:
        if database.dialect.name == "sqlite":
            connection.exec_driver_sql("ANALYZE")
        else:
            connection.exec_driver_sql("ANALYZE TABLE user_tasks, process_instances")


def _ask(app: Flask, database: sa.Engine, rounds: int) -> dict[str, float]:
    app.config["WTF_CSRF_ENABLED"] = False
    clients = {who: _signed_in(app, who) for who in ("technician", "manager")}
    found = {}
    for name, who, path in PAGES:
        taken = [_timed(clients[who], path) for _ in range(rounds)]
        found[name] = statistics.median(taken[1:])
    taken = [_complete(clients["technician"], database) for _ in range(rounds)]
    found[COMPLETING] = statistics.median(taken[1:])
    return found


def _signed_in(app: Flask, who: str) -> FlaskClient:
    client = app.test_client()
    email = f"{who}@millwright.example"
    answer = client.post("/sign-in", data={"email": email, "password": PASSWORD})
    if answer.status_code != 302:
        raise SystemExit(f"signing in answered {answer.status_code}")
    return client


def _timed(client: FlaskClient, path: str) -> float:
    began = time.perf_counter()
    answer = client.get(path)
    if answer.status_code != 200:
        raise SystemExit(f"{path} answered {answer.status_code}: {answer.text[:500]}")
    return (time.perf_counter() - began) * 1000


def _complete(client: FlaskClient, database: sa.Engine) -> float:
    """A problem is reported and accepted; the milliseconds that accepting it took."""
    with database.connect() as connection:
        machine = connection.scalar(sa.text("SELECT MIN(id) FROM machines WHERE status = 'OPERATIONAL'"))
        client.post("/report", data={"machineId": machine, "priority": "HIGH", "description": "Noise."})
    with database.connect() as connection:
        task = connection.scalar(
            sa.text("SELECT MAX(id) FROM user_tasks WHERE state = 'open' AND element_id = 'accept_request'")
        )
    began = time.perf_counter()
    answer = client.post(f"/tasks/{task}", data={"_outcome": "accept"})
    if answer.status_code != 302:
        raise SystemExit(f"completing answered {answer.status_code}: {answer.text[:500]}")
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
