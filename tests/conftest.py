"""What every test may ask for: databases, servers, a clock, and the application on top of them."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Generator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.database import configure, engine_options, metadata, unit_of_work
from tests.support import servers

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from playwright.sync_api import Browser, Page

    from app.engine.core import ProcessEngine
    from app.engine.models import Job
    from tests.support.site import Site

# A Monday morning on which nothing special happens.
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

SERVICES = {"mariadb", "redis_server", "clamd"}

# Which databases the tests run on: on SQLite, and those marked ``databases`` on MariaDB too; on both ("all");
# or on MariaDB alone ("mariadb").
DATABASES = os.environ.get("MILLWRIGHT_DATABASES", "")
ABOUT_THE_RUN = {"MILLWRIGHT_DATABASES", "MILLWRIGHT_NO_SKIP", "MILLWRIGHT_LONG"}
OF_CAMPAIGNS = "MILLWRIGHT_CAMPAIGN_"
NO_SKIP = os.environ.get("MILLWRIGHT_NO_SKIP", "") not in ("", "0")
LONG = os.environ.get("MILLWRIGHT_LONG", "") not in ("", "0")


# -- what a run is ---------------------------------------------------------------------------------


def pytest_configure() -> None:
    """No test reads the settings, or writes into the data, of a site that this machine may run."""
    for name in [name for name in os.environ if is_a_setting(name)]:
        del os.environ[name]
    os.environ["MILLWRIGHT_SECRET_KEY"] = "tests only"
    os.environ["MILLWRIGHT_DATA"] = "/nonexistent"
    share_templates()
    share_feel()


def is_a_setting(name: str) -> bool:
    """Whether a variable of the environment is a setting of a site, and not about the run of the tests."""
    about_the_run = name in ABOUT_THE_RUN or name.startswith(OF_CAMPAIGNS)
    return name.startswith("MILLWRIGHT_") and not about_the_run


def share_templates() -> None:
    """Applications that are made one after the other compile each template once for all."""
    from flask import Flask

    from tests.support.application import KeptBytecode

    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": KeptBytecode()}


def share_feel() -> None:
    """Applications that are made one after the other work out their expressions in the same V8."""
    from app.engine.feel import interpreter
    from app.engine.feel.sandbox import Sandbox

    shared = Sandbox(interpreter.TIMEOUT, interpreter.MEMORY)

    def of_the_run(timeout: float, memory: int) -> Sandbox:
        return shared if (timeout, memory) == (shared.timeout, shared.memory) else Sandbox(timeout, memory)

    vars(interpreter)["Sandbox"] = of_the_run


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test marked ``databases`` runs on each of the databases that the product supports.

    Marked are those whose SQL, locks or times a database could see differently. With MILLWRIGHT_DATABASES=all
    every test that uses a database runs on both, and with MILLWRIGHT_DATABASES=mariadb on MariaDB alone; but
    those marked ``sqlite``.
    """
    definition = metafunc.definition
    if definition.get_closest_marker("sqlite") is not None or "database_url" not in metafunc.fixturenames:
        return
    kinds: list[Any] = ["sqlite", pytest.param("mariadb", marks=pytest.mark.services)]
    if DATABASES == "mariadb":
        metafunc.parametrize("database_url", kinds[1:], indirect=True)
    elif DATABASES == "all" or definition.get_closest_marker("databases") is not None:
        metafunc.parametrize("database_url", kinds, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that use a server or a browser (``-m "not services and not browser"``), and leave those
    marked ``long`` to the long run."""
    if not LONG:
        left = [item for item in items if item.get_closest_marker("long") is not None]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if SERVICES & fixtures:
            item.add_marker(pytest.mark.services)
        if "browser" in fixtures:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With MILLWRIGHT_NO_SKIP=1 a test that could not run is a failure, not a silence."""
    report = yield
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which MILLWRIGHT_NO_SKIP forbids: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself."""
    report = yield
    if NO_SKIP and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, which MILLWRIGHT_NO_SKIP forbids: {report.longrepr}"
    return report


# -- servers ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.MariaDb]:
    """A MariaDB server, started when the first test asks for it."""
    try:
        with servers.mariadb(tmp_path_factory.mktemp("mariadb")) as server:
            yield server
    except servers.MissingProgram as missing:
        pytest.skip(str(missing))


@pytest.fixture
def mariadb_url(mariadb: servers.MariaDb) -> Iterator[str]:
    """The address of an empty MariaDB database for this test alone."""
    with mariadb.database() as url:
        yield url


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Redis]:
    """A Redis server, started when the first test asks for it."""
    try:
        with servers.redis_server(tmp_path_factory.mktemp("redis")) as server:
            yield server
    except servers.MissingProgram as missing:
        pytest.skip(str(missing))


@pytest.fixture
def redis_url(redis_server: servers.Redis) -> str:
    """The address of an empty Redis for this test alone."""
    redis_server.empty()
    return redis_server.url


@pytest.fixture(scope="session")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Clamd]:
    """A virus scanner that knows one virus, started when the first test asks for it."""
    try:
        with servers.clamd(tmp_path_factory.mktemp("clamd")) as server:
            yield server
    except servers.MissingProgram as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def _s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.S3]:
    with servers.s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3(_s3_server: servers.S3) -> servers.S3:
    """An S3-compatible storage with an empty bucket, started when the first test asks for it."""
    _s3_server.empty()
    return _s3_server


@pytest.fixture(scope="session")
def pm4py() -> Path:
    """The Python that has pm4py, in an environment of its own."""
    python = Path(__file__).parents[1] / ".venv-peers" / "bin" / "python"
    if not python.exists():
        pytest.skip("pm4py is not installed: make peers")
    return python


# -- databases -------------------------------------------------------------------------------------


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database: SQLite, or as ``@pytest.mark.databases`` says, each in turn."""
    if getattr(request, "param", "sqlite") == "mariadb":
        # Making the tables takes MariaDB longer than most tests do: those who want them share them.
        shared = {"database", "deployed_url"} & set(request.fixturenames)
        url: str = request.getfixturevalue("_emptied_mariadb_url" if shared else "mariadb_url")
        return url
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture(scope="session")
def _mariadb_tables(mariadb: servers.MariaDb) -> Iterator[sa.Engine]:
    with mariadb.database() as url:
        database = _create_tables(url)
        yield database
        database.dispose()


@pytest.fixture
def _emptied_mariadb_url(_mariadb_tables: sa.Engine) -> Iterator[str]:
    """A MariaDB database with all tables, which are put back and emptied after the test."""
    yield _mariadb_tables.url.render_as_string(hide_password=False)
    names = list(metadata.tables)
    with _mariadb_tables.connect() as connection:
        connection.exec_driver_sql("SET lock_wait_timeout = 30")
        connection.exec_driver_sql("SET foreign_key_checks = 0")
        present = set(connection.exec_driver_sql("SHOW TABLES").scalars())
        for strange in present - set(names):
            connection.exec_driver_sql(f"DROP TABLE {strange}")
        if set(names) - present:
            metadata.create_all(connection)
        for name in _filled(connection):
            connection.exec_driver_sql(f"TRUNCATE TABLE {name}")


def _filled(connection: sa.Connection) -> list[str]:
    """The tables that hold something."""
    query = " UNION ALL ".join(
        f"SELECT '{name}' FROM {name} HAVING COUNT(*) > 0"  # noqa: S608 - the names are our own
        for name in metadata.tables
    )
    return list(connection.exec_driver_sql(query).scalars())


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with all tables and nothing in them; tests work on copies."""
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    _create_tables(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def database(database_url: str, empty_sqlite: Path) -> Iterator[sa.Engine]:
    """A database with all tables of the product."""
    path = Path(database_url.removeprefix("sqlite:///"))
    if database_url.startswith("sqlite") and not path.exists():
        shutil.copyfile(empty_sqlite, path)
    database = _create_tables(database_url)
    yield database
    database.dispose()


def _create_tables(url: str) -> sa.Engine:
    import app.domain.models
    import app.engine.models
    import app.engine.monitor.models  # noqa: F401 - to know the tables

    database = sa.create_engine(url, **engine_options(url))
    configure(database)
    metadata.create_all(database)
    return database


@pytest.fixture
def session(database: sa.Engine) -> Iterator[Session]:
    """A session on that database."""
    with Session(database, expire_on_commit=False) as session:
        yield session


# -- the whole product in a browser ----------------------------------------------------------------


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a demonstration factory, made once for all parallel processes; tests use copies."""
    from tests.support import site

    basis = tmp_path_factory.getbasetemp()
    shared = basis.parent if os.environ.get("PYTEST_XDIST_WORKER") else basis
    folder = shared / "demonstration"
    with (shared / "demonstration.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            folder.mkdir(exist_ok=True)
            site.build_demonstration(folder)
            (folder / "made").touch()
    return folder


@pytest.fixture
def demo_site(demonstration: Path, tmp_path: Path) -> Iterator[Site]:
    """A demonstration factory of this test's own, served as ``make run`` does."""
    from tests.support import site

    with site.serve(site.copy(demonstration, tmp_path / "site")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for the tests of one module: while it runs, Playwright keeps an event loop running
    in this thread, which no other test shall meet."""
    from tests.support.browser import chromium

    try:
        with chromium() as browser:
            yield browser
    except servers.MissingProgram as missing:
        pytest.skip(str(missing))


@pytest.fixture
def page(browser: Browser, demo_site: Site) -> Iterator[Page]:
    """A window on the demonstration; the test fails if a page writes an error to its console."""
    from tests.support.browser import window

    with window(browser, demo_site.url) as page:
        yield page


@pytest.fixture
def phone(browser: Browser, demo_site: Site) -> Iterator[Page]:
    """The same on a phone."""
    from tests.support.browser import window

    with window(browser, demo_site.url, phone=True) as page:
        yield page


# -- engine and jobs -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def factory_engine() -> ProcessEngine:
    """An engine whose FEEL stays warm; it keeps no definitions."""
    from app.processes import build_engine

    return build_engine()


@pytest.fixture
def engine(factory_engine: ProcessEngine) -> ProcessEngine:
    """The engine of the factory. Its FEEL is kept from test to test; deployments are the test's own."""
    from app.engine.core import ProcessEngine

    shared = factory_engine
    return ProcessEngine(services=shared.services, bindings=shared.bindings, feel=shared.feel)


@pytest.fixture(scope="session")
def deployed_sqlite(tmp_path_factory: pytest.TempPathFactory, factory_engine: ProcessEngine) -> Path:
    """An SQLite file with all tables and the processes that ship; tests work on copies."""
    path = tmp_path_factory.mktemp("deployed") / "deployed.db"
    _deploy(factory_engine, f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def deployed_mariadb(
    mariadb: servers.MariaDb, factory_engine: ProcessEngine
) -> Iterator[tuple[str, list[str]]]:
    """The same on MariaDB: the address of the database, and which of its tables hold something."""
    with mariadb.database() as url:
        _deploy(factory_engine, url)
        database = sa.create_engine(url)
        with database.connect() as connection:
            filled = _filled(connection)
        database.dispose()
        yield url, filled


@pytest.fixture
def deployed_url(request: pytest.FixtureRequest, database_url: str) -> str:
    """The address of a database with all tables and the processes that ship."""
    if database_url.startswith("sqlite"):
        deployed: Path = request.getfixturevalue("deployed_sqlite")
        shutil.copyfile(deployed, database_url.removeprefix("sqlite:///"))
    else:
        servers.copy_rows(*request.getfixturevalue("deployed_mariadb"), into=database_url)
    return database_url


@pytest.fixture(scope="module")
def shared_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Such a database for all tests of a module, which leave it as it is."""
    if DATABASES == "mariadb":
        deployed = request.getfixturevalue("deployed_mariadb")
        with request.getfixturevalue("mariadb").database() as url:
            _create_tables(url).dispose()
            servers.copy_rows(*deployed, into=url)
            yield url
    else:
        path = tmp_path_factory.mktemp("shared") / "shared.db"
        yield f"sqlite:///{shutil.copyfile(request.getfixturevalue('deployed_sqlite'), path)}"


def _deploy(engine: ProcessEngine, url: str) -> None:
    from app.processes import deploy_shipped

    database = _create_tables(url)
    with Session(database) as session, unit_of_work(session):
        deploy_shipped(engine, session)
    database.dispose()


@pytest.fixture
def app(deployed_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The web application, with the processes that ship and no other data."""
    from tests.support.application import application

    with application(deployed_url, tmp_path) as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without scripts, nobody signed in."""
    return app.test_client()


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What jobs of the kind ``note`` were asked to note, in order; ``then`` asks for one more."""
    from app.engine import jobs

    notes: list[Any] = []

    def note(engine: ProcessEngine, session: Session, payload: Mapping[str, Any], job: Job) -> None:
        notes.append(payload["what"])
        if then := payload.get("then"):
            jobs.enqueue(session, "note", {"what": then})

    monkeypatch.setitem(jobs._handlers, "note", note)
    return notes


# -- time ------------------------------------------------------------------------------------------


@pytest.fixture(name="clock")
def manual_clock() -> Iterator[clock.ManualClock]:
    """A clock that stands at :data:`START` until it is told to move."""
    manual = clock.ManualClock(START)
    with clock.use(manual):
        yield manual


def pytest_report_header() -> list[str]:
    """Say which of the optional programs this run has."""
    lines: list[str] = []
    programs = {
        "mariadb-server": ("mariadbd", "mysqld"),
        "redis-server": ("redis-server",),
        "clamav-daemon": ("clamd",),
        "chromium": ("chromium",),
    }
    for package, names in programs.items():
        try:
            lines.append(f"{names[0]}: {servers.find(*names, package=package)}")
        except servers.MissingProgram as missing:
            lines.append(str(missing))
    return lines
