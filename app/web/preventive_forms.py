"""The form of a preventive plan: its rule, its checklist and its parts kit, all of it without scripts."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from flask import request
from sqlalchemy.orm import Session

from app.domain.machines import Machine, MachineStatus
from app.domain.parts import SparePart
from app.domain.people import Role, User
from app.domain.preventive import wording
from app.domain.preventive.checklist import ItemKind
from app.domain.preventive.models import Missed, PreventiveTask
from app.domain.preventive.plans import WORKERS
from app.errors import BusinessError, Conflict
from app.web.labels import role_name
from app.web.record_forms import Choice, Day, Flag, Line, Prose, RecordForm, Several, WholeNumber

METER, OWN_RULE = "METER", "RRULE"
UNITS = [
    ("DAILY", "Days"),
    ("WEEKLY", "Weeks"),
    ("MONTHLY", "Months"),
    ("YEARLY", "Years"),
    (METER, "Hours run (by the meter)"),
    (OWN_RULE, "Another rule (RRULE)"),
]
MONTH_DAYS = [("-1", "Last day of the month"), *((str(day), f"{day}.") for day in range(1, 32))]
KINDS = [(ItemKind.PASS_FAIL, "Pass or fail"), (ItemKind.VALUE, "A value"), (ItemKind.TEXT, "In words")]
MISSED = [
    (Missed.EACH, "Every due date missed"),
    (Missed.NEWEST, "The newest only; older ones count as skipped"),
]
_ACTION = re.compile(r"(add|remove|up|down)-(item|part)(?::(\d{1,3}))?")
_ITEM_FIELDS = ("id", "text", "kind", "unit", "minimum", "maximum")
_PART_FIELDS = ("partId", "quantity")


class PlanForm(RecordForm):
    """What is asked about a plan. The rows of checklist and kit are texts, as they were typed."""

    machine_id = Choice("Machine", numbers=True, prompt="Choose a machine", render_kw={"required": True})
    title = Line("Title", render_kw={"required": True, "maxlength": 255})
    description = Prose("What is to be done", description="Instructions for whoever carries it out.")
    unit = Choice("Repeated every so many", choices=UNITS, render_kw={"required": True})
    every = WholeNumber("Every", description="1 is every one, 2 every other one; hours for the meter.")
    weekdays = Several("On", choices=list(wording.DAYS.items()))
    month_day = Choice("Day of the month", choices=MONTH_DAYS, prompt="The day it starts on")
    rrule = Line("Rule", description="As iCalendar has it, such as FREQ=MONTHLY;BYDAY=1MO.")
    starts_on = Day(
        "Starts on", description="The first day that can be due. Due dates that have passed are opened, too."
    )
    lead_days = WholeNumber("Days ahead", description="So many days before it is due it is in the inbox.")
    estimated_minutes = WholeNumber("Minutes it takes")
    missed = Choice(
        "After an outage, make up for",
        choices=MISSED,
        description="What becomes of due dates that pass while Millwright is not running.",
        render_kw={"required": True},
    )
    role = Choice(
        "Who does it",
        choices=[(str(role), role_name(role)) for role in WORKERS],
        render_kw={"required": True},
    )
    technician_id = Choice(
        "Technician", numbers=True, prompt="Anybody with the role", description="Whose inbox it goes to."
    )

    def __init__(self, session: Session, task: PreventiveTask | None = None, **values: Any) -> None:
        super().__init__(task, **(_values_of(task) if task is not None else _NEW | values))
        self.machine_id.offer(_machines(session, task))
        self.technician_id.offer(_technicians(session, task))
        self.part_choices = _parts(session, task)
        sent = request.method == "POST"
        self.items = _sent_rows("item", _ITEM_FIELDS) if sent else _items_of(task)
        self.kit = _sent_rows("part", _PART_FIELDS) if sent else _kit_of(task)
        self.row_problems: dict[str, str] = {}

    @property
    def changes_rows(self) -> bool:
        """Whether a button was pressed that changes rows and saves nothing; then they are changed."""
        match = _ACTION.fullmatch(request.form.get("_do", ""))
        if match is None:
            return False
        action, kind, place = match[1], match[2], int(match[3] or 0)
        rows = self.items if kind == "item" else self.kit
        if action == "add":
            rows.append(dict.fromkeys(_ITEM_FIELDS if kind == "item" else _PART_FIELDS, ""))
        elif place < len(rows):
            row = rows.pop(place)
            if action != "remove":
                rows.insert(max(0, place - 1) if action == "up" else place + 1, row)
        return True

    def values(self, *leave_out: str) -> dict[str, Any]:
        """The arguments of the functions that save a plan.

        :raises BusinessError: BAD_RULE, BAD_CHECKLIST, BAD_QUANTITY, when something typed is no number
        """
        found = super().values("unit", "every", "weekdays", "month_day", "rrule", *leave_out)
        found["lead_days"] = found["lead_days"] or 0
        found["starts_on"] = found["starts_on"] or None
        if found["starts_on"] is None:
            del found["starts_on"]
        return {**found, **self._rule(), "checklist": self._checklist(), "parts": self._kit()}

    def _rule(self) -> dict[str, Any]:
        every = 1 if self.every.data is None else self.every.data
        if self.unit.data == METER:
            return {"rrule": None, "meter_interval": every}
        if self.unit.data == OWN_RULE:
            return {"rrule": self.rrule.data or "", "meter_interval": None}
        if self.unit.data not in wording.UNITS:
            raise BusinessError("BAD_RULE", "Choose how it is repeated.", field="unit")
        if every < 1:
            raise BusinessError("BAD_RULE", "It is repeated every 1 or more.", field="every")
        day = self.month_day.data
        rule = wording.Simple(
            self.unit.data, every, tuple(self.weekdays.data or ()), None if day is None else int(day)
        )
        return {"rrule": rule.rule, "meter_interval": None}

    def _checklist(self) -> list[dict[str, Any]]:
        items = []
        for index, row in enumerate(self.items):
            item: dict[str, Any] = {"text": row["text"], "kind": row["kind"] or ItemKind.PASS_FAIL}
            if row["id"].isdecimal():
                item["id"] = int(row["id"])
            if item["kind"] == ItemKind.VALUE:
                item["unit"] = row["unit"]
                for name in ("minimum", "maximum"):
                    item[name] = _number(row[name], f"checklist.{index}.{name}")
            items.append(item)
        return items

    def _kit(self) -> list[dict[str, Any]]:
        lines = []
        for index, row in enumerate(self.kit):
            if not row["partId"]:
                continue
            quantity = row["quantity"].strip() or "1"
            if not quantity.isdecimal() or len(quantity) > 7:
                message = "The quantity is a whole number of at least 1."
                raise BusinessError("BAD_QUANTITY", message, field=f"parts.{index}.quantity")
            lines.append({"partId": int(row["partId"]), "quantity": int(quantity)})
        return lines

    def refuse(self, error: BusinessError | Conflict) -> None:
        """A refusal about a row stands at the row, and above the form which row that is."""
        kind, _, place = (getattr(error, "field", None) or "").partition(".")
        number = place.partition(".")[0]
        if kind in ("checklist", "parts") and number.isdecimal():
            self.row_problems[f"{kind}.{number}"] = str(error)
            what = "Checklist, item" if kind == "checklist" else "Parts kit, line"
            self.refusals.append(f"{what} {int(number) + 1}: {error}")
            return
        if kind == "meterInterval":
            self.every.errors = [*self.every.errors, str(error)]
            return
        if kind == "rrule" and self.unit.data != OWN_RULE:
            self.every.errors = [*self.every.errors, str(error)]
            return
        super().refuse(error)


class PlanEditForm(PlanForm):
    """What can be changed of one that is there."""

    active = Flag(
        "In use", description="Taken out of use, its open jobs are called off and nothing is opened."
    )


_NEW: dict[str, Any] = {
    "unit": "WEEKLY", "every": 1, "lead_days": 7, "missed": Missed.EACH, "role": Role.MAINTENANCE_TECH,
}  # fmt: skip


def _values_of(task: PreventiveTask) -> dict[str, Any]:
    """The rule of a plan as the form asks for it. What the object itself has, WTForms takes from there."""
    if task.rrule is None:
        return {"unit": METER, "every": task.meter_interval}
    found = wording.simple(task.rrule)
    if found is None:
        return {"unit": OWN_RULE, "every": 1}
    return {
        "unit": found.unit,
        "every": found.every,
        "weekdays": list(found.weekdays),
        "month_day": None if found.month_day is None else str(found.month_day),
    }


def _items_of(task: PreventiveTask | None) -> list[dict[str, str]]:
    if task is None:
        return [{**dict.fromkeys(_ITEM_FIELDS, ""), "kind": ItemKind.PASS_FAIL}]
    return [{name: _text(item.get(name)) for name in _ITEM_FIELDS} for item in task.checklist]


def _kit_of(task: PreventiveTask | None) -> list[dict[str, str]]:
    if task is None:
        return []
    return [{"partId": str(line.spare_part_id), "quantity": str(line.quantity)} for line in task.parts]


def _sent_rows(kind: str, fields: tuple[str, ...]) -> list[dict[str, str]]:
    columns = {name: request.form.getlist(f"{kind}_{name}")[:200] for name in fields}
    count = max((len(column) for column in columns.values()), default=0)
    return [
        {name: columns[name][index] if index < len(columns[name]) else "" for name in fields}
        for index in range(count)
    ]


def _text(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _number(text: str, field: str) -> float | int | None:
    typed = text.strip().replace(",", ".")
    if not typed:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,15}(\.[0-9]{1,6})?", typed, re.ASCII):
        raise BusinessError("BAD_CHECKLIST", "A limit is a number, such as 2.5.", field=field)
    return float(typed) if "." in typed else int(typed)


def _machines(session: Session, task: PreventiveTask | None) -> list[tuple[Any, str]]:
    query = sa.select(Machine.id, Machine.name, Machine.location).where(
        sa.or_(
            Machine.status != MachineStatus.DECOMMISSIONED, Machine.id == (task.machine_id if task else None)
        )
    )
    rows = session.execute(query.order_by(Machine.name, Machine.id))
    return [(number, f"{name} – {place}" if place else name) for number, name, place in rows]


def _technicians(session: Session, task: PreventiveTask | None) -> list[tuple[Any, str]]:
    usable = sa.and_(User.active, User.role.in_(WORKERS))
    query = sa.select(User.id, User.name).where(
        sa.or_(usable, User.id == (task.technician_id if task else None))
    )
    return [(number, name) for number, name in session.execute(query.order_by(User.name, User.id))]


def _parts(session: Session, task: PreventiveTask | None) -> list[tuple[str, str]]:
    kept = [line.spare_part_id for line in task.parts] if task else []
    query = sa.select(SparePart.id, SparePart.part_name, SparePart.part_number).where(
        sa.or_(SparePart.active, SparePart.id.in_(kept))
    )
    rows = session.execute(query.order_by(SparePart.part_name, SparePart.id))
    return [(str(number), f"{name} ({code})") for number, name, code in rows]
