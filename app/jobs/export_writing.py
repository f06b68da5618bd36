"""Writes the files that people have asked for, outside of any transaction, and says how far it is."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain import exports
from app.domain.analytics import scope_values
from app.domain.exports import Export, ExportState
from app.domain.machines import Machine
from app.domain.parts import SparePart, StockLocation
from app.domain.reports import catalogue
from app.domain.reports.catalogue import ReportName
from app.domain.reports.model import ExportError, Report, Row
from app.engine import jobs
from app.engine.models import Job
from app.errors import MillwrightError
from app.exports import formats

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

KIND = "export"
IN_MEMORY = 2_000_000  # bytes; larger files are written to disk
TELL_EVERY = 1.0  # seconds between two notes of progress
# Makes the list at an address of the site, as a user sees it; its rows are read inside the block.
Lists = Callable[[int, str], AbstractContextManager[Report]]
_ROWS_OF: Mapping[str, Any] = {
    ReportName.INVENTORY: SparePart,
    ReportName.CONSUMPTION: SparePart,
    ReportName.VALUATION: SparePart,
    ReportName.VALUATION_BY_LOCATION: StockLocation,
}


def queue(session: Session, row: Export) -> Job:
    """Have an export written after this transaction."""
    return jobs.enqueue(session, KIND, {"export": row.id}, key=f"export:{row.id}")


def expected_rows(session: Session, report: str) -> int:
    """How many rows a report has at most: it has one for each machine, part or stock location."""
    model: Any = _ROWS_OF.get(report, Machine)
    return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


@jobs.job_handler(KIND, outside=True)
def _write(engine: ProcessEngine, session: Session, payload: Mapping[str, Any], job: Job) -> None:
    with unit_of_work(session):
        row = session.get(Export, payload["export"], with_for_update=True, populate_existing=True)
        if row is None or row.state == ExportState.DONE:
            return  # removed meanwhile, or written by somebody whose lease ran out
        row.state, row.rows_written = ExportState.RUNNING, 0
    export_id, form = row.id, row.format
    try:
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
            stream = cast(BinaryIO, file)
            with _built(session, row) as report:
                counted = replace(report, rows=_counted(report, session, export_id))
                formats.write(counted, form, stream)
            stream.seek(0)
            with unit_of_work(session):
                done = session.get(Export, export_id, with_for_update=True, populate_existing=True)
                if done is not None and done.state != ExportState.DONE:
                    media_type = formats.FileFormat(form).media_type
                    exports.store(session, done, stream, formats.file_name(report, form), media_type)
    except (ExportError, MillwrightError) as error:
        # What was asked for cannot be written: trying again would not help.
        with unit_of_work(session):
            failed = session.get(Export, export_id, with_for_update=True, populate_existing=True)
            if failed is not None:
                exports.fail(session, failed, str(error))


@contextmanager
def _built(session: Session, row: Export) -> Iterator[Report]:
    """What is to be written; its rows are read inside the block."""
    if row.report == exports.LIST:
        lists: Lists | None = session.info.get("lists")
        if lists is None:
            raise jobs.TryLater("this process has no pages to make lists with")
        with lists(row.user_id, row.scope["address"]) as report:
            yield report
    else:
        with Session(session.get_bind()) as reading:
            yield catalogue.build(reading, row.report, scope_values.restored(row.scope))
            reading.rollback()


def _counted(report: Report, session: Session, export_id: int) -> Iterator[Row]:
    """The rows, while it is noted now and then how many there were."""
    told, number = time.monotonic(), 0
    for number, row in enumerate(report.rows, 1):
        yield row
        if number % 500 == 0 and time.monotonic() - told >= TELL_EVERY:
            told = time.monotonic()
            _note(session, export_id, number)
    _note(session, export_id, number)


def _note(session: Session, export_id: int, rows: int) -> None:
    with unit_of_work(session):
        session.execute(sa.update(Export).where(Export.id == export_id).values(rows_written=rows))
