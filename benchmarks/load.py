"""Clients complete tasks for minutes on end: errors, latency, throughput, and memory that stays flat.

    python -m benchmarks.load [--on mariadb|sqlite] [--clients 8] [--minutes 10] [--nodes 1]

Each client takes a fault from its report to the repaired machine over the API, with parts that are asked
for, approved and issued, and begins with the next one: on MariaDB with Redis, a worker and a scheduler in
processes of their own, on SQLite with the one process there is. Everything runs on this machine, the
clients too. The program fails where a call was refused, or where a process of the site grows after the
warm-up by more than ``--most`` MB a minute.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import dataclass

from benchmarks.measuring import cpu_seconds, load, memory, quantile, slope, table
from benchmarks.served import Served, site
from benchmarks.staff import ACTIONS, Call, Crew, Record, equip

SAMPLE_EVERY = 5.0  # seconds
WARM_UP = 0.4  # of the whole time
MOST_GROWTH = 1.0  # MB a minute of one process
OURS = ("web", "worker", "scheduler")


@dataclass(frozen=True)
class Sample:
    """What each process had taken at a moment, in seconds since the beginning."""

    at: float
    memory: dict[str, float]
    cpu: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--on", choices=("mariadb", "sqlite"), default="mariadb")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--most", type=float, default=MOST_GROWTH, help="MB a minute after the warm-up")
    options = parser.parse_args()
    with site(options.on, nodes=options.nodes) as served:
        plant = equip(served.ports[0])
        with Crew(served.ports, plant, options.clients) as crew:
            began = time.monotonic()
            samples = watch(served, began, options.minutes * 60)
        ended = time.monotonic()
    report(options, crew.record, samples, began, ended)


def watch(served: Served, began: float, seconds: float) -> list[Sample]:
    """Look at the processes every few seconds, for so long."""
    found = []
    while (at := time.monotonic() - began) < seconds:
        pids = served.processes.items()
        found.append(
            Sample(
                at, {name: memory(pid) for name, pid in pids}, {name: cpu_seconds(pid) for name, pid in pids}
            )
        )
        time.sleep(max(0.0, min(SAMPLE_EVERY, seconds - at)))
    return found


def report(
    options: argparse.Namespace, record: Record, samples: list[Sample], began: float, ended: float
) -> None:
    """Print the figures; ends the program where they are not as they must be."""
    actions = record.actions()
    kind = "MariaDB, Redis, worker, scheduler" if options.on == "mariadb" else "SQLite"
    print(
        f"{options.clients} clients, {options.minutes:g} minutes, {options.nodes} web node(s), {kind}: "
        f"{record.repairs:,} repairs, {len(actions):,} actions in {len(record.calls):,} calls, "
        f"{len(record.errors)} errors. Load of the machine: {load()}.\n"
    )
    print(_by_minute(record, began, ended), "\n")
    print(_by_action(actions), "\n")
    print(_by_process(samples, len(actions)))
    for error, times in Counter(record.errors).most_common(10):
        print(f"\n{times} × {error}")
    growing = [
        f"{name} grows by {growth:.2f} MB a minute"
        for name in samples[0].memory
        if name.split()[0] in OURS and (growth := _growth(samples, name)) > options.most
    ]
    if options.minutes < 3:
        growing = []  # caches are still being filled
    if growing or record.errors or not record.repairs:
        raise SystemExit("\n".join(["", *growing, f"{len(record.errors)} errors"]))


def _by_minute(record: Record, began: float, ended: float) -> str:
    rows = []
    length = min(60.0, ended - began)
    for minute in range(int((ended - began) // length)):
        inside = [
            call for call in record.actions() if minute * length <= call.at - began < (minute + 1) * length
        ]
        if inside:
            rows.append([minute + 1, *_latency(inside), f"{len(inside) / length:.1f}"])
    head = ["minute", "actions", "p50 ms", "p95 ms", "p99 ms", "actions/s"]
    return table(head, rows)


def _by_action(actions: list[Call]) -> str:
    rows = [
        [name, *_latency(found)]
        for name in ACTIONS
        if (found := [call for call in actions if call.name == name])
    ]
    return table(["action", "times", "p50 ms", "p95 ms", "p99 ms"], rows)


def _latency(calls: list[Call]) -> list[str]:
    times = [call.seconds * 1000 for call in calls]
    return [f"{len(calls):,}", *(f"{quantile(times, share):.0f}" for share in (0.5, 0.95, 0.99))]


def _growth(samples: list[Sample], name: str) -> float:
    """MB a minute after the warm-up."""
    last = samples[-1].at
    return slope([(s.at / 60, s.memory[name]) for s in samples if s.at >= last * WARM_UP])


def _by_process(samples: list[Sample], actions: int) -> str:
    first, last = samples[0], samples[-1]
    rows = [
        [
            name,
            f"{first.memory[name]:.0f}",
            f"{max(sample.memory[name] for sample in samples):.0f}",
            f"{last.memory[name]:.0f}",
            f"{_growth(samples, name):+.2f}",
            f"{(last.cpu[name] - first.cpu[name]) / max(1.0, last.at - first.at):.2f}",
            f"{(last.cpu[name] - first.cpu[name]) * 1000 / max(1, actions):.1f}",
        ]
        for name in first.memory
    ]
    head = ["process", "MB at first", "most", "at last", "MB/min after warm-up", "cores", "CPU ms/action"]
    return table(head, rows)


if __name__ == "__main__":
    main()
