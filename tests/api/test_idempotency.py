"""A repeat of a request with its Idempotency-Key has no second effect, and gets the first answer."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.api import endpoints
from app.api.core import idempotency
from app.clock import ManualClock
from app.database import unit_of_work
from app.domain import passwords
from app.domain.kept_answers import KeptAnswer
from app.domain.people import Department, Role, User
from tests import factories
from tests.api.conftest import Api
from tests.support import contract
from tests.support.restorable import RestorableSite, restorable_site

KEY = "5f0c2b9e-0c3e-4f43-9a57-0d5f5f1e7c11"
REPLAYED = "Idempotency-Replayed"


def same(first: TestResponse, second: TestResponse) -> None:
    """The second is the first again, and says so."""
    assert (second.status_code, second.get_data()) == (first.status_code, first.get_data())
    for name in ("Content-Type", "ETag", "Location"):
        assert second.headers.get(name) == first.headers.get(name)
    assert REPLAYED not in first.headers
    assert second.headers[REPLAYED] == "true"


def count(session: Session, model: type[Any]) -> int:
    session.rollback()
    return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


@pytest.mark.databases
def test_a_repeat_has_one_effect_and_the_same_answer(api: Api) -> None:
    before = count(api.session, Department)
    first = api.admin.post("/departments", {"name": "Paint shop"}, key=KEY)
    second = api.admin.post("/departments", {"name": "Paint shop"}, key=KEY)
    assert first.status_code == 201
    same(first, second)
    assert count(api.session, Department) == before + 1
    # The alias of the newest version is the same address.
    headers = {"Authorization": f"Bearer {api.admin.token}", "Idempotency-Key": KEY}
    alias = api.admin.client.post("/api/departments", json={"name": "Paint shop"}, headers=headers)
    same(first, alias)


def test_the_effects_in_running_processes_happen_once(api: Api) -> None:
    problem = {"machineId": api.press.id, "priority": "HIGH", "description": "It leaks oil."}
    first = api.supervisor.post("/maintenance-requests", problem, key=KEY)
    assert first.status_code == 201, first.json
    same(first, api.supervisor.post("/maintenance-requests", problem, key=KEY))
    assert api.supervisor.get("/maintenance-requests").json["total"] == 1
    address = first.headers["Location"].removeprefix("/api/v1")

    changed = {"status": "IN_PROGRESS"}
    accepted = api.technician.patch(f"{address}/status", changed, key=KEY)
    assert accepted.status_code == 200, accepted.json
    same(accepted, api.technician.patch(f"{address}/status", changed, key=KEY))
    # Without the key it is another attempt, which finds nothing to do.
    assert api.technician.patch(f"{address}/status", changed).status_code == 409


@pytest.mark.databases
def test_a_refusal_is_an_answer_too(api: Api) -> None:
    """Even when it would be taken by now: the caller has been told that nothing happened."""
    refused = api.admin.post("/departments", {"name": "Stamping"}, key=KEY)
    assert (refused.status_code, refused.json["code"]) == (422, "NAME_TAKEN")
    with unit_of_work(api.session):
        api.session.get_one(Department, api.department.id).name = "Pressing"
    same(refused, api.admin.post("/departments", {"name": "Stamping"}, key=KEY))
    assert api.admin.post("/departments", {"name": "Stamping"}, key="another").status_code == 201


def test_so_is_a_conflict(api: Api) -> None:
    with unit_of_work(api.session):
        part = factories.make_part(api.session, 2)
    taken = {"partId": part.id, "quantity": 5}
    refused = api.storekeeper.post("/inventory-transactions/out", taken, key=KEY)
    assert (refused.status_code, refused.json["code"]) == (409, "NOT_ENOUGH_STOCK")
    come = {"partId": part.id, "quantity": 10}
    assert api.storekeeper.post("/inventory-transactions/in", come).status_code == 201
    same(refused, api.storekeeper.post("/inventory-transactions/out", taken, key=KEY))


def test_what_was_no_request_yet_may_be_corrected(api: Api) -> None:
    """Malformed, not allowed, not signed in: the key is free for the request that was meant."""
    assert api.anonymous.post("/departments", {"name": "Paint"}, key=KEY).status_code == 401
    assert api.technician.post("/departments", {"name": "Paint"}, key=KEY).status_code == 403
    assert api.admin.post("/departments", {"nome": "Paint"}, key=KEY).status_code == 400
    assert api.admin.post("/departments", {"name": "Paint"}, key=KEY).status_code == 201
    assert count(api.session, KeptAnswer) == 1


def test_a_key_is_for_one_request(api: Api) -> None:
    first = api.admin.post("/departments", {"name": "Paint"}, key=KEY)
    for other in (
        api.admin.post("/departments", {"name": "Plating"}, key=KEY),
        api.admin.post("/failure-codes", {"code": "F1", "name": "Paint"}, key=KEY),
    ):
        assert (other.status_code, other.json["code"]) == (422, "KEY_REUSED")
        assert "Idempotency-Key" in other.json["errors"]
    same(first, api.admin.post("/departments", {"name": "Paint"}, key=KEY))
    assert {row.name for row in api.session.query(Department)} & {"Paint", "Plating"} == {"Paint"}


def test_a_key_is_its_callers_own(api: Api) -> None:
    other = api.someone(Role.ADMIN)
    first = api.admin.post("/departments", {"name": "Paint"}, key=KEY)
    second = other.post("/departments", {"name": "Plating"}, key=KEY)
    assert (first.status_code, second.status_code) == (201, 201)
    assert REPLAYED not in second.headers


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "käse"])
def test_what_cannot_be_a_key(api: Api, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("utf-8").decode("latin-1")}
    refused = api.admin.post("/departments", {"name": "Paint"}, headers=headers)
    assert refused.status_code == 400
    assert "Idempotency-Key" in refused.json["errors"]


def test_a_key_is_kept_for_a_day(api: Api, clock: ManualClock) -> None:
    admin = api.someone(Role.ADMIN)  # signed in by this clock
    first = admin.post("/departments", {"name": "Paint"}, key=KEY)
    clock.advance(days=1, seconds=-1)
    same(first, admin.post("/departments", {"name": "Paint"}, key=KEY))
    clock.advance(seconds=1)
    anew = admin.post("/departments", {"name": "Paint"}, key=KEY)
    assert (anew.status_code, anew.json["code"]) == (422, "NAME_TAKEN")
    assert REPLAYED not in anew.headers


def test_what_has_had_its_time_is_swept(api: Api, clock: ManualClock) -> None:
    admin = api.someone(Role.ADMIN)
    for number in range(60):
        admin.post("/departments", {"name": f"Hall {number}"}, key=f"key-{number}")
    clock.advance(days=1, minutes=1)
    for number in range(2):
        admin.post("/departments", {"name": f"Yard {number}"}, key=f"later-{number}")
    assert count(api.session, KeptAnswer) == 2


def test_uploads_are_compared_by_their_content(api: Api) -> None:
    def upload(content: bytes, name: str = "notes.txt") -> TestResponse:
        data = {"files": (io.BytesIO(content), name)}
        return api.technician.call(
            "POST", "/attachments/upload", data=data, content_type="multipart/form-data", key=KEY
        )

    first = upload(b"Replace the seal.")
    assert first.status_code == 201, first.json
    same(first, upload(b"Replace the seal."))  # in another envelope: each has a boundary of its own
    for other in (upload(b"Replace the pump."), upload(b"Replace the seal.", "other.txt")):
        assert (other.status_code, other.json["code"]) == (422, "KEY_REUSED")


def test_tokens_cannot_be_read_in_the_database(api: Api) -> None:
    assert api.admin.user is not None
    credentials = {"email": api.admin.user.email, "password": factories.PASSWORD}
    first = api.anonymous.post("/auth/login", credentials, key=KEY)
    assert first.status_code == 200, first.json
    (kept,) = api.session.scalars(sa.select(KeptAnswer)).all()
    stored = repr([getattr(kept, column.name) for column in KeptAnswer.__table__.columns])
    for secret in (first.json["token"], first.json["refreshToken"], KEY, factories.PASSWORD):
        assert secret not in stored
    again = api.anonymous.post("/auth/login", credentials, key=KEY)
    same(first, again)
    assert again.headers.getlist("Set-Cookie") == first.headers.getlist("Set-Cookie") != []


def test_what_is_checked_first_may_be_refused_by_now(api: Api) -> None:
    """A password is checked before the transaction; that of the repeat is no longer right."""
    assert api.admin.user is not None
    credentials = {"email": api.admin.user.email, "password": factories.PASSWORD}
    first = api.anonymous.post("/auth/login", credentials, key=KEY)
    with unit_of_work(api.session):
        changed = passwords.hash_password("an even better password")
        api.session.get_one(User, api.admin.id).password_hash = changed
    assert api.anonymous.post("/auth/login", credentials).status_code == 401
    same(first, api.anonymous.post("/auth/login", credentials, key=KEY))


@pytest.mark.databases
def test_large_answers_are_kept_up_to_a_limit(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    long_name = {"name": "x" * 255}
    first = api.admin.post("/departments", long_name, key=KEY)
    size = len(first.get_data())
    monkeypatch.setattr(idempotency, "LARGEST", size)
    shorter = api.admin.post("/departments", {"name": "y" * 255}, key="as-large-as-may-be")
    same(shorter, api.admin.post("/departments", {"name": "y" * 255}, key="as-large-as-may-be"))
    monkeypatch.setattr(idempotency, "LARGEST", size - 1)
    made = api.admin.post("/departments", {"name": "z" * 255}, key="too-large")
    assert made.status_code == 201
    again = api.admin.post("/departments", {"name": "z" * 255}, key="too-large")
    assert (again.status_code, again.json["code"]) == (409, "ANSWER_NOT_KEPT")
    assert count(api.session, Department) == 4  # one of the factory, and three


@pytest.mark.databases
def test_an_answer_of_megabytes_fits_the_column(api: Api) -> None:
    body = b"x" * idempotency.LARGEST
    with unit_of_work(api.session) as session:
        session.add(KeptAnswer(caller="user:1", key_digest="d", fingerprint="f", status=200, body=body))
    api.session.expire_all()
    assert api.session.scalars(sa.select(KeptAnswer.body)).one() == body


def test_reading_and_replacing_need_no_key(api: Api) -> None:
    """GET, PUT and DELETE may be repeated anyhow; a key is not looked at."""
    address = f"/departments/{api.department.id}"
    assert api.admin.get(address, key=KEY).status_code == 200
    for _ in range(2):
        changed = api.admin.put(address, {"name": "Pressing"}, key=KEY)
        assert changed.status_code == 200 and REPLAYED not in changed.headers
    assert count(api.session, KeptAnswer) == 0


# -- every endpoint --------------------------------------------------------------------------------

ACTING = [endpoint for endpoint in endpoints() if endpoint.method in ("POST", "PATCH")]


@pytest.fixture(scope="module")
def site(
    start_of_restorable_sites: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RestorableSite]:
    with (
        pytest.MonkeyPatch.context() as patch,
        restorable_site(start_of_restorable_sites, tmp_path_factory.mktemp("repeats")) as site,
    ):
        patch.setattr(passwords, "ROUNDS", 4)
        yield site


@pytest.mark.sqlite
@pytest.mark.parametrize("endpoint", ACTING, ids=lambda endpoint: endpoint.operation_id)
def test_every_endpoint_acts_once(site: RestorableSite, endpoint: Any) -> None:
    answered: set[int] = set()

    def try_twice(case: Any) -> None:
        with site.changing(), watched(site) as is_written:
            first = case.call(headers={**site.headers(role), "Idempotency-Key": KEY})
            is_written()
            second = case.call(headers={**site.headers(role), "Idempotency-Key": KEY})
            assert not is_written(), (first.status_code, first.text, second.text)
        answered.add(first.status_code)
        problem_of_this_call = first.status_code in (400, 401, 403, 412, 413, 415)
        if first.status_code < 300 or first.status_code in (409, 422):
            assert second.headers.get(REPLAYED.lower()) == ["true"], (first.text, second.text)
        assert first.status_code == second.status_code, (first.text, second.text)
        if not problem_of_this_call and first.status_code != 404:
            assert first.content == second.content

    role = contract.somebody_who_may(endpoint)
    contract.each_valid_call(site, endpoint.operation_id, try_twice, examples=8)
    assert answered - {400}, "nothing was tried"


@contextmanager
def watched(site: RestorableSite) -> Iterator[Any]:
    """Tells whether anything was committed since it was asked last."""
    import sqlite3

    connection = sqlite3.connect(site.file)
    version = "PRAGMA data_version"
    seen = connection.execute(version).fetchone()

    def is_written() -> bool:
        nonlocal seen
        last, seen = seen, connection.execute(version).fetchone()
        return bool(last != seen)

    try:
        yield is_written
    finally:
        connection.close()
