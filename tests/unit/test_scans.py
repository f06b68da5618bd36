"""The scans find what there is to find, and never take silence for good news."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools import audit, find_secrets

ROOT = Path(__file__).resolve().parents[2]

FLAW = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1234"], "fix_versions": ["2.1"]}


def package(*flaws: dict[str, Any]) -> dict[str, Any]:
    return {"name": "shaky", "version": "2.0", "vulns": list(flaws)}


def of_python(*packages: dict[str, Any]) -> audit.Answer:
    return audit.read_pip_audit(json.dumps({"dependencies": packages, "fixes": []}), "")


def test_a_known_weakness_is_named_with_where_it_is_mended() -> None:
    answer = of_python(package(FLAW), package())
    assert answer.known == ["shaky 2.0: PYSEC-2026-1 (mended in 2.1)"]
    assert (answer.packages, answer.silent) == (2, "")


@pytest.mark.parametrize("number", ["PYSEC-2026-1", "CVE-2026-1234"])
def test_what_is_accepted_by_any_of_its_numbers_is_not(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(audit.ACCEPTED, number, "nothing here calls it")
    assert of_python(package(FLAW)).known == []


def test_a_package_that_the_service_does_not_know_was_not_asked() -> None:
    answer = of_python({"name": "strange", "skip_reason": "not found on PyPI"}, package(FLAW))
    assert "1 of 2" in answer.silent and "strange" in answer.silent
    assert len(answer.known) == 1


def test_a_service_that_cannot_be_reached_was_not_asked() -> None:
    assert "refused" in audit.read_pip_audit("", "Traceback …\nConnectionError: refused").silent
    answer = audit.read_npm_audit('{"message": "405 Method Not Allowed", "statusCode": 405}', "")
    assert answer.silent == "405 Method Not Allowed"
    assert audit.read_npm_audit("", "").silent


def test_weaknesses_of_packages_of_the_pages_are_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    via = {"title": "Runs what it reads", "url": "https://github.com/advisories/GHSA-aaaa"}
    report = {
        "vulnerabilities": {"deep": {"via": [via]}, "upon-it": {"via": ["deep"]}},
        "metadata": {"dependencies": {"total": 2}},
    }
    (line,) = audit.read_npm_audit(json.dumps(report), "").known
    assert line.startswith("deep: Runs what it reads")
    monkeypatch.setitem(audit.ACCEPTED, "GHSA-aaaa", "only while building")
    assert audit.read_npm_audit(json.dumps(report), "").known == []


@pytest.mark.parametrize(
    ("silent", "known", "ends"), [("", [], 0), ("", ["a weakness"], 1), ("no answer", [], 2)]
)
def test_it_ends_well_only_when_all_were_asked_and_nothing_is_known(
    silent: str,
    known: list[str],
    ends: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(audit, "pip_audit", lambda name: audit.Answer(known, 3))
    monkeypatch.setattr(audit, "npm_audit", lambda: audit.Answer([], 3, silent))
    assert audit.main() == ends
    said = capsys.readouterr()
    assert ("NOT ASKED" in said.out) == bool(silent)


def test_every_lock_file_is_asked_about() -> None:
    locks = {
        str(path.relative_to(ROOT))
        for folder in (".", "tests/peers")
        for path in ROOT.glob(f"{folder}/*.lock")
    }
    assert set(audit.LOCK_FILES) == locks


# -- secrets ---------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository in which a password was committed and taken out again."""
    monkeypatch.setattr(find_secrets, "ROOT", tmp_path)
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@factory.example"]

    def git(*arguments: str) -> None:
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True)  # noqa: S607

    settings = tmp_path / "settings.py"
    git("init", "--quiet")
    for value in (repr("hunter2-" + "and-more"), "os.environ['PASSWORD']"):
        settings.write_text(f"password = {value}\n")
        git("add", "settings.py")
        git("commit", "--quiet", "--message", "as it is")
    return tmp_path


def test_a_password_that_was_taken_out_is_in_the_history(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find_secrets.main([]) == 0
    assert find_secrets.main(["--history"]) == 1
    assert "settings.py: Secret Keyword: hunter2-and-more" in capsys.readouterr().out


def test_keys_are_found_and_what_is_none_is_not(tmp_path: Path) -> None:
    file = tmp_path / "keys.txt"
    file.write_text(
        "-----BEGIN " + "RSA PRIVATE KEY-----\n\nAKIA" + "IOSFODNN7QWERTYU\npassword = 'millwright'\n"
    )
    assert [each.type for each in find_secrets.find([file])] == ["Private Key", "AWS Access Key"]


def test_the_page_on_security_names_tests_that_there_are() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[^`]+)`", page)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
