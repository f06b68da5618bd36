"""Versions of a process: the list, files, comparing, going back, and moving what runs."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from app.database import unit_of_work
from app.domain.activity import ActivityLog
from app.domain.people import User
from app.engine import deployments, drafts, history, services
from app.engine.models import Deployment, Job, ProcessInstance
from app.processes.shipped import WORKFLOWS, read_folder
from app.web import migrations
from tests import factories
from tests.web.conftest import Factory, SignIn

KEY = "maintenance_request"
FILES = read_folder(WORKFLOWS / KEY)
DIAGRAM = FILES[f"{KEY}.bpmn"].decode()
ACCEPT = 'name="Accept request"'
RENAMED = "take_on"


def renamed(diagram: str, old: str = "accept_request", new: str = RENAMED) -> str:
    """The diagram with another id for an element, wherever the id is meant and not a form's name."""
    names = "id|sourceRef|targetRef|attachedToRef|bpmnElement"
    diagram = re.sub(rf'\b({names})="{old}"', rf'\1="{new}"', diagram)
    return diagram.replace(f"<bpmn:flowNodeRef>{old}<", f"<bpmn:flowNodeRef>{new}<")


def deploy(factory: Factory, diagram: str = "", note: str = "", **others: bytes) -> Deployment:
    files = {**FILES, f"{KEY}.bpmn": (diagram or DIAGRAM).encode(), **others}
    with unit_of_work(factory.session) as session:
        return deployments.deploy(factory.engine, session, files, by=factory.actor(factory.admin), note=note)


def versions(factory: Factory) -> list[Deployment]:
    factory.session.rollback()
    query = sa.select(Deployment).where(Deployment.key == KEY).order_by(Deployment.version)
    return list(factory.session.scalars(query))


def version_of(factory: Factory, instance: ProcessInstance) -> int:
    factory.session.rollback()
    factory.session.refresh(instance)
    return factory.session.get_one(Deployment, instance.deployment_id).version


@pytest.fixture
def owner(factory: Factory, sign_in: SignIn) -> FlaskClient:
    """A technician who owns the processes."""
    with unit_of_work(factory.session) as session:
        person: User = factories.make_user(
            session, "MAINTENANCE_TECH", name="Olga Brandt", process_owner=True
        )
    return sign_in(person)


def lines(text: str) -> str:
    """What a page says, without its marks and with single spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


# -- the list, and one version ---------------------------------------------------------------------


def test_the_list_says_who_deployed_what_and_what_runs_on_it(factory: Factory, owner: FlaskClient) -> None:
    factory.report()
    deploy(factory, DIAGRAM.replace(ACCEPT, 'name="Take it on"'), note="A friendlier name")
    factory.report("Another fault.")
    factory.report("One more.")
    page = owner.get(f"/studio/{KEY}/versions").text
    told = lines(page)
    newest = told.index("Version 2 Newest")
    older = told.index("Version 1", newest)
    assert newest < told.index("Grace Odum") < told.index("A friendlier name") < older
    assert "Shipped with Millwright" in told[older:]
    assert re.search(r"A friendlier name 2 ", told)
    assert f'href="/studio/{KEY}/compare?from=1&amp;to=2"' in page
    assert f'href="/studio/{KEY}/migrate?from=1"' in page
    assert f"/studio/{KEY}/versions/1/rollback" in page
    assert f"/studio/{KEY}/versions/2/rollback" not in page


def test_the_list_has_pages_and_takes_as_many_statements_however_long_it_is(
    factory: Factory, owner: FlaskClient, statements: Any
) -> None:
    owner.get(f"/studio/{KEY}/versions")  # the first page of a session asks for more
    with statements() as few:
        owner.get(f"/studio/{KEY}/versions")
    for number in range(26):
        deploy(factory, DIAGRAM.replace(ACCEPT, f'name="Accept {number}"'))
    with statements() as many:
        first = owner.get(f"/studio/{KEY}/versions").text
    assert len(many) == len(few)
    assert "Page 1 of 2" in first and "Version 27" in first and "/versions/2/rollback" not in first
    assert "/versions/2/rollback" in owner.get(f"/studio/{KEY}/versions?page=2").text


def test_versions_are_for_those_who_may_read_processes(factory: Factory, sign_in: SignIn) -> None:
    deploy(factory, renamed(DIAGRAM))
    technician, manager = sign_in(factory.technician), sign_in(factory.manager)
    for path in (
        "versions", "versions/1", "versions/1/files.zip", "versions/1/diagram.xml", "compare?from=1&to=2",
        "migrate", f"versions/1/files/{KEY}.bpmn",
    ):  # fmt: skip
        assert technician.get(f"/studio/{KEY}/{path}").status_code == 403, path
        assert manager.get(f"/studio/{KEY}/{path}").status_code == 200, path
    page = manager.get(f"/studio/{KEY}/versions").text
    assert "/rollback" not in page
    assert manager.get(f"/studio/{KEY}/versions/1/rollback").status_code == 403
    assert manager.post(f"/studio/{KEY}/versions/1/rollback").status_code == 403
    assert manager.post(f"/studio/{KEY}/migrate", data={"to": 2, "reason": "x"}).status_code == 403
    assert 'name="reason"' not in manager.get(f"/studio/{KEY}/migrate").text
    assert len(versions(factory)) == 2


@pytest.mark.parametrize(
    "path",
    [
        "nothing/versions", f"{KEY}/versions/9", f"{KEY}/versions/0", f"{KEY}/versions/99999999999",
        f"{KEY}/versions/1/files/none.bpmn", f"{KEY}/versions/9/files.zip", f"{KEY}/compare?from=9&to=1",
        f"{KEY}/compare?from=one&to=1", "nothing/compare?from=draft", "nothing/migrate",
        f"{KEY}/migrate?from=9", f"{KEY}/migrate?to=99999999", f"{KEY}/migrations/none",
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(factory: Factory, owner: FlaskClient, path: str) -> None:
    assert owner.get(f"/studio/{path}").status_code == 404


def test_the_files_of_a_version_come_as_they_were_deployed(factory: Factory, owner: FlaskClient) -> None:
    answer = owner.get(f"/studio/{KEY}/versions/1/files.zip")
    assert answer.headers["Content-Disposition"] == f"attachment; filename={KEY}-v1.zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as packed:
        assert {name: packed.read(name) for name in packed.namelist()} == FILES
    one = owner.get(f"/studio/{KEY}/versions/1/files/scenarios.yaml")
    assert (one.data, one.mimetype) == (FILES["scenarios.yaml"], "application/octet-stream")
    assert one.headers["Content-Disposition"].startswith("attachment")
    drawing = owner.get(f"/studio/{KEY}/versions/1/diagram.xml")
    assert drawing.data == FILES[f"{KEY}.bpmn"]
    again = owner.get(
        f"/studio/{KEY}/versions/1/diagram.xml", headers={"If-None-Match": drawing.headers["ETag"]}
    )
    assert again.status_code == 304
    assert "response_times.dmn" in owner.get(f"/studio/{KEY}/versions/1").text


# -- comparing -------------------------------------------------------------------------------------


def test_comparing_tells_the_attributes_of_elements_before_and_after(
    factory: Factory, owner: FlaskClient
) -> None:
    deploy(factory, DIAGRAM.replace(ACCEPT, 'name="Take <b>it</b> on"'.replace("<", "&lt;")))
    answer = owner.get(f"/studio/{KEY}/compare?from=1&to=2")
    told = lines(answer.text)
    assert answer.status_code == 200
    assert "before: Accept request now: Take &lt;b&gt;it&lt;/b&gt; on" in told
    assert '"accept_request":["changed","element"]' in answer.text.replace("&#34;", '"').replace(" ", "")
    assert "Nothing differs" in owner.get(f"/studio/{KEY}/compare?from=2&to=2").text


def test_comparing_tells_decision_tables_rule_by_rule(factory: Factory, owner: FlaskClient) -> None:
    table = FILES["response_times.dmn"].decode()
    rules = re.findall(r"<rule .*?</rule>", table, re.DOTALL)
    changed = rules[1].replace("</outputEntry>", "</outputEntry>", 1)
    texts = re.findall(r"<outputEntry.*?<text>(.*?)</text>", changed, re.DOTALL)
    changed = changed.replace(f"<text>{texts[0]}</text>", '<text>"PT77M"</text>')
    added = rules[1].replace('id="', 'id="new_')
    table = table.replace(rules[1], changed + added).replace(rules[0], "")
    deploy(factory, **{"response_times.dmn": table.encode()})
    page = owner.get(f"/studio/{KEY}/compare?from=1&to=2").text
    rows = re.findall(r'<tr class="(is-\w+)">(.*?)</tr>', page, re.DOTALL)
    assert [kind for kind, _ in rows] == ["is-removed", "is-changed", "is-added"]
    assert "PT77M" in rows[1][1] and texts[0].strip('"') in rows[1][1]
    assert "PT77M" not in rows[2][1]
    # Never by colour alone.
    assert [re.findall(r"diff-mark__sign[^>]*>(.)<", row)[0] for _, row in rows] == ["−", "±", "+"]


def test_comparing_tells_forms_field_by_field_and_scenarios_line_by_line(
    factory: Factory, owner: FlaskClient
) -> None:
    name = next(
        name for name in FILES if name.endswith(".form") and b'"label": "What is wrong?"' in FILES[name]
    )
    form = FILES[name].replace(b"What is wrong?", b"What have you seen?")
    story = FILES["scenarios.yaml"].replace(b"\n- name: ", b"\n# a remark\n- name: ", 1)
    deploy(factory, **{name: form, "scenarios.yaml": story})
    page = owner.get(f"/studio/{KEY}/compare?from=1&to=2").text
    assert "before: What is wrong?" in lines(page) and "now: What have you seen?" in lines(page)
    assert re.search(r"diff-line--added.*?\+</span><code># a remark", page)


def test_a_draft_is_compared_too_even_one_that_cannot_be_read(factory: Factory, owner: FlaskClient) -> None:
    person = factory.session.scalars(sa.select(User).filter_by(name="Olga Brandt")).one()
    texts = {name: content.decode() for name, content in FILES.items()}
    texts[f"{KEY}.bpmn"] = DIAGRAM.replace(ACCEPT, 'name="Look at it"')
    assert "Nothing differs" in owner.get(f"/studio/{KEY}/compare?from=1&to=draft").text
    with unit_of_work(factory.session) as session:
        drafts.save(session, KEY, texts, by=factory.actor(person), revision=0)
    page = owner.get(f"/studio/{KEY}/compare?from=1&to=draft").text
    assert "now: Look at it" in lines(page) and f"/studio/{KEY}/draft.xml" in page
    assert b"Look at it" in owner.get(f"/studio/{KEY}/draft.xml").data
    texts[f"{KEY}.bpmn"] = "<bpmn:definitions"
    with unit_of_work(factory.session) as session:
        drafts.save(session, KEY, texts, by=factory.actor(person), revision=1)
    broken = owner.get(f"/studio/{KEY}/compare?from=1&to=draft")
    assert broken.status_code == 422
    assert "cannot be read as a process" in broken.text and "diff-line--removed" in broken.text


def test_texts_that_would_take_minutes_to_compare_are_not(factory: Factory, owner: FlaskClient) -> None:
    story = FILES["scenarios.yaml"] + b"# one\n# two\n" * 4000
    deploy(factory, **{"scenarios.yaml": story})
    page = owner.get(f"/studio/{KEY}/compare?from=1&to=2").text
    assert "more than 6,000 lines" in page and "# one" not in page


# -- going back ------------------------------------------------------------------------------------


def test_going_back_deploys_the_old_files_with_a_note_and_is_logged(
    factory: Factory, owner: FlaskClient
) -> None:
    deploy(factory, DIAGRAM.replace(ACCEPT, 'name="Take it on"'))
    running = factory.report()
    page = owner.get(f"/studio/{KEY}/versions/1/rollback").text
    assert "Diagram: 1 changed" in page and 'value="Back to version 1"' in page
    answer = owner.post(f"/studio/{KEY}/versions/1/rollback", data={"note": "The old name was better"})
    assert answer.status_code == 302
    third = versions(factory)[2]
    assert (third.note, third.deployed_by_name) == ("The old name was better", "Olga Brandt")
    assert deployments.files_of(factory.session, third.id) == FILES
    assert version_of(factory, running) == 2
    entry = factory.session.scalars(sa.select(ActivityLog).filter_by(action="DEPLOY_PROCESS")).one()
    assert (entry.after["version"], entry.after["filesOf"], entry.before) == (3, 1, {"version": 2})

    again = owner.post(f"/studio/{KEY}/versions/1/rollback", follow_redirects=True)
    assert "has the files of version 1 already" in again.text
    assert len(versions(factory)) == 3


def test_a_version_whose_service_is_gone_is_refused_with_the_problem(
    factory: Factory, owner: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(factory, DIAGRAM.replace(ACCEPT, 'name="Take it on"'))
    registry = services.registry.tasks
    monkeypatch.delitem(registry, "requests.accept")
    page = owner.get(f"/studio/{KEY}/versions/1/rollback").text
    assert "requests.accept" in page and "Go back to version 1" not in page
    answer = owner.post(f"/studio/{KEY}/versions/1/rollback")
    assert answer.status_code == 422 and "cannot be deployed any more" in answer.text
    assert len(versions(factory)) == 2


def test_scenarios_that_fail_keep_a_version_back_unless_an_administrator_insists(
    factory: Factory, owner: FlaskClient, sign_in: SignIn
) -> None:
    with unit_of_work(factory.session) as session:
        story = (
            b"- name: It is over at once\n"
            b"  start: {process: maintenance_request, by: supervisor, priority: HIGH, description: Oil}\n"
            b"  expect: {state: completed}\n"
        )
        files = {**FILES, "scenarios.yaml": story}
        deployments.deploy(factory.engine, session, files, by=factory.actor(factory.admin))
    deploy(factory)
    answer = owner.post(f"/studio/{KEY}/versions/2/rollback", data={"override": "1"})
    assert answer.status_code == 422 and "It is over at once" in answer.text
    assert "Deploy although" not in answer.text
    admin = sign_in(factory.admin)
    refused = admin.post(f"/studio/{KEY}/versions/2/rollback")
    assert refused.status_code == 422 and "Deploy although" in refused.text
    assert admin.post(f"/studio/{KEY}/versions/2/rollback", data={"override": "1"}).status_code == 302
    entry = factory.session.scalars(sa.select(ActivityLog).filter_by(action="DEPLOY_PROCESS")).one()
    assert entry.after["failedScenarios"] == ["It is over at once"]


# -- moving what runs ------------------------------------------------------------------------------


def test_a_renamed_task_is_mapped_by_hand_and_the_chosen_move(factory: Factory, owner: FlaskClient) -> None:
    first, second, third = factory.report("One."), factory.report("Two."), factory.report("Three.")
    deploy(factory, renamed(DIAGRAM))
    page = owner.get(f"/studio/{KEY}/migrate?from=1&to=2").text
    assert "0 of 3 can move" in page and "which version 2 does not have" in page
    assert 'name="map.accept_request"' in page and f'value="{RENAMED}"' in page
    mapped = owner.get(f"/studio/{KEY}/migrate?from=1&to=2&map.accept_request={RENAMED}").text
    assert "3 of 3 can move" in mapped
    kept = f'<input type="hidden" name="map.accept_request" value="{RENAMED}"'
    assert kept in " ".join(mapped.split())

    order = {"from": 1, "to": 2, "map.accept_request": RENAMED, "reason": "Everybody by the new one"}
    answer = owner.post(f"/studio/{KEY}/migrate", data={**order, "instance": [first.id, second.id]})
    assert answer.status_code == 302
    assert [version_of(factory, each) for each in (first, second, third)] == [2, 2, 1]
    assert factory.open_task(first, RENAMED).name == "Accept request"
    result = owner.get(answer.headers["Location"]).text
    assert "Done: 2 of 2 moved" in result and first.business_key in result
    assert third.business_key not in result and "data-progress" not in result
    entry = history.entries(factory.session, first.id)[-1]
    assert (entry.kind, entry.actor_name, entry.detail["reason"]) == (
        "migrated", "Olga Brandt", "Everybody by the new one",
    )  # fmt: skip
    logged = factory.session.scalars(sa.select(ActivityLog).filter_by(action="MIGRATE_INSTANCES")).one()
    assert logged.after["instances"] == 2

    everything = owner.post(f"/studio/{KEY}/migrate", data={**order, "choose": "all"})
    assert version_of(factory, third) == 2
    assert "1 of 1 moved" in owner.get(everything.headers["Location"]).text


def test_one_that_cannot_move_stays_and_the_others_move(factory: Factory, owner: FlaskClient) -> None:
    stuck, free = factory.report("One."), factory.report("Two.")
    deploy(factory, renamed(DIAGRAM, "accept_request", RENAMED))
    mapping = {"map.accept_request": RENAMED}
    owner.post(f"/studio/{KEY}/migrate", data={"to": 2, "reason": "r", "instance": free.id, **mapping})
    deploy(factory, renamed(DIAGRAM, "accept_request", "third_name"))
    answer = owner.post(
        f"/studio/{KEY}/migrate",
        data={"to": 3, "reason": "r", "choose": "all", f"map.{RENAMED}": "third_name"},
    )
    result = lines(owner.get(answer.headers["Location"]).text)
    assert "Done: 1 of 2 moved" in result
    assert result.index(stuck.business_key) < result.index("Stays") < result.index(free.business_key)
    assert "which version 3 does not have" in result
    assert (version_of(factory, stuck), version_of(factory, free)) == (1, 3)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"reason": "  "}, "Say why"),
        ({"reason": "r", "instance": []}, "Choose at least one"),
        ({"reason": "r", "map.accept_request": "nowhere"}, "has no element nowhere"),
    ],
)
def test_an_order_that_is_not_complete_is_refused_and_nothing_moves(
    factory: Factory, owner: FlaskClient, order: dict[str, Any], words: str
) -> None:
    instance = factory.report()
    deploy(factory, DIAGRAM.replace(ACCEPT, 'name="Take it on"'))
    answer = owner.post(f"/studio/{KEY}/migrate", data={"to": 2, "instance": [instance.id], **order})
    assert answer.status_code == 422 and words in answer.text
    assert version_of(factory, instance) == 1
    assert factory.session.scalars(sa.select(Job).filter_by(kind="migration")).all() == []


def test_many_are_moved_by_jobs_and_the_page_follows_them(
    factory: Factory, owner: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "AT_ONCE", 1)
    instances = [factory.report(f"Fault {number}.") for number in range(3)]
    deploy(factory, DIAGRAM.replace(ACCEPT, 'name="Take it on"'))
    answer = owner.post(f"/studio/{KEY}/migrate", data={"to": 2, "reason": "r", "choose": "all"})
    address = answer.headers["Location"]
    page = owner.get(address).text
    assert "0 of 3 done" in page and "data-progress" in page and 'http-equiv="refresh"' in page
    assert [version_of(factory, each) for each in instances] == [1, 1, 1]
    factory.jobs.sweep()
    page = owner.get(address).text
    assert "Done: 3 of 3 moved" in page and "data-progress" not in page
    assert [version_of(factory, each) for each in instances] == [2, 2, 2]


def test_instance_pages_tell_the_version_with_a_link_for_those_who_may_see_it(
    factory: Factory, sign_in: SignIn
) -> None:
    instance = factory.report()
    manager = sign_in(factory.manager).get(f"/requests/{instance.subject_id}").text
    assert f'<a href="/studio/{KEY}/versions/1">Maintenance request, version 1</a>' in manager
    supervisor = sign_in(factory.supervisor).get(f"/requests/{instance.subject_id}").text
    assert "Maintenance request, version 1" in supervisor and f"/studio/{KEY}" not in supervisor
