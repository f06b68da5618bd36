"""What completing a user task over HTTP costs, and whether it costs more as an instance grows old.

    python -m benchmarks.completion [--database URL] [--rounds 150]

Compared, in the same run and with the same server and database, with a bare Flask and SQLAlchemy
request that locks one row, updates it and commits.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import statistics
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks.served import address
from benchmarks.site import BINDING, PROCESS, Base, Row
from tests.support.servers import Server, free_port

PASSWORD = "a benchmark's password"
EMAIL = "technician@benchmark.example"
WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of a server, and the milliseconds until its last byte."""

    status: int
    headers: http.client.HTTPMessage
    body: str
    milliseconds: float


class Browser:
    """Keeps cookies; opens a connection for each request."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    def send(self, method: str, path: str, form: dict[str, str] | None = None) -> Reply:
        body = urllib.parse.urlencode(form or {}) if method == "POST" else None
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode()
        took = (time.perf_counter() - began) * 1000
        connection.close()
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        return Reply(response.status, response.headers, text, took)

    def token(self, path: str) -> str:
        """The CSRF token of a page's form."""
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.send("GET", path).body)
        if found is None:
            raise RuntimeError(f"{path} has no form")
        return found.group(1)


@contextmanager
def server(factory: str, environment: dict[str, str]) -> Iterator[int]:
    """A gunicorn with one worker that answers; its port."""
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn",
        "-b", f"127.0.0.1:{port}", "-w", "1", "--log-level", "error", factory,
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        running = Server(command, port=port, log=Path(folder) / "log", environment=environment)
        try:
            running.wait_until(
                lambda: Browser(port).send("GET", "/healthz"), (OSError, http.client.HTTPException)
            )
            yield port
        finally:
            running.stop()


def prepare(url: str, instances_wanted: int) -> list[int]:
    """Tables, a technician, the process, and instances that stand at its first user task."""
    from app.database import configure, engine_options, metadata, unit_of_work
    from app.domain import people
    from app.domain.people import Role
    from app.engine import deployments, instances
    from app.engine.actors import SYSTEM
    from app.processes import build_engine, read_folder
    from app.processes.directory import actor_of

    database = sa.create_engine(url, **engine_options(url))
    configure(database)
    metadata.create_all(database)
    Base.metadata.create_all(database)
    engine = build_engine()
    engine.bindings.processes["visits"] = BINDING
    with Session(database, expire_on_commit=False) as session:
        with unit_of_work(session):
            session.add(Row(id=1, number=0))
            user = people.create_user(
                session, None, email=EMAIL, name="Technician", password=PASSWORD, role=Role.MAINTENANCE_TECH
            )
            files = read_folder(PROCESS)
            deployments.deploy(engine, session, files, by=SYSTEM)
        ids = []
        for number in range(instances_wanted):
            with unit_of_work(session):
                ids.append(instances.start(engine, session, "visits", actor_of(user), {"number": number}).id)
    database.dispose()
    return ids


def newest_task(database: sa.Engine, instance_id: int) -> int:
    with database.connect() as connection:
        query = sa.text("SELECT id FROM user_tasks WHERE instance_id = :i AND state = 'open'")
        return int(connection.execute(query, {"i": instance_id}).scalar_one())


def measure(url: str, rounds: int, ages: int) -> dict[str, list[Reply]]:
    """Replies of the product and of the bare application by turns, and of one growing instance."""
    ids = prepare(url, rounds + WARM_UP + 1)
    environment = {
        **os.environ,
        "MILLWRIGHT_DATABASE_URL": url,
        "MILLWRIGHT_SECRET_KEY": "benchmark",
        "PYTHONPATH": str(Path.cwd()),
        "MILLWRIGHT_DATA": tempfile.mkdtemp(),
        "MILLWRIGHT_BASE_URL": "http://127.0.0.1",
    }
    database = sa.create_engine(url)
    found: dict[str, list[Reply]] = {"product": [], "bare": [], "growing": []}
    with (
        server("benchmarks.site:product()", environment) as port,
        server("benchmarks.site:bare()", environment) as other,
    ):
        browser, plain = Browser(port), Browser(other)
        token = browser.token("/sign-in")
        reply = browser.send("POST", "/sign-in", {"csrf_token": token, "email": EMAIL, "password": PASSWORD})
        if reply.status not in (302, 303):
            raise RuntimeError(f"signing in answered {reply.status}")
        token = browser.token(f"/tasks/{newest_task(database, ids[0])}")

        def complete(instance_id: int) -> Reply:
            task_id = newest_task(database, instance_id)
            done = browser.send("POST", f"/tasks/{task_id}", {"csrf_token": token, "note": "seen"})
            if done.status not in (302, 303):
                raise RuntimeError(f"completing answered {done.status}: {done.body[:500]}")
            return done

        for position, instance_id in enumerate(ids[1:]):
            done, touched = complete(instance_id), plain.send("POST", "/rows/1")
            if position >= WARM_UP:
                found["product"].append(done)
                found["bare"].append(touched)
        found["growing"] = [complete(ids[0]) for _ in range(ages)]
    database.dispose()
    return found


def report(found: dict[str, list[Reply]]) -> str:
    """The figures as a table."""

    def median(replies: list[Reply]) -> float:
        return statistics.median(reply.milliseconds for reply in replies)

    product, bare = median(found["product"]), median(found["bare"])
    p95 = statistics.quantiles([reply.milliseconds for reply in found["product"]], n=20)[-1]
    statements = max(int(reply.headers["X-Statements"]) for reply in found["product"])
    commits = {int(reply.headers["X-Commits"]) for reply in found["product"]}
    young, old = median(found["growing"][5:35]), median(found["growing"][-30:])
    return "\n".join(
        [
            "| measured | figure | aim |",
            "|---|---|---|",
            f"| completing a user task over HTTP, median | {product:.1f} ms (p95 {p95:.1f} ms) | |",
            f"| bare request: lock, update, commit, median | {bare:.1f} ms | |",
            f"| ratio | {product / bare:.2f} | under 5 |",
            f"| SQL statements of a completion, most | {statements} | at most 15 |",
            f"| commits of a completion | {', '.join(map(str, sorted(commits)))} | exactly 1 |",
            f"| one instance, completions 6 to 35, median | {young:.1f} ms | |",
            f"| the same instance, the last 30 of {len(found['growing'])}, median | {old:.1f} ms | |",
            f"| growth | {old / young:.2f} | under 1.5 |",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--database", default="sqlite", help="sqlite or mariadb, made anew; or the address of an empty one"
    )
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--ages", type=int, default=300)
    given = parser.parse_args()
    with address(given.database) as url:
        print(report(measure(url, given.rounds, given.ages)))


if __name__ == "__main__":
    main()
