"""How long lists take to import, of each kind: new, changed, and as they are already.

    python -m benchmarks.imports [--database URL] [--rows 10000] [--kind preventive-plans]

Without a database it uses an SQLite file of its own. A database that is given has to be empty.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.domain.models
import app.engine.models
import app.engine.monitor.models  # noqa: F401 - to know the tables
from app.database import configure, engine_options, metadata, unit_of_work
from app.domain import departments, stock_locations
from app.domain.imports.kinds import KINDS

# A line of each kind, by its number and by whether it is the changed one. Plans name the machines and parts.
LINES: dict[str, tuple[str, Callable[[int, bool], str]]] = {
    "machines": (
        "name;qrCode;department;model;location",
        lambda n, changed: f"Machine {n};M-{n:06};Stamping;MSP {n % 7 + changed};Row {n % 50}",
    ),
    "spare-parts": (
        "partNumber;partName;groupNumber;quantity;minQuantity;unitPrice;location",
        lambda n, changed: (
            f"P-{n:06};Bearing {n};{n % 40};{n % 50};{n % 30};{'13,75' if changed else '12,50'};Rack {n % 90}"
        ),
    ),
    "users": (
        "email;name;role;department",
        lambda n, changed: (
            f"user{n}@factory.example;Person {n};{'SUPERVISOR' if changed else 'MAINTENANCE_TECH'};Stamping"
        ),
    ),
    "failure-codes": (
        "code;name;description",
        lambda n, changed: f"F-{n:06};Failure {n};{'Seen twice' if changed else 'Seen once'}",
    ),
    "preventive-plans": (
        "machine;title;repeat;estimatedMinutes;checklist;parts",
        lambda n, changed: (
            f"M-{n // 4:06};Check {n % 4};every {n % 5 + 1 + changed} weeks;{30 + 10 * changed};"
            f"No leaks | Pressure [bar 4..{6 + changed}];P-{n:06} x {1 + changed}"
        ),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--database", help="the address of an empty database")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--kind", choices=tuple(LINES), help="that kind alone, on top of what it names")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.database or f"sqlite:///{Path(folder) / 'lists.db'}"
        database = sa.create_engine(url, **engine_options(url))
        configure(database)
        metadata.create_all(database)
        with Session(database) as session, unit_of_work(session):
            stock_locations.create_location(session, None, name="Main store")
            departments.create_department(session, None, name="Stamping")
        for kind in LINES:
            if options.kind in (None, kind):
                for what in ("new", "changed", "unchanged"):
                    seconds = _measured(database, kind, _file(kind, options.rows, what != "new"))
                    print(
                        "{}, {:,} rows, {}: preview {:.2f} s ({:.2f} of the processor), "
                        "import {:.2f} s ({:.2f})".format(kind, options.rows, what, *seconds),
                        flush=True,
                    )
            elif options.kind == "preventive-plans" and kind in ("machines", "spare-parts"):
                _measured(database, kind, _file(kind, options.rows, changed=False))
        database.dispose()


def _measured(database: sa.Engine, kind: str, data: bytes) -> tuple[float, ...]:
    """How many seconds the preview and the import of a file take: by the clock, and of this processor."""
    began, worked = time.perf_counter(), time.process_time()
    with Session(database) as session:
        report = KINDS[kind].preview(session, data).report
    if report.problems:
        raise SystemExit(f"{kind}: {report.problems[0]}")
    previewed, looked = time.perf_counter(), time.process_time()
    with Session(database) as session, unit_of_work(session):
        KINDS[kind].run(session, data, None)
    imported, wrote = time.perf_counter(), time.process_time()
    return previewed - began, looked - worked, imported - previewed, wrote - looked


def _file(kind: str, rows: int, changed: bool) -> bytes:
    header, line = LINES[kind]
    return "\n".join((header, *(line(number, changed) for number in range(rows)))).encode()


if __name__ == "__main__":
    main()
