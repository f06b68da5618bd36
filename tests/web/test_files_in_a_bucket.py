"""Uploads on an S3-compatible storage: kept, served in ranges, safe, and nothing is lost while it is away."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.database import unit_of_work
from app.domain import attachments
from app.domain.attachments import Attachment
from app.domain.requests import MaintenanceRequest
from app.domain.scanning import NoScanner
from app.storage import FileStore, S3Settings, open_store
from tests.support import servers
from tests.web.conftest import Factory, SignIn

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
TEXT = b"0123456789" * 100_000


@pytest.fixture
def bucket(application: Flask, s3: servers.S3) -> FileStore:
    """The bucket in which the application keeps its files."""
    store = open_store(f"s3://{s3.BUCKET}/uploads", s3.settings)
    application.extensions["millwright.files"] = store
    return store


@pytest.fixture
def nowhere(application: Flask) -> None:
    """The storage of the application does not answer."""
    settings = S3Settings(f"http://127.0.0.1:{servers.free_port()}", "", "key", "secret")
    application.extensions["millwright.files"] = open_store("s3://nowhere", settings)


def report(browser: FlaskClient, factory: Factory) -> TestResponse:
    answers: dict[str, Any] = {
        "machineId": factory.press.id,
        "priority": "HIGH",
        "description": "Oil leaks from the left seal.",
        "photos": [(BytesIO(PICTURE), "leak.png")],
    }
    return browser.post("/report", data=answers, content_type="multipart/form-data")


def keep(factory: Factory, bucket: FileStore) -> Attachment:
    with unit_of_work(factory.session) as session:
        return attachments.store(
            session, bucket, NoScanner(), BytesIO(TEXT), "measured.txt", factory.manager.id
        )


def test_what_comes_with_a_form_is_kept_in_the_bucket(
    bucket: FileStore, factory: Factory, sign_in: SignIn
) -> None:
    browser = sign_in(factory.supervisor)
    assert report(browser, factory).status_code == 302
    factory.session.rollback()
    (row,) = factory.session.scalars(sa.select(Attachment))
    assert [file.key for file in bucket.list()] == [row.storage_key]
    answer = browser.get(f"/attachments/{row.id}")
    assert (answer.status_code, len(answer.data)) == (200, row.size)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_ranges_and_what_the_browser_has_already(
    bucket: FileStore, factory: Factory, sign_in: SignIn
) -> None:
    stored = keep(factory, bucket)
    browser = sign_in(factory.manager)
    part = browser.get(f"/attachments/{stored.id}", headers={"Range": "bytes=700002-700004"})
    assert (part.status_code, part.data) == (206, b"234")
    assert part.headers["Content-Range"] == f"bytes 700002-700004/{len(TEXT)}"
    beyond = browser.get(f"/attachments/{stored.id}", headers={"Range": f"bytes={len(TEXT)}-"})
    assert beyond.status_code == 416
    again = browser.get(f"/attachments/{stored.id}", headers={"If-None-Match": part.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_file_goes_with_its_transaction(bucket: FileStore, factory: Factory) -> None:
    with pytest.raises(RuntimeError), unit_of_work(factory.session) as session:
        attachments.store(session, bucket, NoScanner(), BytesIO(TEXT), "a.txt", factory.manager.id)
        raise RuntimeError
    assert list(bucket.list()) == []
    stored = keep(factory, bucket)
    with unit_of_work(factory.session) as session:
        attachments.remove(session, bucket, session.get_one(Attachment, stored.id), factory.manager.id)
    assert list(bucket.list()) == []


def test_a_file_that_the_bucket_has_lost_is_not_there(
    bucket: FileStore, factory: Factory, sign_in: SignIn
) -> None:
    stored = keep(factory, bucket)
    bucket.delete(stored.storage_key)
    assert sign_in(factory.manager).get(f"/attachments/{stored.id}").status_code == 404


@pytest.mark.usefixtures("nowhere")
def test_while_the_storage_is_away_the_form_comes_back_with_what_was_typed(
    factory: Factory, sign_in: SignIn
) -> None:
    answer = report(sign_in(factory.supervisor), factory)
    assert answer.status_code == 422
    assert "leak.png cannot be kept at the moment" in answer.text
    assert "Oil leaks from the left seal." in answer.text
    factory.session.rollback()
    assert factory.session.scalars(sa.select(MaintenanceRequest)).all() == []
    assert factory.session.scalars(sa.select(Attachment)).all() == []


def test_while_the_storage_is_away_a_file_cannot_be_opened_and_its_page_says_so(
    application: Flask, bucket: FileStore, factory: Factory, sign_in: SignIn, request: pytest.FixtureRequest
) -> None:
    stored = keep(factory, bucket)
    request.getfixturevalue("nowhere")
    answer = sign_in(factory.manager).get(f"/attachments/{stored.id}")
    assert answer.status_code == 503
    assert "measured.txt cannot be opened at the moment" in answer.text
    assert "127.0.0.1" not in answer.text


@pytest.mark.usefixtures("nowhere")
def test_a_file_that_cannot_be_removed_keeps_nobody_from_working(
    factory: Factory, bucket: FileStore, application: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    stored = keep(factory, bucket)
    away = open_store("s3://nowhere", S3Settings(f"http://127.0.0.1:{servers.free_port()}", "", "k", "s"))
    with unit_of_work(factory.session) as session:
        attachments.remove(session, away, session.get_one(Attachment, stored.id), factory.manager.id)
    factory.session.rollback()
    assert factory.session.scalars(sa.select(Attachment)).all() == []
    assert "belongs to nothing any more" in caplog.text
