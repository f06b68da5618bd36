"""Files over the API: uploaded, seen by the right people, downloaded safely, taken away."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image
from werkzeug.test import TestResponse

from app.domain import work
from app.domain.activity import ActivityLog
from app.domain.attachments import MAX_SIZE, Attachment
from app.domain.preventive import completion
from app.domain.requests import MaintenanceRequest
from app.domain.scanning import NoScanner
from app.ops.clamav import Clamd
from app.storage import S3Settings, open_store
from tests import factories
from tests.api.conftest import Api, Caller
from tests.support import servers


def picture(colour: str = "red") -> bytes:
    out = BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "Spy Camera"
    Image.new("RGB", (40, 20), colour).save(out, "JPEG", exif=exif.tobytes())
    return out.getvalue()


def upload(caller: Caller, *files: tuple[bytes, str], key: str | None = None, **form: Any) -> TestResponse:
    data = {"files": [(BytesIO(content), name) for content, name in files], **form}
    return caller.post("/attachments/upload", data=data, content_type="multipart/form-data", key=key)


def stored(api: Api) -> list[Attachment]:
    api.session.rollback()
    return list(api.session.scalars(sa.select(Attachment)))


@pytest.fixture
def request_(api: Api) -> MaintenanceRequest:
    """A request about the press, in the technician's hands."""
    made = factories.make_request(
        api.session, machine=api.press, reporter=api.supervisor.user, technician=api.technician.user
    )
    api.session.commit()
    return made


def test_files_are_uploaded_all_or_none(api: Api, tmp_path: Path) -> None:
    made = upload(api.technician, (picture(), "../leak.png"), (b"%PDF-1.7", "manual.pdf"))
    assert made.status_code == 201, made.json
    assert [file["fileName"] for file in made.json] == ["leak.png.jpg", "manual.pdf"]
    assert [file["contentType"] for file in made.json] == ["image/jpeg", "application/pdf"]
    first = made.json[0]
    assert (first["entityType"], first["entityId"], first["uploader"]["id"]) == (
        None,
        None,
        api.technician.id,
    )
    assert api.technician.get(made.headers["Location"].removeprefix("/api/v1")).json == first

    refused = upload(api.technician, (picture(), "leak.jpg"), (b"MZ\x90\x00", "setup.jpg"))
    assert (refused.status_code, refused.json["code"]) == (422, "ATTACHMENT_TYPE")
    assert list(refused.json["errors"]) == ["files.1"]
    assert len(stored(api)) == 2
    assert len([path for path in (tmp_path / "uploads").rglob("*") if path.is_file()]) == 2


@pytest.mark.parametrize(
    ("files", "form", "status", "field"),
    [
        ([], {}, 400, "files"),
        ([(b"", "empty.txt")], {}, 422, "files.0"),
        ([(b"x" * (MAX_SIZE + 1), "large.txt")], {}, 422, "files.0"),
        ([(b"<svg onload='alert(1)'/>", "x.svg")], {}, 422, "files.0"),
        ([(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "x.heic")], {}, 422, "files.0"),
        ([(b"x", f"{n}.txt") for n in range(11)], {}, 422, "files"),
        ([(b"x", "x.txt")], {"entityType": "USER", "entityId": 1}, 400, "entityType"),
        ([(b"x", "x.txt")], {"entityId": "x", "entityType": "MACHINE"}, 400, "entityId"),
        ([(b"x", "x.txt")], {"entityType": "MACHINE"}, 422, "entityId"),
        ([(b"x", "x.txt")], {"colour": "red"}, 400, "colour"),
    ],
)
def test_what_is_wrong_stands_at_its_field(
    api: Api, files: list[tuple[bytes, str]], form: dict[str, Any], status: int, field: str
) -> None:
    refused = upload(api.technician, *files, **form)
    assert refused.status_code == status, refused.json
    assert list(refused.json["errors"]) == [field]
    assert stored(api) == []


def test_a_repeated_upload_is_kept_once_and_other_files_need_another_key(api: Api) -> None:
    first = upload(api.technician, (b"one", "a.txt"), key="k")
    assert upload(api.technician, (b"one", "a.txt"), key="k").json == first.json
    other = upload(api.technician, (b"two", "a.txt"), key="k")
    assert (other.status_code, other.json["code"]) == (422, "KEY_REUSED")
    assert len(stored(api)) == 1


def test_a_virus_is_refused_and_written_down(api: Api, clamd: servers.Clamd) -> None:
    api.application.extensions["millwright.scanner"] = Clamd(f"unix:{clamd.socket_path}")
    refused = upload(api.technician, (b"clean", "a.txt"), (servers.INFECTED, "b.txt"), key="k")
    assert (refused.status_code, refused.json["code"]) == (422, "ATTACHMENT_VIRUS")
    assert list(refused.json["errors"]) == ["files.1"]
    assert stored(api) == []
    (entry,) = api.session.scalars(sa.select(ActivityLog).where(ActivityLog.action == "REFUSE_VIRUS"))
    assert (entry.user_id, entry.after["fileName"]) == (api.technician.id, "b.txt")
    assert upload(api.technician, (b"clean", "a.txt")).status_code == 201


def test_while_the_scanner_is_away_uploads_wait(api: Api, tmp_path: Path) -> None:
    api.application.extensions["millwright.scanner"] = Clamd(f"unix:{tmp_path / 'nobody.sock'}")
    refused = upload(api.technician, (b"clean", "a.txt"), key="k")
    assert (refused.status_code, refused.json["code"]) == (503, "ATTACHMENT_NOT_SCANNED")
    assert "Try again in a few minutes" in refused.json["detail"]
    assert refused.headers["Retry-After"] == "60"
    api.application.extensions["millwright.scanner"] = NoScanner()
    assert upload(api.technician, (b"clean", "a.txt"), key="k").status_code == 201


def test_files_of_a_request_are_for_those_who_see_it(api: Api, request_: MaintenanceRequest) -> None:
    made = upload(
        api.supervisor, (picture(), "leak.jpg"), entityType="MAINTENANCE_REQUEST", entityId=request_.id
    )
    assert made.status_code == 201, made.json
    file = made.json[0]
    assert (file["entityType"], file["entityId"]) == ("MAINTENANCE_REQUEST", request_.id)
    stranger = api.someone("MAINTENANCE_TECH")
    department = factories.make_department(api.session)
    api.session.commit()
    elsewhere = api.someone("SUPERVISOR", department_id=department.id)
    addresses = (
        f"/attachments/{file['id']}",
        f"/attachments/{file['id']}/download",
        f"/attachments/entity/MAINTENANCE_REQUEST/{request_.id}",
    )
    for caller, status in (
        (api.technician, 200), (api.manager, 200), (api.storekeeper, 200), (api.admin, 200),
        (stranger, 404), (elsewhere, 404),
    ):  # fmt: skip
        assert [caller.get(address).status_code for address in addresses] == [status] * 3
    for caller in (stranger, elsewhere):
        refused = upload(caller, (b"x", "x.txt"), entityType="MAINTENANCE_REQUEST", entityId=request_.id)
        assert refused.status_code == 404
        assert caller.delete(addresses[0]).status_code == 404


def test_a_file_that_belongs_to_nothing_is_its_uploaders(api: Api) -> None:
    file = upload(api.supervisor, (b"x", "x.txt")).json[0]
    assert api.supervisor.get(f"/attachments/{file['id']}").status_code == 200
    assert api.technician.get(f"/attachments/{file['id']}").status_code == 404
    assert api.technician.get("/attachments/987654").status_code == 404


@pytest.mark.parametrize(
    ("entity_type", "may"),
    [
        ("MACHINE", "A"),
        ("SPARE_PART", "AI"),
        ("PREVENTIVE_TASK", "AM"),
        ("MAINTENANCE_REQUEST", "ASTMI"),
        ("MAINTENANCE_WORK", "ATM"),
        ("SPARE_PARTS_REQUEST", "ASTMI"),
    ],
)
def test_who_may_add_files_to_what(
    api: Api, request_: MaintenanceRequest, entity_type: str, may: str
) -> None:
    part = factories.make_part(api.session, 5)
    assert request_.work is not None
    ids = {
        "MACHINE": api.press.id,
        "SPARE_PART": part.id,
        "PREVENTIVE_TASK": factories.make_preventive_task(api.session, machine=api.press).id,
        "MAINTENANCE_REQUEST": request_.id,
        "MAINTENANCE_WORK": request_.work.id,
        "SPARE_PARTS_REQUEST": factories.make_parts_request(
            api.session, {part: 1}, request=request_, requester=api.technician.user
        ).id,
    }
    api.session.commit()
    callers = {
        "A": api.admin, "S": api.supervisor, "T": api.technician, "M": api.manager, "I": api.storekeeper,
    }  # fmt: skip
    where = {"entityType": entity_type, "entityId": ids[entity_type]}
    answers = {letter: upload(caller, (b"x", "x.txt"), **where) for letter, caller in callers.items()}
    assert {letter for letter, answer in answers.items() if answer.status_code == 201} == set(may)
    assert {answer.status_code for letter, answer in answers.items() if letter not in may} <= {403}
    listed = api.supervisor.get(f"/attachments/entity/{entity_type}/{ids[entity_type]}").json
    assert listed["total"] == len(may)


def test_closed_work_keeps_its_files_as_they_are(api: Api, request_: MaintenanceRequest) -> None:
    assert request_.work is not None
    where = {"entityType": "MAINTENANCE_WORK", "entityId": request_.work.id}
    file, other = upload(api.technician, (b"x", "x.txt"), (b"y", "y.txt"), **where).json
    assert api.manager.delete(f"/attachments/{file['id']}").status_code == 403
    assert api.technician.delete(f"/attachments/{file['id']}").status_code == 204
    assert api.technician.get(f"/attachments/{file['id']}").status_code == 404

    work.close(api.session, request_.work, api.technician.id)
    api.session.commit()
    refused = api.technician.delete(f"/attachments/{other['id']}")
    assert refused.status_code == 409 and "is closed" in refused.json["detail"]
    assert upload(api.technician, (b"z", "z.txt"), **where).status_code == 409
    assert api.admin.delete(f"/attachments/{other['id']}").status_code == 204
    assert stored(api) == []


def test_the_log_of_a_preventive_task_keeps_its_files(api: Api) -> None:
    task = factories.make_preventive_task(api.session, machine=api.press)
    log = completion.log_completion(api.session, task, api.technician.id)
    api.session.commit()
    where = {"entityType": "PREVENTIVE_LOG", "entityId": log.id}
    assert upload(api.technician, (b"x", "x.txt"), **where).status_code == 409


def test_adding_and_removing_are_in_the_activity_log(api: Api) -> None:
    file = upload(api.admin, (b"x", "x.txt"), entityType="MACHINE", entityId=api.press.id).json[0]
    assert api.admin.delete(f"/attachments/{file['id']}").status_code == 204
    api.session.rollback()
    entries = api.session.scalars(
        sa.select(ActivityLog).where(ActivityLog.entity_type == "ATTACHMENT").order_by(ActivityLog.id)
    ).all()
    assert [entry.action for entry in entries] == ["ADD_ATTACHMENT", "DELETE_ATTACHMENT"]
    assert {entry.entity_id for entry in entries} == {file["id"]}
    assert entries[0].after["entityId"] == entries[1].before["entityId"] == api.press.id


def test_a_download_is_saved_under_its_name_and_cannot_run(api: Api) -> None:
    file = upload(api.technician, (picture(), "öl leck.jpg")).json[0]
    answer = api.technician.get(f"/attachments/{file['id']}/download")
    assert answer.status_code == 200
    assert b"Spy Camera" not in answer.data and len(answer.data) == file["size"]
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"ol leck.jpg\"; filename*=UTF-8''%C3%B6l%20leck.jpg"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "sandbox" in policy and "script-src" not in policy
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_a_download_comes_in_ranges_or_not_at_all_when_it_is_known(api: Api) -> None:
    file = upload(api.technician, (b"0123456789", "n.txt")).json[0]
    address = f"/attachments/{file['id']}/download"
    whole = api.technician.get(address)
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["ETag"] == f'"{file["digest"]}"'
    part = api.technician.get(address, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.data, part.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    known = api.technician.get(address, headers={"If-None-Match": whole.headers["ETag"]})
    assert (known.status_code, known.data) == (304, b"")
    beyond = api.technician.get(address, headers={"Range": "bytes=20-"})
    assert (beyond.status_code, beyond.mimetype) == (416, "application/problem+json")


def test_a_file_that_the_store_has_lost_is_not_found(api: Api, tmp_path: Path) -> None:
    file = upload(api.technician, (b"0123456789", "n.txt")).json[0]
    for path in (tmp_path / "uploads").rglob("*"):
        if path.is_file():
            path.unlink()
    lost = api.technician.get(f"/attachments/{file['id']}/download")
    assert lost.status_code == 404 and "missing from the store" in lost.json["detail"]


def test_files_of_a_record_are_listed_and_sorted(api: Api) -> None:
    where = {"entityType": "MACHINE", "entityId": api.press.id}
    upload(api.admin, (b"xxx", "b.txt"), (b"x", "a.txt"), (b"xx", "c.txt"), **where)
    address = f"/attachments/entity/MACHINE/{api.press.id}"

    def names(query: str = "") -> list[str]:
        return [file["fileName"] for file in api.technician.get(f"{address}{query}").json["items"]]

    assert names() == ["b.txt", "a.txt", "c.txt"]
    assert names("?sort=fileName") == ["a.txt", "b.txt", "c.txt"]
    assert names("?sort=-size&pageSize=1") == ["b.txt"]
    assert names("?q=c") == ["c.txt"]
    assert api.technician.get("/attachments/entity/MACHINE/987654").status_code == 404
    assert api.technician.get(f"/attachments/entity/USER/{api.admin.id}").status_code == 404


def test_a_version_may_be_named_when_a_file_is_deleted(api: Api) -> None:
    file = upload(api.technician, (b"x", "x.txt")).json[0]
    address = f"/attachments/{file['id']}"
    assert api.technician.delete(address, tag='"other"').status_code == 412
    tag = api.technician.get(address).headers["ETag"]
    assert api.technician.delete(address, tag=tag).status_code == 204


def test_while_the_storage_is_away_nothing_is_uploaded_and_programs_may_try_again(api: Api) -> None:
    application = api.application
    settings = S3Settings(f"http://127.0.0.1:{servers.free_port()}", "", "key", "secret")
    bucket, away = application.extensions["millwright.files"], open_store("s3://nowhere", settings)
    application.extensions["millwright.files"] = away
    refused = upload(api.technician, (picture(), "leak.jpg"), key="once")
    assert (refused.status_code, refused.json["code"]) == (503, "UNAVAILABLE")
    assert "leak.jpg cannot be kept at the moment" in refused.json["detail"]
    assert stored(api) == []
    application.extensions["millwright.files"] = bucket
    assert upload(api.technician, (picture(), "leak.jpg"), key="once").status_code == 201
