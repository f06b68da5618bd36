"""What a second web node brings, and whether anything waits that need not.

    python -m benchmarks.nodes [--clients 8] [--seconds 40]

The same clients repair machines on MariaDB over one web node and over two; each round is a new site. All of
it shares this machine's cores with the clients and the database: where there are only two, the ratio of the
throughputs says little. So the cores that each process used stand beside it, and how often, and how long, the
database made one transaction wait for another's rows. Waits are those of two clients at one machine or one
part; with as many machines as there are clients, and none of them shared, there must be none
(tests/faults/test_nobody_waits.py holds that still).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace

import sqlalchemy as sa

from benchmarks.measuring import cpu_seconds, load, quantile, table
from benchmarks.served import Served, site
from benchmarks.staff import Crew, Plant, equip

COUNTERS = ("Innodb_row_lock_waits", "Innodb_row_lock_time", "Innodb_deadlocks", "Questions", "Com_commit")


@dataclass(frozen=True)
class Round:
    """What some clients got done."""

    actions: float  # a second
    p95: float  # milliseconds
    repairs: int
    errors: int
    cores: dict[str, float]
    counted: dict[str, float]  # what the database counted, for each action

    @property
    def web_ms(self) -> float:
        """Milliseconds of CPU in the web nodes for each action."""
        return 1000 * sum(used for name, used in self.cores.items() if "web" in name) / self.actions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=40)
    options = parser.parse_args()
    apart, shared = {}, {}
    for nodes in (1, 2):
        with site("mariadb", nodes=nodes) as served:
            plant = equip(served.ports[0])
            _round(served, plant, options.clients, 5, alone=False)  # warms everything up
            shared[nodes] = _round(served, plant, options.clients, options.seconds, alone=False)
            apart[nodes] = _round(served, plant, options.clients, options.seconds, alone=True)
    rounds = {
        f"{nodes} node{'s' if nodes > 1 else ''}, {what}": found[nodes]
        for what, found in (("any machine and part", shared), ("each client its own", apart))
        for nodes in (1, 2)
    }
    head = [
        "web nodes, clients' machines", "actions/s", "ratio", "p95 ms", "errors", "cores of web",
        "cores of the database", "web CPU ms/action", "statements/action", "row waits/1,000 actions",
        "ms waited/action", "deadlocks",
    ]  # fmt: skip
    print(f"{options.clients} clients, {options.seconds:g} s a round. Load of the machine: {load()}.\n")
    rows = []
    for name, each in rounds.items():
        alone = shared[1] if "any" in name else apart[1]
        rows.append(
            [
                name, f"{each.actions:.1f}", f"{each.actions / alone.actions:.2f}", f"{each.p95:.0f}",
                each.errors, f"{sum(used for key, used in each.cores.items() if 'web' in key):.2f}",
                f"{each.cores['database']:.2f}", f"{each.web_ms:.1f}",
                f"{each.counted['Questions']:.0f}",
                f"{each.counted['Innodb_row_lock_waits'] * 1000:.1f}",
                f"{each.counted['Innodb_row_lock_time']:.2f}",
                f"{each.counted['Innodb_deadlocks'] * each.actions * options.seconds:.0f}",
            ]
        )  # fmt: skip
    print(table(head, rows))
    waits = max(each.counted["Innodb_row_lock_waits"] for each in apart.values())
    if any(each.errors for each in rounds.values()) or waits > MOST_WAITS:
        raise SystemExit(f"{waits * 1000:.1f} waits in 1,000 actions where nobody shares anything")


MOST_WAITS = 0.005  # an action, where no two clients share a machine or a part


def _round(served: Served, plant: Plant, clients: int, seconds: float, *, alone: bool) -> Round:
    database = sa.create_engine(served.url)
    with Crew(served.ports, plant, clients, alone=alone) as crew:
        before, used = _counters(database), {n: cpu_seconds(p) for n, p in served.processes.items()}
        began, first = time.monotonic(), len(crew.record.calls)
        time.sleep(seconds)
        took = time.monotonic() - began
        counted, now = _counters(database), {n: cpu_seconds(p) for n, p in served.processes.items()}
        done = replace(crew.record, calls=crew.record.calls[first:]).actions()
    database.dispose()
    number = max(1, len(done))
    return Round(
        actions=number / took,
        p95=quantile([call.seconds * 1000 for call in done] or [0.0], 0.95),
        repairs=crew.record.repairs,
        errors=len(crew.record.errors),
        cores={name: (now[name] - used[name]) / took for name in now},
        counted={name: (counted[name] - before[name]) / number for name in counted},
    )


def _counters(database: sa.Engine) -> dict[str, int]:
    with database.connect() as connection:
        rows = connection.exec_driver_sql("SHOW GLOBAL STATUS").all()
    found = {row[0]: row[1] for row in rows}
    return {name: int(found.get(name, 0)) for name in COUNTERS}


if __name__ == "__main__":
    main()
