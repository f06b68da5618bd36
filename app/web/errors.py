"""What people see when something cannot be done: a page that says what happened and what to do next."""

from __future__ import annotations

import logging

from flask import Flask, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from app.errors import BusinessError, Conflict, Forbidden, MillwrightError, NotFound, Unavailable
from app.extensions import db
from app.ops.request_log import loggable_path
from app.web.assets import AssetsNotBuilt

log = logging.getLogger(__name__)

# Title, and what to say when the error itself says nothing for people.
_PAGES = {
    400: ("That did not work", "The request could not be understood."),
    403: ("Not for you", "You may not open this page."),
    404: ("Nothing here", "The page does not exist, or it was removed."),
    405: ("That did not work", "This address cannot be used that way."),
    409: ("Things have changed", "Somebody changed this in the meantime."),
    413: ("Too large", "What you sent is larger than 64 MB. Send fewer or smaller files."),
    429: ("Too many attempts", "Wait a moment and try again."),
    503: ("Not possible at the moment", "Try again in a moment."),
}


def error_page(code: int, message: str = "", *, title: str = "") -> ResponseReturnValue:
    """A page for an HTTP error."""
    known_title, known_message = _PAGES.get(code, _PAGES[400])
    body = render_template(
        "errors/error.html", code=code, title=title or known_title, message=message or known_message
    )
    return body, code


def init_errors(app: Flask) -> None:
    """Answer every error with a page."""
    for kind, code in ((NotFound, 404), (Forbidden, 403), (Conflict, 409), (BusinessError, 400)):
        app.register_error_handler(kind, _refusal(code))
    app.register_error_handler(MillwrightError, _refusal(400))
    app.register_error_handler(OverflowError, _no_such_number)
    app.register_error_handler(Unavailable, _unavailable)
    app.register_error_handler(OperationalError, _busy)
    app.register_error_handler(AssetsNotBuilt, _not_built)
    app.register_error_handler(CSRFError, _expired)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, _failure)


def _refusal(code: int):  # type: ignore[no-untyped-def]
    def handle(error: MillwrightError) -> ResponseReturnValue:
        return error_page(code, str(error))

    return handle


def _no_such_number(error: OverflowError) -> ResponseReturnValue:
    """An address with a number that no database has: whoever typed it, nothing has failed."""
    return error_page(404)


def _expired(error: CSRFError) -> ResponseReturnValue:
    message = "You were signed out, or the page is very old. Go back, reload it and send the form again."
    return error_page(400, message, title="This form has expired")


def http_error(error: HTTPException) -> ResponseReturnValue:
    """The page of an HTTP error; a redirect is none."""
    code = error.code or 500
    if code < 400:
        return error  # a redirect, not an error
    return error_page(code)


def _unavailable(error: Unavailable) -> ResponseReturnValue:
    log.error("%s %s cannot be answered: %s", request.method, loggable_path(), error)
    return error_page(503, str(error))


def _busy(error: OperationalError) -> ResponseReturnValue:
    """The database does not answer, or has given the action up again and again: nothing was done."""
    log.error("%s %s: the database does not answer", request.method, loggable_path(), exc_info=error)
    db.session.rollback()
    page = render_template("errors/failure.html", request_id=g.get("request_id", ""), busy=True)
    return page, 503, {"Retry-After": "5"}


def _not_built(error: AssetsNotBuilt) -> ResponseReturnValue:
    log.error("%s", error)
    return f"<!doctype html><title>Not built</title><h1>Almost there</h1><p>{error}</p>", 503


def _failure(error: Exception) -> ResponseReturnValue:
    """Something nobody planned: log it with the id that the page shows."""
    log.exception("%s %s failed", request.method, loggable_path(), extra={"request_id": g.get("request_id")})
    db.session.rollback()
    return render_template("errors/failure.html", request_id=g.get("request_id", "")), 500
