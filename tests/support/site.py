"""The whole product as its users run it: the ``millwright`` command in processes of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import configure, engine_options
from tests.support import warm
from tests.support.servers import Running, Server, free_port

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "app.cli"]


class Site(Server):
    """A running site, with its data in the folder ``data``."""

    def __init__(self, arguments: list[str], *, port: int, data: Path, environment: dict[str, str]) -> None:
        super().__init__(arguments, port=port, log=data / "site.log", environment=environment)
        self.data = data

    def _spawn(self, command: list[str], environment: dict[str, str] | None) -> Running:
        return warm.start(command, log=self._log, environment=environment or {})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What the site has written so far."""
        return self._log.read_text(errors="replace")

    @contextmanager
    def session(self) -> Iterator[Session]:
        """The site's own database, beside the running site."""
        url = f"sqlite:///{self.data / 'millwright.db'}"
        database = sa.create_engine(url, **engine_options(url))
        configure(database)
        with Session(database) as session:
            yield session
        database.dispose()


def environment(data: Path, **settings: str) -> dict[str, str]:
    """What a site with its data in ``data`` is started with."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MILLWRIGHT_")}
    return {**inherited, "MILLWRIGHT_DATA": str(data), "PYTHONPATH": str(ROOT), **settings}


def command(*arguments: str, data: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run ``millwright`` with these arguments to its end; the result has its output."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(data, **settings),
        cwd=data,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def build_demonstration(data: Path) -> None:
    """A demonstration factory in the folder ``data``, as ``make run`` makes it, without the year before."""
    made = command("setup", "--demo", "--small", data=data)
    if made.returncode:
        raise RuntimeError(f"the demonstration was not made:\n{made.stdout}{made.stderr}")


@contextmanager
def serve(data: Path, **settings: str) -> Iterator[Site]:
    """Serve the site whose data is in the folder ``data``, until the block ends."""
    port = free_port()
    site = Site(
        ["run", "--demo", "--port", str(port)],
        port=port,
        data=data,
        environment=environment(data, **settings),
    )
    try:
        site.wait_until(lambda: urllib.request.urlopen(f"{site.url}/healthz", timeout=5).close(), (OSError,))  # noqa: S310
        yield site
    finally:
        site.kill()  # nobody needs its data any more, and to end in order takes it a second


def copy(original: Path, into: Path) -> Path:
    """A copy of a site that is not running, for one test."""
    return Path(shutil.copytree(original, into, ignore=shutil.ignore_patterns("*.log")))
