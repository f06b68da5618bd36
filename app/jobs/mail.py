"""E-mail: written to the job table with whatever it tells about, sent by whoever does the jobs.

Sessions of the job system carry the site's mailer in ``session.info["mailer"]``.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from sqlalchemy.orm import Session

from app import clock
from app.engine import jobs
from app.engine.models import Job

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

TIMEOUT = 20  # seconds for each answer of the mail server
_PORTS = {"smtp": 25, "smtps": 465}
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that comes with a message."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mailer:
    """A mail server, and whom the mail is from."""

    host: str
    port: int
    sender: Address
    tls: bool = False  # from the first byte; otherwise when the server offers it
    user: str = ""
    password: str = field(default="", repr=False)

    def send(self, to: str, subject: str, text: str, files: Sequence[Attached] = ()) -> None:
        """Send one message, perhaps with files, and wait until the server has taken it.

        :raises smtplib.SMTPException: the server does not take it
        :raises OSError: the server cannot be reached
        """
        message = self._message(to, subject, text)
        for file in files:
            kind, _, detail = file.media_type.partition("/")
            message.add_attachment(file.content, maintype=kind, subtype=detail, filename=file.name)
        with self._connection() as server:
            server.send_message(message, self.sender.addr_spec, [to])

    def _message(self, to: str, subject: str, text: str) -> EmailMessage:
        # EmailMessage and Address take no line breaks: nobody adds headers or recipients.
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = Address(addr_spec=to)
        message["Subject"] = _one_line(subject)
        message["Date"] = localtime(clock.now())
        message["Message-ID"] = make_msgid(domain=self.sender.domain)
        message["Auto-Submitted"] = "auto-generated"  # no holiday replies, please
        message.set_content(text)
        return message

    def _connection(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT)
        try:
            server.ehlo()
            if not self.tls and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            elif not self.tls and self.user and self.host not in _THIS_MACHINE:
                raise smtplib.SMTPException("the mail server offers no TLS: no password is sent to it")
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server


def mailer_of(settings: Mapping[str, Any]) -> Mailer | None:
    """The mailer that the settings describe; None where no mail is sent."""
    url = urlsplit(settings.get("MILLWRIGHT_SMTP_URL", ""))
    if not url.hostname:
        return None
    return Mailer(
        host=url.hostname,
        port=url.port or _PORTS[url.scheme],
        sender=Address(display_name="Millwright", addr_spec=settings["MILLWRIGHT_MAIL_FROM"]),
        tls=url.scheme == "smtps",
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
    )


def queue(session: Session, mailer: Mailer | None, *, to: str, subject: str, text: str) -> Job | None:
    """Have a message sent after this transaction; without a mailer nothing is queued."""
    if mailer is None:
        return None
    return jobs.enqueue(session, "mail", {"to": to, "subject": _one_line(subject), "text": text})


@jobs.job_handler("mail", outside=True)
def _send(engine: ProcessEngine, session: Session, payload: Mapping[str, Any], job: Job) -> None:
    mailer: Mailer | None = session.info.get("mailer")
    if mailer is not None:
        mailer.send(payload["to"], payload["subject"], payload["text"])


def _one_line(text: str) -> str:
    return " ".join(text.split())
