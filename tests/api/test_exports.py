"""Exports, report schedules and choices of e-mail over the API."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from app.database import unit_of_work
from app.domain import exports
from tests import factories
from tests.api.conftest import Api


def test_a_report_is_asked_for_written_and_taken_by_its_owner(api: Api) -> None:
    with unit_of_work(api.session):
        factories.make_part(api.session, part_number="BR-1", part_name="Bearing")
    made = api.storekeeper.post("/exports", {"report": "inventory", "format": "csv"}, key="once")
    again = api.storekeeper.post("/exports", {"report": "inventory", "format": "csv"}, key="once")
    assert (made.status_code, made.json["state"], again.json["id"]) == (201, "WAITING", made.json["id"])
    address = made.headers["Location"].removeprefix("/api/v1")
    early = api.storekeeper.get(f"{address}/file")
    assert (early.status_code, early.json["code"]) == (422, "NOT_WRITTEN")
    api.settle()
    found = api.storekeeper.get(address).json
    assert (found["state"], found["progress"], found["rowsWritten"]) == ("DONE", 1.0, 1)
    assert "Bearing" in api.storekeeper.get(f"{address}/file").text
    assert api.admin.get(address).status_code == 404
    assert api.admin.get("/exports").json == {"items": []}
    assert api.storekeeper.post("/exports", {"report": "downtime", "format": "csv"}).status_code == 403
    assert api.storekeeper.delete(address).status_code == 204
    assert api.storekeeper.get(f"{address}/file").status_code == 404


def test_a_file_is_sent_piece_by_piece_whole_or_in_part(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PIECE", 4)
    with unit_of_work(api.session) as session:
        row = exports.ask(
            session, api.storekeeper.id, report="list", title="Parts", form="csv", scope={}, rows_expected=1
        )
        exports.store(session, row, io.BytesIO(b"0123456789"), "parts.csv", "text/csv")
    address, read, pieces = f"/exports/{row.id}/file", [], exports.pieces

    def watched(*given: Any) -> Iterator[bytes]:
        for piece in pieces(*given):
            read.append(piece)
            yield piece

    monkeypatch.setattr(exports, "pieces", watched)
    answer = api.storekeeper.get(address)
    assert read == [b"0123"]  # the rest is read when whoever has asked wants it
    assert (answer.data, answer.content_length) == (b"0123456789", 10)
    assert answer.headers["Content-Disposition"] == "attachment; filename=parts.csv"
    part = api.storekeeper.get(address, headers={"Range": "bytes=3-8"})
    assert (part.status_code, part.data, part.content_range.to_header()) == (206, b"345678", "bytes 3-8/10")
    known = api.storekeeper.get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert (known.status_code, known.data) == (304, b"")
    assert api.storekeeper.get(address, headers={"Range": "bytes=20-"}).status_code == 416
    assert api.storekeeper.get(f"/exports/{row.id}").json["report"] == "list"


def test_a_schedule_is_made_changed_and_ended(api: Api) -> None:
    manager = api.manager.get("/users/me").json["id"]
    wanted = {
        "report": "downtime", "rrule": "FREQ=WEEKLY;BYDAY=MO", "at": "06:30", "recipients": [manager],
        "period": "WEEK",
    }  # fmt: skip
    made = api.manager.post("/report-schedules", wanted)
    assert (made.status_code, made.json["format"], made.json["active"]) == (201, "xlsx", True)
    address = f"/report-schedules/{made.json['id']}"
    assert made.json["nextAt"] is not None
    assert api.manager.put(address, {"active": False}).json["nextAt"] is None
    assert api.storekeeper.get(address).status_code == 404
    assert api.storekeeper.post("/report-schedules", wanted).status_code == 403
    technician = api.technician.get("/users/me").json["id"]
    barred = api.manager.put(address, {"recipients": [technician]})
    assert (barred.status_code, barred.json["code"]) == (422, "BAD_RECIPIENTS")
    assert api.admin.get("/report-schedules").json["items"][0]["id"] == made.json["id"]
    assert api.manager.delete(address).status_code == 204


def test_everybody_chooses_their_e_mails(api: Api) -> None:
    assert api.technician.get("/users/me/notification-choices").json["choices"]["TASK"] == "NEVER"
    answer = api.technician.put("/users/me/notification-choices", {"choices": {"TASK": "DAILY"}})
    assert answer.json["choices"]["TASK"] == "DAILY"
    assert api.technician.get("/users/me/notification-choices").json == answer.json
    bad = api.technician.put("/users/me/notification-choices", {"choices": {"NOTHING": "DAILY"}})
    assert (bad.status_code, bad.json["code"]) == (422, "BAD_KIND")
