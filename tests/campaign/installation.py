"""The production set: MariaDB, Redis, two web nodes, two workers, two schedulers, each on its own machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from app.database import engine_options
from tests.campaign import network as networks
from tests.campaign.network import PEOPLE, Network
from tests.support import servers, site, warm, wrong_clock
from tests.support.servers import MariaDb, Redis, Running, Server, free_port

DATABASE, CACHE = "mariadb", "redis"
WEB = ("web-1", "web-2")
WORKERS = ("worker-1", "worker-2")
SCHEDULERS = ("scheduler-1", "scheduler-2")
NODES = (*WEB, *WORKERS, *SCHEDULERS)

LEASE = 5  # seconds, so that the other scheduler takes over within a campaign of a minute
ROOM = {"data": "640m", "uploads": "24m"}  # of the small disks, where they can be mounted
START_LIMIT = 60.0  # seconds


class Node(Server):
    """A process of the product, on its machine, with its clock. It writes into one log, however often it is
    started."""

    def __init__(
        self, name: str, arguments: list[str], *, port: int, folder: Path, network: Network,
        environment: dict[str, str],
    ) -> None:  # fmt: skip
        self.name = name
        self._namespace = network.namespace(name)
        self.clock = folder / f"{name}.clock"
        wrong_clock.set_clock(self.clock, 0)
        self.stopped = False
        self.ended_by_itself = 0
        super().__init__(arguments, port=port, log=folder / f"{name}.log", environment=environment)

    def _spawn(self, command: list[str], environment: dict[str, str] | None) -> Running:
        return warm.start(
            command,
            log=self._log,
            environment=environment or {},
            network=self._namespace,
            clock=self.clock,
        )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all its processes, if it has not ended meanwhile."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def processes(self) -> list[int]:
        """The numbers of all its processes."""
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(ProcessLookupError):
                if entry.name.isdigit() and os.getpgid(int(entry.name)) == self.pid:
                    found.append(int(entry.name))
        return found

    def kill(self) -> None:
        """End all its processes at once; nobody starts it again until :meth:`restart`."""
        self.stopped = True
        super().kill()

    def restart(self) -> None:
        super().restart()
        self.stopped = False

    def supervise(self) -> None:
        """Start it again if it has ended by itself, as Docker or systemd does."""
        if not self.stopped and not self.is_running():
            self.ended_by_itself += 1
            self.restart()


@dataclass
class Installation:
    """What runs, and how it is reached."""

    folder: Path
    network: Network
    database: MariaDb
    cache: Redis
    url: str  # of the database, for the campaign itself, past the network
    disks: dict[str, Path]  # small disks that can be filled: data (of the database), uploads
    environment: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)

    @property
    def uploads(self) -> Path:
        return self.folder / "uploads"

    def addresses(self) -> list[str]:
        """Where people reach the web nodes."""
        found = (self.network.address(PEOPLE, name, self.nodes[name].port) for name in WEB)
        return [f"http://{host}:{port}" for host, port in found]

    def start(self) -> None:
        """Start all nodes, and wait until the pages answer."""
        for name in NODES:
            self.nodes[name] = self._node(name)
        with ThreadPoolExecutor(1, initializer=self.network.enter) as people:
            people.submit(_wait_for, self.addresses()).result()

    def _node(self, name: str) -> Node:
        network = self.network
        database, database_port = network.address(name, DATABASE, self.database.port)
        cache, cache_port = network.address(name, CACHE, self.cache.port)
        port = free_port()
        arguments = {
            WEB: ["run", "--host", network.listen_at(), "--port", str(port), "--threads", "8"],
            WORKERS: ["worker"],
            SCHEDULERS: ["worker", "--scheduler"],
        }
        data = self.folder / name
        data.mkdir()
        return Node(
            name,
            next(arguments[kind] for kind in arguments if name in kind),
            port=port,
            folder=self.folder,
            network=network,
            environment=site.environment(
                data,
                MILLWRIGHT_DATABASE_URL=f"mysql+pymysql://millwright@{database}:{database_port}/millwright?charset=utf8mb4",
                MILLWRIGHT_REDIS_URL=f"redis://{cache}:{cache_port}/0",
                MILLWRIGHT_SECRET_KEY="the same for all",
                MILLWRIGHT_UPLOADS=str(self.uploads),
                MILLWRIGHT_LEASE_SECONDS=str(LEASE),
                MILLWRIGHT_RATE_ANONYMOUS="1000000 per minute",
                MILLWRIGHT_RATE_SIGNED_IN="1000000 per minute",
                **self.environment,
            ),
        )

    def supervise(self) -> None:
        """Start again what has ended by itself."""
        for node in self.nodes.values():
            node.supervise()

    def stop(self) -> None:
        for node in self.nodes.values():
            node.signal(signal.SIGCONT)
            node.kill()


@contextmanager
def installation(folder: Path) -> Iterator[Installation]:
    """The servers with an empty database, and the nodes once they are started.

    :raises servers.MissingProgram: a server is not installed
    """
    with ExitStack() as stack:
        network = networks.network_of((DATABASE, CACHE, *NODES))
        stack.callback(network.close)
        disks = _small_disks(folder, stack)
        for name in ("data", "uploads"):
            (folder / name).mkdir(exist_ok=True)
        database = stack.enter_context(
            servers.mariadb(
                folder, data=folder / "data", prefix=network.prefix(DATABASE), bind=network.listen_at()
            )
        )
        cache = stack.enter_context(
            servers.redis_server(folder, prefix=network.prefix(CACHE), bind=network.listen_at())
        )
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE millwright CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
            cursor.execute("CREATE USER millwright@'%'")
            cursor.execute("GRANT ALL ON *.* TO millwright@'%'")
        url = f"mysql+pymysql://root@localhost/millwright?charset=utf8mb4&unix_socket={database.socket_path}"
        found = Installation(folder, network, database, cache, url, disks)
        stack.callback(found.stop)
        yield found


def connect(url: str) -> sa.Engine:
    """The campaign's own connections to the database."""
    return sa.create_engine(url, **engine_options(url))


def _small_disks(folder: Path, stack: ExitStack) -> dict[str, Path]:
    """Disks that can be filled without filling this machine's, where they may be mounted."""
    disks = {}
    for name, size in ROOM.items():
        place = folder / name
        place.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "campaign", str(place)]
        if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
            stack.callback(subprocess.run, ["umount", "--lazy", str(place)], check=False)
            disks[name] = place
    return disks


def _wait_for(addresses: list[str]) -> None:
    deadline = time.monotonic() + START_LIMIT
    for address in addresses:
        while not _answers(f"{address}/healthz"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{address} does not answer")
            time.sleep(0.1)


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5).close()  # noqa: S310
    except OSError:
        return False
    return True
