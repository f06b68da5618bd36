"""Commands for when nobody can sign in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from app.cli import cli
from app.database import metadata
from app.domain import password_resets, people

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``millwright`` on the site in ``tmp_path``."""
    monkeypatch.setenv("MILLWRIGHT_DATA", str(tmp_path))
    monkeypatch.setenv("MILLWRIGHT_BASE_URL", "https://mill.example")
    monkeypatch.setattr("app.ops.logs.configure", lambda: None)
    return lambda *arguments: CliRunner().invoke(cli, arguments, catch_exceptions=False)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Session]:
    """The site's database, with tables and nothing in them, as another process sees it."""
    import app.domain.models
    import app.engine.models
    import app.engine.monitor.models  # noqa: F401 - to know the tables

    database = sa.create_engine(f"sqlite:///{tmp_path / 'millwright.db'}")
    metadata.create_all(database)
    with Session(database) as session:
        yield session
    database.dispose()


def token_in(output: str) -> str:
    found = re.search(r"https://mill\.example/reset/(\S+)", output)
    assert found is not None
    return found[1]


def test_the_first_administrator_is_added_and_sets_a_password(run: Run, site: Session) -> None:
    done = run("add-user", "Grace@mill.example", "--name", "Grace Odum")
    assert done.exit_code == 0
    user = people.by_email(site, "grace@mill.example")
    assert user is not None
    assert (user.name, user.role) == ("Grace Odum", "ADMIN")
    assert password_resets.holder(site, token_in(done.output)) is user


def test_a_link_is_printed_for_somebody_who_cannot_sign_in(run: Run, site: Session) -> None:
    first = run("add-user", "grace@mill.example", "--name", "Grace", "--role", "SUPERVISOR")
    second = run("reset-link", "GRACE@mill.example")
    assert password_resets.holder(site, token_in(first.output)) is None
    assert password_resets.holder(site, token_in(second.output)) is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("reset-link", "nobody@mill.example"), "Nobody has the address nobody@mill.example."),
        (("add-user", "nonsense", "--name", "Grace"), "is not an e-mail address"),
    ],
)
@pytest.mark.usefixtures("site")
def test_what_cannot_be_done_is_said_without_a_traceback(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    refused = run(*arguments)
    assert refused.exit_code == 1
    assert message in refused.output
