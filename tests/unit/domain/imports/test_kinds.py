"""Machines, users, failure codes and plans from files: all rows or none, by the rules that hold for one."""

from __future__ import annotations

from datetime import date

import pytest
import sqlalchemy as sa

from app.domain import passwords
from app.domain.activity import ActivityLog
from app.domain.catalogues import FailureCode
from app.domain.imports.kinds import KINDS
from app.domain.imports.problems import ImportRefused
from app.domain.machines import Machine
from app.domain.people import Role, User
from app.domain.preventive.models import PreventiveTask
from app.errors import BusinessError
from tests.factories import make_department, make_failure_code, make_machine, make_part, make_user


def run(session, name, text, by=None, **options):
    return KINDS[name].run(session, text.encode(), by, **options)


def told(session, name, text):
    """What is said about a file that is refused, and that nothing of it was taken."""
    before = session.scalar(sa.select(sa.func.count()).select_from(ActivityLog))
    with pytest.raises(ImportRefused) as refusal:
        run(session, name, text)
    assert session.scalar(sa.select(sa.func.count()).select_from(ActivityLog)) == before
    return [str(problem) for problem in refusal.value.problems]


def entries(session):
    return session.execute(
        sa.select(ActivityLog.action, ActivityLog.before, ActivityLog.after).order_by(ActivityLog.id)
    ).all()


@pytest.mark.databases
def test_machines_are_added_and_changed_and_each_has_its_entry(session):
    stamping = make_department(session, name="Stamping")
    make_machine(session, qr_code="PRESS-1", name="Old name", department=stamping)
    text = (
        "QR code;Machine;Area;Installed;ABC\n"
        "press-1;Press one;stamping;20.05.2019;A\n"
        "PRESS-2;Press two;Stamping;2020-01-31;low\n"
        ";Press three;Stamping;;\n"
    )
    report = run(session, "machines", text)
    assert (report.created, report.updated, report.unchanged) == (2, 1, 0)
    rows = {row.name: row for row in session.scalars(sa.select(Machine))}
    assert (rows["Press one"].qr_code, rows["Press one"].criticality) == ("press-1", "HIGH")
    assert rows["Press one"].installation_date == date(2019, 5, 20)
    assert rows["Press two"].criticality == "LOW"
    assert rows["Press three"].qr_code.startswith("M-")
    assert rows["Press three"].department is stamping
    actions = [action for action, _, _ in entries(session)]
    assert sorted(actions) == ["CREATE_MACHINE", "CREATE_MACHINE", "IMPORT_MACHINES", "UPDATE_MACHINE"]
    changed = next(entry for entry in entries(session) if entry.action == "UPDATE_MACHINE")
    assert changed.before["name"] == "Old name"
    assert run(session, "machines", text.rsplit("\n", 2)[0]).unchanged == 2


def test_every_bad_cell_of_machines_is_named(session):
    make_department(session, name="Stamping")
    make_department(session, name="Closed", active=False)
    text = (
        "qrCode,name,department,installed,class\n"
        "a b,One,Stamping,,\n"
        "B,,Attic,,\n"
        "C,Three,Closed,03/04/2020,\n"
        "D,Four,Stamping,yesterday,huge\n"
        "E,Five,Stamping,1700-01-01,\n"
    )
    assert told(session, "machines", text) == [
        "Line 2, qrCode: A QR code begins with a letter or digit and has only letters, digits and . _ : + - "
        "in it.",
        "Line 3, department: There is no department 'Attic'; use one of Stamping.",
        "Line 4, department: Closed is no longer in use; choose another.",
        "Line 4, installed: 03/04/2020 can mean two days; write it like 2020-04-03.",
        "Line 5, installed: 'yesterday' is no day; write it like 2026-03-31.",
        "Line 5, class: 'HUGE' is not a criticality; choose one of HIGH, MEDIUM, LOW.",
        "Line 6, installed: The installation date lies before 1800; check the year.",
    ]
    assert told(session, "machines", "qrCode,department\nX,Stamping\n") == [
        "Line 2, name: X is new, so fill in name."
    ]


def test_a_file_without_codes_does_not_add_the_same_machines_twice(session):
    make_department(session, name="Stamping")
    text = "name,department\nPress,Stamping\n"
    run(session, "machines", text)
    assert "has a Press already" in told(session, "machines", text)[0]


@pytest.mark.databases
def test_users_are_added_without_a_password_that_anybody_knows(session):
    make_department(session, name="Stamping")
    admin = make_user(session, Role.ADMIN, email="admin@x.example")
    text = (
        "E-mail,Name,Role,Department,processOwner\n"
        "ANN@x.example,Ann,Supervisor,Stamping,yes\n"
        "bo@x.example,Bo,technician,,\n"
    )
    run(session, "users", text, admin.id)
    ann = session.scalars(sa.select(User).where(User.email == "ann@x.example")).one()
    assert (ann.role, ann.process_owner, ann.department.name) == (Role.SUPERVISOR, True, "Stamping")
    assert not passwords.matches(ann.password_hash, "")
    created = next(entry for entry in entries(session) if entry.action == "CREATE_USER")
    assert created.after["password_hash"] == "***"
    assert run(session, "users", text, admin.id).unchanged == 2


def test_the_last_administrator_stays_one_and_the_inactive_are_left_alone(session):
    make_user(session, Role.ADMIN, email="admin@x.example")
    make_user(session, email="gone@x.example", active=False)
    text = "email,role\nadmin@x.example,technician\ngone@x.example,technician\nno address,king\n"
    assert told(session, "users", text) == [
        "Line 2, role: The factory needs at least one administrator; leave one of them the role ADMIN.",
        "Line 3, email: gone@x.example is deactivated; activate the user first, or leave the line out.",
        "Line 4, email: 'no address' is not an e-mail address.",
        f"Line 4, role: 'KING' is not a role; choose one of {', '.join(Role)}.",
    ]


@pytest.mark.databases
def test_failure_codes_are_added_and_changed(session):
    make_failure_code(session, code="HYD", name="Hydraulics")
    report = run(session, "failure-codes", "code,name\nhyd,Hydraulic\nELE,Electric\n")
    assert (report.created, report.updated) == (1, 1)
    assert set(session.scalars(sa.select(FailureCode.name))) == {"Hydraulic", "Electric"}
    assert told(session, "failure-codes", "code,name\n,Nothing\nA,One\na,Two\n") == [
        "Line 2, code: Fill in code: by what the failure is known.",
        "Line 4, code: a is in line 3 already; a failure code has one line, so remove one.",
    ]


@pytest.mark.databases
def test_plans_come_with_rules_checklists_and_kits(session, clock):
    machine = make_machine(session, qr_code="PRESS-1", name="Press")
    make_part(session, part_number="OIL-46")
    text = (
        "machine,title,repeat,everyHours,checklist,parts,startsOn\n"
        "Press,Oil,every 3 months,,Leaks | Pressure [bar 4..6] | Remarks [text],OIL-46 x 2,2026-01-31\n"
        "PRESS-1,Filter,,500,,,\n"
    )
    run(session, "preventive-plans", text)
    oil, filters = session.scalars(sa.select(PreventiveTask).order_by(PreventiveTask.id))
    assert (oil.machine, oil.rrule, filters.meter_interval) == (machine, "FREQ=MONTHLY;INTERVAL=3", 500)
    assert oil.checklist[1] == {
        "id": 2, "text": "Pressure", "kind": "value", "unit": "bar", "minimum": 4, "maximum": 6,
    }  # fmt: skip
    assert [(row.part.part_number, row.quantity) for row in oil.parts] == [("OIL-46", 2)]
    assert oil.next_due_on is not None
    assert run(session, "preventive-plans", text).unchanged == 2
    run(session, "preventive-plans", text.replace("every 3 months", "FREQ=WEEKLY;BYDAY=MO"))
    assert session.get_one(PreventiveTask, oil.id).rrule == "FREQ=WEEKLY;BYDAY=MO"
    assert told(
        session,
        "preventive-plans",
        "machine,title,repeat,everyHours,parts\nX,A,weekly,,\nPress,B,,,\nPress,C,weekly,5,\n"
        "Press,D,sometimes,,\nPress,E,weekly,,WATER\n",
    ) == [
        "Line 2, machine: There is no machine 'X'; use one of PRESS-1.",
        "Line 3, repeat: Say how often: by the calendar (repeat) or by the meter (everyHours).",
        "Line 4, everyHours: Give a plan a calendar rule or hours of the meter, not both.",
        "Line 5, repeat: 'SOMETIMES' is no part of a rule; write NAME=VALUE, separated by semicolons.",
        "Line 6, parts: There is no part number 'WATER'; use one of OIL-46.",
    ]


def test_what_was_previewed_is_imported_or_nothing(session):
    make_department(session, name="Stamping")
    machine = make_machine(session, qr_code="A", name="Press")
    data = b"qrCode,name\nA,Better press\n"
    expected = KINDS["machines"].preview(session, data).report.fingerprint
    assert KINDS["machines"].preview(session, data).report.fingerprint == expected
    machine.name = "Somebody's press"
    session.flush()
    with pytest.raises(BusinessError) as refused:
        run(session, "machines", data.decode(), expected=expected)
    assert refused.value.code == "DATA_CHANGED"
    assert machine.name == "Somebody's press"
    again = KINDS["machines"].preview(session, data).report.fingerprint
    run(session, "machines", data.decode(), expected=again)
    assert machine.name == "Better press"


def test_headers_that_nobody_knows_can_be_given_a_meaning(session):
    make_department(session, name="Stamping")
    text = "Anlage,Halle,Farbe\nPress,Stamping,red\n"
    assert len(told(session, "machines", text)) >= 3
    report = run(session, "machines", text, choices={0: "name", 1: "department", 2: "-"})
    assert report.created == 1


@pytest.mark.parametrize("name", list(KINDS))
def test_examples_of_templates_can_be_read(session, name):
    """What a template shows is what the reader takes."""
    kind = KINDS[name]
    header = ";".join(column.name for column in kind.columns)
    example = ";".join(f'"{column.example}"' for column in kind.columns)
    make_department(session, name="Stamping")
    make_machine(session, qr_code="PRESS-3" if name == "preventive-plans" else "OTHER")
    from tests.factories import make_location

    make_location(session, name="Main store")
    report = kind.preview(session, f"{header}\n{example}\n".encode()).report
    assert (report.problems, report.created) == ([], 1)
