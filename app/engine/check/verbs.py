"""The words by which other programs complete user tasks: what each means, and for which task."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import combinations

from app.engine.check.checked import Checked, Drawn
from app.engine.check.problems import Place, Problem, error, listed, suggestion, warning
from app.engine.diagram import Element

VERB = re.compile(r"[a-z][a-z0-9_]*")
# Where tokens part, and where they meet again.
PARTING = {"parallelGateway", "inclusiveGateway"}


def meanings(checked: Checked) -> Iterator[Problem]:
    """Verbs are words or statuses, and each means one of the task's own outcomes."""
    binding = checked.binding
    statuses = [str(status) for status in binding.statuses] if binding else []
    for drawn, element in checked.elements:
        if element.type != "userTask":
            continue
        for verb, outcome in element.api_verbs.items():
            if not VERB.fullmatch(verb) and verb not in statuses:
                hint = "Use lower-case letters, digits and “_”, such as hand_back, or one of the statuses."
                yield error(
                    drawn.at(element), "bad-verb", f"“{verb}” cannot be a verb of the REST API.", hint
                )
            yield from _outcome(drawn.at(element), element, verb, outcome)


def _outcome(place: Place, element: Element, verb: str, outcome: str) -> Iterator[Problem]:
    values = [each.value for each in element.outcomes]
    if outcome and outcome not in values:
        message = f"The verb “{verb}” means the outcome “{outcome}”, which “{element.label}” has not."
        hint = suggestion(outcome, values, "Outcomes are") or "Remove what is behind the “=”."
        yield error(place, "verb-outcome", message, hint)
    elif not outcome and verb not in values and len(values) > 1:
        meant = element.outcome_of(verb)
        message = f"No outcome of “{element.label}” is called “{verb}”: programs that use it get “{meant}”."
        hint = f"Say which one is meant, such as {verb}={meant}. Outcomes are {listed(values)}."
        yield warning(place, "verb-without-outcome", message, hint)


def shared(checked: Checked) -> Iterator[Problem]:
    """Of tasks that are open at the same time, a program that names a verb cannot say which one it means.

    Tasks of different roles are told apart by who calls.
    """
    drawn = checked.drawn
    if drawn is None:
        return
    by_verb: dict[str, list[Element]] = {}
    for element in drawn.diagram.of_type("userTask"):
        for verb in element.api_verbs:
            by_verb.setdefault(verb, []).append(element)
    if all(len(tasks) < 2 for tasks in by_verb.values()):
        return
    branches = [[_reached(drawn, start) for start in starts] for starts in _partings(drawn)]
    for verb, tasks in by_verb.items():
        for one, other in combinations(tasks, 2):
            if _same_people(one, other) and _at_once(branches, one.id, other.id):
                message = (
                    f"“{one.label}” and “{other.label}” may be open at the same time, and both are completed "
                    f"by the verb “{verb}”: it completes the one that is open longer."
                )
                hint = "Give each a verb of its own, and let the programs that use it say which they mean."
                yield warning(drawn.at(other), "verb-shared", message, hint)


def _same_people(one: Element, other: Element) -> bool:
    """Whether somebody may do both; whoever is assigned to a task may be anybody."""
    if one.attributes.get("assignee") or other.attributes.get("assignee"):
        return True
    return bool(set(one.candidate_roles) & set(other.candidate_roles))


def _partings(drawn: Drawn) -> Iterator[list[str]]:
    """Where a token becomes several: the elements with which each of them goes on."""
    for element in drawn.diagram.elements.values():
        targets = [flow.target for flow in drawn.outgoing[element.id]]
        if len(targets) > 1 and element.type in PARTING:
            yield targets
        beside = [event.id for event in drawn.boundaries[element.id] if not event.interrupting]
        for event in beside:
            yield [element.id, event]


def _at_once(branches: Iterable[list[set[str]]], one: str, other: str) -> bool:
    return any(
        (one in first and other in second) or (other in first and one in second)
        for parting in branches
        for first, second in combinations(parting, 2)
    )


def _reached(drawn: Drawn, start: str) -> set[str]:
    """What a token comes to from here before it meets others, within subprocesses too."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        each = waiting.pop()
        element = drawn.diagram.elements.get(each)
        if each in found or element is None or _is_meeting(drawn, element):
            continue
        found.add(each)
        waiting += [flow.target for flow in drawn.outgoing[each]]
        waiting += [event.id for event in drawn.boundaries[each] if event.interrupting]
        waiting += [inner.id for inner in drawn.scopes[each] if inner.type == "startEvent"]
    return found


def _is_meeting(drawn: Drawn, element: Element) -> bool:
    return element.type in PARTING and len(drawn.incoming[element.id]) > 1
