"""Processes to begin with: a process owner chooses one, names it, and changes it in the Studio.

A template is a folder like those of the shipped processes, complete and checked, which bears
:data:`KEY` and :data:`NAME` where the new process's own stand.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape  # nosec B406  # nothing is parsed

from app.engine.core import ProcessEngine
from app.errors import BusinessError, NotFound

FOLDER = Path(__file__).parent
KEY, NAME = "template_key", "Template name"
DIAGRAM = "process.bpmn"
NAME_LENGTH = 100
KEY_LENGTH = 50


@dataclass(frozen=True, slots=True)
class Template:
    """What new processes can be made from: its name in addresses, its title, and what it does."""

    name: str
    title: str
    description: str


TEMPLATES = (
    Template(
        "request_with_approval",
        "Request with approval",
        "Somebody asks for something by a form. A decision table says whether it has to be approved and how "
        "soon, a timer reminds of the decision, and a technician carries out what was approved.",
    ),
    Template(
        "one_task",
        "One task",
        "Somebody asks for something, and a technician does it: a start, one task and an end, each with a "
        "form. Draw the rest.",
    ),
)


def key_of(name: str) -> str:
    """A key made of a name: “Tool calibration” gives ``tool_calibration``, what cannot be one nothing."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).lstrip("_0123456789")[:KEY_LENGTH].rstrip("_")


def new_process(engine: ProcessEngine, template: str, key: str, name: str) -> dict[str, bytes]:
    """The files of a new process, by name: diagram, decision table, forms and scenarios.

    ``key`` is the id of the process, ``name`` what people call it. Whether a process with this key is
    deployed already, the caller looks.

    :raises NotFound: there is no such template
    :raises BusinessError: BAD_KEY (field ``key``); NAME_MISSING, BAD_NAME (field ``name``)
    """
    if template not in {known.name for known in TEMPLATES}:
        raise NotFound("There is no such template.")
    name = " ".join(name.split())
    _check_name(name)
    if key in engine.bindings.processes:
        raise BusinessError("BAD_KEY", f"{key} is the key of another process: choose your own.", field="key")
    if problem := engine.key_problem(key):
        raise BusinessError("BAD_KEY", problem, field="key")
    return {
        f"{key}.bpmn" if path.name == DIAGRAM else path.name: _filled(path, key, name)
        for path in sorted((FOLDER / template).rglob("*"))
        if path.is_file()
    }


def _check_name(name: str) -> None:
    if not name:
        raise BusinessError("NAME_MISSING", "Give the process a name.", field="name")
    if len(name) > NAME_LENGTH:
        message = f"The name has {len(name)} characters; use at most {NAME_LENGTH}."
        raise BusinessError("BAD_NAME", message, field="name")
    if any(unicodedata.category(letter) in ("Cc", "Cn", "Co", "Cs") for letter in name):
        message = "The name contains a character that cannot be shown; type it anew."
        raise BusinessError("BAD_NAME", message, field="name")


def _filled(path: Path, key: str, name: str) -> bytes:
    """A file of a template with the key, and in its diagram the name, of a process."""
    text = path.read_text("utf-8").replace(KEY, key)
    if path.suffix == ".bpmn":
        text = text.replace(NAME, escape(name, {'"': "&quot;"}))
    return text.encode()
