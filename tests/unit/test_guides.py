"""The guides name what there is: no more, no less."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from app.engine import diagram
from app.engine.core import ProcessEngine
from app.engine.scenario_files import STEPS
from app.processes.scenarios import read_scenarios, run_scenarios
from app.processes.shipped import ROOT, WORKFLOWS, read_folder

GUIDE = (ROOT / "docs" / "process-owners-guide.md").read_text(encoding="utf-8")
CODE = set(re.findall(r"`([^`\n]+)`", GUIDE))


def test_the_guide_names_every_service_and_no_other(engine: ProcessEngine) -> None:
    named = {word for word in CODE if re.fullmatch(r"[a-z]+\.[a-z_]+", word)} - {"scenarios.yaml"}
    assert named == set(engine.services.tasks)


def test_the_guide_names_every_attribute() -> None:
    schema = json.loads((Path(diagram.__file__).parent / "schema" / "millwright.json").read_text())
    attributes = {
        attribute["name"] for kind in schema["types"] if "extends" in kind for attribute in kind["properties"]
    }
    assert attributes - CODE == set()


def test_the_guide_names_every_fact(engine: ProcessEngine) -> None:
    facts = {name for binding in engine.bindings.processes.values() for name in binding.facts}
    assert facts - CODE == set()


def test_the_guide_names_every_choice_of_forms_and_kind_of_step(engine: ProcessEngine) -> None:
    assert set(engine.bindings.options) - CODE == set()
    assert set(STEPS) - CODE == set()


def test_the_scenario_in_the_guide_runs(engine: ProcessEngine) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    (scenario,) = read_scenarios(text.encode())
    (result,) = run_scenarios(engine, read_folder(WORKFLOWS / "parts_approval"), [scenario])
    assert result.failures == []


# What guides set off besides the names of pages, fields and buttons: people of the story, and sentences.
SET_OFF = {
    "administrators-guide.md": {"A new user", "Absences of others"},
    "getting-started.md": {
        "Grace Odum", "Ivo Petrov", "Maria Duarte", "Tomasz Wolski",
        "Something listens on port 5000 already", "This Python cannot make virtual environments",
    },
    "managers-guide.md": {
        "Resolve by hand or skip?", "is not done and not needed", "the button under it does it",
        "“The scheduler has not looked since …”",
    },
    "process-owners-guide.md": {"A draft is yours.", "As Maintenance manager"},
    "staff-guide.md": {"Recording a movement", "The camera does not start."},
}  # fmt: skip
WHERE_NAMES_ARE = ("app/**/*.html", "app/**/*.py", "frontend/**/*.ts", "workflows/**/*.*", "forms/*.form")


@pytest.fixture(scope="module")
def product() -> str:
    """All words of the pages, and of what makes them."""
    files = [path for pattern in WHERE_NAMES_ARE for path in ROOT.glob(pattern)]
    return re.sub(r"\s+", " ", " ".join(path.read_text(encoding="utf-8") for path in files)).lower()


@pytest.mark.parametrize("guide", SET_OFF)
def test_guides_name_pages_and_buttons_that_there_are(guide: str, product: str) -> None:
    text = re.sub(r"```.*?```", "", (ROOT / "docs" / guide).read_text(encoding="utf-8"), flags=re.DOTALL)
    emphasised = re.findall(r"\*\*([^*]+)\*\*|(?<!\*)\*([^*\n]+)\*(?!\*)", text)
    named = {re.sub(r"\s+", " ", strong or weak) for strong, weak in emphasised} - SET_OFF[guide]
    assert named
    pages = {name for each in named for name in re.split(", (?=[A-Z])", each)}  # “Monitor, Alerts”
    assert {name for name in pages if name.rstrip(".:").lower() not in product} == set()


PAGES = [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_the_integrators_guide_names_addresses_that_exist() -> None:
    from app.api import endpoints

    known = {(endpoint.method, endpoint.documented_path) for endpoint in endpoints()}
    guide = (ROOT / "docs" / "integrators-guide.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`?]*)`", guide))
    assert named
    assert named - known == set()
