"""Real MariaDB, Redis, ClamAV and S3 servers for tests, from installed programs, in folders of their own.

They listen on free ports of this machine, hold their data in a temporary folder, and end with the
test process, however that ends.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Protocol

import pymysql
import redis
import sqlalchemy as sa

from app.storage import S3Settings

START_LIMIT = 60.0  # seconds a server may take to answer
STOP_LIMIT = 20.0  # seconds it may take to end

_PR_SET_PDEATHSIG = 1
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_database_numbers = count(1)


class MissingProgram(Exception):
    """A server's program is not installed; the message says which package has it."""


def find(*names: str, package: str) -> str:
    """The path of the first of these programs that is installed.

    :raises MissingProgram: none of them is
    """
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    raise MissingProgram(f"{names[0]} is not installed (Debian: apt-get install {package})")


def free_port() -> int:
    """A TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Running(Protocol):
    """What is asked of a process."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...


class Server:
    """A running server process, its port, and what it wrote."""

    def __init__(
        self, command: list[str], *, port: int, log: Path, environment: dict[str, str] | None = None
    ) -> None:
        self.port = port
        self._command = command
        self._environment = environment
        self._log = log
        self._log.unlink(missing_ok=True)
        self._process = self._spawn(command, environment)

    def _spawn(self, command: list[str], environment: dict[str, str] | None) -> Running:
        with self._log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the test run, which then stops us in order
                preexec_fn=die_with_parent,
                env=environment,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until(self, answers: Callable[[], object], errors: tuple[type[Exception], ...]) -> None:
        """Wait until a first question is answered.

        :raises RuntimeError: the server ended, or took too long; the message has its log
        """
        deadline = time.monotonic() + START_LIMIT
        while True:
            try:
                answers()
                return
            except errors as error:
                ended = self._process.poll() is not None
                if ended or time.monotonic() > deadline:
                    self.stop()
                    tail = self._log.read_text(errors="replace")[-3000:]
                    raise RuntimeError(f"the server did not start ({error}):\n{tail}") from error
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server, by force if it takes too long."""
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the server as a power cut would."""
        self._process.kill()
        self._process.wait()

    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process.poll() is None

    def restart(self) -> None:
        """Start it again, as it was started; it has ended. Its log goes on."""
        self._process = self._spawn(self._command, self._environment)


def die_with_parent() -> None:
    """Have this process ended when the one that started it ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def enter_network(namespace: Path) -> None:
    """Put this thread, and what it starts, on the network of a namespace, given by its file.

    :raises OSError: this process may not
    """
    descriptor = os.open(namespace, os.O_RDONLY)
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
    finally:
        os.close(descriptor)


class MariaDb(Server):
    """A MariaDB server; :meth:`database` gives each test a database of its own."""

    def __init__(self, command: list[str], *, port: int, log: Path, socket_path: Path) -> None:
        super().__init__(command, port=port, log=log)
        self.socket_path = socket_path

    def connect(self) -> pymysql.connections.Connection:
        return pymysql.connect(unix_socket=str(self.socket_path), user="root", autocommit=True)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a new, empty database, which is dropped afterwards."""
        name = f"millwright_{os.getpid()}_{next(_database_numbers)}"
        self._execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
        try:
            yield f"mysql+pymysql://root@127.0.0.1:{self.port}/{name}?charset=utf8mb4"
        finally:
            self._execute(f"DROP DATABASE {name}")

    def _execute(self, statement: str) -> None:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)


@contextmanager
def mariadb(
    folder: Path,
    *settings: str,
    data: Path | None = None,
    prefix: Sequence[str] = (),
    bind: str = "127.0.0.1",
) -> Iterator[MariaDb]:
    """A MariaDB server with its data below ``folder``, or in the folder ``data``.

    ``settings`` are options that outdo those below, ``prefix`` is put before its command, and ``bind`` is the
    address at which it listens.

    :raises MissingProgram: it is not installed
    """
    program = find("mariadbd", "mysqld", package="mariadb-server")
    installer = find("mariadb-install-db", "mysql_install_db", package="mariadb-server")
    data, socket_path, log = data or folder / "data", folder / "mariadb.sock", folder / "mariadb.log"
    user = ["--user=root"] if os.geteuid() == 0 else []
    # Two that are made at the same moment would take each other's temporary tables in a shared folder.
    temporary = folder / "tmp"
    temporary.mkdir()
    made = subprocess.run(
        [
            installer,
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            f"--datadir={data}",
            *user,
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    if made.returncode:
        raise RuntimeError(f"{installer} failed:\n{made.stdout[-2000:]}{made.stderr[-2000:]}")
    port = free_port()
    server = MariaDb(
        [
            *prefix,
            program,
            "--no-defaults",
            f"--datadir={data}",
            f"--tmpdir={temporary}",
            f"--socket={socket_path}",
            f"--pid-file={folder / 'mariadb.pid'}",
            f"--bind-address={bind}",
            f"--port={port}",
            "--skip-name-resolve",
            # Small, and it does not wait for the disk: no test cuts the power.
            "--innodb-flush-method=nosync",
            "--skip-sync-frm",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=16M",
            "--innodb-lock-wait-timeout=15",
            "--key-buffer-size=1M",
            "--performance-schema=OFF",
            "--max-connections=60",
            *settings,
            *user,
        ],
        port=port,
        log=log,
        socket_path=socket_path,
    )
    try:
        server.wait_until(lambda: server.connect().close(), (pymysql.MySQLError,))
        yield server
    finally:
        server.stop()


def copy_rows(source: str, tables: Iterable[str], *, into: str) -> None:
    """Copy the rows of tables of a MariaDB database into another of that server, where they are empty."""
    origin = sa.make_url(source).database
    database = sa.create_engine(into)
    with database.begin() as connection:
        connection.exec_driver_sql("SET foreign_key_checks = 0")
        for table in tables:
            connection.exec_driver_sql(f"INSERT INTO {table} SELECT * FROM {origin}.{table}")  # noqa: S608
    database.dispose()


class Redis(Server):
    """A Redis server."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def empty(self) -> None:
        """Forget everything that a test left."""
        with redis.Redis(port=self.port) as client:
            client.flushall()


@contextmanager
def redis_server(
    folder: Path, *, port: int | None = None, prefix: Sequence[str] = (), bind: str = "127.0.0.1"
) -> Iterator[Redis]:
    """A Redis server that keeps nothing on disk; ``prefix`` and ``bind`` as for :func:`mariadb`.

    :raises MissingProgram: it is not installed
    """
    program = find("redis-server", package="redis-server")
    port = port or free_port()
    socket_path = folder / "redis.sock"
    server = Redis(
        [
            *prefix,
            program,
            "--port", str(port),
            "--bind", bind,
            "--protected-mode", "no",
            "--unixsocket", str(socket_path),
            "--dir", str(folder),
            "--save", "",
            "--appendonly", "no",
            "--daemonize", "no",
        ],
        port=port,
        log=folder / "redis.log",
    )  # fmt: skip

    def answers() -> None:
        with redis.Redis(unix_socket_path=str(socket_path)) as client:
            client.ping()

    try:
        server.wait_until(answers, (redis.ConnectionError,))
        yield server
    finally:
        server.stop()


# What the tests' only virus is called, and what it looks like. Nobody's files contain it by accident.
VIRUS = "Millwright.Harmless"
INFECTED = b"This is the harmless marker that the tests of Millwright call a virus."


class Clamd(Server):
    """ClamAV's daemon, which knows one virus: :data:`VIRUS`."""

    def __init__(self, command: list[str], *, port: int, log: Path, socket_path: Path) -> None:
        super().__init__(command, port=port, log=log)
        self.socket_path = socket_path

    def ping(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
            connection.sendall(b"zPING\0")
            if connection.recv(16) != b"PONG\0":
                raise ConnectionError("clamd does not answer yet")

    def pause(self) -> None:
        """Let it hang: it takes connections and does not answer."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def clamd(folder: Path) -> Iterator[Clamd]:
    """ClamAV's daemon on a port and a socket below ``folder``, with a database of one signature.

    :raises MissingProgram: it is not installed
    """
    program = find("clamd", package="clamav-daemon")
    database, config, port = folder / "database", folder / "clamd.conf", free_port()
    database.mkdir()
    (database / "millwright.ndb").write_text(f"{VIRUS}:0:*:{INFECTED.hex()}\n")
    settings = {
        "Foreground": "yes",
        "DatabaseDirectory": database,
        "LocalSocket": folder / "clamd.sock",
        "TCPSocket": port,
        "TCPAddr": "127.0.0.1",
        "TemporaryDirectory": folder,
        "MaxThreads": 2,
        "SelfCheck": 86400,
    }
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    server = Clamd(
        [program, f"--config-file={config}"],
        port=port, log=folder / "clamd.log", socket_path=folder / "clamd.sock",
    )  # fmt: skip
    try:
        server.wait_until(server.ping, (OSError,))
        yield server
    finally:
        server.go_on()
        server.stop()


class S3(Server):
    """An S3-compatible storage (moto's) that keeps everything in memory."""

    BUCKET = "millwright"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> S3Settings:
        """How the product reaches it."""
        return S3Settings(self.url, "us-east-1", "tests", "tests only")

    def empty(self) -> None:
        """Forget everything that a test left, and have one empty bucket."""
        for method, path in (("POST", "/moto-api/reset"), ("PUT", f"/{self.BUCKET}")):
            request = urllib.request.Request(f"{self.url}{path}", method=method)  # noqa: S310
            urllib.request.urlopen(request, timeout=5).close()  # noqa: S310

    def pause(self) -> None:
        """Let it hang: it takes connections and does not answer."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def s3(folder: Path) -> Iterator[S3]:
    """An S3-compatible storage on a port of its own."""
    port = free_port()
    server = S3(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        port=port,
        log=folder / "s3.log",
    )
    try:
        server.wait_until(server.empty, (OSError,))
        yield server
    finally:
        server.go_on()
        server.stop()
