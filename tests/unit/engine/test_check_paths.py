"""Checking files and folders on disk, and the processes that ship."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.check import check_paths, messages_of
from app.engine.core import ProcessEngine
from app.processes import WORKFLOWS, build_engine
from tests.support import repair


@pytest.fixture(scope="module")
def engine() -> Iterator[ProcessEngine]:
    made = repair.engine()
    yield made
    made.feel.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a process, its forms in one of their own."""
    made = tmp_path / "workflows" / "repair"
    for name, data in repair.files().items():
        path = made / "forms" / name if name.endswith(".form") else made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return made


def test_the_processes_that_ship_have_nothing_wrong() -> None:
    engine = build_engine()
    assert [str(p) for p in check_paths(engine, [WORKFLOWS], known_messages=["cancel requested"])] == []
    engine.feel.close()


def test_a_folder_is_a_process(engine: ProcessEngine, folder: Path) -> None:
    assert check_paths(engine, [folder], known_messages=repair.MESSAGES) == []
    assert check_paths(engine, [folder.parent], known_messages=repair.MESSAGES) == []


def test_problems_name_the_file_as_it_was_given(engine: ProcessEngine, folder: Path) -> None:
    form = folder / "forms" / "fix.form"
    form.write_bytes(b"{")
    (problem,) = [p for p in check_paths(engine, [folder], known_messages=repair.MESSAGES) if p.is_error]
    assert (problem.file, problem.code) == (str(form), "bad-form")


def test_the_processes_beside_it_send_messages(engine: ProcessEngine, folder: Path) -> None:
    codes = [p.code for p in check_paths(engine, [folder])]
    assert sorted(codes) == ["message-unreceived", "message-unsent"]
    other = folder.parent / "other"
    other.mkdir()
    (other / "other.bpmn").write_text(repair.BPMN)
    assert check_paths(engine, [folder]) == []


def test_shared_forms_belong_to_every_process(engine: ProcessEngine, folder: Path) -> None:
    (folder / "forms" / "fix.form").unlink()
    shared = {"fix.form": repair.files()["fix.form"]}
    assert check_paths(engine, [folder], known_messages=repair.MESSAGES, shared=shared) == []
    codes = {p.code for p in check_paths(engine, [folder], known_messages=repair.MESSAGES)}
    assert codes == {"unknown-form"}


def test_a_diagram_alone_may_refer_to_what_is_elsewhere(engine: ProcessEngine, folder: Path) -> None:
    problems = check_paths(engine, [folder / "repair.bpmn"])
    assert {p.code for p in problems} == {"unknown-form", "unknown-decision"}
    assert not any(p.is_error for p in problems)


@pytest.mark.parametrize("name", ["policy.dmn", "forms/fix.form"])
def test_a_table_or_a_form_alone(engine: ProcessEngine, folder: Path, name: str) -> None:
    assert check_paths(engine, [folder / name]) == []


def test_a_table_alone_still_knows_the_facts(engine: ProcessEngine, tmp_path: Path) -> None:
    path = tmp_path / "policy.dmn"
    path.write_bytes(repair.dmn(inputs=("request.prio",)))
    assert [p.code for p in check_paths(engine, [path])] == ["unknown-field"]


def test_files_of_the_same_name(engine: ProcessEngine, folder: Path) -> None:
    (folder / "fix.form").write_bytes(repair.form())
    assert "duplicate-file" in {p.code for p in check_paths(engine, [folder])}


@pytest.mark.parametrize(
    ("name", "code"), [("nothing", "no-such-path"), ("", "no-files"), ("a\0b", "no-such-path")]
)
def test_paths_without_process_files(engine: ProcessEngine, tmp_path: Path, name: str, code: str) -> None:
    assert [p.code for p in check_paths(engine, [tmp_path / name])] == [code]


def test_messages_of_a_process() -> None:
    found = messages_of({**repair.files(), "broken.bpmn": b"<"})
    assert (found.sent, found.received) == ({"repair ended"}, {"go on"})
