"""The pages of users: administrators keep them, the maintenance manager reads."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app import clock
from app.clock import ManualClock
from app.database import unit_of_work
from app.domain import people
from app.domain.people import Role, Substitution, User
from app.domain.sessions import UserSession
from tests import factories
from tests.web.conftest import Factory, SignIn


@pytest.fixture
def admin(factory: Factory, sign_in: SignIn) -> Any:
    return sign_in(factory.admin)


def named(factory: Factory, name: str) -> User | None:
    factory.session.rollback()
    query = sa.select(User).where(User.name == name).execution_options(populate_existing=True)
    return factory.session.scalars(query).one_or_none()


def typed(**values: str) -> dict[str, str]:
    return {"name": "Zofia Nowak", "email": "zofia@factory.example", "language": "en", **values}


def test_a_user_is_added_and_sets_a_password_by_the_link_that_is_shown_once(
    factory: Factory, admin: Any, application: Any
) -> None:
    answer = admin.post(
        "/users/new", data=typed(role="SUPERVISOR", department_id=str(factory.department.id), password="")
    )
    assert answer.headers["Cache-Control"] == "no-store"
    link = re.search(r"http://localhost:8000(/reset/[\w-]+)", answer.text)
    assert link is not None
    made = named(factory, "Zofia Nowak")
    assert made is not None
    assert (made.role, made.department_id, made.active) == (Role.SUPERVISOR, factory.department.id, True)
    assert link[1] not in admin.get(f"/users/{made.id}").text

    new = {"password": "a password of her own", "again": "a password of her own"}
    browser = application.test_client()
    assert browser.post(link[1], data=new).location == "/sign-in"
    signed_in = browser.post("/sign-in", data={"email": made.email, "password": new["password"]})
    assert signed_in.status_code == 302


def test_a_user_is_added_with_a_password(factory: Factory, admin: Any, application: Any) -> None:
    short = admin.post("/users/new", data=typed(password="short"))
    assert short.status_code == 422
    assert 'href="#password"' in short.text
    assert named(factory, "Zofia Nowak") is None
    answer = admin.post("/users/new", data=typed(password="long enough for her"))
    made = named(factory, "Zofia Nowak")
    assert made is not None
    assert answer.location == f"/users/{made.id}"
    signed_in = application.test_client().post(
        "/sign-in", data={"email": "zofia@factory.example", "password": "long enough for her"}
    )
    assert signed_in.status_code == 302


def test_a_user_is_changed_and_refusals_stand_at_their_fields(factory: Factory, admin: Any) -> None:
    page = admin.get(f"/users/{factory.technician.id}/edit").text
    assert 'value="Tomasz Wolski"' in page
    values = typed(
        name="Tomasz Wolski", email="tomasz@factory.example", role="MAINTENANCE_TECH", active="1",
        process_owner="1", language="en-US",
    )  # fmt: skip
    assert admin.post(f"/users/{factory.technician.id}/edit", data=values).status_code == 302
    changed = named(factory, "Tomasz Wolski")
    assert changed is not None
    assert (changed.process_owner, changed.language, changed.email) == (
        True, "en-US", "tomasz@factory.example",
    )  # fmt: skip
    taken = admin.post(
        f"/users/{factory.technician.id}/edit", data={**values, "email": factory.manager.email.upper()}
    )
    assert taken.status_code == 422
    assert "Another user has the address" in taken.text
    nobody = admin.post(f"/users/{factory.technician.id}/edit", data={**values, "role": "KING"})
    assert nobody.status_code == 422


def test_the_last_administrator_stays(factory: Factory, admin: Any) -> None:
    refused = admin.post(f"/users/{factory.admin.id}/deactivate")
    assert refused.status_code == 409
    assert "at least one administrator" in refused.text
    assert admin.get("/users").status_code == 200


def test_who_is_deactivated_is_signed_out(factory: Factory, admin: Any, sign_in: SignIn) -> None:
    tomasz = sign_in(factory.technician)
    assert "Deactivate Tomasz Wolski?" in admin.get(f"/users/{factory.technician.id}/deactivate").text
    assert tomasz.get("/profile").status_code == 200
    assert admin.post(f"/users/{factory.technician.id}/deactivate").status_code == 302
    assert tomasz.get("/profile").status_code == 302
    page = admin.get(f"/users/{factory.technician.id}").text
    assert "is not active" in page
    assert "Deactivate</a>" not in page


def test_only_who_has_done_nothing_is_deleted(factory: Factory, admin: Any) -> None:
    factory.report()
    refused = admin.post(f"/users/{factory.supervisor.id}/delete")
    assert refused.status_code == 409
    assert "Deactivate the user instead" in refused.text
    assert admin.post(f"/users/{factory.other_technician.id}/delete").location == "/users"
    assert named(factory, "Lena Fuchs") is None


def test_who_waits_for_a_role_stands_on_top(factory: Factory, admin: Any) -> None:
    with unit_of_work(factory.session) as session:
        factories.make_user(session, None, name="Nia New")
        factories.make_user(session, None, name="Gone Already", active=False)
    page = admin.get("/users?q=wolski").text
    assert "Waiting for a role" in page
    assert "Nia New" in page
    assert "Gone Already" not in page
    listed = admin.get("/users?role=none").text
    assert "Gone Already" in listed
    assert "Tomasz Wolski" not in listed


def test_the_list_filters_sorts_and_says_who_is_away(factory: Factory, admin: Any) -> None:
    today = clock.now().date()
    with unit_of_work(factory.session) as session:
        people.set_substitute(
            session, session.merge(factory.technician), factory.other_technician.id, today, today, None
        )
    page = admin.get("/users?role=MAINTENANCE_TECH&sort=-name").text
    assert page.index("Tomasz Wolski") < page.index("Lena Fuchs</a>")
    assert "Lena Fuchs stands in" in page
    assert "Ann Keller" not in page
    assert "Ann Keller" in admin.get(f"/users?department={factory.department.id}").text
    by_department = admin.get("/users?sort=-department").text
    assert by_department.index("Ann Keller") < by_department.index("Tomasz Wolski")
    text = admin.get("/users/export.csv?role=MAINTENANCE_TECH").text
    assert "Tomasz Wolski" in text
    assert "Ann Keller" not in text


def test_the_number_of_statements_does_not_grow_with_the_list(
    factory: Factory, admin: Any, statements: Any
) -> None:
    admin.get("/users")
    with statements() as few:
        admin.get("/users")
    with unit_of_work(factory.session) as session:
        for _ in range(20):
            factories.make_user(session, department_id=factory.department.id)
    with statements() as many:
        admin.get("/users")
    assert len(many) == len(few)


def test_a_link_can_be_handed_over_and_older_ones_end(factory: Factory, admin: Any, application: Any) -> None:
    def link() -> str:
        page = admin.post(f"/users/{factory.technician.id}/link").text
        found = re.search(r"http://localhost:8000(/reset/[\w-]+)", page)
        assert found is not None
        return found[1]

    first, second = link(), link()
    assert application.test_client().get(first).status_code == 410
    assert application.test_client().get(second).status_code == 200
    with unit_of_work(factory.session) as session:
        people.update_user(session, session.merge(factory.technician), None, active=False)
    refused = admin.post(f"/users/{factory.technician.id}/link", follow_redirects=True)
    assert "activate the user first" in refused.text


def test_somebody_who_failed_too_often_is_unlocked(
    factory: Factory, admin: Any, application: Any, clock: ManualClock
) -> None:
    browser = application.test_client()
    for _ in range(5):
        browser.post("/sign-in", data={"email": factory.technician.email, "password": "wrong"})
    right = {"email": factory.technician.email, "password": factories.PASSWORD}
    assert browser.post("/sign-in", data=right).status_code == 429
    assert "Locked until" in admin.get(f"/users/{factory.technician.id}").text
    admin.post(f"/users/{factory.technician.id}/unlock")
    assert "Locked until" not in admin.get(f"/users/{factory.technician.id}").text
    assert browser.post("/sign-in", data=right).status_code == 302


def test_sessions_of_others_are_ended(factory: Factory, admin: Any, sign_in: SignIn) -> None:
    phone, desk = sign_in(factory.technician), sign_in(factory.technician)
    factory.session.rollback()
    rows = factory.session.scalars(
        sa.select(UserSession.id).where(UserSession.user_id == factory.technician.id).order_by(UserSession.id)
    ).all()
    page = f"/users/{factory.technician.id}"
    assert admin.post(f"{page}/sessions/{rows[0]}/end").status_code == 302
    assert phone.get("/profile").status_code == 302
    assert desk.get("/profile").status_code == 200
    assert admin.post(f"/users/{factory.manager.id}/sessions/{rows[1]}/end").status_code == 404
    admin.post(f"{page}/sessions/end")
    assert desk.get("/profile").status_code == 302
    admin.post(f"/users/{factory.admin.id}/sessions/end")
    assert admin.get("/users").status_code == 200


def test_absences_of_others_are_entered_and_removed(factory: Factory, admin: Any) -> None:
    page, today = f"/users/{factory.technician.id}", clock.now().date()
    typed = {"from": today.isoformat(), "until": (today + timedelta(days=3)).isoformat()}
    assert "Choose somebody." in admin.post(f"{page}/absences", data=typed).text
    typed["substituteId"] = str(factory.other_technician.id)
    assert admin.post(f"{page}/absences", data=typed).status_code == 302
    again = admin.post(f"{page}/absences", data=typed)
    assert again.status_code == 422
    assert "already entered" in again.text
    factory.session.rollback()
    row = factory.session.scalars(sa.select(Substitution)).one()
    assert (row.user_id, row.substitute_id) == (factory.technician.id, factory.other_technician.id)
    assert admin.post(f"/users/{factory.manager.id}/absences/{row.id}/remove").status_code == 404
    assert admin.post(f"{page}/absences/{row.id}/remove").status_code == 302
    factory.session.rollback()
    assert factory.session.scalars(sa.select(Substitution)).first() is None


def test_the_page_tells_what_waits_and_what_was_done(factory: Factory, admin: Any, sign_in: SignIn) -> None:
    sign_in(factory.supervisor)
    factory.report()
    page = admin.get(f"/users/{factory.supervisor.id}").text
    assert "What they did last" in page
    assert "added request" in page.lower()
    assert "never" in admin.get(f"/users/{factory.storekeeper.id}").text
    assert admin.get("/users/4711").status_code == 404


def test_the_maintenance_manager_reads_and_changes_nothing(factory: Factory, sign_in: SignIn) -> None:
    maria = sign_in(factory.manager)
    assert "Add a user" not in maria.get("/users").text
    page = maria.get(f"/users/{factory.technician.id}").text
    assert "Tomasz Wolski" in page
    for offer in (
        "Change</a>",
        "Make a link",
        "Enter absence",
        "Sign out<span",
        "Sign out everywhere",
        "What they did last",
    ):
        assert offer not in page
