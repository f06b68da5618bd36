"""The ``millwright`` command.

Commands import what they need when they run: ``millwright --help`` answers at once, and nothing of
the application is started in the web server's parent process.
"""

from __future__ import annotations

import sys
from typing import Any
from uuid import uuid4

import click
import sqlalchemy as sa
import structlog

from app.cli import backups, database, people, processes, site
from app.config import ConfigurationError
from app.errors import MillwrightError

HINT = "Check MILLWRIGHT_DATABASE_URL; “millwright setup” makes or updates the tables."


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


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="millwright")
def cli() -> None:
    """Run and look after a Millwright site. Settings come from MILLWRIGHT_* variables."""
    from app.ops import logs

    logs.configure()
    # What a command logs can be told from what others do at the same time, as a request's lines can.
    command = click.get_current_context().invoked_subcommand
    structlog.contextvars.bind_contextvars(command=command, request_id=f"cli-{uuid4().hex[:12]}")


COMMANDS: tuple[click.Command, ...] = (
    *site.COMMANDS,
    *people.COMMANDS,
    *processes.COMMANDS,
    *database.COMMANDS,
    *backups.COMMANDS,
)
for each in COMMANDS:
    cli.add_command(each)


def main(prefix: tuple[str, ...] = ()) -> None:
    """Entry point; ``prefix`` is put before the arguments that were given."""
    cli.main(args=[*prefix, *sys.argv[1:]], prog_name="millwright")
