"""``deploy/upgrade`` replaces what runs, and there is never less of it; a version that fails changes nothing.

Docker is pretended: what is tested is what the script asks of it, and in which order.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Docker:
    """A machine with two web containers, two workers and two schedulers of an old version."""

    folder: Path

    def __post_init__(self) -> None:
        services = ("web", "web", "worker", "worker", "scheduler", "scheduler")
        containers = {
            f"old-{number}": {"service": service, "health": "healthy"}
            for number, service in enumerate(services)
        }
        self._state.write_text(json.dumps({"containers": containers, "said": [], "made": 0, "fewest": 99}))
        docker = self.folder / "docker"
        program = ROOT / "tests" / "support" / "pretended_docker.py"
        docker.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}" "$@"\n')
        docker.chmod(0o755)
        self.site = self.folder / "site"
        (self.site / "deploy").mkdir(parents=True)
        shutil.copy(ROOT / "deploy" / "upgrade", self.site / "deploy")

    @property
    def _state(self) -> Path:
        return self.folder / "state.json"

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._state.read_text())
        return found

    def upgrade(self, becomes: str = "healthy", **settings: str) -> subprocess.CompletedProcess[str]:
        env = {
            **os.environ,
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "DOCKER_STATE": str(self._state),
            "DOCKER_BECOMES": becomes,
            "PATIENCE": "3",
            **settings,
        }
        command = ["/bin/sh", str(self.site / "deploy" / "upgrade")]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def docker(tmp_path: Path) -> Docker:
    return Docker(tmp_path)


def test_all_is_new_afterwards_and_never_less_than_before(docker: Docker) -> None:
    done = docker.upgrade()
    assert done.returncode == 0, done.stdout + done.stderr
    state = docker.state
    services = sorted(container["service"] for container in state["containers"].values())
    assert services == ["scheduler"] * 2 + ["web"] * 2 + ["worker"] * 2
    assert not any(name.startswith("old") for name in state["containers"])
    assert state["fewest"] == 2
    said = state["said"]
    steps = [
        "compose build setup",
        "compose run --rm --no-deps backup millwright backup",
        "compose run --rm --no-deps setup millwright db upgrade",
        "compose up --detach --no-deps --no-recreate --scale web=4 web",
        "stop --time 90 old-0",
        "compose up --detach --no-deps --no-recreate --scale worker=4 worker",
        "compose up --detach --no-deps --no-recreate --scale scheduler=4 scheduler",
        "compose up --detach --no-deps backup",
        "compose run --rm --no-deps setup",
    ]
    assert [said.index(step) for step in steps] == sorted(said.index(step) for step in steps)


def test_a_version_that_does_not_become_healthy_is_removed(docker: Docker) -> None:
    done = docker.upgrade(becomes="unhealthy")
    assert done.returncode == 1
    assert "cannot start" in done.stdout and "the old ones go on" in done.stdout
    state = docker.state
    assert sorted(state["containers"]) == [f"old-{number}" for number in range(6)]
    assert {container["health"] for container in state["containers"].values()} == {"healthy"}
    assert not any(said.startswith("stop") for said in state["said"])


@pytest.mark.parametrize("fails", ["backup", "setup"])
def test_without_a_backup_or_a_database_nothing_is_replaced(docker: Docker, fails: str) -> None:
    assert docker.upgrade(DOCKER_FAILS=fails).returncode != 0
    assert sorted(docker.state["containers"]) == [f"old-{number}" for number in range(6)]
    assert docker.state["said"][-1] == "failed"


def test_the_version_is_written_down_for_later_commands(docker: Docker) -> None:
    settings = docker.site / ".env"
    settings.write_text("MILLWRIGHT_VERSION=0.1.0\nMILLWRIGHT_SMTP_URL=smtp://mail\n")
    settings.chmod(0o600)
    assert docker.upgrade(becomes="unhealthy", MILLWRIGHT_VERSION="0.2.0").returncode == 1
    assert "MILLWRIGHT_VERSION=0.1.0" in settings.read_text()
    for version in ("0.2.0", "0.3.0"):
        assert docker.upgrade(MILLWRIGHT_VERSION=version).returncode == 0
    assert docker.upgrade().returncode == 0
    assert settings.read_text() == "MILLWRIGHT_SMTP_URL=smtp://mail\nMILLWRIGHT_VERSION=0.3.0\n"
    assert settings.stat().st_mode & 0o777 == 0o600


def test_an_image_of_a_registry_is_fetched_and_not_built(docker: Docker) -> None:
    assert docker.upgrade(MILLWRIGHT_IMAGE="registry.example/millwright").returncode == 0
    assert docker.state["said"][0] == "compose pull setup"
