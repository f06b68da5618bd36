"""Preventive plans from a file: new ones are added with their due dates, known ones changed by the rules.

A plan is recognised by its machine and its title. Cells say rules, checklists and kits in one line each.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from app.domain.entities import EntityType
from app.domain.imports import numbers
from app.domain.imports.catalogue import CHUNK, Catalogue, Context, Field, Named, ReadRow, named, read_day
from app.domain.imports.columns import CellKind, Column, Needed
from app.domain.imports.part_rows import key as folded
from app.domain.imports.plan import Change, ImportAction, Plan
from app.domain.imports.sheets import Sheet
from app.domain.locks import lock_rows
from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.people import User
from app.domain.preventive import plans, recurrence
from app.domain.preventive.due import site_date
from app.domain.preventive.models import PreventiveTask, PreventiveTaskPart
from app.errors import BusinessError

_EVERY = re.compile(r"every (?:(\d{1,4}) )?(day|week|month|year)s?", re.IGNORECASE)
_FREQUENCIES = {"day": "DAILY", "week": "WEEKLY", "month": "MONTHLY", "year": "YEARLY"}
_NAMES = {"daily": "day", "weekly": "week", "monthly": "month", "yearly": "year", "annually": "year"}
_ITEM = re.compile(r"(?P<text>.*?)\s*(?:\[(?P<kind>[^\]]*)\])?", re.DOTALL)
_RANGE = re.compile(r"(?P<unit>.*?)\s*(?:(?P<least>-?[0-9.,]+)?\s*\.\.\s*(?P<most>-?[0-9.,]+)?)?")
_KIT = re.compile(r"(?P<part>.+?)(?:\s+[x×*]\s*(?P<quantity>[0-9]{1,9}))?")
_SEPARATOR = re.compile(r"[|\n\r]+")
# What the fields of the rules are called in the file.
_COLUMNS = {
    "machineId": "machine", "rrule": "repeat", "meterInterval": "everyHours", "technicianId": "technician",
}  # fmt: skip


def read_rule(cell: str, context: Context) -> str:
    """A calendar rule: “every 3 months”, “weekly”, or an iCalendar RRULE.

    :raises BusinessError: BAD_RULE
    """
    text = " ".join(cell.split())
    text = f"every {_NAMES[text.casefold()]}" if text.casefold() in _NAMES else text
    if match := _EVERY.fullmatch(text):
        interval = f";INTERVAL={int(match[1])}" if match[1] else ""
        text = f"FREQ={_FREQUENCIES[match[2].casefold()]}{interval}"
    return recurrence.checked(text, context.today)


def read_checklist(cell: str, context: Context) -> list[dict[str, Any]]:
    """A checklist: items between ``|``. ``Pressure [bar 4..6]`` asks for a value, ``Remarks [text]`` words.

    :raises ValueError: a limit is no number
    """
    items = []
    for piece in _SEPARATOR.split(cell):
        match = _ITEM.fullmatch(piece.strip())
        if match is None or not match["text"]:
            continue
        item: dict[str, Any] = {"text": match["text"], "kind": "pass_fail"}
        if match["kind"] is not None:
            item.update(_asked(match["kind"].strip()))
        items.append(item)
    return items


def _asked(text: str) -> dict[str, Any]:
    if text.casefold() in ("text", "pass", "pass_fail"):
        return {"kind": "text" if text.casefold() == "text" else "pass_fail"}
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError(f"[{text[:40]}] is not understood; write [text], or a unit and limits: [bar 4..6].")
    limits = {
        name: _plain_number(numbers.read(match[group]))
        for name, group in (("minimum", "least"), ("maximum", "most"))
        if match[group]
    }
    unit = {"unit": match["unit"]} if match["unit"] else {}
    return {"kind": "value", **unit, **limits}


def _plain_number(value: Any) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def tell_checklist(items: Iterable[Mapping[str, Any]]) -> str:
    """A checklist as :func:`read_checklist` takes it."""
    told = []
    for item in items:
        asked = ""
        if item["kind"] == "text":
            asked = " [text]"
        elif item["kind"] == "value":
            limits = f"{item.get('minimum', '')}..{item.get('maximum', '')}"
            asked = f" [{' '.join(filter(None, (item.get('unit', ''), limits if limits != '..' else '')))}]"
        told.append(f"{item['text']}{asked}")
    return " | ".join(told)


def read_kit(cell: str, context: Context) -> list[dict[str, Any]]:
    """Parts that carrying it out takes: part numbers between ``|``, each perhaps with ``x 2`` after it.

    :raises ValueError: there is no such part
    """
    lines: list[dict[str, Any]] = []
    for piece in _SEPARATOR.split(cell):
        if not piece.strip():
            continue
        match = _KIT.fullmatch(piece.strip())
        if match is None:
            raise ValueError(
                f"{piece.strip()[:60]!r} is not understood; write a part number, x and how many."
            )
        part, quantity = context.find("parts", match["part"], "part number"), int(match["quantity"] or 1)
        if not part.active:
            raise ValueError(f"{part.name} is no longer in use; leave it out.")
        if not quantity or any(line["partId"] == part.id for line in lines):
            raise ValueError(f"List {part.name} once, with a quantity of at least 1.")
        lines.append({"partId": part.id, "quantity": quantity, "number": part.name})
    return lines


def _whole(cell: str, context: Context) -> int:
    return numbers.read_whole(cell)


class PreventivePlans(Catalogue):
    """What is done to machines again and again."""

    name = "preventive-plans"
    title = "Preventive plans"
    one = "plan"
    about = (
        "What is done to machines again and again. A plan is recognised by its machine and its title; a "
        "known one is changed, and its due dates with it."
    )
    entity_type = EntityType.PREVENTIVE_TASK
    columns = (
        Column("machine", "The machine's QR code, or its name if no other has it.", "PRESS-3", ("qr code",),
               Needed.ALWAYS),
        Column("title", "What is done.", "Change hydraulic filter", ("task", "plan", "name"), Needed.ALWAYS),
        Column("description", "How it is done, in some sentences.", "Stop the pump, let off the pressure."),
        Column("repeat", "By the calendar: every 3 months, weekly, or an iCalendar rule like "
               "FREQ=MONTHLY;INTERVAL=3.", "every 3 months", ("rrule", "interval", "frequency")),
        Column("everyHours", "By the meter, instead of the calendar: after how many hours.", "",
               ("meter interval", "hours"), kind=CellKind.NUMBER),
        Column("startsOn", "The first day on which it may be due; today if left empty.", "",
               ("start", "first due"), kind=CellKind.DATE),
        Column("leadDays", "How many days before its due date the job is opened.", "7", ("lead",),
               kind=CellKind.NUMBER),
        Column("estimatedMinutes", "How long it takes, in minutes.", "45", ("minutes", "duration"),
               kind=CellKind.NUMBER),
        Column("role", "Who does it: MAINTENANCE_TECH or MAINTENANCE_MANAGER.", "MAINTENANCE_TECH"),
        Column("technician", "The e-mail address of somebody who is asked first.", "", ("assigned to",)),
        Column("checklist", "Items between |. [bar 4..6] after one asks for a value, [text] for words.",
               "No leaks | Pressure [bar 4..6] | Remarks [text]", ("items", "checks")),
        Column("parts", "Part numbers between |, with x and how many.", "", ("kit", "parts kit")),
    )  # fmt: skip
    key_column = "machine"
    other_key_columns = ("title",)
    key_attributes = ("machine_id", "title")
    fields = (
        Field("machine", "machine_id", lambda cell, context: context.find("machines", cell, "machine")),
        Field("title", "title", lambda cell, context: cell.strip()),
        Field("description", "description", lambda cell, context: cell.strip()),
        Field("repeat", "rrule", read_rule),
        Field("everyHours", "meter_interval", _whole),
        Field(
            "startsOn", "starts_on", read_day, lambda value: None if value is None else value.isoformat()
        ),
        Field("leadDays", "lead_days", _whole),
        Field("estimatedMinutes", "estimated_minutes", _whole),
        Field("role", "role", lambda cell, context: cell.strip().upper().replace(" ", "_")),
        Field("technician", "technician_id", lambda cell, context: context.find("users", cell, "user")),
        Field("checklist", "checklist", read_checklist, tell_checklist),
        Field(
            "parts", "parts", read_kit,
            lambda lines: " | ".join(f"{line['number']} x {line['quantity']}" for line in lines),
        ),
    )  # fmt: skip
    model = PreventiveTask
    create_action = "CREATE_PREVENTIVE_TASK"
    update_action = "UPDATE_PREVENTIVE_TASK"
    defaults: ClassVar[Mapping[str, Any]] = {}

    def context(self, session: Session) -> Context:
        return Context(
            site_date(session),
            {
                "machines": _machines(session),
                "users": named(session, User, User.email),
                "parts": named(session, SparePart, SparePart.part_number),
            },
        )

    def key_of(self, values: Mapping[str, Any]) -> Hashable | None:
        return values["machine_id"], folded(values["title"])

    def label_of(self, values: Mapping[str, Any]) -> tuple[str, str]:
        return values["title"], values["title"]

    def plan(self, session: Session, sheet: Sheet, plan: Plan, *, lock: bool) -> None:
        context = self.context(session)
        rows = self._rows(sheet, context, plan)
        wanted = {key for _, key in rows}
        ids = {key: row_id for row_id, key in self.known(session) if key in wanted}
        tasks = self._tasks(session, sorted(ids.values()), [row for row, _ in rows], lock=lock)
        for row, key in rows:
            task = tasks.get(ids.get(key, 0))
            if task is None:
                self._plan_one(session, plan, row, sheet, context)
            else:
                self._plan_other(session, plan, row, task, sheet)

    def _tasks(
        self, session: Session, ids: list[int], rows: list[ReadRow], *, lock: bool
    ) -> dict[int, PreventiveTask]:
        """The plans there are; machines, parts and people are read once, so that checks find them."""
        machine_ids = sorted({row.values["machine_id"] for row in rows})
        kept: list[Any] = []  # the session holds rows weakly
        session.info["import_rows"] = kept
        for start in range(0, len(machine_ids), CHUNK):
            some = machine_ids[start : start + CHUNK]
            if lock:
                kept += lock_rows(session, Machine, some).values()
            else:
                kept += session.scalars(sa.select(Machine).where(Machine.id.in_(some)))
        people = {row.values["technician_id"] for row in rows if "technician_id" in row.values}
        kept += session.scalars(sa.select(User).where(User.id.in_(people))) if people else []
        part_ids = sorted({line["partId"] for row in rows for line in row.values.get("parts", ())})
        for start in range(0, len(part_ids), CHUNK):
            some = part_ids[start : start + CHUNK]
            kept += session.scalars(sa.select(SparePart).where(SparePart.id.in_(some)))
        found: dict[int, PreventiveTask] = {}
        options = selectinload(PreventiveTask.parts).joinedload(PreventiveTaskPart.part)
        for start in range(0, len(ids), CHUNK):
            some = ids[start : start + CHUNK]
            if lock:
                lock_rows(session, PreventiveTask, some)
            query = sa.select(PreventiveTask).where(PreventiveTask.id.in_(some)).options(options)
            found.update((task.id, task) for task in session.scalars(query))
        kept += found.values()
        return found

    def _plan_one(self, session: Session, plan: Plan, row: ReadRow, sheet: Sheet, context: Context) -> None:
        given = {"starts_on": context.today, "role": "MAINTENANCE_TECH", "missed": "EACH", **row.values}
        given = {"rrule": None, "meter_interval": None, **given}
        if not self._can_be(session, plan, row, sheet, given):
            return
        plan.created.append(Change(row.line, None, {}, given))
        told = {name: value for name, value in row.told.items() if value != ""}
        plan.show(row.line, ImportAction.CREATE, row.told["title"], row.told["machine"], {}, told)

    def _plan_other(
        self, session: Session, plan: Plan, row: ReadRow, task: PreventiveTask, sheet: Sheet
    ) -> None:
        header = sheet.headers.get("title", "title")
        if not task.active:
            message = f"{task.title} is not in use; activate it first, or leave the line out."
            plan.problems.add(row.line, header, message, task.title)
            return
        held, changes = _held(task), {}
        told_before, told_after = {}, {}
        for one in self.fields:
            if one.attribute in row.values and row.values[one.attribute] != held[one.attribute]:
                changes[one.attribute] = row.values[one.attribute]
                told_before[one.column] = self._tell(session, one, held[one.attribute])
                told_after[one.column] = row.told[one.column]
        # A rule of the one kind takes the place of one of the other.
        if changes.get("rrule") and "meter_interval" not in row.values:
            changes["meter_interval"] = None
        elif changes.get("meter_interval") and "rrule" not in row.values:
            changes["rrule"] = None
        if changes and not self._can_be(session, plan, row, sheet, {**held, **changes}):
            return
        before = {name: held[name] for name in changes}
        if changes:
            plan.updated.append(Change(row.line, task.id, before, changes))
        else:
            plan.unchanged += 1
        action = ImportAction.UPDATE if changes else ImportAction.KEEP
        plan.show(row.line, action, task.title, row.told["machine"], told_before, told_after)

    def _can_be(
        self, session: Session, plan: Plan, row: ReadRow, sheet: Sheet, given: Mapping[str, Any]
    ) -> bool:
        """Whether the rules of plans allow these values; a refusal is noted at its cell."""
        if given.get("rrule") is not None and given.get("meter_interval") is not None:
            message = "Give a plan a calendar rule or hours of the meter, not both."
            plan.problems.add(row.line, sheet.headers.get("everyHours", "everyHours"), message)
            return False
        if given.get("rrule") is None and given.get("meter_interval") is None:
            message = "Say how often: by the calendar (repeat) or by the meter (everyHours)."
            plan.problems.add(row.line, sheet.headers.get("repeat", "repeat"), message)
            return False
        try:
            plans.prepared(session, **_without_parts(given))
        except BusinessError as error:
            name = (error.field or "title").split(".")[0]
            column = _COLUMNS.get(name, name)
            header = sheet.headers.get(column, column)
            plan.problems.add(row.line, header, error.message, str(row.told.get(column, "")))
            return False
        return True

    def _tell(self, session: Session, one: Field, value: Any) -> Any:
        if one.attribute == "technician_id" and value is not None:
            user = session.get(User, value)
            return user.email if user is not None else None
        return one.tell(value)

    def write(self, session: Session, plan: Plan, by: int | None) -> None:
        made = []
        for change in plan.created:
            task = plans.prepared(session, **_without_parts(change.after))
            # Read from the catalogue a moment ago: asking for each plan again would take seconds.
            task.parts = [
                PreventiveTaskPart(spare_part_id=line["partId"], quantity=line["quantity"])
                for line in change.after.get("parts", ())
            ]
            made.append(task)
        plans.create_tasks(session, by, made)
        plans.update_tasks(
            session,
            by,
            [(plans.get_task(session, int(change.row_id or 0)), change.after) for change in plan.updated],
        )

    @property
    def key_words(self) -> str:
        return "machine and title"


def _machines(session: Session) -> dict[str, Named]:
    """Machines by QR code, and by name where only one has it."""
    rows = session.execute(sa.select(Machine.id, Machine.name, Machine.qr_code)).all()
    found: dict[str, Named] = {}
    names: dict[str, list[Named]] = {}
    for row in rows:
        machine = Named(row.id, row.qr_code)
        found[folded(row.qr_code)] = machine
        names.setdefault(folded(row.name), []).append(machine)
    return {**{name: same[0] for name, same in names.items() if len(same) == 1}, **found}


def _held(task: PreventiveTask) -> dict[str, Any]:
    """A plan as a file would say it."""
    return {
        "machine_id": task.machine_id,
        "title": task.title,
        "description": task.description,
        "rrule": task.rrule,
        "meter_interval": task.meter_interval,
        "starts_on": task.starts_on,
        "lead_days": task.lead_days,
        "estimated_minutes": task.estimated_minutes,
        "role": task.role,
        "technician_id": task.technician_id,
        "checklist": [{key: value for key, value in item.items() if key != "id"} for item in task.checklist],
        "parts": [
            {"partId": row.spare_part_id, "quantity": row.quantity, "number": row.part.part_number}
            for row in task.parts
        ],
    }


def _without_parts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the rules of plans check them; parts were checked as they were read."""
    return {name: value for name, value in given.items() if name != "parts"}
