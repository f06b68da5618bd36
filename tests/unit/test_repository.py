"""What the repository promises about itself: locked packages, documented settings and targets."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-production.lock", "requirements-dev.lock")
PINNED = re.compile(r"^([a-z0-9-]+)==[^ ]+ \\$")


def locked(name: str) -> dict[str, int]:
    """The locked packages of a file, each with the number of its hashes."""
    packages: dict[str, int] = {}
    current = ""
    for line in (ROOT / name).read_text().splitlines():
        if match := PINNED.match(line):
            current = match[1]
            packages[current] = 0
        elif line.strip().startswith("--hash=sha256:"):
            packages[current] += 1
    return packages


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_locked_with_hashes(name: str) -> None:
    packages = locked(name)
    assert packages
    assert all(packages.values())


@pytest.mark.parametrize("name", [*LOCKS, "package-lock.json"])
def test_lock_files_name_no_registry(name: str) -> None:
    text = (ROOT / name).read_text()
    assert '"resolved": "http' not in text
    assert "--index-url" not in text
    assert "--find-links" not in text


def test_the_lock_files_hold_all_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    run, production, develop = (locked(name) for name in LOCKS)
    extras = project["optional-dependencies"]
    assert {_name(text) for text in [*project["dependencies"], *extras["build"]]} <= run.keys()
    for_production = [*extras["sentry"], *extras["opentelemetry"]]
    assert {_name(text) for text in for_production} <= production.keys()
    assert {_name(text) for text in extras["dev"]} <= develop.keys()
    assert run.keys() <= production.keys() <= develop.keys()


def _name(requirement: str) -> str:
    return re.split(r"[<>=\[ ;]", requirement)[0].lower().replace("_", "-")


def test_npm_packages_are_locked_with_hashes() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert all("integrity" in package for path, package in packages.items() if path)


def test_every_setting_is_in_the_example() -> None:
    """A setting that nobody can find does not exist."""
    sources = [path.read_text() for path in (ROOT / "app").rglob("*.py")]
    used = {
        name for text in sources for name in re.findall(r'env(?:iron)?(?:\.get\(|\[)"(MILLWRIGHT_\w+)"', text)
    }
    used |= {name for text in sources for name in re.findall(r'_\w+\(env, "(MILLWRIGHT_\w+)"', text)}
    documented = set(re.findall(r"^#? ?(MILLWRIGHT_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used
    used |= set(re.findall(r"\$\{(MILLWRIGHT_\w+)", (ROOT / "docker-compose.yml").read_text()))
    secrets = {name for text in sources for name in re.findall(r'_secret\(env, "(MILLWRIGHT_\w+)"', text)}
    assert used - documented == set()
    assert documented - used - {f"{name}_FILE" for name in secrets} == set()


def test_every_make_target_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    described = set(re.findall(r"^([a-z-]+):.*## .+$", makefile, re.MULTILINE))
    assert set(phony.split()) == described


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    assert [path.name for path in sorted(folder.glob("0*.md")) if f"({path.name})" not in index] == []


@pytest.mark.parametrize("path", ["README.md", "docs/getting-started.md", "docs/decisions/README.md"])
def test_links_between_documents_lead_somewhere(path: str) -> None:
    document = ROOT / path
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []
