"""How long pages take, beside one's own profile, which shows little more than one's name."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import flask_migrate
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.ops import demo, runtime
from app.ops.demo.factory import PASSWORD
from benchmarks.measuring import load, table
from benchmarks.served import address

MANAGER = "manager@millwright.example"
BARE = "/profile"


@contextmanager
def site(given: str, fill: Callable[[Flask], None]) -> Iterator[Flask]:
    """The application on a database, as :data:`~benchmarks.served.DATABASE` names it.

    An empty one gets the small demonstration, and what ``fill`` writes in the application's context.
    """
    with tempfile.TemporaryDirectory() as folder, address(given) as url:
        os.environ["MILLWRIGHT_DATA"], os.environ["MILLWRIGHT_DATABASE_URL"] = folder, url
        app = create_app()
        with app.app_context():
            flask_migrate.upgrade(str(runtime.MIGRATIONS))
            sessions = app.extensions["millwright.jobs"].sessions
            if demo.load(app.extensions["millwright"], sessions, whole=False):
                fill(app)
        yield app


@contextmanager
def told() -> Iterator[dict[str, int]]:
    """Print how many rows of what were written in the block, and how long it took."""
    began = time.perf_counter()
    written: dict[str, int] = {}
    yield written
    counted = ", ".join(f"{number:,} {name}" for name, number in written.items())
    print(f"Written in {time.perf_counter() - began:.0f} s: {counted}.", flush=True)


def measure(
    app: Flask, database: sa.Engine, addresses: Iterable[str], *, rounds: int, target: int
) -> dict[str, float]:
    """Ask for each page several times as a maintenance manager, print a table, and answer the medians.

    Times are milliseconds inside the server; ``target`` is what none should take longer than. Beside them
    stands the processor's time in this process, SQLite's included: on a machine that does other things too
    it tells more than the clock.
    """
    client = app.test_client()
    _sign_in(app, client)
    medians: dict[str, float] = {}
    rows = []
    for page in (BARE, *addresses):
        taken, worked, statements = [], [], 0
        for _ in range(rounds):
            with _counted(database) as count:
                began, before = time.perf_counter(), time.process_time()
                response = client.get(page)
                taken.append((time.perf_counter() - began) * 1000)
                worked.append((time.process_time() - before) * 1000)
            statements = count[0]
        if response.status_code != 200:
            raise SystemExit(f"{page} answered {response.status_code}")
        median = medians[page] = statistics.median(taken)
        late = f"over {target}" if median > target else ""
        times = (f"{median:.1f}", f"{max(taken):.1f}", f"{statistics.median(worked):.1f}")
        rows.append([f"`{page}`", *times, statements, f"{median / medians[BARE]:.1f}", late])
    head = ["page", "median ms", "worst ms", "CPU ms", "statements", "ratio", f"aim: {target} ms"]
    print(f"\nLoad of the machine: {load()}.\n\n{table(head, rows)}", flush=True)
    return medians


def _sign_in(app: Flask, client: FlaskClient) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    response = client.post("/sign-in", data={"email": MANAGER, "password": PASSWORD})
    if response.status_code != 302:
        raise SystemExit(f"signing in answered {response.status_code}")


@contextmanager
def _counted(database: sa.Engine) -> Iterator[list[int]]:
    count = [0]

    def note(*_: object) -> None:
        count[0] += 1

    sa.event.listen(database, "before_cursor_execute", note)
    try:
        yield count
    finally:
        sa.event.remove(database, "before_cursor_execute", note)
