"""One format for every log line, ours and the libraries': JSON for machines, columns for people."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import TextIO

import structlog
from structlog.typing import Processor

# Libraries whose every step is not news.
QUIET = ("alembic", "rq.worker", "SpiffWorkflow", "spiff", "spiff.workflow", "PIL", "fontTools")


def configure(environ: Mapping[str, str] | None = None, stream: TextIO | None = None) -> None:
    """Send all logging to ``stream`` (standard error).

    ``MILLWRIGHT_LOG_FORMAT`` is ``json`` or ``console`` (default: console on a terminal) and
    ``MILLWRIGHT_LOG_LEVEL`` a level's name (default: INFO). What is bound to structlog's
    context (request, user, instance, job) is on every line.
    """
    env = os.environ if environ is None else environ
    out = stream or sys.stderr
    form = env.get("MILLWRIGHT_LOG_FORMAT") or ("console" if out.isatty() else "json")
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[Processor]
    if form == "console":
        renderers = [structlog.dev.ConsoleRenderer(colors=out.isatty())]
    else:
        renderers = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    level = logging.getLevelNamesMapping().get(env.get("MILLWRIGHT_LOG_LEVEL", "INFO").upper(), logging.INFO)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
