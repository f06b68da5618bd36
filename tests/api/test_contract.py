"""The API does what its OpenAPI document says, whoever calls and whatever is sent.

Requests are made from the document by Schemathesis. Its checks: no answer of 5xx, none that the document does
not describe, none that breaks its schema, no protected endpoint without its credentials, no invalid data
accepted, no valid data called malformed, 405 with the right methods for all others.

MILLWRIGHT_LONG=1 tries many more requests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.api import RESOURCES, endpoints
from app.api.core.openapi import document
from app.domain import passwords
from tests.conftest import LONG
from tests.support import contract
from tests.support.restorable import ROLES, RestorableSite, restorable_site

pytestmark = pytest.mark.sqlite


@pytest.fixture(scope="module")
def site(
    start_of_restorable_sites: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RestorableSite]:
    with (
        pytest.MonkeyPatch.context() as patch,
        restorable_site(start_of_restorable_sites, tmp_path_factory.mktemp("contract")) as site,
    ):
        patch.setattr(passwords, "ROUNDS", 4)  # thousands of passwords are hashed
        yield site


def test_no_two_schemas_share_a_name() -> None:
    """Their names would say where the code is, instead of what they are."""
    names = document(RESOURCES, "")["components"]["schemas"]
    assert [name for name in names if "__" in name or "-" in name] == []


@pytest.mark.parametrize("tag", [resource.tag for resource in RESOURCES])
def test_each_constraint_is_met_and_broken(site: RestorableSite, tag: str) -> None:
    """By somebody who may: everything else would be refused before it is looked at."""
    by_role: dict[str, list[str]] = defaultdict(list)
    for endpoint in endpoints():
        if endpoint.tag == tag:
            by_role[contract.somebody_who_may(endpoint)].append(endpoint.operation_id)
    for role, operations in by_role.items():
        report = contract.run(
            site, role, coverage=1 if LONG else 8, examples=100 if LONG else 2, operations=operations
        )
        assert len(report.answers) == len(operations)
        assert not report.failures, report.text()


@pytest.mark.parametrize("role", ROLES)
def test_whatever_anybody_sends(site: RestorableSite, role: str) -> None:
    report = contract.run(site, role, examples=100 if LONG else 2)
    assert len(report.answers) == len(endpoints())
    assert not report.failures, report.text()
