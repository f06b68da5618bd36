"""Every page for every role: whom :mod:`tests.web.page_rights` lists, and nobody else.

Records that are somebody's own are not told apart here: to those who may not see one it does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.database import unit_of_work
from app.domain import settings
from app.domain.people import Role, User
from tests import factories
from tests.support.application import application, beside
from tests.web.page_rights import RIGHTS

LETTERS = {
    "A": Role.ADMIN,
    "S": Role.SUPERVISOR,
    "T": Role.MAINTENANCE_TECH,
    "M": Role.MAINTENANCE_MANAGER,
    "I": Role.INVENTORY_MANAGER,
}
EVERYBODY = {*LETTERS, "O", "U"}
NUMBER, NAME = "987654", "nothing"  # of nothing that there is
_VARIABLE = re.compile(r"<(?:(?P<converter>\w+)(?:\('(?P<first>[\w-]+)'.*?\))?:)?(?P<name>\w+)>")
# Where the right depends on what is named, what the row is about.
NAMED = {"/import/<kind>": "/import/machines"}


class People:
    """Somebody for each letter with a browser, and a stranger."""

    def __init__(self, app: Flask, users: dict[str, User]) -> None:
        self._app = app
        self._users = users
        self._browsers: dict[str, FlaskClient] = {}

    def call(self, letter: str, method: str, address: str) -> int:
        """The status that somebody gets, after having signed in anew if they have been signed out."""
        browser = self._browser(letter)
        answer = browser.open(address, method=method)
        answer.close()
        if answer.status_code == 302 and "/sign-in?next=" in answer.location:
            return 401
        return answer.status_code

    def _browser(self, letter: str) -> FlaskClient:
        browser = self._browsers.setdefault(letter, self._app.test_client())
        if letter in self._users and "_user_id" not in _session(browser):
            typed = {"email": self._users[letter].email, "password": factories.PASSWORD}
            assert browser.post("/sign-in", data=typed).status_code == 302
        return browser


def _session(browser: FlaskClient) -> dict[str, object]:
    with browser.session_transaction() as session:
        return dict(session)


@pytest.fixture(scope="module")
def people(shared_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """One factory for all pages: who is refused changes nothing, and others find nothing to change."""
    folder = tmp_path_factory.mktemp("page-rights")
    unlimited = dict.fromkeys(("MILLWRIGHT_RATE_ANONYMOUS", "MILLWRIGHT_RATE_SIGN_IN"), "1000000 per minute")
    with application(shared_url, folder, **unlimited) as app, beside(shared_url) as session:
        with unit_of_work(session):
            department = factories.make_department(session)
            users = {
                letter: factories.make_user(session, role, department_id=department.id)
                for letter, role in LETTERS.items()
            }
            # Whoever has the flag and no role: what the flag gives by itself.
            users["O"] = factories.make_user(session, None, process_owner=True)
            users["U"] = factories.make_user(session, None)
            settings.change_site(session, None, registration=True)
        yield People(app, users)


@pytest.fixture(scope="module")
def pages(people: People) -> set[tuple[str, str]]:
    """Method and path of every page of the application."""
    return _pages(people._app)


def _pages(app: Flask) -> set[tuple[str, str]]:
    return {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint != "static" and not rule.rule.startswith("/api/")
    }


def _address(rule: str) -> str:
    """The address of a page about nothing that there is."""
    for beginning, named in NAMED.items():
        if rule.startswith(beginning):
            rule = named + rule.removeprefix(beginning)
    return _VARIABLE.sub(lambda at: at["first"] or (NUMBER if at["converter"] == "int" else NAME), rule)


def test_the_table_has_a_row_for_each_page_and_no_other(pages: set[tuple[str, str]]) -> None:
    """Whoever adds a page says in the table who may open it."""
    assert sorted(pages - set(RIGHTS)) == []
    assert sorted(set(RIGHTS) - pages) == []


@pytest.mark.parametrize("key", sorted(RIGHTS), ids=lambda key: f"{key[0]} {key[1]}")
def test_a_page_is_for_those_in_its_row(people: People, key: tuple[str, str]) -> None:
    (method, rule), row = key, RIGHTS[key]
    address = _address(rule)
    answers = {letter: people.call(letter, method, address) for letter in sorted(EVERYBODY)}
    stranger = people.call("nobody", method, address)
    assert 500 not in (*answers.values(), stranger), answers
    if row == "*":
        assert stranger not in (401, 403)
        assert 403 not in answers.values()
        return
    assert stranger == 401
    allowed = {letter for letter, status in answers.items() if status not in (401, 403)}
    assert allowed == (EVERYBODY if row == "U" else set(row)), answers
    assert all(answers[letter] == 403 for letter in EVERYBODY - allowed), answers


@pytest.mark.parametrize("rule", sorted({rule for method, rule in RIGHTS if method == "GET"}))
def test_whatever_an_address_says_a_page_does_not_fail(people: People, rule: str) -> None:
    """What somebody may have typed or a robot tries: names that have a meaning elsewhere, and no numbers."""
    odd = "endpoint=x&_external=1&_anchor=a&_scheme=ftp&form=exe&page=x&sort=-x&id=x&before=-1&q=%00%ff"
    names = ("user", "department", "machine", "location", "part", "page", "id", "start", "before", "version")
    huge = "&".join(f"{name}={'9' * 30}" for name in names)
    for query in (odd, huge):
        assert people.call("A", "GET", f"{_address(rule)}?{query}") != 500, query
