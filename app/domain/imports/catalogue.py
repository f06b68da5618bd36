"""Kinds whose rows are compared with the table column by column: machines, users, failure codes, plans."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.domain import activity
from app.domain.imports.columns import Needed
from app.domain.imports.kind import Kind
from app.domain.imports.part_rows import key as folded
from app.domain.imports.plan import Change, ImportAction, Plan
from app.domain.imports.sheets import Row, Sheet
from app.errors import BusinessError

CHUNK = 500  # rows in one statement
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY = re.compile(r"([0-9]{1,2})([./])([0-9]{1,2})\2([0-9]{4})")


@dataclass(frozen=True, slots=True)
class Named:
    """A row of another table that a cell names."""

    id: int
    name: str
    active: bool = True


@dataclass(frozen=True)
class Context:
    """What reading needs of the database: rows of other tables by what cells call them, and the site's day.

    ``taken`` is what new rows may not be beside their key, with what has it.
    """

    today: date
    named: Mapping[str, Mapping[str, Named]] = field(default_factory=dict)
    taken: Mapping[Hashable, str] = field(default_factory=dict)

    def find(self, table: str, cell: str, what: str) -> Named:
        """The row of a table that a cell names.

        :raises ValueError: there is none; the message offers some
        """
        rows = self.named[table]
        found = rows.get(folded(cell))
        if found is None:
            offered = sorted({row.name for row in rows.values() if row.active})[:10]
            remedy = f"use one of {', '.join(offered)}" if offered else "add it first"
            raise ValueError(f"There is no {what} {cell.strip()[:60]!r}; {remedy}.")
        return found


@dataclass(frozen=True)
class Field:
    """How the cells of a column become the value of an attribute, and how a value is told to people."""

    column: str
    attribute: str
    read: Callable[[str, Context], Any]
    tell: Callable[[Any], Any] = lambda value: value


@dataclass(slots=True)
class ReadRow:
    """What one line says: values by attribute, without those that it leaves open."""

    line: int
    values: dict[str, Any]
    told: dict[str, Any]


class Catalogue(Kind):
    """A kind with one table. ``fields`` say how its columns are read; the subclass says the rest."""

    fields: ClassVar[tuple[Field, ...]]
    model: ClassVar[Any]
    create_action: ClassVar[str]
    update_action: ClassVar[str]
    defaults: ClassVar[Mapping[str, Any]]

    @abstractmethod
    def context(self, session: Session) -> Context:
        """What reading needs of the database."""

    @abstractmethod
    def key_of(self, values: Mapping[str, Any]) -> Hashable | None:
        """By what a row is recognised; None for one that is new whatever it says."""

    @abstractmethod
    def label_of(self, values: Mapping[str, Any]) -> tuple[str, str]:
        """What a preview shows as the key and the name of a row."""

    def known(self, session: Session) -> Iterable[tuple[int, Hashable]]:
        """The ids of all rows and what each is recognised by."""
        names = list(self.key_attributes)
        columns = [getattr(self.model, name) for name in names]
        for row in session.execute(sa.select(self.model.id, *columns)):
            yield row[0], self.key_of(dict(zip(names, row[1:], strict=True)))

    key_attributes: ClassVar[tuple[str, ...]]

    def check_new(self, session: Session, row: ReadRow, context: Context) -> Iterable[tuple[str, str]]:
        """What is wrong with a new row beyond its cells: columns and messages."""
        return ()

    def check_known(self, session: Session, held: Any, row: ReadRow) -> Iterable[tuple[str, str]]:
        """What is wrong with a row that changes something."""
        return ()

    def check_all(self, session: Session, plan: Plan) -> None:
        """What is wrong with the file as a whole."""

    def plan(self, session: Session, sheet: Sheet, plan: Plan, *, lock: bool) -> None:
        context = self.context(session)
        rows = self._rows(sheet, context, plan)
        ids: dict[Hashable, int] = {}
        wanted = {key for _, key in rows if key is not None}
        for row_id, key in self.known(session) if wanted else ():
            if key in wanted:
                ids[key] = row_id
        held = self._held(session, sorted(ids.values()), lock=lock)
        columns = {field.attribute: field.column for field in self.fields}
        for row, key in rows:
            found = None if key is None else ids.get(key)
            if found is None or found not in held:
                self._plan_new(session, plan, row, sheet, context)
            else:
                self._plan_known(session, plan, row, held[found], sheet, columns)
        self.check_all(session, plan)

    def _rows(self, sheet: Sheet, context: Context, plan: Plan) -> list[tuple[ReadRow, Hashable | None]]:
        """The rows that make sense by themselves."""
        lines: dict[Hashable, int] = {}
        rows = []
        for row in sheet.rows:
            read = self._read(row, sheet, context, plan)
            if read is None:
                continue
            key = self.key_of(read.values)
            first = row.line if key is None else lines.setdefault(key, row.line)
            if first != row.line:
                shown = self.label_of(read.values)[0]
                message = f"{shown} is in line {first} already; a {self.one} has one line, so remove one."
                plan.problems.add(
                    row.line, sheet.headers.get(self.key_column, self.key_column), message, shown
                )
                continue
            rows.append((read, key))
        return rows

    def _read(self, row: Row, sheet: Sheet, context: Context, plan: Plan) -> ReadRow | None:
        before = plan.problems.total
        for column in self.columns:
            if column.needed is Needed.ALWAYS and column.name not in row.cells:
                header = sheet.headers.get(column.name, column.name)
                about = f"{column.about[:1].lower()}{column.about[1:]}"
                plan.problems.add(row.line, header, f"Fill in {header}: {about}")
        read = ReadRow(row.line, {}, {})
        for one in self.fields:
            cell = row.cells.get(one.column)
            if cell is None:
                continue
            try:
                value = one.read(cell, context)
            except (ValueError, BusinessError) as error:
                plan.problems.add(row.line, sheet.headers[one.column], str(error), cell)
                continue
            if isinstance(value, Named):
                if not value.active:
                    message = f"{value.name} is no longer in use; choose another."
                    plan.problems.add(row.line, sheet.headers[one.column], message, cell)
                read.values[one.attribute], read.told[one.column] = value.id, value.name
            else:
                read.values[one.attribute], read.told[one.column] = value, one.tell(value)
        return read if plan.problems.total == before else None

    def _held(self, session: Session, ids: list[int], *, lock: bool) -> dict[int, Any]:
        """What the table has of the rows concerned, locked by ascending id where asked."""
        columns = [getattr(self.model, one.attribute) for one in self.fields]
        held: dict[int, Any] = {}
        for start in range(0, len(ids), CHUNK):
            query = sa.select(self.model.id, *columns, *self.also_held())
            query = query.where(self.model.id.in_(ids[start : start + CHUNK])).order_by(self.model.id)
            for row in session.execute(query.with_for_update() if lock else query):
                held[row.id] = row
        return held

    def also_held(self) -> tuple[Any, ...]:
        """Columns that checks need beside those that files have."""
        return ()

    def _plan_new(self, session: Session, plan: Plan, row: ReadRow, sheet: Sheet, context: Context) -> None:
        before = plan.problems.total
        key, name = self.label_of(row.values)
        for column in self.columns:
            if column.needed is Needed.FOR_NEW and column.name not in row.told:
                header = sheet.headers.get(column.name, column.name)
                plan.problems.add(
                    row.line, header, f"{key or 'The ' + self.one} is new, so fill in {header}."
                )
        if plan.problems.total == before:
            for column_name, message in self.check_new(session, row, context):
                header = sheet.headers.get(column_name, column_name)
                plan.problems.add(row.line, header, message, str(row.told.get(column_name, "")))
        if plan.problems.total > before:
            return
        plan.created.append(Change(row.line, None, {}, dict(row.values)))
        plan.show(row.line, ImportAction.CREATE, key, name, {}, row.told)

    def _plan_known(
        self, session: Session, plan: Plan, row: ReadRow, held: Any, sheet: Sheet, columns: Mapping[str, str]
    ) -> None:
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        told_before: dict[str, Any] = {}
        told_after: dict[str, Any] = {}
        for one in self.fields:
            if one.attribute not in row.values:
                continue
            old, new = getattr(held, one.attribute), row.values[one.attribute]
            if self.same(one.attribute, old, new):
                continue
            before[one.attribute], after[one.attribute] = old, new
            told_before[one.column] = self.tell_held(session, one, old)
            told_after[one.column] = row.told[one.column]
        problems = plan.problems.total
        changes = ReadRow(row.line, after, told_after)
        for column_name, message in self.check_known(session, held, changes):
            header = sheet.headers.get(column_name, column_name)
            plan.problems.add(row.line, header, message, str(row.told.get(column_name, "")))
        if plan.problems.total > problems:
            return
        key, name = self.label_of({**held._mapping, **row.values})
        if after:
            plan.updated.append(Change(row.line, held.id, before, after))
        else:
            plan.unchanged += 1
        action = ImportAction.UPDATE if after else ImportAction.KEEP
        plan.show(row.line, action, key, name, told_before, told_after)

    def same(self, attribute: str, old: Any, new: Any) -> bool:
        """Whether a value is what the table has already."""
        return bool(old == new)

    def tell_held(self, session: Session, one: Field, value: Any) -> Any:
        """A value of the table as people read it."""
        return one.tell(value)

    def write(self, session: Session, plan: Plan, by: int | None) -> None:
        now = clock.now()
        for chunk in _chunks(plan.created):
            rows = [{**self.defaults, **change.after} for change in chunk]
            session.execute(sa.insert(self.model), rows)
            ids = self._ids(session, rows)
            entries = [
                activity.Entry(self.create_action, ids[self.key_of(row)], after=self.logged(row), at=now)
                for row in rows
            ]
            activity.record_all(session, self.entity_type, entries, by)
        for chunk in _chunks(plan.updated):
            session.execute(
                sa.update(self.model), [{"id": one.row_id, **one.after, "updated_at": now} for one in chunk]
            )
            entries = [
                activity.Entry(self.update_action, one.row_id, before=one.before, after=one.after, at=now)
                for one in chunk
            ]
            activity.record_all(session, self.entity_type, entries, by)

    def logged(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the activity log keeps of a new row."""
        return row

    def _ids(self, session: Session, rows: list[dict[str, Any]]) -> dict[Hashable, int]:
        """The ids of rows that were just added."""
        column = getattr(self.model, self.key_attributes[0])
        wanted = [row[self.key_attributes[0]] for row in rows]
        found = session.execute(sa.select(self.model.id, column).where(column.in_(wanted)))
        return {self.key_of({self.key_attributes[0]: value}): row_id for row_id, value in found}

    def key_of_change(self, after: Mapping[str, object]) -> str:
        return str(after.get(self.key_attributes[0], ""))


def find_department(cell: str, context: Context) -> Named:
    """The department that a cell names.

    :raises ValueError: there is none
    """
    return context.find("departments", cell, "department")


def named(session: Session, model: Any, *columns: Any) -> dict[str, Named]:
    """Rows of a table by what they are called, in the columns given: later ones give way to earlier ones."""
    active = getattr(model, "active", sa.true())
    rows = session.execute(sa.select(model.id, *columns, active.label("in_use"))).all()
    found: dict[str, Named] = {}
    for place in range(len(columns)):
        for row in rows:
            found.setdefault(folded(str(row[1 + place])), Named(row[0], str(row[1]), bool(row.in_use)))
    return found


def read_day(cell: str, context: Context) -> date:
    """A day, as ISO 8601 has it, or with points or slashes where it can mean one day only.

    :raises ValueError: it is none
    """
    text = cell.strip()
    try:
        return (
            date.fromisoformat(text[:10])
            if re.fullmatch(r"\d{4}-\d\d-\d\d( 00:00:00)?", text)
            else _day(text)
        )
    except ValueError as error:
        told = str(error)
        raise ValueError(
            told if told.endswith(".") else f"{text[:40]!r} is no day; write it like 2026-03-31."
        ) from None


class _TwoDays(ValueError):
    """A day that can be read in two ways."""


def _day(text: str) -> date:
    match = _DAY.fullmatch(text)
    if match is None:
        raise ValueError
    first, sign, second, year = int(match[1]), match[2], int(match[3]), int(match[4])
    if sign == "." or first > 12 or first == second:
        return date(year, second, first)
    if second > 12:
        return date(year, first, second)
    raise _TwoDays(f"{text} can mean two days; write it like {year}-{second:02}-{first:02}.")


def _chunks(changes: list[Change]) -> list[list[Change]]:
    return [changes[start : start + CHUNK] for start in range(0, len(changes), CHUNK)]
