"""Drafts: one a person and process, never overwritten unseen, and of files that can be drafts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import ManualClock
from app.database import unit_of_work
from app.engine import deployments, drafts
from app.engine.actors import Actor
from app.engine.definitions import digest
from app.engine.models import ProcessDraft
from app.errors import BusinessError, Conflict, NotFound
from tests.support.desk import Desk
from tests.support.diagrams import Drawing

OLGA = Actor(user_id=1, name="Olga", role="CLERK", process_owner=True)
PETER = Actor(user_id=2, name="Peter", role="CLERK", process_owner=True)

pytestmark = pytest.mark.databases


def version(name: str = "ask") -> Drawing:
    return Drawing().start("begin").user(name).end("done").path("begin", name, "done")


@pytest.fixture
def session(desk: Desk) -> Iterator[Session]:
    with desk.sessions() as session, unit_of_work(session):
        yield session


def test_a_draft_begins_as_the_newest_version(desk: Desk, session: Session) -> None:
    deployed = deployments.deploy(desk.engine, session, version().files(), by=PETER)
    draft = drafts.open_draft(session, "errand", OLGA)
    assert (draft.revision, draft.is_saved, draft.base, draft.newer) == (0, False, deployed, None)
    assert drafts.as_bytes(draft.files) == version().files()
    assert session.scalar(sa.select(sa.func.count()).select_from(ProcessDraft)) == 0


def test_what_was_saved_is_opened_again_by_the_same_person_only(session: Session, clock: ManualClock) -> None:
    drafts.save(session, "calibration", {"calibration.bpmn": "<a/>"}, by=OLGA, revision=0)
    clock.advance(minutes=5)
    drafts.save(session, "calibration", {"calibration.bpmn": "<b/>"}, by=OLGA, revision=1)
    draft = drafts.open_draft(session, "calibration", OLGA)
    assert (draft.files, draft.revision, draft.base) == ({"calibration.bpmn": "<b/>"}, 2, None)
    assert draft.saved_at == clock()
    assert drafts.open_draft(session, "calibration", PETER).files == {}
    assert [d.key for d in drafts.drafts_of(session, OLGA)] == ["calibration"]
    assert drafts.drafts_of(session, PETER) == []


@pytest.mark.parametrize("revision", [0, 1, 3])
def test_an_older_window_is_told_when_the_newer_one_saved(
    session: Session, clock: ManualClock, revision: int
) -> None:
    for known in (0, 1):
        drafts.save(session, "calibration", {"a.form": "{}"}, by=OLGA, revision=known)
    with pytest.raises(Conflict, match="2026-03-02 08:00:00 UTC"):
        drafts.save(session, "calibration", {"a.form": "[]"}, by=OLGA, revision=revision)
    assert drafts.open_draft(session, "calibration", OLGA).files == {"a.form": "{}"}


def test_a_draft_that_was_thrown_away_is_not_saved_by_an_older_window(session: Session) -> None:
    drafts.save(session, "calibration", {}, by=OLGA, revision=0)
    drafts.discard(session, "calibration", OLGA)
    with pytest.raises(Conflict, match="thrown away"):
        drafts.save(session, "calibration", {}, by=OLGA, revision=1)
    with pytest.raises(NotFound):
        drafts.discard(session, "calibration", OLGA)
    with pytest.raises(NotFound):
        drafts.saved(session, "calibration", OLGA)


def test_a_draft_says_who_has_deployed_a_newer_version_since(desk: Desk, session: Session) -> None:
    first = deployments.deploy(desk.engine, session, version().files(), by=OLGA)
    drafts.save(session, "errand", {"process.bpmn": "<mine/>"}, by=OLGA, revision=0)
    assert drafts.open_draft(session, "errand", OLGA).newer is None
    second = deployments.deploy(desk.engine, session, version("other").files(), by=PETER)
    (draft,) = (drafts.open_draft(session, "errand", OLGA),)
    assert (draft.base, draft.newer) == (first, second)
    assert draft.newer is not None and draft.newer.deployed_by_name == "Peter"
    assert drafts.drafts_of(session, OLGA)[0].newer == second

    # Saving alone changes nothing about that; saying that one has seen it does.
    drafts.save(session, "errand", draft.files, by=OLGA, revision=1)
    assert drafts.open_draft(session, "errand", OLGA).newer == second
    draft = drafts.save(session, "errand", draft.files, by=OLGA, revision=2, base_version=2)
    assert (draft.base, draft.newer) == (second, None)
    with pytest.raises(NotFound):
        drafts.save(session, "errand", draft.files, by=OLGA, revision=3, base_version=9)


def test_the_key_of_a_new_process_is_free_and_well_formed(desk: Desk, session: Session) -> None:
    drafts.save(session, "calibration", {}, by=OLGA, revision=0)
    with pytest.raises(BusinessError) as taken:
        drafts.save(session, "calibration", {}, by=PETER, revision=0)
    assert taken.value.code == "KEY_TAKEN"

    # Of a process that exists everybody may have a draft.
    deployments.deploy(desk.engine, session, version().files(), by=OLGA)
    for person in (OLGA, PETER):
        drafts.save(session, "errand", {}, by=person, revision=0)


@pytest.mark.parametrize(
    "key", ["", "a", "ab", "Errand", "9lives", "a-b", "a/b", "../a", "ä" * 5, "a" * 61, "abc\n"]
)
def test_a_key_that_cannot_be_one_is_refused(session: Session, key: str) -> None:
    with pytest.raises(NotFound, match="none can have this key"):
        drafts.open_draft(session, key, OLGA)
    with pytest.raises(BusinessError) as refusal:
        drafts.save(session, key, {}, by=OLGA, revision=0)
    assert refusal.value.code == "BAD_KEY"


MEGABYTE = 1024 * 1024
REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "a folder": ({"forms/a.form": "{}"}, "BAD_FILE_NAME"),
    "the folder above": ({"../a.form": "{}"}, "BAD_FILE_NAME"),
    "an absolute path": ({"/etc/a.form": "{}"}, "BAD_FILE_NAME"),
    "another system's path": ({"c:\\a.form": "{}"}, "BAD_FILE_NAME"),
    "a hidden file": ({".form": "{}"}, "BAD_FILE_NAME"),
    "another suffix": ({"a.py": "1"}, "BAD_FILE_NAME"),
    "a suffix in capitals": ({"a.BPMN": "1"}, "BAD_FILE_NAME"),
    "another YAML file": ({"a.yaml": "1"}, "BAD_FILE_NAME"),
    "markup": ({"<b>.form": "1"}, "BAD_FILE_NAME"),
    "two lines": ({"a\nb.form": "1"}, "BAD_FILE_NAME"),
    "a line's end": ({"a.form\n": "1"}, "BAD_FILE_NAME"),
    "a zero byte": ({"a\0.form": "1"}, "BAD_FILE_NAME"),
    "a long name": ({"a" * 200 + ".form": "1"}, "BAD_FILE_NAME"),
    "names that differ in case only": ({"a.form": "1", "A.form": "1"}, "DUPLICATE_FILE"),
    "too many files": ({f"a{n}.form": "" for n in range(51)}, "TOO_MANY_FILES"),
    "a large file": ({"a.form": "x" * (2 * MEGABYTE + 1)}, "TOO_LARGE"),
    "a file of many bytes": ({"a.form": "ü" * (MEGABYTE + 1)}, "TOO_LARGE"),
    "large files": ({f"{n}.form": "x" * 2 * MEGABYTE for n in range(3)}, "TOO_LARGE"),
    "half a character": ({"a.form": "\ud800"}, "BAD_TEXT"),
}


@pytest.mark.parametrize(("files", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_files_that_no_draft_may_hold(session: Session, files: dict[str, str], code: str) -> None:
    with pytest.raises(BusinessError) as refusal:
        drafts.save(session, "calibration", files, by=OLGA, revision=0)
    assert (refusal.value.code, refusal.value.field) == (code, "files")
    assert not drafts.open_draft(session, "calibration", OLGA).is_saved


def test_names_and_texts_that_are_fine(session: Session) -> None:
    files = {
        "Tool calibration (new).bpmn": "<a/>\r\n",
        "Prüfung-1.dmn": "ü€𝄞",
        "a_b.c.form": "",
        "scenarios.yaml": "- name: x",
    }
    drafts.save(session, "calibration", files, by=OLGA, revision=0)
    session.expire_all()
    assert drafts.open_draft(session, "calibration", OLGA).files == files


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "windows-1252"])
def test_xml_in_another_encoding_is_edited_in_utf_8(desk: Desk, session: Session, encoding: str) -> None:
    from lxml import etree

    drawn = version().bpmn().replace(b"Errand", "Prüfung".encode())
    files = {"process.bpmn": etree.tostring(etree.fromstring(drawn), encoding=encoding, xml_declaration=True)}
    deployments.deploy(desk.engine, session, files, by=OLGA)
    draft = drafts.open_draft(session, "errand", OLGA)
    assert 'name="Prüfung"' in draft.files["process.bpmn"]
    again = drafts.as_bytes(draft.files)
    assert deployments.deploy(desk.engine, session, again, by=OLGA).name == "Prüfung"


def test_a_text_that_claims_another_encoding_is_written_in_utf_8() -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-1" standalone="yes"?>\n<a name="ü"/>'
    written = drafts.as_bytes({"a.bpmn": text, "b.form": text})
    assert written["a.bpmn"] == text.replace("ISO-8859-1", "UTF-8").encode()
    assert written["b.form"] == text.encode()


def test_what_is_opened_and_not_changed_is_no_new_version(desk: Desk, session: Session) -> None:
    deployed = deployments.deploy(desk.engine, session, version().files(), by=OLGA)
    files = drafts.as_bytes(drafts.open_draft(session, "errand", OLGA).files)
    assert digest(files) == deployed.digest


# -- limits ----------------------------------------------------------------------------------------


def test_a_person_has_so_many_drafts(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "MAXIMUM_DRAFTS", 2)
    for key in ("first_one", "second_one"):
        drafts.save(session, key, {}, by=OLGA, revision=0)
    with pytest.raises(BusinessError, match="throw one away") as refusal:
        drafts.save(session, "third_one", {}, by=OLGA, revision=0)
    assert (refusal.value.code, refusal.value.field) == ("TOO_MANY_DRAFTS", "key")
    # Those that there are can still be saved; others have their own; and one gone makes room.
    drafts.save(session, "second_one", {"a.form": "{}"}, by=OLGA, revision=1)
    drafts.save(session, "third_one", {}, by=PETER, revision=0)
    drafts.discard(session, "first_one", OLGA)
    drafts.save(session, "fourth_one", {}, by=OLGA, revision=0)


def test_a_persons_drafts_have_room_for_so_much(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "MAXIMUM_BYTES_OF_ALL", 30_000)
    large = {"a.form": "ä" * 7_000}  # bytes are counted, not letters
    drafts.save(session, "first_one", large, by=OLGA, revision=0)
    drafts.save(session, "first_one", large, by=OLGA, revision=1)  # itself it replaces
    with pytest.raises(BusinessError, match="or throw some away") as refusal:
        drafts.save(session, "second_one", {"a.form": "b" * 17_000}, by=OLGA, revision=0)
    assert (refusal.value.code, refusal.value.field) == ("TOO_LARGE", "files")
    drafts.save(session, "second_one", {"a.form": "b" * 15_000}, by=OLGA, revision=0)
    drafts.save(session, "third_one", large, by=PETER, revision=0)
