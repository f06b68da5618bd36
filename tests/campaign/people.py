"""People and programs that use the site over HTTP while things break, and insist on an answer.

Each action has an Idempotency-Key. One whose answer got lost, or that was refused because something was away,
is sent again with the same key to the other node, until it is answered; then it is in the ledger. A refusal
by a rule of the factory is a failure of the campaign: what these people do is always allowed, once.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app import clock
from tests import factories
from tests.campaign.ledger import Entry, Ledger
from tests.conftest import LONG

ANSWER_LIMIT = 8.0  # seconds that somebody waits for an answer before asking again
# Seconds that somebody goes on asking, through several outages that follow each other and their aftermath.
INSIST = 300.0 if LONG else 90.0
POLL = 0.25  # seconds between two looks at something that happens by itself

ERRAND = "timed_errand"  # see tests.campaign.setup

# An answer that asks to try again: too busy, signed out by a clock, something is away.
AGAIN = {401, 429, 502, 503, 504}


class Refused(Exception):
    """The site said no to something that was allowed."""


@dataclass(frozen=True)
class Member:
    """Somebody with a login."""

    id: int
    email: str


@dataclass(frozen=True)
class Factory:
    """What people work with."""

    people: Mapping[str, Member]
    machines: list[int]
    parts: list[int]
    stores: list[int]
    maintenance_type: int


class Shift:
    """The time during which people begin new work, and what is broken at a moment."""

    def __init__(self, addresses: list[str], ledger: Ledger, enter: Callable[[], None]) -> None:
        self.ledger = ledger
        self.enter = enter
        self.broken: tuple[str, ...] = ()
        self._over = threading.Event()
        self._addresses = itertools.cycle(addresses)
        self._lock = threading.Lock()

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def end(self) -> None:
        self._over.set()

    def tell(self, broken: tuple[str, ...]) -> None:
        """Note what is broken from now on."""
        self.broken = broken

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the shift."""
        self._over.wait(seconds)

    def next_address(self) -> str:
        """As a proxy does it: one node after the other."""
        with self._lock:
            return next(self._addresses)


class Person:
    """One of the people, at one place: signs in, and calls the API."""

    def __init__(self, member: Member, shift: Shift) -> None:
        self.member = member
        self._shift = shift
        self._token = ""

    def do(
        self, action: str, method: str, path: str, body: Any = None, *, about: str = "id",
        key: str | None = None, file: bytes | None = None,
    ) -> Any:  # fmt: skip
        """Do something exactly once, however often it has to be sent; answers the answer.

        ``about`` names what of the answer goes into the ledger.
        """
        key = key or uuid.uuid4().hex
        began, broken, tries = time.monotonic(), set(self._shift.broken), 0
        while True:
            tries += 1
            answer = self._call(method, path, body, key=key, file=file)
            broken |= set(self._shift.broken)
            if answer is not None:
                found, replayed = answer
                break
            self._wait(began, f"{action} {path}")
        self._shift.ledger.acknowledge(
            Entry(
                action, key, self.member.id, found.get(about) if isinstance(found, dict) else None, tries,
                replayed, time.monotonic() - began, tuple(sorted(broken)),
            )
        )  # fmt: skip
        return found

    def look(self, path: str) -> Any:
        """Read something; asks until there is an answer."""
        began = time.monotonic()
        while (answer := self._call("GET", path, None)) is None:
            self._wait(began, path)
        return answer[0]

    def until(self, path: str, settled: Callable[[Any], Any]) -> Any:
        """Look until something is as it should become by itself."""
        began = time.monotonic()
        while not settled(found := self.look(path)):
            if time.monotonic() - began > INSIST:
                raise Refused(f"{path} stays as it is: {found}")
            time.sleep(POLL)
        return found

    def _wait(self, began: float, what: str) -> None:
        if time.monotonic() - began > INSIST:
            raise Refused(f"nobody answers {what}")
        time.sleep(random.uniform(0.1, 0.5))  # noqa: S311

    def _call(
        self, method: str, path: str, body: Any, *, key: str | None = None, file: bytes | None = None
    ) -> tuple[Any, bool] | None:
        """One attempt: the answer, and whether it repeats an earlier one; None where another is needed."""
        if not self._token and not self._sign_in():
            return None
        headers = {"Authorization": f"Bearer {self._token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        data, headers["Content-Type"] = _encoded(body, file, key or "")
        status, found, replayed = self._send(method, path, data, headers)
        if status in (200, 201, 204):
            return found, replayed
        if status is None:
            self._shift.ledger.retry("no answer")
            return None
        code = found.get("code") if isinstance(found, dict) else None
        if status in AGAIN or code == "SIMULTANEOUS_CHANGE":
            self._shift.ledger.retry(f"{status}")
            if status == 401:
                self._token = ""
            return None
        if status >= 500:
            self._shift.ledger.fail(f"{method} {path}: {status} {found} during {self._shift.broken}")
            return None
        raise Refused(f"{method} {path}: {status} {found}")

    def _sign_in(self) -> bool:
        login = json.dumps({"email": self.member.email, "password": factories.PASSWORD}).encode()
        status, found, _ = self._send("POST", "/auth/login", login, {"Content-Type": "application/json"})
        if status == 200:
            self._token = found["token"]
            return True
        self._shift.ledger.retry("sign-in")
        if status is not None and status >= 500 and status not in AGAIN:
            self._shift.ledger.fail(f"signing in: {status} {found} during {self._shift.broken}")
        return False

    def _send(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int | None, Any, bool]:
        address = f"{self._shift.next_address()}/api/v1{path}"
        request = urllib.request.Request(address, data, headers, method=method)  # noqa: S310
        try:
            answer = urllib.request.urlopen(request, timeout=ANSWER_LIMIT)  # noqa: S310
        except urllib.error.HTTPError as refused:
            answer = refused
        except (OSError, http.client.HTTPException):
            return None, None, False
        try:
            with answer:
                content = answer.read()
            found = json.loads(content) if content else None
        except (OSError, http.client.HTTPException, ValueError):
            return None, None, False
        return answer.status, found, "Idempotency-Replayed" in answer.headers


def _encoded(body: Any, file: bytes | None, name: str) -> tuple[bytes | None, str]:
    """A body as it is sent, and its type; a file is sent with the fields of ``body``."""
    if file is None:
        return (None if body is None else json.dumps(body).encode()), "application/json"
    edge = f"edge-{name}"
    fields = "".join(
        f'--{edge}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in body.items()
    )
    head = (
        f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}.txt"\r\n'
        "Content-Type: text/plain\r\n\r\n"
    )
    data = fields.encode() + head.encode() + file + f"\r\n--{edge}--\r\n".encode()
    return data, f"multipart/form-data; boundary={edge}"


# -- what they do ----------------------------------------------------------------------------------


class Crew(threading.Thread):
    """Does something again and again until the shift is over, and finishes what was begun."""

    def __init__(self, factory: Factory, shift: Shift, number: int = 0) -> None:
        super().__init__(name=f"{type(self).__name__}-{number}", daemon=True)
        self.factory, self.shift, self.number = factory, shift, number
        self.random = random.Random(number)  # noqa: S311

    def person(self, role: str) -> Person:
        return Person(self.factory.people[role], self.shift)

    def run(self) -> None:
        self.shift.enter()
        try:
            self.begin()
            while not self.shift.is_over:
                self.work()
            self.finish()
        except Exception as error:
            self.shift.ledger.fail(f"{self.name}: {type(error).__name__}: {error}")

    def begin(self) -> None:
        """What comes before."""

    def work(self) -> None:
        raise NotImplementedError

    def finish(self) -> None:
        """What comes after the shift."""


class Repairs(Crew):
    """Report, accept, photograph, ask for parts, approve, issue, complete, confirm."""

    def begin(self) -> None:
        self.supervisor, self.technician = self.person("supervisor"), self.person("technician")
        self.storekeeper = self.person("inventory")
        self.approvers = {
            "MAINTENANCE_MANAGER": self.person("manager"),
            "ADMIN": self.person("admin"),
        }

    def work(self) -> None:
        name = uuid.uuid4().hex
        machine = self.random.choice(self.factory.machines)
        report = {"machineId": machine, "priority": "HIGH", "description": name}
        request = self.supervisor.do("report", "POST", "/maintenance-requests", report, key=name)["id"]
        status = f"/maintenance-requests/{request}/status"
        self.technician.do("accept", "PATCH", status, {"status": "IN_PROGRESS"})
        where = {"entityType": "MAINTENANCE_REQUEST", "entityId": request}
        photo = f"{name}\n".encode() * self.random.randint(20, 4000)
        self.technician.do("upload", "POST", "/attachments/upload", where, file=photo)
        step = {"description": name, "minutes": self.random.randint(1, 90)}
        begun = {"maintenanceRequestId": request, "steps": [step]}
        work = self.technician.do("record work", "POST", "/maintenance-work", begun, key=name)["id"]
        if self.random.random() < 0.7:
            self.parts(request)
        done = {
            "cause": "It was worn.", "remedy": "Replaced it.",
            "maintenanceTypeId": self.factory.maintenance_type,
        }  # fmt: skip
        self.technician.do("complete", "POST", f"/maintenance-work/{work}/complete", done)
        ended = self.supervisor.look(f"/maintenance-requests/{request}")
        if ended["openTasks"]:
            self.supervisor.do("confirm", "PATCH", status, {"status": "COMPLETED"})

    def parts(self, request: int) -> None:
        name = uuid.uuid4().hex
        quantity = self.random.randint(1, 3)
        line = {"partId": self.random.choice(self.factory.parts), "quantity": quantity, "reason": name}
        order = {"maintenanceRequestId": request, "lines": [line]}
        wanted = self.technician.do("ask for parts", "POST", "/spare-parts-requests", order, key=name)["id"]
        path = f"/spare-parts-requests/{wanted}"
        while (asked := self.technician.until(path, lambda it: it["openTasks"]))["status"] == "PENDING":
            by = self.approvers[asked["openTasks"][0]["candidateRole"]]
            by.do("approve", "PATCH", f"{path}/approve", {})
        self.storekeeper.do("issue", "PATCH", f"{path}/issue", {"quantityIssued": quantity})
        # The repair hears of it by a message, and cannot be completed before.
        self.technician.until(f"/maintenance-requests/{request}", lambda it: it["status"] != "WAITING_PARTS")


class Store(Crew):
    """Moves stock: in, out, to another store, and by hand."""

    def begin(self) -> None:
        self.storekeeper = self.person("inventory")

    def work(self) -> None:
        key = uuid.uuid4().hex
        one, other = self.random.sample(self.factory.stores, 2)
        kind = self.random.choice(("in", "out", "transfer", "adjustment"))
        movement: dict[str, Any] = {
            "partId": self.random.choice(self.factory.parts),
            "quantity": self.random.randint(1, 3),
            "locationId": one,
            "notes": key,
        }
        if kind == "transfer":
            movement["toLocationId"] = other
        self.storekeeper.do("move stock", "POST", f"/inventory-transactions/{kind}", movement, key=key)
        self.shift.pause(0.1)


class Errands(Crew):
    """Starts short processes in which two timers go off, and does the task that comes then."""

    def begin(self) -> None:
        self.manager = self.person("manager")

    def work(self) -> None:
        key = uuid.uuid4().hex
        self.manager.do(
            "start errand", "POST", f"/processes/{ERRAND}/start", {"values": {"note": key}}, key=key
        )
        self.answer()
        self.shift.pause(0.3)

    def answer(self) -> None:
        """Do the tasks that timers have brought."""
        for task in self.manager.look(f"/tasks?process={ERRAND}&scope=all&pageSize=50")["items"]:
            if task["name"] == "Answer":
                self.manager.do("do errand", "POST", f"/tasks/{task['id']}/complete", {}, about="task")

    def finish(self) -> None:
        """Wait for the timers of those that are still under way."""
        began = time.monotonic()
        while self.manager.look(f"/instances?process={ERRAND}&state=running&pageSize=1")["total"]:
            if time.monotonic() - began > INSIST:
                raise Refused("timers do not go off")
            self.answer()
            time.sleep(POLL)


class Plans(Crew):
    """Makes plans for work that has been due for days: the scheduler opens a job for each of them."""

    DAYS = 3

    def begin(self) -> None:
        self.manager = self.person("manager")
        self.technician = self.person("technician")

    def work(self) -> None:
        key = uuid.uuid4().hex
        plan = {
            "machineId": self.random.choice(self.factory.machines), "title": key, "rrule": "FREQ=DAILY",
            "startsOn": (clock.now().date() - timedelta(days=self.DAYS - 1)).isoformat(),
        }  # fmt: skip
        self.manager.do("plan", "POST", "/preventive-maintenance/tasks", plan, key=key)
        self.shift.pause(3)
