"""Errors are reported to Sentry, where the site has it. The library is an extra: ``millwright[sentry]``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import structlog

from app.config import ConfigurationError
from app.ops.metrics.database import without_values

# Ids by which a report and the lines of the log find each other.
TAGS = ("request_id", "instance_id", "job_id", "command")
# Of a request these are kept; what people typed, their cookies and their addresses are not.
KEPT_OF_REQUEST = ("method", "url")

# Their messages quote what was to be written.
DATABASE_LIBRARIES = frozenset({"sqlalchemy", "pymysql", "sqlite3"})


def init(settings: Mapping[str, Any], transport: Any = None) -> bool:
    """Report errors from now on, if the settings name a place; answers whether they do.

    What is sent has the ids of request, user, instance and job, and no personal data: no values of
    variables, no body, headers, cookies or query of a request, no parameters of statements.

    :raises ConfigurationError: the library is not installed
    """
    dsn = settings["MILLWRIGHT_SENTRY_DSN"]
    if not dsn:
        return False
    try:
        import sentry_sdk
    except ImportError:
        raise ConfigurationError(
            "MILLWRIGHT_SENTRY_DSN needs the library sentry-sdk: pip install “millwright[sentry]”."
        ) from None
    sentry_sdk.init(
        dsn=dsn,
        environment=settings["MILLWRIGHT_ENVIRONMENT"],
        release=f"millwright@{version('millwright')}",
        traces_sample_rate=settings["MILLWRIGHT_TRACED_SHARE"],
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        before_send=_cleaned,
        before_send_transaction=_cleaned,
        transport=transport,
    )
    return True


def _cleaned(event: Any, hint: Any) -> Any:
    known = structlog.contextvars.get_contextvars()
    tags = event.setdefault("tags", {})
    tags.update({name: str(known[name]) for name in TAGS if known.get(name) is not None})
    event["user"] = {"id": str(known["user_id"])} if "user_id" in known else {}
    if request := event.get("request"):
        event["request"] = {name: request[name] for name in KEPT_OF_REQUEST if name in request}
        event["request"]["url"] = _without_secrets(event["request"].get("url", ""))
    event.get("extra", {}).pop("sys.argv", None)
    for error in (event.get("exception") or {}).get("values", ()):
        if (error.get("module") or "").split(".")[0] in DATABASE_LIBRARIES:
            error["value"] = without_values(error.get("value") or "")
    for crumb in event.get("breadcrumbs", {}).get("values", ()):
        crumb.pop("data", None)
    return event


def _without_secrets(url: str) -> str:
    """The address without its query, and without what is a secret in it (see request_log)."""
    address = url.partition("?")[0]
    before, found, _ = address.partition("/reset/")
    return f"{before}{found}***" if found else address
