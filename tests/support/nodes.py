"""Sites that really serve, several of them over one database: what nodes share is that database alone."""

from __future__ import annotations

import json
import os
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import create_app
from app.api.core import tokens
from app.database import engine_options, unit_of_work
from app.domain import sessions
from app.domain.people import User
from app.extensions import db
from tests.support import site as sites
from tests.support import warm
from tests.support.servers import Running, Server, free_port

LONG_ENOUGH = 60  # seconds


@dataclass(frozen=True)
class Answer:
    """What a call was answered; ``replayed`` where it repeated an earlier one."""

    status: int
    body: bytes
    replayed: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Node(Server):
    """A served site, and the people who call it by name."""

    def __init__(self, *arguments: Any, people: dict[str, str], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._tokens = people

    def _spawn(self, command: list[str], environment: dict[str, str] | None) -> Running:
        return warm.start(command, log=self._log, environment=environment or {}, program="gunicorn")

    def stop(self) -> None:
        """End the node at once: none of its calls is under way."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        super().stop()

    def get(self, who: str, path: str) -> Answer:
        return self.call(who, path, None, method="GET")

    def call(self, who: str, path: str, body: Any, key: str | None = None, method: str = "POST") -> Answer:
        """Call the API; ``key`` is an Idempotency-Key."""
        headers = {"Authorization": f"Bearer {self._tokens[who]}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers=headers,
        )
        try:
            answer = urllib.request.urlopen(request, timeout=LONG_ENOUGH)  # noqa: S310
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            return Answer(answer.status, answer.read(), "Idempotency-Replayed" in answer.headers)


def bearers(url: str, folder: Path, people: dict[str, User]) -> dict[str, str]:
    """Tokens with which people call any node over the database at ``url``."""
    config = {
        "SQLALCHEMY_DATABASE_URI": url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(url),
        "MILLWRIGHT_DATA": folder,
    }
    app = create_app(config)
    with app.app_context():
        with unit_of_work(db.session()) as session:
            begun = {name: _begin(session, user) for name, user in people.items()}
        made = {name: tokens.issue(row).access for name, row in begun.items()}
        db.engine.dispose()
    return made


def _begin(session: Session, user: User) -> sessions.UserSession:
    return sessions.begin(session, user.id, sessions.SessionKind.API, lifetime=sessions.REFRESH_LIFETIME)


@contextmanager
def node(url: str, folder: Path, people: dict[str, str], *, workers: int = 1) -> Iterator[Node]:
    """A node with its files and log in ``folder``, until the block ends. It does no jobs."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    settings = {
        "MILLWRIGHT_DATABASE_URL": url,
        "MILLWRIGHT_SECRET_KEY": os.environ["MILLWRIGHT_SECRET_KEY"],
    }
    running = Node(
        [
            "--workers", str(workers), "--threads", "4",
            "--bind", f"127.0.0.1:{port}", "app:create_app()",
        ],
        port=port,
        log=folder / "gunicorn.log",
        environment=sites.environment(folder, **settings),
        people=people,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}/healthz"
        running.wait_until(lambda: urllib.request.urlopen(address, timeout=5).close(), (OSError,))
        yield running
    finally:
        running.stop()


def together(*calls: Any) -> list[Any]:
    """Do things in threads of their own, let go at the same moment; what each answered, in their order."""
    barrier = threading.Barrier(len(calls))
    answers: dict[int, Any] = {}

    def act(number: int, call: Any) -> None:
        barrier.wait(LONG_ENOUGH)
        answers[number] = call()

    threads = [threading.Thread(target=act, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_ENOUGH)
    assert len(answers) == len(calls), "somebody got no answer"
    return [answers[number] for number in range(len(calls))]


def count(session: Session, model: type[Any], *where: Any) -> int:
    """How many rows there are."""
    return session.scalar(sa.select(sa.func.count()).select_from(model).where(*where)) or 0
