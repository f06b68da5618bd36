"""Traces are sent to an OpenTelemetry collector, where the site has one: ``millwright[opentelemetry]``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import sqlalchemy as sa
import structlog
from flask import Flask

from app.config import ConfigurationError
from app.ops.metrics.database import without_values

# Asked every few seconds by machines.
UNTRACED = "healthz,readyz,metrics,static"


def init(app: Flask) -> bool:
    """Trace the requests of ``app`` and their statements, if the settings say where to; answers whether."""
    provider = _provider(app.config, "millwright-web")
    if provider is None:
        return False
    from opentelemetry.instrumentation.flask import FlaskInstrumentor

    from app.extensions import db

    FlaskInstrumentor().instrument_app(app, tracer_provider=provider, excluded_urls=UNTRACED)
    with app.app_context():
        _trace_statements(db.engine, provider)
    app.before_request(_name_trace)
    app.extensions["millwright.tracing"] = provider
    return True


def init_database(settings: Mapping[str, Any], engine: sa.Engine) -> bool:
    """Trace the statements of a process that serves no pages; answers whether the settings say where to."""
    provider = _provider(settings, "millwright-worker")
    if provider is not None:
        _trace_statements(engine, provider)
    return provider is not None


def _provider(settings: Mapping[str, Any], service: str) -> Any:
    """What collects this process's traces and sends them now and then; None where none are wanted.

    Call it after forking: a thread sends.
    """
    endpoint = settings["MILLWRIGHT_OTLP_ENDPOINT"]
    if not endpoint:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ImportError:
        raise ConfigurationError(
            "MILLWRIGHT_OTLP_ENDPOINT needs the OpenTelemetry libraries: "
            "pip install “millwright[opentelemetry]”."
        ) from None
    about = {
        "service.name": service,
        "service.version": version("millwright"),
        "deployment.environment.name": settings["MILLWRIGHT_ENVIRONMENT"],
    }
    provider = TracerProvider(
        resource=Resource.create(about),
        sampler=ParentBased(TraceIdRatioBased(settings["MILLWRIGHT_TRACED_SHARE"])),
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
    return provider


def _trace_statements(engine: sa.Engine, provider: Any) -> None:
    """A span for each statement: as it is written in the program, without its values."""
    from opentelemetry.trace import SpanKind, Status, StatusCode

    tracer = provider.get_tracer("millwright.database")
    system = engine.dialect.name

    @sa.event.listens_for(engine, "before_cursor_execute")
    def begin(
        connection: sa.Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        attributes = {"db.system.name": system, "db.query.text": without_values(statement)}
        name = statement.split(None, 1)[0].upper() if statement.strip() else "statement"
        connection.info["span"] = tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)

    @sa.event.listens_for(engine, "after_cursor_execute")
    def end(
        connection: sa.Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if span := connection.info.pop("span", None):
            span.end()

    @sa.event.listens_for(engine, "handle_error")
    def failed(context: sa.engine.ExceptionContext) -> None:
        connection = context.connection
        if connection is not None and (span := connection.info.pop("span", None)):
            span.set_status(Status(StatusCode.ERROR, type(context.original_exception).__name__))
            span.end()


def _name_trace() -> None:
    """Let the log's lines and the trace find each other."""
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        structlog.contextvars.bind_contextvars(trace_id=f"{context.trace_id:032x}")
