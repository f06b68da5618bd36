"""Links with which a user sets a password, shown once to the administrator who hands them over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Response, make_response, render_template
from sqlalchemy.orm import Session

from app import current
from app.domain import password_resets
from app.domain.people import User
from app.web.people import me


@dataclass(frozen=True)
class ShownOnce:
    """A link, for whom, and until when it is good."""

    user: User
    address: str
    expires_at: datetime

    def page(self) -> Response:
        """The page that shows the link. No browser keeps it."""
        response = make_response(
            render_template(
                "users/link.html", user=self.user, address=self.address, expires_at=self.expires_at
            )
        )
        response.headers["Cache-Control"] = "no-store"
        return response


def shown_once(session: Session, user: User) -> ShownOnce:
    """Make a link for a user; older ones are no longer good.

    :raises BusinessError: USER_INACTIVE
    """
    made = password_resets.make(session, user, me().id)
    return ShownOnce(user, current.address_of(f"/reset/{made.token}"), made.expires_at)
