"""How often a stranger may try things on pages. The API counts its own calls."""

from __future__ import annotations

from flask import Response, current_app
from flask_limiter.util import get_remote_address

from app.extensions import limiter


def _allowance() -> str:
    return str(current_app.config["MILLWRIGHT_RATE_ANONYMOUS"])


def _failed(response: Response) -> bool:
    return response.status_code >= 400


# A whole shift signs in from one address: only what goes wrong is counted.
counting_failures = limiter.shared_limit(
    _allowance, scope="pages", key_func=get_remote_address, deduct_when=_failed
)
counting_all = limiter.shared_limit(_allowance, scope="pages", key_func=get_remote_address)
