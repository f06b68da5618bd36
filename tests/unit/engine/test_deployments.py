"""Deployments: numbered, immutable, and each instance stays with its own."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from app.engine import deployments
from app.engine.actors import SYSTEM
from app.engine.decisions import DmnError
from app.engine.definitions import DefinitionError
from app.engine.forms import FormSchemaError
from app.engine.xml import XmlError
from app.errors import NotFound
from tests.support.desk import Desk
from tests.support.diagrams import Drawing

pytestmark = pytest.mark.databases


def version(name: str = "ask") -> Drawing:
    return Drawing().start("begin").user(name).end("done").path("begin", name, "done")


def test_versions_count_up_and_the_same_files_are_no_new_one(desk: Desk) -> None:
    assert [desk.deploy(version(name)).version for name in ("one", "one", "two", "one")] == [1, 1, 2, 3]
    with desk.sessions() as session:
        latest = deployments.latest(session, "errand")
        assert latest is not None and (latest.version, latest.name) == (3, "Errand")
        assert [d.key for d in deployments.latest_of_all(session)] == ["errand"]
        assert deployments.latest(session, "other") is None


def test_each_process_has_versions_of_its_own(desk: Desk) -> None:
    desk.deploy(version())
    other = Drawing("other").start("begin").user("ask").path("begin", "ask")
    assert desk.deploy(other).version == 1
    with desk.sessions() as session:
        assert [d.key for d in deployments.latest_of_all(session)] == ["errand", "other"]


def test_running_instances_keep_their_version(desk: Desk) -> None:
    old = desk.run(version("old"))
    desk.deploy(version("new"))
    new = desk.start()
    assert (desk.open(old), desk.open(new)) == (["old"], ["new"])
    desk.do("old")
    assert desk.state(old) == "completed"


def test_a_deployment_knows_who_starts_it(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin", candidateRole="CLERK, VISITOR").start("called", message="call").user("ask")
        .path("begin", "ask").path("called", "ask")
    )  # fmt: skip
    made = desk.deploy(drawing)
    assert (made.start_roles, made.start_messages) == ("CLERK,VISITOR", "call")


def test_what_was_rolled_back_is_not_remembered(desk: Desk) -> None:
    """SQLite gives the id of a deployment that was rolled back to the next one."""
    with desk.sessions() as session:
        made = deployments.deploy(desk.engine, session, version("gone").files(), by=SYSTEM)
        assert "gone" in desk.engine.definition(session, made.id).diagram.elements
        session.rollback()
    kept = desk.deploy(version("kept"))
    with desk.sessions() as session:
        assert "kept" in desk.engine.definition(session, kept.id).diagram.elements


def test_two_at_the_same_moment_get_two_versions(desk: Desk, database: sa.Engine) -> None:
    barrier, made, failed = threading.Barrier(2), [], []

    def deploy(name: str) -> None:
        try:
            barrier.wait(20)
            made.append(desk.deploy(version(name)).version)
        except Exception as error:  # told by the assertion below
            failed.append(error)

    threads = [threading.Thread(target=deploy, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    assert sorted(made) == [1, 2]


def test_a_version_that_somebody_else_has_just_taken_is_not_made_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.deploy(version("one"))
    latest, asked = deployments.latest, []

    def outdated(session: Session, key: str) -> object:
        asked.append(key)
        return None if len(asked) == 1 else latest(session, key)

    monkeypatch.setattr(deployments, "latest", outdated)
    assert desk.deploy(version("two")).version == 2
    assert len(asked) == 2


def test_an_unknown_deployment_and_process(desk: Desk) -> None:
    with desk.sessions() as session, pytest.raises(NotFound):
        desk.engine.definition(session, 999)
    with desk.sessions() as session, pytest.raises(NotFound, match="No process named errand"):
        deployments.newest_definition(desk.engine, session, "errand")
    with pytest.raises(NotFound, match="stranger is not tied to any records"):
        desk.deploy(Drawing("stranger").start("begin").end("done").path("begin", "done"))


def test_a_definition_is_read_once(desk: Desk, database: sa.Engine) -> None:
    made = desk.deploy(version())
    with sessionmaker(database)() as session:
        first = desk.engine.definition(session, made.id)
        assert desk.engine.definition(session, made.id) is first
    assert (first.deployment_id, first.version) == (made.id, 1)


# -- files that cannot be run ----------------------------------------------------------------------


def without_condition() -> Drawing:
    drawing = Drawing().start("begin").exclusive("which").user("a").user("b").path("begin", "which")
    return drawing.path("which", "a").path("which", "b")


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ({}, DefinitionError, "exactly one .bpmn file; here are 0"),
        ({"a.bpmn": b"", "b.bpmn": b""}, DefinitionError, "here are 2"),
        ({"a.bpmn": b"<x"}, XmlError, "XML"),
        ({"a.bpmn": b"<x/>"}, DefinitionError, "no process with an id"),
        (
            {"a.bpmn": version().bpmn().replace(b'isExecutable="true"', b"")},
            DefinitionError,
            "not marked as executable",
        ),
        (version().files(form_bad=b"{"), FormSchemaError, "JSON"),
        (version().files(dmn_bad=b"<x/>"), DmnError, "DMN"),
        (without_condition().files(), DefinitionError, "cannot be run"),
        (
            Drawing().start("begin").catch("wait", message="").path("begin", "wait").files(),
            DefinitionError,
            "no message with a name",
        ),
        ({f"{n}.txt": b"" for n in range(101)}, DefinitionError, "at most 100 files"),
        ({"a.txt": b"x" * (8 * 1024 * 1024 + 1)}, DefinitionError, "8 MB"),
        (
            {"a.bpmn": version().bpmn().replace(b"userTask", b"callActivity")},
            DefinitionError,
            "cannot be run",
        ),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_plain_line(
    desk: Desk, files: dict[str, bytes], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as refused:
        desk.deploy(files)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400
