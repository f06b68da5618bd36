"""All benchmarks, one after the other, and their results as benchmarks/RESULTS.md.

    python -m benchmarks [--quick] [--long] [--only NAME ...] [--database sqlite|mariadb] [--output FILE]

Each is a program of its own in a process of its own: one that fails is told in the results, and the others
go on. Ratios are within one run of one program. ``--quick`` is to see that everything works, in some
minutes; the default takes about a quarter of an hour on two cores; ``--long`` has the million rows on both
databases, the disaster drill with them, and ten minutes of load.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measuring import load, machine
from tests.support.servers import MissingProgram, find

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name("RESULTS.md")
QUICK, NORMAL, LONG = range(3)
PATIENCE = 3600  # seconds for one program


@dataclass(frozen=True)
class Part:
    """A program, what it is asked in a quick, a normal and a long run (None: nothing), and on what."""

    name: str
    title: str
    module: str
    quick: str | None
    normal: str | None
    long: str | None = None
    database: str = ""

    def arguments(self, length: int) -> list[str] | None:
        """What it is started with in a run of this length."""
        given = (self.quick, self.normal, self.normal if self.long is None else self.long)[length]
        return None if given is None else given.split()


def _on_both(name: str, title: str, module: str, *given: str, option: str = "--database") -> list[Part]:
    """The same on SQLite and on MariaDB."""
    parts = []
    for database, words in (("sqlite", "SQLite"), ("mariadb", "MariaDB")):
        asked = [f"{option} {database} {each}" for each in given]
        parts.append(Part(name, f"{title}, {words}", module, *asked, database=database))
    return parts


PARTS = [
    *_on_both("startup", "Start-up and memory", "startup", "--rounds 1", ""),
    *_on_both("completion", "A task completion over HTTP", "completion", "--rounds 30 --ages 60", ""),
    Part(
        "inbox", "The inbox, SQLite", "inbox", "--sizes 100 1000 --rounds 4", "", database="sqlite",
    ),
    Part("inbox", "The inbox, MariaDB", "inbox", None, None, "--database mariadb", "mariadb"),
    *_on_both(
        "clients", "Throughput of N clients", "clients", "--seconds 4 --clients 1 4", "--seconds 8",
        option="--on",
    ),
    Part("nodes", "One and two nodes", "nodes", "--seconds 5", "--seconds 15", "--seconds 60", "mariadb"),
    Part(
        "load", "Load, MariaDB", "load", "--on mariadb --minutes 0.3", "--on mariadb --minutes 1",
        "--on mariadb --minutes 10", "mariadb",
    ),
    Part(
        "load", "Load, SQLite", "load", "--on sqlite --minutes 0.3", None, "--on sqlite --minutes 10",
        "sqlite",
    ),
    Part(
        "monitor", "The monitor, SQLite", "monitor",
        "--instances 500 --tasks 200 --history 10000 --rounds 3", "", database="sqlite",
    ),
    Part("monitor", "The monitor, MariaDB", "monitor", None, None, "--database mariadb", "mariadb"),
    Part(
        "footprint", "What a repair costs and leaves behind, MariaDB", "footprint",
        "--repairs 5 --rounds 5", "", database="mariadb",
    ),
    Part(
        "footprint", "What a repair costs and leaves behind, SQLite", "footprint",
        None, None, "--on sqlite", "sqlite",
    ),
    Part("analytics", "Analytics", "analytics", None, "", ""),
    Part("imports", "Imports of 10,000 rows", "imports", None, "", ""),
    Part(
        "disaster", "The disaster drill, SQLite", "disaster",
        "--sealed --instances 500 --tasks 200 --history 10000 --files 20",
        "--sealed --instances 5000 --tasks 2000 --history 100000 --files 100", "--sealed", "sqlite",
    ),
    Part(
        "disaster", "The disaster drill, MariaDB", "disaster", None, None,
        "--sealed --database mariadb", "mariadb",
    ),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only see that everything works")
    parser.add_argument("--long", action="store_true", help="everything, at its full size")
    parser.add_argument("--only", nargs="+", choices=sorted({part.name for part in PARTS}))
    parser.add_argument("--database", choices=("sqlite", "mariadb"), help="only what runs on this one")
    parser.add_argument("--output", type=Path, help="instead of benchmarks/RESULTS.md; - is the terminal")
    options = parser.parse_args()
    length = QUICK if options.quick else LONG if options.long else NORMAL
    chosen = [
        (part, arguments)
        for part in PARTS
        if (arguments := part.arguments(length)) is not None
        and (ROOT / "benchmarks" / f"{part.module}.py").exists()
        and (not options.only or part.name in options.only)
        and (not options.database or part.database in ("", options.database))
    ]
    began, sections, failed = time.monotonic(), [], []
    for number, (part, arguments) in enumerate(chosen, 1):
        print(f"{number} of {len(chosen)}: {part.title} ...", file=sys.stderr, flush=True)
        text, well = _run(part, arguments)
        sections.append(text)
        if not well:
            failed.append(part.title)
    text = "\n".join([_head(length, time.monotonic() - began), *sections])
    if str(options.output) == "-":
        print(text)
    else:
        # A part of the whole does not take the place of the whole.
        to = options.output or (None if options.only or options.database else RESULTS)
        print(text) if to is None else to.write_text(text)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _run(part: Part, arguments: list[str]) -> tuple[str, bool]:
    """One section of the results, and whether the program ended well."""
    began, before = time.monotonic(), load()
    with tempfile.TemporaryFile("w+") as complaints:
        ended = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{part.module}", *arguments],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=complaints, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        complaints.seek(0)
        said = complaints.read()
    asked = " ".join(["python -m", f"benchmarks.{part.module}", *arguments])
    took = time.monotonic() - began
    body = ended.stdout.strip()
    if "| ---" not in body and "|---" not in body and body:
        body = f"```\n{body}\n```"
    lines = [f"## {part.title}", "", f"`{asked}`, {took:.0f} s, load before it {before}.", "", body, ""]
    if ended.returncode:
        print(said[-3000:], file=sys.stderr, flush=True)
        # Paths and addresses of this machine stay out of what is written down.
        last = said.strip().splitlines()[-1:] or ["no reason given"]
        lines += [f"**Failed**: {last[0].replace(str(ROOT), '.')[:300]}", ""]
    return "\n".join(lines), not ended.returncode


def _head(length: int, seconds: float) -> str:
    which = ("--quick", "", "--long")[length]
    asked = f"python -m benchmarks {which}".strip()
    return f"""# Results of the benchmarks

Written by `{asked}` on {datetime.now(UTC):%d %B %Y}, in {seconds / 60:.0f} minutes.

{machine()}; {", ".join(_versions())}. Clients, servers and databases shared that machine. Ratios are within
one run of one program; milliseconds of another machine are others. What follows from them for a site is in
[the capacity model](../docs/capacity.md).
"""


def _versions() -> list[str]:
    found = [f"SQLite {sqlite3.sqlite_version}"]
    for program, package in (("mariadbd", "mariadb-server"), ("redis-server", "redis-server")):
        try:
            path = find(program, package=package)
        except MissingProgram:
            continue
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        number = next((word for word in said.replace("v=", " ").split() if word[:1].isdigit()), "?")
        found.append(f"{'MariaDB' if 'maria' in program else 'Redis'} {number.split('-')[0]}")
    wanted = ("Flask", "SQLAlchemy", "SpiffWorkflow", "gunicorn")
    return [*found, *(f"{name} {importlib.metadata.version(name)}" for name in wanted), platform.system()]


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
