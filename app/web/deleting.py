"""Asking before something is done that is hard to take back, such as deleting a record, and doing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.errors import BusinessError, Conflict
from app.extensions import db


def ask_and_delete(
    delete: Callable[[Session], object],
    *,
    what: str,
    back: str,
    then: str,
    crumbs: Sequence[tuple[str, str]],
    lead: str = "Only what nothing refers to can be deleted. What has a history is taken out of use instead.",
    title: str = "",
    button: str = "Delete",
    keep: str = "Keep it",
    refused: str = "It cannot be deleted",
    done: str = "",
    address: str = "",
) -> ResponseReturnValue:
    """The page that asks (GET), or the record deleted (POST) and the list it was in.

    ``what`` names the record ("the department Assembly"), ``back`` is its page, ``then`` the list.
    A refusal is shown on the page. The other texts are for what is not deleting: ``title`` asks, ``button``
    and ``keep`` answer, ``refused`` heads a refusal, ``done`` says what has been done. ``address`` is where
    the answer goes, where that is not the page's own address.
    """
    refusal, status = "", 200
    if request.method == "POST":
        try:
            with unit_of_work(db.session()) as session:
                delete(session)
        except (BusinessError, Conflict) as error:
            refusal, status = str(error), 409
        else:
            flash(done or f"{what[0].upper()}{what[1:]} is deleted.", "success")
            return redirect(then)
    page = render_template(
        "record_delete.html",
        title=title or f"Delete {what}?",
        lead="" if refusal else lead,
        refusal=refusal,
        refused=refused,
        address=address or request.path,
        back=back,
        button=button,
        keep=keep,
        crumbs=crumbs,
    )
    return page, status
