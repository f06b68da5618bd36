"""How long processes take to start, and what memory they take before anybody has used them, and after.

python -m benchmarks.startup [--database sqlite|mariadb] [--rounds 3]
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.measuring import load, memory, table
from benchmarks.served import ROOT, Served, database, settings, setup, start
from benchmarks.staff import Api, Record, equip, repair

REPAIRS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "mariadb"), default="sqlite")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        url, _ = running.enter_context(database(options.database, folder))
        began = time.perf_counter()
        setup(url, folder)
        made = time.perf_counter() - began
        least = _seconds(options.rounds, "pass", url, folder)
        flask = _seconds(options.rounds, "import flask, sqlalchemy", url, folder)
        whole = _seconds(options.rounds, "import app; app.create_app()", url, folder)
        ready = []
        for _ in range(options.rounds):
            with ExitStack() as site:
                began = time.perf_counter()
                served = Served("sqlite", url, folder)  # the web process alone
                start(served, nodes=1, threads=8, running=site)
                ready.append(time.perf_counter() - began)
        rows = [
            ["Python that does nothing", least],
            ["Python that imports Flask and SQLAlchemy", flask],
            ["the application, made (`create_app`)", whole],
            ["`millwright run`, until /readyz says so", statistics.median(ready)],
            ["`millwright setup --demo --small`, once", made],
        ]
        print(f"{options.database}. Load of the machine: {load()}.\n")
        print(table(["start", "seconds", "ratio"], [[n, f"{s:.2f}", f"{s / flask:.1f}"] for n, s in rows]))
        served = Served(options.database, url, folder)
        (port,) = start(served, nodes=1, threads=8, running=running)
        time.sleep(2)  # what starts by itself has started
        fresh = {each: memory(pid) for each, pid in served.processes.items()}
        plant, api, chance = equip(port, 4), Api(port, Record()), random.Random(1)
        for _ in range(REPAIRS):
            repair(api, plant, chance)
        lines = [[each, f"{fresh[each]:.0f}", f"{memory(pid):.0f}"] for each, pid in served.processes.items()]
    print()
    print(table(["memory (PSS, MB)", "after the start", f"after {REPAIRS} repairs"], lines))


def _seconds(rounds: int, code: str, url: str, folder: Path) -> float:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], env=settings(url, folder), cwd=ROOT, check=True)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
