"""A version that one node deploys is at once that of all nodes; half of one is never seen by anybody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from app.domain.activity import ActivityLog
from app.domain.people import Role, User
from app.engine import deployments, instances, user_tasks
from app.engine.core import ProcessEngine
from app.engine.definitions import digest
from app.engine.models import Deployment, DeploymentFile, ProcessInstance, UserTask
from app.processes import read_folder
from app.processes.shipped import WORKFLOWS
from tests import factories
from tests.support import calibration, nodes
from tests.support.actions import Publication, at_once, killed_at
from tests.support.application import application
from tests.support.factory_floor import Floor
from tests.support.nodes import Answer, Node, together

pytestmark = pytest.mark.databases

KEY = calibration.KEY
STARTERS = 'millwright:candidateRole="SUPERVISOR,MAINTENANCE_TECH,'
VERSIONS = 5
ROUNDS = 8


def version(engine: ProcessEngine, number: int, tag: str = "") -> dict[str, bytes]:
    """Files that say everywhere which version they are: task, start form, table; and who may start it.

    Technicians start every other version.
    """
    files = calibration.files(engine)
    drawing = files[f"{KEY}.bpmn"].decode()
    assert STARTERS in drawing
    if number % 2:
        drawing = drawing.replace(STARTERS, 'millwright:candidateRole="SUPERVISOR,')
    drawing = drawing.replace('name="Approve calibration"', f'name="Approve calibration {number}{tag}"')
    form = files["request.form"].decode().replace("Which tool?", f"Which tool? ({number}{tag})")
    table = files["approval_rules.dmn"].decode().replace('"PT4H"', f'"PT{number}H"')
    assert f'"PT{number}H"' in table and f"({number}{tag})" in form
    return {
        **files,
        f"{KEY}.bpmn": drawing.encode(),
        "request.form": form.encode(),
        "approval_rules.dmn": table.encode(),
    }


def broken(session: Session) -> list[str]:
    """What is wrong with the versions that can be seen: half ones, and gaps between them."""
    found: list[str] = []
    rows = session.scalars(sa.select(Deployment).order_by(Deployment.key, Deployment.version)).all()
    numbers: dict[str, list[int]] = {}
    for row in rows:
        numbers.setdefault(row.key, []).append(row.version)
        if digest(deployments.files_of(session, row.id)) != row.digest:
            found.append(f"version {row.version} of {row.key} lacks files")
    for key, given in numbers.items():
        if given != list(range(1, len(given) + 1)):
            found.append(f"the versions of {key} are {given}")
    strays = sa.select(DeploymentFile.id).where(DeploymentFile.deployment_id.not_in(sa.select(Deployment.id)))
    return found + [f"file {each} belongs to no version" for each in session.scalars(strays)]


# -- two nodes that serve --------------------------------------------------------------------------


@dataclass
class Plant:
    """Two nodes over one database, the database beside them, and the people by name."""

    a: Node
    b: Node
    url: str
    people: dict[str, User]
    floor: Floor

    @property
    def engine(self) -> ProcessEngine:
        return self.floor.engine

    @property
    def sessions(self) -> sessionmaker[Session]:
        return self.floor.sessions

    def deploy(self, node: Node, who: str, files: dict[str, bytes]) -> Answer:
        texts = {name: content.decode() for name, content in files.items()}
        return node.call(who, f"/processes/{KEY}/deploy", {"files": texts})

    def start(self, node: Node, who: str) -> Answer:
        return node.call(who, f"/processes/{KEY}/start", {"values": calibration.REQUESTED})


@pytest.fixture
def plant(engine: ProcessEngine, database: sa.Engine, database_url: str, tmp_path: Path) -> Iterator[Plant]:
    floor = Floor(engine, database)
    with floor.acting() as session:
        people = {
            "olga": factories.make_user(session, Role.MAINTENANCE_TECH, name="Olga", process_owner=True),
            "peter": factories.make_user(session, Role.MAINTENANCE_TECH, name="Peter", process_owner=True),
            "tina": factories.make_user(session, Role.MAINTENANCE_TECH, name="Tina"),
            "sam": factories.make_user(session, Role.SUPERVISOR, name="Sam", department_id=None),
            "admin": factories.make_user(session, Role.ADMIN, name="Ada"),
        }
    bearers = nodes.bearers(database_url, tmp_path, people)
    with (
        nodes.node(database_url, tmp_path / "a", bearers) as a,
        nodes.node(database_url, tmp_path / "b", bearers) as b,
    ):
        yield Plant(a, b, database_url, people, floor)


def assert_everything_is_by(plant: Plant, node: Node, number: int, rule: int) -> None:
    """Whatever a node says and does next is by version ``number``, whose files say ``rule``."""
    listed = node.get("olga", "/processes").json["items"]
    assert [each["version"] for each in listed if each["key"] == KEY] == [number]
    decided = node.call("olga", "/decisions/approval_rules/evaluate", {
        "inputs": {"record": {"kind": "SCALE", "urgency": "HIGH"}},
    })  # fmt: skip
    assert (decided.json["version"], decided.json["outputs"]["decideWithin"]) == (number, f"PT{rule}H")
    form = node.get("sam", f"/processes/{KEY}/start-form").json
    assert f"Which tool? ({rule})" in [field["label"] for field in form["fields"]]
    assert plant.start(node, "tina").status == (403 if rule % 2 else 201)
    started = plant.start(node, "sam").json
    assert started["version"] == number
    assert [task["name"] for task in started["openTasks"]] == [f"Approve calibration {rule}"]


def test_what_one_node_deploys_the_other_one_uses_next(plant: Plant) -> None:
    for number in range(1, VERSIONS + 1):
        made = plant.deploy(plant.a, "olga", version(plant.engine, number))
        assert (made.status, made.json["version"]) == (201, number), made.body
        assert_everything_is_by(plant, plant.b, number, number)
    # And back, with the nodes changed.
    for number in (1, 2):
        made = plant.deploy(plant.b, "peter", version(plant.engine, number))
        assert made.json["version"] == VERSIONS + number
        assert_everything_is_by(plant, plant.a, VERSIONS + number, number)


def test_a_rollback_and_the_menus_are_everywhere_at_once(plant: Plant, tmp_path: Path) -> None:
    """The pages of two more nodes, each warm: what the first rolls back the second offers next."""
    for number in (1, 2):
        plant.deploy(plant.a, "olga", version(plant.engine, number))
    with (
        application(plant.url, tmp_path / "c") as c,
        application(plant.url, tmp_path / "d") as d,
    ):
        owner, technician = c.test_client(), d.test_client()
        for browser, name in ((owner, "olga"), (technician, "tina")):
            signed = browser.post(
                "/sign-in", data={"email": plant.people[name].email, "password": factories.PASSWORD}
            )
            assert signed.status_code == 302
        assert f"/start/{KEY}" in technician.get("/").text
        assert "Which tool? (2)" in technician.get(f"/start/{KEY}").text
        back = owner.post(f"/studio/{KEY}/versions/1/rollback", data={"note": "Too many calls"})
        assert back.status_code == 302, back.text
        assert f"/start/{KEY}" not in technician.get("/").text
        assert technician.get(f"/start/{KEY}").status_code == 403
    assert_everything_is_by(plant, plant.b, 3, 1)


def test_a_task_and_a_message_find_the_version_of_a_moment_ago(plant: Plant) -> None:
    """The test's own engine is a third node, which knows all of version 1: the process that a message
    starts is of the version that another node has just deployed."""
    floor = plant.floor
    part = floor.part(5, part_number="SEAL", unit_price=300)
    floor.parts_wanted(part, 1)
    assert "Approve parts" in floor.names()
    files = {
        name: content.replace(b'name="Approve parts"', b'name="Allow parts"')
        for name, content in read_folder(WORKFLOWS / "parts_approval").items()
        if name != "scenarios.yaml"
    }
    texts = {name: content.decode() for name, content in files.items()}
    made = plant.a.call("olga", "/processes/parts_approval/deploy", {"files": texts})
    assert made.status == 201, made.body
    key = floor.parts_wanted(part, 1)
    assert floor.names(key) == ["Allow parts"]
    # What ran before keeps its version, on every node.
    assert "Approve parts" in floor.names()
    with floor.sessions() as session:
        versions = session.scalars(
            sa.select(Deployment.version)
            .join(ProcessInstance, ProcessInstance.deployment_id == Deployment.id)
            .where(ProcessInstance.key == "parts_approval")
            .order_by(ProcessInstance.id)
        ).all()
    assert versions == [1, 2]


# -- two people at the same moment -----------------------------------------------------------------


def test_two_people_deploy_at_the_same_moment(plant: Plant) -> None:
    """Each gets a version of their own, or is told that others are quicker; never the same number."""
    sent: dict[int, dict[str, bytes]] = {}
    for number in range(1, ROUNDS + 1):
        theirs = [version(plant.engine, number, tag) for tag in ("a", "b", "c")]
        answers = together(
            partial(plant.deploy, plant.a, "olga", theirs[0]),
            partial(plant.deploy, plant.b, "peter", theirs[1]),
            partial(plant.deploy, plant.b, "admin", theirs[2]),
        )
        assert {answer.status for answer in answers} <= {201, 409}, [a.body for a in answers]
        assert 201 in {answer.status for answer in answers}
        for answer, files in zip(answers, theirs, strict=True):
            if answer.status == 201:
                assert answer.json["version"] not in sent
                sent[answer.json["version"]] = files
    with plant.sessions() as session:
        assert broken(session) == []
        rows = session.scalars(sa.select(Deployment).where(Deployment.key == KEY)).all()
        assert {row.version: row.digest for row in rows} == {n: digest(files) for n, files in sent.items()}
        logged = session.scalars(
            sa.select(ActivityLog).where(ActivityLog.action == "DEPLOY_PROCESS").order_by(ActivityLog.id)
        ).all()
    # The log knows each once, with the version that it followed.
    assert sorted(entry.after["version"] for entry in logged) == sorted(sent)
    for entry in logged:
        before = entry.before["version"] if entry.before else 0
        assert entry.after["version"] == before + 1


def test_two_people_deploy_the_same_files_at_the_same_moment(plant: Plant) -> None:
    for number in range(1, ROUNDS + 1):
        files = version(plant.engine, number)
        answers = together(
            partial(plant.deploy, plant.a, "olga", files), partial(plant.deploy, plant.b, "peter", files)
        )
        assert [answer.status for answer in answers] == [201, 201], [answer.body for answer in answers]
        assert [answer.json["version"] for answer in answers] == [number, number]
    with plant.sessions() as session:
        assert broken(session) == []
        logged = nodes.count(session, ActivityLog, ActivityLog.action == "DEPLOY_PROCESS")
        assert logged == ROUNDS == nodes.count(session, Deployment, Deployment.key == KEY)


# -- half-way --------------------------------------------------------------------------------------


@contextmanager
def watching(database: sa.Engine) -> Iterator[list[str]]:
    """Somebody reads all versions again and again meanwhile; what they ever saw that was not whole."""
    seen: list[str] = []
    over = threading.Event()
    sessions = sessionmaker(database)

    def read() -> None:
        while True:
            with sessions() as session:
                seen.extend(broken(session))
            if over.is_set():
                return

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield seen
    finally:
        over.set()
        reader.join()


def test_a_node_that_is_killed_leaves_a_whole_version_or_none(
    floor: Floor, database: sa.Engine, database_url: str
) -> None:
    owner = floor.actors["admin"]
    with floor.acting() as session:
        deployments.deploy(floor.engine, session, version(floor.engine, 1), by=owner)
    action = Publication(KEY, version(floor.engine, 2), owner)
    killed = 0
    with watching(database) as seen:
        for point in range(1, 100):
            answer = killed_at(database_url, action, point)
            with floor.sessions() as session:
                newest = deployments.latest(session, KEY)
                assert broken(session) == []
                assert newest is not None
                logged = nodes.count(session, ActivityLog, ActivityLog.action == "DEPLOY_PROCESS")
                assert logged == newest.version - 1
            if newest.version == 2:
                break
            assert answer is None, answer
            killed += 1
    assert killed >= 6
    assert seen == []
    # The number that the dead had taken is free again.
    assert (newest.version, newest.digest) == (2, digest(action.files))
    # Whatever they had locked is free too, and what starts now is by the new version.
    values = calibration.REQUESTED
    with floor.acting() as session:
        started = instances.start(floor.engine, session, KEY, floor.actors["supervisor"], values)
        assert started.deployment_id == newest.id


def test_readers_never_see_a_version_without_its_files(
    floor: Floor, database: sa.Engine, database_url: str
) -> None:
    owner = floor.actors["admin"]
    with watching(database) as seen:
        for number in range(1, ROUNDS + 1):
            answers = at_once(
                database_url,
                [Publication(KEY, version(floor.engine, number, tag), owner) for tag in ("a", "b")],
            )
            assert {answer.kind for answer in answers} <= {"done", "Conflict"}, answers
    assert seen == []
    with floor.sessions() as session:
        newest = deployments.latest(session, KEY)
    assert newest is not None and ROUNDS <= newest.version <= 2 * ROUNDS


def test_a_start_is_by_the_version_whose_form_was_answered(floor: Floor) -> None:
    """Somebody deploys between reading the form and starting: the answers fit the old form."""
    owner, sam = floor.actors["admin"], floor.actors["supervisor"]
    with floor.acting() as session:
        deployments.deploy(floor.engine, session, version(floor.engine, 1), by=owner)
    with floor.sessions() as session:
        read = deployments.latest(session, KEY)
        form = user_tasks.start_form(
            floor.engine, session, KEY, sam, deployment=read, json=calibration.REQUESTED
        )
        assert form.validate()
    with floor.acting() as session:
        deployments.deploy(floor.engine, session, version(floor.engine, 2), by=owner)
    with floor.acting() as session:
        started = instances.start(floor.engine, session, KEY, sam, form.values(), deployment=read)
        names = session.scalars(sa.select(UserTask.name).where(UserTask.instance_id == started.id)).all()
    assert names == ["Approve calibration 1"]
