"""A site as it is run: web nodes, a worker and a scheduler in processes of their own, over a real database.

On MariaDB the jobs go through Redis, to a worker; the scheduler is another process. On SQLite the one
web process does everything.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.servers import Server, free_port, mariadb, redis_server

ROOT = Path(__file__).resolve().parents[1]
COMMAND = [sys.executable, "-m", "app.cli"]
# As on a server that keeps what it has acknowledged, with memory for a site's data.
DURABLE = (
    "--innodb-flush-method=O_DIRECT",
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-buffer-pool-size=512M",
    "--innodb-log-file-size=256M",
    "--max-connections=300",
)

DATABASE = "sqlite or mariadb, made anew; or the address of a database, empty or filled by an earlier run"


@dataclass
class Served:
    """Running processes, by what they are for, and where they answer."""

    kind: str
    url: str
    folder: Path
    processes: dict[str, int] = field(default_factory=dict)
    ports: list[int] = field(default_factory=list)


@contextmanager
def database(kind: str, folder: Path) -> Iterator[tuple[str, int]]:
    """The address of a new database and its server's process (0 for SQLite): ``sqlite`` or ``mariadb``."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'millwright.db'}", 0
        return
    home = folder / "mariadb"
    home.mkdir()
    with mariadb(home, *DURABLE) as server, server.database() as url:
        yield url, server.pid


@contextmanager
def address(given: str) -> Iterator[str]:
    """The database that an option names: ``sqlite`` or ``mariadb``, made anew, or an address as it is."""
    if given not in ("sqlite", "mariadb"):
        yield given
        return
    with tempfile.TemporaryDirectory() as folder, database(given, Path(folder)) as (url, _):
        yield url


def settings(url: str, data: Path, **more: str) -> dict[str, str]:
    """The environment of a site's processes. Nobody is limited: a few clients do what hundreds would."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MILLWRIGHT_")}
    often = "1000000 per second"
    return {
        **inherited,
        "PYTHONPATH": str(ROOT),
        "MILLWRIGHT_DATA": str(data),
        "MILLWRIGHT_DATABASE_URL": url,
        "MILLWRIGHT_SECRET_KEY": "of a benchmark",
        "MILLWRIGHT_RATE_ANONYMOUS": often,
        "MILLWRIGHT_RATE_SIGNED_IN": often,
        **more,
    }


@contextmanager
def site(kind: str, *, nodes: int = 1, threads: int = 8) -> Iterator[Served]:
    """A new demonstration, served by so many web nodes until the block ends."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        url, server = running.enter_context(database(kind, folder))
        found = Served(kind, url, folder)
        if server:
            found.processes["database"] = server
        setup(url, folder)
        for each in start(found, nodes=nodes, threads=threads, running=running):
            found.ports.append(each)
        yield found


def setup(url: str, folder: Path) -> None:
    """Make the tables and the small demonstration, by the command that does so."""
    made = subprocess.run(
        [*COMMAND, "setup", "--demo", "--small"],
        env=settings(url, folder), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        said = made.stdout[-2000:] + made.stderr[-2000:]
        raise SystemExit(f"setting up failed ({made.returncode}):\n{said}")


def start(found: Served, *, nodes: int, threads: int, running: ExitStack) -> list[int]:
    """Start the processes of a site; answers the ports of its web nodes once they are ready."""
    more = {}
    if found.kind != "sqlite":
        home = found.folder / "redis"
        home.mkdir()
        queue = running.enter_context(redis_server(home))
        found.processes["Redis"] = queue.pid
        more["MILLWRIGHT_REDIS_URL"] = queue.url
    environment = settings(found.url, found.folder, **more)
    ports = [free_port() for _ in range(nodes)]
    commands = {
        f"web {number}" if nodes > 1 else "web": ["run", "--port", str(port), "--threads", str(threads)]
        for number, port in enumerate(ports, 1)
    }
    if found.kind != "sqlite":
        commands |= {"worker": ["worker"], "scheduler": ["worker", "--scheduler"]}
    for (name, arguments), port in zip(commands.items(), [*ports, 0, 0], strict=False):
        server = Server(
            [*COMMAND, *arguments],
            port=port, log=found.folder / f"{name}.log", environment=environment,
        )  # fmt: skip
        running.callback(server.stop)
        found.processes[name] = server.pid
        if port:
            server.wait_until(lambda port=port: _ready(port), (OSError,))
    return ports


def _ready(port: int) -> None:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10).close()
