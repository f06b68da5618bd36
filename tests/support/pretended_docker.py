"""Pretends to be ``docker`` for a script: keeps containers in a file, and tells what was asked of it.

The state is in the file that DOCKER_STATE names: containers by id with service and health, and ``said``.
What a new container becomes is in DOCKER_BECOMES.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main(words: list[str]) -> int:
    path = Path(os.environ["DOCKER_STATE"])
    state: dict[str, Any] = json.loads(path.read_text())
    containers: dict[str, dict[str, str]] = state["containers"]
    state["said"].append(" ".join(words))
    match words:
        case ["compose", "ps", "--quiet", service]:
            sys.stdout.write(
                "".join(f"{name}\n" for name, it in containers.items() if it["service"] == service)
            )
        case ["compose", "up", *options, service] if "--scale" in options:
            wanted = int(options[options.index("--scale") + 1].partition("=")[2])
            while sum(it["service"] == service for it in containers.values()) < wanted:
                state["made"] += 1
                containers[f"c{state['made']}"] = {"service": service, "health": "starting", "asked": "0"}
        case ["inspect", *_, name]:
            it = containers[name]
            sys.stdout.write(it["health"] + "\n")
            if it["health"] == "starting":
                it["health"] = os.environ["DOCKER_BECOMES"]
        case ["stop", *_, name]:
            containers[name]["health"] = "ended"
        case ["rm", *_, name]:
            del containers[name]
        case ["logs", *_, name]:
            sys.stdout.write(f"{name} cannot start\n")
        case ["compose", "run", *rest] if os.environ.get("DOCKER_FAILS") in rest:
            state["said"].append("failed")
            path.write_text(json.dumps(state))
            return 1
    healthy = sum(it["service"] == "web" and it["health"] == "healthy" for it in containers.values())
    state["fewest"] = min(state["fewest"], healthy)
    path.write_text(json.dumps(state))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
