"""Commands that back a site up, list and restore its backups, and look after its files.

Their exit codes tell a supervisor what happened: 0 done; 1 failed, the message says why; 3 the backup
cannot be used; 4 what is there is in use or was not to be replaced; 5 what was made is not what it should
be; 6 another backup or restore is running; 7 a restore was cut short.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.config import ConfigurationError

if TYPE_CHECKING:
    from app.ops.backup import Restored, Summary
    from app.ops.runtime import Site

PATH = click.Path(dir_okay=False, path_type=Path)


class Stopped(click.ClickException):
    """A failure with an exit code of its own."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]


@contextmanager
def _site() -> Iterator[Site]:
    """The site, with failures of backups as messages and exit codes."""
    import sqlalchemy as sa

    from app.errors import MillwrightError
    from app.ops import runtime
    from app.ops.backup import BackupError

    try:
        with runtime.site() as site:
            yield site
    except BackupError as error:
        raise Stopped(str(error), error.exit_code) from error
    except (MillwrightError, ConfigurationError) as error:
        cause = f"\n{error.__cause__}" if error.__cause__ else ""
        raise Stopped(f"{error}{cause}", 1) from error
    except OSError as error:
        raise Stopped(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "), 1) from error
    except sa.exc.DatabaseError as error:
        raise Stopped(f"The database does not answer as it should: {error.orig}", 1) from error


@click.command()
@click.option(
    "--to", type=PATH, help="Into this one file, with the uploads, instead of to MILLWRIGHT_BACKUPS."
)
@click.option("--thorough", is_flag=True, help="Read also the files that earlier backups have copied.")
@click.option("--no-verify", is_flag=True, help="Do not restore it into a scratch database to try it.")
@click.option("--keep-going", is_flag=True, help="Stay, and make a backup whenever one is due.")
@click.option("--at", default="02:00", show_default=True, help="With --keep-going: the first one of a day.")
@click.option(
    "--every", default=6, show_default=True, type=click.IntRange(1, 24), help="Hours from one to the next."
)
def backup(to: Path | None, thorough: bool, no_verify: bool, keep_going: bool, at: str, every: int) -> None:
    """Back up the database and the uploaded files, and verify the backup by restoring it.

    The site goes on working meanwhile. Backups that need not be kept any longer are removed.
    """
    from app.ops import backup as backups

    if keep_going:
        _keep_going(at, every)
        return
    with _site() as site:
        made = backups.backup(
            site, to=to, verify=not no_verify, thorough=thorough, say=lambda text: click.echo(text)
        )
    _tell_made(made)


def _tell_made(made: Summary) -> None:
    click.echo(
        f"{made.name}: {made.rows:,} rows, {made.files:,} files, {_size(made.size)}, in {made.seconds:.0f} s"
        f"{', verified' if made.verified else ', not verified'}{', sealed' if made.sealed else ''}."
    )
    if not made.sealed:
        click.echo("It is not encrypted: MILLWRIGHT_BACKUP_KEY is not set.", err=True)
    for problem in made.problems:
        click.echo(f"Warning: {problem}", err=True)
    if made.problems:
        click.echo(
            "The backup is good, and these things were wrong with what was backed up. Look into them.",
            err=True,
        )


def _keep_going(at: str, every: int) -> None:
    import signal
    import threading
    from datetime import tzinfo

    from app.domain import settings
    from app.ops import backup as backups
    from app.ops.backup import schedule

    try:
        first = datetime.strptime(at, "%H:%M").time()  # noqa: DTZ007 - of the site's day
    except ValueError:
        raise click.BadParameter("a time is like 02:00", param_hint="--at") from None
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with _site() as site:

        def zone() -> tzinfo:
            with site.session() as session:
                return settings.site(session).zone

        def make(thorough: bool) -> None:
            _tell_made(backups.backup(site, thorough=thorough, say=lambda text: click.echo(text)))

        def last_good() -> datetime | None:
            good = [summary.time for summary in backups.of_site(site.settings).all() if summary.verified]
            return max(good, default=None)

        click.echo(f"Backups are made from {at} on every {every} hours. Ctrl-C ends this.")
        schedule.keep_going(make, last_good, zone=zone, first=first, every=every, stopping=stopping)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.option("--max-age", type=click.IntRange(1), help="End with 5 if the last good one is older (hours).")
def backups(as_json: bool, max_age: int | None) -> None:
    """List the backups that there are, the oldest first."""
    from dataclasses import asdict

    from app import clock
    from app.ops import backup as kept

    with _site() as site:
        repository = kept.of_site(site.settings)
        found = repository.all()
        if as_json:
            click.echo(json.dumps({"backups": [asdict(summary) for summary in found]}, indent=2))
        elif not found:
            click.echo(f"There is no backup in {repository.store.address}.")
        else:
            _list(found)
        good = [summary for summary in found if summary.verified]
        if max_age and (not good or clock.now() - good[-1].time > timedelta(hours=max_age)):
            last = f"is {_age(clock.now() - good[-1].time)} old" if good else "does not exist"
            raise Stopped(f"The last good backup {last}.", 5)


def _list(found: list[Summary]) -> None:
    from app import clock

    click.echo(f"{'name':28} {'age':>8} {'rows':>11} {'files':>8} {'size':>10}  version")
    for summary in found:
        notes = [
            "sealed" if summary.sealed else "",
            "" if summary.verified else "NOT VERIFIED",
            f"{len(summary.problems)} warnings" if summary.problems else "",
        ]
        age, said = _age(clock.now() - summary.time), ", ".join(note for note in notes if note)
        line = f"{summary.name:28} {age:>8} {summary.rows:>11,} {summary.files:>8,} {_size(summary.size):>10}"
        click.echo(f"{line}  {summary.version}  {said}".rstrip())


@click.command()
@click.argument("which")
@click.option("--check", "only_check", is_flag=True, help="See whether it can be restored; touch nothing.")
@click.option("--replace", is_flag=True, help="Put it in the place of the data that is there.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--incomplete", is_flag=True, help="Restore although uploaded files are missing or damaged.")
@click.option("--without-backup", is_flag=True, help="Do not back up first what is replaced on a server.")
def restore(
    which: str, only_check: bool, replace: bool, yes: bool, incomplete: bool, without_backup: bool
) -> None:
    """Restore the backup WHICH: a name that “millwright backups” lists, “latest”, or a file.

    Stop the site first. The backup is checked to its end, and restored into a scratch database, before
    anything that is there is touched. An older one is brought up to date.
    """
    from app.ops import backup as backups

    def say(text: str) -> None:
        click.echo(text)

    with _site() as site:
        if only_check:
            found = backups.check(site, which, say)
            for problem in found.problems:
                click.echo(f"Warning: {problem}", err=True)
            click.echo("It can be restored.")
            return
        if replace and not yes:
            click.confirm(f"What is in {site.address} is replaced by the backup. Go on?", abort=True)
        done = backups.restore(
            site, which, replace=replace, incomplete=incomplete, backup_first=not without_backup, say=say
        )
        _tell_restored(site, done)


def _tell_restored(site: Site, done: Restored) -> None:
    click.echo(
        f"Restored and verified: {done.rows:,} rows, {done.files:,} files, "
        f"as of {done.made_at[:16].replace('T', ' ')} UTC."
    )
    for key, reason in done.files_missing.items():
        click.echo(f"Warning: file {key} could not be restored: {reason}", err=True)
    for problem in done.problems:
        click.echo(f"Warning: {problem}", err=True)
    if done.kept:
        click.echo(f"What was there before is kept in {done.kept}; remove it when you are sure.")
    for name, value in done.settings.items():
        now = site.settings.get(name)
        if value and str(value) != str(now or ""):
            click.echo(
                f"Setting {name} was {value!r} at the time of the backup; now it is {str(now or '')!r}."
            )
    click.echo("Everybody signs in again. Start the site, and see that /readyz answers 200.")


@click.command("backup-key")
def backup_key() -> None:
    """Print a new key for MILLWRIGHT_BACKUP_KEY. Keep a copy elsewhere: without it no backup opens."""
    from app.ops import backup as backups

    click.echo(backups.new_key())


@click.command()
@click.option("--remove-orphans", is_flag=True, help="Remove files that belong to nothing and are a day old.")
@click.option("--from", "source", help="First copy what is missing from this folder, or s3://bucket/prefix.")
def files(remove_orphans: bool, source: str | None) -> None:
    """Compare the uploaded files with what the database knows of them; ends with 5 if some are missing."""
    from app.ops import stored
    from app.storage import open_store

    with _site() as site:
        if source:
            copied = stored.copy_missing(site, open_store(source, site.settings["MILLWRIGHT_S3"]))
            click.echo(f"{copied:,} files were copied from {source}.")
        found = stored.survey(site, remove_orphans=remove_orphans)
    click.echo(f"{found.known:,} files in {found.address}.")
    for name in found.missing:
        click.echo(f"Missing: {name}", err=True)
    for key in found.orphans:
        click.echo(f"{'Removed' if remove_orphans else 'Belongs to nothing'}: {key}")
    if found.missing:
        raise Stopped(f"{len(found.missing)} files are missing. “millwright restore” puts them back.", 5)


def _size(size: int) -> str:
    number = float(size)
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def _age(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} d"


COMMANDS = (backup, backups, restore, backup_key, files)
