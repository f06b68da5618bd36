"""How long pages take, beside one's own profile, which shows little more than one's name."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.ops.demo.factory import PASSWORD
from benchmarks.measuring import load, table

MANAGER = "manager@millwright.example"
BARE = "/profile"


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
    for address in (BARE, *addresses):
        taken, worked, statements = [], [], 0
        for _ in range(rounds):
            with _counted(database) as count:
                began, before = time.perf_counter(), time.process_time()
                response = client.get(address)
                taken.append((time.perf_counter() - began) * 1000)
                worked.append((time.process_time() - before) * 1000)
            statements = count[0]
        if response.status_code != 200:
            raise SystemExit(f"{address} answered {response.status_code}")
        median = medians[address] = statistics.median(taken)
        late = f"over {target}" if median > target else ""
        times = (f"{median:.1f}", f"{max(taken):.1f}", f"{statistics.median(worked):.1f}")
        rows.append([f"`{address}`", *times, statements, f"{median / medians[BARE]:.1f}", late])
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
