"""A Redis that takes connections and does not answer: nobody is refused, and nobody waits for long."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask

from tests.support import servers
from tests.support.application import application

CALLS = 6


def test_calls_that_find_it_hanging_together_are_answered(deployed_url: str, tmp_path: Path) -> None:
    try:
        with (
            servers.redis_server(tmp_path) as redis,
            application(deployed_url, tmp_path, MILLWRIGHT_REDIS_URL=redis.url) as app,
        ):
            assert _ask(app) == 401
            os.kill(redis.pid, signal.SIGSTOP)
            began = time.monotonic()
            with ThreadPoolExecutor(CALLS) as people:
                answers = list(people.map(_ask, [app] * CALLS))
            took = time.monotonic() - began
            os.kill(redis.pid, signal.SIGCONT)
    except servers.MissingProgram as missing:
        pytest.skip(str(missing))
    assert answers == [401] * CALLS
    assert took < 10


def _ask(app: Flask) -> int:
    return app.test_client().get("/api/v1/auth/me").status_code
