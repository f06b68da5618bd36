"""What one repair costs and leaves behind: the constants of the capacity model (docs/capacity.md).

    python -m benchmarks.footprint [--on sqlite|mariadb] [--repairs 60]

One client repairs machines, one after the other, and what the processes computed and the database wrote is
divided by their number. Then pages are asked for, and last nobody does anything: what a site costs that
only waits. CPU times change little with what else the machine does; others are not told here.
"""

from __future__ import annotations

import argparse
import random
import time

import sqlalchemy as sa

from benchmarks.completion import Browser
from benchmarks.measuring import cpu_seconds, load, table
from benchmarks.served import Served, site
from benchmarks.staff import PASSWORD, Api, Record, equip, repair

IDLE = 20  # seconds
PAGES = (
    ("inbox", "technician", "/"),
    ("the inbox asks whether anything is new", "technician", "/inbox/state"),
    ("a task with its form", "technician", "/tasks/{task}"),
    ("a request with its history", "supervisor", "/requests/{request}"),
    ("monitor", "manager", "/monitor"),
    ("dashboard", "manager", "/analytics"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--on", choices=("mariadb", "sqlite"), default="mariadb")
    parser.add_argument("--repairs", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=40, help="requests for each page")
    options = parser.parse_args()
    with site(options.on) as served:
        database = sa.create_engine(served.url)
        plant = equip(served.ports[0])
        api, chance = Api(served.ports[0], Record()), random.Random(1)
        for _ in range(max(5, options.repairs // 4)):
            repair(api, plant, chance)
        _settle(database)
        rows, size, asked = _rows(database), _size(database), _asked(database)
        api.record.calls.clear()
        used = _cpu(served)
        for _ in range(options.repairs):
            repair(api, plant, chance)
        _settle(database)
        spent = {name: now - used[name] for name, now in _cpu(served).items()}
        left = {name: now - rows.get(name, 0) for name, now in _rows(database).items()}
        grown, statements = _size(database) - size, _asked(database) - asked
        actions = len(api.record.actions())
        number = options.repairs
        print(f"{options.on}, {number} repairs. Load of the machine: {load()}.\n")
        lines = [
            [f"CPU ms, {name}", f"{1000 * s / number:.0f}", f"{1000 * s / actions:.1f}"]
            for name, s in spent.items()
        ]
        lines += [
            ["actions of people", f"{actions / number:.1f}", "1"],
            ["calls, with those that only look", f"{len(api.record.calls) / number:.1f}", ""],
            ["rows written", f"{sum(left.values()) / number:.1f}", f"{sum(left.values()) / actions:.1f}"],
            ["kB the database grows by", f"{grown / number / 1000:.1f}", f"{grown / actions / 1000:.1f}"],
        ]
        if statements:
            lines.append(["statements, jobs included", f"{statements / number:.0f}", ""])
        print(table(["", "a repair", "an action"], lines), "\n")
        kept = sorted(((count, name) for name, count in left.items() if count > 0), reverse=True)
        print(table(["rows", "a repair"], [[f"`{n}`", f"{count / number:.1f}"] for count, n in kept]), "\n")
        print(
            table(["a page", "CPU ms in the web process", "in the database"], _pages(served, options)), "\n"
        )
        before = _cpu(served)
        time.sleep(IDLE)
        idle = {name: (now - before[name]) * 1000 / IDLE for name, now in _cpu(served).items()}
        print(
            table(["nobody does anything", "CPU ms a second"], [[n, f"{ms:.1f}"] for n, ms in idle.items()])
        )
        database.dispose()


def _settle(database: sa.Engine) -> None:
    """Wait until no job that is due is left."""
    due = sa.text("SELECT COUNT(*) FROM jobs WHERE state = 'waiting' AND run_at <= :now")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with database.connect() as connection:
            if not connection.scalar(due, {"now": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())}):
                return
        time.sleep(0.2)


def _cpu(served: Served) -> dict[str, float]:
    return {name: cpu_seconds(pid) for name, pid in served.processes.items()}


def _rows(database: sa.Engine) -> dict[str, int]:
    names = sa.inspect(database).get_table_names()
    with database.connect() as connection:
        return {
            name: connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) or 0
            for name in names
        }


def _size(database: sa.Engine) -> int:
    """Bytes of rows and indexes. MariaDB tells them in pages: to see them grow takes some repairs."""
    with database.connect() as connection:
        if database.dialect.name == "sqlite":
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            return int(pages) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())
        connection.exec_driver_sql("FLUSH TABLES")
        query = (
            "SELECT SUM(data_length + index_length) FROM information_schema.tables "
            "WHERE table_schema = DATABASE()"
        )
        return int(connection.exec_driver_sql(query).scalar_one())


def _asked(database: sa.Engine) -> int:
    if database.dialect.name == "sqlite":
        return 0
    with database.connect() as connection:
        return int(connection.exec_driver_sql("SHOW GLOBAL STATUS LIKE 'Questions'").one()[1])


def _pages(served: Served, options: argparse.Namespace) -> list[list[str]]:
    database = sa.create_engine(served.url)
    with database.connect() as connection:
        task = connection.scalar(
            sa.text("SELECT MAX(id) FROM user_tasks WHERE state = 'open' AND element_id = 'accept_request'")
        )
        request = connection.scalar(sa.text("SELECT MAX(id) FROM maintenance_requests"))
    database.dispose()
    rows = []
    web = served.processes["web"]
    server = served.processes.get("database")
    for name, who, path in PAGES:
        browser = Browser(served.ports[0])
        token = browser.token("/sign-in")
        form = {"csrf_token": token, "email": f"{who}@millwright.example", "password": PASSWORD}
        browser.send("POST", "/sign-in", form)
        address = path.format(task=task, request=request)
        for _ in range(3):
            answer = browser.send("GET", address)
        if answer.status != 200:
            raise SystemExit(f"{address} answered {answer.status}")
        before = (cpu_seconds(web), cpu_seconds(server) if server else 0.0)
        for _ in range(options.rounds):
            browser.send("GET", address)
        after = (cpu_seconds(web), cpu_seconds(server) if server else 0.0)
        figures = [1000 * (now - then) / options.rounds for then, now in zip(before, after, strict=True)]
        rows.append([name, *(f"{each:.1f}" for each in figures)])
    return rows


if __name__ == "__main__":
    main()
