"""Settings of the deployment, read from the environment.

What an administrator changes while the site runs is in :mod:`app.domain.settings` instead.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from email.errors import HeaderParseError
from email.headerregistry import Address
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from limits import parse_many
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.database import engine_options
from app.storage import S3Settings, is_bucket

Network = IPv4Network | IPv6Network

ROOT = Path(__file__).resolve().parent.parent
UPLOAD_LIMIT = 64 * 1024 * 1024  # bytes a request: several files of 10 MB each


class ConfigurationError(RuntimeError):
    """A setting cannot be used; the message names it and says what to do."""


def from_environment(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Flask settings from ``MILLWRIGHT_*`` variables.

    :raises ConfigurationError: a variable has a value that cannot be used
    """
    env = os.environ if environ is None else environ
    data = Path(env.get("MILLWRIGHT_DATA", ROOT / "var")).resolve()
    url = _database_url(env, data)
    base_url = env.get("MILLWRIGHT_BASE_URL", "http://localhost:8000").rstrip("/")
    return {
        "SECRET_KEY": _secret_key(env, data),
        "SQLALCHEMY_DATABASE_URI": url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(url),
        "MILLWRIGHT_DATA": data,
        "MILLWRIGHT_UPLOADS": Path(env.get("MILLWRIGHT_UPLOADS", data / "uploads")).resolve(),
        "MILLWRIGHT_STORAGE": _place(env, "MILLWRIGHT_STORAGE", ""),
        "MILLWRIGHT_BACKUPS": _place(env, "MILLWRIGHT_BACKUPS", str(data / "backups")),
        "MILLWRIGHT_BACKUP_KEY": _secret(env, "MILLWRIGHT_BACKUP_KEY"),
        "MILLWRIGHT_S3": _s3(env),
        "MILLWRIGHT_REDIS_URL": _secret(env, "MILLWRIGHT_REDIS_URL"),
        "MILLWRIGHT_CLAMD": _clamd(env.get("MILLWRIGHT_CLAMD", "")),
        "MILLWRIGHT_BASE_URL": base_url,
        "MILLWRIGHT_TIME_ZONE": _time_zone(env.get("MILLWRIGHT_TIME_ZONE", "")),
        "MILLWRIGHT_DEMO": _flag(env, "MILLWRIGHT_DEMO"),
        "MILLWRIGHT_PROXIES": _count(env, "MILLWRIGHT_PROXIES"),
        # None: as many as the server's threads can spare, which is known to app.server alone.
        "MILLWRIGHT_LIVE_STREAMS": _count(env, "MILLWRIGHT_LIVE_STREAMS")
        if env.get("MILLWRIGHT_LIVE_STREAMS")
        else None,
        "MILLWRIGHT_SESSION_HOURS": _count(env, "MILLWRIGHT_SESSION_HOURS", 12),
        "MILLWRIGHT_RATE_ANONYMOUS": _rate(env, "MILLWRIGHT_RATE_ANONYMOUS", "100 per 15 minutes"),
        "MILLWRIGHT_RATE_SIGNED_IN": _rate(env, "MILLWRIGHT_RATE_SIGNED_IN", "9000 per 15 minutes"),
        # A report of more rows is written in the background.
        "MILLWRIGHT_EXPORT_ROWS": _count(env, "MILLWRIGHT_EXPORT_ROWS", 20_000),
        "MILLWRIGHT_SMTP_URL": (smtp_url := _smtp_url(_secret(env, "MILLWRIGHT_SMTP_URL"))),
        "MILLWRIGHT_MAIL_FROM": _mail_from(env.get("MILLWRIGHT_MAIL_FROM", ""), needed=bool(smtp_url)),
        "MILLWRIGHT_WEBHOOK_HOSTS": env.get("MILLWRIGHT_WEBHOOK_HOSTS", "").lower().split(),
        "MILLWRIGHT_LEASE_SECONDS": max(_count(env, "MILLWRIGHT_LEASE_SECONDS", 15), 1),
        "MILLWRIGHT_CORS_ORIGINS": env.get("MILLWRIGHT_CORS_ORIGINS", "").split(),
        **_watching(env),
        **_fixed(secure=base_url.startswith("https://")),
    }


def _watching(env: Mapping[str, str]) -> dict[str, Any]:
    """How the site is watched."""
    return {
        "MILLWRIGHT_METRICS_NETWORKS": _networks(env, "MILLWRIGHT_METRICS_NETWORKS", "127.0.0.0/8 ::1"),
        "MILLWRIGHT_METRICS_TOKEN": _secret(env, "MILLWRIGHT_METRICS_TOKEN"),
        "MILLWRIGHT_METRICS_SECONDS": _count(env, "MILLWRIGHT_METRICS_SECONDS", 30),
        "MILLWRIGHT_METRICS_PORT": _count(env, "MILLWRIGHT_METRICS_PORT"),
        "MILLWRIGHT_SLOW_QUERY_MS": _count(env, "MILLWRIGHT_SLOW_QUERY_MS", 500),
        "MILLWRIGHT_DRAIN_SECONDS": _count(env, "MILLWRIGHT_DRAIN_SECONDS"),
        "MILLWRIGHT_ENVIRONMENT": env.get("MILLWRIGHT_ENVIRONMENT", "") or "production",
        "MILLWRIGHT_SENTRY_DSN": _secret(env, "MILLWRIGHT_SENTRY_DSN"),
        "MILLWRIGHT_TRACED_SHARE": _share(env, "MILLWRIGHT_TRACED_SHARE", 0.1),
        "MILLWRIGHT_OTLP_ENDPOINT": _address(env, "MILLWRIGHT_OTLP_ENDPOINT"),
    }


def _fixed(*, secure: bool) -> dict[str, Any]:
    """What a deployment does not choose."""
    return {
        "SESSION_COOKIE_NAME": "millwright",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_REFRESH_EACH_REQUEST": True,
        # A form may lie open on a phone for a whole shift: its token lives as long as the session.
        "WTF_CSRF_TIME_LIMIT": None,
        "MAX_CONTENT_LENGTH": UPLOAD_LIMIT,
        "MAX_FORM_MEMORY_SIZE": 2 * 1024 * 1024,
        # Every address of a static file carries a digest of its content.
        "SEND_FILE_MAX_AGE_DEFAULT": timedelta(days=365),
    }


def _secret_key(env: Mapping[str, str], data: Path) -> str:
    """The key that signs sessions: from the environment, from a file, or one made once for this machine."""
    if key := _secret(env, "MILLWRIGHT_SECRET_KEY"):
        return key
    path = data / "secret.key"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()


def _secret(env: Mapping[str, str], name: str) -> str:
    """A secret, or what the file holds that ``<name>_FILE`` names; empty where there is neither."""
    path = env.get(f"{name}_FILE", "")
    if env.get(name) or not path:
        return env.get(name, "")
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"{name}_FILE: {error}") from None


def _database_url(env: Mapping[str, str], data: Path) -> str:
    """The database's address, with the password that is given apart from it, if one is."""
    url = _secret(env, "MILLWRIGHT_DATABASE_URL") or f"sqlite:///{data / 'millwright.db'}"
    if password := _secret(env, "MILLWRIGHT_DATABASE_PASSWORD"):
        try:
            return make_url(url).set(password=password).render_as_string(hide_password=False)
        except ArgumentError:
            raise ConfigurationError("MILLWRIGHT_DATABASE_URL is no address of a database.") from None
    return url


def _networks(env: Mapping[str, str], name: str, default: str) -> tuple[Network, ...]:
    texts = env.get(name, default).split()
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError as error:
        raise ConfigurationError(
            f"{name} are networks like 10.0.0.0/8, separated by spaces: {error}."
        ) from None


def _share(env: Mapping[str, str], name: str, default: float) -> float:
    try:
        share = float(env.get(name, "") or default)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise ConfigurationError(f"{name} is a number from 0 to 1, not {env.get(name)!r}.")
    return share


def _address(env: Mapping[str, str], name: str) -> str:
    address = env.get(name, "").rstrip("/")
    if address and not re.fullmatch(r"https?://[^/\s]+(/[^\s]*)?", address):
        raise ConfigurationError(f"{name} is like https://collector.example:4318, not {address!r}.")
    return address


def _place(env: Mapping[str, str], name: str, default: str) -> str:
    """A folder, or s3://bucket/prefix."""
    address = env.get(name, "") or default
    try:
        return address if not address or is_bucket(address) else str(Path(address).absolute())
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}.") from None


def _s3(env: Mapping[str, str]) -> S3Settings:
    endpoint = env.get("MILLWRIGHT_S3_ENDPOINT", "").rstrip("/")
    if endpoint and not re.fullmatch(r"https?://[^/\s]+(/[^\s]*)?", endpoint):
        raise ConfigurationError(
            f"MILLWRIGHT_S3_ENDPOINT is like https://minio.example:9000, not {endpoint!r}."
        )
    access_key = _secret(env, "MILLWRIGHT_S3_ACCESS_KEY")
    secret_key = _secret(env, "MILLWRIGHT_S3_SECRET_KEY")
    if bool(access_key) != bool(secret_key):
        raise ConfigurationError(
            "MILLWRIGHT_S3_ACCESS_KEY and MILLWRIGHT_S3_SECRET_KEY are set together, or neither of them."
        )
    return S3Settings(endpoint, env.get("MILLWRIGHT_S3_REGION", ""), access_key, secret_key)


def _flag(env: Mapping[str, str], name: str) -> bool:
    return env.get(name, "").strip().lower() in ("1", "true", "yes", "on")


def _count(env: Mapping[str, str], name: str, default: int = 0) -> int:
    text = env.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise ConfigurationError(f"{name} is a whole number, not {text!r}.")
    return int(text)


def _rate(env: Mapping[str, str], name: str, default: str) -> str:
    text = env.get(name, "") or default
    try:
        parse_many(text)
    except ValueError:
        raise ConfigurationError(f"{name}: {text!r} is no rate; use words like “{default}”.") from None
    return text


def _time_zone(name: str) -> str:
    if name and name not in available_timezones():
        raise ConfigurationError(
            f"MILLWRIGHT_TIME_ZONE: {name!r} is no time zone; use a name like Europe/Berlin."
        )
    return name


def _smtp_url(text: str) -> str:
    """The address of the mail server. It holds a password: no message shows it."""
    try:
        url = urlsplit(text)
        fits = not text or (url.scheme in ("smtp", "smtps") and bool(url.hostname) and url.port != 0)
    except ValueError:
        fits = False
    if not fits:
        raise ConfigurationError(
            "MILLWRIGHT_SMTP_URL is like smtp://user:password@host:587 or smtps://user:password@host:465; "
            "write characters such as @ or / in the password as %40 or %2F."
        )
    return text


def _mail_from(text: str, *, needed: bool) -> str:
    try:
        fits = bool(Address(addr_spec=text).domain) if text else not needed
    except (ValueError, HeaderParseError):
        fits = False
    if not fits:
        raise ConfigurationError(
            f"MILLWRIGHT_MAIL_FROM is an address like millwright@example.com, not {text!r}."
        )
    return text


def _clamd(address: str) -> str:
    if address and not re.fullmatch(r"unix:/.+|tcp:[^:/\s]+(:[0-9]{1,5})?", address):
        raise ConfigurationError(
            f"MILLWRIGHT_CLAMD: {address!r} is no address; use unix:/path or tcp:host:port."
        )
    return address
