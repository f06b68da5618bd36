"""How throughput and latency change with the number of clients, on one web node.

    python -m benchmarks.clients [--on sqlite|mariadb] [--clients 1 2 4 8] [--seconds 12]

Ratios are to the first number of clients, in the same run on the same site.
"""

from __future__ import annotations

import argparse
import time

from benchmarks.measuring import cpu_seconds, load, quantile, table
from benchmarks.served import site
from benchmarks.staff import Crew, equip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--on", choices=("mariadb", "sqlite"), default="sqlite")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=12)
    options = parser.parse_args()
    rows: list[list[str]] = []
    first = None
    with site(options.on) as served:
        plant = equip(served.ports[0])
        for clients in [options.clients[0], *options.clients]:
            with Crew(served.ports, plant, clients) as crew:
                used, began = {n: cpu_seconds(p) for n, p in served.processes.items()}, time.monotonic()
                time.sleep(options.seconds)
                took = time.monotonic() - began
                actions = crew.record.actions()
                spent = {n: cpu_seconds(p) - used[n] for n, p in served.processes.items()}
            if crew.record.errors:
                raise SystemExit(f"{clients} clients: {crew.record.errors[:3]}")
            rate, times = len(actions) / took, [call.seconds * 1000 for call in actions]
            if first is None:  # the first round is the warm-up
                first = rate
                continue
            first = rate if not rows else first
            rows.append(
                [
                    str(clients), f"{rate:.1f}", f"{rate / first:.2f}",
                    *(f"{quantile(times, share):.0f}" for share in (0.5, 0.95, 0.99)),
                    *(f"{1000 * seconds / max(1, len(actions)):.1f}" for seconds in spent.values()),
                ]
            )  # fmt: skip
        names = [f"CPU ms/action, {name}" for name in served.processes]
    print(f"{options.on}. Load of the machine: {load()}.\n")
    print(table(["clients", "actions/s", "ratio", "p50 ms", "p95 ms", "p99 ms", *names], rows))


if __name__ == "__main__":
    main()
