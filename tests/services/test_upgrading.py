"""From the version before to this one while people work: both run side by side, and nobody notices.

The steps are those of ``deploy/upgrade``: migrate the database, new nodes beside the old ones, drain the old
ones, deploy the processes that ship.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import configure, engine_options
from app.domain.requests import MaintenanceRequest, RequestStatus
from app.engine.core import ProcessEngine
from app.engine.models import Incident
from examples.repair_a_machine import PASSWORD, PEOPLE, Api
from tests.services.test_nginx import start as start_nginx
from tests.support import consistency
from tests.support.servers import Server, free_port
from tests.support.site import ROOT, environment

# The version that sites run before they take this one. Whoever makes a release names it here afterwards.
BEFORE = "4573bf1837987bbed572c470420771d35940b954"
PATIENCE = 600  # seconds: enough on a machine that others use too
CLIENTS = 2  # the supervisor of the small demonstration has no more machines


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version before, built."""
    folder = tmp_path_factory.mktemp("before")
    packed = subprocess.run(
        ["git", "archive", BEFORE],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if packed.returncode:
        pytest.skip(f"the history of this checkout does not reach back to {BEFORE}")
    subprocess.run(["tar", "x", "-C", folder], input=packed.stdout, check=True)  # noqa: S607
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    subprocess.run(["npm", "run", "--silent", "build"], cwd=folder, env=_with_node(), check=True)  # noqa: S607
    return folder


def _with_node() -> dict[str, str]:
    found = environment(Path("/nonexistent"))
    return {**found, "PATH": f"{Path(sys.executable).parent}:{found['PATH']}"}


class Version:
    """A version of the program, and how its commands and servers are started on the site's database."""

    def __init__(self, source: Path, data: Path, **settings: str) -> None:
        self.source = source
        self._data = data
        data.mkdir(exist_ok=True)
        self._settings = {**environment(data, **settings), "PYTHONPATH": str(source)}

    def run(self, *arguments: str) -> str:
        """Run ``millwright`` to its end; what it wrote."""
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments],
            cwd=self.source, env=self._settings, timeout=PATIENCE,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def web(self, port: int) -> Iterator[Started]:
        """A web node that is ready."""
        server = self._start(
            f"web-{port}.log", port, "-m", "app.cli", "run", "--port", str(port), "--threads", "4"
        )
        address = f"http://127.0.0.1:{port}/readyz"
        server.wait_until(lambda: urllib.request.urlopen(address, timeout=5).close(), (OSError,))
        try:
            yield server
        finally:
            server.stop()

    @contextmanager
    def worker(self, *options: str) -> Iterator[Started]:
        server = self._start(f"worker-{len(options)}.log", 0, "worker.py", *options)
        try:
            yield server
        finally:
            server.stop()

    def _start(self, log: str, port: int, *arguments: str) -> Started:
        return Started(
            [sys.executable, *arguments], port=port, log=self._data / log,
            environment=self._settings, folder=self.source,
        )  # fmt: skip


class Started(Server):
    """A server in a folder of its own."""

    def __init__(self, *arguments: Any, folder: Path, **options: Any) -> None:
        self._folder = folder
        super().__init__(*arguments, **options)

    def _spawn(self, command: list[str], environment: dict[str, str] | None) -> Any:
        return super()._spawn(["env", "--chdir", str(self._folder), *command], environment)

    def served(self) -> int:
        """How many requests it has answered."""
        return self._log.read_text().count("millwright.request")

    def drain(self) -> None:
        """End it in order, as a supervisor does, and wait until it has ended."""
        self._process.terminate()
        assert self._process.wait(PATIENCE) == 0


class Staff:
    """People who report faults and repair them, each at a machine of their own, until told to stop."""

    def __init__(self, site: str) -> None:
        self.failures: list[str] = []
        self.done: list[int] = []
        self.calls: Counter[str] = Counter()
        self._api = Api(site)
        signed_in = {
            role: self._call("login", body={"email": email, "password": PASSWORD})
            for role, email in PEOPLE.items()
        }
        self._tokens = {role: answer["token"] for role, answer in signed_in.items()}
        home = signed_in["SUPERVISOR"]["user"]["department"]["id"]
        supervisor = self._tokens["SUPERVISOR"]
        machines = self._call("listMachines", token=supervisor, departmentId=home, status="OPERATIONAL")[
            "items"
        ]
        assert len(machines) >= CLIENTS
        for machine in machines:
            plenty = {"partId": self._part_of(machine["id"]), "quantity": 1000}
            self._call("recordStockIn", token=self._tokens["INVENTORY_MANAGER"], body=plenty)
        self._end = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(machine["id"],)) for machine in machines[:CLIENTS]
        ]

    def __enter__(self) -> Staff:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def until_done(self, number: int) -> None:
        """Wait until so many more repairs are done, or something failed."""
        wanted, deadline = len(self.done) + number, time.monotonic() + PATIENCE
        while len(self.done) < wanted and not self.failures:
            assert time.monotonic() < deadline, f"{len(self.done)} of {wanted} repairs: {self.calls}"
            time.sleep(0.1)
        assert not self.failures, self.failures[0]

    def _work(self, machine: int) -> None:
        while not self._end.is_set() and not self.failures:
            try:
                self.done.append(self._repair(machine))
            except (SystemExit, OSError) as failed:
                self.failures.append(f"{type(failed).__name__}: {failed}")

    def _repair(self, machine: int) -> int:
        """A repair with a part, by those whom the diagrams ask."""
        supervisor, technician = self._tokens["SUPERVISOR"], self._tokens["MAINTENANCE_TECH"]
        report = {"machineId": machine, "priority": "HIGH", "description": "It makes a grinding noise."}
        key = self._call("createMaintenanceRequest", token=supervisor, body=report)["id"]
        taken = {"status": "IN_PROGRESS"}
        self._call("changeMaintenanceRequestStatus", token=technician, requestId=key, body=taken)
        steps = [{"description": "Opened it; a part is worn.", "minutes": 40}]
        work = self._call(
            "createMaintenanceWork", token=technician, body={"maintenanceRequestId": key, "steps": steps}
        )
        self._order_a_part(key, machine)
        kind = self._call("listMaintenanceTypes", token=technician, q="Corrective")["items"][0]
        done = {
            "steps": [{"description": "Put a new one in.", "minutes": 35}],
            "cause": "A part was worn.",
            "remedy": "Replaced it.",
            "maintenanceTypeId": kind["id"],
        }
        self._call("completeMaintenanceWork", token=technician, workId=work["id"], body=done)
        if self._call("getMaintenanceRequest", token=supervisor, requestId=key)["openTasks"]:
            confirmed = {"status": "COMPLETED"}
            self._call("changeMaintenanceRequestStatus", token=supervisor, requestId=key, body=confirmed)
        return int(key)

    def _order_a_part(self, request: int, machine: int) -> None:
        technician = self._tokens["MAINTENANCE_TECH"]
        lines = [{"partId": self._part_of(machine), "quantity": 1, "reason": "It is worn."}]
        order = {"maintenanceRequestId": request, "lines": lines}
        wanted = self._call("createSparePartsRequest", token=technician, body=order)["id"]
        deadline = time.monotonic() + PATIENCE
        while True:
            asked = self._call("getSparePartsRequest", token=technician, partsRequestId=wanted)
            if asked["status"] == "PENDING" and asked["openTasks"]:
                by = self._tokens[asked["openTasks"][0]["candidateRole"]]
                self._call("approveSparePartsRequest", token=by, partsRequestId=wanted)
            elif asked["openTasks"]:
                break
            assert time.monotonic() < deadline
            time.sleep(0.1)
        keeper, one = self._tokens["INVENTORY_MANAGER"], {"quantityIssued": 1}
        self._call("issueSparePartsRequest", token=keeper, partsRequestId=wanted, body=one)

    def _part_of(self, machine: int) -> int:
        technician = self._tokens["MAINTENANCE_TECH"]
        fitted = self._call("listMachineSpareParts", token=technician, machineId=machine)["items"]
        return int(fitted[0]["part"]["id"])

    def _call(self, operation: str, **arguments: Any) -> Any:
        try:
            answer = self._api.call(operation, **arguments)
        except SystemExit as refused:
            roles = {token: role for role, token in getattr(self, "_tokens", {}).items()}
            asked = {**arguments, "token": roles.get(arguments.get("token", ""))}
            raise SystemExit(f"{refused}\nasked: {asked}") from None
        self.calls[operation] += 1
        return answer


@pytest.mark.long
def test_nobody_notices_an_upgrade(
    before: Path,
    mariadb_url: str,
    redis_url: str,
    tmp_path: Path,
    engine: ProcessEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = {
        "MILLWRIGHT_DATABASE_URL": mariadb_url,
        "MILLWRIGHT_REDIS_URL": redis_url,
        "MILLWRIGHT_SECRET_KEY": "the same for all",
        "MILLWRIGHT_DRAIN_SECONDS": "1",
        "MILLWRIGHT_PROXIES": "1",
        "MILLWRIGHT_BASE_URL": "https://localhost",
        "MILLWRIGHT_RATE_ANONYMOUS": "1000000 per minute",
        "MILLWRIGHT_RATE_SIGNED_IN": "1000000 per minute",
    }
    old = Version(before, tmp_path / "old", **settings)
    new = Version(ROOT, tmp_path / "new", **settings)
    old.run("setup", "--demo", "--small")

    ports = free_port(), free_port()
    behind = " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in ports)
    with ExitStack() as running:
        old_web = running.enter_context(old.web(ports[0]))
        old_workers = [running.enter_context(old.worker(*options)) for options in ((), ("--scheduler",))]
        (tmp_path / "nginx").mkdir()
        proxies = start_nginx(tmp_path / "nginx", "http://millwright", f"upstream millwright {{ {behind} }}")
        proxy = running.enter_context(contextmanager(lambda: proxies)())
        monkeypatch.setenv("SSL_CERT_FILE", str(proxy.certificate))
        with Staff(f"https://localhost:{proxy.https_port}") as staff:
            staff.until_done(2)
            new.run("db", "upgrade")
            staff.until_done(3)  # the old version alone, on the newer database
            new_web = running.enter_context(new.web(ports[1]))
            for options in ((), ("--scheduler",)):
                running.enter_context(new.worker(*options))
            staff.until_done(6)  # both
            assert min(old_web.served(), new_web.served()) > 20
            for server in (old_web, *old_workers):
                server.drain()
            staff.until_done(2)
            new.run("setup")
            staff.until_done(3)  # the new one alone, with its processes
        assert staff.failures == []

    database = sa.create_engine(mariadb_url, **engine_options(mariadb_url))
    configure(database)
    with Session(database) as session:
        finished = session.scalars(
            sa.select(MaintenanceRequest.status).where(MaintenanceRequest.id.in_(staff.done))
        )
        assert Counter(finished) == {RequestStatus.COMPLETED: len(staff.done)}
        assert session.scalar(sa.select(sa.func.count(Incident.id))) == 0
        assert consistency.problems(engine, session) == []
    database.dispose()
