"""Lists of a hundred thousand rows are read with as many SQL statements as lists of a few.

What is asked for is every endpoint of the document that has pages; a new one is asked, too.
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic.alias_generators import to_camel
from sqlalchemy import event

from app.api import endpoints
from app.api.core.endpoints import Endpoint
from app.domain.people import Role
from app.extensions import db
from tests.support import contract, multiplied
from tests.support.restorable import BATCH, RestorableSite, restorable_site

pytestmark = pytest.mark.sqlite

PAGED = [
    endpoint
    for endpoint in endpoints()
    if (query := endpoint.model("query")) is not None and "page_size" in query.model_fields
]
LISTS = [endpoint for endpoint in PAGED if endpoint.answers.__name__.startswith("PageOf")]
# They are worked out from whole tables, whichever page of them is shown.
REPORTS = [endpoint for endpoint in PAGED if endpoint not in LISTS]
# What a parameter of an address means that is no record's id.
NAMED = {"entity_type": "MAINTENANCE_REQUEST", "key": "maintenance_request", "name": BATCH}
MOST = 200  # rows a page


@pytest.fixture(scope="session")
def long_lists(start_of_restorable_sites: Path) -> Path:
    """The factory with long lists, made once for all parallel processes."""
    folder = start_of_restorable_sites.parent
    path = folder / "long.db"
    with (folder / "long.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            multiplied.multiply(start_of_restorable_sites, folder / "growing.db").rename(path)
    return path


@pytest.fixture(scope="module")
def few(
    start_of_restorable_sites: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RestorableSite]:
    with restorable_site(start_of_restorable_sites, tmp_path_factory.mktemp("few")) as site:
        yield site


@pytest.fixture(scope="module")
def many(long_lists: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestorableSite]:
    with restorable_site(long_lists, tmp_path_factory.mktemp("many")) as site:
        yield site


@pytest.mark.parametrize("endpoint", LISTS, ids=lambda endpoint: endpoint.operation_id)
def test_a_long_list_takes_no_more_statements(
    few: RestorableSite, many: RestorableSite, endpoint: Endpoint
) -> None:
    roles = [contract.somebody_who_may(endpoint)]
    roles += [role for role in (Role.SUPERVISOR,) if role in contract.all_who_may(endpoint)]
    for role in dict.fromkeys(roles):
        short = _statements(few, role, endpoint, rows=2)
        long = _statements(many, role, endpoint, rows=2)
        whole = _statements(many, role, endpoint, rows=MOST)
        # Where the few rows have nothing to tell about, what would tell of it is not asked for.
        assert len(whole) <= len(short) + 2 and len(long) <= len(short) + 2, "\n\n".join(whole)


@pytest.mark.parametrize("endpoint", REPORTS, ids=lambda endpoint: endpoint.operation_id)
def test_a_long_page_of_a_report_takes_no_more_statements(few: RestorableSite, endpoint: Endpoint) -> None:
    role = contract.somebody_who_may(endpoint)
    short, whole = (_statements(few, role, endpoint, rows=rows) for rows in (2, MOST))
    assert short == whole


def test_the_lists_are_long(many: RestorableSite) -> None:
    for path in ("/machines", "/maintenance-requests", "/spare-parts", "/inventory-transactions"):
        found = _get(many, Role.ADMIN, f"{path}?pageSize={MOST}")
        assert found["total"] > multiplied.MANY and len(found["items"]) == MOST
    for path in ("/activity-logs", "/instances", "/tasks?scope=all"):
        assert _get(many, Role.ADMIN, path)["total"] > 1000, path


def _statements(site: RestorableSite, role: str, endpoint: Endpoint, *, rows: int) -> list[str]:
    known = contract.known_ids(site)
    path = re.sub(
        r"{(\w+)}",
        lambda name: str(NAMED.get(name[1]) or min(known[to_camel(name[1])])),
        endpoint.rule,
    )
    with _seen(site) as statements:
        found = _get(site, role, f"{path}?pageSize={rows}")
    assert len(found["items" if endpoint in LISTS else "rows"]) <= rows
    return statements


def _get(site: RestorableSite, role: str, path: str) -> Any:
    client = site.application.test_client()
    answer = client.get(f"/api/v1{path}", headers=site.headers(role))
    assert answer.status_code == 200, answer.text
    return answer.json


@contextmanager
def _seen(site: RestorableSite) -> Iterator[list[str]]:
    """The SELECT statements of the application inside the block."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            seen.append(statement)

    with site.application.app_context():
        engine: sa.Engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
