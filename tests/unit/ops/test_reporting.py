"""Errors and traces are sent where the settings say, with ids and without anybody's data.

Both libraries change the process that uses them: each test has one of its own.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sqlalchemy.orm import Session

from app.config import ConfigurationError
from app.database import engine_options
from app.ops import errors_elsewhere, tracing
from tests.support.collector import collector
from tests.support.site import environment

PROGRAM = """
import sys

import sqlalchemy as sa
import structlog

from app import create_app
from app.extensions import db

app = create_app()

@app.get("/broken/<int:instance_id>")
def broken(instance_id):
    secret = "a local secret"
    raise RuntimeError("on purpose")

@app.get("/refused")
def refused():
    write = sa.text("INSERT INTO leases (name, holder, beat) VALUES ('Ada Lovelace', :holder, 1)")
    for _ in range(2):
        db.session.execute(write, {"holder": "Babbage"})
    return ""

client = app.test_client()
client.set_cookie("session", "a-cookie")
for path in sys.argv[1:]:
    client.get(path, headers={"Authorization": "Bearer a-token", "X-Request-ID": "request-1234"})

if provider := app.extensions.get("millwright.tracing"):
    provider.force_flush()
if "sentry_sdk" in sys.modules:
    sys.modules["sentry_sdk"].flush()
LIBRARIES = ("sentry_sdk", "opentelemetry.exporter", "opentelemetry.instrumentation")
print(sorted(name for name in LIBRARIES if name in sys.modules))
"""


def run(url: str, data: Path, *paths: str, **settings: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *paths],
        env=environment(data, MILLWRIGHT_DATABASE_URL=url, **settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.fixture
def url(database: sa.Engine, database_url: str) -> str:
    return database_url


def test_without_settings_nothing_is_imported(url: str, tmp_path: Path) -> None:
    assert run(url, tmp_path, "/sign-in") == "[]"


def test_an_error_is_reported_with_ids_and_without_anybodys_data(url: str, tmp_path: Path) -> None:
    with collector() as sentry:
        dsn = f"http://public@127.0.0.1:{sentry.port}/7"
        run(
            url,
            tmp_path,
            "/broken/42?password=hunter2",
            MILLWRIGHT_SENTRY_DSN=dsn,
            MILLWRIGHT_ENVIRONMENT="staging",
            MILLWRIGHT_TRACED_SHARE="0",
        )
    (event,) = events(sentry.received)
    assert event["exception"]["values"][-1]["value"] == "on purpose"
    assert event["environment"] == "staging"
    assert event["release"].startswith("millwright@")
    assert event["tags"]["request_id"] == "request-1234"
    assert event["tags"]["instance_id"] == "42"
    assert event["request"] == {"method": "GET", "url": "http://localhost/broken/42"}
    sent = b"".join(body for _, body in sentry.received).decode()
    for secret in ("hunter2", "a-cookie", "a-token", "a local secret"):
        # The lines of the program around the error are its own text.
        assert secret not in sent.replace('secret = \\"a local secret\\"', "")


def test_what_was_to_be_written_is_in_no_report(url: str, tmp_path: Path) -> None:
    with collector() as sentry:
        dsn = f"http://public@127.0.0.1:{sentry.port}/7"
        run(url, tmp_path, "/refused", MILLWRIGHT_SENTRY_DSN=dsn, MILLWRIGHT_TRACED_SHARE="0")
    reported = events(sentry.received)
    assert reported
    values = json.dumps([event.get("exception") for event in reported])
    assert "IntegrityError" in values
    messages = [error["value"] for event in reported for error in event["exception"]["values"]]
    assert not any("Lovelace" in message or "Babbage" in message for message in messages)


def events(received: list[tuple[str, bytes]]) -> list[dict[str, Any]]:
    """The errors among the envelopes that Sentry's library has sent."""
    found = []
    for path, body in received:
        assert path == "/api/7/envelope/"
        lines = body.splitlines()
        for header, item in itertools.pairwise(lines):
            if header.startswith(b"{") and json.loads(header).get("type") == "event":
                found.append(json.loads(item))
    return found


def test_requests_are_traced_with_their_statements_and_no_values(url: str, tmp_path: Path) -> None:
    with collector() as traces:
        run(
            url,
            tmp_path,
            "/healthz",
            "/sign-in?name=Lovelace",
            "/refused",
            MILLWRIGHT_OTLP_ENDPOINT=f"http://127.0.0.1:{traces.port}",
            MILLWRIGHT_TRACED_SHARE="1",
        )
    spans, resources = [], {}
    for path, body in traces.received:
        assert path == "/v1/traces"
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            resources.update({each.key: each.value.string_value for each in group.resource.attributes})
            spans += [span for scope in group.scope_spans for span in scope.spans]
    names = {span.name for span in spans}
    assert "GET /sign-in" in names
    assert any(name.startswith("INSERT") for name in names)
    assert not any("healthz" in name for name in names)
    assert resources["service.name"] == "millwright-web"
    parents = {span.span_id: span for span in spans}
    insert = next(span for span in spans if span.name.startswith("INSERT"))
    assert parents[insert.parent_span_id].name == "GET /refused"
    assert "Babbage" not in str(spans)


@pytest.mark.parametrize(
    ("setting", "value", "library"),
    [
        ("MILLWRIGHT_SENTRY_DSN", "http://key@127.0.0.1/1", "sentry_sdk"),
        (
            "MILLWRIGHT_OTLP_ENDPOINT",
            "http://127.0.0.1:1",
            "opentelemetry.exporter.otlp.proto.http.trace_exporter",
        ),
    ],
)
def test_a_library_that_is_not_installed_is_named(
    setting: str, value: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    settings = {
        "MILLWRIGHT_SENTRY_DSN": "",
        "MILLWRIGHT_OTLP_ENDPOINT": "",
        "MILLWRIGHT_ENVIRONMENT": "test",
        "MILLWRIGHT_TRACED_SHARE": 0.1,
        setting: value,
    }
    with pytest.raises(ConfigurationError, match=setting):
        errors_elsewhere.init(settings)
        tracing.init_database(settings, sa.create_engine("sqlite://"))


@pytest.mark.databases
def test_a_message_about_a_statement_quotes_nobody(database_url: str, database: sa.Engine) -> None:
    with Session(sa.create_engine(database_url, **engine_options(database_url))) as session:
        with pytest.raises(sa.exc.DatabaseError) as caught:
            session.execute(sa.text("SELECT :name FROM nowhere"), {"name": "Lovelace"})
        session.get_bind().dispose()
    assert "Lovelace" not in str(caught.value)
