"""Two hundred instances are driven into every kind of stuck state: each is listed with the right reason at
the next sweep, each is freed by an operation, and nothing is left over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app import clock as clocks
from app.clock import ManualClock
from app.domain import people
from app.domain.parts import SparePart
from app.domain.people import Role, User
from app.domain.spare_parts_requests import SparePartsRequest
from app.engine import deployments, instances, interventions, monitor, user_tasks
from app.engine.actors import SYSTEM, Actor
from app.engine.core import ProcessEngine
from app.engine.models import OPEN_STATES, HistoryEntry, ProcessInstance, TaskState, UserTask
from app.engine.monitor import survey
from app.engine.monitor.models import Obstacle
from app.engine.monitor.obstacles import Reason
from app.engine.services import ServiceRegistry, ServiceTask
from app.processes.directory import actor_of
from tests import factories
from tests.support import consistency
from tests.support.diagrams import Drawing
from tests.support.factory_floor import Floor

SUPERVISOR, MANAGER = Role.SUPERVISOR.value, Role.MAINTENANCE_MANAGER.value
STOREKEEPER = Role.INVENTORY_MANAGER.value

DRAWINGS = (
    Drawing("slow_errand", role=SUPERVISOR).start("begin").user("ask").user("check").end("over")
    .path("begin", "ask", "check", "over"),
    Drawing("broken_errand", role=SUPERVISOR).start("begin").user("ask")
    .service("repair", "press.mend", outputs={"cost": "result.cost"}, status="REPAIRED")
    .boundary("refused", on="repair", error="REFUSED").exclusive("dear").user("approve").user("check")
    .end("over").path("begin", "ask", "repair", "dear", "check", "over").path("refused", "check")
    .path("dear", "approve", when="cost > 100").path("approve", "over"),
    Drawing("store_errand", role=STOREKEEPER).start("begin").user("fetch").end("over")
    .path("begin", "fetch", "over"),
    Drawing("paused_errand", role=SUPERVISOR).start("begin").catch("pause", after="PT1H").user("ask")
    .end("over").path("begin", "pause", "ask", "over"),
    Drawing("awaiting_errand", role=SUPERVISOR).start("begin").receive("wait", "arrived", due="PT1H")
    .user("ask").end("over").path("begin", "wait", "ask", "over"),
)  # fmt: skip


@dataclass
class Case:
    """An instance that is stuck: why, and which operation frees it with which values."""

    instance_id: int
    reason: str
    operation: str
    values: Callable[[], dict[str, Any]] = dict
    cause: str = ""


@dataclass
class Campaign:
    """The factory while everything goes wrong in it."""

    floor: Floor
    clock: ManualClock
    scale: float
    cases: list[Case] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)  # the names of services that fail

    def several(self, number: int) -> range:
        return range(max(1, round(number * self.scale)))

    def start(self, key: str) -> int:
        with self.floor.acting() as session:
            return instances.start(
                self.floor.engine, session, key, self.floor.actors["supervisor"], {"note": "x"}
            ).id

    def task(self, instance_id: int, element: str) -> int:
        with self.floor.sessions() as session:
            query = sa.select(UserTask.id).filter_by(
                instance_id=instance_id, element_id=element, state=TaskState.OPEN
            )
            return session.scalars(query).one()

    def do(
        self, instance_id: int, element: str, by: Actor, outcome: str | None = None, **values: Any
    ) -> None:
        task = self.task(instance_id, element)
        with self.floor.acting() as session:
            user_tasks.complete(self.floor.engine, session, task, by, values, outcome)

    def report(self) -> int:
        """A fault, as the real process has it, without what it tells people."""
        values = {"machineId": self.floor.machine_id, "priority": "HIGH", "description": "It leaks oil."}
        with self.floor.acting() as session:
            return instances.start(
                self.floor.engine, session, "maintenance_request", self.floor.actors["supervisor"], values
            ).id

    def technician(self, name: str) -> Actor:
        with self.floor.acting() as session:
            return actor_of(factories.make_user(session, Role.MAINTENANCE_TECH, name=name))

    def stuck(self, instance_id: int, reason: str, operation: str, cause: str = "", **values: Any) -> None:
        self.cases.append(Case(instance_id, reason, operation, lambda: values, cause))

    def sweep(self) -> dict[int, set[str]]:
        """What one more sweep of the scheduler lists, by instance."""
        self.clock.advance(seconds=31)
        monitor.keep_up(self.floor.engine, self.floor.sessions)
        with self.floor.sessions() as session:
            found: dict[int, set[str]] = {}
            for instance_id, reason in session.execute(sa.select(Obstacle.instance_id, Obstacle.reason)):
                found.setdefault(instance_id, set()).add(reason)
            return found

    def free(self, case: Case) -> None:
        with self.floor.acting() as session:
            interventions.perform(
                self.floor.engine, session, case.operation, case.instance_id, self.floor.actors["manager"],
                "Freed by hand", **case.values(),
            )  # fmt: skip

    def problems(self) -> list[str]:
        with self.floor.sessions() as session:
            return consistency.problems(self.floor.engine, session)


@pytest.fixture
def campaign(engine: ProcessEngine, database: sa.Engine, clock: ManualClock) -> Iterator[Campaign]:
    """A small factory whose services fail when they are told to; on MariaDB with a fifth of the cases."""
    services = ServiceRegistry(dict(engine.services.tasks))
    found = Campaign(
        Floor(ProcessEngine(services=services, bindings=engine.bindings, feel=engine.feel), database),
        clock,
        scale=1 if database.dialect.name == "sqlite" else 0.2,
    )
    services.add(ServiceTask("press.mend", "Mend", "", lambda ctx: {"cost": 5}, {}, {}, {}))
    for name in ("press.mend", "parts.issue"):
        services.tasks[name] = _breakable(found, services.tasks[name])
    with found.floor.acting() as session:
        for drawing in DRAWINGS:
            deployments.deploy(found.floor.engine, session, drawing.files(), by=SYSTEM)
    return found


def _breakable(campaign: Campaign, task: ServiceTask) -> ServiceTask:
    def work(ctx: Any, **arguments: Any) -> Any:
        if task.name in campaign.broken:
            raise RuntimeError(f"{task.name} does not work")
        return task.function(ctx, **arguments)

    return ServiceTask(task.name, task.title, "", work, task.inputs, task.outputs, task.errors)


# -- driving it into trouble -----------------------------------------------------------------------


def late(campaign: Campaign) -> list[int]:
    """What time makes of them: slow, overdue, with timers missed and messages late."""
    supervisor = campaign.floor.actors["supervisor"]
    for _ in range(20):
        sample = campaign.start("slow_errand")
        campaign.clock.advance(seconds=30)
        campaign.do(sample, "ask", supervisor)
        with campaign.floor.acting() as session:
            interventions.perform(
                campaign.floor.engine, session, "skip", sample, campaign.floor.actors["manager"], "A sample",
                from_element="check",
            )  # fmt: skip
    for _ in campaign.several(25):
        campaign.stuck(campaign.start("slow_errand"), "slow", "skip", from_element="ask")
    overdue = [campaign.report() for _ in campaign.several(20)]
    for number, instance_id in enumerate(overdue):
        if number % 2:
            to = {"from_element": "accept_request", "to_element": "take_on_request"}
            campaign.stuck(instance_id, "overdue", "move", **to)
        else:
            campaign.stuck(instance_id, "overdue", "suspend")
    for number in campaign.several(30):
        paused, awaiting = campaign.start("paused_errand"), campaign.start("awaiting_errand")
        if number % 3:
            campaign.stuck(paused, "timer_missed", "fire-timers")
            campaign.stuck(awaiting, "message_late", "skip", from_element="wait")
        else:
            campaign.stuck(paused, "timer_missed", "move", from_element="pause", to_element="ask")
            campaign.stuck(awaiting, "message_late", "move", from_element="wait", to_element="over")
    campaign.clock.advance(hours=20)
    return overdue


def let_go_off(campaign: Campaign, instance_ids: list[int]) -> None:
    """The scheduler does its work for these."""
    for instance_id in instance_ids:
        with campaign.floor.acting() as session:
            assert instances.fire_timers(campaign.floor.engine, session, instance_id)


def failing(campaign: Campaign) -> None:
    """Steps that fail: in a process that somebody has drawn, on the way of a fault, and at the store."""
    floor = campaign.floor
    campaign.broken.add("press.mend")
    for number in campaign.several(35):
        instance_id = campaign.start("broken_errand")
        campaign.do(instance_id, "ask", floor.actors["supervisor"])
        if number % 3 == 0:
            campaign.stuck(instance_id, "incident", "retry")
        elif number % 3 == 1:
            campaign.stuck(instance_id, "incident", "resolve", variables={"cost": 150})
        else:
            campaign.stuck(instance_id, "incident", "move", from_element="repair", to_element="check")
    for _ in campaign.several(5):
        key = floor.parts_wanted(floor.part(10), 2)
        floor.do("Approve parts", "manager", "approve", lines=approved(floor, key))
        campaign.broken.add("parts.issue")
        with floor.sessions() as session:
            wanted = session.scalars(sa.select(ProcessInstance).filter_by(business_key=key)).one()
        floor.do("Issue parts", "inventory", "issue", **issued(floor, key, 2))
        campaign.broken.remove("parts.issue")
        campaign.stuck(wanted.id, "incident", "retry", cause="store")


def approved(floor: Floor, key: str) -> list[dict[str, Any]]:
    with floor.sessions() as session:
        found = session.scalars(sa.select(SparePartsRequest).filter_by(business_key=key)).one()
        return [{"id": line.id, "quantityApproved": line.quantity_requested} for line in found.lines]


def issued(floor: Floor, key: str, quantity: int) -> dict[str, Any]:
    with floor.sessions() as session:
        found = session.scalars(sa.select(SparePartsRequest).filter_by(business_key=key)).one()
        return {"lines": [{"id": line.id, "quantityIssued": quantity} for line in found.lines]}


def deserted(campaign: Campaign) -> None:
    """Tasks that nobody can do: who had them has left or is away, or nobody holds the role any more."""
    floor = campaign.floor
    leaver, absent, stand_in = map(campaign.technician, ("Lea Leaver", "Abe Absent", "Sue Substitute"))
    for who, number in ((leaver, 15), (absent, 15)):
        for count in campaign.several(number):
            instance_id = campaign.report()
            campaign.do(instance_id, "accept_request", who, "accept")
            if count % 2:
                campaign.stuck(
                    instance_id, "nobody_eligible", "reassign", person=floor.actors["technician2"].user_id
                )
            else:
                campaign.stuck(instance_id, "nobody_eligible", "escalate", role=MANAGER)
    for _ in campaign.several(5):
        key = floor.parts_wanted(floor.part(10), 2)
        floor.do("Approve parts", "manager", "approve", lines=approved(floor, key))
        with floor.sessions() as session:
            wanted = session.scalars(sa.select(ProcessInstance).filter_by(business_key=key)).one()
        campaign.stuck(
            wanted.id, "nobody_eligible", "reassign", "store", person=floor.actors["technician"].user_id
        )
    for number in campaign.several(20):
        instance_id = campaign.start("store_errand")
        if number % 2:
            campaign.stuck(instance_id, "nobody_eligible", "escalate", role=SUPERVISOR)
        else:
            campaign.stuck(instance_id, "nobody_eligible", "cancel")
    with floor.acting() as session:
        gone = [leaver.user_id, *(floor.actors[name].user_id for name in ("inventory", "inventory2"))]
        for user_id in gone:
            people.update_user(session, session.get_one(User, user_id), None, active=False)
        today = clocks.now().date()
        for user, substitute in ((absent, stand_in), (stand_in, absent)):
            people.set_substitute(
                session, session.get_one(User, user.user_id), substitute.user_id or 0,
                today - timedelta(days=1), today + timedelta(days=1), None,
            )  # fmt: skip


# -- the campaign ----------------------------------------------------------------------------------


@pytest.mark.databases
def test_whatever_is_stuck_is_listed_with_its_reason_and_freed(campaign: Campaign) -> None:
    overdue = late(campaign)
    let_go_off(campaign, overdue)
    failing(campaign)
    deserted(campaign)
    if campaign.scale == 1:
        assert len(campaign.cases) == 200
    assert {case.reason for case in campaign.cases} == {reason.value for reason in Reason}

    listed = campaign.sweep()
    expected = {case.instance_id: {case.reason} for case in campaign.cases}
    assert listed == expected
    assert campaign.problems() == []

    campaign.broken.clear()
    for case in campaign.cases:
        campaign.free(case)
    # Whatever was freed is off the list at once, before anybody looks again.
    with campaign.floor.sessions() as session:
        left = Counter(session.scalars(sa.select(Obstacle.reason)))
        assert left == Counter()
        assert survey.last(session) is not None
    assert campaign.problems() == []
    assert campaign.sweep() == {}
    told = [case.instance_id for case in campaign.cases if not _is_told(campaign, case)]
    assert told == []

    # The store goes on as if nothing had been: what was issued has left it, and no more than that.
    finish_at_the_store(campaign)
    assert campaign.problems() == []


def _is_told(campaign: Campaign, case: Case) -> bool:
    """Whether the history says who freed an instance, and why."""
    with campaign.floor.sessions() as session:
        query = sa.select(HistoryEntry.detail).where(
            HistoryEntry.instance_id == case.instance_id,
            HistoryEntry.actor_id == campaign.floor.actors["manager"].user_id,
        )
        return any((detail or {}).get("reason") == "Freed by hand" for detail in session.scalars(query))


def finish_at_the_store(campaign: Campaign) -> None:
    floor = campaign.floor
    for case in campaign.cases:
        if case.cause != "store":
            continue
        with floor.sessions() as session:
            instance = session.get_one(ProcessInstance, case.instance_id)
        if case.reason == "nobody_eligible":
            with floor.acting() as session:
                task = campaign.task(case.instance_id, "issue_parts")
                answers = issued(floor, instance.business_key, 2)
                user_tasks.submit(
                    floor.engine, session, task, floor.actors["technician"], outcome="issue", json=answers
                )
        floor.settle()
        with floor.sessions() as session:
            assert session.get_one(ProcessInstance, case.instance_id).state not in OPEN_STATES
            request = session.get_one(SparePartsRequest, instance.subject_id)
            assert request.status == "ISSUED"
            parts = [session.get_one(SparePart, line.spare_part_id) for line in request.lines]
            assert [part.quantity for part in parts] == [8]
