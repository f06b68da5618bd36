"""The ``millwright`` command."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.config import ConfigurationError
from app.errors import MillwrightError

# Commands import what they need when they run: `millwright --help` answers at once, and nothing of
# the application exists in the server's parent process.

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Commands(click.Group):
    """Commands that tell a person what is wrong instead of showing a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (MillwrightError, ConfigurationError) as error:
            raise click.ClickException(str(error)) from error
        except (sa.exc.OperationalError, sa.exc.ProgrammingError) as error:
            raise click.ClickException(
                f"The database does not answer as it should: {error.orig}\n{HINT}"
            ) from error


HINT = "Check MILLWRIGHT_DATABASE_URL; “millwright setup” makes or updates the tables."


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="millwright")
def cli() -> None:
    """Run and look after a Millwright site. Settings come from MILLWRIGHT_* variables."""
    from app.ops import logs

    logs.configure()


def main(prefix: tuple[str, ...] = ()) -> None:
    """Entry point; ``prefix`` is put before the arguments that were given."""
    cli.main(args=[*prefix, *sys.argv[1:]], prog_name="millwright")


# -- a site ----------------------------------------------------------------------------------------


@cli.command()
@click.option("--demo", is_flag=True, help="Load the demonstration factory into an empty database.")
def setup(demo: bool) -> None:
    """Bring the database up to date and deploy the processes that ship.

    Can be run again at any time: it does what is missing.
    """
    import flask_migrate

    from app import processes
    from app.database import unit_of_work
    from app.ops import runtime

    with runtime.database_app().app_context():
        flask_migrate.upgrade(str(runtime.MIGRATIONS))
    with runtime.site() as site, site.session() as session:
        with unit_of_work(session):
            deployed = processes.deploy_shipped(site.engine, session)
        for deployment in deployed:
            click.echo(f"Deployed {deployment.name} (version {deployment.version}).")
    if demo:
        _load_demo()


@cli.command()
@click.option("--reset", is_flag=True, help="Throw away what is in the database first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def demo(reset: bool, yes: bool) -> None:
    """Load the demonstration factory: people, machines, parts, and work under way."""
    from app.ops import demo as demonstration
    from app.ops import runtime

    if not reset:
        _load_demo()
        return
    with runtime.site() as site:
        with site.session() as session:
            if _is_real(session):
                raise click.ClickException(
                    "This database holds a real site: the demonstration does not replace it."
                )
        if not yes:
            click.confirm(f"Everything in {site.address} is thrown away. Go on?", abort=True)
        click.echo("Putting the demonstration back to its beginning ...")
        demonstration.reset(site.engine, site.session)
    click.echo("Done. Restart the site if it is running.")


def _is_real(session: Session) -> bool:
    """Whether people work with this database, and none of them is from the demonstration."""
    from app.domain.people import User
    from app.ops.demo import LOGINS

    emails = set(session.scalars(sa.select(User.email)))
    return bool(emails) and emails.isdisjoint(login.email for login in LOGINS)


def _load_demo() -> None:
    from app.ops import demo as demonstration
    from app.ops import runtime

    with runtime.site() as site:
        if demonstration.load(site.engine, site.session):
            click.echo("Loaded the demonstration factory.")


def _show_logins() -> None:
    from app.ops.demo import LOGINS
    from app.processes.directory import ROLE_NAMES

    click.echo("  Sign in as:")
    for login in LOGINS:
        role = ROLE_NAMES[login.role].lower()
        click.echo(f"    {login.email:<34} {login.password:<12} {login.name}, {role}")
    click.echo()


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option(
    "--threads", default=8, show_default=True, type=click.IntRange(1), help="Threads in each process."
)
@click.option("--demo", is_flag=True, help="Show the demonstration's logins here and on the sign-in page.")
def run(host: str, port: int, workers: int, threads: int, demo: bool) -> None:
    """Serve the site; without Redis, its jobs are done in the same process."""
    from app.server import Server, is_free

    if not is_free(host, port):
        raise click.ClickException(
            f"Something listens on port {port} already. Choose another, such as: make run PORT={port + 1}"
        )
    address = f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0') else host}:{port}"  # noqa: S104
    os.environ.setdefault("MILLWRIGHT_BASE_URL", address)
    if demo:
        os.environ["MILLWRIGHT_DEMO"] = "1"

    def announce() -> None:
        click.echo(f"\n  Millwright is ready: {address}\n")
        if demo:
            _show_logins()
        click.echo("  Stop it with Ctrl-C.\n")

    Server(bind=f"{host}:{port}", workers=workers, threads=threads, when_ready=announce).run()


@cli.command()
@click.option("--scheduler", is_flag=True, help="Also fire timers and sweep for due jobs.")
@click.option("--burst", is_flag=True, help="Do what is due now, then end.")
def worker(scheduler: bool, burst: bool) -> None:
    """Do background jobs until told to end."""
    from app.jobs.worker import work
    from app.ops import runtime

    with runtime.site() as site:
        work(site.jobs(), scheduler=scheduler, burst=burst)


# -- processes -------------------------------------------------------------------------------------


@cli.command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER)
@click.option("--note", default="", help="What is new, for the list of versions.")
def deploy(folders: tuple[Path, ...], note: str) -> None:
    """Deploy the process in each FOLDER as a new version; unchanged files change nothing."""
    from app import processes
    from app.database import unit_of_work
    from app.ops import runtime

    with runtime.site() as site, site.session() as session:
        for folder in folders:
            try:
                with unit_of_work(session):
                    deployment = processes.deploy_folder(site.engine, session, folder, note=note)
            except MillwrightError as error:
                raise click.ClickException(f"{folder}: {error}") from error
            click.echo(f"{folder}: {deployment.name}, version {deployment.version}")


@cli.command()
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


@cli.command()
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


# -- database --------------------------------------------------------------------------------------


@cli.group()
def db() -> None:
    """Migrate the database by hand; “millwright setup” does what is normally needed."""


@db.command()
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Migrate forwards, to the newest revision or a named one."""
    _migrate("upgrade", revision)


@db.command()
@click.argument("revision", default="-1")
@click.confirmation_option(prompt="Undoing a migration can delete data. Go on?")
def downgrade(revision: str) -> None:
    """Migrate backwards, by one revision or to a named one."""
    _migrate("downgrade", revision)


@db.command()
def current() -> None:
    """Show the revision that the database is at."""
    from alembic.runtime.migration import MigrationContext

    from app.ops import runtime

    with runtime.site() as site, site.database.connect() as connection:
        click.echo(MigrationContext.configure(connection).get_current_revision() or "empty")


@db.command()
@click.argument("message")
def revision(message: str) -> None:
    """Write a new migration from what models and database differ in (for developers)."""
    _migrate("migrate", message=message)


def _migrate(command: str, *args: str, **options: str) -> None:
    import flask_migrate

    from app.ops import runtime

    with runtime.database_app().app_context():
        getattr(flask_migrate, command)(str(runtime.MIGRATIONS), *args, **options)


def _json_or_file(text: str) -> Any:
    """JSON from the command line, or from a file named after an @."""
    try:
        return json.loads(Path(text[1:]).read_text() if text.startswith("@") else text)
    except OSError as error:
        raise click.ClickException(f"{text[1:]} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise click.ClickException(f"This is no JSON: {error}") from error


if __name__ == "__main__":
    main()
