"""Long lists as files, for the jobs that write them: the view that was asked is asked once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property

from flask import Flask, Request, request

from app.current import SignedIn, signed_in
from app.domain.people import User
from app.domain.reports.model import ExportError, Report
from app.extensions import db, login_manager
from app.web.list_files import TAKER


class Taker:
    """Who reads a list in the background, and the report that the view has handed over."""

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        self.report: Report | None = None

    def take(self, report: Report) -> None:
        """Called by the view."""
        self.report = report

    def person(self) -> SignedIn | None:
        """Whoever wanted the list, as they are by now; None when they may no longer sign in."""
        user = db.session().get(User, self.user_id)
        return signed_in(user, None) if user is not None and user.active else None


def person_of(asked: Request) -> SignedIn | None:
    """In whose name a job reads a list. Nothing that comes over the network can name anybody here."""
    taker = asked.environ.get(TAKER)
    return taker.person() if taker is not None else None


class ListReports:
    """Makes reports of the lists that people have asked for.

    The application is made when the first one is wanted: a worker that writes none does without its pages.
    """

    def __init__(self, make_app: Callable[[], Flask]) -> None:
        self._make_app = make_app

    @cached_property
    def _app(self) -> Flask:
        return self._make_app()

    @contextmanager
    def __call__(self, user_id: int, address: str) -> Iterator[Report]:
        """The list at an address of the site, as this user sees it. Its rows are read inside the block.

        :raises ExportError: there is no such list, or they may no longer sign in
        :raises Forbidden: they may no longer read it
        """
        app, taker = self._app, Taker(user_id)
        with app.test_request_context(address, environ_overrides={TAKER: taker}):
            if request.endpoint is None:
                raise ExportError("There is no such list any more.")
            app.view_functions[request.endpoint](**(request.view_args or {}))
            if taker.report is None:  # the view sends away whom it does not know
                raise ExportError("Whoever asked for this list may no longer sign in.")
            yield taker.report


def init_list_exports(app: Flask) -> None:
    """Let the jobs that this process does write lists, in the name of whoever wants them."""
    login_manager.request_loader(person_of)
    app.extensions["millwright.jobs"].write_lists_with(ListReports(lambda: app))
