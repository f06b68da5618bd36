"""The page of the dry run, without scripts: as anybody, through the real forms, and nothing is touched."""

from __future__ import annotations

import json
import re
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.database import metadata, unit_of_work
from app.domain.people import User
from app.engine import drafts
from app.engine.models import ProcessDraft
from tests.web.conftest import Factory, SignIn

ADDRESS = "/studio/parts_approval/dry-run"
REPORT = "/studio/maintenance_request/dry-run"
# Every kind of row that using a site writes for itself.
OF_THE_SITE = {"user_sessions"}
STEPS = {"steps": "0", "steps.0.description": "", "steps.0.minutes": ""}
COMPRESSOR = {**STEPS, "partLines": "0", "partLines.0.partId": "5", "partLines.0.quantity": "1"}
TITLE = re.compile(r"dry-run-tasks__what\">\s*<strong>([^<]+)</strong>")


@pytest.fixture
def admin(factory: Factory, sign_in: SignIn) -> FlaskClient:
    return sign_in(factory.admin)


class Rehearsal:
    """Somebody at the page of a dry run; what it holds travels with each button."""

    def __init__(self, client: FlaskClient, address: str = ADDRESS) -> None:
        self.client = client
        self.address = address
        self.answer: TestResponse = client.get(address)

    @property
    def text(self) -> str:
        """The page as it is read."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.answer.text)).split())

    @property
    def document(self) -> dict[str, Any]:
        held = re.search(r'name="_dry_run"\s+value="([^"]*)"', self.answer.text)
        assert held, self.text
        found: dict[str, Any] = json.loads(unescape(held[1]))
        return found

    @property
    def steps(self) -> list[dict[str, Any]]:
        return list(self.document["steps"])

    @property
    def open(self) -> list[str]:
        """The names of the open tasks."""
        return [unescape(name).strip() for name in TITLE.findall(self.answer.text)]

    def begin(self, by: str = "technician", **fields: Any) -> Rehearsal:
        return self._post({"_do": "start", "_by": by, **fields})

    def press(self, do: str, document: Any = None, **fields: Any) -> Rehearsal:
        held = json.dumps(self.document) if document is None else document
        return self._post({"_do": do, "_dry_run": held, **fields})

    def do(self, name: str, by: str, **fields: Any) -> Rehearsal:
        """Open a task as somebody, and send its form."""
        number = self.task(name)
        self.press("open", _task=number, _by=by)
        assert self.answer.status_code == 200, self.text
        return self.press("complete", _task=number, _by=by, **fields)

    def task(self, name: str) -> str:
        found = re.search(
            rf"<strong>{name}</strong>.*?name=\"_task\"\s+value=\"(\d+)\"", self.answer.text, re.DOTALL
        )
        assert found, f"{name} is not among {self.open}"
        return found[1]

    def _post(self, fields: dict[str, Any]) -> Rehearsal:
        self.answer = self.client.post(self.address, data=fields)
        return self


@pytest.fixture
def parts(admin: FlaskClient) -> Rehearsal:
    """A technician has asked for a compressor block."""
    rehearsal = Rehearsal(admin).begin(**COMPRESSOR)
    assert rehearsal.answer.status_code == 200, rehearsal.text
    return rehearsal


def contents(factory: Factory) -> dict[str, list[Any]]:
    """All rows of the site's database."""
    factory.session.rollback()
    connection = factory.session.connection()
    return {
        name: sorted(map(repr, connection.execute(table.select()).all()))
        for name, table in metadata.tables.items()
        if name not in OF_THE_SITE
    }


def files(application: Flask) -> list[Path]:
    folder = Path(application.config["MILLWRIGHT_DATA"])
    return sorted(path for path in folder.rglob("*") if path.is_file() and ".db" not in path.name)


def saved(factory: Factory, user: User, key: str, **texts: str) -> None:
    """Save somebody's draft with some of its files changed."""
    with unit_of_work(factory.session) as session:
        actor = factory.actor(user)
        draft = drafts.open_draft(session, key, actor)
        changed = {**draft.files, **{name.replace("__", "."): text for name, text in texts.items()}}
        drafts.save(session, key, changed, by=actor, revision=draft.revision)


def test_only_those_who_may_deploy_see_it(factory: Factory, sign_in: SignIn) -> None:
    client = sign_in(factory.technician)
    assert client.get(ADDRESS).status_code == 403
    assert client.post(ADDRESS, data={"_do": "start"}).status_code == 403


def test_the_studio_leads_to_it(admin: FlaskClient) -> None:
    assert f'href="{ADDRESS}"' in admin.get("/studio/parts_approval").text
    assert admin.get("/studio/not_there/dry-run").status_code == 404


def test_it_says_what_there_is_and_who_may_begin(admin: FlaskClient) -> None:
    page = Rehearsal(admin)
    assert "5 × Motor (Motors) at 900" in page.text
    assert "As in “Consumables up to 200 need nobody's approval”" in page.text
    report = admin.get(REPORT + "?by=supervisor").text
    assert 'name="description"' in report and 'value="supervisor"' in report
    other = admin.get(ADDRESS + "?given=Consumables+up+to+200+need+nobody's+approval").text
    assert "10 × Oil filter (Filters) at 25" in unescape(other)


def test_everybody_does_their_part_by_the_real_forms_and_nothing_is_touched(
    application: Flask, factory: Factory, parts: Rehearsal
) -> None:
    before, stored = contents(factory), files(application)
    assert parts.open == ["Approve parts", "Carry out work"]
    assert "Approval policy" in parts.text and "4800" in parts.text
    assert "As Maintenance manager" in parts.text
    parts.do(
        "Approve parts", "manager", _outcome="approve", **{"lines": "0", "lines.0.quantityApproved": "1"}
    )
    assert parts.answer.status_code == 200
    assert parts.open == ["Issue parts", "Carry out work"]
    assert "Inventory manager : To be issued" in parts.text
    parts.press("wait", _amount="3", _unit="hours")
    assert "Day 1, Mon 11:03" in parts.text
    parts.do("Issue parts", "inventory", **{"lines": "0", "lines.0.quantityIssued": "1"})
    assert "The process has ended." in parts.text
    assert [*parts.steps[0]] == ["do", "by", "outcome"]
    assert contents(factory) == before
    assert files(application) == stored


def test_a_photo_is_accepted_and_nowhere_afterwards(
    application: Flask, factory: Factory, admin: FlaskClient
) -> None:
    before, stored = contents(factory), files(application)
    page = Rehearsal(admin, REPORT)
    assert "Photos and other files are not kept" in page.text
    page.begin(
        "supervisor",
        machineId="1",
        priority="HIGH",
        description="Oil.",
        photos=(BytesIO(b"no photo at all"), "leak.jpg"),
    )
    assert page.answer.status_code == 200, page.text
    assert page.document["start"]["values"]["photos"] == ["leak.jpg"]
    assert page.open == ["Accept request"]
    assert contents(factory) == before
    assert files(application) == stored


def test_what_is_refused_stands_at_its_field_with_what_was_typed(parts: Rehearsal) -> None:
    lines = {"lines": "0", "lines.0.quantityApproved": "many"}
    parts.do("Approve parts", "manager", _outcome="reject", reason="", **lines)
    assert parts.answer.status_code == 422
    assert 'aria-invalid="true"' in parts.answer.text
    assert 'value="many"' in parts.answer.text
    assert parts.steps == []
    parts.press("complete", _task=parts.task("Approve parts"), _by="inventory", _outcome="approve")
    assert parts.answer.status_code == 422
    assert "Approve parts" in parts.open and parts.steps == []


def test_rows_are_added_without_scripts(admin: FlaskClient) -> None:
    page = Rehearsal(admin).begin(_add="partLines", **COMPRESSOR)
    assert page.answer.status_code == 200
    assert 'name="partLines.1.quantity"' in page.answer.text
    assert "_dry_run" not in page.answer.text
    refused = Rehearsal(admin).begin(**{**COMPRESSOR, "partLines.0.quantity": "0"})
    assert refused.answer.status_code == 422
    assert 'value="0"' in refused.answer.text


def test_the_last_step_is_undone_and_time_goes_to_the_next_timer(parts: Rehearsal) -> None:
    length = re.search(r'name="_length"\s+value="([^"]+)"', parts.answer.text)
    assert length and length[1] == "PT12H"
    parts.press("wait", _length=length[1])
    assert "Maintenance manager : Parts wait" in parts.text or "Maintenance manager" in parts.text
    assert parts.steps == [{"wait": "PT12H"}]
    parts.press("back", _back="0")
    assert parts.steps == []
    assert "Day 1, Mon 08:02" in parts.text


def test_a_message_ends_it(parts: Rehearsal) -> None:
    assert "The message “cancel requested” arrives" in parts.text
    parts.press("send", _message="cancel requested", _by="manager", **{"_payload.reason": "Found one."})
    assert parts.steps[-1]["message"]["payload"] == {"reason": "Found one."}
    assert "The process has ended." in parts.text
    parts.press("send", _message="cancel requested", _by="manager")
    assert parts.answer.status_code == 422
    assert "This was refused" in parts.text


@pytest.mark.parametrize(
    ("amount", "unit"), [("", "hours"), ("-1", "hours"), ("1", "years"), ("9999999", "days")]
)
def test_time_that_is_none_is_refused(parts: Rehearsal, amount: str, unit: str) -> None:
    parts.press("wait", _amount=amount, _unit=unit)
    assert parts.answer.status_code == 422
    assert parts.steps == []


def test_it_is_kept_as_a_scenario_of_the_draft(factory: Factory, parts: Rehearsal) -> None:
    parts.press("keep", _name=" ", _revision="0")
    assert parts.answer.status_code == 422
    assert "Say in a few words what happens in it" in parts.text
    parts.press("keep", _name="A compressor waits for the manager", _revision="0")
    assert parts.answer.status_code == 200
    assert "It is in your draft, and it passes." in parts.text
    factory.session.rollback()
    (row,) = factory.session.scalars(sa.select(ProcessDraft))
    kept = yaml.safe_load(row.files["scenarios.yaml"])[-1]
    assert kept["name"] == "A compressor waits for the manager"
    assert kept["expect"]["may"] == {"Approve parts": ["manager"]}
    assert kept["expect"]["status"] == "PENDING"
    # The page goes on with the draft as it is now; the same name is taken.
    assert 'name="_revision" value="1"' in re.sub(r"\s+", " ", parts.answer.text)
    parts.press("keep", _name="A compressor waits for the manager", _revision="1")
    assert parts.answer.status_code == 422
    assert "There is a scenario of this name already" in parts.text
    # Somebody who looks at an older draft is told.
    parts.press("keep", _name="Another", _revision="0")
    assert parts.answer.status_code == 409
    assert "in another window" in parts.text


def test_steps_that_no_longer_fit_are_named_and_can_be_left(factory: Factory, parts: Rehearsal) -> None:
    parts.press("wait", _amount="1", _unit="hours")
    parts.do(
        "Approve parts", "manager", _outcome="approve", **{"lines": "0", "lines.0.quantityApproved": "1"}
    )
    with unit_of_work(factory.session) as session:
        draft = drafts.open_draft(session, "parts_approval", factory.actor(factory.admin))
        diagram = draft.files["parts_approval.bpmn"].replace('name="Approve parts"', 'name="Decide"')
    saved(factory, factory.admin, "parts_approval", parts_approval__bpmn=diagram)
    parts.press("show")
    assert "Step 2 (Approve parts) does not fit the draft any more." in parts.text
    assert len(parts.steps) == 2
    parts.press("back", _back="1")
    assert "does not fit" not in parts.text
    assert parts.open == ["Decide", "Carry out work"]


def test_a_draft_that_cannot_be_run_says_what_the_checks_say(factory: Factory, parts: Rehearsal) -> None:
    saved(factory, factory.admin, "parts_approval", parts_approval__bpmn="<broken")
    parts.press("show")
    assert parts.answer.status_code == 422
    assert "This draft cannot be run." in parts.text and "The checks say" in parts.text
    assert 'href="/studio/parts_approval"' in parts.answer.text
    assert parts.client.get(ADDRESS).status_code == 422


DEEP = json.loads("[" * 60 + "]" * 60)
HUGE = "9" * 5000
GOOD_START = {"process": "parts_approval", "by": "technician", "lines": []}
CRAFTED = {
    "nothing": "",
    "no JSON": "{",
    "a list": "[]",
    "a number": "7",
    "more keys": json.dumps({"given": {}, "start": GOOD_START, "steps": [], "expect": {}}),
    "no start": json.dumps({"given": {}, "steps": []}),
    "another process": json.dumps({"given": {}, "start": {"process": "maintenance_request"}, "steps": []}),
    "a step of no kind": json.dumps({"given": {}, "start": GOOD_START, "steps": [{"sing": 1}]}),
    "too many steps": json.dumps({"given": {}, "start": GOOD_START, "steps": [{"wait": "PT1S"}] * 101}),
    "NaN": '{"given": {}, "start": {"process": "parts_approval"}, "steps": [{"wait": NaN}]}',
    "no text": '{"given": {}, "start": {"process": "parts_approval"}, "steps": [{"wait": "\\ud800"}]}',
    "nested without end": '{"given": ' + '{"a":' * 5000 + "1" + "}" * 5000 + "}",
    "nested too deeply": json.dumps({"given": {}, "start": GOOD_START, "steps": [{"wait": DEEP}]}),
    "a huge number": f'{{"given": {{"x": {HUGE}}}, "start": {{"process": "parts_approval"}}, "steps": []}}',
    "a machine that is a text": json.dumps({"given": {"machine": "x"}, "start": GOOD_START, "steps": []}),
    "parts that are numbers": json.dumps({"given": {"parts": [1]}, "start": GOOD_START, "steps": []}),
}  # fmt: skip


@pytest.mark.parametrize("document", CRAFTED.values(), ids=list(CRAFTED))
@pytest.mark.parametrize("do", ["show", "keep"])
def test_crafted_documents_are_refused(factory: Factory, admin: FlaskClient, document: str, do: str) -> None:
    answer = admin.post(ADDRESS, data={"_do": do, "_dry_run": document, "_name": "x", "_revision": "0"})
    assert answer.status_code == 400
    assert (
        "cannot be read" in answer.text
        or "cannot be understood" in answer.text
        or "another process" in answer.text
    )
    factory.session.rollback()
    assert factory.session.scalars(sa.select(ProcessDraft)).all() == []


@pytest.mark.parametrize(
    "steps",
    [
        [{"message": "x"}],
        [{"stock": [1]}],
        [{"refuse": 7}],
        [{"expect": "x"}],
        [{"do": ["x"], "by": {}}],
        [{"do": "Approve parts", "by": "manager", "values": "x"}],
    ],
    ids=str,
)
def test_crafted_steps_are_told_as_steps_that_do_not_fit(parts: Rehearsal, steps: list[Any]) -> None:
    parts.press("show", json.dumps({**parts.document, "steps": steps}))
    assert parts.answer.status_code == 200
    assert "Step 1 (" in parts.text and "does not fit" in parts.text


def test_what_people_write_is_shown_as_text(parts: Rehearsal) -> None:
    evil = "<img src=x onerror=alert(1)>"
    parts.press("send", _message="cancel requested", _by="manager", **{"_payload.reason": evil})
    assert evil not in parts.answer.text
    assert evil in unescape(parts.answer.text)
