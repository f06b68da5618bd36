"""Preventive tasks: planned, changed, taken out of use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from app.domain import activity, values
from app.domain.deletion import refuse_if_used
from app.domain.entities import EntityType
from app.domain.locks import lock
from app.domain.machines import Machine, MachineStatus
from app.domain.parts import SparePart
from app.domain.people import Role, User
from app.domain.preventive import checklist, due, jobs, meters, recurrence
from app.domain.preventive.models import Missed, PreventiveTask, PreventiveTaskPart
from app.errors import BusinessError, NotFound

# Who may be given preventive work.
WORKERS = (Role.MAINTENANCE_TECH, Role.MAINTENANCE_MANAGER)

EARLIEST, LATEST = date(1990, 1, 1), date(2199, 12, 31)
MAX_LEAD_DAYS = 365
MAX_METER_INTERVAL = 1_000_000  # hours

_CHANGEABLE = {
    "machine_id", "title", "description", "rrule", "meter_interval", "starts_on", "lead_days",
    "estimated_minutes", "checklist", "parts", "role", "technician_id", "last_meter_reading", "active",
    "missed",
}  # fmt: skip
_TIMING = {"machine_id", "rrule", "meter_interval", "starts_on", "last_meter_reading"}


def get_task(session: Session, task_id: int) -> PreventiveTask:
    """The task with this id.

    :raises NotFound: there is none
    """
    task = session.get(PreventiveTask, task_id)
    if task is None:
        raise NotFound("There is no such preventive task.")
    return task


def lock_task(session: Session, task: PreventiveTask) -> PreventiveTask:
    """Lock a task and, before it, its machine: a reading of the meter locks the machine and then its tasks.

    :raises NotFound: it is gone
    """
    lock(session, task.machine)
    return lock(session, task)


def create_task(
    session: Session,
    by: int | None,
    *,
    machine_id: int,
    title: str,
    description: str = "",
    rrule: str | None = None,
    meter_interval: int | None = None,
    starts_on: date | None = None,
    lead_days: int = 0,
    estimated_minutes: int | None = None,
    checklist: Iterable[Mapping[str, Any]] = (),
    parts: Iterable[Mapping[str, Any]] = (),
    role: str = Role.MAINTENANCE_TECH,
    technician_id: int | None = None,
    last_meter_reading: Any = None,
    missed: str = Missed.EACH,
) -> PreventiveTask:
    """Plan something that recurs, by the calendar (``rrule``) or by the meter (``meter_interval``, hours).

    ``starts_on`` is today unless given. ``checklist`` is as :func:`checklist.checked_items` takes it;
    ``parts`` are mappings with ``partId`` and ``quantity``. ``last_meter_reading`` is the reading at which
    it was done last; the machine's latest, unless given. A technician, if one is named, is asked before
    the role. ``missed`` says what becomes of due dates that pass while nothing can be opened.

    :raises BusinessError: UNKNOWN_MACHINE, MACHINE_DECOMMISSIONED, TITLE_MISSING, TITLE_TOO_LONG,
        DESCRIPTION_TOO_LONG, BAD_START, BAD_RULE, BAD_INTERVAL, BAD_LEAD, BAD_MISSED, BAD_MINUTES,
        BAD_CHECKLIST, UNKNOWN_PART, BAD_QUANTITY, BAD_ROLE, UNKNOWN_USER, BAD_READING
    """
    task = PreventiveTask(active=True, checklist=[])
    _assign(
        session,
        task,
        {
            "machine_id": machine_id,
            "title": title,
            "description": description,
            "rrule": rrule,
            "meter_interval": meter_interval,
            "starts_on": starts_on or due.site_date(session),
            "lead_days": lead_days,
            "estimated_minutes": estimated_minutes,
            "checklist": checklist,
            "parts": parts,
            "role": role,
            "technician_id": technician_id,
            "last_meter_reading": last_meter_reading,
            "missed": missed,
        },
    )
    due.start(task, due.Standing(), meters.latest_hours(session, machine_id), not_before=task.starts_on)
    session.add(task)
    session.flush()
    activity.record(
        session, "CREATE_PREVENTIVE_TASK", EntityType.PREVENTIVE_TASK, task.id, by, after=_picture(task)
    )
    return task


def prepared(session: Session, **given: Any) -> PreventiveTask:
    """A task with checked values that is not saved; the names are those of :func:`create_task`.

    :raises BusinessError: as :func:`create_task`
    """
    task = PreventiveTask(active=True, checklist=[])
    _assign(session, task, given)
    return task


def create_tasks(session: Session, by: int | None, tasks: Sequence[PreventiveTask]) -> None:
    """Save many new tasks that :func:`prepared` has made, as :func:`create_task` does one."""
    readings = meters.latest_hours_of(session, {task.machine_id for task in tasks})
    for task in tasks:
        due.start(task, due.Standing(), readings.get(task.machine_id), not_before=task.starts_on)
    session.add_all(tasks)
    session.flush()
    entries = (activity.Entry("CREATE_PREVENTIVE_TASK", task.id, after=_picture(task)) for task in tasks)
    activity.record_all(session, EntityType.PREVENTIVE_TASK, entries, by)


def update_task(session: Session, task: PreventiveTask, by: int | None, **changes: Any) -> PreventiveTask:
    """Change a task; the names are those of :func:`create_task`, and ``active``.

    Another rule, start or machine makes a new due date, never one that was dealt with already, and calls
    off jobs that were opened ahead of their due date by the old one. A task that is taken out of use calls
    all its open jobs off; when it is used again it is due from today on: what was missed meanwhile is not
    made up for.

    :raises BusinessError: as :func:`create_task`; UNKNOWN_MACHINE for another machine once there are logs
    :raises NotFound: it is gone
    """
    task = lock_task(session, task)
    update_tasks(session, by, [(task, changes)])
    return task


def update_tasks(
    session: Session, by: int | None, changed: Sequence[tuple[PreventiveTask, Mapping[str, Any]]]
) -> None:
    """Change many tasks, which are locked with their machines, as :func:`update_task` does one.

    The number of statements does not grow with theirs, but for jobs that are called off.
    """
    tasks = [task for task, _ in changed]
    standings = due.standings(session, [task.id for task in tasks])
    readings = meters.latest_hours_of(session, {task.machine_id for task in tasks})
    pictures, today = [_picture(task) for task in tasks], due.site_date(session)
    with session.no_autoflush:
        for task, changes in changed:
            standing = standings.get(task.id, due.Standing())
            _update(session, task, by, changes, standing, readings.get(task.machine_id), today)
    session.flush()
    entries = []
    for task, before in zip(tasks, pictures, strict=True):
        after = _picture(task)
        differing = [name for name in after if after[name] != before[name]]
        if differing:
            was, became = ({name: picture[name] for name in differing} for picture in (before, after))
            entries.append(activity.Entry("UPDATE_PREVENTIVE_TASK", task.id, before=was, after=became))
    activity.record_all(session, EntityType.PREVENTIVE_TASK, entries, by)


def _update(
    session: Session,
    task: PreventiveTask,
    by: int | None,
    changes: Mapping[str, Any],
    standing: due.Standing,
    reading: Decimal | None,
    today: date,
) -> None:
    """Put changes on a task, and make its due dates follow."""
    if unknown := set(changes) - _CHANGEABLE:
        raise TypeError(f"not a task's to change: {', '.join(sorted(unknown))}")
    was_active, timing = task.active, _timing(task)
    if changes.get("machine_id", task.machine_id) != task.machine_id:
        if standing.logged is not None:
            message = "What was done at one machine does not count for another; plan a new task."
            raise BusinessError("UNKNOWN_MACHINE", message, field="machineId")
        reading = meters.latest_hours(session, changes["machine_id"])
    _assign(session, task, changes)
    retimed = _timing(task) != timing
    if standing.open and was_active and (retimed or not task.active):
        # What is open by the old rule is called off; all of it when the task is no longer in use.
        if not task.active:
            jobs.call_off_all(session, [task], by, f"{task.title} is no longer in use.")
        if retimed:
            reason = f"{task.title} has another rule or machine."
            jobs.call_off_all(session, [task], by, reason, after=today)
        session.flush()
        standing = due.standing_of(session, task)
    if retimed or (task.active and not was_active):
        task.open_after, task.opening_error = None, ""
        again = task.starts_on if was_active else today
        due.start(task, standing, reading, not_before=max(again, task.starts_on))
    else:
        due.settle_with(task, standing.open)


def deactivate_task(session: Session, task: PreventiveTask, by: int | None) -> PreventiveTask:
    """Take a task out of use; its logs stay."""
    return update_task(session, task, by, active=False)


def delete_task(session: Session, task: PreventiveTask, by: int | None) -> None:
    """Delete a task that nobody has ever carried out.

    :raises Conflict: it has logs; the message says to deactivate it instead
    :raises NotFound: it is gone already
    """
    refuse_if_used(
        session, task,
        what=f"The preventive task {task.title}", instead="Deactivate it instead.",
        ignore=(PreventiveTaskPart.__tablename__,),
    )  # fmt: skip
    before = _picture(task)
    session.delete(task)
    session.flush()
    activity.record(
        session, "DELETE_PREVENTIVE_TASK", EntityType.PREVENTIVE_TASK, before["id"], by, before=before
    )


def _timing(task: PreventiveTask) -> tuple[Any, ...]:
    return tuple(getattr(task, name) for name in sorted(_TIMING))


def _assign(session: Session, task: PreventiveTask, changes: Mapping[str, Any]) -> None:
    """Check values and put them on a task."""
    with session.no_autoflush:
        if "machine_id" in changes:
            _assign_machine(session, task, changes["machine_id"])
        if "title" in changes:
            task.title = values.line(changes["title"], code="TITLE", what="title", field="title")
        if "description" in changes:
            task.description = values.line(
                changes["description"],
                code="DESCRIPTION", what="description", field="description",
                most=values.PROSE, required=False,
            )  # fmt: skip
        _assign_rule(task, changes)
        _assign_numbers(task, changes)
        if "checklist" in changes:
            known = [item["id"] for item in task.checklist]
            task.checklist = checklist.checked_items(changes["checklist"], known)
        if "parts" in changes:
            _assign_parts(session, task, changes["parts"])
        if "role" in changes:
            task.role = values.one_of(
                changes["role"], WORKERS, code="BAD_ROLE", what="role for this work", field="role"
            )
        if "technician_id" in changes:
            _assign_technician(session, task, changes["technician_id"])
        if "missed" in changes:
            task.missed = values.one_of(
                changes["missed"], list(Missed), code="BAD_MISSED", what="way to make up", field="missed"
            )
        if "active" in changes:
            task.active = bool(changes["active"])


def _assign_machine(session: Session, task: PreventiveTask, machine_id: int) -> None:
    machine = values.active_row(
        session, Machine, machine_id, code="UNKNOWN_MACHINE", what="machine", field="machineId"
    )
    if machine.id != task.machine_id and machine.status == MachineStatus.DECOMMISSIONED:
        message = f"{machine.name} is decommissioned; nothing can be planned for it."
        raise BusinessError("MACHINE_DECOMMISSIONED", message, field="machineId")
    task.machine = machine
    task.machine_id = machine.id


def _assign_rule(task: PreventiveTask, changes: Mapping[str, Any]) -> None:
    """Either a calendar rule or a meter rule, as it will be after the changes."""
    if not changes.keys() & {"rrule", "meter_interval", "starts_on"}:
        return
    starts_on = changes.get("starts_on", task.starts_on)
    rule = changes.get("rrule", task.rrule)
    interval = changes.get("meter_interval", task.meter_interval)
    if starts_on is None or not EARLIEST <= starts_on <= LATEST:
        message = f"A task starts on a day from {EARLIEST} to {LATEST}."
        raise BusinessError("BAD_START", message, field="startsOn")
    if (rule is None) == (interval is None):
        message = "A task is due by the calendar (rrule) or by the meter (meterInterval): give one of them."
        raise BusinessError("BAD_RULE", message, field="rrule")
    if interval is not None:
        message = f"The hours between two times are a whole number from 1 to {MAX_METER_INTERVAL}."
        interval = _checked_number(interval, 1, MAX_METER_INTERVAL, "BAD_INTERVAL", message, "meterInterval")
    task.rrule = None if rule is None else recurrence.checked(rule, starts_on)
    task.meter_interval = interval
    task.starts_on = starts_on


def _assign_numbers(task: PreventiveTask, changes: Mapping[str, Any]) -> None:
    if "lead_days" in changes:
        message = f"The days ahead are a whole number from 0 to {MAX_LEAD_DAYS}."
        task.lead_days = _checked_number(
            changes["lead_days"], 0, MAX_LEAD_DAYS, "BAD_LEAD", message, "leadDays"
        )
    if "estimated_minutes" in changes:
        minutes = changes["estimated_minutes"]
        message = "The time it takes is a whole number of minutes, at least 1."
        task.estimated_minutes = None if minutes is None else values.whole_number(
            minutes, least=1, code="BAD_MINUTES", message=message, field="estimatedMinutes"
        )  # fmt: skip
    if "last_meter_reading" in changes:
        reading = changes["last_meter_reading"]
        task.last_meter_reading = (
            None if reading is None else meters.checked_hours(reading, field="lastMeterReading")
        )


def _checked_number(value: Any, least: int, most: int, code: str, message: str, field: str) -> int:
    number = values.whole_number(value, least=least, code=code, message=message, field=field)
    if number > most:
        raise BusinessError(code, message, field=field)
    return number


def _assign_parts(session: Session, task: PreventiveTask, given: Iterable[Mapping[str, Any]]) -> None:
    wanted: dict[int, int] = {}
    kept = {row.spare_part_id: row for row in task.parts}
    lines = list(given)
    wanted_ids = {line.get("partId") for line in lines} - {None}
    # Looked up one by one: an import has read them all before.
    known = {part.id: part for part_id in wanted_ids if (part := session.get(SparePart, part_id))}
    for index, line in enumerate(lines):
        part_id, field = line.get("partId"), f"parts.{index}"
        part = None if part_id is None else known.get(part_id)
        if part is None or not (part.active or part.id in kept):
            message = "There is no such spare part, or it is no longer in use."
            raise BusinessError("UNKNOWN_PART", message, field=f"{field}.partId")
        if part.id in wanted:
            raise BusinessError("UNKNOWN_PART", f"{part.label} is listed twice.", field=f"{field}.partId")
        wanted[part.id] = values.whole_number(
            line.get("quantity", 1),
            least=1, code="BAD_QUANTITY", message="The quantity is a whole number of at least 1.",
            field=f"{field}.quantity",
        )  # fmt: skip
    for part_id, row in kept.items():
        if part_id in wanted:
            row.quantity = wanted[part_id]
        else:
            task.parts.remove(row)
    task.parts.extend(
        PreventiveTaskPart(spare_part_id=part_id, part=known[part_id], quantity=quantity)
        for part_id, quantity in wanted.items()
        if part_id not in kept
    )


def _assign_technician(session: Session, task: PreventiveTask, user_id: int | None) -> None:
    if user_id is None:
        task.technician = None
        task.technician_id = None
        return
    user = values.active_row(session, User, user_id, code="UNKNOWN_USER", what="user", field="technicianId")
    if user.role not in WORKERS:
        message = f"{user.name} is no technician; choose somebody who does maintenance."
        raise BusinessError("UNKNOWN_USER", message, field="technicianId")
    task.technician = user
    task.technician_id = user.id


def _picture(task: PreventiveTask) -> dict[str, Any]:
    """All that the activity log shows of a task."""
    reading, due_on = task.last_meter_reading, task.next_due_on
    return {
        "id": task.id,
        "machineId": task.machine_id,
        "title": task.title,
        "description": task.description,
        "rrule": task.rrule,
        "meterInterval": task.meter_interval,
        "startsOn": task.starts_on.isoformat(),
        "leadDays": task.lead_days,
        "estimatedMinutes": task.estimated_minutes,
        "checklist": task.checklist,
        "parts": [{"partId": row.spare_part_id, "quantity": row.quantity} for row in task.parts],
        "role": task.role,
        "technicianId": task.technician_id,
        "active": task.active,
        "missed": task.missed,
        "nextDueOn": None if due_on is None else due_on.isoformat(),
        "lastMeterReading": None if reading is None else str(reading),
    }
