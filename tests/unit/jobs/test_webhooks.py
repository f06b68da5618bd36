"""Webhooks: signed, tried again, and never posted to an address within the house."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import ManualClock, now
from app.config import from_environment
from app.database import unit_of_work
from app.engine import webhooks as addresses
from app.engine.models import Job, JobState
from app.engine.monitor import alerts
from app.engine.monitor.alerts import Wanted
from app.engine.monitor.models import AlertRule
from app.engine.webhooks import BadAddress
from app.jobs import JobSystem, webhooks
from app.jobs.mail import Mailer
from app.jobs.webhooks import Undelivered

SECRET = "a_secret_of_more_than_24_signs"
PUBLIC = "https://hooks.example.com/alerts"


class Receiver:
    """Keeps what is posted, and answers with the statuses that it is told, at last always the last one."""

    def __init__(self) -> None:
        self.statuses = [204]
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.port = 0

    def answer(self) -> int:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=1"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.calls.append((self.path, dict(self.headers), body))
            status = found.answer()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - a redirect that is followed would come as one

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def post(receiver: Receiver, url: str = "", **given: Any) -> None:
    trusted = given.pop("trusted", {receiver.host})
    webhooks.post(url or receiver.url, SECRET, {"what": "It’s late"}, delivery="d-1", trusted=trusted)


def resolving(monkeypatch: pytest.MonkeyPatch, *found: str) -> list[str]:
    """Any name stands for these addresses. Answers the addresses that are then connected to."""
    connected: list[str] = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError("nobody is there")

    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in found]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    monkeypatch.setattr(socket, "create_connection", connect)
    return connected


# -- what is posted --------------------------------------------------------------------------------


def test_a_message_is_signed_with_its_time(receiver: Receiver, clock: ManualClock) -> None:
    post(receiver)
    ((path, headers, body),) = receiver.calls
    assert path == "/hook?key=1" and json.loads(body) == {"what": "It’s late"}
    assert headers["Content-Type"] == "application/json" and headers["Millwright-Delivery"] == "d-1"
    timestamp = headers["Millwright-Timestamp"]
    assert int(timestamp) == int(now().timestamp())
    # As the integrator's guide says, and not as the code does it.
    signed = hmac.new(SECRET.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["Millwright-Signature"] == f"v1={signed}"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 500, 503])
def test_what_is_not_taken_is_an_error_and_redirects_are_not_followed(
    receiver: Receiver, status: int
) -> None:
    receiver.statuses = [status]
    with pytest.raises(Undelivered, match=str(status)):
        post(receiver)
    assert len(receiver.calls) == 1


def test_nobody_is_there(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolving(monkeypatch, "93.184.215.14") == []
    with pytest.raises(Undelivered, match=r"hooks\.example\.com cannot be reached: nobody is there"):
        post(receiver, PUBLIC)


def test_somebody_who_never_ends_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "DEADLINE", 0.3)
    with _dripping() as port, pytest.raises(Undelivered, match="cannot be reached"):
        webhooks.post(f"http://127.0.0.1:{port}/", SECRET, {}, delivery="d", trusted={f"127.0.0.1:{port}"})


@contextmanager
def _dripping() -> Iterator[int]:
    """A server that answers a byte at a time, for ever."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                while not over.wait(0.05):
                    connection.sendall(b"H")
            except OSError:
                pass

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        thread.join()
        listener.close()


# -- where to --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.1.1", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::",  # noqa: S104 - nothing is bound to it
        "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1",
        "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::", "nonsense",
    ],
)  # fmt: skip
def test_a_name_that_stands_for_an_address_within_the_house_is_refused(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver, address: str
) -> None:
    assert not addresses.is_public(address)
    connected = resolving(monkeypatch, "93.184.215.14", address)
    with pytest.raises(Undelivered, match="MILLWRIGHT_WEBHOOK_HOSTS"):
        post(receiver, PUBLIC)
    assert connected == []


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses(address: str) -> None:
    assert addresses.is_public(address)


def test_the_connection_goes_to_the_address_that_was_looked_at(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    """A name that is looked up again could mean something within the house by then."""
    connected = resolving(monkeypatch, "93.184.215.14")
    with pytest.raises(Undelivered):
        post(receiver, PUBLIC)
    assert connected == ["93.184.215.14"]


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "ftp://example.com/", "http://example.com/", "https://", "https://user@example.com/",
        "https://a:b@example.com/", "https://127.0.0.1/", "https://[::1]/", "https://localhost/",
        "https://x.localhost/", "https://10.0.0.1:8443/", "https://exa mple.com/", "https://example.com:0/",
        "https://example.com:99999/", "https://ex\u00e4mple.com/", "https://example.com/\r\nHost: x",
        "https://[fe80::1%25eth0]/", "javascript:alert(1)", "https://example.com\\@127.0.0.1/",
        f"https://example.com/{'x' * 500}",
    ],
)  # fmt: skip
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(BadAddress):
        addresses.target(url)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "017700000001"])
def test_addresses_in_disguise_are_seen_through_when_they_are_looked_up(
    receiver: Receiver, host: str
) -> None:
    with pytest.raises(Undelivered):
        post(receiver, f"https://{host}:{receiver.port}/")
    assert receiver.calls == []


def test_the_settings_name_hosts_within_the_house() -> None:
    named = from_environment(
        {"MILLWRIGHT_SECRET_KEY": "x", "MILLWRIGHT_WEBHOOK_HOSTS": "Hooks.local 10.0.0.5:9000"}
    )
    trusted = named["MILLWRIGHT_WEBHOOK_HOSTS"]
    assert trusted == ["hooks.local", "10.0.0.5:9000"]
    assert addresses.target("http://hooks.local/", trusted).is_trusted
    assert addresses.target("http://10.0.0.5:9000/x", trusted).is_trusted
    for other in ("http://10.0.0.5/", "https://10.0.0.6:9000/", "http://evil.hooks.local/"):
        with pytest.raises(BadAddress):
            addresses.target(other, trusted)
    assert from_environment({"MILLWRIGHT_SECRET_KEY": "x"})["MILLWRIGHT_WEBHOOK_HOSTS"] == []


# -- through the job table -------------------------------------------------------------------------


@pytest.fixture
def rule(system: JobSystem, receiver: Receiver, session: Session) -> Iterator[AlertRule]:
    bindings = system.engine.bindings
    bindings.webhook_hosts, bindings.site_url = frozenset({receiver.host}), "https://plant.example"
    with unit_of_work(session):
        wanted = Wanted(
            name="Piles", measure="open", threshold=3, emails=("plant@example.com",),
            webhook_url=receiver.url, webhook_secret=SECRET,
        )  # fmt: skip
        made = alerts.create(system.engine, session, wanted, None)
        session.add(made)
    yield made
    bindings.webhook_hosts, bindings.site_url = frozenset(), ""


def test_a_test_arrives_signed(
    system: JobSystem, session: Session, rule: AlertRule, receiver: Receiver, clock: ManualClock
) -> None:
    with unit_of_work(session):
        alerts.send_test(system.engine, session, rule)
    system.sweep()
    ((_, headers, body),) = receiver.calls
    told = json.loads(body)
    assert (told["type"], told["threshold"], told["unit"]) == ("alert.test", 3, "instances")
    assert told["link"] == "https://plant.example/monitor/instances"
    assert told["rule"]["name"] == "Piles" and "More than 3 instances open" in told["what"]
    expected = webhooks.sign(SECRET, int(headers["Millwright-Timestamp"]), body)
    assert headers["Millwright-Signature"] == f"v1={expected}"
    assert headers["Millwright-Delivery"].startswith(f"alert:{rule.id}:test:")


def test_what_fails_is_tried_again_until_it_is_taken(
    system: JobSystem, session: Session, rule: AlertRule, receiver: Receiver, clock: ManualClock
) -> None:
    receiver.statuses = [500, 302, 204]
    with unit_of_work(session):
        alerts.send_test(system.engine, session, rule)
    system.sweep()
    query = sa.select(Job).where(Job.kind == alerts.WEBHOOK).execution_options(populate_existing=True)
    job = session.scalars(query).one()
    assert (job.state, job.attempts) == (JobState.WAITING, 1) and "answered 500" in (job.last_error or "")
    session.rollback()
    for _ in range(3):
        clock.advance(minutes=1)
        system.sweep()
    job = session.scalars(query).one()
    assert (job.state, job.attempts, len(receiver.calls)) == (JobState.DONE, 2, 3)
    deliveries = {headers["Millwright-Delivery"] for _, headers, _ in receiver.calls}
    times = {headers["Millwright-Timestamp"] for _, headers, _ in receiver.calls}
    assert (len(deliveries), len(times)) == (1, 3)
    assert [each.kind for each in alerts.deliveries(session, rule)] == [alerts.WEBHOOK, alerts.MAIL]


def test_what_is_deleted_meanwhile_is_not_posted(
    system: JobSystem, session: Session, rule: AlertRule, receiver: Receiver
) -> None:
    with unit_of_work(session):
        alerts.send_test(system.engine, session, rule)
    with unit_of_work(session):
        alerts.delete(session, rule)
    system.sweep()
    assert receiver.calls == []
    assert session.scalars(sa.select(Job.state).where(Job.kind == alerts.WEBHOOK)).one() == JobState.DONE


def test_e_mail_says_what_is_the_matter_and_where(
    system: JobSystem, session: Session, rule: AlertRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, str, str]] = []

    class Sends:
        def send(self, to: str, subject: str, text: str) -> None:
            sent.append((to, subject, text))

    mailer: Mailer = Sends()  # type: ignore[assignment]
    system.sessions.configure(info={"mailer": mailer})
    with unit_of_work(session):
        alerts.send_test(system.engine, session, rule)
    system.sweep()
    ((to, subject, text),) = sent
    assert (to, subject) == ("plant@example.com", "Test of the alert: Piles")
    assert "More than 3 instances open" in text and "https://plant.example/monitor/instances\n" in text
