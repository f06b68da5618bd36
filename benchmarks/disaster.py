"""The disaster drill: a factory with years behind it is backed up, lost, and restored, against the clock.

    python -m benchmarks.disaster [--database URL] [--history 1000000] [--files 500] [--sealed]

The demonstration is set up in a folder of its own, its instances are written many times over
(benchmarks/past.py), and files are uploaded. Everything after that is done by the commands that an operator
uses, in processes of their own: two backups (the second finds the files copied already), the loss of the
database, the uploads and the folder; the restore, and the site's first answer. A database that is given
must be empty, and is emptied again by the disaster.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from app import config
from app.database import metadata, unit_of_work
from app.domain import attachments
from app.domain.attachments import CheckedFile
from app.engine.models import HistoryEntry
from app.ops import demo
from app.ops.backup import new_key, schema
from app.processes import build_engine
from app.storage import store_of
from benchmarks import past
from benchmarks.measuring import load, table
from benchmarks.served import database as server

RTO = 4 * 3600  # seconds; both from the reference document
RPO = 6 * 3600
FILE_SIZE = 200_000  # bytes, as a photo of a phone is


@dataclass(frozen=True)
class Done:
    """A command that has ended: how long it took and computed, and how much memory it had at most (MB)."""

    seconds: float
    cpu: float
    peak: float

    @property
    def figures(self) -> tuple[str, str, str]:
        return f"{self.seconds:.1f}", f"{self.cpu:.1f}", f"{self.peak:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--database", default="sqlite", help="sqlite or mariadb, made anew; or the address of an empty one"
    )
    parser.add_argument("--instances", type=int, default=50_000)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--history", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--sealed", action="store_true", help="encrypt the backups")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        (folder / "site").mkdir()
        url = options.database
        if url == "sqlite":
            url = f"sqlite:///{folder / 'site' / 'millwright.db'}"
        elif url == "mariadb":
            url, _ = running.enter_context(server(url, folder))
        _drill(folder, url, options)


def _drill(folder: Path, url: str, options: argparse.Namespace) -> None:
    data, kept = folder / "site", folder / "backups"
    settings = {
        "MILLWRIGHT_DATA": str(data),
        "MILLWRIGHT_DATABASE_URL": url,
        "MILLWRIGHT_BACKUPS": str(kept),
        "MILLWRIGHT_BACKUP_KEY": new_key() if options.sealed else "",
        "MILLWRIGHT_SECRET_KEY": "of the drill",
    }
    os.environ.update(settings)
    database = schema.open_database(url)
    began = time.perf_counter()
    _fill(database, options)
    rows = _history(database)
    print(f"Made in {time.perf_counter() - began:.0f} s: {rows:,} history rows.", flush=True)
    database.dispose()

    first = _run("backup")
    second = _run("backup")
    summary = json.loads(_output("backups", "--json"))["backups"][-1]
    lost_at = datetime.now(UTC)
    _destroy(database, data)
    restored = _run("restore", "latest", "--yes")
    answered = _first_answer(folder)
    assert _history(database) == rows, "history rows were lost"
    database.dispose()
    since = (lost_at - datetime.fromisoformat(summary["made_at"])).total_seconds()
    _table(options, summary, first, second, restored, answered, since)


def _fill(database: sa.Engine, options: argparse.Namespace) -> None:
    metadata.create_all(database)
    engine = build_engine()
    demo.load(engine, sessionmaker(database, expire_on_commit=False), whole=False)
    store = store_of(config.from_environment())
    with Session(database, expire_on_commit=False) as session, unit_of_work(session):
        for number in range(options.files):
            file = CheckedFile(f"photo {number}.jpg", "image/jpeg", os.urandom(FILE_SIZE))
            attachments.keep(session, store, file, None)
    with Session(database) as session, unit_of_work(session):
        past.multiply(session, instances=options.instances, open_tasks=options.tasks, history=options.history)


def _history(database: sa.Engine) -> int:
    with database.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(HistoryEntry.__table__)) or 0


def _destroy(database: sa.Engine, data: Path) -> None:
    """The machine is gone, and all that was on it. The backups are elsewhere."""
    if database.dialect.name != "sqlite":
        schema.drop_everything(database)
        database.dispose()
    shutil.rmtree(data)
    data.mkdir()


def _run(*arguments: str) -> Done:
    began = time.perf_counter()
    # What it says goes where progress goes: the results are the table.
    process = subprocess.Popen([sys.executable, "-m", "app.cli", *arguments], stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"millwright {' '.join(arguments)} failed")
    return Done(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _output(*arguments: str) -> str:
    command = [sys.executable, "-m", "app.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _first_answer(folder: Path) -> float:
    """Seconds until a page is answered after the start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.perf_counter()
    with (folder / "site.log").open("wb") as log:
        site = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "run", "--port", str(port)], stdout=log, stderr=log
        )
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=5).close()
                return time.perf_counter() - began
            except OSError:
                if site.poll() is not None or time.perf_counter() - began > 120:
                    raise SystemExit((folder / "site.log").read_text()[-3000:]) from None
                time.sleep(0.1)
    finally:
        site.terminate()
        site.wait()


def _table(
    options: argparse.Namespace,
    summary: dict[str, object],
    first: Done,
    second: Done,
    restored: Done,
    answered: float,
    since: float,
) -> None:
    kind = "SQLite" if options.database.startswith("sqlite") else "MariaDB"
    size = int(str(summary["size"])) / 1e6
    print(f"{kind}: {summary['rows']:,} rows, {summary['files']:,} files, archive {size:.0f} MB.")
    print(f"Load of the machine: {load()}.\n")
    whole = restored.seconds + answered
    lines = [
        ("backup with its verification", *first.figures, ""),
        ("the same, files known", *second.figures, ""),
        ("restore, verified", *restored.figures, ""),
        ("start until the first answer", f"{answered:.1f}", "", "", ""),
        ("**RTO**: from the loss to the first answer", f"{whole:.1f}", "", "", f"{whole / RTO:.1%} of 4 h"),
        ("**RPO**: lost in this drill", f"{since:.1f}", "", "", f"{since / RPO:.1%} of 6 h"),
    ]
    print(table(["", "seconds", "of them CPU", "peak MB", "of the target"], lines))


if __name__ == "__main__":
    main()
