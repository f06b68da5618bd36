"""Files that the Studio has saved are everybody's: bpmnlint passes them, and the plain editors of bpmn.io
open them without a warning and write down again all that they say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from app.engine.check import check_files
from app.engine.core import ProcessEngine
from app.engine.drafts import as_bytes
from app.processes.shipped import WORKFLOWS, read_folder
from tests.browser.conftest import Cast
from tests.support import editors
from tests.support.editors import said
from tests.support.person import Person
from tests.support.site import Site
from tests.support.studio import (
    SHOWN,
    change_field,
    draft_of,
    element,
    name_it,
    open_file,
    open_studio,
    saved,
    type_in_cell,
)

# What is changed of each process that ships: an element, a cell of a table, and a field of a form.
CHANGES = {
    "maintenance_request": (
        "accept_request",
        "response_times",
        (1, 4),
        '"PT45M"',
        "confirm_repair",
        "confirm_repair_reason",
    ),
    "parts_approval": (
        "approve_parts",
        "approval_policy",
        (4, 2),
        "> 3000",
        "approve_parts",
        "approve_parts_reason",
    ),
}
RENAMED = "Renamed in the Studio"
LABEL = "BPMNLabel"  # bpmn-js gives a shape that is renamed a place for its name


@pytest.fixture(scope="module")
def form_script(tmp_path_factory: pytest.TempPathFactory) -> str:
    return editors.form_script(tmp_path_factory.mktemp("form-js"))


@pytest.fixture
def maria(cast: Cast) -> Person:
    """The maintenance manager, who owns the processes."""
    return cast("manager")


@pytest.mark.parametrize("key", CHANGES)
def test_what_the_studio_saves_is_read_everywhere(
    maria: Person,
    demo_site: Site,
    browser: Browser,
    factory_engine: ProcessEngine,
    form_script: str,
    tmp_path: Path,
    key: str,
) -> None:
    changed, table, cell, text, form, field = CHANGES[key]
    page = maria.page
    open_studio(page, key)
    element(page, changed).click()
    saved(page, lambda: name_it(page, RENAMED))
    open_file(page, table)
    saved(page, lambda: type_in_cell(page, *cell, text))
    open_file(page, form)
    page.locator(SHOWN).locator(f'[data-id="{field}"]').click(position={"x": 5, "y": 5})
    saved(page, lambda: change_field(page, RENAMED))

    before = {name: data.decode() for name, data in read_folder(WORKFLOWS / key).items()}
    after = draft_of(demo_site, key)
    edited = {f"{key}.bpmn", f"{table}.dmn", f"{form}.form"}
    assert {name for name in after if after[name] != before[name]} == edited
    assert not [each for each in check_files(factory_engine, as_bytes(after)) if each.is_error]

    # Nothing but what was changed is said differently.
    for name in (f"{key}.bpmn", f"{table}.dmn"):
        old, new = Counter(said(before[name])), Counter(said(after[name]))
        gone = list((old - new).elements())
        come = [line for line in (new - old).elements() if LABEL not in line]
        assert len(gone) == len(come) == 1, (gone, come)

    path = tmp_path / f"{key}.bpmn"
    for name, content in after.items():
        if name.endswith(".bpmn"):
            path.write_text(content)
            assert editors.lint(path) == ""
            loaded = editors.bpmn_js(browser, content)
            assert loaded.warnings == []
            assert changed in loaded.shown
            assert said(loaded.saved) == said(content)
        elif name.endswith(".dmn"):
            loaded = editors.dmn_js(browser, content)
            assert loaded.warnings == []
            assert len(loaded.shown) > 4
            assert said(loaded.saved) == said(content)
        elif name.endswith(".form"):
            schema = json.loads(content)
            loaded = editors.form_js(browser, form_script, schema)
            assert loaded.warnings == []
            assert loaded.shown
            assert without_habits(loaded.saved) == without_habits(schema)


def without_habits(schema: dict[str, object]) -> dict[str, object]:
    """A form without what the editor of form-js writes down of itself, and what it takes for granted."""
    plain = {name: value for name, value in schema.items() if name not in ("exporter", "schemaVersion")}

    def tidy(component: dict[str, object]) -> dict[str, object]:
        given = dict(component)
        if given.get("type") == "group":
            given.setdefault("showOutline", True)
        if given.get("type") == "dynamiclist":
            for name, usual in (("isRepeating", True), ("defaultRepetitions", 1)):
                given.setdefault(name, usual)
        if isinstance(given.get("components"), list):
            given["components"] = [tidy(each) for each in given["components"]]  # type: ignore[attr-defined]
        return given

    return tidy(plain)


def test_the_linter_would_find_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "x.bpmn"
    text = (WORKFLOWS / "parts_approval/parts_approval.bpmn").read_text()
    path.write_text(text.replace("</bpmn:process>", '<bpmn:task id="lonely"/></bpmn:process>'))
    assert "no-disconnected" in editors.lint(path)
