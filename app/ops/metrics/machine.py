"""What a scrape reads of the machine or container: processes, memory, disk, network (Linux)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Machine(Collector):
    """The processes that serve together, the disk that the data is on, the network.

    ``server`` is the process whose children serve, or that serves itself.
    """

    def __init__(self, server: int, data: Path) -> None:
        self._server = server
        self._data = data

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering reads nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """All of it, as it is now; what this system does not tell is left out."""
        yield InfoMetricFamily(
            "millwright_build", "The version that runs.", {"version": version("millwright")}
        )
        with suppress(OSError, ValueError, IndexError):
            yield from self._processes()
        with suppress(OSError):
            yield from self._disk()
        with suppress(OSError, ValueError):
            yield from _network()

    def _processes(self) -> Iterable[Metric]:
        pids = [self._server, *_children(self._server)]
        found = [stat for stat in map(_stat, pids) if stat is not None]
        # Of the server also the time of children that have ended: the sum never shrinks.
        ticks = sum(int(stat[11]) + int(stat[12]) for stat in found)
        ticks += int(found[0][13]) + int(found[0][14])
        yield CounterMetricFamily(
            "millwright_process_cpu_seconds", "Processor time of the serving processes.", ticks / TICKS
        )
        yield GaugeMetricFamily(
            "millwright_process_resident_memory_bytes",
            "Memory of the serving processes.",
            sum(int(stat[21]) for stat in found) * PAGE,
        )
        yield GaugeMetricFamily("millwright_processes", "Serving processes.", len(found))
        yield GaugeMetricFamily(
            "millwright_process_open_files", "Open files and sockets.", sum(map(_open_files, pids))
        )
        yield GaugeMetricFamily(
            "millwright_process_start_time_seconds",
            "When the server was started, since 1970.",
            _boot_time() + int(found[0][19]) / TICKS,
        )

    def _disk(self) -> Iterable[Metric]:
        usage = shutil.disk_usage(self._data)
        yield GaugeMetricFamily("millwright_disk_bytes", "Size of the disk that the data is on.", usage.total)
        yield GaugeMetricFamily("millwright_disk_free_bytes", "What is free of it.", usage.free)


def _children(pid: int) -> list[int]:
    text = (PROC / str(pid) / "task" / str(pid) / "children").read_text()
    return [int(child) for child in text.split()]


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/…/stat from the third on (proc(5)); the name before them may hold anything."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None  # it has just ended


def _open_files(pid: int) -> int:
    try:
        return len(list((PROC / str(pid) / "fd").iterdir()))
    except OSError:
        return 0


def _boot_time() -> float:
    for line in (PROC / "stat").read_text().splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    raise ValueError("no btime")


def _network() -> Iterable[Metric]:
    received, sent = 0, 0
    for line in (PROC / "net" / "dev").read_text().splitlines()[2:]:
        device, _, numbers = line.partition(":")
        if device.strip() != "lo":
            fields = numbers.split()
            received, sent = received + int(fields[0]), sent + int(fields[8])
    yield CounterMetricFamily("millwright_network_received_bytes", "Received, without loopback.", received)
    yield CounterMetricFamily("millwright_network_sent_bytes", "Sent, without loopback.", sent)
