"""Files of other tools, and broken ones, over the API: accepted, or refused with reasons; never a failure."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lxml import etree
from werkzeug.test import TestResponse

from app.processes.shipped import WORKFLOWS, read_folder
from tests.api.conftest import Api, Caller
from tests.support.dialects import FLAVOURS, KEY, diagram, user_task

SHIPPED = {name: data.decode() for name, data in read_folder(WORKFLOWS / "parts_approval").items()}
ADDRESS = "/processes/parts_approval/draft"
TABLE, DIAGRAM, FORM = "approval_policy.dmn", "parts_approval.bpmn", "approve_parts.form"
# A story of the shipped ones takes a second; here it is looked whether it can be told at all.
STORY = "- {name: A story, start: {process: parts_approval, by: technician}, expect: {state: running}}"
REFUSALS = (404, 409, 422)


def reason(answer: TestResponse) -> str:
    """Why it was refused: a sentence that a person can read."""
    assert answer.status_code in REFUSALS, (answer.status_code, answer.json)
    detail: str = answer.json["detail"]
    assert re.search(r"\w+ \w+ \w+", detail), detail
    return detail


def saved(owner: Caller, files: dict[str, str], address: str = ADDRESS) -> TestResponse:
    draft = owner.get(address).json
    return owner.put(address, {"files": files, "revision": draft["revision"]})


def gone_through(owner: Caller, files: dict[str, str], address: str = ADDRESS) -> bool:
    """Save files, have them looked at and tried, and deploy them; answers whether they were accepted.

    Whatever they hold, each step answers, and every refusal has its reason.
    """
    answer = saved(owner, files, address)
    if answer.status_code != 200:
        assert reason(answer)
        return False
    check = owner.post(f"{address}/check")
    assert check.status_code == 200, check.json
    assert all(each["message"] for each in check.json["problems"])
    trial = owner.post(f"{address}/scenarios")
    assert trial.status_code == 200 or reason(trial)
    impact = owner.post(f"{address}/impact", {"days": 30})
    assert impact.status_code == 200 or reason(impact)
    deployed = owner.post(f"{address}/deploy", {"note": "From elsewhere"})
    if deployed.status_code != 201:
        assert reason(deployed)
        assert check.json["errors"] or trial.status_code != 200 or trial.json["scenarios"], deployed.json
        return False
    assert check.json["errors"] == 0
    return True


@pytest.fixture
def owner(api: Api) -> Caller:
    return api.someone("MAINTENANCE_TECH", process_owner=True, name="Olu Bright")


# -- other tools -----------------------------------------------------------------------------------


def as_text(data: bytes) -> str | None:
    """A file as a browser reads it that uploads it; None for what is no text in UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def test_diagrams_of_other_tools(owner: Caller) -> None:
    versions = 0
    for dialect in FLAVOURS:
        text = as_text(dialect.data.get("inspection.bpmn", b"\xff"))
        if text is None:
            continue
        accepted = gone_through(owner, {f"{KEY}.bpmn": text}, f"/processes/{KEY}/draft")
        assert accepted == (not dialect.refusals), dialect.name
        versions += accepted
    assert versions > 10
    # What was taken can be compared, and shown.
    newest = owner.get(f"/processes/{KEY}").json["version"]
    assert newest > 5
    for version in range(1, newest):
        compared = owner.get(f"/processes/{KEY}/diff?from={version}")
        assert compared.status_code == 200, compared.json
    assert owner.get(f"/processes/{KEY}/versions/{newest}").json["elements"]


def test_decisions_of_other_tools(owner: Caller) -> None:
    files = {name: text for name, text in SHIPPED.items() if name != "scenarios.yaml"}
    taken = 0
    for dialect in FLAVOURS:
        text = as_text(dialect.data.get("interval.dmn", b"\xff"))
        if text is not None:
            accepted = gone_through(owner, {**files, "interval.dmn": text})
            assert accepted == (not dialect.refusals), dialect.name
            taken += accepted
    assert taken >= 10


# -- broken files ----------------------------------------------------------------------------------


def truncated(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text))]


def flipped(text: str, chance: random.Random) -> str:
    letters = list(text)
    for _ in range(3):
        letters[chance.randrange(len(letters))] = chance.choice('<>&"={}[]\x00\x1f￿é')
    return "".join(letters)


def in_xml(change: Callable[[etree._Element, random.Random], None]) -> Callable[[str, random.Random], str]:
    """A change of the tree of a file."""

    def changed(text: str, chance: random.Random) -> str:
        root = etree.fromstring(text.encode())
        change(root, chance)
        return etree.tostring(root, encoding="unicode")

    return changed


def some(root: etree._Element, chance: random.Random, attribute: str = "") -> etree._Element:
    """An element that is not the root, and has the attribute."""
    return chance.choice([node for node in root.iterdescendants() if not attribute or node.get(attribute)])


def remove(root: etree._Element, chance: random.Random) -> None:
    node = some(root, chance)
    parent = node.getparent()
    assert parent is not None
    parent.remove(node)


def duplicate_id(root: etree._Element, chance: random.Random) -> None:
    some(root, chance, "id").set("id", some(root, chance, "id").get("id") or "")


def dangle(root: etree._Element, chance: random.Random) -> None:
    node = some(root, chance)
    names = [name for name in node.attrib if name.endswith(("Ref", "href", "bpmnElement", "default"))]
    node.set(str(chance.choice(names or ["sourceRef"])), "nowhere")


def huge(root: etree._Element, chance: random.Random) -> None:
    node = some(root, chance)
    node.set(str(chance.choice([*node.attrib, "name"])), "x" * 200_000)


def empty(root: etree._Element, chance: random.Random) -> None:
    node = some(root, chance)
    for child in list(node):
        node.remove(child)
    node.text = None


def strip(root: etree._Element, chance: random.Random) -> None:
    some(root, chance).attrib.clear()


def move(root: etree._Element, chance: random.Random) -> None:
    node, to = some(root, chance), some(root, chance)
    if node not in to.iterancestors() and node is not to:
        to.append(node)


def rename(root: etree._Element, chance: random.Random) -> None:
    some(root, chance).tag = some(root, chance).tag


TREES = (remove, duplicate_id, dangle, huge, empty, strip, move, rename)
WRONG_ROOTS = (
    "<html/>",
    "<definitions/>",
    "",
    " ",
    "<a",
    "\ufeff",
    "null",
    "[]",
    "{}",
    "\x00",
    "PK\x03\x04",
    "&amp;",
)


def broken(name: str) -> Iterator[tuple[str, str]]:
    """Broken versions of a shipped file, each with the name of what was done to it."""
    chance = random.Random(f"broken {name}")  # noqa: S311 - the same ones in every run
    text = SHIPPED[name]
    for each in WRONG_ROOTS if name == DIAGRAM else WRONG_ROOTS[:3]:
        yield f"root {each!r}", each
    for what, change in (("truncated", truncated), ("flipped", flipped)):
        yield what, change(text, chance)
    for tree in TREES:
        yield tree.__name__, in_xml(tree)(text, chance)


@pytest.mark.parametrize("name", [DIAGRAM, TABLE])
def test_broken_files_are_refused_with_a_reason(owner: Caller, name: str) -> None:
    files = {**SHIPPED, "scenarios.yaml": STORY}
    refused = 0
    for what, text in broken(name):
        try:
            refused += not gone_through(owner, {**files, name: text})
        except AssertionError as fault:
            raise AssertionError(f"{what}: {fault}") from fault
    assert refused > 10


# Of each kind that JSON has, and what nobody would expect.
VALUES: list[Any] = [None, True, -1, 1.5, "", "=", "{{", "x" * 3000, [], [None], {}, {"a": {}}]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value, from the root on."""
    yield path
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in inner:
            yield from places(each, (*path, key))


def placed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of a JSON value with something else at one place."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = placed(copy[path[0]], path[1:], new)
    return copy


def small_process(form: str) -> dict[str, str]:
    """A process with one form, which is looked at in a moment."""
    return {
        f"{KEY}.bpmn": diagram(task=user_task('millwright:form="inspect"')),
        "inspect.form": form,
    }


def test_forms_with_wrong_types_at_every_place(owner: Caller) -> None:
    schema = json.loads(SHIPPED[FORM])
    address = f"/processes/{KEY}/draft"
    everywhere = list(places(schema))
    assert len(everywhere) > 50
    refused = 0
    for number, path in enumerate(everywhere):
        new = VALUES[number % len(VALUES)]
        answer = saved(owner, small_process(json.dumps(placed(schema, path, new))), address)
        assert answer.status_code == 200, (path, new, answer.json)
        check = owner.post(f"{address}/check")
        assert check.status_code == 200, (path, new, check.json)
        errors = [each for each in check.json["problems"] if each["severity"] == "error"]
        assert all(each["message"] and each["hint"] for each in errors)
        refused += any(each["code"] == "bad-form" for each in errors)
    assert refused > 20
    # What comes after the checks looks at the form too.
    for path, new in ((("components",), None), (("components", 0), 7), ((), [])):
        assert not gone_through(owner, small_process(json.dumps(placed(schema, path, new))), address)
