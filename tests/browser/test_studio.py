"""The Studio: a process owner changes rules, forms and diagrams, tries them, and deploys them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from lxml import etree
from playwright.sync_api import Browser, expect

from app.domain.activity import ActivityLog
from app.domain.people import User
from app.engine import deployments
from app.engine.check import check_files
from app.engine.core import ProcessEngine
from app.engine.drafts import as_bytes
from app.engine.models import Deployment, ProcessDraft
from app.processes.directory import actor_of
from app.processes.shipped import WORKFLOWS, read_folder
from tests.browser.conftest import Cast
from tests.support.person import Person
from tests.support.site import ROOT, Site
from tests.support.studio import (
    LONG,
    READY,
    deploy,
    draft_of,
    element,
    is_save,
    open_file,
    open_studio,
    run_scenarios,
    saved,
    type_in_cell,
    type_in_column,
    with_file,
)

KEY = "parts_approval"
SHIPPED = {name: content.decode() for name, content in read_folder(WORKFLOWS / KEY).items()}
BPMN_JS = ROOT / "node_modules/bpmn-js/dist/bpmn-navigated-viewer.production.min.js"


@pytest.fixture
def maria(cast: Cast) -> Person:
    """The maintenance manager, who owns the processes, with the Studio's editors open."""
    person = cast("manager")
    open_studio(person.page, KEY)
    return person


def said(xml: str) -> list[str]:
    """All that a diagram says, with its layout, an element a line; an outcome validates by default."""
    return [
        f"{node.tag} {sorted(node.attrib.items())} {(node.text or '').strip()}".replace(
            "('validates', 'true'), ", ""
        )
        for node in etree.fromstring(xml.encode()).iter(etree.Element)
    ]


def ids(xml: str) -> set[str]:
    return set(re.findall(r'\sid="([^"]+)"', xml))


# -- rules -----------------------------------------------------------------------------------------


def test_a_threshold_is_changed_tried_weighed_and_deployed(
    maria: Person, cast: Cast, demo_site: Site
) -> None:
    page = maria.page
    page.goto("/")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Studio").click()
    maria.follow("Parts approval")
    page.locator(READY).wait_for()
    expect(page.locator("[data-problems-summary]")).to_have_text("No problems")

    open_file(page, "approval_policy")
    saved(page, lambda: type_in_column(page, 1, dict.fromkeys((4, 5), "> 3000")))
    maria.press(page.get_by_role("button", name="No problems"))
    expect(page.locator(".studio-drawer")).to_contain_text("No problems were found.")

    # The scenarios say the old rule: the draft is not deployed before they say the new one.
    run_scenarios(maria)
    drawer = page.get_by_role("region", name="Checks")
    expect(drawer).to_contain_text("1 of 19 scenarios failed", timeout=LONG)
    deploy(maria, "From 3,000 the administrator decides too")
    dialog = page.get_by_role("dialog", name="Deploy")
    expect(dialog).to_contain_text("Exactly 5,000 is still the maintenance manager's decision", timeout=LONG)
    expect(dialog.get_by_role("checkbox")).to_have_count(0)  # overriding is the administrator's
    dialog.get_by_role("button", name="Cancel").click()
    text = open_file(page, "Scenarios").get_by_role("textbox")
    edited = (
        text.input_value().replace("Exactly 5,000", "Exactly 3,000").replace("price: 2500", "price: 1500")
    )
    saved(page, lambda: text.fill(edited))
    run_scenarios(maria)
    expect(drawer).to_contain_text("19 scenarios passed", timeout=LONG)

    maria.press(page.get_by_role("button", name="Impact"))
    maria.press(drawer.get_by_role("button", name="Compare"))
    expect(drawer).to_contain_text(re.compile(r"Of \d+ decisions since .*, 1 would have gone another way"))
    expect(drawer.get_by_role("row", name="MANAGER_THEN_ADMIN")).to_contain_text("PR-2026-")

    deploy(maria, "From 3,000 the administrator decides too")
    told = page.get_by_role("status").filter(has_text="Version 2 of Parts approval is deployed")
    expect(told).to_be_visible(timeout=LONG)
    row = page.get_by_role("row", name="Parts approval")
    expect(row).to_contain_text("From 3,000 the administrator decides too")
    with demo_site.session() as session:
        newest = deployments.latest(session, KEY)
        assert newest is not None and newest.version == 2
        assert newest.deployed_by_name == "Maria Duarte"
        assert not session.scalar(sa.select(sa.func.count(ProcessDraft.id)))

    needs_the_administrator(cast, maria)


def needs_the_administrator(cast: Cast, maria: Person) -> None:
    """A pump for 3,150 is approved by the manager, and then by the administrator too."""
    tomasz = cast("technician")
    tomasz.open_task("Carry out work", "Deburring")
    row = tomasz.row("Parts: 1")
    tomasz.choose("Part", "HY-P28", within=row)
    row.get_by_label("Quantity").fill("1")
    row.get_by_label("Reason").fill("Worn out")
    tomasz.press("Request parts")
    expect(tomasz.page.get_by_role("status")).to_contain_text("Done.")
    maria.open_task("Approve parts", "Deburring")
    maria.press("Approve")
    expect(maria.page.get_by_role("status")).to_contain_text("Done: Approve parts")
    grace = cast("admin")
    grace.open_task("Approve parts (administrator)", "Deburring")
    grace.press("Approve")
    expect(grace.page.get_by_role("status")).to_contain_text("Done: Approve parts (administrator)")


# -- diagrams --------------------------------------------------------------------------------------


def test_properties_are_changed_and_the_file_loads_anywhere(
    maria: Person, demo_site: Site, browser: Browser, factory_engine: ProcessEngine
) -> None:
    page = maria.page
    element(page, "approve_parts").click()
    panel = page.get_by_role("region", name="Properties")
    saved(page, lambda: panel.get_by_label("Role", exact=True).select_option(label="Administrator"))
    saved(page, lambda: panel.get_by_label("Form", exact=True).select_option("issue_parts"))
    page.keyboard.press("Escape")

    element(page, "remind_manager").click()
    saved(page, lambda: panel.get_by_label("Service", exact=True).select_option("tasks.escalate"))
    problems = page.locator("[data-problems-summary]")
    expect(problems).to_have_text(re.compile("error"))
    saved(page, lambda: page.get_by_role("button", name="Undo").click())

    files = draft_of(demo_site, KEY)
    xml, shipped = files[f"{KEY}.bpmn"], SHIPPED[f"{KEY}.bpmn"]
    assert ids(xml) == ids(shipped)
    task = re.findall(r'<bpmn:userTask id="approve_parts"[^>]*>', xml)[0]
    assert 'millwright:candidateRole="ADMIN"' in task
    assert 'millwright:form="issue_parts"' in task
    changed = [line for line in said(shipped) if line not in said(xml)]
    assert len(changed) == 1 and "approve_parts" in changed[0]
    assert {name: text for name, text in files.items() if not name.endswith(".bpmn")} == {
        name: text for name, text in SHIPPED.items() if not name.endswith(".bpmn")
    }
    assert [
        p for p in check_files(factory_engine, as_bytes({**files, f"{KEY}.bpmn": xml})) if p.is_error
    ] == []
    elsewhere = opened_elsewhere(browser, xml)
    assert elsewhere["warnings"] == []
    assert {"approve_parts", "lane_inventory", "which_approval_to_approved"} <= set(elsewhere["drawn"])


def opened_elsewhere(browser: Browser, xml: str) -> dict[str, list[str]]:
    """What a bpmn-js that knows nothing of Millwright says of a diagram, and the ids that it draws."""
    page = browser.new_page()
    try:
        page.set_content('<div id="canvas" style="height: 600px"></div>')
        page.add_script_tag(path=BPMN_JS)
        found: dict[str, list[str]] = page.evaluate(
            """async (xml) => {
                const viewer = new BpmnJS({ container: "#canvas" });
                const { warnings } = await viewer.importXML(xml);
                const drawn = viewer.get("elementRegistry").filter(() => true).map((each) => each.id);
                return { warnings: warnings.map(String), drawn };
            }""",
            xml,
        )
    finally:
        page.close()
    return found


def test_an_expression_is_completed_and_marked(maria: Person, demo_site: Site) -> None:
    page = maria.page
    element(page, "remind_manager").click()
    panel = page.get_by_role("region", name="Properties")
    field = panel.get_by_label("body", exact=True)
    field.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("machine.na")
    completion = page.locator(".cm-tooltip-autocomplete")
    expect(completion).to_contain_text("name")
    page.keyboard.press("Escape")
    saved(page, lambda: page.keyboard.type("me +"))
    expect(panel.locator('[data-entry-id="millwright-input-body"]')).to_have_class(re.compile("has-error"))
    problems = page.locator("[data-problems-summary]")
    expect(problems).to_have_text(re.compile("error"))
    drawing = page.locator('g[data-element-id="remind_manager"]').first
    expect(drawing).to_have_class(re.compile("studio-error"))

    # The problem leads back to the element, from wherever one is.
    open_file(page, "approval_policy")
    problems.click()
    page.get_by_role("region", name="Checks").get_by_role("listitem").first.get_by_role("button").click()
    expect(page.get_by_role("tab", name=KEY, exact=True)).to_have_attribute("aria-selected", "true")
    expect(panel).to_contain_text("Remind the manager")
    assert "machine.name +" in draft_of(demo_site, KEY)[f"{KEY}.bpmn"]


def test_the_diagram_is_simulated_searched_and_taken_away(maria: Person) -> None:
    page = maria.page
    tools = page.get_by_role("toolbar", name="Diagram")
    simulate = tools.get_by_role("button", name="Simulate")
    simulate.click()
    expect(simulate).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".bts-palette")).to_be_visible()
    simulate.click()
    expect(page.locator(".djs-palette")).to_be_visible()
    tools.get_by_role("button", name="Search").click()
    page.get_by_label("Search in diagram").press_sequentially("Issue parts")
    page.locator(".djs-search-result").first.click()
    expect(page.get_by_role("region", name="Properties")).to_contain_text("Issue parts")
    tools.get_by_role("button", name="Map").click()
    expect(page.locator(".djs-minimap .map")).to_be_visible()
    for kind, begins in (("SVG", b"<?xml"), ("PNG", b"\x89PNG")):
        with page.expect_download() as taken:
            tools.get_by_role("button", name=kind).click()
        assert taken.value.suggested_filename == f"Parts approval.{kind.lower()}"
        assert Path(taken.value.path()).read_bytes().startswith(begins)


# -- forms and files -------------------------------------------------------------------------------


def test_a_form_is_changed_and_saved_as_it_was_otherwise(maria: Person, demo_site: Site) -> None:
    page = maria.page
    sheet = open_file(page, "approve_parts")
    sheet.locator('[data-id="approve_parts_reason"]').click(position={"x": 5, "y": 5})
    sheet.get_by_text("General", exact=True).click()
    label = sheet.get_by_label("Field label")
    saved(page, lambda: label.fill("Why is it refused?"))
    before = json.loads(
        SHIPPED["approve_parts.form"].replace("Why do you reject the request?", "Why is it refused?")
    )
    after = json.loads(draft_of(demo_site, KEY)["approve_parts.form"])
    # The editor writes down what it takes for granted, and which version of the format it writes.
    (rows,) = (each for each in before["components"] if each["type"] == "dynamiclist")
    rows.update(isRepeating=True, defaultRepetitions=1)
    assert after == {**before, "schemaVersion": after["schemaVersion"]}


def test_files_are_added_uploaded_renamed_and_removed(maria: Person, demo_site: Site, tmp_path: Path) -> None:
    page = maria.page
    foreign = tmp_path / "Foreign table.dmn"
    foreign.write_text(SHIPPED["approval_policy.dmn"].replace("approval_policy", "foreign_policy"))
    broken, odd = tmp_path / "broken.form", tmp_path / "notes.txt"
    broken.write_text("{ no form")
    odd.write_text("Hello")
    saved(page, lambda: page.locator("[data-upload]").set_input_files([foreign, broken, odd]))
    dialog = page.get_by_role("dialog", name="Not all files were taken")
    expect(dialog).to_contain_text("broken.form: it is not JSON")
    expect(dialog).to_contain_text("notes.txt: a file's name")
    dialog.get_by_role("button", name="Close").click()
    expect(page.get_by_role("tab", name="Foreign table")).to_have_attribute("aria-selected", "true")

    saved(page, lambda: with_file(page, "Rename this file", "other"))
    saved(page, lambda: with_file(page, "New form", "calibration"))
    saved(page, lambda: with_file(page, "New decision table", "limits"))
    saved(page, lambda: with_file(page, "Remove this file"))
    open_file(page, "issue_parts")
    saved(page, lambda: with_file(page, "Rename this file", "hand_out"))
    files = draft_of(demo_site, KEY)
    assert set(files) == {*SHIPPED, "other.dmn", "calibration.form", "hand_out.form"} - {"issue_parts.form"}
    diagram = files[f"{KEY}.bpmn"]
    assert 'millwright:form="hand_out"' in diagram and 'millwright:form="issue_parts"' not in diagram


def test_a_file_that_cannot_be_opened_is_shown_as_text(
    maria: Person, demo_site: Site, tmp_path: Path
) -> None:
    page = maria.page
    bare = tmp_path / "bare.bpmn"
    bare.write_text(
        re.sub(r"<bpmndi:BPMNDiagram.*</bpmndi:BPMNDiagram>", "", SHIPPED[f"{KEY}.bpmn"], flags=re.S)
    )
    old = tmp_path / "old.dmn"
    old.write_text('<definitions xmlns="http://www.omg.org/spec/DMN/20151101/dmn.xsd" id="d" name="Old"/>')
    saved(page, lambda: page.locator("[data-upload]").set_input_files([bare, old]))
    dialog = page.get_by_role("dialog", name="Not all files were taken")
    expect(dialog).to_contain_text("old.dmn: it is DMN of another version")
    dialog.get_by_role("button", name="Close").click()
    expect(page.get_by_role("alert")).to_contain_text("bare.bpmn cannot be opened in its editor: no diagram")
    text = page.get_by_label("Text of the file")
    saved(page, lambda: text.fill(SHIPPED[f"{KEY}.bpmn"]))
    page.get_by_role("button", name="Try the editor again").click()
    expect(element(page, "approve_parts")).to_be_visible()
    assert draft_of(demo_site, KEY)["bare.bpmn"] == SHIPPED[f"{KEY}.bpmn"]


# -- others, and other windows ---------------------------------------------------------------------


def test_two_windows_of_one_person_do_not_overwrite_each_other(
    maria: Person, cast: Cast, demo_site: Site
) -> None:
    first, second = maria.page, cast("manager").page
    open_studio(second, KEY)
    open_file(first, "approval_policy")
    saved(first, lambda: type_in_cell(first, 4, 1, "> 3000"))
    open_file(second, "approval_policy")
    type_in_cell(second, 4, 1, "> 4000")
    warning = second.get_by_role("alert").filter(has_text="not saved there")
    expect(warning).to_be_visible()
    expect(second.locator("[data-state]")).to_contain_text("Not saved")
    assert "&gt; 3000" in draft_of(demo_site, KEY)["approval_policy.dmn"]

    warning.get_by_role("button", name="Take the other one").click()
    second.locator(READY).wait_for()
    expect(open_file(second, "approval_policy")).to_contain_text("> 3000")
    kept = second.get_by_role("alert").filter(has_text="is kept")
    kept.get_by_role("button", name="Bring it back").click()
    expect(kept).to_have_count(0)
    second.locator(READY).wait_for()
    expect(open_file(second, "approval_policy")).to_contain_text("> 4000")
    assert "&gt; 4000" in draft_of(demo_site, KEY)["approval_policy.dmn"]


def test_a_newer_version_is_told_and_taken_or_not(
    maria: Person, demo_site: Site, factory_engine: ProcessEngine
) -> None:
    page = maria.page
    open_file(page, "approval_policy")
    saved(page, lambda: type_in_cell(page, 4, 1, "> 3000"))
    policy = SHIPPED["approval_policy.dmn"].replace("&lt;= 200", "&lt;= 250")
    with demo_site.session() as session, session.begin():
        admin = session.scalars(sa.select(User).filter_by(email="admin@millwright.example")).one()
        files = as_bytes({**SHIPPED, "approval_policy.dmn": policy})
        deployments.deploy(factory_engine, session, files, by=actor_of(admin), note="250 for consumables")
    open_studio(page, KEY)
    warning = page.get_by_role("alert").filter(has_text="Grace Odum deployed version 2")
    expect(warning).to_contain_text("250 for consumables")
    page.goto("/studio")
    expect(page.get_by_role("row", name="Parts approval")).to_contain_text("Version 2 is newer")
    open_studio(page, KEY)
    with page.expect_response(is_save):
        warning.get_by_role("button", name="Keep mine").click()
    expect(warning).to_have_count(0)
    assert "&gt; 3000" in draft_of(demo_site, KEY)["approval_policy.dmn"]


def test_a_new_process_begins_with_a_template(cast: Cast, demo_site: Site) -> None:
    maria = cast("manager")
    page = maria.page
    page.goto("/studio")
    maria.follow("New process")
    page.get_by_label("Name").fill("Tool calibration")
    page.get_by_label("Key").fill("parts_approval")
    maria.press("Make the draft")
    expect(page.get_by_label("Key")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Key").fill("tool_calibration")
    maria.press("Make the draft")
    page.locator(READY).wait_for()
    expect(page.locator("[data-problems-summary]")).to_have_text("No problems")
    deploy(maria, "The first version")
    told = page.get_by_role("status").filter(has_text="Version 1 of Tool calibration is deployed")
    expect(told).to_be_visible(timeout=LONG)
    with demo_site.session() as session:
        assert session.scalar(sa.select(sa.func.count(Deployment.id)).filter_by(key="tool_calibration")) == 1


def test_an_administrator_deploys_although_a_scenario_fails(cast: Cast, demo_site: Site) -> None:
    grace = cast("admin")
    page = grace.page
    open_studio(page, KEY)
    open_file(page, "approval_policy")
    saved(page, lambda: type_in_column(page, 1, dict.fromkeys((4, 5), "> 3000")))
    deploy(grace, "The scenario is put right tomorrow")
    dialog = page.get_by_role("dialog", name="Deploy")
    dialog.get_by_label("Deploy although scenarios fail").check(timeout=LONG)
    dialog.get_by_role("button", name="Deploy although scenarios fail").click()
    told = page.get_by_role("status").filter(has_text="Version 2 of Parts approval is deployed")
    expect(told).to_be_visible(timeout=LONG)
    with demo_site.session() as session:
        log = session.scalars(sa.select(ActivityLog).order_by(ActivityLog.id.desc())).first()
        assert log is not None and "Exactly 5,000" in str(log.after)


def test_only_process_owners_have_a_studio(cast: Cast) -> None:
    tomasz = cast("technician")
    page = tomasz.page
    expect(page.get_by_role("link", name="Studio")).to_have_count(0)
    for address in ("/studio", "/studio/new", f"/studio/{KEY}"):
        answer = page.goto(address)
        assert answer is not None and answer.status == 403


def test_a_phone_shows_checks_and_does_not_edit(cast: Cast) -> None:
    maria = cast("manager", phone=True)
    page = maria.page
    page.goto("/studio")
    maria.follow("Parts approval")
    page.locator(READY).wait_for()
    expect(page.get_by_text("Editing wants a larger screen")).to_be_visible()
    expect(page.locator(".djs-palette")).to_have_count(0)
    expect(page.get_by_role("region", name="Properties")).to_have_count(0)
    for name in ("approval_policy", "approve_parts", "Scenarios"):
        expect(open_file(page, name)).to_be_visible()
    maria.press(page.get_by_role("button", name="No problems"))
    expect(page.get_by_role("region", name="Checks")).to_contain_text("No problems were found.")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
