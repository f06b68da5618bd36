"""Starts ``millwright`` or ``gunicorn`` quickly, from a process that has imported all of it and nothing else.

Importing takes five times as long as making the application, and browser tests start one site each. Run as a
program, this reads what to start from its input, a line of JSON each, and answers the number of the process.
A process may be put on a network of its own, and be given a clock that can be set (see
:mod:`tests.support.wrong_clock`).
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.support import wrong_clock
from tests.support.servers import die_with_parent, enter_network

ROOT = Path(__file__).resolve().parents[2]

_nursery: subprocess.Popen[str] | None = None


class Forked:
    """A process that somebody else has started, handled like one of one's own."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """End it with all that it has started."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has ended, or is not its group's leader yet
            self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("millwright", timeout or 0)
            time.sleep(0.01)
        return 0


def start(
    arguments: list[str],
    *,
    log: Path,
    environment: dict[str, str],
    program: str = "millwright",
    network: Path | None = None,
    clock: Path | None = None,
) -> Forked:
    """Run ``millwright`` or ``gunicorn`` with these arguments, what it writes going to the end of ``log``.

    ``network`` is the file of a network namespace, and ``clock`` the file that says how wrong its clock is.
    """
    global _nursery
    if _nursery is None or _nursery.poll() is not None:
        _nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.support.warm"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    assert _nursery.stdin is not None and _nursery.stdout is not None
    order = {
        "program": program,
        "arguments": arguments,
        "log": str(log),
        "environment": environment,
        "folder": str(Path.cwd()),
        "network": None if network is None else str(network),
        "clock": None if clock is None else str(clock),
    }
    _nursery.stdin.write(json.dumps(order) + "\n")
    _nursery.stdin.flush()
    return Forked(int(_nursery.stdout.readline()))


def _serve() -> None:
    import app

    for module in pkgutil.walk_packages(app.__path__, "app."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those that end are not waited for
    for line in sys.stdin:
        order = json.loads(line)
        if pid := os.fork():
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()
        else:
            _become(order)


def _become(order: dict[str, Any]) -> None:
    """Be a process of one's own, as if started by the shell."""
    os.setsid()
    die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for stream, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(stream, target)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    if order["network"] is not None:
        enter_network(Path(order["network"]))
    if order["clock"] is not None:
        wrong_clock.wear(Path(order["clock"]))
    if order["program"] == "gunicorn":
        from gunicorn.app.wsgiapp import run

        sys.argv = ["gunicorn", *order["arguments"]]
        run()
    else:
        from app.cli import cli

        cli.main(args=order["arguments"], prog_name="millwright")


if __name__ == "__main__":
    _serve()
