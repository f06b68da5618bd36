"""E-mail through a real mail server on this machine."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from sqlalchemy.orm import Session

from app.clock import ManualClock
from app.config import ConfigurationError, from_environment
from app.database import unit_of_work
from app.domain import password_resets, people
from app.engine.core import ProcessEngine
from app.engine.models import Job, JobState
from app.jobs import JobSystem, mail, password_links
from app.jobs.mail import Mailer, mailer_of
from tests.factories import make_user

SENDER = "millwright@factory.example"


class Post:
    """Keeps what the mail server takes; refuses recipients while told to."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.refuses = False

    async def handle_RCPT(  # noqa: N802 - the library calls it so
        self, server: SMTP, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuses:
            return "451 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Any, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss/word", handled=False)

    @property
    def messages(self) -> list[EmailMessage]:
        found = [
            message_from_bytes(bytes(one.content or b""), policy=policy.default) for one in self.envelopes
        ]
        return [message for message in found if isinstance(message, EmailMessage)]


class MailServer(Controller):
    """On a port that is free. The check of a started server that comes with it knows neither that nor TLS."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        socket.create_connection((self.hostname, self.port)).close()


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def mailer(post: Post) -> Iterator[Mailer]:
    server = MailServer(
        post, hostname="127.0.0.1", port=0, authenticator=post.authenticate, auth_require_tls=False
    )
    server.start()
    url = f"smtp://127.0.0.1:{server.port}"
    found = mailer_of({"MILLWRIGHT_SMTP_URL": url, "MILLWRIGHT_MAIL_FROM": SENDER})
    assert found is not None
    yield found
    server.stop()


@pytest.fixture
def system(engine: ProcessEngine, database: sa.Engine, mailer: Mailer) -> Iterator[JobSystem]:
    system = JobSystem(engine, database, interval=3600, mailer=mailer)
    yield system
    system.stop()


def text_of(message: EmailMessage) -> str:
    return str(message.get_content())


def test_a_message_is_sent_once_its_transaction_stands(
    system: JobSystem, session: Session, post: Post, mailer: Mailer
) -> None:
    with unit_of_work(session):
        mail.queue(session, mailer, to="ada@factory.example", subject="Grüße", text="Die Presse läuft.\n")
        assert post.envelopes == []
    system.sweep()
    system.sweep()
    (envelope,) = post.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == (SENDER, ["ada@factory.example"])
    (message,) = post.messages
    assert (message["To"], message["Subject"]) == ("ada@factory.example", "Grüße")
    assert message["From"] == f"Millwright <{SENDER}>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert text_of(message).strip() == "Die Presse läuft."


def test_nobody_adds_headers_or_recipients(
    system: JobSystem, session: Session, post: Post, mailer: Mailer
) -> None:
    evil = "ada@factory.example\nBcc: eve@elsewhere.example"
    with unit_of_work(session):
        mail.queue(session, mailer, to="ada@factory.example", subject="Hi\r\nBcc: eve@x.example", text="x")
        bad = mail.queue(session, mailer, to=evil, subject="Hi", text="x")
    system.sweep()
    (message,) = post.messages
    assert message["Subject"] == "Hi Bcc: eve@x.example"
    assert message["Bcc"] is None
    assert bad is not None
    session.refresh(bad)
    assert (bad.state, bad.attempts) == (JobState.WAITING, 1)


def test_what_the_server_refuses_is_sent_later(
    system: JobSystem, session: Session, post: Post, mailer: Mailer, clock: ManualClock
) -> None:
    post.refuses = True
    with unit_of_work(session):
        job = mail.queue(session, mailer, to="ada@factory.example", subject="Hi", text="x")
    assert job is not None
    system.sweep()
    session.refresh(job)
    assert "come back later" in (job.last_error or "")
    post.refuses = False
    system.sweep()
    assert post.envelopes == []
    clock.advance(seconds=5)
    system.sweep()
    assert len(post.envelopes) == 1


def test_without_a_mail_server_nothing_is_queued(session: Session) -> None:
    assert mailer_of(from_environment({"MILLWRIGHT_SECRET_KEY": "tests only"})) is None
    with unit_of_work(session):
        assert mail.queue(session, None, to="ada@factory.example", subject="Hi", text="x") is None
        assert password_links.queue(session, None, "ada@factory.example", "https://mill/reset/") is None
    assert session.scalars(sa.select(Job)).all() == []


def test_the_password_comes_from_the_address_and_shows_nowhere(post: Post, mailer: Mailer) -> None:
    settings = {
        "MILLWRIGHT_SMTP_URL": f"smtp://mill%40factory:p%40ss%2Fword@127.0.0.1:{mailer.port}",
        "MILLWRIGHT_MAIL_FROM": SENDER,
    }
    with_password = mailer_of(settings)
    assert with_password is not None
    with_password.send("ada@factory.example", "Hi", "x")
    assert post.logins == [(b"mill@factory", b"p@ss/word")]
    assert "p@ss" not in repr(with_password)


def test_no_password_is_sent_over_the_network_without_tls(
    post: Post, mailer: Mailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "_THIS_MACHINE", ())
    url = f"smtp://mill:p%40ss%2Fword@127.0.0.1:{mailer.port}"
    with_password = mailer_of({"MILLWRIGHT_SMTP_URL": url, "MILLWRIGHT_MAIL_FROM": SENDER})
    assert with_password is not None
    with pytest.raises(mail.smtplib.SMTPException, match="no TLS"):
        with_password.send("ada@factory.example", "Hi", "x")
    assert post.logins == []


@pytest.mark.parametrize("tls", [False, True], ids=["starttls", "smtps"])
def test_mail_is_encrypted_where_it_can_be(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    certificate = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
    how = {"ssl_context": context} if tls else {"tls_context": context, "require_starttls": True}
    server = MailServer(post, hostname="127.0.0.1", port=0, **how)
    server.start()
    try:
        url = f"{'smtps' if tls else 'smtp'}://localhost:{server.port}"
        secure = mailer_of({"MILLWRIGHT_SMTP_URL": url, "MILLWRIGHT_MAIL_FROM": SENDER})
        assert secure is not None
        secure.send("ada@factory.example", "Hi", "x")
    finally:
        server.stop()
    assert len(post.envelopes) == 1


def make_certificate(folder: Path) -> Path:
    """A certificate for localhost that signs itself, with its key, in one file."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "localhost.pem"
    path.write_bytes(private + certificate.public_bytes(pem))
    return path


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("http://mail.example.com", SENDER),
        ("smtp://:secret@", SENDER),
        ("smtp://user:se/cret@mail.example.com", SENDER),
        ("smtp://mail.example.com:smtp", SENDER),
        ("smtp://mail.example.com", ""),
        ("smtp://mail.example.com", "millwright"),
        ("smtp://mail.example.com", "a@b.example\nBcc: c@d.example"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_showing_the_password(url: str, sender: str) -> None:
    settings = {"MILLWRIGHT_SECRET_KEY": "x", "MILLWRIGHT_SMTP_URL": url, "MILLWRIGHT_MAIL_FROM": sender}
    with pytest.raises(ConfigurationError) as refused:
        from_environment(settings)
    assert "secret" not in str(refused.value)
    assert "se/cret" not in str(refused.value)


# -- links for forgotten passwords -------------------------------------------------------------------


def ask(session: Session, mailer: Mailer, email: str) -> None:
    with unit_of_work(session):
        password_links.queue(session, mailer, email, "https://mill.example/reset/")


def test_who_forgot_their_password_is_sent_a_link_that_works(
    system: JobSystem, session: Session, post: Post, mailer: Mailer, clock: ManualClock
) -> None:
    with unit_of_work(session):
        user = make_user(session, email="ada@factory.example", name="Ada")
    ask(session, mailer, " Ada@factory.example ")
    system.sweep()
    (message,) = post.messages
    assert message["To"] == "ada@factory.example"
    link = next(line for line in text_of(message).splitlines() if line.startswith("https://"))
    token = link.removeprefix("https://mill.example/reset/")
    assert password_resets.holder(session, token) == user
    for job in session.scalars(sa.select(Job)):
        assert token not in str(job.payload)


def test_strangers_and_those_who_are_off_are_sent_nothing(
    system: JobSystem, session: Session, post: Post, mailer: Mailer
) -> None:
    with unit_of_work(session):
        user = make_user(session)
        people.update_user(session, user, None, active=False)
    ask(session, mailer, user.email)
    ask(session, mailer, "nobody@factory.example")
    system.sweep()
    assert post.envelopes == []
    assert set(session.scalars(sa.select(Job.state))) == {JobState.DONE}


def test_a_link_that_could_not_be_sent_is_made_anew(
    system: JobSystem, session: Session, post: Post, mailer: Mailer, clock: ManualClock
) -> None:
    with unit_of_work(session):
        user = make_user(session)
    post.refuses = True
    ask(session, mailer, user.email)
    system.sweep()
    post.refuses = False
    clock.advance(seconds=5)
    system.sweep()
    (message,) = post.messages
    token = text_of(message).split("https://mill.example/reset/")[1].split()[0]
    session.rollback()
    assert password_resets.holder(session, token) is not None
