"""Expressions: that they are FEEL, and refer to what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.engine.check.checked import Checked, Drawn
from app.engine.check.extensions import NOT_PYTHON, feel_attributes
from app.engine.check.foreign import from_juel, instead_of_function
from app.engine.check.inspector import NotInspected, was_stopped
from app.engine.check.problems import Place, Problem, Severity, error, problem
from app.engine.check.timers import UNQUOTED
from app.engine.check.variables import Known, known_variables, outputs_know, unknown_paths
from app.engine.diagram import Element
from app.engine.feel import FeelError
from app.engine.feel.interpreter import Kind

PYTHON = re.compile(
    r"\b(import|from\s+\w+\s+import|lambda|def|class|global|yield|raise|elif|try|except|while|assert)\b"
    r"|\b(print|exec|eval|open|compile|getattr|setattr|globals|locals|vars|len|str|int|float|range)\s*\("
    r"|__\w+__|\b(os|sys|subprocess)\s*\.\s*\w|\b(None|True|False)\b|\bis\s+not\b|\bnot\s+in\b"
    r"|\bis\s+None\b|(^|[^\w\"])[fr]?'[^']*'|\bf\"|\+=|-=|!(?!=)|\bfor\s+\w+\s+in\s+range\b"
)
# FEEL's reader lets these pass, and makes something else of them than their author.
ASSIGNMENT = re.compile(r"[-+*/]=(?!=)")
RESERVED = re.compile(r"__\w*|constructor|prototype")
CODE = re.compile(r"[A-Z][A-Z0-9_]+")
TEXTS = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True)
class Site:
    """An expression in a file: where it is, in words, and what it may use."""

    place: Place
    where: str
    text: str
    known: Known
    kind: Kind = "expression"


def expressions(checked: Checked) -> Iterator[Problem]:
    """Every expression of the diagram."""
    drawn = checked.drawn
    if drawn is None:
        return
    known = known_variables(checked)
    for element in drawn.diagram.elements.values():
        for site in _of_element(checked, drawn, element, known):
            yield from check(checked, site)
    for flow in drawn.diagram.flows.values():
        if flow.condition:
            where = f"the condition of the flow “{flow.name or flow.id}”"
            yield from check(checked, Site(drawn.at_flow(flow), where, flow.condition, known))


def _of_element(checked: Checked, drawn: Drawn, element: Element, known: Known) -> Iterator[Site]:
    place, label = drawn.at(element), element.label
    for name, value in element.attributes.items():
        text = value.strip()
        if name in feel_attributes() and text.startswith("="):
            yield Site(place, f"“{name}” of “{label}”", text[1:].strip(), known)
    for mapping in element.inputs:
        if mapping.expression:
            yield Site(place, f"the input “{mapping.name}” of “{label}”", mapping.expression, known)
    if element.outputs:
        extended = known.plus(outputs_know(checked, drawn, element))
        form = checked.form(element)
        extended.open = extended.open or bool(element.form and (form is None or form.schema is None))
        for mapping in element.outputs:
            if mapping.expression:
                yield Site(place, f"the output “{mapping.name}” of “{label}”", mapping.expression, extended)
    if element.type == "scriptTask" and element.script:
        yield Site(place, f"the script of “{label}”", element.script, known)
    if element.timer and element.timer[1] and not UNQUOTED.fullmatch(element.timer[1]):
        yield Site(place, f"the timer “{label}”", element.timer[1], known)


def check(checked: Checked, site: Site) -> Iterator[Problem]:
    """What is wrong with one expression."""
    place, where = site.place, site.where
    if not site.text.strip():
        yield error(place, "empty-expression", f"The expression in {where} is empty.", "Write one.")
        return
    try:
        paths = checked.inspector.paths(site.text, site.kind)
        faults = checked.inspector.faults(site.text, site.kind)
    except NotInspected as fault:
        hint = "Use fewer or simpler expressions, or divide the process."
        yield error(Place(place.file), "too-many-expressions", str(fault), hint)
        return
    except FeelError as fault:
        yield _not_feel(site, fault)
        return
    for message in faults:
        hint = instead_of_function(message) or "Look for its name in the list of functions."
        hint = NOT_PYTHON if _looks_like_python(site.text) else hint
        yield error(place, "unknown-function", f"In {where}: {message}", hint)
    if ASSIGNMENT.search(TEXTS.sub('""', site.text)):
        message = f"The expression in {where} assigns a value. {NOT_PYTHON}"
        yield error(place, "python", message, "Name the variable in the result or output instead.")
    if reserved := sorted({part for path in paths for part in path if RESERVED.fullmatch(part)}):
        message = f"In {where}: “{reserved[0]}” cannot be a name."
        yield error(place, "reserved-name", message, "Choose another name.")
        return
    for unknown in unknown_paths(paths, site.known):
        if unknown.is_variable:
            severity = Severity.WARNING if site.known.unsure else Severity.ERROR
            message = f"In {where}: there is no variable “{unknown.text}”."
            hint = unknown.hint or _meaning(checked, site.text, unknown.text)
            yield problem(severity, place, "unknown-variable", message, hint)
        else:
            message = f"In {where}: there is no “{unknown.text}”."
            yield error(place, "unknown-field", message, unknown.hint)


def _not_feel(site: Site, fault: FeelError) -> Problem:
    if was_stopped(fault):
        message = f"The expression in {site.where} takes too much time or memory."
        return error(site.place, "too-slow", message, "Use a simpler expression.")
    if (meant := from_juel(site.text)) is not None:
        message = (
            f"The expression in {site.where} is in the language of another product (${{…}}), not in FEEL."
        )
        return error(site.place, "feel-syntax", message, f"Write it in FEEL, perhaps: ={meant[:120]}")
    if _looks_like_python(site.text):
        message = f"The expression in {site.where} cannot be read. {NOT_PYTHON}"
        return error(site.place, "python", message, "Write it in FEEL, or use a service task.")
    message = f"The expression in {site.where} cannot be read: {fault.message}"
    return error(site.place, "feel-syntax", message, f"It reads: {site.text[:120]}")


def _looks_like_python(text: str) -> bool:
    return PYTHON.search(TEXTS.sub('""', text)) is not None


def _meaning(checked: Checked, text: str, name: str) -> str:
    """What may have been meant by an unknown name."""
    if _looks_like_python(text) and (" " in name or name in ("None", "True", "False")):
        return NOT_PYTHON
    if name in ("now", "today"):
        return f"Write {name}()."
    if name in checked.engine.bindings.roles or CODE.fullmatch(name):
        return f'A text is written in quotation marks: "{name}".'
    if " " in name:
        return "Look for a missing operator or comma, or write not(…)."
    return "Set it in a form, an output or a result before it is used."
