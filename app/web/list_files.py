"""Lists as files: what a list shows, with its filters, as Excel, PDF or CSV."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from flask import abort, send_file
from flask.typing import ResponseReturnValue

from app import clock
from app.current import site
from app.domain.reports.model import Column, Kind, Report, Value
from app.exports import formats
from app.exports.formats import FileFormat

IN_MEMORY = 5_000_000  # bytes; larger files are written to disk


@dataclass(frozen=True)
class FileColumn:
    """A column of the file: its heading, its kind, and how a row's value is found."""

    heading: str
    value: Callable[[Any], Value]
    kind: Kind = Kind.TEXT
    total: bool = False


def answer(
    form: str,
    name: str,
    title: str,
    columns: Sequence[FileColumn],
    rows: Iterable[Any],
    *,
    narrowed: Iterable[str] = (),
) -> ResponseReturnValue:
    """The file as a download. ``name`` begins its name, ``narrowed`` says in words which filters hold.

    Rows are written as they are read: pass a list with the page size
    :data:`app.domain.queries.paging.EVERY`. An unknown form is 404.
    """
    factory = site()
    report = Report(
        name=name,
        title=title,
        subtitle=tuple(narrowed) or ("All",),
        site=factory.name,
        zone=factory.zone,
        currency=factory.currency,
        generated_at=clock.now(),
        columns=tuple(
            Column(str(place), column.heading, column.kind, column.total)
            for place, column in enumerate(columns)
        ),
        rows=(tuple(column.value(row) for column in columns) for row in rows),
    )
    return answer_report(form, report)


def answer_report(form: str, report: Report) -> ResponseReturnValue:
    """A report as a download. An unknown form is 404."""
    if form not in list(FileFormat):
        abort(404)
    stream = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the answer closes it
    formats.write(report, form, cast(BinaryIO, stream))
    stream.seek(0)
    return send_file(
        cast(BinaryIO, stream),
        mimetype=FileFormat(form).media_type,
        as_attachment=True,
        download_name=formats.file_name(report, form),
    )
