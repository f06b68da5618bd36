"""Reads the files under check; what cannot be read is a problem."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from lxml import etree

from app.engine import diagram
from app.engine.check.checked import Checked, DecisionFile, Drawn, FormFile
from app.engine.check.problems import Place, Problem, error, listed, warning
from app.engine.decisions import DmnError, parse_dmn
from app.engine.definitions import MAXIMUM_BYTES, MAXIMUM_FILES
from app.engine.forms import FormSchemaError, load_schema
from app.engine.xml import XmlError
from app.engine.xml import parse as parse_xml

SUFFIXES = (".bpmn", ".dmn", ".form")
# Scenarios and notes travel with a process, and are none of the engine's business.
COMPANIONS = (".json", ".md", ".txt", ".yaml", ".yml")
NAME_LENGTH = 200
# Windows takes these for devices, whatever stands behind the dot.
DEVICES = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)
MAXIMUM_ELEMENTS = 2_000
# Reading the attributes of one element takes time that grows with the square of their number.
MAXIMUM_ATTRIBUTES = 200


def read(checked: Checked) -> Iterator[Problem]:
    """Fill ``checked`` with what its files hold."""
    files = checked.files
    if len(files) > MAXIMUM_FILES or sum(map(len, files.values())) > MAXIMUM_BYTES:
        message = f"A process has at most {MAXIMUM_FILES} files and {MAXIMUM_BYTES // 2**20} MB together."
        yield error(Place(""), "too-large", message, "Leave out what does not belong to it.")
        return
    yield from _names(checked)
    diagrams = sorted(name for name in files if name.endswith(".bpmn"))
    if len(diagrams) > 1:
        message = f"A process has one diagram, but here are {len(diagrams)}: {listed(diagrams)}."
        yield error(Place(diagrams[1]), "several-diagrams", message, "Give each process a folder of its own.")
    if not diagrams and not checked.alone:
        message = "There is no diagram among the files."
        yield error(Place(""), "no-diagram", message, "Add the .bpmn file of the process.")
    for name in sorted(files):
        if name.endswith(".bpmn"):
            yield from _diagram(checked, name)
        elif name.endswith(".dmn"):
            yield from _decisions(checked, name)
        elif name.endswith(".form"):
            yield from _form(checked, name)


def _names(checked: Checked) -> Iterator[Problem]:
    stems: dict[tuple[str, str], str] = {}
    for name in sorted(checked.files):
        path = PurePosixPath(name)
        if (
            not name.isprintable()
            or len(name) > NAME_LENGTH
            or path.is_absolute()
            or ".." in path.parts
            or "\\" in name
            or not path.stem
            or DEVICES.fullmatch(path.name.partition(".")[0])
        ):
            hint = "Use letters, digits, “-” and “_”, and no folders above."
            yield error(Place(name), "bad-file-name", "The file cannot have this name.", hint)
        if not name.endswith(SUFFIXES):
            if name.lower().endswith(SUFFIXES):
                hint = "Write the ending in lower case."
                yield error(Place(name), "unused-file", "The file's ending is not recognised.", hint)
            elif not name.lower().endswith(COMPANIONS):
                message = "The file is not used: a process is made of .bpmn, .dmn and .form files."
                yield warning(Place(name), "unused-file", message, "Leave it out.")
            continue
        key = (path.stem.casefold(), path.suffix)
        if key in stems:
            message = f"There is another {path.suffix} file named {path.stem}: {stems[key]}."
            yield error(Place(name), "duplicate-file", message, "Rename one of them.")
        stems[key] = name


def _diagram(checked: Checked, name: str) -> Iterator[Problem]:
    try:
        root = parse_xml(checked.files[name])
    except XmlError as fault:
        yield error(
            Place(name, line=fault.line),
            "not-parsable",
            str(fault),
            "Open it in the diagram editor and save it again.",
        )
        return
    if root.tag != f"{{{diagram.BPMN}}}definitions":
        message = f"The file is no BPMN 2.0 diagram: its root is “{diagram.local(root)[:80]}”"
        message += f" of {namespace[:120]}." if (namespace := etree.QName(root).namespace) else "."
        hint = "Save it as BPMN 2.0 in the tool that it comes from."
        yield error(Place(name), "not-bpmn", message, hint)
        return
    crowded = next((node for node in root.iter(etree.Element) if len(node.attrib) > MAXIMUM_ATTRIBUTES), None)
    if crowded is not None:
        message = f"An element has more than {MAXIMUM_ATTRIBUTES} attributes."
        place = Place(name, crowded.get("id"), line=crowded.sourceline)
        yield error(place, "too-large", message, "Open it in the diagram editor and save it again.")
        return
    drawn = diagram.read(root)
    if drawn is None:
        message = "The diagram has no process."
        yield error(Place(name), "no-process", message, "Draw a start event, a task and an end event.")
        return
    if len(drawn.elements) > MAXIMUM_ELEMENTS:
        message = f"The diagram has {len(drawn.elements):,} elements; {MAXIMUM_ELEMENTS:,} are the most."
        yield error(Place(name), "too-large", message, "Divide it into several processes.")
        return
    if checked.drawn is None:
        checked.drawn = Drawn(name, root, drawn)


def _decisions(checked: Checked, name: str) -> Iterator[Problem]:
    try:
        checked.decision_files.append(DecisionFile(name, parse_dmn(checked.files[name])))
    except DmnError as fault:
        for found in fault.problems:
            place = Place(name, found.element or None, line=found.line)
            hint = found.hint or "Correct it in the decision table editor."
            yield error(place, "not-dmn", found.message, hint)
    else:
        return
    checked.unread_decisions = True


def _form(checked: Checked, name: str) -> Iterator[Problem]:
    schema = None
    try:
        schema = load_schema(checked.files[name])
    except FormSchemaError as fault:
        for found in fault.problems:
            hint = found.hint or "Correct it in the form editor."
            yield error(Place(name, found.element, found.element or ""), "bad-form", found.message, hint)
    finally:
        checked.forms[PurePosixPath(name).stem] = FormFile(name, schema)
