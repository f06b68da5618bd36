"""What ships newer than the site's process: offered, compared, taken, never forced on anybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from app.database import unit_of_work
from app.domain.activity import ActivityLog
from app.engine import deployments
from app.engine.models import Deployment, ProcessDraft
from app.processes import shipped
from tests import factories
from tests.web.conftest import Factory, SignIn

KEY = "parts_approval"
PAGE = f"/studio/{KEY}/shipped"
NEWS = "A newer version"

Ships = Callable[[str], Mapping[str, bytes]]


@pytest.fixture
def owner(factory: Factory, sign_in: SignIn) -> FlaskClient:
    """Somebody who owns the processes, and no administrator."""
    with unit_of_work(factory.session) as session:
        person = factories.make_user(session, None, name="Olga Brandt", process_owner=True)
    return sign_in(person)


@pytest.fixture
def ships(monkeypatch: pytest.MonkeyPatch) -> Ships:
    """Updates the program: from now on the process ships with another name."""
    read = shipped.read_folder

    def update(name: str) -> Mapping[str, bytes]:
        def changed(folder: Path) -> dict[str, bytes]:
            files = read(folder)
            return renamed(files, name) if folder.name == KEY else files

        monkeypatch.setattr(shipped, "read_folder", changed)
        return changed(shipped.WORKFLOWS / KEY)

    return update


def renamed(files: Mapping[str, bytes], name: str) -> dict[str, bytes]:
    diagram = files[f"{KEY}.bpmn"].decode()
    start = diagram.index('name="', diagram.index("<bpmn:process ")) + len('name="')
    return {**files, f"{KEY}.bpmn": f"{diagram[:start]}{name} {diagram[start:]}".encode()}


def change(factory: Factory) -> None:
    """The site's people change the process."""
    files = renamed(shipped.read_folder(shipped.WORKFLOWS / KEY), "Our")
    with unit_of_work(factory.session) as session:
        deployments.deploy(factory.engine, session, files, by=factory.actor(factory.admin), note="Ours")


def newest(factory: Factory) -> Deployment:
    factory.session.rollback()
    found = deployments.latest(factory.session, KEY)
    assert found is not None
    factory.session.refresh(found)
    return found


def test_nothing_is_offered_of_what_the_site_has_or_went_on_from(
    factory: Factory, owner: FlaskClient
) -> None:
    assert NEWS not in owner.get("/studio").text
    change(factory)
    for address in ("/studio", f"/studio/{KEY}"):
        assert NEWS not in owner.get(address).text
    assert owner.get(PAGE).status_code == 404
    assert owner.post(f"{PAGE}/deploy").status_code == 404


def test_what_nobody_has_changed_is_compared_and_deployed(
    factory: Factory, owner: FlaskClient, sign_in: SignIn, ships: Ships
) -> None:
    files = ships("Better")
    for address in ("/studio", f"/studio/{KEY}"):
        assert NEWS in owner.get(address).text
    admin = sign_in(factory.admin)
    assert NEWS in admin.get(f"/studio/{KEY}/versions").text
    assert "nobody here has changed it" in owner.get(PAGE).text
    compared = admin.get(f"/studio/{KEY}/compare?from=1&to=shipped")
    assert compared.status_code == 200 and "Better" in compared.text
    assert newest(factory).version == 1  # looking changes nothing
    answer = owner.post(f"{PAGE}/deploy")
    assert answer.location.startswith("/studio?deployed=parts_approval")
    made = newest(factory)
    assert (made.version, made.note, made.deployed_by_name, made.shipped) == (
        2, shipped.NOTE, "Olga Brandt", True,
    )  # fmt: skip
    assert deployments.files_of(factory.session, made.id) == files
    assert NEWS not in owner.get("/studio").text
    ships("Best")
    assert "nobody here has changed it" in owner.get(PAGE).text


def test_what_people_have_changed_is_never_replaced(
    factory: Factory, owner: FlaskClient, ships: Ships
) -> None:
    change(factory)
    files = ships("Better")
    page = owner.get(PAGE).text
    assert "has changes of your own" in page and f"{PAGE}/deploy" not in page
    refused = owner.post(f"{PAGE}/deploy")
    assert refused.status_code == 409 and "changes of your own" in refused.text
    assert newest(factory).version == 2
    assert owner.post(f"{PAGE}/draft").status_code == 302
    again = owner.post(f"{PAGE}/draft")  # nobody's draft is overwritten unasked
    assert again.status_code == 409 and "It would be replaced" in again.text
    assert owner.post(f"{PAGE}/draft", data={"revision": 1}).status_code == 302
    factory.session.rollback()
    row = factory.session.scalars(sa.select(ProcessDraft)).one()
    assert row.files == {name: content.decode() for name, content in files.items()}
    assert row.base_id == newest(factory).id
    assert newest(factory).version == 2


def test_what_is_declined_is_offered_no_more_until_something_newer_ships(
    factory: Factory, owner: FlaskClient, ships: Ships
) -> None:
    change(factory)
    ships("Better")
    assert owner.post(f"{PAGE}/decline").status_code == 302
    assert NEWS not in owner.get("/studio").text
    logged = factory.session.scalars(
        sa.select(ActivityLog).where(ActivityLog.action == "DECLINE_SHIPPED_PROCESS")
    )
    assert [entry.after for entry in logged] == [{"key": KEY, "version": 2}]
    ships("Best")
    assert NEWS in owner.get("/studio").text
