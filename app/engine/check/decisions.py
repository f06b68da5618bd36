"""Decision tables: their expressions, and what their rules cover."""

from __future__ import annotations

from collections.abc import Iterator

from app.engine.check import tables
from app.engine.check.checked import Checked, DecisionFile
from app.engine.check.expressions import Site, check
from app.engine.check.forms import facts_anywhere
from app.engine.check.problems import Place, Problem
from app.engine.check.variables import Known, known_variables
from app.engine.decisions import DecisionTable


def decision_files(checked: Checked) -> Iterator[Problem]:
    """Every decision, for each task that makes it."""
    known = _known_by_file(checked)
    for file in checked.decision_files:
        yield from _expressions(checked, file, known.get(file.file) or _anything(checked))
        for decision in file.model.decisions.values():
            if isinstance(decision, DecisionTable):
                yield from tables.table(file.file, decision)


def _anything(checked: Checked) -> Known:
    return Known({name: fact.fields for name, fact in facts_anywhere(checked).items()}, open=True)


def _known_by_file(checked: Checked) -> dict[str, Known]:
    """What the expressions of each file know: the variables, and the inputs of the tasks that use it."""
    found: dict[str, Known] = {}
    variables = known_variables(checked) if checked.drawn else Known()
    for _, element in checked.elements:
        named = checked.decisions.get(element.attributes.get("decision", "").strip())
        if element.type == "businessRuleTask" and named is not None:
            inputs = dict.fromkeys(mapping.name for mapping in element.inputs)
            file = named[0].file
            found[file] = found.get(file, variables).plus(inputs)
    return found


def _expressions(checked: Checked, file: DecisionFile, known: Known) -> Iterator[Problem]:
    made = {name: None for each in file.model.decisions.values() for name in (each.variable, each.name)}
    for decision, cell in file.model.expressions():
        place = Place(file.file, cell.element_id or decision.id, decision.name)
        inside = known.plus({**made, "?": None})
        where = f"“{decision.name}”, {cell.where}"
        yield from check(checked, Site(place, where, cell.text, inside, cell.kind))
