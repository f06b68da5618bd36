"""Commands for process owners: check, try and deploy process folders and decision tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.errors import MillwrightError

if TYPE_CHECKING:
    from app.engine.check import Problem
    from app.engine.core import ProcessEngine

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER)
@click.option("--note", default="", help="What is new, for the list of versions.")
def deploy(folders: tuple[Path, ...], note: str) -> None:
    """Deploy the process in each FOLDER as a new version; unchanged files change nothing."""
    from app import processes
    from app.database import unit_of_work
    from app.ops import runtime

    with runtime.site() as site, site.session() as session:
        for folder in folders:
            _refuse_errors(_problems(site.engine, folder))
            try:
                with unit_of_work(session):
                    deployment = processes.deploy_folder(site.engine, session, folder, note=note)
            except MillwrightError as error:
                raise click.ClickException(f"{folder}: {error}") from error
            click.echo(f"{folder}: {deployment.name}, version {deployment.version}")


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def check(paths: tuple[Path, ...], as_json: bool) -> None:
    """Look for mistakes in process folders, or in single .bpmn, .dmn and .form files.

    Ends with 1 if something would keep the files from being deployed.
    """
    from app import processes

    engine = processes.build_engine()
    found = [problem for path in paths for problem in _problems(engine, path)]
    if as_json:
        answer = [problem.as_dict() for problem in found]
        click.echo(json.dumps({"problems": answer}, indent=2, ensure_ascii=False))
    else:
        for problem in found:
            click.echo(str(problem))
        errors = sum(problem.is_error for problem in found)
        click.echo(f"Errors: {errors}. Warnings: {len(found) - errors}.")
    if any(problem.is_error for problem in found):
        raise click.exceptions.Exit(1)


def _problems(engine: ProcessEngine, path: Path) -> list[Problem]:
    """What is wrong with a process folder, or with one file by itself."""
    from app.engine.check import check_alone, check_files, messages_of
    from app.processes import shipped

    try:
        if path.is_file():
            return check_alone(engine, {path.name: path.read_bytes()})
        others = [folder for folder in shipped.folders() if folder.resolve() != path.resolve()]
        known = {name for folder in others for name in messages_of(shipped.read_folder(folder)).names}
        return check_files(engine, shipped.read_folder(path), known_messages=known)
    except OSError as error:
        raise click.ClickException(f"{error.filename} cannot be read: {error.strerror}") from error


def _refuse_errors(problems: list[Problem]) -> None:
    errors = [str(problem) for problem in problems if problem.is_error]
    if errors:
        raise click.ClickException("\n".join(["These files cannot be deployed.", *errors]))


@click.command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER)
def scenarios(folders: tuple[Path, ...]) -> None:
    """Run the scenarios of the process in each FOLDER against its files; ends with 1 if one fails."""
    from app import processes
    from app.processes.scenarios import run_folder

    engine = processes.build_engine()
    results = [result for folder in folders for result in run_folder(engine, folder)]
    for result in results:
        click.echo(f"{'passed' if result.passed else 'FAILED'}  {result.name}  ({result.seconds:.2f} s)")
        for failure in result.failures:
            click.echo(f"        {failure}")
    failed = sum(not result.passed for result in results)
    click.echo(f"{len(results) - failed} passed, {failed} failed")
    if failed:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("file", type=FILE)
@click.option("--decision", help="The id of the decision, where the file has several.")
@click.option("--data", default="{}", help="The decision's input as JSON, or @FILE with it.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def decide(file: Path, decision: str | None, data: str, as_json: bool) -> None:
    """Evaluate a decision of a DMN FILE: what it answers, and which rules said so."""
    from app.engine import decisions

    values = _json_or_file(data)
    if not isinstance(values, dict):
        raise click.ClickException(
            "The input is a JSON object: the names that the decision uses, with their values."
        )
    answer = decisions.decide(file.read_bytes(), decision, values)
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    for label, value in answer["inputs"].items():
        click.echo(f"{label}: {json.dumps(value, ensure_ascii=False)}")
    click.echo(f"-> {json.dumps(answer['outputs'], indent=2, ensure_ascii=False)}")
    click.echo(f"   by {', '.join(answer['rules']) or 'no rule'}")


def _json_or_file(text: str) -> Any:
    """JSON from the command line, or from a file named after an @."""
    try:
        return json.loads(Path(text[1:]).read_text() if text.startswith("@") else text)
    except OSError as error:
        raise click.ClickException(f"{text[1:]} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise click.ClickException(f"This is no JSON: {error}") from error


@click.command("shipped")
@click.option(
    "--deploy", "take", is_flag=True, help="Deploy what is newer, unless the site has changed its own."
)
def shipped_processes(take: bool) -> None:
    """Say which processes ship with the program in a newer version than the site has.

    What people of the site have changed is never replaced: they take what ships as a draft, in the Studio.
    """
    from app.database import unit_of_work
    from app.engine.actors import SYSTEM
    from app.ops import runtime
    from app.processes import publishing, shipped

    with runtime.site() as site, site.session() as session:
        offers = shipped.offers(session)
        for key, offer in offers.items():
            has = f"{key}: version {offer.newest.version} is deployed, a newer one ships"
            if offer.is_own:
                click.echo(f"{has}. The site has changed its own: see the Studio, /studio/{key}/shipped.")
            elif not take:
                click.echo(f"{has}. Deploy it in the Studio, or with --deploy.")
            else:
                assessment = publishing.assess(site.engine, session, key, offer.files)
                with unit_of_work(session):
                    made = publishing.publish(site.engine, session, assessment, by=SYSTEM, note=shipped.NOTE)
                click.echo(f"{key}: version {made.version} is deployed.")
        if not offers:
            click.echo("Nothing newer ships than what the site has, or has had.")


COMMANDS = (deploy, check, scenarios, decide, shipped_processes)
