"""What all benchmarks share: tables, quantiles, and what processes take of the machine."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; all columns but the first are figures."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much the second number grows with the first, by least squares; 0 for fewer than two points."""
    if len({x for x, _ in points}) < 2:
        return 0.0
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def family(pid: int) -> list[int]:
    """A process and all that it has started, as long as they live."""
    found, children = [pid], _children()
    for parent in found:
        found += children.get(parent, [])
    return found


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    return children


def _stat(pid: int) -> list[str]:
    """What the kernel counts of a process, after its name."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def cpu_seconds(pid: int) -> float:
    """The time that a process and those it has started have computed so far."""
    stats = [fields for each in family(pid) if (fields := _stat(each))]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / TICKS


def memory(pid: int) -> float:
    """What a process and those it has started take of memory: MB, what they share counted once (PSS)."""
    total = 0
    for each in family(pid):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def machine() -> str:
    """The facts of this machine that figures depend on."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({model}), {size:.0f} GB of memory, Python {platform.python_version()}"


def load() -> str:
    """How many processes want to run, over the last minute."""
    return f"{os.getloadavg()[0]:.1f}"
