"""Who does what: lanes, roles, user tasks and their forms."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from app.engine.check.checked import Checked, Drawn
from app.engine.check.problems import Place, Problem, error, listed, suggestion, warning
from app.engine.diagram import BPMN, MILLWRIGHT, Element


def lanes(checked: Checked) -> Iterator[Problem]:
    """Lanes stand for roles; those whose steps nobody does may go without."""
    drawn = checked.drawn
    if drawn is None:
        return
    for node in drawn.root.iter(f"{{{BPMN}}}lane"):
        role = (node.get(f"{{{MILLWRIGHT}}}role") or "").strip()
        if role:
            yield from _role(checked, drawn.at_node(node), role)
        elif tasks := [element.label for element in _inside(drawn, node) if element.type == "userTask"]:
            name = node.get("name") or node.get("id") or ""
            message = f"The lane “{name}” has no role, but there are user tasks in it: {listed(tasks)}."
            yield warning(drawn.at_node(node), "lane-without-role", message, "Choose the role of the lane.")


def _inside(drawn: Drawn, lane: etree._Element) -> Iterator[Element]:
    for reference in lane.findall(f"{{{BPMN}}}flowNodeRef"):
        element = drawn.diagram.elements.get((reference.text or "").strip())
        if element is not None:
            yield element


def _role(checked: Checked, place: Place, role: str) -> Iterator[Problem]:
    known = checked.engine.bindings.roles
    if role not in known:
        hint = suggestion(role, known, "Roles are")
        yield error(place, "unknown-role", f"There is no role {role}.", hint)


def starts(checked: Checked) -> Iterator[Problem]:
    """Forms that start a process, and who may fill them in."""
    drawn = checked.drawn
    if drawn is None:
        return
    for element in drawn.diagram.starts:
        place = drawn.at(element)
        for role in _given_roles(element):
            yield from _role(checked, place, role)
        if element.form:
            yield from _form(checked, place, element)
            if not element.candidate_roles:
                message = "Everybody may start the process: its start event has no role."
                yield warning(place, "start-without-role", message, "Put it into a lane, or set its roles.")
        if element.form and element.event:
            message = f"“{element.label}” starts by a message, so its form is never shown."
            yield warning(place, "form-unused", message, "Remove the form, or the message.")


def user_tasks(checked: Checked) -> Iterator[Problem]:
    """Somebody can do each user task, and has a form or a button to do it with."""
    for drawn, element in checked.elements:
        if element.type != "userTask":
            continue
        place, label = drawn.at(element), element.label
        roles, assignee = element.candidate_roles, element.attributes.get("assignee", "").strip()
        if not roles and not assignee:
            message = f"Nobody can do “{label}”: it has neither a role nor an assignee."
            yield error(place, "nobody", message, "Put it into a lane with a role, or set its role.")
        if len(roles) > 1:
            message = f"“{label}” has {len(roles)} roles; a user task has one."
            yield error(place, "several-roles", message, "Keep one; escalate to others by a service task.")
        for role in _given_roles(element):
            yield from _role(checked, place, role)
        if element.form:
            yield from _form(checked, place, element)
        elif not element.outcomes:
            message = f"“{label}” has neither a form nor outcomes: there is only one button."
            yield warning(place, "no-form", message, "Choose a form, or add outcomes.")


def _given_roles(element: Element) -> list[str]:
    """Roles of the element's own; that of the lane is looked at once, on the lane."""
    given = element.attributes.get("candidateRole", "")
    return [role.strip() for role in given.split(",") if role.strip()]


def _form(checked: Checked, place: Place, element: Element) -> Iterator[Problem]:
    if checked.form(element) is None:
        message = f"There is no form named {element.form}."
        known = suggestion(element.form or "", checked.forms, "Forms are")
        hint = known or f"Add the file {element.form}.form."
        if not known and ("/" in (element.form or "") or (element.form or "").endswith((".html", ".jsf"))):
            hint = "Pages of other products are not shown here: make a form in the Studio, and choose it."
        yield checked.missing(place, "unknown-form", message, hint)
