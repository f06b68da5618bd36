"""Compares what people were told with what the system did, once all that broke is mended."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.domain.attachments import Attachment
from app.domain.kept_answers import KeptAnswer
from app.domain.preventive.models import PreventiveJob, PreventiveTask
from app.domain.requests import MaintenanceRequest
from app.domain.spare_parts_requests import SparePartsRequestLine
from app.domain.stock import InventoryTransaction
from app.domain.work import WorkStep
from app.engine.core import ProcessEngine
from app.engine.models import (
    OPEN_STATES,
    HistoryEntry,
    HistoryKind,
    Incident,
    Job,
    JobState,
    ProcessInstance,
    TaskState,
    UserTask,
)
from tests.campaign.ledger import Entry, Ledger
from tests.campaign.people import ERRAND, Plans
from tests.campaign.setting_up import TIMERS
from tests.support import consistency

LATE = 5.0  # seconds a timer may be late when nothing is broken
# What the people finish before they go home.
FINISHED = ("maintenance_request", "parts_approval", ERRAND)

# Where the key of an action is written down in the row that it made.
WRITTEN: dict[str, Any] = {
    "report": MaintenanceRequest.problem_description,
    "record work": WorkStep.description,
    "ask for parts": SparePartsRequestLine.reason,
    "upload": sa.func.replace(Attachment.file_name, ".txt", ""),
    "move stock": InventoryTransaction.notes,
    "plan": PreventiveTask.title,
}
# Which user tasks an action completes, and with which outcome.
COMPLETED = {
    "accept": [("accept_request", "accept")],
    "record work": [("carry_out_work", "record")],
    "ask for parts": [("carry_out_work", "request_parts")],
    "complete": [("carry_out_work", "complete")],
    "confirm": [("confirm_repair", "fixed")],
    "approve": [("approve_parts", "approve"), ("approve_parts_admin", "approve")],
    "issue": [("issue_parts", "issue")],
    "do errand": [("answer", None)],
}


def backlog(session: Session) -> list[str]:
    """What is still to be done, in words; empty once the site is at rest."""
    now = clock.now()
    left = {
        "jobs": sa.select(sa.func.count(Job.id)).where(Job.state == JobState.WAITING),
        "jobs given up": sa.select(sa.func.count(Job.id)).where(Job.state == JobState.FAILED),
        "incidents": sa.select(sa.func.count(Incident.id)).where(Incident.resolved_at.is_(None)),
        "timers": sa.select(sa.func.count(ProcessInstance.id)).where(
            ProcessInstance.state.in_(OPEN_STATES), ProcessInstance.next_due_at <= now
        ),
        "instances": sa.select(sa.func.count(ProcessInstance.id)).where(
            ProcessInstance.state.in_(OPEN_STATES), ProcessInstance.key.in_(FINISHED)
        ),
        "plans": sa.select(sa.func.count(PreventiveTask.id)).where(PreventiveTask.next_job_on <= now.date()),
    }
    counted = {name: session.scalar(query) for name, query in left.items()}
    session.rollback()
    return [f"{number} {name}" for name, number in counted.items() if number]


def drained(session: Session, limit: float) -> tuple[float, list[str]]:
    """Wait until nothing is left to do: the seconds it took, and what was left when the time was over."""
    began = time.monotonic()
    while (left := backlog(session)) and time.monotonic() - began < limit:
        time.sleep(0.2)
    return time.monotonic() - began, left


@dataclass
class Audit:
    """The questions that are asked at the end; each answers what is wrong, in words."""

    engine: ProcessEngine
    session: Session
    ledger: Ledger
    uploads: Path

    def problems(self) -> list[str]:
        """Everything that is wrong."""
        questions = (
            self.ledger.failures,
            self.written_once(),
            self.completed_once(),
            self.answers_kept(),
            self.files_whole(),
            self.timers_once(),
            self.due_dates_once(),
            consistency.problems(self.engine, self.session),
        )
        return [problem for question in questions for problem in question]

    def written_once(self) -> Iterator[str]:
        """No acknowledged action is lost, and none was done twice, by the rows that it makes."""
        for action, column in WRITTEN.items():
            keys = {entry.key for entry in self.ledger.of(action)}
            rows = Counter(key for key in self.session.scalars(sa.select(column)) if len(str(key)) == 32)
            yield from _differ(action, Counter(keys), rows)
        started = Counter(entry.about for entry in self.ledger.of("start errand"))
        errands = sa.select(ProcessInstance.id).where(ProcessInstance.key == ERRAND)
        yield from _differ("start errand", started, Counter(self.session.scalars(errands)))

    def completed_once(self) -> Iterator[str]:
        """The same of actions that complete a user task: each task once, and the history tells it once."""
        columns = (UserTask.element_id, UserTask.outcome, UserTask.instance_id)
        tasks = self.session.execute(sa.select(*columns).where(UserTask.state == TaskState.COMPLETED)).all()
        done = Counter((element, outcome) for element, outcome, _ in tasks)
        for action, ways in COMPLETED.items():
            told, found = len(self.ledger.of(action)), sum(done.pop(way, 0) for way in ways)
            if found != told:
                yield f"{action}: {told} were acknowledged, {found} were done"
        yield from (f"{number} tasks done that nobody did: {way}" for way, number in done.items())
        yield from (f"{what} done {number} times" for what, number in Counter(tasks).items() if number > 1)
        left = sa.select(sa.func.count()).where(
            HistoryEntry.kind == HistoryKind.LEFT, HistoryEntry.element_type == "userTask"
        )
        if (told := self.session.scalar(left)) != len(tasks):
            yield f"{len(tasks)} tasks are completed, and the history tells of {told}"
        issued = sa.select(sa.func.count()).where(
            InventoryTransaction.transaction_type == "OUT",
            InventoryTransaction.reference_type == "MAINTENANCE",
        )
        if (moved := self.session.scalar(issued)) != len(self.ledger.of("issue")):
            yield f"issue: {len(self.ledger.of('issue'))} were acknowledged, and {moved} movements written"

    def answers_kept(self) -> Iterator[str]:
        """Each key has one answer, and it is not a refusal."""
        rows = self.session.execute(sa.select(KeptAnswer.caller, KeptAnswer.key_digest, KeptAnswer.status))
        kept = {(caller, digest): status for caller, digest, status in rows}
        for entry in self.ledger.entries:
            status = kept.get((f"user:{entry.who}", hashlib.sha256(entry.key.encode()).hexdigest()))
            if status is None or status >= 300:
                yield f"{entry.action} {entry.key}: the answer that is kept is {status}"
        if len(kept) != len(self.ledger.entries):
            yield f"{len(kept)} answers are kept of {len(self.ledger.entries)} actions"

    def files_whole(self) -> Iterator[str]:
        """Each attachment has its file, whole, and nothing else lies there."""
        rows = self.session.execute(sa.select(Attachment.storage_key, Attachment.size, Attachment.digest))
        wanted = {key: (size, digest) for key, size, digest in rows}
        for path in self.uploads.rglob("*"):
            if not path.is_file():
                continue
            key = path.relative_to(self.uploads).as_posix()
            content = path.read_bytes()
            if wanted.pop(key, None) != (len(content), hashlib.sha256(content).hexdigest()):
                yield f"the file {key} ({len(content)} bytes) is not what an attachment is"
        yield from (f"the file {key} is missing" for key in wanted)

    def timers_once(self) -> Iterator[str]:
        """Both timers of each errand went off, once."""
        fired = sa.select(HistoryEntry.instance_id, HistoryEntry.element_id).where(
            HistoryEntry.kind == HistoryKind.TIMER, HistoryEntry.process_key == ERRAND
        )
        found = Counter(tuple(row) for row in self.session.execute(fired))
        wanted = Counter((entry.about, timer) for entry in self.ledger.of("start errand") for timer in TIMERS)
        yield from _differ("timer", wanted, found)

    def due_dates_once(self) -> Iterator[str]:
        """Each due date of each plan has one job, with one instance."""
        jobs = list(self.session.scalars(sa.select(PreventiveJob)))
        found = Counter(job.task_id for job in jobs)
        wanted = Counter({entry.about: Plans.DAYS for entry in self.ledger.of("plan")})
        yield from _differ("job of a plan", wanted, found)
        keys = self.session.scalars(
            sa.select(ProcessInstance.business_key).where(ProcessInstance.key == "preventive_maintenance")
        )
        yield from _differ("instance of a job", Counter(job.business_key for job in jobs), Counter(keys))

    def timers_fired(self) -> int:
        """How many timers went off."""
        fired = sa.select(sa.func.count()).where(HistoryEntry.kind == HistoryKind.TIMER)
        return self.session.scalar(fired) or 0


def _differ(what: str, told: Counter[Any], found: Counter[Any]) -> Iterator[str]:
    for key, number in (told - found).items():
        yield f"{what}: lost {number} of {key}"
    for key, number in (found - told).items():
        yield f"{what}: {number} too many of {key}"


def in_quiet(entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    """The entries of times when nothing was broken, and the others."""
    quiet: list[Entry] = []
    loud: list[Entry] = []
    for entry in entries:
        (loud if entry.during else quiet).append(entry)
    return quiet, loud
