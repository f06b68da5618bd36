"""The scanner says clean or infected only when clamd said so, word for word."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from app.config import ConfigurationError, from_environment
from app.domain.scanning import ScannerUnavailable
from app.ops.clamav import Clamd
from tests.support import servers

Answer = Callable[[socket.socket, bytes], None]


def says(text: bytes) -> Answer:
    return lambda connection, data: connection.sendall(text)


def read_stream(connection: socket.socket) -> bytes:
    """What a client sends with INSTREAM: chunks, each after its length, and an empty one at the end."""
    with connection.makefile("rb") as incoming:
        command = incoming.readline()
        assert command == b"nINSTREAM\n"
        data = b""
        while size := struct.unpack("!L", incoming.read(4))[0]:
            data += incoming.read(size)
        return data


@pytest.fixture
def stand_in() -> Iterator[Callable[..., Clamd]]:
    """Something that speaks clamd's protocol and then answers as it is told: a scanner that asks it."""
    with contextlib.ExitStack() as stack:

        def start(answer: Answer, *, reads: bool = True, time_limit: int = 5) -> Clamd:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def serve() -> None:
                with contextlib.suppress(OSError):
                    connection, _ = listener.accept()
                    with connection:
                        answer(connection, read_stream(connection) if reads else b"")

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            return Clamd(f"tcp:127.0.0.1:{listener.getsockname()[1]}", time_limit)

        yield start


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_the_daemon_itself_finds_what_is_there_and_nothing_else(clamd: servers.Clamd, kind: str) -> None:
    address = {"tcp": f"tcp:127.0.0.1:{clamd.port}", "unix": f"unix:{clamd.socket_path}"}[kind]
    scanner = Clamd(address)
    assert scanner.scan(b"an oil leak") is None
    assert scanner.scan(b"x" * 5000 + servers.INFECTED + b"x" * 5000) == f"{servers.VIRUS}.UNOFFICIAL"
    assert scanner.scan(b"x" * 10 * 1024 * 1024) is None


def test_a_daemon_that_hangs_has_scanned_nothing(clamd: servers.Clamd) -> None:
    clamd.pause()
    try:
        with pytest.raises(ScannerUnavailable, match=r"timed out"):
            Clamd(f"unix:{clamd.socket_path}", time_limit=1).scan(b"an oil leak")
    finally:
        clamd.go_on()
    assert Clamd(f"unix:{clamd.socket_path}").scan(b"an oil leak") is None


def test_all_of_the_file_arrives(stand_in: Callable[..., Clamd]) -> None:
    arrived: list[bytes] = []

    def answer(connection: socket.socket, data: bytes) -> None:
        arrived.append(data)
        connection.sendall(b"stream: OK\n")

    content = bytes(range(256)) * 50
    assert stand_in(answer).scan(content) is None
    assert arrived == [content]


def test_a_virus_is_named(stand_in: Callable[..., Clamd]) -> None:
    assert stand_in(says(b"stream: Win.Test.EICAR_HDB-1 FOUND\n")).scan(b"x") == "Win.Test.EICAR_HDB-1"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"OK\n",
        b"stream: \n",
        b"stream: FOUND\n",
        b"stream: OKAY\n",
        b"stream: Access denied. ERROR\n",
        b"INSTREAM size limit exceeded. ERROR\n",
        b"other: OK\n",
        b"UNKNOWN COMMAND\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\xff\xfe\n",
    ],
)
def test_any_other_answer_is_none(stand_in: Callable[..., Clamd], text: bytes) -> None:
    with pytest.raises(ScannerUnavailable):
        stand_in(says(text)).scan(b"x")


def test_a_daemon_that_hangs_up_half_way_has_scanned_nothing(stand_in: Callable[..., Clamd]) -> None:
    def hang_up(connection: socket.socket, data: bytes) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with pytest.raises(ScannerUnavailable):
        stand_in(hang_up, reads=False).scan(b"x" * 5_000_000)


def test_a_daemon_that_never_answers_is_waited_for_only_so_long(stand_in: Callable[..., Clamd]) -> None:
    over = threading.Event()
    scanner = stand_in(lambda connection, data: over.wait(10), time_limit=1)
    try:
        with pytest.raises(ScannerUnavailable, match=r"timed out"):
            scanner.scan(b"x")
    finally:
        over.set()


@pytest.mark.parametrize("address", ["unix:/nonexistent/clamd.ctl", "tcp:host.invalid:3310"])
def test_where_nothing_listens_nothing_is_scanned(address: str) -> None:
    with pytest.raises(ScannerUnavailable, match="clamd at"):
        Clamd(address).scan(b"x")


def test_a_closed_port_scans_nothing() -> None:
    with pytest.raises(ScannerUnavailable):
        Clamd(f"tcp:127.0.0.1:{servers.free_port()}").scan(b"x")


@pytest.mark.parametrize("address", ["unix:/run/clamav/clamd.ctl", "tcp:clamav:3310", "tcp:10.0.0.7", ""])
def test_addresses_that_the_setting_takes(address: str) -> None:
    settings = from_environment({"MILLWRIGHT_CLAMD": address, "MILLWRIGHT_SECRET_KEY": "x"})
    assert settings["MILLWRIGHT_CLAMD"] == address
    if address:
        Clamd(address)


@pytest.mark.parametrize(
    "address", ["clamav:3310", "unix:clamd.ctl", "tcp:", "tcp:host:port", "/run/clamd.ctl"]
)
def test_other_addresses_are_refused_at_the_start(address: str) -> None:
    with pytest.raises(ConfigurationError, match="MILLWRIGHT_CLAMD"):
        from_environment({"MILLWRIGHT_CLAMD": address, "MILLWRIGHT_SECRET_KEY": "x"})
    with pytest.raises(ValueError, match="no address"):
        Clamd(address)
