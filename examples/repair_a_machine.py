"""A fault from its report to the confirmed repair, over the REST API alone.

Usage: python examples/repair_a_machine.py http://localhost:5000

It works on the demonstration factory (make run) and knows nothing of the API but the address of its OpenAPI
document: operations are called by their ids, and every answer is held against what the document promises.
Python's standard library is all it needs.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any

PASSWORD = "millwright"  # that of everybody in the demonstration
PEOPLE = {
    "SUPERVISOR": "supervisor@millwright.example",
    "MAINTENANCE_TECH": "technician@millwright.example",
    "MAINTENANCE_MANAGER": "manager@millwright.example",
    "INVENTORY_MANAGER": "inventory@millwright.example",
    "ADMIN": "admin@millwright.example",
}


class Api:
    """The operations of an OpenAPI document, called by id."""

    def __init__(self, site: str) -> None:
        with urllib.request.urlopen(f"{site}/api/openapi.json", timeout=30) as answer:
            document = json.load(answer)
        # The document names the site as it knows itself; here it is asked where it was found.
        self.root = site + urllib.parse.urlsplit(document["servers"][0]["url"]).path
        self.operations = {
            operation["operationId"]: (method.upper(), path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }

    def call(self, operation_id: str, *, token: str = "", body: Any = None, **parameters: Any) -> Any:
        """Call an operation; answers its JSON. A refusal ends the program with what it says."""
        method, path, operation = self.operations[operation_id]
        query = {}
        for parameter in operation["parameters"]:
            name = parameter["name"]
            if name in parameters and parameter["in"] == "path":
                path = path.replace(f"{{{name}}}", urllib.parse.quote(str(parameters.pop(name))))
            elif name in parameters and parameter["in"] == "query":
                query[name] = parameters.pop(name)
        if parameters:
            raise SystemExit(f"{operation_id} takes no {', '.join(parameters)}")
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation["parameters"]):
            headers["Idempotency-Key"] = str(uuid.uuid4())
        data = None
        if "requestBody" in operation:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body if body is not None else {}).encode()
        address = f"{self.root}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        request = urllib.request.Request(address, data, headers, method=method)
        status, content = _ask(request)
        if str(status) not in operation["responses"]:
            raise SystemExit(f"{operation_id}: the document does not tell of the status {status}")
        if status >= 400:
            raise SystemExit(f"{operation_id}: {status} {content.decode()}")
        return json.loads(content) if content else None


def _ask(request: urllib.request.Request) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def main(site: str) -> None:
    """Report a fault, repair the machine with a part, and confirm it."""
    api = Api(site.rstrip("/"))
    signed_in = {
        role: api.call("login", body={"email": email, "password": PASSWORD}) for role, email in PEOPLE.items()
    }
    tokens = {role: answer["token"] for role, answer in signed_in.items()}
    supervisor, technician = tokens["SUPERVISOR"], tokens["MAINTENANCE_TECH"]

    home = signed_in["SUPERVISOR"]["user"]["department"]["id"]
    running = api.call("listMachines", token=supervisor, departmentId=home, status="OPERATIONAL")
    machine = running["items"][0]
    fitted = api.call("listMachineSpareParts", token=technician, machineId=machine["id"])
    part = api.call("getSparePart", token=technician, sparePartId=fitted["items"][0]["part"]["id"])
    say(f"{machine['name']} makes a noise; {part['quantity']} × {part['partName']} in stock.")

    report = {"machineId": machine["id"], "priority": "HIGH", "description": "It makes a grinding noise."}
    request = api.call("createMaintenanceRequest", token=supervisor, body=report)
    say(f"{request['businessKey']} is {request['status']}.")

    key = request["id"]
    taken = {"status": "IN_PROGRESS"}
    request = api.call("changeMaintenanceRequestStatus", token=technician, requestId=key, body=taken)
    say(f"{request['assignedTechnician']['name']} is in charge: {request['status']}.")

    steps = [{"description": "Opened it; a part is worn.", "minutes": 40}]
    work = api.call(
        "createMaintenanceWork", token=technician, body={"maintenanceRequestId": key, "steps": steps}
    )

    lines = [{"partId": part["id"], "quantity": 1, "reason": "It is worn."}]
    order = {"maintenanceRequestId": key, "lines": lines}
    wanted = api.call("createSparePartsRequest", token=technician, body=order)["id"]

    def parts() -> Any:
        return api.call("getSparePartsRequest", token=technician, partsRequestId=wanted)

    # Who approves, and how often, the decision table says: whoever it asks, approves.
    while (asked := until(parts, lambda found: found["openTasks"]))["status"] == "PENDING":
        role = asked["openTasks"][0]["candidateRole"]
        approved = api.call("approveSparePartsRequest", token=tokens[role], partsRequestId=wanted)
        say(f"{asked['businessKey']} over {asked['totalCost']} approved by the {role}: {approved['status']}.")
    keeper = tokens["INVENTORY_MANAGER"]
    issued = api.call(
        "issueSparePartsRequest", token=keeper, partsRequestId=wanted, body={"quantityIssued": 1}
    )
    say(f"{issued['businessKey']} is {issued['status']}.")

    left = api.call("getSparePart", token=technician, sparePartId=part["id"])["quantity"]
    if left != part["quantity"] - 1:
        raise SystemExit(f"the stock is {left}")

    kind = api.call("listMaintenanceTypes", token=technician, q="Corrective")["items"][0]
    done = {
        "steps": [{"description": "Put a new one in and tested it.", "minutes": 35}],
        "cause": "A part was worn.",
        "remedy": "Replaced it.",
        "maintenanceTypeId": kind["id"],
    }
    api.call("completeMaintenanceWork", token=technician, workId=work["id"], body=done)

    request = api.call("getMaintenanceRequest", token=supervisor, requestId=key)
    if request["openTasks"]:  # the table says that somebody confirms the repair of this machine
        confirmed = {"status": "COMPLETED"}
        request = api.call("changeMaintenanceRequestStatus", token=supervisor, requestId=key, body=confirmed)
    machine = api.call("getMachine", token=supervisor, machineId=machine["id"])
    history = api.call("getMaintenanceRequestHistory", token=supervisor, requestId=key)
    say(f"{request['businessKey']} is {request['status']} after {len(history)} events; {machine['status']}.")
    if (request["status"], machine["status"]) != ("COMPLETED", "OPERATIONAL"):
        raise SystemExit("the machine is not repaired")


def until(ask: Callable[[], Any], settled: Callable[[Any], Any], seconds: float = 20) -> Any:
    """Ask again until an answer is as wanted: processes hear of each other a moment later."""
    deadline = time.monotonic() + seconds
    while not settled(answer := ask()):
        if time.monotonic() > deadline:
            raise SystemExit(f"nothing happened for {seconds} seconds")
        time.sleep(0.1)
    return answer


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:5000")
