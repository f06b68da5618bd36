"""The network between the machines of a campaign, which can be cut at each of them.

Where this process may, each machine is a network namespace of its own, joined to the others by a bridge
(:class:`Namespaces`). Elsewhere all of them are on this machine, and reach each other through relays that
can stop relaying (:class:`Relays`). Both cut in two ways: ``silent``, when packets get lost and nobody is
told, as with a pulled cable; and refused, when whoever calls is told at once.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from tests.support.servers import die_with_parent, enter_network, free_port

PEOPLE = "people"  # the machine from which the site is used
PATIENCE = 10.0  # seconds


class Network(Protocol):
    """Machines by name, and the ways between them."""

    name: str

    def prefix(self, machine: str) -> list[str]:
        """What is put before a command to run it on a machine."""
        ...

    def namespace(self, machine: str) -> Path | None:
        """The file of the machine's network namespace, if it has one."""
        ...

    def listen_at(self) -> str:
        """The address at which servers listen."""
        ...

    def address(self, caller: str, machine: str, port: int) -> tuple[str, int]:
        """Where ``caller`` reaches a port of ``machine``."""
        ...

    def enter(self) -> None:
        """Put this thread on the machine of the people."""
        ...

    def cut(self, machine: str, *, silent: bool) -> None: ...

    def mend(self, machine: str) -> None: ...

    def close(self) -> None: ...


def network_of(machines: Sequence[str]) -> Network:
    """Namespaces where they can be made, and nobody asked for relays (MILLWRIGHT_CAMPAIGN_NETWORK=relays)."""
    if os.environ.get("MILLWRIGHT_CAMPAIGN_NETWORK", "") == "relays":
        return Relays()
    try:
        return Namespaces(machines)
    except (OSError, subprocess.CalledProcessError):
        return Relays()


class Namespaces:
    """Each machine has a network namespace, kept by a process that does nothing else: they end with it."""

    name = "network namespaces"

    def __init__(self, machines: Sequence[str]) -> None:
        self._keepers: dict[str, subprocess.Popen[bytes]] = {}
        self._addresses: dict[str, str] = {}
        self._ip = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin")
        if self._ip is None:
            raise FileNotFoundError("iproute2 is not installed")
        try:
            self._connect(machines)
        except BaseException:
            self.close()
            raise

    def _connect(self, machines: Sequence[str]) -> None:
        self._keep(PEOPLE)
        self._run(PEOPLE, "link add switch type bridge")
        self._run(PEOPLE, "addr add 10.77.0.1/24 dev switch")
        self._run(PEOPLE, "link set switch up")
        for number, machine in enumerate(machines, start=2):
            self._keep(machine)
            self._addresses[machine] = f"10.77.0.{number}"
            keeper = self._keepers[machine].pid
            self._run(PEOPLE, f"link add to-{number} type veth peer name cable netns {keeper}")
            self._run(PEOPLE, f"link set to-{number} master switch up")
            self._run(machine, f"addr add 10.77.0.{number}/24 dev cable")
            self._run(machine, "link set cable up")

    def _keep(self, machine: str) -> None:
        keeper = subprocess.Popen(
            ["unshare", "--net", "sleep", "infinity"],  # noqa: S607
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        )
        self._keepers[machine] = keeper
        ours = Path("/proc/self/ns/net").readlink()
        deadline = time.monotonic() + PATIENCE
        while self._file(machine).readlink() == ours:
            if keeper.poll() is not None or time.monotonic() > deadline:
                raise PermissionError("network namespaces cannot be made here")
            time.sleep(0.01)
        self._run(machine, "link set lo up")

    def _file(self, machine: str) -> Path:
        return Path(f"/proc/{self._keepers[machine].pid}/ns/net")

    def _run(self, machine: str, arguments: str) -> None:
        subprocess.run(
            [*self.prefix(machine), str(self._ip), *arguments.split()], check=True, capture_output=True
        )

    def prefix(self, machine: str) -> list[str]:
        return ["nsenter", f"--net={self._file(machine)}"]

    def namespace(self, machine: str) -> Path | None:
        return self._file(machine)

    def listen_at(self) -> str:
        return "0.0.0.0"  # noqa: S104 - of a network that nobody else is on

    def address(self, caller: str, machine: str, port: int) -> tuple[str, int]:
        return self._addresses[machine], port

    def enter(self) -> None:
        enter_network(self._file(PEOPLE))

    def _cable(self, machine: str) -> str:
        return f"to-{self._addresses[machine].rpartition('.')[2]}"

    def cut(self, machine: str, *, silent: bool) -> None:
        if silent:
            self._run(PEOPLE, f"link set {self._cable(machine)} nomaster")
        else:
            for half in ("0", "128"):
                self._run(machine, f"route add unreachable 10.77.0.{half}/25")

    def mend(self, machine: str) -> None:
        self._run(PEOPLE, f"link set {self._cable(machine)} master switch")
        for half in ("0", "128"):
            with suppress(subprocess.CalledProcessError):  # it was cut silently
                self._run(machine, f"route del unreachable 10.77.0.{half}/25")

    def close(self) -> None:
        for keeper in self._keepers.values():
            keeper.kill()
            keeper.wait()


class Relays:
    """All machines are this one: each way from one to another is a relay on a port of its own."""

    name = "relays"

    def __init__(self) -> None:
        self._relays: dict[tuple[str, str, int], _Relay] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relays", daemon=True)
        self._thread.start()

    def prefix(self, machine: str) -> list[str]:
        return []

    def namespace(self, machine: str) -> Path | None:
        return None

    def listen_at(self) -> str:
        return "127.0.0.1"

    def address(self, caller: str, machine: str, port: int) -> tuple[str, int]:
        way = (caller, machine, port)
        if way not in self._relays:
            self._relays[way] = _Relay(port)
            self._do(self._relays[way].open())
        return "127.0.0.1", self._relays[way].port

    def enter(self) -> None:
        """There is one machine only."""

    def cut(self, machine: str, *, silent: bool) -> None:
        self._each(machine, lambda relay: relay.cut(silent))

    def mend(self, machine: str) -> None:
        self._each(machine, lambda relay: relay.mend())

    def _each(self, machine: str, act: Callable[[_Relay], Coroutine[Any, Any, None]]) -> None:
        for (caller, called, _), relay in self._relays.items():
            if machine in (caller, called):
                self._do(act(relay))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def close(self) -> None:
        for relay in self._relays.values():
            self._do(relay.cut(silent=False))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)


class _Relay:
    """Carries bytes between a port of its own and another port of this machine."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._server: asyncio.Server | None = None
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def cut(self, silent: bool) -> None:
        if silent:
            self._flows.clear()
            return
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def mend(self) -> None:
        self._flows.set()
        if self._server is None:
            await self.open()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        ways = [asyncio.ensure_future(self._pump(*way)) for way in ((reader, back), (there, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for each in (writer, back):
            self._writers.discard(each)
            each.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
