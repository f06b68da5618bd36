"""Imports over the API."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa

from app.database import unit_of_work
from app.domain.machines import Machine
from tests import factories
from tests.api.conftest import Api


def send(caller: Any, kind: str, text: str, query: str = "", **options: Any) -> Any:
    form = {"file": (BytesIO(text.encode()), "list.csv")}
    return caller.post(f"/imports/{kind}{query}", data=form, content_type="multipart/form-data", **options)


def test_machines_are_previewed_then_imported_once(api: Api) -> None:
    with unit_of_work(api.session):
        factories.make_department(api.session, name="Assembly")
    text = "qrCode,name,department\nA-1,Robot,Assembly\nA-2,Belt,Assembly\n"
    preview = send(api.admin, "machines", text, "?dryRun=true")
    assert (preview.status_code, preview.json["created"], preview.json["dryRun"]) == (200, 2, True)
    assert preview.json["firstRows"][0] == {
        "line": 2, "action": "CREATE", "key": "A-1", "name": "Robot", "before": {},
        "after": {"qrCode": "A-1", "name": "Robot", "department": "Assembly"},
    }  # fmt: skip
    api.session.rollback()
    assert api.session.scalar(sa.select(Machine.id).where(Machine.qr_code == "A-1")) is None
    for _ in range(2):
        done = send(api.admin, "machines", text, key="once")
        assert (done.status_code, done.json["created"]) == (200, 2)


@pytest.mark.parametrize("kind", ["machines", "users", "failure-codes", "preventive-plans"])
def test_what_is_wrong_is_told_by_line_and_column(api: Api, kind: str) -> None:
    text = "code,name,email,title,colour\nx,y,z,t,red\n"
    refused = send(api.admin, kind, text)
    assert refused.status_code == 422
    assert refused.json["code"] == "IMPORT_REFUSED"
    assert "lines.1.colour" in refused.json["errors"]
    assert send(api.admin, kind, text, "?dryRun=true").json["valid"] is False
