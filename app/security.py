"""Headers and cookies that keep the pages safe in a browser, and what protects their forms."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

from flask import Flask, Response, g, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from werkzeug.middleware.proxy_fix import ProxyFix

from app.extensions import csrf, talisman

# No inline script or style anywhere: what is not served from here as a file does not run.
CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": ["'self'", "data:", "blob:"],
    "font-src": ["'self'", "data:"],
    "connect-src": "'self'",
    "media-src": ["'self'", "blob:"],
    "manifest-src": "'self'",
    "worker-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "object-src": "'none'",
}

# The Studio's editors make styles as they run; scripts stay as strict there as anywhere.
STUDIO_POLICY = {**CONTENT_SECURITY_POLICY, "style-src": ["'self'", "'unsafe-inline'"]}

# A stored file is shown, never run: no scripts, no forms, no origin of its own.
FILE_POLICY = {"default-src": "'none'", "style-src": "'unsafe-inline'", "sandbox": ""}

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class PageSessions(SecureCookieSessionInterface):
    """Prolongs a session when a page is opened, and not for what a page fetches beside it.

    The answer to such a call may come after that to a form which the person has sent meanwhile: its cookie
    would take back what the form has said, such as “Done”.
    """

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        navigates = request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
        return session.modified or (navigates and super().should_set_cookie(app, session))


def init_security(app: Flask) -> None:
    """Set up security headers, CSRF protection, session lifetime and request ids."""
    proxies = app.config["MILLWRIGHT_PROXIES"]
    if proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies
        )
    app.session_interface = PageSessions()
    app.permanent_session_lifetime = timedelta(hours=app.config["MILLWRIGHT_SESSION_HOURS"])
    secure = bool(app.config["SESSION_COOKIE_SECURE"])
    csrf.init_app(app)
    app.after_request(_say_whence)  # before Talisman's own, and so it runs after that
    talisman.init_app(
        app,
        force_https=False,  # the proxy that ends TLS redirects
        strict_transport_security=secure,
        session_cookie_secure=secure,
        session_cookie_samesite="Lax",
        content_security_policy=CONTENT_SECURITY_POLICY,
        frame_options="DENY",
        referrer_policy="same-origin",
        permissions_policy={"camera": "(self)", "geolocation": "()", "microphone": "()", "payment": "()"},
        x_xss_protection=False,
    )
    app.before_request(_name_request)
    app.after_request(_finish_response)


def _name_request() -> None:
    """Give the request an id, the proxy's if it sent one, that log lines and error pages share."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex[:16]


def _say_whence(response: Response) -> Response:
    """Let a page whose address is a secret say less about it than others do."""
    if policy := g.get("referrer_policy"):
        response.headers["Referrer-Policy"] = policy
    return response


def _finish_response(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.get("request_id", "")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if request.endpoint != "static" and "Cache-Control" not in response.headers:
        # Pages are about one person: no proxy keeps them, and Back asks again.
        response.headers["Cache-Control"] = "private, no-cache"
    return response
