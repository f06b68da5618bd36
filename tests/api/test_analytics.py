"""Analytics over the API: the figures of a known day, and who sees which of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.clock import ManualClock
from app.database import unit_of_work
from app.domain.people import Role
from app.engine import instances, user_tasks
from app.processes.directory import actor_of
from tests.api.conftest import Api
from tests.conftest import START
from tests.support.plant import Plant, make_plant

DAY = "from=2026-03-02T08:00:00Z&until=2026-03-02T20:00:00Z"
MAINTENANCE = ("downtime", "failures", "maintenance-types", "mtbf")
COSTS = ("consumption", "costs")


@pytest.fixture
def plant(clock: ManualClock, api: Api) -> Plant:
    """The plant of :class:`Plant`, at 20:00 of its Monday."""
    with unit_of_work(api.session):
        return make_plant(api.session, clock)


def test_downtime(api: Api, plant: Plant) -> None:
    found = api.manager.get(f"/analytics/downtime?{DAY}&groupBy=day").json
    assert found["period"] == {"from": "2026-03-02T08:00:00Z", "until": "2026-03-02T20:00:00Z"}
    assert (found["minutes"], found["stops"]) == (330, 6)
    press = found["machines"][0]
    assert press["machine"] == {
        "id": plant.press.id,
        "name": "Press",
        "qrCode": plant.press.qr_code,
        "departmentId": plant.press_shop.id,
        "department": "Press shop",
    }
    assert (press["minutes"], press["longestMinutes"], press["isDown"]) == (180, 90, False)
    assert found["steps"] == [{"first": "2026-03-02", "stops": 6, "minutes": 330}]
    saw = api.manager.get(f"/analytics/downtime?{DAY}&machineId={plant.saw.id}").json
    assert (saw["minutes"], saw["steps"]) == (90, [])


def test_the_period_is_the_last_thirty_days_unless_told_otherwise(api: Api, plant: Plant) -> None:
    found = api.admin.get("/analytics/downtime").json
    assert found["period"] == {"from": "2026-01-31T20:00:00Z", "until": "2026-03-02T20:00:00Z"}
    assert found["minutes"] == 330


def test_consumption_and_costs(api: Api, plant: Plant) -> None:
    found = api.storekeeper.get(f"/analytics/consumption?{DAY}&groupBy=month").json
    assert (found["quantity"], found["cost"]) == (6, "97.50")
    assert [row["cost"] for row in found["parts"]] == ["49.00", "48.50"]
    assert found["steps"] == [{"first": "2026-03-01", "quantity": 6, "cost": "97.50"}]
    group = api.storekeeper.get(f"/analytics/consumption?{DAY}&partGroup=20").json
    assert [row["groupName"] for row in group["groups"]] == ["Hydraulics"]

    spent = api.storekeeper.get(f"/analytics/costs?{DAY}").json
    assert (spent["parts"], spent["labourMinutes"], spent["currency"]) == ("68.10", 205, "EUR")
    assert [row["machine"]["name"] for row in spent["machines"]] == ["Press", "Saw"]
    assert len(spent["included"]) == 3
    group = api.storekeeper.get(f"/analytics/costs?{DAY}&partGroup=10&groupBy=week").json
    assert (group["parts"], group["labourMinutes"]) == ("19.60", None)


def test_failures_types_and_reliability(api: Api, plant: Plant) -> None:
    found = api.manager.get(f"/analytics/failures?{DAY}").json
    assert [(row["code"], row["failures"], row["cumulativeShare"]) for row in found["codes"]] == [
        ("DRIVE", 2, 0.4),
        ("LEAK", 2, 0.8),
        ("", 1, 1.0),
    ]
    by_cost = api.manager.get(f"/analytics/failures?{DAY}&measure=cost").json
    assert by_cost["codes"][0]["code"] == "LEAK"
    types = api.manager.get(f"/analytics/maintenance-types?{DAY}").json
    assert [(row["code"], row["jobs"]) for row in types["types"]] == [("CORR", 4)]
    assert types["preventive"]["compliance"] is None
    found = api.manager.get(f"/analytics/mtbf?{DAY}&machineId={plant.press.id}").json
    (press,) = found["machines"]
    assert press["figures"] == found["overall"]
    assert press["figures"] == {
        "failures": 2,
        "requiredMinutes": 720,
        "upMinutes": 540,
        "downMinutes": 180,
        "restorationMinutes": 150,
        "mtbfMinutes": 270,
        "mttrMinutes": 75,
        "availability": 0.75,
    }


def test_the_dashboard(api: Api, plant: Plant) -> None:
    found = api.manager.get(f"/analytics/dashboard?{DAY}&groupBy=day").json
    assert (found["openRequests"], found["openByStatus"]["IN_PROGRESS"]) == (1, 1)
    assert (found["downtimeMinutes"], found["previousDowntimeMinutes"]) == (330, 0)
    assert [row["machine"]["name"] for row in found["topMachines"]] == ["Press", "Saw", "Robot"]
    assert found["activity"] == {
        "reported": 6, "completed": 4, "cancelled": 1, "partsRequested": 2, "partsClosed": 2,
    }  # fmt: skip
    assert (found["lowStock"], found["lowParts"][0]["partId"]) == (1, plant.seal.id)
    assert found["downtimeSteps"] == [{"first": "2026-03-02", "stops": 6, "minutes": 330}]


def test_what_nobody_has_done_in_time_is_overdue(api: Api, plant: Plant) -> None:
    with unit_of_work(api.session) as session:
        values = {"machineId": plant.saw.id, "priority": "CRITICAL", "description": "The saw smokes."}
        actor = actor_of(api.supervisor.user, [])
        form = user_tasks.start_form(api.engine, session, "maintenance_request", actor, json=values)
        assert form.validate()
        instances.start(api.engine, session, "maintenance_request", actor, form.values())
    assert api.manager.get("/analytics/dashboard").json["overdue"] == 0
    plant.time.advance(days=2)
    assert api.manager.get("/analytics/dashboard").json["overdue"] == 1
    assert api.manager.get(f"/analytics/dashboard?machineId={plant.press.id}").json["overdue"] == 0


# -- who sees what -----------------------------------------------------------------------------------


def test_supervisors_get_their_departments_figures(api: Api, plant: Plant) -> None:
    supervisor = api.someone(Role.SUPERVISOR, department_id=plant.assembly.id)
    for path in ("downtime", "dashboard"):
        found = supervisor.get(f"/analytics/{path}?{DAY}")
        assert found.status_code == 200
        assert found.json.get("minutes", found.json.get("downtimeMinutes")) == 60
    assert supervisor.get(f"/analytics/failures?{DAY}").json["failures"] == 1
    assert [row["machine"]["name"] for row in supervisor.get(f"/analytics/mtbf?{DAY}").json["machines"]] == [
        "Robot"
    ]
    own = supervisor.get(f"/analytics/downtime?{DAY}&departmentId={plant.assembly.id}")
    assert own.json["minutes"] == 60
    assert supervisor.get(f"/analytics/downtime?{DAY}&machineId={plant.press.id}").json["minutes"] == 0
    other = supervisor.get(f"/analytics/downtime?{DAY}&departmentId={plant.press_shop.id}")
    assert other.status_code == 403 and "own department" in other.json["detail"]


def test_a_supervisor_without_a_department_sees_nothing(api: Api, plant: Plant) -> None:
    nobody = api.someone(Role.SUPERVISOR, department_id=None)
    assert nobody.get(f"/analytics/downtime?{DAY}").status_code == 403
    assert nobody.get(f"/analytics/dashboard?{DAY}").status_code == 403


def test_technicians_have_a_dashboard_of_what_is_theirs(api: Api, plant: Plant) -> None:
    lena = api.signed_in(plant.helper)
    found = lena.get(f"/analytics/dashboard?{DAY}").json
    assert (found["openRequests"], found["downtimeMinutes"], found["activity"]["completed"]) == (0, 90, 1)
    tomasz = api.signed_in(plant.technician).get(f"/analytics/dashboard?{DAY}").json
    assert (tomasz["openRequests"], tomasz["downtimeMinutes"]) == (1, 240)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        *((path, "ADMIN SUPERVISOR MAINTENANCE_MANAGER") for path in MAINTENANCE),
        *((path, "ADMIN MAINTENANCE_MANAGER INVENTORY_MANAGER") for path in COSTS),
        ("dashboard", "ADMIN SUPERVISOR MAINTENANCE_TECH MAINTENANCE_MANAGER INVENTORY_MANAGER"),
    ],
)
def test_who_may_see_figures(api: Api, path: str, allowed: str) -> None:
    for role, caller in api.by_role.items():
        expected = 200 if role in allowed.split() else 401 if role == "anonymous" else 403
        assert caller.get(f"/analytics/{path}").status_code == expected


# -- what is asked wrongly ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("from=2026-03-02T08:00:00Z&until=2026-03-02T08:00:00Z", 422, "until"),
        ("from=1950-01-01T00:00:00Z", 422, "until"),
        ("from=1900-01-01T00:00:00Z&until=9000-01-01T00:00:00Z", 422, "until"),
        ("from=2010-01-01T00:00:00Z&until=2020-01-01T00:00:00Z&groupBy=day", 422, "groupBy"),
        ("until=1900-01-01T00:00:00Z", 422, "until"),
        ("until=9000-12-31T23:00:00-12:00", 400, "until"),
        ("from=yesterday", 400, "from"),
        ("from=2026-03-02", 400, "from"),
        ("groupBy=hour", 400, "groupBy"),
        ("departmentId=0", 400, "departmentId"),
        ("partGroup=10", 400, "partGroup"),
        ("since=2026-03-02T08:00:00Z", 400, "since"),
    ],
)
def test_what_is_wrong_stands_at_its_parameter(api: Api, query: str, status: int, field: str) -> None:
    answer = api.admin.get(f"/analytics/downtime?{query}")
    assert answer.status_code == status
    assert list(answer.json["errors"]) == [field]


@pytest.mark.parametrize("path", [*MAINTENANCE, *COSTS, "dashboard"])
@pytest.mark.parametrize(
    "period",
    [
        "until=1900-01-02T00:00:00Z",
        "from=1900-01-02T00:00:00Z&until=1900-01-03T00:00:00%2B14:00",
        "from=8999-01-01T00:00:00Z&until=9000-01-01T00:00:00Z",
        "from=2026-03-02T07:59:59.999999Z&until=2026-03-02T08:00:00Z",
    ],
)
def test_periods_at_the_edges_of_time(api: Api, path: str, period: str) -> None:
    assert api.admin.get(f"/analytics/{path}?{period}").status_code == 200


def test_statements_do_not_grow_with_the_data(api: Api, plant: Plant, statements) -> None:
    for path in (*MAINTENANCE, *COSTS, "dashboard"):
        with statements() as few:
            api.admin.get(f"/analytics/{path}?from=2026-02-20T00:00:00Z&until=2026-02-21T00:00:00Z")
        with statements() as many:
            api.admin.get(f"/analytics/{path}?{DAY}")
        assert len(few) == len(many)


def test_a_department_that_does_not_exist_has_no_figures(api: Api, plant: Plant) -> None:
    found = api.admin.get(f"/analytics/downtime?{DAY}&departmentId=999999")
    assert (found.status_code, found.json["minutes"]) == (200, 0)
    assert plant.time.time - START == timedelta(hours=12)
