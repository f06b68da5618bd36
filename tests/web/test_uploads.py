"""Files that come with a form are scanned, and what is served of them can do no harm."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.database import unit_of_work
from app.domain import attachments
from app.domain.activity import ActivityLog
from app.domain.attachments import Attachment
from app.domain.requests import MaintenanceRequest
from app.domain.scanning import NoScanner
from app.ops.clamav import Clamd
from app.storage import FolderStore
from tests.support import servers
from tests.web.conftest import Factory, SignIn


def report(browser: FlaskClient, factory: Factory, *files: tuple[bytes, str]) -> TestResponse:
    """Report a problem with these files."""
    answers: dict[str, Any] = {
        "machineId": factory.press.id,
        "priority": "HIGH",
        "description": "Oil leaks.",
        "photos": [(BytesIO(data), name) for data, name in files],
    }
    return browser.post("/report", data=answers, content_type="multipart/form-data")


def rows(factory: Factory, model: type[Any]) -> list[Any]:
    factory.session.rollback()
    return list(factory.session.scalars(sa.select(model)))


PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


def test_a_virus_is_refused_at_its_field_and_written_down(
    application: Flask, factory: Factory, sign_in: SignIn, clamd: servers.Clamd, tmp_path: Path
) -> None:
    application.extensions["millwright.scanner"] = Clamd(f"unix:{clamd.socket_path}")
    browser = sign_in(factory.supervisor)
    answer = report(browser, factory, (PICTURE, "leak.png"), (PICTURE + servers.INFECTED, "oil.png"))
    assert answer.status_code == 422
    assert f"oil.png contains a virus ({servers.VIRUS}.UNOFFICIAL)" in answer.text
    assert rows(factory, MaintenanceRequest) == [] and rows(factory, Attachment) == []
    assert [path for path in (tmp_path / "uploads").rglob("*") if path.is_file()] == []
    (entry,) = [row for row in rows(factory, ActivityLog) if row.action == "REFUSE_VIRUS"]
    assert (entry.user_id, entry.after["fileName"]) == (factory.supervisor.id, "oil.png")
    assert entry.source

    assert report(browser, factory, (PICTURE, "leak.png"), (PICTURE, "oil.png")).status_code == 302
    assert [row.file_name for row in rows(factory, Attachment)] == ["leak.png", "oil.png"]


def test_while_the_scanner_is_away_no_file_is_taken_and_nothing_else_stops(
    application: Flask, factory: Factory, sign_in: SignIn, tmp_path: Path
) -> None:
    application.extensions["millwright.scanner"] = Clamd(f"unix:{tmp_path / 'nobody.sock'}")
    browser = sign_in(factory.supervisor)
    answer = report(browser, factory, (PICTURE, "leak.png"))
    assert answer.status_code == 422
    assert "leak.png cannot be checked for viruses at the moment. Try again" in answer.text
    assert rows(factory, Attachment) == []
    assert report(browser, factory).status_code == 302


def test_nobody_waits_for_the_scanner_with_a_lock_in_hand(
    application: Flask, factory: Factory, sign_in: SignIn
) -> None:
    """While a file is scanned, somebody else can write."""

    class Slow:
        def scan(self, data: bytes) -> None:
            with unit_of_work(factory.session) as session:
                session.execute(sa.text("UPDATE machines SET location = 'Hall 2'"))

    application.extensions["millwright.scanner"] = Slow()
    assert report(sign_in(factory.supervisor), factory, (PICTURE, "leak.png")).status_code == 302


@pytest.mark.parametrize(
    ("data", "name", "media"),
    [
        (PICTURE, "leak.png", "image/png"),
        (b"%PDF-1.7\n/OpenAction << /S /JavaScript /JS (app.alert(1)) >>", "cv.pdf", "application/pdf"),
        (b"alert(1) // <script>alert(1)</script>", "x.html", "text/plain; charset=utf-8"),
    ],
)
@pytest.mark.parametrize("saved", [False, True])
def test_whatever_is_served_cannot_run(
    factory: Factory,
    sign_in: SignIn,
    tmp_path: Path,
    data: bytes,
    name: str,
    media: str,
    saved: bool,
) -> None:
    with unit_of_work(factory.session) as session:
        stored = attachments.store(
            session, FolderStore(tmp_path / "uploads"), NoScanner(), BytesIO(data), name, factory.manager.id
        )
    address = f"/attachments/{stored.id}" + ("?download=1" if saved else "")
    answer = sign_in(factory.manager).get(address)
    assert answer.headers["Content-Type"] == media
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "sandbox" in policy and "allow-" not in policy
    assert answer.headers["Content-Disposition"].startswith("attachment" if saved else "inline")


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("öl leck.png", "filename=\"ol leck.png\"; filename*=UTF-8''%C3%B6l%20leck.png"),
        ("机器.png", "filename=.png; filename*=UTF-8''%E6%9C%BA%E5%99%A8.png"),
        ('a"; filename=evil.html\r\nX: y.png', 'filename="a_; filename=evil.htmlX_ y.png"'),
    ],
)
def test_the_name_of_a_saved_file_is_told_as_rfc_6266_has_it(
    factory: Factory, sign_in: SignIn, tmp_path: Path, name: str, disposition: str
) -> None:
    with unit_of_work(factory.session) as session:
        stored = attachments.store(
            session,
            FolderStore(tmp_path / "uploads"),
            NoScanner(),
            BytesIO(PICTURE),
            name,
            factory.manager.id,
        )
    answer = sign_in(factory.manager).get(f"/attachments/{stored.id}?download=1")
    assert answer.headers["Content-Disposition"] == f"attachment; {disposition}"


def test_a_part_of_a_file_is_sent_to_who_asks_for_a_part(
    factory: Factory, sign_in: SignIn, tmp_path: Path
) -> None:
    with unit_of_work(factory.session) as session:
        stored = attachments.store(
            session,
            FolderStore(tmp_path / "uploads"),
            NoScanner(),
            BytesIO(b"0123456789"),
            "n.txt",
            factory.manager.id,
        )
    browser = sign_in(factory.manager)
    part = browser.get(f"/attachments/{stored.id}", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.data, part.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    beyond = browser.get(f"/attachments/{stored.id}", headers={"Range": "bytes=20-"})
    assert beyond.status_code == 416
    whole = browser.get(f"/attachments/{stored.id}")
    assert (whole.data, whole.headers["Content-Length"]) == (b"0123456789", "10")
    again = browser.get(f"/attachments/{stored.id}", headers={"If-None-Match": whole.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
