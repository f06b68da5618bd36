"""How often somebody may call: little for strangers, generously for those who are signed in."""

from __future__ import annotations

from flask import Flask, Response, current_app, g, request

from app.extensions import limiter

REDIS_PATIENCE = {"socket_connect_timeout": 1, "socket_timeout": 1}  # seconds


def init(app: Flask) -> None:
    """Set up the counters: in Redis where there is one, else in this process."""
    app.config.setdefault("RATELIMIT_STORAGE_URI", app.config["MILLWRIGHT_REDIS_URL"] or "memory://")
    app.config.setdefault("RATELIMIT_HEADERS_ENABLED", True)
    app.config.setdefault("RATELIMIT_STRATEGY", "moving-window")
    # Losing Redis must not lock people out of their work, nor keep them waiting where it hangs.
    app.config.setdefault("RATELIMIT_IN_MEMORY_FALLBACK_ENABLED", True)
    app.config.setdefault("RATELIMIT_SWALLOW_ERRORS", True)  # of several calls that find it gone, all but one
    if app.config["RATELIMIT_STORAGE_URI"].startswith("redis"):
        app.config.setdefault("RATELIMIT_STORAGE_OPTIONS", REDIS_PATIENCE)
    app.after_request(_wait_only_when_refused)  # runs after the limiter's own, which comes second
    limiter.init_app(app)


def _wait_only_when_refused(response: Response) -> Response:
    """The limiter tells everybody when to try again; only those who were refused have to.

    ``g.retry_after`` is when somebody who is locked out may, in seconds.
    """
    if (seconds := g.get("retry_after")) is not None:
        response.headers["Retry-After"] = str(seconds)
    elif response.status_code not in (429, 503):
        response.headers.pop("Retry-After", None)
    return response


def caller() -> str:
    """Whose calls are counted together."""
    person = g.get("caller")
    if person is None or g.get("strict_limit"):
        return f"address:{request.remote_addr}"
    return f"user:{person.id}"


def allowance() -> str:
    """How many calls the caller has."""
    strict = g.get("caller") is None or g.get("strict_limit")
    name = "MILLWRIGHT_RATE_ANONYMOUS" if strict else "MILLWRIGHT_RATE_SIGNED_IN"
    return str(current_app.config[name])


limited = limiter.shared_limit(allowance, scope="api", key_func=caller)
