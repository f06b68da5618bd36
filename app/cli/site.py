"""Commands that make, serve and work for a site."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import sqlalchemy as sa
from sqlalchemy.orm import Session

EVERYWHERE = "0.0.0.0"  # noqa: S104  # nosec B104  # served there only where somebody says so


@click.command()
@click.option("--demo", is_flag=True, help="Load the demonstration factory into an empty database.")
@click.option("--small", is_flag=True, help="Of the demonstration, only what its story is about: in seconds.")
def setup(demo: bool, small: bool) -> None:
    """Bring the database up to date and deploy the processes that ship.

    Can be run again at any time: it does what is missing.
    """
    from app import processes
    from app.database import unit_of_work
    from app.ops import migrating, runtime

    _refuse_unfinished()
    with runtime.database_app().app_context():
        later = migrating.upgrade()
    if later:
        click.echo(migrating.LEFT_ALONE.format(later))
    with runtime.site() as site, site.session() as session:
        with unit_of_work(session):
            deployed = processes.deploy_shipped(site.engine, session)
        for deployment in deployed:
            click.echo(f"Deployed {deployment.name} (version {deployment.version}).")
    if demo:
        _load_demo(whole=not small)


@click.command()
@click.option("--reset", is_flag=True, help="Throw away what is in the database first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--small", is_flag=True, help="Only what its story is about: in seconds.")
def demo(reset: bool, yes: bool, small: bool) -> None:
    """Load the demonstration factory: people, machines, parts, and work under way."""
    from app.ops import demo as demonstration
    from app.ops import runtime

    if not reset:
        _load_demo(whole=not small)
        return
    with runtime.site() as site:
        with site.session() as session:
            if _is_real(session):
                raise click.ClickException(
                    "This database holds a real site: the demonstration does not replace it."
                )
        if not yes:
            click.confirm(f"Everything in {site.address} is thrown away. Go on?", abort=True)
        with _living_through("Putting the demonstration back to its beginning") as reached:
            demonstration.reset(site.engine, site.session, whole=not small, reached=reached)
    click.echo("Done. Restart the site if it is running.")


def _is_real(session: Session) -> bool:
    """Whether people work with this database, and none of them is from the demonstration."""
    from app.domain.people import User
    from app.ops.demo import LOGINS

    emails = set(session.scalars(sa.select(User.email)))
    return bool(emails) and emails.isdisjoint(login.email for login in LOGINS)


def _load_demo(*, whole: bool) -> None:
    from app.ops import demo as demonstration
    from app.ops import runtime

    with runtime.site() as site:
        if not demonstration.is_missing(site.session):
            return
        with _living_through("Loading the demonstration factory") as reached:
            demonstration.load(site.engine, site.session, whole=whole, reached=reached)


@contextmanager
def _living_through(label: str) -> Iterator[Callable[[float], None]]:
    """A bar that grows with the share of the past that is over; where nobody watches, its label alone."""
    with click.progressbar(length=1000, label=label) as bar:

        def reached(share: float) -> None:
            bar.update(int(share * 1000) - bar.pos)

        yield reached


def _refuse_unfinished() -> None:
    """Nobody works with a database in which a restore was cut short."""
    from app.extensions import db
    from app.ops import runtime
    from app.ops.backup import unfinished

    with runtime.database_app().app_context():
        try:
            said = unfinished(db.engine)
        except sa.exc.OperationalError:
            return  # it does not answer, which whoever needs it finds out
        finally:
            db.engine.dispose()
    if said:
        raise click.ClickException(said)


def _show_logins() -> None:
    from app.ops.demo import LOGINS
    from app.processes.directory import ROLE_NAMES

    click.echo("  Sign in as:")
    for login in LOGINS:
        role = ROLE_NAMES[login.role].lower()
        click.echo(f"    {login.email:<34} {login.password:<12} {login.name}, {role}")
    click.echo()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option(
    "--threads", default=8, show_default=True, type=click.IntRange(1), help="Threads in each process."
)
@click.option("--demo", is_flag=True, help="Show the demonstration's logins here and on the sign-in page.")
def run(host: str, port: int, workers: int, threads: int, demo: bool) -> None:
    """Serve the site; without Redis, its jobs are done in the same process."""
    from app import config
    from app.server import Server, is_free

    if not is_free(host, port):
        raise click.ClickException(
            f"Something listens on port {port} already. Choose another, such as: make run PORT={port + 1}"
        )
    here = host in ("127.0.0.1", EVERYWHERE)
    address = f"http://{'localhost' if here else host}:{port}"
    os.environ.setdefault("MILLWRIGHT_BASE_URL", address)
    if demo:
        os.environ["MILLWRIGHT_DEMO"] = "1"

    def announce() -> None:
        click.echo(f"\n  Millwright is ready: {address}\n")
        if demo:
            _show_logins()
        click.echo("  Stop it with Ctrl-C.\n")

    drain = config.from_environment()["MILLWRIGHT_DRAIN_SECONDS"]
    Server(bind=f"{host}:{port}", workers=workers, threads=threads, drain=drain, when_ready=announce).run()


@click.command()
@click.option("--scheduler", is_flag=True, help="Also fire timers and sweep for due jobs.")
@click.option("--burst", is_flag=True, help="Do what is due now, then end.")
def worker(scheduler: bool, burst: bool) -> None:
    """Do background jobs until told to end.

    Where MILLWRIGHT_METRICS_PORT is set, /healthz, /readyz and /metrics are answered there meanwhile.
    """
    from app import create_app
    from app.jobs.worker import work
    from app.ops import runtime, side_door
    from app.web.list_exports import ListReports

    _refuse_unfinished()
    with runtime.site() as site:
        jobs = site.jobs()
        jobs.write_lists_with(ListReports(create_app))
        with side_door.beside(site, jobs):
            work(jobs, scheduler=scheduler, burst=burst)


COMMANDS = (setup, demo, run, worker)
