"""Users, substitutions and settings over the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.activity import ActivityLog
from app.domain.people import Substitution, User
from tests import factories
from tests.api.conftest import Api
from tests.factories import PASSWORD

EVE = {"email": "eve@factory.example", "name": "Eve", "role": "SUPERVISOR"}
AUGUST = {"from": "2026-08-01", "until": "2026-08-14"}


def test_an_administrator_adds_changes_and_removes_users(api: Api) -> None:
    made = api.admin.post("/users", {**EVE, "departmentId": api.department.id, "password": PASSWORD})
    assert made.status_code == 201
    address = made.headers["Location"].removeprefix("/api/v1")
    found = api.manager.get(address)
    assert found.json == made.json
    assert found.json["department"] == {"id": api.department.id, "name": "Stamping"}
    assert (found.json["role"], found.json["processOwner"], found.json["language"]) == (
        "SUPERVISOR",
        False,
        "en",
    )

    changed = api.admin.put(
        address, {"role": None, "departmentId": None, "processOwner": True}, tag=found.headers["ETag"]
    )
    assert changed.status_code == 200
    assert (changed.json["role"], changed.json["department"], changed.json["processOwner"]) == (
        None,
        None,
        True,
    )
    assert api.admin.put(address, {"name": "Eva"}, tag=found.headers["ETag"]).status_code == 412

    assert api.admin.delete(address).status_code == 204
    assert api.admin.get(address).status_code == 404


def test_what_is_left_out_stays(api: Api) -> None:
    address = f"/users/{api.supervisor.id}"
    before = api.admin.get(address).json
    after = api.admin.put(address, {"name": "Ann B. Keller"}).json
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"name", "updatedAt"}


def test_a_user_without_a_password_sets_one_with_a_link(api: Api) -> None:
    made = api.admin.post("/users", EVE).json
    link = api.admin.post(f"/users/{made['id']}/reset-link").json["link"]
    body = {"token": link.rpartition("/")[2], "password": PASSWORD}
    assert api.anonymous.post("/auth/password-reset/confirm", body).status_code == 204
    credentials = {"email": EVE["email"], "password": PASSWORD}
    assert api.anonymous.post("/auth/login", credentials).status_code == 200


def test_a_user_with_history_is_kept_and_can_be_deactivated(api: Api) -> None:
    address = f"/users/{api.supervisor.id}"
    api.supervisor.put("/users/me", {"name": "Ann K."})
    refused = api.admin.delete(address)
    assert refused.status_code == 409
    assert "activity log" in refused.json["detail"] and "Deactivate" in refused.json["detail"]
    assert api.admin.put(address, {"active": False}).json["active"] is False
    assert api.supervisor.get("/auth/me").status_code == 401
    assert api.admin.post(f"{address}/reset-link").json["code"] == "USER_INACTIVE"


def test_the_last_administrator_stays(api: Api) -> None:
    for change in ({"role": "SUPERVISOR"}, {"active": False}):
        refused = api.admin.put(f"/users/{api.admin.id}", change)
        assert (refused.status_code, refused.json["code"]) == (422, "LAST_ADMIN")
    assert api.admin.get("/auth/me").json["role"] == "ADMIN"


@pytest.mark.parametrize(
    ("values", "status", "field"),
    [
        ({"email": "nonsense"}, 400, "email"),
        ({"email": "a@b\nBcc: c@d"}, 400, "email"),
        ({"email": "Taken@factory.example"}, 422, "email"),
        ({"name": "  "}, 422, "name"),
        ({"role": "KING"}, 400, "role"),
        ({"departmentId": 987654}, 422, "departmentId"),
        ({"language": "Klingon"}, 400, "language"),
        ({"password": "short"}, 400, "password"),
        ({"passwordHash": "x"}, 400, "passwordHash"),
    ],
)
def test_what_is_wrong_stands_at_its_field(api: Api, values: dict[str, Any], status: int, field: str) -> None:
    api.someone(None, email="taken@factory.example")
    refused = api.admin.post("/users", {**EVE, **values})
    assert (refused.status_code, list(refused.json["errors"])) == (status, [field])


def test_users_are_found_by_role_department_and_words(api: Api, statements: Callable[[], Any]) -> None:
    found = api.manager.get("/users?role=SUPERVISOR").json["items"]
    assert [user["name"] for user in found] == ["Ann Keller"]
    assert api.manager.get(f"/users?departmentId={api.department.id}").json["total"] == 1
    assert [user["name"] for user in api.admin.get("/users?q=duar").json["items"]] == ["Maria Duarte"]
    names = [user["name"] for user in api.admin.get("/users?sort=-name").json["items"]]
    assert names == sorted(names, reverse=True)
    with statements() as few:
        api.admin.get("/users?pageSize=1")
    with statements() as many:
        api.admin.get("/users?pageSize=200")
    assert len(few) == len(many)


def test_people_change_their_own_name_and_language(api: Api) -> None:
    found = api.technician.get("/users/me")
    changed = api.technician.put("/users/me", {"name": "Tom", "language": "en-US"}, tag=found.headers["ETag"])
    assert (changed.json["name"], changed.json["language"]) == ("Tom", "en-US")
    assert api.technician.put("/users/me", {"name": "T"}, tag=found.headers["ETag"]).status_code == 412
    for forbidden in ({"role": "ADMIN"}, {"email": "x@y.example"}, {"departmentId": 1}, {"active": True}):
        assert api.technician.put("/users/me", forbidden).status_code == 400
    entry = api.session.scalars(sa.select(ActivityLog).where(ActivityLog.action == "UPDATE_USER")).one()
    assert (entry.user_id, entry.after) == (api.technician.id, {"name": "Tom", "language": "en-US"})


def test_no_answer_holds_a_password(api: Api) -> None:
    hashes = set(api.session.scalars(sa.select(User.password_hash)))
    text = (
        api.admin.get("/users").text + api.admin.get("/users/me").text + api.admin.get("/activity-logs").text
    )
    assert not any(stored in text for stored in hashes)


# -- substitutions ---------------------------------------------------------------------------------


def test_people_name_a_substitute_for_their_absence(api: Api) -> None:
    mine = f"/users/{api.technician.id}/substitutions"
    colleague = api.someone("MAINTENANCE_TECH", name="Lena Fuchs")
    made = api.technician.post(mine, {**AUGUST, "substituteId": colleague.id})
    assert made.status_code == 201
    assert made.json == {
        "id": made.json["id"],
        "userId": api.technician.id,
        "substitute": {"id": colleague.id, "name": "Lena Fuchs"},
        **AUGUST,
    }
    assert api.technician.get(mine).json["items"] == [made.json]
    assert api.technician.delete(f"{mine}/{made.json['id']}").status_code == 204
    assert api.technician.get(mine).json["total"] == 0


def test_administrators_do_it_for_others_and_nobody_else(api: Api) -> None:
    theirs = f"/users/{api.technician.id}/substitutions"
    body = {**AUGUST, "substituteId": api.manager.id}
    for caller in (api.supervisor, api.manager, api.storekeeper):
        assert caller.get(theirs).status_code == 404
        assert caller.post(theirs, body).status_code == 404
    made = api.admin.post(theirs, body).json
    assert api.supervisor.delete(f"{theirs}/{made['id']}").status_code == 404
    assert api.supervisor.delete(f"/users/{api.supervisor.id}/substitutions/{made['id']}").status_code == 404
    assert api.row(Substitution, made["id"]) is not None
    assert api.technician.get(theirs).json["total"] == 1


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"until": "2026-07-01"}, "BAD_PERIOD", "until"),
        ({"substituteId": "me"}, "OWN_SUBSTITUTE", "substituteId"),
        ({"substituteId": 987654}, "UNKNOWN_SUBSTITUTE", "substituteId"),
        ({"from": "2026-08-14", "until": "2026-08-20"}, "OVERLAPPING_ABSENCE", "from"),
    ],
)
def test_absences_that_make_no_sense_are_refused(
    api: Api, values: dict[str, Any], code: str, field: str
) -> None:
    mine = f"/users/{api.technician.id}/substitutions"
    body = {**AUGUST, "substituteId": api.manager.id}
    assert api.technician.post(mine, body).status_code == 201
    other = {**body, "from": "2026-09-01", "until": "2026-09-02", **values}
    if other["substituteId"] == "me":
        other["substituteId"] = api.technician.id
    refused = api.technician.post(mine, other)
    assert (refused.status_code, refused.json["code"], list(refused.json["errors"])) == (422, code, [field])


# -- settings --------------------------------------------------------------------------------------


def test_an_administrator_sets_the_site_up(api: Api) -> None:
    found = api.technician.get("/settings")
    assert found.json == {"name": "Factory", "timeZone": "UTC", "currency": "EUR", "registration": False,
                          "costingMethod": "MOVING_AVERAGE"}  # fmt: skip
    changed = api.admin.put(
        "/settings", {"timeZone": "Europe/Berlin", "currency": "CHF"}, tag=found.headers["ETag"]
    )
    expected = {**found.json, "timeZone": "Europe/Berlin", "currency": "CHF"}
    assert changed.json == api.technician.get("/settings").json == expected
    assert api.admin.put("/settings", {"name": "X"}, tag=found.headers["ETag"]).status_code == 412


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"timeZone": "Berlin"}, 422),
        ({"currency": "euro"}, 400),
        ({"name": " "}, 422),
        ({"registration": "yes"}, 400),
        ({"colour": "red"}, 400),
    ],
)
def test_settings_that_make_no_sense_are_refused(api: Api, values: dict[str, Any], status: int) -> None:
    refused = api.admin.put("/settings", values)
    assert (refused.status_code, list(refused.json["errors"])) == (status, list(values))


def test_a_person_added_by_mistake_goes_with_what_they_were_told(api: Api) -> None:
    mistake = factories.make_user(api.session, None)
    api.session.commit()
    assert api.admin.delete(f"/users/{mistake.id}").status_code == 204
    assert api.row(User, mistake.id) is None
