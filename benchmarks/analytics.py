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

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.reports.catalogue import ReportName
from app.extensions import db
from app.web.analytics import VIEWS
from benchmarks import pages, requests
from benchmarks.served import DATABASE

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
    with pages.site(options.database, lambda app: _fill(db.engine, options)) as app:
        wanted = [address for address in addresses() if options.only in address]
        with app.app_context():
            database = db.engine
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
    with pages.told() as written, Session(database) as session, unit_of_work(session):
        written |= requests.write(session, requests=options.requests, years=options.years)
    with database.connect() as connection:
        if database.dialect.name == "sqlite":
            connection.exec_driver_sql("ANALYZE")
        else:
            for table in written:
                connection.exec_driver_sql(f"ANALYZE TABLE {table}")


if __name__ == "__main__":
    main()
