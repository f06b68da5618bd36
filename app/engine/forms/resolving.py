"""Settles what is hidden, read-only, computed and offered, which all depend on the answers."""

from __future__ import annotations

import logging
from typing import Any

from app.engine.forms import options
from app.engine.forms.fields import ChoiceAnswer, ChoicesAnswer
from app.engine.forms.formulas import FAILED
from app.engine.forms.items import Item
from app.engine.forms.schema import Formula
from app.engine.forms.scopes import Scope

log = logging.getLogger(__name__)

# Conditions on conditions settle in as many rounds; those that contradict each other never do.
MAXIMUM_ROUNDS = 8


def resolve(form: Scope) -> None:
    """Evaluate the expressions of all items until nothing changes any more."""
    items = list(form.walk(blank=True))
    evaluator = form.setting.evaluator
    unsettled: list[Item] = []
    for _ in range(MAXIMUM_ROUNDS):
        form.forget()
        wanted = [(item, formula) for item in items for formula in _formulas(item)]
        if not wanted:
            return
        values = evaluator.evaluate([(formula, item.scope.environment) for item, formula in wanted])
        found: dict[int, dict[str, Any]] = {}
        for (item, formula), value in zip(wanted, values, strict=True):
            found.setdefault(id(item), {})[formula.source] = value
        unsettled = [item for item in items if id(item) in found and _apply(item, found[id(item)])]
        if not unsettled:
            break
    # Conditions that contradict each other hide nothing: an answer is rather asked for than lost.
    for item in unsettled:
        log.warning("A condition of a form never settles: that of %s", item.path or item.component.id)
        item.hidden_itself = False
    form.forget()


def _formulas(item: Item) -> list[Formula]:
    component = item.component
    computed = component.formula if component.type == "expression" else None
    settings = (component.hide, component.readonly, component.disabled, computed, component.options.formula)
    return [setting for setting in settings if isinstance(setting, Formula)]


def _apply(item: Item, values: dict[str, Any]) -> bool:
    """Take the values of an item's expressions; whether they changed anything."""
    component = item.component
    before = (item.hidden_itself, item.locked, item.computed, item.choices)
    if component.hide is not None:
        item.hidden_itself = values[component.hide.source] is True
    # What cannot be told is read-only: the careful answer.
    item.locked = component.always_locked or any(
        isinstance(setting, Formula) and values[setting.source] in (True, FAILED)
        for setting in (component.readonly, component.disabled)
    )
    if component.type == "expression" and component.formula is not None:
        value = values[component.formula.source]
        item.computed = None if value is FAILED else value
    if component.options.formula is not None and isinstance(item.field, ChoiceAnswer | ChoicesAnswer):
        item.field.choices = options.from_list(values[component.options.formula.source])
    changed = before != (item.hidden_itself, item.locked, item.computed, item.choices)
    if changed:
        item.read()
    return changed
