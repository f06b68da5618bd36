"""Every endpoint for every role: the rights that :mod:`tests.api.rights` lists, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from app.access.permissions import RIGHTS as PERMISSIONS
from app.api import endpoints
from app.api.core.endpoints import Endpoint
from app.domain.people import Role, User
from app.engine.core import ProcessEngine
from tests.api.conftest import Api, Caller
from tests.api.rights import RIGHTS
from tests.support.application import application, beside

ROLES = {
    "A": Role.ADMIN,
    "S": Role.SUPERVISOR,
    "T": Role.MAINTENANCE_TECH,
    "M": Role.MAINTENANCE_MANAGER,
    "I": Role.INVENTORY_MANAGER,
}

ENDPOINTS = {(endpoint.method, endpoint.documented_path): endpoint for endpoint in endpoints()}


def test_the_table_has_a_row_for_each_endpoint_and_no_other() -> None:
    """Whoever adds an endpoint says here who may call it."""
    assert sorted(set(ENDPOINTS) - set(RIGHTS)) == []
    assert sorted(set(RIGHTS) - set(ENDPOINTS)) == []


def test_every_permission_is_used() -> None:
    assert {endpoint.needs for endpoint in ENDPOINTS.values()} - {None} == set(PERMISSIONS)


@pytest.fixture(scope="module")
def shared_api(
    shared_url: str, factory_engine: ProcessEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """One factory for all endpoints: calls that are refused change nothing, and others find nothing."""
    folder = tmp_path_factory.mktemp("rights")
    unlimited = "1000000 per minute"
    with (
        application(shared_url, folder, MILLWRIGHT_RATE_ANONYMOUS=unlimited) as app,
        beside(shared_url) as session,
    ):
        yield Api(app, session)


@pytest.mark.parametrize("key", sorted(ENDPOINTS), ids=lambda key: f"{key[0]} {key[1]}")
def test_an_endpoint_is_for_those_in_its_row(shared_api: Api, key: tuple[str, str]) -> None:
    api = shared_api
    endpoint, row = ENDPOINTS[key], RIGHTS[key]
    answers = {letter: _call(caller, endpoint).status_code for letter, caller in _callers(api).items()}
    stranger = _call(api.anonymous, endpoint)
    if row == "*":
        assert 401 not in answers.values() and 403 not in answers.values()
        assert endpoint.is_public
        return
    assert stranger.status_code == 401, stranger.json
    assert stranger.headers["WWW-Authenticate"].startswith("Bearer")
    allowed = {letter for letter, status in answers.items() if status not in (401, 403)}
    # The process owner of the test is a technician with the flag.
    expected = set(row) | ({"O"} if "T" in row or "U" in row else set())
    if "U" in row:
        expected |= set(ROLES)
    assert allowed == expected, answers
    assert all(answers[letter] == 403 for letter in set(answers) - allowed)


def _callers(api: Api) -> dict[str, Caller]:
    """Somebody for each letter, signed in anew: some endpoints end sessions."""
    callers = {letter: api.signed_in(_user(api.by_role[role])) for letter, role in ROLES.items()}
    callers["O"] = api.someone(Role.MAINTENANCE_TECH, process_owner=True)
    callers["U"] = api.someone(None)
    return callers


def _user(caller: Caller) -> User:
    assert caller.user is not None
    return caller.user


def _call(caller: Caller, endpoint: Endpoint) -> TestResponse:
    """Call with ids of nothing and an empty body: whoever may gets 200, 400 or 404, whoever may not 403."""
    path = re.sub(r"{\w+}", "987654", endpoint.rule)
    if endpoint.takes_files:
        return caller.call(
            endpoint.method, path, data={"nothing": "in it"}, content_type="multipart/form-data"
        )
    return caller.call(endpoint.method, path, {} if endpoint.model("body") else None)
