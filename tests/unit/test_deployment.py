"""The files with which a site is deployed: understood by what reads them, and true to each other."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import config
from app.cli import cli
from app.ops.backup.sealing import parse_key
from tests.support.servers import free_port
from tests.support.site import environment

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
OURS = ("setup", "web", "worker", "scheduler", "backup")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def program(name: str) -> str:
    """A program that was installed with the developers' packages."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"{name} is not installed: make install"
    return found


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


# -- what other programs say of them ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "paths"),
    [("vendor.compose-spec", [COMPOSE]), ("vendor.github-workflows", WORKFLOWS)],
    ids=["compose", "workflows"],
)
def test_files_are_as_their_schemas_say(schema: str, paths: list[Path]) -> None:
    command = [program("check-jsonschema"), "--builtin-schema", schema, *map(str, paths)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_dockerfile_follows_what_is_usual() -> None:
    command = [program("hadolint"), str(ROOT / "Dockerfile")]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("script", ["deploy/make-secrets", "deploy/smoke-test", "deploy/upgrade"])
def test_scripts_are_understood_by_any_shell(script: str) -> None:
    subprocess.run(["/bin/sh", "-n", ROOT / script], check=True)


# -- the image -------------------------------------------------------------------------------------


def test_the_image_runs_as_nobody_in_particular_and_holds_no_compiler() -> None:
    text = (ROOT / "Dockerfile").read_text()
    stages = text.split("\nFROM ")
    assert len(stages) == 3  # what is before the first, building, running
    running = stages[-1]
    assert re.search(r"^USER 10001:10001$", running, re.MULTILINE)
    assert "HEALTHCHECK" in running and "STOPSIGNAL SIGTERM" in running
    assert "pip install" not in running and "apt-get" not in running


def test_the_image_is_given_what_it_is_built_from() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.+) \./$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        for name in line.split()
    }
    assert copied
    assert copied - let_in == set()


def test_the_version_is_that_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for path in (COMPOSE, ROOT / ".github" / "workflows" / "ci.yml"):
        named = re.findall(r"millwright(?:\}|):(?:\$\{MILLWRIGHT_VERSION:-)?(\d[\d.]*)", path.read_text())
        assert set(named) == {version}, path.name


def test_what_the_image_is_given_is_enough(tmp_path: Path) -> None:
    """A site is set up from nothing but what the image holds."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for name in [line[1:] for line in ignored if line.startswith("!")]:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, tmp_path / name)
    shutil.rmtree(tmp_path / "frontend")  # as the image does, once it has built from it
    data = tmp_path / "data"
    env = {**environment(data), "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "app.cli", "setup"]
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Deployed" in done.stdout


# -- the services ----------------------------------------------------------------------------------


def test_no_container_of_ours_can_write_or_gain_anything(services: dict[str, Any]) -> None:
    for name in OURS:
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert any(place.startswith("/tmp") for place in service["tmpfs"])  # noqa: S108
        assert "user" not in service and "privileged" not in service


def test_only_the_proxy_is_open_to_the_world(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"nginx": ["80:80", "443:443"], "grafana": ["127.0.0.1:3000:3000"]}
    assert all(services[name]["networks"] == ["inside"] for name in ("mysql", "redis", "storage"))
    assert yaml.safe_load(COMPOSE.read_text())["networks"]["inside"] == {"internal": True}


def test_everything_that_runs_is_looked_after(services: dict[str, Any]) -> None:
    for name in ("nginx", "web", "worker", "scheduler", "mysql", "redis", "storage"):
        assert services[name]["healthcheck"].get("test"), name
        assert services[name]["restart"] == "unless-stopped"
        assert services[name]["logging"]["options"]["max-size"]
    assert services["scheduler"]["deploy"]["replicas"] == 2


def test_containers_have_time_to_end(services: dict[str, Any]) -> None:
    from app.server import GRACE

    drain = int(services["web"]["environment"]["MILLWRIGHT_DRAIN_SECONDS"])
    interval = int(services["web"]["healthcheck"]["interval"].removesuffix("s"))
    retries = services["web"]["healthcheck"]["retries"]
    assert drain >= interval * retries  # so that it is known to be ending before it ends
    jobs = 30  # seconds that JobSystem.stop waits
    for name in OURS:
        assert int(services[name]["stop_grace_period"].removesuffix("s")) >= drain + GRACE + jobs


def test_commands_are_those_of_the_program(services: dict[str, Any]) -> None:
    for name in ("setup", "worker", "scheduler", "backup"):
        words = services[name]["command"]
        arguments = words[1:] if words[0] == "millwright" else ["worker", *words[2:]]
        assert words[0] == "millwright" or words[:2] == ["python", "worker.py"]
        command = cli.commands[arguments[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(arguments[1:]) <= known
    (start,) = re.findall(r"^CMD (\[.+\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    _, name, *options = json.loads(start)
    known = {option for parameter in cli.commands[name].params for option in parameter.opts}
    assert {option for option in options if option.startswith("--")} <= known


def test_settings_and_secrets_are_those_of_the_program(
    services: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a container is given makes a configuration, with the secrets that were made for it."""
    subprocess.run(["/bin/sh", ROOT / "deploy" / "make-secrets", tmp_path / "secrets"], check=True)
    example = dict(
        line.split("=", 1)
        for line in (ROOT / ".env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    for name in OURS:
        given = services[name]["environment"]
        for key, path in given.items():
            if key.endswith("_FILE"):
                secret = Path(path).name
                assert path == f"/run/secrets/{secret}"
                assert secret in services[name]["secrets"]
        env = {
            **example,
            **{key: value.replace("/run/secrets", str(tmp_path / "secrets")) for key, value in given.items()},
            "MILLWRIGHT_DATA": str(tmp_path),
        }
        settings = config.from_environment(env)
        password = (tmp_path / "secrets" / "database_password").read_text()
        assert len(password) == 32
        assert settings["SQLALCHEMY_DATABASE_URI"] == (
            f"mysql+pymysql://millwright:{password}@mysql:3306/millwright?charset=utf8mb4"
        )
        assert settings["SECRET_KEY"] == (tmp_path / "secrets" / "secret_key").read_text()
        assert settings["SESSION_COOKIE_SECURE"] is True
        assert settings["MILLWRIGHT_METRICS_TOKEN"]


def test_containers_are_given_no_setting_that_nobody_knows(services: dict[str, Any]) -> None:
    known = set(re.findall(r"^#? ?(MILLWRIGHT_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    for name in OURS:
        given = {key.removesuffix("_FILE") for key in services[name]["environment"]}
        assert {key for key in given if key.startswith("MILLWRIGHT_")} - known == set(), name


def test_every_secret_is_made_and_used(services: dict[str, Any], tmp_path: Path) -> None:
    declared = yaml.safe_load(COMPOSE.read_text())["secrets"]
    subprocess.run(["/bin/sh", ROOT / "deploy" / "make-secrets", tmp_path], check=True)
    made = {path.name for path in tmp_path.iterdir()}
    assert {name: entry["file"] for name, entry in declared.items()} == {
        name: f"deploy/secrets/{name}" for name in made
    }
    assert made == {secret for service in services.values() for secret in service.get("secrets", ())}


def test_secrets_are_made_once(tmp_path: Path) -> None:
    script = ROOT / "deploy" / "make-secrets"
    subprocess.run(["/bin/sh", script, tmp_path], check=True)
    first = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert len(set(first.values())) == len(first)
    (tmp_path / "metrics_token").unlink()
    subprocess.run(["/bin/sh", script, tmp_path], check=True)
    second = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {name for name in first if first[name] != second[name]} == {"metrics_token"}
    assert parse_key(first["backup_key"]) is not None
    assert first["s3_secret_key"] in first["s3_config"] and json.loads(first["s3_config"])
    assert tmp_path.stat().st_mode & 0o077 == 0


# -- workflows -------------------------------------------------------------------------------------


def test_production_is_reached_only_through_tests_staging_and_approval() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())["jobs"]
    assert jobs["image"]["needs"] == "tests"
    assert jobs["staging"]["needs"] == "image"
    assert jobs["production"]["needs"] == "staging"
    steps = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy-to.yml").read_text())["jobs"]["deploy"]
    assert steps["environment"]["name"] == "${{ inputs.environment }}"  # whose reviewers are asked


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_lets_anybody_write_commands(path: Path) -> None:
    """What comes from outside reaches a script by its environment, never as part of its text."""
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    scripts = [
        step["run"] for job in workflow["jobs"].values() for step in job.get("steps", ()) if "run" in step
    ]
    assert not any("${{" in script for script in scripts)
    for script in scripts:
        subprocess.run(["/bin/sh", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_what_there_is(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    script = "\n".join(step.get("run", "") for job in jobs for step in job.get("steps", ()))
    assert set(re.findall(r"^make ([a-z-]+)", script, re.MULTILINE)) - targets == set()
    files = set(re.findall(r"(?:^|\s)(\.ci/\w+|\.env\.example|deploy/[\w-]+(?= |$))", script, re.MULTILINE))
    assert {name for name in files if not (ROOT / name).exists()} == set()
    called = {job["uses"] for job in jobs if job.get("uses", "").startswith("./")}
    assert {name for name in called if not (ROOT / name).exists()} == set()


def test_what_is_known_against_packages_is_asked_each_week() -> None:
    """And is no condition of a deployment, which may be what mends it."""
    security = yaml.safe_load((ROOT / ".github" / "workflows" / "security.yml").read_text())
    assert security[True]["schedule"]  # YAML reads “on” as true
    (job,) = security["jobs"].values()
    assert any("make audit" in step.get("run", "") for step in job["steps"])
    assert any(step.get("with", {}).get("fetch-depth") == 0 for step in job["steps"])


# -- the guide -------------------------------------------------------------------------------------


def test_the_guide_names_settings_commands_and_files_that_there_are() -> None:
    guide = (ROOT / "docs" / "operators-guide.md").read_text()
    known = (ROOT / ".env.example").read_text() + COMPOSE.read_text()
    assert {name for name in re.findall(r"MILLWRIGHT_[A-Z_]+", guide) if name not in known} == set()
    assert set(re.findall(r"\bmillwright ([a-z][a-z-]+)\b(?! has)", guide)) - cli.commands.keys() == set()
    named = {name for name in re.findall(r"deploy/[a-z./-]+[a-z]", guide) if "/secrets" not in name}
    assert {name for name in named if not (ROOT / name).exists()} == set()


# -- health checks ---------------------------------------------------------------------------------


def test_a_health_check_says_what_is_wrong() -> None:
    port = free_port()
    command = [sys.executable, "-m", "app.ops.ask", f"http://127.0.0.1:{port}/readyz"]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert asked.returncode == 1
    assert "refused" in asked.stderr
