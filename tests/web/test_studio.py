"""The Studio's pages: who sees them, what the list says, how new processes begin, the policy of its page."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from app.database import unit_of_work
from app.engine.models import Deployment, DeploymentFile, ProcessDraft
from tests.web.conftest import Factory, SignIn

PAGES = ("/studio", "/studio/new", "/studio/parts_approval")
NEW = {"name": "Tool loans", "key": "tool_loans", "template": "request_with_approval"}


@pytest.fixture
def admin(factory: Factory, sign_in: SignIn) -> FlaskClient:
    return sign_in(factory.admin)


def drafts(factory: Factory) -> list[ProcessDraft]:
    factory.session.rollback()
    return list(factory.session.scalars(sa.select(ProcessDraft)))


@pytest.mark.parametrize("address", PAGES)
def test_only_those_who_may_deploy_see_it(factory: Factory, sign_in: SignIn, address: str) -> None:
    client = sign_in(factory.technician)
    assert client.get(address).status_code == 403
    assert 'href="/studio"' not in client.get("/").text


def test_the_list_says_what_is_deployed_and_what_is_drafted(factory: Factory, admin: FlaskClient) -> None:
    assert 'href="/studio"' in admin.get("/").text
    page = admin.get("/studio").text
    assert "Parts approval" in page and "Maintenance request" in page
    assert admin.post("/studio/new", data=NEW).headers["Location"] == "/studio/tool_loans"
    assert "tool_loans" in admin.get("/studio").text


def test_the_list_without_any_process_says_how_to_begin(factory: Factory, admin: FlaskClient) -> None:
    with unit_of_work(factory.session) as session:
        session.execute(sa.delete(DeploymentFile))
        session.execute(sa.delete(Deployment))
    assert "No processes yet" in admin.get("/studio").text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"key": "parts_approval"}, "is the key of another process"),
        ({"key": "Tool Loans"}, "cannot be the key"),
        ({"key": "studio"}, "used by Millwright itself"),
        ({"name": "  "}, "Give the process a name"),
        ({"template": "nothing"}, "no such template"),
    ],
)
def test_a_new_process_is_refused_with_a_reason(
    factory: Factory, admin: FlaskClient, change: dict[str, str], told: str
) -> None:
    answer = admin.post("/studio/new", data={**NEW, **change})
    assert answer.status_code == 422
    assert told in answer.text
    assert drafts(factory) == []


def test_a_draft_of_a_new_process_is_not_overwritten(factory: Factory, admin: FlaskClient) -> None:
    admin.post("/studio/new", data=NEW)
    answer = admin.post("/studio/new", data={**NEW, "name": "Another"})
    assert answer.status_code == 422
    assert "You have a draft of tool_loans already" in answer.text
    (draft,) = drafts(factory)
    assert draft.revision == 1


def test_its_page_alone_may_make_styles_and_no_page_scripts(admin: FlaskClient) -> None:
    def policy(address: str) -> dict[str, str]:
        header = admin.get(address).headers["Content-Security-Policy"]
        return dict(part.strip().partition(" ")[::2] for part in header.split(";"))

    page, others = policy("/studio/parts_approval"), policy("/studio")
    assert page["style-src"] == "'self' 'unsafe-inline'"
    assert others["style-src"] == "'self'"
    assert page["script-src"] == others["script-src"] == "'self'"
    assert {name: value for name, value in page.items() if name != "style-src"} == {
        name: value for name, value in others.items() if name != "style-src"
    }


def test_there_is_no_page_of_what_nobody_has(admin: FlaskClient) -> None:
    assert admin.get("/studio/not_there").status_code == 404


# -- going on from an earlier version --------------------------------------------------------------


def test_without_a_key_it_is_made_of_the_name(factory: Factory, admin: FlaskClient) -> None:
    answer = admin.post("/studio/new", data={"name": "1. Überprüfung: tools", "template": "one_task"})
    assert answer.headers["Location"] == "/studio/uberprufung_tools"
    (draft,) = drafts(factory)
    assert set(draft.files) == {"uberprufung_tools.bpmn", "request.form", "do_it.form", "scenarios.yaml"}


def test_an_earlier_version_becomes_a_draft(factory: Factory, admin: FlaskClient) -> None:
    answer = admin.post("/studio/parts_approval/versions/1/edit", data={})
    assert answer.headers["Location"] == "/studio/parts_approval"
    (draft,) = drafts(factory)
    assert draft.files["approval_policy.dmn"].startswith("<?xml")
    base = factory.session.get_one(Deployment, draft.base_id)
    assert (base.key, base.version) == ("parts_approval", 1)


def test_a_draft_gives_way_to_a_version_only_when_asked(factory: Factory, admin: FlaskClient) -> None:
    admin.post("/studio/parts_approval/versions/1/edit", data={})
    answer = admin.post("/studio/parts_approval/versions/1/edit", data={}, follow_redirects=True)
    assert "It would be replaced, for good" in answer.text
    assert [draft.revision for draft in drafts(factory)] == [1]
    admin.post("/studio/parts_approval/versions/1/edit", data={"revision": "1"})
    assert [draft.revision for draft in drafts(factory)] == [2]


def test_only_those_who_may_deploy_edit_a_version(factory: Factory, sign_in: SignIn) -> None:
    client = sign_in(factory.technician)
    assert client.get("/studio/parts_approval/versions/1/edit").status_code == 403
    assert client.post("/studio/parts_approval/versions/1/edit").status_code == 403
    assert drafts(factory) == []


def test_a_version_that_never_was_is_not_edited(factory: Factory, admin: FlaskClient) -> None:
    assert admin.get("/studio/parts_approval/versions/9/edit").status_code == 404
    assert admin.post("/studio/parts_approval/versions/9/edit").status_code == 404
