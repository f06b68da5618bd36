"""Asks which weaknesses are known of the locked packages: ``make audit``.

pip-audit asks PyPI about the Python packages, npm its own registry about those of the pages. Both know more
today than they did yesterday, so that this is no part of ``make check``, which answers the same for the same
files; GitHub does it for each change, and once a week.

Ends with 0 where nothing is known, 1 where something is, 2 where a service could not be asked: not every
mirror of a registry answers such questions, and no answer is not good news.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCK_FILES = (
    "requirements.lock",
    "requirements-production.lock",
    "requirements-dev.lock",
    "tests/peers/pm4py.lock",
)
TIME_LIMIT = 600  # seconds for each question

# What is known and does no harm here, by its number (GHSA-…, CVE-…, PYSEC-…), with why. Each is to go again.
ACCEPTED: dict[str, str] = {}


@dataclass
class Answer:
    """What a service says of one lock file."""

    known: list[str] = field(default_factory=list)
    packages: int = 0
    silent: str = ""  # why it could not be asked


def pip_audit(lock_file: str) -> Answer:
    """Ask about Python packages. They are taken from the file as it is; nothing is installed."""
    options = ["--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    return read_pip_audit(*_run([sys.executable, "-m", "pip_audit", "--requirement", lock_file, *options]))


def read_pip_audit(output: str, errors: str) -> Answer:
    """What pip-audit answered. A package that its service does not know at all counts as not asked."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        return Answer(silent=_last_line(errors))
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    known = [
        f"{package['name']} {package['version']}: {flaw['id']}{_mended(flaw['fix_versions'])}"
        for package in packages
        for flaw in package.get("vulns", ())
        if not {flaw["id"], *flaw["aliases"]} & ACCEPTED.keys()
    ]
    answer = Answer(known, len(packages))
    if unknown:
        answer.silent = f"{len(unknown)} of {len(packages)} packages are unknown there ({unknown[0]} …)"
    return answer


def npm_audit() -> Answer:
    """Ask about the packages of the pages, and of what builds them."""
    return read_npm_audit(*_run(["npm", "audit", "--json"]))


def read_npm_audit(output: str, errors: str) -> Answer:
    """What ``npm audit`` answered."""
    try:
        report = json.loads(output)
        number = report["metadata"]["dependencies"]["total"]
    except (ValueError, KeyError):
        return Answer(silent=_last_line(_message(output) or errors))
    known = [
        f"{name}: {flaw['title']} ({flaw['url']})"
        for name, package in report["vulnerabilities"].items()
        for flaw in package["via"]
        if isinstance(flaw, dict) and flaw["url"].rsplit("/", 1)[-1] not in ACCEPTED
    ]
    return Answer(known, number)


def main() -> int:
    answers = {name: pip_audit(name) for name in LOCK_FILES} | {"package-lock.json": npm_audit()}
    for name, answer in answers.items():
        if answer.silent:
            print(f"{name}: NOT ASKED: {answer.silent}")
        else:
            print(f"{name}: {len(answer.known)} known weaknesses in {answer.packages} packages")
        for line in answer.known:
            print(f"  {line}")
    if any(answer.known for answer in answers.values()):
        return 1
    if any(answer.silent for answer in answers.values()):
        print("Not everything could be asked: whether there are known weaknesses is open.", file=sys.stderr)
        return 2
    return 0


def _run(command: list[str]) -> tuple[str, str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIME_LIMIT, check=False)
    return done.stdout, done.stderr


def _mended(versions: list[str]) -> str:
    return f" (mended in {', '.join(versions)})" if versions else ""


def _message(output: str) -> str:
    """What npm says went wrong, in the JSON that it answers then."""
    try:
        answer: Any = json.loads(output)
    except ValueError:
        return ""
    return str(answer.get("message", "")) if isinstance(answer, dict) else ""


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2][:300] or "no answer"


if __name__ == "__main__":
    sys.exit(main())
