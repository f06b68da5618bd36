"""People of the demonstration who repair machines over the API, as fast as they are answered."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

PASSWORD = "millwright"  # that of everybody in the demonstration
LOGINS = {
    "SUPERVISOR": "supervisor",
    "MAINTENANCE_TECH": "technician",
    "MAINTENANCE_MANAGER": "manager",
    "INVENTORY_MANAGER": "inventory",
    "ADMIN": "admin",
}
PATIENCE = 60  # seconds for an answer, and for what the jobs have to bring
LOOK_AGAIN = 0.2  # seconds


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was answered: when (by ``time.monotonic``), what was asked, and how long that took."""

    at: float
    name: str
    seconds: float
    status: int


@dataclass
class Record:
    """What several clients have seen so far."""

    calls: list[Call] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    repairs: int = 0

    def actions(self) -> list[Call]:
        """The calls that completed a user task or started a process."""
        return [call for call in self.calls if call.name in ACTIONS]


class Failed(Exception):
    """A call was not answered as it should be."""


class Api:
    """One client: it keeps its connection to one node, and signs in again when its tokens are too old."""

    def __init__(self, port: int, record: Record) -> None:
        self.port = port
        self.record = record
        self.tokens: dict[str, str] = {}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def call(self, role: str, name: str, method: str, path: str, body: Any = None) -> Any:
        """Call the API in the name of a role; answers its JSON.

        :raises Failed: it answers with an error
        """
        if role not in self.tokens:
            self.sign_in(role)
        for attempt in (1, 2):
            headers = {"Authorization": f"Bearer {self.tokens[role]}"}
            status, content = self._send(name, method, path, body, headers)
            if status != 401 or attempt == 2:
                break
            self.sign_in(role)
        if status >= 400:
            raise Failed(f"{name}: {status} {content.decode(errors='replace')[:300]}")
        return json.loads(content) if content else None

    def sign_in(self, role: str) -> None:
        """Get a token for a role.

        :raises Failed: there is none to be had
        """
        body = {"email": f"{LOGINS[role]}@millwright.example", "password": PASSWORD}
        status, content = self._send("sign in", "POST", "/auth/login", body, {})
        if status != 200:
            raise Failed(f"sign in: {status} {content.decode(errors='replace')[:300]}")
        self.tokens[role] = json.loads(content)["token"]

    def _send(
        self, name: str, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        data = None if body is None else json.dumps(body).encode()
        if method != "GET":
            headers = {**headers, "Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        began = time.monotonic()
        try:
            status, content = self._ask(method, path, data, headers)
        except (http.client.RemoteDisconnected, ConnectionError):
            # An idle connection that the server has closed meanwhile. The key makes it one action.
            self._connection.close()
            status, content = self._ask(method, path, data, headers)
        ended = time.monotonic()
        self.record.calls.append(Call(ended, name, ended - began, status))
        return status, content

    def _ask(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        self._connection.request(method, f"/api/v1{path}", data, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def until(self, role: str, name: str, path: str, settled: Callable[[Any], Any]) -> Any:
        """Ask until an answer is as wanted: processes hear of each other a moment later."""
        deadline = time.monotonic() + PATIENCE
        while not settled(answer := self.call(role, name, "GET", path)):
            if time.monotonic() > deadline:
                raise Failed(f"{name}: nothing happened for {PATIENCE} seconds")
            time.sleep(LOOK_AGAIN)
        return answer


REPORT, ACCEPT, NOTE, ASK, APPROVE, ISSUE, COMPLETE = ACTIONS = (
    "report", "accept", "record work", "ask for parts", "approve", "issue", "complete",
)  # fmt: skip


@dataclass(frozen=True)
class Plant:
    """What there is to repair, and to repair it with."""

    machines: Sequence[int]
    parts: Sequence[int]
    maintenance_type: int

    def share(self, number: int, clients: int) -> Plant:
        """What belongs to one of several clients alone."""
        return replace(self, machines=self.machines[number::clients], parts=self.parts[number::clients])


def equip(port: int, number: int = 40) -> Plant:
    """So many machines in the supervisor's department, and as many parts, none of which runs out."""
    api = Api(port, Record())
    users = api.call("ADMIN", "users", "GET", "/users?q=supervisor&pageSize=200")["items"]
    (home,) = [user["department"]["id"] for user in users if user["email"].startswith("supervisor@")]
    place = api.call("ADMIN", "locations", "GET", "/stock-locations")["items"][0]["id"]
    machines, parts = [], []
    for each in range(1, number + 1):
        machine = {"name": f"Machine {each}", "departmentId": home}
        machines.append(api.call("ADMIN", "machine", "POST", "/machines", machine)["id"])
        part = {
            "partNumber": f"BM-{each:03}", "partName": f"Part {each}", "groupName": "Drives",
            "quantity": 100_000, "unitPrice": "40.00", "defaultLocationId": place,
        }  # fmt: skip
        parts.append(api.call("ADMIN", "part", "POST", "/spare-parts", part)["id"])
    kinds = api.call("ADMIN", "types", "GET", "/maintenance-types?q=Corrective")["items"]
    return Plant(machines, parts, kinds[0]["id"])


def repair(api: Api, plant: Plant, chance: random.Random) -> None:
    """A fault from its report to the repaired machine, with a part: eight user tasks and two messages.

    :raises Failed: something is not as it should be
    """
    machine, part = chance.choice(plant.machines), chance.choice(plant.parts)
    tech, keeper, boss = "MAINTENANCE_TECH", "INVENTORY_MANAGER", "SUPERVISOR"
    report = {"machineId": machine, "priority": "HIGH", "description": "It makes a grinding noise."}
    made = api.call(boss, REPORT, "POST", "/maintenance-requests", report)
    path = f"/maintenance-requests/{made['id']}"
    api.call(tech, "inbox", "GET", "/tasks?pageSize=20")
    api.call(tech, ACCEPT, "PATCH", f"{path}/status", {"status": "IN_PROGRESS"})
    steps = [{"description": "Opened it; a part is worn.", "minutes": 40}]
    noted = {"maintenanceRequestId": made["id"], "steps": steps}
    work = api.call(tech, NOTE, "POST", "/maintenance-work", noted)
    order = {
        "maintenanceRequestId": made["id"],
        "lines": [{"partId": part, "quantity": 1, "reason": "It is worn."}],
    }
    wanted = api.call(tech, ASK, "POST", "/spare-parts-requests", order)["id"]
    parts = f"/spare-parts-requests/{wanted}"
    while True:
        found = api.until(tech, "wait for the approval", parts, lambda answer: answer["openTasks"])
        if found["status"] != "PENDING":
            break
        api.call(found["openTasks"][0]["candidateRole"], APPROVE, "PATCH", f"{parts}/approve", {})
    api.call(keeper, "inbox", "GET", "/tasks?pageSize=20")
    issued = api.call(keeper, ISSUE, "PATCH", f"{parts}/issue", {"quantityIssued": 1})
    if issued["status"] != "ISSUED":
        raise Failed(f"issue: the parts request is {issued['status']}")
    api.until(tech, "wait for the parts", path, lambda answer: answer["status"] == "IN_PROGRESS")
    done = {
        "steps": [{"description": "Put a new one in and tested it.", "minutes": 35}],
        "cause": "A part was worn.", "remedy": "Replaced it.", "maintenanceTypeId": plant.maintenance_type,
    }  # fmt: skip
    api.call(tech, COMPLETE, "POST", f"/maintenance-work/{work['id']}/complete", done)
    after = api.call(boss, "look", "GET", path)
    if after["openTasks"]:
        after = api.call(boss, "confirm", "PATCH", f"{path}/status", {"status": "COMPLETED"})
    if after["status"] != "COMPLETED":
        raise Failed(f"the request is {after['status']}")


class Crew:
    """Clients that repair machines, each in a thread, until they are told to stop.

    The block begins when all have signed in: that is slow on purpose, and they share a few accounts.

    They go to the nodes by turns. After an error a client goes on with the next machine. ``alone``: each
    has machines and parts that are no other's.
    """

    def __init__(self, ports: Sequence[int], plant: Plant, clients: int, *, alone: bool = False) -> None:
        self.record = Record()
        self._plants = [plant.share(number, clients) if alone else plant for number in range(clients)]
        self._stop = threading.Event()
        self._ready = threading.Barrier(clients + 1)
        self._threads = [
            threading.Thread(target=self._work, args=(ports[number % len(ports)], number), daemon=True)
            for number in range(clients)
        ]

    def __enter__(self) -> Crew:
        for thread in self._threads:
            thread.start()
        self._ready.wait(PATIENCE * 5)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE * 2)

    def _work(self, port: int, number: int) -> None:
        api, chance = Api(port, self.record), random.Random(number)
        for role in LOGINS:
            api.sign_in(role)
        self._ready.wait(PATIENCE * 5)
        while not self._stop.is_set():
            try:
                repair(api, self._plants[number], chance)
                self.record.repairs += 1
            except (Failed, OSError, http.client.HTTPException) as error:
                self.record.errors.append(f"{type(error).__name__}: {error}")
