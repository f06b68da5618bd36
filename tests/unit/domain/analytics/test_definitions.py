"""The guide to the figures says what the code does, by name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from app.domain.analytics.definitions import DEFINITIONS, as_markdown

GUIDE = Path(__file__).parents[4] / "docs" / "figures.md"


@pytest.mark.parametrize("one", DEFINITIONS, ids=lambda one: one.key)
def test_each_figure_is_computed_where_its_definition_says(one):
    module, _, path = one.code.partition(":")
    found = import_module(module)
    for name in path.split("."):
        annotations = getattr(found, "__annotations__", {})
        assert hasattr(found, name) or name in annotations, one.code
        found = getattr(found, name, None)


def test_the_guide_is_what_the_definitions_say():
    assert GUIDE.read_text() == as_markdown()
    assert len({one.key for one in DEFINITIONS}) == len(DEFINITIONS)
