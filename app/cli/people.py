"""Commands about people, for when nobody can sign in: the first administrator, and the last resort."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.domain.people import User
    from app.ops.runtime import Site

ROLES = ("ADMIN", "SUPERVISOR", "MAINTENANCE_TECH", "MAINTENANCE_MANAGER", "INVENTORY_MANAGER")


@click.command("add-user")
@click.argument("email")
@click.option("--name", required=True, help="What people call the user.")
@click.option("--role", type=click.Choice(ROLES), default="ADMIN", show_default=True)
def add_user(email: str, name: str, role: str) -> None:
    """Add a user, such as the first administrator of a new site, and print a link to set the password."""
    from app.database import unit_of_work
    from app.domain import passwords, people
    from app.ops import runtime

    with runtime.site() as site, site.session() as session:
        nobody_knows = passwords.hash_password(secrets.token_urlsafe(32))
        with unit_of_work(session):
            user = people.create_user(
                session, None, email=email, name=name, password_hash=nobody_knows, role=role
            )
            link = _link(site, session, user)
    click.echo(f"Added {user.name}, who sets a password here within three days:\n{link}")


@click.command("reset-link")
@click.argument("email")
def reset_link(email: str) -> None:
    """Print a link with which somebody sets a new password."""
    from app.database import unit_of_work
    from app.domain import people
    from app.ops import runtime

    with runtime.site() as site, site.session() as session, unit_of_work(session):
        user = people.by_email(session, email)
        if user is None:
            raise click.ClickException(f"Nobody has the address {email}.")
        link = _link(site, session, user)
    click.echo(f"{user.name} sets a new password here within three days:\n{link}")


def _link(site: Site, session: Session, user: User) -> str:
    """The address of a new reset link."""
    from app.domain import activity, password_resets

    with activity.from_source("command line"):
        token = password_resets.make(session, user, None).token
    return f"{site.settings['MILLWRIGHT_BASE_URL']}/reset/{token}"


COMMANDS = (add_user, reset_link)
