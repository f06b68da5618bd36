"""How long a list of spare parts takes to import: new, changed, and as it is already.

    python -m benchmarks.import_parts [--database URL] [--rows 10000]

Without a database it uses an SQLite file of its own. A database that is given has to be empty.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.domain.models
import app.engine.models
import app.engine.monitor.models  # noqa: F401 - to know the tables
from app.database import configure, engine_options, metadata, unit_of_work
from app.domain import stock_locations
from app.domain.imports import spare_parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--database", help="the address of an empty database")
    parser.add_argument("--rows", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.database or f"sqlite:///{Path(folder) / 'parts.db'}"
        database = sa.create_engine(url, **engine_options(url))
        configure(database)
        metadata.create_all(database)
        with Session(database) as session, unit_of_work(session):
            stock_locations.create_location(session, None, name="Main store")
        for what, price in (("new", "12,50"), ("changed", "13,75"), ("unchanged", "13,75")):
            data = _file(options.rows, price)
            began = time.perf_counter()
            with Session(database) as session:
                spare_parts.preview(session, data)
            previewed = time.perf_counter()
            with Session(database) as session, unit_of_work(session):
                spare_parts.run(session, data, None)
            seconds = (previewed - began, time.perf_counter() - previewed)
            print("{} rows, {}: preview {:.2f} s, import {:.2f} s".format(options.rows, what, *seconds))
        database.dispose()


def _file(rows: int, price: str) -> bytes:
    header = "partNumber;partName;groupNumber;quantity;minQuantity;unitPrice;location\n"
    lines = (f"P-{n:06d};Bearing {n};{n % 40};{n % 50};{n % 30};{price};Rack {n % 90}\n" for n in range(rows))
    return (header + "".join(lines)).encode()


if __name__ == "__main__":
    main()
