"""What the pages of analytics and the reports cost with years of maintenance behind them.

    python -m benchmarks.analytics [--database URL] [--requests 100000] [--years 1]

The small demonstration is set up, requests and all that belongs to them are written (benchmarks/requests.py),
and each page is asked for several times about the last 12 months, as a maintenance manager. A page that
compares with the 12 months before reads those too. Times are those inside the server; beside them stand the
statements, and the ratio to the page of one's own profile, in the same run. A database that is given is
filled if it is empty, and else taken as it is.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

import flask_migrate
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import create_app
from app.database import unit_of_work
from app.domain.reports.catalogue import ReportName
from app.extensions import db
from app.ops import demo, runtime
from app.web.analytics import VIEWS
from benchmarks import pages, requests
from benchmarks.served import DATABASE
from benchmarks.served import address as address_of

TARGET = 1000  # milliseconds
YEAR = "period=365"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--database", default="sqlite", help=DATABASE)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--years", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="pages whose address has this in it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, address_of(options.database) as url:
        os.environ["MILLWRIGHT_DATA"], os.environ["MILLWRIGHT_DATABASE_URL"] = folder, url
        app = create_app()
        with app.app_context():
            flask_migrate.upgrade(str(runtime.MIGRATIONS))
            if demo.load(
                app.extensions["millwright"], app.extensions["millwright.jobs"].sessions, whole=False
            ):
                _fill(db.engine, options)
            database = db.engine
        wanted = [address for address in addresses() if options.only in address]
        pages.measure(app, database, wanted, rounds=options.rounds, target=TARGET)


def addresses() -> list[str]:
    """All analyses and reports of the last 12 months, and some that are narrowed."""
    return [
        *(f"/analytics/{name}?{YEAR}" if name != "dashboard" else f"/analytics?{YEAR}" for name in VIEWS),
        "/analytics",
        f"/analytics/downtime?{YEAR}&department=1",
        f"/analytics/failures?{YEAR}&measure=cost",
        *(f"/reports/{name}?{YEAR}" for name in ReportName),
    ]


def _fill(database: sa.Engine, options: argparse.Namespace) -> None:
    began = time.perf_counter()
    with Session(database) as session, unit_of_work(session):
        written = requests.write(session, requests=options.requests, years=options.years)
    counted = ", ".join(f"{number:,} {name}" for name, number in written.items())
    print(f"Written in {time.perf_counter() - began:.0f} s: {counted}.", flush=True)
    with database.connect() as connection:
        if database.dialect.name == "sqlite":
            connection.exec_driver_sql("ANALYZE")
        else:
            for table in written:
                connection.exec_driver_sql(f"ANALYZE TABLE {table}")


if __name__ == "__main__":
    main()
