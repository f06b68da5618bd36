"""The command: what it does, and that it tells people what is wrong without a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.orm import Session

from app import processes
from app.cli import cli
from app.domain.people import Department, User
from app.engine import deployments
from app.engine.actors import SYSTEM
from app.engine.models import Deployment
from app.ops.runtime import MIGRATIONS
from tests import factories

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"

Run = Callable[..., Result]

POLICY = """<?xml version="1.0"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="n">
  <decision id="size" name="Size">
    <decisionTable id="t" hitPolicy="UNIQUE">
      <input id="i" label="Cost"><inputExpression id="ie"><text>cost</text></inputExpression></input>
      <output id="o" name="size"/>
      <rule id="small"><inputEntry id="a"><text>&lt; 100</text></inputEntry>
        <outputEntry id="b"><text>"small"</text></outputEntry></rule>
      <rule id="large"><inputEntry id="c"><text>&gt;= 100</text></inputEntry>
        <outputEntry id="e"><text>"large"</text></outputEntry></rule>
    </decisionTable>
  </decision>
</definitions>"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``millwright`` on a site in ``tmp_path``."""
    monkeypatch.setenv("MILLWRIGHT_DATA", str(tmp_path))
    monkeypatch.setattr("app.ops.logs.configure", lambda: None)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments, catch_exceptions=False)

    return run


@pytest.fixture
def database(tmp_path: Path) -> Session:
    """The site's database, as another process sees it."""
    return Session(create_engine(f"sqlite:///{tmp_path / 'millwright.db'}"))


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "size.dmn"
    path.write_text(POLICY)
    return path


def test_setup_makes_a_site_and_can_be_run_again(run: Run, database: Session) -> None:
    first = run("setup")
    assert first.exit_code == 0
    assert "Deployed Maintenance request (version 1)." in first.output
    second = run("setup")
    assert (second.exit_code, second.output) == (0, "")
    with database:
        shipped = {folder.name for folder in processes.shipped.folders()}
        assert set(database.scalars(select(Deployment.key))) == shipped >= {"maintenance_request"}
        assert database.scalar(select(func.count()).select_from(User)) == 0


def test_a_real_site_is_not_replaced_by_the_demonstration(run: Run, database: Session) -> None:
    run("setup")
    with database:
        factories.make_user(database, name="Somebody real")
        database.commit()
    result = run("demo", "--reset", "--yes")
    assert result.exit_code == 1
    assert "holds a real site" in result.output
    with database:
        assert database.scalars(select(User.name)).all() == ["Somebody real"]


def test_resetting_asks_first(run: Run, database: Session) -> None:
    run("setup")
    with database:
        database.add(Department(name="Still here"))
        database.commit()
    result = run("demo", "--reset")
    assert result.exit_code == 1
    assert "Go on?" in result.output
    with database:
        assert database.scalar(select(func.count()).select_from(Department)) == 1


def test_deploying_the_same_files_again_changes_nothing(run: Run, tmp_path: Path) -> None:
    run("setup")
    result = run("deploy", str(WORKFLOWS / "parts_approval"))
    assert result.exit_code == 0
    assert "version 1" in result.output


BROKEN = [b"no XML at all", b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', b"<x/>", b""]


@pytest.mark.parametrize("content", BROKEN)
def test_files_that_cannot_be_run_are_refused_by_name(run: Run, tmp_path: Path, content: bytes) -> None:
    run("setup")
    folder = tmp_path / "lubrication"
    folder.mkdir()
    (folder / "lubrication.bpmn").write_bytes(content)
    result = run("deploy", str(folder))
    assert result.exit_code == 1
    assert result.output.startswith("Error: These files cannot be deployed.\n")
    assert "lubrication.bpmn" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("content", BROKEN)
@pytest.mark.parametrize("suffix", [".bpmn", ".dmn", ".form"])
def test_checking_a_broken_file_names_it(run: Run, tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    result = run("check", str(path))
    assert result.exit_code == 1
    assert result.output.startswith(f"broken{suffix}:")
    assert "Traceback" not in result.output


def test_the_shipped_processes_have_no_errors(run: Run) -> None:
    result = run("check", *(str(path) for path in WORKFLOWS.iterdir()))
    assert result.exit_code == 0
    assert "Errors: 0." in result.output


def test_checks_answer_programs_in_json(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "empty.form"
    path.write_text("")
    result = run("check", "--json", str(path))
    assert result.exit_code == 1
    (first, *_) = json.loads(result.output)["problems"]
    assert first["file"] == "empty.form"
    assert first["severity"] == "error"
    assert first["message"]
    assert first["hint"]


def test_a_site_without_tables_says_how_to_make_them(run: Run) -> None:
    result = run("deploy", str(WORKFLOWS / "parts_approval"))
    assert result.exit_code == 1
    assert "millwright setup" in result.output


def test_an_unusable_setting_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLWRIGHT_TIME_ZONE", "Mars/Olympus")
    result = run("setup")
    assert result.exit_code == 1
    assert "MILLWRIGHT_TIME_ZONE" in result.output


def test_a_decision_says_what_and_why(run: Run, policy: Path) -> None:
    result = run("decide", str(policy), "--data", '{"cost": 250}')
    assert result.exit_code == 0
    assert result.output.splitlines() == ["Cost: 250", '-> "large"', "   by large"]


def test_a_decision_answers_programs_in_json(run: Run, policy: Path, tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text('{"cost": 5}')
    result = run("decide", str(policy), "--json", "--data", f"@{tmp_path / 'input.json'}")
    assert json.loads(result.output)["outputs"] == "small"
    assert json.loads(result.output)["rules"] == ["small"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "{"], "This is no JSON"),
        (["--data", "[]"], "a JSON object"),
        (["--data", "@missing.json"], "missing.json cannot be read"),
        (["--decision", "colour"], "There is no decision colour."),
    ],
)
def test_a_decision_refuses_what_it_cannot_use(
    run: Run, policy: Path, arguments: list[str], message: str
) -> None:
    result = run("decide", str(policy), *arguments)
    assert result.exit_code == 1
    assert message in result.output


def test_a_file_that_is_no_dmn_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.dmn"
    path.write_text("<x/>")
    result = run("decide", str(path))
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")


def test_a_folder_without_scenarios_says_so(run: Run, tmp_path: Path) -> None:
    result = run("scenarios", str(tmp_path))
    assert result.exit_code == 1
    assert "scenarios.yaml" in result.output


def test_the_database_can_be_migrated_by_hand(run: Run) -> None:
    assert run("db", "current").output == "empty\n"
    assert run("db", "upgrade").exit_code == 0
    newest = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert run("db", "current").output == f"{newest}\n"
    assert run("db", "downgrade", "base", "--yes").exit_code == 0
    assert run("db", "current").output == "empty\n"


@pytest.mark.parametrize("command", [("setup",), ("db", "upgrade")], ids=["setup", "upgrade"])
def test_the_version_before_leaves_a_newer_database_as_it_is(
    run: Run, database: Session, command: tuple[str, ...]
) -> None:
    run("setup")
    database.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.commit()
    result = run(*command)
    assert result.exit_code == 0
    assert "9999 of a later version" in result.output
    assert run("db", "current").output == "9999\n"


def test_a_worker_can_do_what_waits_and_end(run: Run) -> None:
    run("setup")
    assert run("worker", "--burst").exit_code == 0


def test_what_ships_newer_is_deployed_where_nobody_has_changed_it(
    run: Run, database: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.processes import shipped

    assert run("setup").exit_code == 0
    assert "Nothing newer ships" in run("shipped").output
    read, own = shipped.read_folder, "stock_replenishment"
    folder = WORKFLOWS / own
    files = {**read(folder), f"{own}.bpmn": read(folder)[f"{own}.bpmn"] + b"<!-- ours -->"}
    with database as session:
        deployments.deploy(processes.build_engine(), session, files, by=SYSTEM)
        session.commit()
    monkeypatch.setattr(
        shipped,
        "read_folder",
        lambda folder: {
            name: content + b"<!-- newer -->" if name in (f"{own}.bpmn", "parts_approval.bpmn") else content
            for name, content in read(folder).items()
        },
    )
    told = run("shipped").output
    assert "parts_approval: version 1 is deployed, a newer one ships. Deploy it" in told
    assert "stock_replenishment: version 2 is deployed, a newer one ships. The site has changed" in told
    assert "parts_approval: version 2 is deployed." in run("shipped", "--deploy").output
    with database as session:
        versions = session.execute(
            select(Deployment.key, func.max(Deployment.version)).group_by(Deployment.key)
        )
        newest = dict(versions.all())
    assert (newest["parts_approval"], newest[own]) == (2, 2)
