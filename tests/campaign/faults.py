"""What breaks: each fault strikes, lasts, and is mended."""

from __future__ import annotations

import errno
import random
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaign.installation import CACHE, DATABASE, NODES, SCHEDULERS, WEB, WORKERS, Installation
from tests.support import wrong_clock

UPLOADS = "uploads"


class Fault:
    """Something that breaks on a machine. ``kind`` is what it is counted as."""

    kind = ""

    def __init__(self, site: Installation, machine: str) -> None:
        self.site, self.machine = site, machine

    def __str__(self) -> str:
        return f"{self.kind}: {self.machine}"

    def strike(self) -> None:
        raise NotImplementedError

    def mend(self) -> None:
        raise NotImplementedError


class Killed(Fault):
    """``kill -9`` of a node with all its processes; it comes back when it is mended."""

    def __init__(self, site: Installation, machine: str) -> None:
        super().__init__(site, machine)
        role = machine.partition("-")[0]
        self.kind = f"kill -9 of a {'web node' if role == 'web' else role}"

    def strike(self) -> None:
        self.site.nodes[self.machine].kill()

    def mend(self) -> None:
        self.site.nodes[self.machine].restart()


class Frozen(Fault):
    """A node stands still, and goes on later as if nothing had been: longer than its lease lasts."""

    kind = "node frozen"

    def strike(self) -> None:
        self.site.nodes[self.machine].signal(signal.SIGSTOP)

    def mend(self) -> None:
        self.site.nodes[self.machine].signal(signal.SIGCONT)


class CacheLost(Fault):
    """Redis is stopped, and comes back empty."""

    kind = "Redis stopped and wiped"

    def strike(self) -> None:
        self.site.cache.kill()

    def mend(self) -> None:
        self.site.cache.restart()


class DatabaseKilled(Fault):
    """``kill -9`` of the database."""

    kind = "kill -9 of the database"

    def strike(self) -> None:
        self.site.database.kill()

    def mend(self) -> None:
        self.site.database.restart()


class DatabaseRestarted(Fault):
    """The database is stopped in order, and started again."""

    kind = "database restarted"

    def strike(self) -> None:
        self.site.database.stop()

    def mend(self) -> None:
        self.site.database.restart()


class DiskFull(Fault):
    """No room is left on the disk of the database, or on that of the uploads.

    A small disk of its own is filled; where none may be mounted, the web nodes may write no file.
    """

    def __init__(self, site: Installation, machine: str) -> None:
        super().__init__(site, machine)
        self._disk = "data" if machine == DATABASE else UPLOADS
        self.kind = f"disk of the {'database' if machine == DATABASE else 'uploads'} full"

    @property
    def _filler(self) -> Path:
        return self.site.disks[self._disk] / "filler"

    def strike(self) -> None:
        if self._disk not in self.site.disks:
            self._allow(0)
            return
        with self._filler.open("wb", buffering=0) as file:
            for size in (2**20, 2**12):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def mend(self) -> None:
        if self._disk not in self.site.disks:
            self._allow(resource.RLIM_INFINITY)
        else:
            self._filler.unlink()

    def _allow(self, size: int) -> None:
        """How large a file the web nodes may write."""
        for name in WEB:
            for pid in self.site.nodes[name].processes():
                with suppress(ProcessLookupError):
                    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class ClockWrong(Fault):
    """The clock of a node jumps, and jumps back."""

    def __init__(self, site: Installation, machine: str, seconds: int) -> None:
        super().__init__(site, machine)
        self.kind = f"clock jumps {'forwards' if seconds > 0 else 'back'}"
        self._seconds = seconds

    def strike(self) -> None:
        wrong_clock.set_clock(self.site.nodes[self.machine].clock, self._seconds)

    def mend(self) -> None:
        wrong_clock.set_clock(self.site.nodes[self.machine].clock, 0)


class NetworkCut(Fault):
    """A machine is cut off; the others are told so, or nobody is."""

    def __init__(self, site: Installation, machine: str, silent: bool) -> None:
        super().__init__(site, machine)
        whose = {DATABASE: "database", CACHE: "Redis"}.get(machine, "a node")
        self.kind = f"network of {whose} cut, {'silently' if silent else 'refused'}"
        self._silent = silent

    def strike(self) -> None:
        self.site.network.cut(self.machine, silent=self._silent)

    def mend(self) -> None:
        self.site.network.mend(self.machine)


Make = Callable[[random.Random, Installation], Fault]

KINDS: tuple[Make, ...] = (
    lambda chance, site: Killed(site, chance.choice(WEB)),
    lambda chance, site: Killed(site, chance.choice(WORKERS)),
    lambda chance, site: Killed(site, chance.choice(SCHEDULERS)),
    lambda chance, site: Frozen(site, chance.choice(NODES)),
    lambda chance, site: CacheLost(site, CACHE),
    lambda chance, site: DatabaseKilled(site, DATABASE),
    lambda chance, site: DatabaseRestarted(site, DATABASE),
    lambda chance, site: DiskFull(site, UPLOADS),
    lambda chance, site: ClockWrong(site, chance.choice(NODES), chance.randint(60, 7200)),
    lambda chance, site: ClockWrong(site, chance.choice(NODES), -chance.randint(60, 7200)),
    lambda chance, site: NetworkCut(site, chance.choice(NODES), silent=True),
    lambda chance, site: NetworkCut(site, chance.choice(NODES), silent=False),
    lambda chance, site: NetworkCut(site, chance.choice((DATABASE, CACHE)), silent=True),
    lambda chance, site: NetworkCut(site, chance.choice((DATABASE, CACHE)), silent=False),
)
DISK_OF_THE_DATABASE: Make = lambda chance, site: DiskFull(site, DATABASE)  # noqa: E731


@dataclass
class BadLuck:
    """Which faults strike when, all of it from one number, so that a campaign can be repeated."""

    seed: int
    site: Installation
    lengths: tuple[float, ...]  # seconds that a fault lasts, one of them
    told: Callable[[tuple[str, ...]], None]  # what is broken now
    struck: Counter[str] = field(default_factory=Counter)
    diary: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311
        self._active: list[tuple[float, Fault]] = []
        self._to_come = self._all_of_them()

    def _all_of_them(self) -> Iterator[Fault]:
        """Faults without end: each kind once in random order, again and again."""
        kinds = [*KINDS, *([DISK_OF_THE_DATABASE] if "data" in self.site.disks else [])]
        while True:
            self._chance.shuffle(kinds)
            for make in kinds:
                yield make(self._chance, self.site)

    def last(self, seconds: float) -> None:
        """Let things break for so long; two of them at the same time, at most."""
        began = time.monotonic()
        next_at, coming = began, next(self._to_come)
        while (now := time.monotonic()) < began + seconds:
            self.site.supervise()
            self._mend(now)
            busy = {fault.machine for _, fault in self._active}
            if now >= next_at and len(self._active) < 2 and coming.machine not in busy:
                self._strike(coming, now + self._chance.choice(self.lengths), now - began)
                next_at = now + self._chance.uniform(0.5, 4.5)
                coming = next(self._to_come)
            time.sleep(0.05)
        self._mend(float("inf"))

    def _strike(self, fault: Fault, until: float, at: float) -> None:
        self.diary.append(f"{at:6.1f} s for {until - time.monotonic():4.1f} s  {fault}")
        self._active.append((until, fault))
        self._tell()
        fault.strike()
        self.struck[fault.kind] += 1

    def _mend(self, now: float) -> None:
        """Mend what has lasted its time."""
        over = [each for each in self._active if each[0] <= now]
        for each in over:
            each[1].mend()
            self._active.remove(each)
        if over:
            self._tell()

    def _tell(self) -> None:
        self.told(tuple(str(fault) for _, fault in self._active))
