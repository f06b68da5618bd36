"""Pages that hear of changes, on a real server: it holds as many streams as it can spare, and no more."""

from __future__ import annotations

import http.client
import json
import re
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import configure, engine_options, unit_of_work
from app.domain.machines import Machine
from app.domain.people import Role, User
from app.engine import instances
from app.engine.core import ProcessEngine
from app.processes.directory import actor_of
from tests import factories
from tests.support import site as sites
from tests.support.servers import Server, free_port

LONG_ENOUGH = 30  # seconds
HELD = 2  # streams, of four threads


class Viewer:
    """A browser of somebody who is signed in."""

    def __init__(self, port: int, email: str) -> None:
        self.port = port
        self._cookie = ""
        self.get("/sign-in")
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.body)
        assert token is not None
        form = {"email": email, "password": factories.PASSWORD, "csrf_token": token[1]}
        assert self.get("/sign-in", urllib.parse.urlencode(form)) == 302

    def get(self, path: str, form: str | None = None) -> int:
        connection = self._ask(path, form)
        answer = connection.getresponse()
        self._keep(answer)
        self.body = answer.read().decode()
        connection.close()
        return answer.status

    def watch(self) -> Stream:
        """Begin to listen, as a page of the Monitor does."""
        connection = self._ask("/monitor/live")
        return Stream(connection, connection.getresponse())

    def _ask(self, path: str, form: str | None = None) -> HTTPConnection:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=LONG_ENOUGH)
        headers = {"Cookie": self._cookie, "Accept": "text/html"}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("GET" if form is None else "POST", path, form, headers)
        return connection

    def _keep(self, answer: HTTPResponse) -> None:
        for header in answer.headers.get_all("Set-Cookie") or []:
            self._cookie = header.split(";")[0]


class Stream:
    """What a browser hears; it ends when the server is done with it or :meth:`leave` is called."""

    def __init__(self, connection: HTTPConnection, answer: HTTPResponse) -> None:
        assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/event-stream")
        self._connection, self._answer = connection, answer

    def event(self) -> tuple[int | None, str]:
        """The next event: the retry time, if it has one, and the revision."""
        retry, data = None, ""
        while True:
            read = self._answer.readline().decode()
            assert read, "the stream has ended"
            line = read.rstrip("\n")
            if not line and data:
                break
            if line.startswith("retry: "):
                retry = int(line[7:])
            elif line.startswith("data: "):
                data = line[6:]
        return retry, json.loads(data)["revision"]

    def ends(self) -> bool:
        """Whether the server has nothing more to say."""
        try:
            return self._answer.read() == b""
        except TimeoutError:
            return False

    def leave(self) -> None:
        self._answer.close()
        self._connection.close()


@pytest.fixture
def url(deployed_url: str) -> str:
    """A database with somebody who may see the Monitor, and somebody who reports problems."""
    with open_session(deployed_url) as session, unit_of_work(session):
        factories.make_user(session, Role.MAINTENANCE_MANAGER, email="maria@factory.example")
        supervisor = factories.make_user(session, Role.SUPERVISOR, email="ann@factory.example")
        department = factories.make_department(session)
        supervisor.department_id = department.id
        factories.make_machine(session, qr_code="PRESS", department_id=department.id)
    return deployed_url


@contextmanager
def open_session(url: str) -> Iterator[Session]:
    database = sa.create_engine(url, **engine_options(url))
    configure(database)
    with Session(database, expire_on_commit=False) as session:
        yield session
    database.dispose()


@contextmanager
def serve(url: str, folder: Path, *, threads: int = 4, **settings: str) -> Iterator[int]:
    """The site as ``millwright run`` serves it, by one process; the port."""
    port = free_port()
    server = Server(
        [
            *[sys.executable, "-m", "app.cli", "run"],
            *["--port", str(port), "--threads", str(threads)],
        ],
        port=port,
        log=folder / "site.log",
        environment=sites.environment(
            folder, MILLWRIGHT_DATABASE_URL=url, MILLWRIGHT_SECRET_KEY="only for tests", **settings
        ),
    )
    began = time.monotonic()
    try:
        address = f"http://127.0.0.1:{port}/healthz"
        server.wait_until(lambda: urllib.request.urlopen(address, timeout=5).close(), (OSError,))
        yield port
        began = time.monotonic()
    finally:
        server.stop()
    assert time.monotonic() - began < 10, "streams kept the server from ending"


def test_whoever_comes_after_the_streams_that_are_held_polls_and_others_are_answered(
    url: str, tmp_path: Path
) -> None:
    with serve(url, tmp_path, MILLWRIGHT_LIVE_STREAMS=str(HELD)) as port:
        maria = Viewer(port, "maria@factory.example")
        held = [maria.watch() for _ in range(HELD)]
        assert [stream.event()[0] for stream in held] == [1_000] * HELD

        for _ in range(3):
            late = maria.watch()
            retry, revision = late.event()
            assert retry == 15_000 and revision
            assert late.ends(), "nobody else's thread is held"
            late.leave()
        for path in ("/", "/monitor", "/monitor/instances", "/monitor/state"):
            began = time.monotonic()
            assert maria.get(path) == 200
            assert time.monotonic() - began < 5

        held[0].leave()
        assert eventually_held(maria), "a place that somebody left is never taken again"
        # The server is told to end while somebody listens: see serve().


def test_what_changes_is_heard_without_asking(url: str, tmp_path: Path, engine: ProcessEngine) -> None:
    with serve(url, tmp_path, MILLWRIGHT_LIVE_STREAMS=str(HELD)) as port:
        maria = Viewer(port, "maria@factory.example")
        stream = maria.watch()
        _, before = stream.event()
        with open_session(url) as session, unit_of_work(session):
            ann = session.scalars(sa.select(User).where(User.email == "ann@factory.example")).one()
            machine = session.scalars(sa.select(Machine)).one()
            answers = {"machineId": machine.id, "priority": "HIGH", "description": "Oil leaks."}
            instances.start(engine, session, "maintenance_request", actor_of(ann), answers)
        deadline = time.monotonic() + LONG_ENOUGH
        after = before
        while after == before and time.monotonic() < deadline:
            retry, after = stream.event()
            assert retry is None
        assert after != before
        stream.leave()


def test_a_server_of_one_thread_holds_nobody(url: str, tmp_path: Path) -> None:
    with serve(url, tmp_path, threads=1, MILLWRIGHT_LIVE_STREAMS="5") as port:
        maria = Viewer(port, "maria@factory.example")
        for _ in range(2):
            stream = maria.watch()
            assert stream.event()[0] == 15_000
            stream.leave()
        assert maria.get("/monitor") == 200


def eventually_held(viewer: Viewer) -> bool:
    """Whether a stream is held within the time in which the server notices that somebody left."""
    deadline = time.monotonic() + LONG_ENOUGH
    while time.monotonic() < deadline:
        try:
            stream = viewer.watch()
        except http.client.HTTPException:
            continue
        retry, _ = stream.event()
        if retry == 1_000:
            return True
        stream.leave()
        time.sleep(0.5)
    return False
