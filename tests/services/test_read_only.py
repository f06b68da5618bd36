"""What runs in a container whose file system is read-only writes nothing but to its data and to /tmp."""

from __future__ import annotations

import signal
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.servers import Server, free_port
from tests.support.site import COMMAND, ROOT, environment

PATIENCE = 60  # seconds

# Every process of Python reads this at its start, and then tells what it opens for writing.
TELLTALE = """
import os, sys

told = os.open(os.environ["TELLTALE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

def tell(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)) and (arguments[2] or 0) & writing:
        os.write(told, os.fsencode(os.path.abspath(arguments[0])) + b"\\n")
    elif event in ("os.mkdir", "os.rename") and not os.path.isdir(arguments[0]):  # else it is there already
        os.write(told, os.fsencode(os.path.abspath(arguments[0])) + b"\\n")

sys.addaudithook(tell)
"""


@pytest.mark.parametrize(
    "command", [[*COMMAND, "run", "--workers", "2"], [sys.executable, str(ROOT / "worker.py"), "--scheduler"]]
)
def test_nothing_is_written_elsewhere(
    deployed_url: str, redis_url: str, tmp_path: Path, command: list[str]
) -> None:
    data, beside, port = tmp_path / "data", tmp_path / "beside", free_port()
    data.mkdir()
    beside.mkdir()
    (beside / "sitecustomize.py").write_text(TELLTALE)
    told = tmp_path / "told"
    settings = environment(
        data,
        MILLWRIGHT_DATABASE_URL=deployed_url,
        MILLWRIGHT_REDIS_URL=redis_url,
        MILLWRIGHT_METRICS_PORT="" if "run" in command else str(port),
        PYTHONPATH=f"{beside}:{ROOT}",
        PYTHONDONTWRITEBYTECODE="1",
        TELLTALE=str(told),
        TMPDIR=str(tmp_path / "tmp"),
    )
    (tmp_path / "tmp").mkdir()
    arguments = ["--port", str(port)] if "run" in command else []
    running = Server([*command, *arguments], port=port, log=tmp_path / "log", environment=settings)
    try:
        address = f"http://127.0.0.1:{port}"

        def ask(path: str) -> None:
            urllib.request.urlopen(address + path, timeout=PATIENCE).close()  # noqa: S310

        running.wait_until(lambda: ask("/healthz"), (OSError,))
        for path in ("/metrics", "/sign-in") if "run" in command else ("/metrics",):
            ask(path)
        running._process.send_signal(signal.SIGTERM)
        assert running._process.wait(PATIENCE) == 0, (tmp_path / "log").read_text()[-2000:]
    finally:
        running.stop()
    allowed = (f"{data}", f"{tmp_path / 'tmp'}", "/dev/", "/proc/", str(told))
    written = told.read_text().splitlines()
    assert [path for path in written if not path.startswith(allowed)] == []
    if "run" in command:
        assert any("millwright-metrics-" in path for path in written)  # the telltale tells
