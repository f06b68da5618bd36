"""Spare parts from files: what they do, what they say first, and that a bad line stops all others."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

import app.domain.models
from app.database import Base, configure
from app.domain.activity import ActivityLog
from app.domain.imports import part_rows, problems, spare_parts
from app.domain.imports.problems import ImportRefused
from app.domain.parts import PartStock, SparePart
from app.domain.stock import InventoryTransaction
from tests.factories import make_location, make_part, make_user

HEADER = (
    "partNumber;partName;description;groupNumber;groupName;quantity;minQuantity;unitPrice;location;"
    "Stock location\n"
)


@pytest.fixture
def store(session):
    return make_location(session, name="Main store")


def part(session, number):
    return session.scalars(sa.select(SparePart).where(SparePart.part_number == number)).one()


def refused(session, text):
    """What is said about a file that is refused, and that nothing has changed."""
    before = everything(session)
    with pytest.raises(ImportRefused) as refusal:
        spare_parts.run(session, text.encode(), None)
    told = [str(problem) for problem in refusal.value.problems]
    report = spare_parts.preview(session, text.encode())
    assert [str(problem) for problem in report.problems] == told
    assert (report.problems_total, report.is_valid) == (refusal.value.total, False)
    assert everything(session) == before
    return told


def everything(session):
    tables = (SparePart, PartStock, InventoryTransaction, ActivityLog)
    return [session.execute(sa.select(model.__table__).order_by(model.id)).all() for model in tables]


@pytest.mark.databases
def test_new_parts_come_with_opening_stock_and_everything_is_recorded(session, store, clock):
    keeper = make_user(session)
    van = make_location(session, name="Van")
    text = HEADER + (
        "BR-6205;Ball bearing;deep groove;10;Bearings;12;20;9,80;Rack 4;\n"
        "BR-6310;Roller bearing;;10;Bearings;;;;;\n"
        "CO-OIL;=Oil;\tthick;;;7;0;1.234,50;;van\n"
    ).replace("9,80;Rack 4;\n", "9,80;Rack 4;Main store\n")
    report = spare_parts.run(session, text.encode(), keeper.id)
    session.commit()
    assert (report.rows, report.created, report.updated, report.unchanged) == (3, 3, 0, 0)
    bearing, roller, oil = (part(session, number) for number in ("BR-6205", "BR-6310", "CO-OIL"))
    assert (bearing.part_name, bearing.quantity, bearing.min_quantity) == ("Ball bearing", 12, 20)
    assert (bearing.unit_price, bearing.location, bearing.default_location) == (
        Decimal("9.80"),
        "Rack 4",
        store,
    )
    assert (roller.quantity, roller.unit_price, roller.stock, roller.active) == (0, Decimal(0), [], True)
    assert (oil.part_name, oil.description, oil.unit_price) == ("=Oil", "\tthick", Decimal("1234.50"))
    assert [(place.location, place.quantity, place.reserved) for place in oil.stock] == [(van, 7, 0)]
    movements = session.scalars(sa.select(InventoryTransaction).order_by(InventoryTransaction.id)).all()
    assert [(m.part, m.transaction_type, m.quantity, m.balance, m.notes, m.unit_cost) for m in movements] == [
        (bearing, "IN", 12, 12, "Opening stock", Decimal("9.80")),
        (oil, "IN", 7, 7, "Opening stock", Decimal("1234.50")),
    ]
    assert {(m.reference_type, m.performed_by, m.transaction_date) for m in movements} == {
        ("ADJUSTMENT", keeper.id, clock())
    }
    log = session.scalars(sa.select(ActivityLog).order_by(ActivityLog.id)).all()
    assert [(entry.action, entry.entity_id) for entry in log] == [
        ("CREATE_PART", bearing.id), ("STOCK_IN", bearing.id), ("CREATE_PART", roller.id),
        ("CREATE_PART", oil.id), ("STOCK_IN", oil.id), ("IMPORT_PARTS", None),
    ]  # fmt: skip
    assert (log[0].after["unit_price"], log[0].before, log[0].user_id) == ("9.80", None, keeper.id)
    assert log[1].after == {"quantity": 12, "transactionId": movements[0].id}
    assert log[-1].after == {"created": 3, "updated": 0, "unchanged": 0}


@pytest.mark.databases
def test_known_parts_are_brought_up_to_date_but_keep_their_quantity(session, store):
    known = make_part(session, 5, part_number="BR-6205", part_name="Bearing", location=store)
    same = make_part(session, 3, part_number="CO-OIL", location=store)
    text = (
        "part number,name,unit price,minimum,bin,stock,store\n"
        "br-6205,Ball bearing,11,4,Rack 4,5,Main store\n"
        "CO-OIL,,12.50,,,,\n"
    )
    report = spare_parts.run(session, text.encode(), None)
    session.commit()
    assert (report.rows, report.created, report.updated, report.unchanged) == (2, 0, 1, 1)
    assert (known.part_name, known.unit_price, known.min_quantity, known.location, known.quantity) == (
        "Ball bearing", Decimal(11), 4, "Rack 4", 5,
    )  # fmt: skip
    assert known.part_number == "BR-6205" and same.unit_price == Decimal("12.50")
    entry = session.scalars(sa.select(ActivityLog).where(ActivityLog.action == "UPDATE_PART")).one()
    assert (entry.before["unit_price"], entry.after["unit_price"]) == ("12.50", "11.00")


def test_a_change_of_price_alone_moves_the_time_of_the_last_change(session, clock):
    known = make_part(session, part_number="BR-6205")
    session.commit()
    clock.advance(days=1)
    spare_parts.run(session, b"sku,price\nBR-6205,1\n", None)
    session.commit()
    assert known.updated_at == clock() > known.created_at


def test_a_preview_says_what_would_happen_and_does_nothing(session, store):
    make_part(session, part_number="BR-6205", part_name="Bearing", location=store)
    before = everything(session)
    text = "partNumber,partName,quantity\nBR-6205,Ball bearing,\nNEW,New part,4\n"
    report = spare_parts.preview(session, text.encode())
    assert everything(session) == before
    assert (report.rows, report.created, report.updated, report.is_valid) == (2, 1, 1, True)
    first, second = report.first_rows
    assert (first.line, first.action, first.name) == (2, "UPDATE", "Ball bearing")
    assert (first.before, first.after) == ({"partName": "Bearing"}, {"partName": "Ball bearing"})
    assert (second.line, second.action, second.before) == (3, "CREATE", {})
    assert second.after == {"partName": "New part", "quantity": 4}


def test_every_bad_cell_is_named_with_its_line_its_column_and_what_to_do(session, store):
    make_part(session, 5, part_number="KNOWN", location=store)
    make_part(session, part_number="OLD", active=False)
    make_location(session, name="Closed", active=False)
    text = (
        "No;Part number;Name;Price;Qty;Min;Store\n"[3:]
        + "A;Bolt;1,234;x;1,5;Attic\n"
        + ";Bolt;;;;\n"
        + "B;;;;;\n"
        + "b;Bolt;;;;\n"
        + "C;Bolt;-1;;;\n"
        + "D;Bolt;1,001;;;\n"
        + "KNOWN;;;6;;\n"
        + "OLD;;;;;\n"
        + "E;Bolt;;1;;Closed\n"
        + f"F;{'n' * 256};;-3;;\n"
    )
    told = refused(session, text)
    assert [line.partition(" use one of")[0] for line in told[:4]] == [
        "Line 2, Price: 1,234 can mean 1234 or 1.234; write it without a thousands separator.",
        "Line 2, Qty: 'x' is not a number; use digits only, like 12 or 12.50.",
        "Line 2, Min: 1,5 is not a whole number; write it without decimals.",
        "Line 2, Store: There is no stock location 'Attic';",
    ]
    assert told[4:] == [
        "Line 3, Part number: Give a part number.",
        "Line 4, Name: B is new, so give it a name.",
        "Line 5, Part number: b is in line 4 already; a part has one line, so remove one.",
        "Line 6, Price: The unit price cannot be below zero.",
        "Line 7, Price: 1,001 can mean 1001 or 1.001; write it without a thousands separator.",
        "Line 8, Qty: There are 5 in stock, which only a movement changes; record an adjustment instead.",
        "Line 9, Part number: OLD is deactivated; activate it first, or leave the line out.",
        "Line 10, Store: The stock location Closed is no longer in use; choose another.",
        "Line 11, Name: The part name has 256 characters; use at most 255.",
        "Line 11, Qty: Give a whole number, 0 or more.",
    ]


def test_one_bad_line_at_the_end_of_a_long_file_imports_nothing(session, store):
    text = (
        "partNumber,partName,quantity\n"
        + "".join(f"P-{n},Part {n},1\n" for n in range(1500))
        + "LAST,Last,one\n"
    )
    assert refused(session, text) == [
        "Line 1502, quantity: 'one' is not a number; use digits only, like 12 or 12.50."
    ]


def test_opening_stock_needs_a_place(session):
    text = "partNumber,partName,quantity\nA,Bolt,1\nB,Nut,0\n"
    assert refused(session, text) == [
        "Line 2, defaultLocation: Say at which stock location the opening stock lies."
    ]
    store = make_location(session)
    spare_parts.run(session, text.encode(), None)
    assert [place.location for place in part(session, "A").stock] == [store]
    assert part(session, "B").default_location is store


def test_a_file_without_part_numbers_is_refused(session):
    assert refused(session, "partName,price\nBolt,1\n") == [
        "Line 1: There is no column partNumber, which says what part a line is about; add it."
    ]


def test_of_very_many_problems_the_first_are_told_and_all_are_counted(session, monkeypatch):
    monkeypatch.setattr(problems, "KEPT", 3)
    text = "partNumber,partName,price\n" + "".join(f"P-{n},Part,x\n" for n in range(10))
    told = refused(session, text)
    assert len(told) == 3
    with pytest.raises(ImportRefused, match=r"Line 2, price.*9 more problems") as refusal:
        spare_parts.run(session, text.encode(), None)
    assert refusal.value.total == 10


@pytest.mark.databases
def test_a_part_that_somebody_else_has_just_added_stops_the_import(session, database, store, monkeypatch):
    make_part(session, part_number="NEW")
    session.commit()
    monkeypatch.setattr(spare_parts, "_known", lambda *arguments, **options: {})
    with pytest.raises(ImportRefused, match="the number of another part") as refusal:
        spare_parts.run(session, b"partNumber,partName\nOTHER,Bolt\nNEW,Nut\n", None)
    if database.dialect.name != "sqlite":  # where nobody can add a part meanwhile
        assert "Line 3, partNumber: NEW is" in refusal.value.message
    session.rollback()
    assert session.scalars(sa.select(SparePart.part_number)).all() == ["NEW"]


def test_a_thousand_rows_take_a_handful_of_statements(session, database, store):
    statements = []
    sa.event.listen(database, "before_cursor_execute", lambda *event: statements.append(event[2]))
    text = "partNumber,partName,quantity,price\n" + "".join(f"P-{n},Part {n},1,{n}\n" for n in range(1000))
    spare_parts.run(session, text.encode(), None)
    assert len(statements) < 30
    statements.clear()
    spare_parts.run(session, text.replace("Part", "Bolt").encode(), None)
    assert len(statements) < 30


# -- whatever comes ----------------------------------------------------------------------------------------

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
NUMBERS = st.one_of(st.integers(-3, 5000).map(str), st.decimals(0, 99, places=2).map(str), CELLS)
KEYS = st.one_of(st.sampled_from(["A", "a", "B-1", "KNOWN", "É"]), CELLS)
WILD = st.tuples(KEYS, CELLS, CELLS, NUMBERS, NUMBERS, NUMBERS)
NAMES = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=12)
WHOLE = st.integers(0, 999).map(str)
TEXTS = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"], include_characters="\t\r\n")
)
RIGHT = st.tuples(NAMES, NAMES, TEXTS, WHOLE, WHOLE, WHOLE)
READABLE = st.lists(RIGHT, min_size=1, max_size=6, unique_by=lambda row: part_rows.key(row[0]))
SEPARATORS = st.sampled_from([",", ";", "\t"])


@pytest.fixture(scope="module")
def memory():
    """A database with a store and one part, for many examples."""
    engine = sa.create_engine("sqlite://")
    configure(engine)
    tables = [getattr(app.domain.models, name).__table__ for name in app.domain.models.__all__]
    Base.metadata.create_all(engine, tables=tables)
    with Session(engine) as session:
        make_part(session, 5, part_number="KNOWN", location=make_location(session, name="Main store"))
        session.commit()
        yield session
    engine.dispose()


MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@given(rows=st.lists(WILD, min_size=1, max_size=6), separator=SEPARATORS)
def test_a_file_of_whatever_is_taken_as_it_is_or_refused_with_lines_and_changes_nothing(
    memory, rows, separator
):
    was_taken(memory, rows, separator)


@MANY
@given(rows=READABLE, separator=SEPARATORS)
def test_a_file_that_is_right_is_taken_as_it_is(memory, rows, separator):
    assert was_taken(memory, rows, separator)


def was_taken(session, rows, separator):
    """Whether a file was imported; either way, that what is stored is what it says."""
    before = everything(session)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["partNumber", "partName", "description", "quantity", "minQuantity", "unitPrice"])
    writer.writerows(rows)
    data = out.getvalue().encode()
    report = spare_parts.preview(session, data)
    if not report.is_valid:
        with pytest.raises(ImportRefused) as refusal:
            spare_parts.run(session, data, None)
        last = len(re.split("\r\n|\r|\n", out.getvalue()))
        assert all(1 <= problem.line <= last and problem.message for problem in refusal.value.problems)
        assert everything(session) == before
        return False
    assert spare_parts.run(session, data, None) == report
    stored = {row.part_number: row for row in session.scalars(sa.select(SparePart))}
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    assert report.rows == len(filled) == report.created + report.updated + report.unchanged
    for number, name, description, quantity, minimum, price in filled:
        found = stored[number.strip(" \u00a0")]
        for cell, text in ((name, found.part_name), (description, found.description)):
            assert not cell.strip() or text == cell.strip(" \u00a0")
        for cell, value in (
            (quantity, found.quantity),
            (minimum, found.min_quantity),
            (price, found.unit_price),
        ):
            assert not cell.strip() or Decimal(cell.strip().replace(",", ".")) == value
    moved = sa.select(InventoryTransaction.spare_part_id, sa.func.sum(InventoryTransaction.change))
    sums = dict(session.execute(moved.group_by(InventoryTransaction.spare_part_id)).all())
    assert {row.id: row.quantity for row in stored.values() if row.quantity} == sums
    session.rollback()
    return True


@MANY
@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_no_file_whatever_it_holds_is_more_than_refused(memory, data):
    report = spare_parts.preview(memory, b"partNumber,partName,price\n" + data)
    other = spare_parts.preview(memory, data)
    assert report.is_valid or all(problem.line >= 1 and problem.message for problem in report.problems)
    assert not other.is_valid or other.rows
