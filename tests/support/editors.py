"""The editors and the linter of bpmn.io as everybody else has them: they know nothing of Millwright."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from playwright.sync_api import Browser, Page

from tests.support.site import ROOT

MODULES = ROOT / "node_modules"
BPMN_JS = MODULES / "bpmn-js/dist/bpmn-navigated-viewer.production.min.js"
DMN_JS = MODULES / "dmn-js/dist/dmn-navigated-viewer.production.min.js"
BPMNLINT = MODULES / "bpmnlint/bin/bpmnlint.js"
ESBUILD = MODULES / ".bin/esbuild"
NODE = Path(sys.executable).parent / "node"
FORM_JS = """
export { createForm } from "@bpmn-io/form-js-viewer";
export { createFormEditor } from "@bpmn-io/form-js-editor";
"""


@dataclass(frozen=True)
class Loaded:
    """What an editor made of a file: its warnings, the ids that it showed, and the file as it saves it."""

    warnings: list[str]
    shown: list[str]
    saved: Any


@contextmanager
def empty_page(browser: Browser, script: Path | str) -> Iterator[Page]:
    """A page with nothing but a place to draw in, and a script."""
    page = browser.new_page()
    try:
        page.set_content('<div id="here" style="height: 600px"></div>')
        if isinstance(script, Path):
            page.add_script_tag(path=script)
        else:
            page.add_script_tag(content=script)
        yield page
    finally:
        page.close()


def bpmn_js(browser: Browser, xml: str) -> Loaded:
    """Open a diagram in bpmn-js, and save it."""
    with empty_page(browser, BPMN_JS) as page:
        found = page.evaluate(
            """async (xml) => {
                const viewer = new BpmnJS({ container: "#here" });
                const { warnings } = await viewer.importXML(xml);
                const shown = viewer.get("elementRegistry").filter(() => true).map((each) => each.id);
                const { xml: saved } = await viewer.saveXML({ format: true });
                return { warnings: warnings.map((each) => each.message ?? String(each)), shown, saved };
            }""",
            xml,
        )
    return Loaded(**found)


def dmn_js(browser: Browser, xml: str) -> Loaded:
    """Open every decision of a file in dmn-js, and save it."""
    with empty_page(browser, DMN_JS) as page:
        found = page.evaluate(
            """async (xml) => {
                const viewer = new DmnJS({ container: "#here" });
                const { warnings } = await viewer.importXML(xml);
                const shown = [];
                for (const view of viewer.getViews()) {
                    if (view.type === "drd") continue; // the import has opened it
                    warnings.push(...(await viewer.open(view)).warnings);
                    if (view.type === "decisionTable") {
                        const rules = viewer.getActiveViewer().get("elementRegistry").getAll();
                        shown.push(view.id, ...rules.map((each) => each.id));
                    }
                }
                const { xml: saved } = await viewer.saveXML({ format: true });
                return { warnings: warnings.map((each) => each.message ?? String(each)), shown, saved };
            }""",
            xml,
        )
    return Loaded(**found)


def form_js(browser: Browser, script: str, schema: dict[str, Any]) -> Loaded:
    """Show a form in the viewer of form-js, and save it by its editor; ``script`` is :func:`form_script`."""
    with empty_page(browser, script) as page:
        found = page.evaluate(
            """async (schema) => {
                const container = document.getElementById("here");
                const form = await FormJs.createForm({ container, schema: structuredClone(schema) });
                const { warnings } = await form.importSchema(structuredClone(schema), {});
                await new Promise((drawn) => setTimeout(drawn, 100));
                const fields = container.querySelectorAll(".fjs-form-field");
                const shown = [...fields].map((each) => each.className);
                form.destroy();
                const editor = await FormJs.createFormEditor({ container, schema: structuredClone(schema) });
                const told = warnings.map((each) => each.message ?? String(each));
                return { warnings: told, shown, saved: editor.saveSchema() };
            }""",
            schema,
        )
    return Loaded(**found)


def form_script(folder: Path) -> str:
    """form-js in one script: it comes in modules, which a page cannot read from a folder."""
    source, bundle = folder / "form-js.mjs", folder / "form-js.js"
    source.write_text(FORM_JS)
    command = [
        str(ESBUILD), str(source), "--bundle", "--format=iife", "--global-name=FormJs", "--log-level=error",
        f"--outfile={bundle}",
    ]  # fmt: skip
    environment = {"NODE_PATH": str(MODULES), "PATH": "/usr/bin:/bin"}
    subprocess.run(command, env=environment, check=True, cwd=ROOT)
    return bundle.read_text()


def lint(path: Path) -> str:
    """What bpmnlint says of a diagram by our rules (.bpmnlintrc); nothing where all is well."""
    if not BPMNLINT.exists() or not NODE.exists():
        pytest.skip("bpmnlint is not installed: make install")
    command = [str(NODE), str(BPMNLINT), "--config", str(ROOT / ".bpmnlintrc"), str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    return (done.stdout + done.stderr).strip() if done.returncode else ""


def said(xml: str) -> list[str]:
    """All that a file says, with its layout, an element a line: what was lost, or came, shows in a diff.

    What stands where a schema has a default for it means nothing else, so it is left out.
    """
    lines = []
    for node in etree.fromstring(xml.encode()).iter(etree.Element):
        given = sorted((key, value) for key, value in node.attrib.items() if (key, value) not in DEFAULTS)
        depth = sum(1 for _ in node.iterancestors())
        lines.append(f"{'  ' * depth}{node.tag} {given} {(node.text or '').strip()}")
    return lines


DEFAULTS = {("validates", "true"), ("isMarkerVisible", "true"), ("hitPolicy", "UNIQUE")}
