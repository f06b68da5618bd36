"""Lists as files: what a list shows, with its filters, as Excel, PDF or CSV.

A short list is answered at once. A long one is written in the background, where the very same view is asked
again in the name of whoever wanted it (:mod:`app.web.list_exports`): with its filters, its columns, and
what its reader may see by then.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from flask import abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock
from app.current import site
from app.database import unit_of_work
from app.domain import exports
from app.domain.queries.paging import Page
from app.domain.reports.model import Column, Kind, Report, Value
from app.errors import BusinessError
from app.exports import formats
from app.exports.formats import FileFormat
from app.extensions import db
from app.jobs import export_writing
from app.web import listing
from app.web.people import me

METHODS = ("GET", "POST")  # of the address of a list's file: POST asks for it in the background
AT_ONCE = 5_000  # rows; a list that has more is written in the background
IN_MEMORY = 5_000_000  # bytes; larger files are written to disk
# Where the environment of a request holds whoever writes the file in the background, and takes the report.
TAKER = "millwright.list_taker"


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
    found: Page[Any],
    *,
    narrowed: Iterable[str] = (),
    back: str = ".listing",
    note: Callable[[Session], object] | None = None,
) -> ResponseReturnValue:
    """The file as a download, or the way to have it written in the background.

    ``name`` begins its name, ``narrowed`` says in words which filters hold. Rows are written as they are
    read: pass a list with the page size :data:`app.domain.queries.paging.EVERY`. The rest is as in
    :func:`answer_report`.
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
        rows=(tuple(column.value(row) for column in columns) for row in found.items),
    )
    return answer_report(form, report, found.total, back=back, note=note)


def answer_report(
    form: str,
    report: Report,
    rows: int,
    *,
    back: str = ".listing",
    note: Callable[[Session], object] | None = None,
) -> ResponseReturnValue:
    """A report of so many rows as a download, or the way to have it written in the background.

    ``back`` is the endpoint of its page; ``note`` is called once, in a transaction, when the file is taken
    away or asked for. An unknown form is 404.
    """
    if form not in list(FileFormat):
        abort(404)
    taker = request.environ.get(TAKER)
    if taker is not None:
        taker.take(report)
        return ""
    if rows > AT_ONCE:
        too_long = formats.too_long(form, rows)
        if request.method == "POST" and not too_long:
            return _ask(form, report, rows, note)
        page = render_template(
            "exports/large_list.html",
            report=report,
            form=form,
            most=AT_ONCE,
            too_long=too_long,
            send_to=listing.url_with(),
            back=url_for(back, **listing.kept(), **_place_of_page()),
        )
        return page, 422 if request.method == "POST" else 200
    if note is not None:
        with unit_of_work(db.session()) as session:
            note(session)
    stream = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the answer closes it
    formats.write(report, form, cast(BinaryIO, stream))
    stream.seek(0)
    return send_file(
        cast(BinaryIO, stream),
        mimetype=FileFormat(form).media_type,
        as_attachment=True,
        download_name=formats.file_name(report, form),
    )


def _place_of_page() -> dict[str, Any]:
    """The parts of this address that its page has too."""
    return {name: value for name, value in (request.view_args or {}).items() if name != "form"}


def _ask(
    form: str, report: Report, rows: int, note: Callable[[Session], object] | None
) -> ResponseReturnValue:
    narrowed = "" if report.subtitle == ("All",) else ", ".join(report.subtitle)
    try:
        with unit_of_work(db.session()) as session:
            row = exports.ask(
                session,
                me().id,
                report=exports.LIST,
                title=f"{report.title}: {narrowed}" if narrowed else report.title,
                form=form,
                scope={"address": request.full_path},
                rows_expected=rows,
            )
            export_writing.queue(session, row)
            if note is not None:
                note(session)
    except BusinessError as error:
        flash(error.message, "error")
    else:
        flash("Your export is being written. You are told when it is ready.", "success")
    return redirect(url_for("exports.listing"))
