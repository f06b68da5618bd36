"""What can be imported: for each kind of thing an object that previews and imports files of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import activity, records
from app.domain.imports import columns as declared
from app.domain.imports import sheets
from app.domain.imports.columns import Column
from app.domain.imports.plan import SHOWN, Plan, Report
from app.domain.imports.problems import ImportRefused, Problem, Problems
from app.domain.imports.sheets import Sheet
from app.errors import BusinessError


@dataclass(frozen=True)
class Preview:
    """What importing a file would do, and how the file was read."""

    report: Report
    sheet: Sheet


class Kind(ABC):
    """A kind of thing that comes in files. ``name`` stands in addresses, ``title`` is what people read."""

    name: ClassVar[str]
    title: ClassVar[str]
    one: ClassVar[str]
    about: ClassVar[str]
    entity_type: ClassVar[str]
    columns: ClassVar[tuple[Column, ...]]
    # By which column a row says what it is about.
    key_column: ClassVar[str]
    other_key_columns: ClassVar[tuple[str, ...]] = ()  # where that one may be missing

    @property
    def known_headers(self) -> Mapping[str, tuple[str, ...]]:
        """The headers that are understood, for each column."""
        return declared.names(self.columns)

    @abstractmethod
    def plan(self, session: Session, sheet: Sheet, plan: Plan, *, lock: bool) -> None:
        """Say what each row does; what is wrong is added to the plan's problems. Nothing is changed.

        With ``lock`` the rows concerned are locked.
        """

    @abstractmethod
    def write(self, session: Session, plan: Plan, by: int | None) -> None:
        """Do what a plan without problems says, with an entry in the activity log for each thing."""

    def preview(
        self,
        session: Session,
        data: bytes,
        *,
        choices: Mapping[int, str] | None = None,
        shown: int = SHOWN,
        most_problems: int | None = None,
    ) -> Preview:
        """What importing a file would do, with all that is wrong with it. Nothing is changed.

        ``choices`` say what headers stand for that are not recognised.

        :raises BusinessError: IMPORT_TOO_LARGE
        """
        plan = Plan(shown=shown, problems=Problems(most=most_problems))
        sheet = self._planned(session, data, plan, choices, lock=False)
        return Preview(plan.report(), sheet)

    def run(
        self,
        session: Session,
        data: bytes,
        by: int | None,
        *,
        choices: Mapping[int, str] | None = None,
        expected: str | None = None,
    ) -> Report:
        """Import a file: all of its rows, or none. ``expected`` is the fingerprint that a preview had.

        :raises ImportRefused: something is wrong with it; nothing has changed
        :raises BusinessError: IMPORT_TOO_LARGE; DATA_CHANGED: it would do something else than previewed
        """
        session.flush()
        plan = Plan()
        self._planned(session, data, plan, choices, lock=True)
        report = plan.report()
        if expected is not None and report.fingerprint != expected:
            message = (
                "The data has changed since the preview. Look at what the file would do now, and confirm it."
            )
            raise BusinessError("DATA_CHANGED", message, field="file")
        if plan.problems.total:
            raise ImportRefused(plan.problems.sorted(), plan.problems.total)
        try:
            self.write(session, plan, by)
            session.flush()
        except IntegrityError as error:
            if not records.is_duplicate(error):
                raise records.gone() from error
            raise self._told_apart_by_nobody(plan, str(error.orig)) from None
        counts = {"created": report.created, "updated": report.updated, "unchanged": report.unchanged}
        activity.record(session, self.log_action, self.entity_type, None, by, after=counts)
        session.expire_all()  # what the session knew is no longer true
        return report

    @property
    def log_action(self) -> str:
        """What the activity log calls the import as a whole."""
        return f"IMPORT_{self.name.replace('-', '_').upper()}"[:40]

    def _planned(
        self,
        session: Session,
        data: bytes,
        plan: Plan,
        choices: Mapping[int, str] | None,
        *,
        lock: bool,
    ) -> Sheet:
        sheet = sheets.read(data, self.known_headers, plan.problems, choices)
        plan.rows = len(sheet.rows)
        if sheet.rows and not {self.key_column, *self.other_key_columns} & sheet.headers.keys():
            message = (
                f"There is no column {self.key_column}, which says what {self.one} a line is about; add it."
            )
            plan.problems.add(max(1, sheet.rows[0].line - 1), "", message)
            return sheet
        self.plan(session, sheet, plan, lock=lock)
        return sheet

    def key_of_change(self, after: Mapping[str, object]) -> str:
        """By what something new is known, as the database has it."""
        return ""

    def _told_apart_by_nobody(self, plan: Plan, reason: str) -> ImportRefused:
        """The refusal of a key that the database takes for another one, or that was added just now."""
        by_length = sorted(plan.created, key=lambda change: -len(self.key_of_change(change.after)))
        match = next(
            (change for change in by_length if f"'{self.key_of_change(change.after)}'" in reason), None
        )
        words = self.key_words
        line, key = (
            (1, f"One of the {words}s") if match is None else (match.line, self.key_of_change(match.after))
        )
        message = f"{key} is the {words} of another {self.one}, or too like it; look again, and change it."
        return ImportRefused([Problem(line, self.key_column, message)], 1)

    @property
    def key_words(self) -> str:
        """What people call the key."""
        return self.key_column
