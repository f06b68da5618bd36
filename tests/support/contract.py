"""Schemathesis, set up for this API: requests made from the OpenAPI document, and all its checks."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from unittest.mock import patch

import schemathesis
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.config import (
    CacheConfig,
    ChecksConfig,
    CoveragePhaseConfig,
    ExamplesPhaseConfig,
    FuzzingPhaseConfig,
    GenerationConfig,
    PhasesConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    StatefulPhaseConfig,
)
from schemathesis.core.result import Ok
from schemathesis.engine import Status, events, from_schema
from schemathesis.generation.meta import TestPhase
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER
from schemathesis.transport.wsgi import WSGITransport

from app.api.core.endpoints import Endpoint
from app.database import metadata
from app.domain.people import Role
from tests.api.rights import RIGHTS
from tests.support.restorable import ANONYMOUS, OWNER, RestorableSite

SEED = 20260302
LARGEST_ID = 2**31 - 1
# Rules of the factory stand in no schema: what fits it may still be refused, but never as malformed.
ANSWERS_TO_VALID_DATA = ("2xx", "304", "401", "403", "404", "409", "412", "422")
OF_SOCKETS = ("max_redirects", "timeout", "verify", "cert", "proxies")
# What else addresses and bodies call the records of a table.
MEANT_BY = {"users": ("technicianId", "assigneeId", "substituteId"), "stock_locations": ("toLocationId",)}


LETTERS = {
    "A": Role.ADMIN,
    "M": Role.MAINTENANCE_MANAGER,
    "I": Role.INVENTORY_MANAGER,
    "T": Role.MAINTENANCE_TECH,
    "S": Role.SUPERVISOR,
    "O": OWNER,
    "U": Role.ADMIN,
    "*": ANONYMOUS,
}


@dataclass
class Report:
    """Each failure once, with a request that shows it, and how often which answer came."""

    failures: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Counter[int]] = field(default_factory=dict)

    def text(self) -> str:
        return "\n\n".join(self.failures.values())


def somebody_who_may(endpoint: Endpoint) -> str:
    """A role that the table of rights lets call an endpoint."""
    row = RIGHTS[endpoint.method, endpoint.documented_path]
    return next(role for letter, role in LETTERS.items() if letter in row)


def all_who_may(endpoint: Endpoint) -> set[str]:
    """All roles that the table of rights lets call an endpoint."""
    row = RIGHTS[endpoint.method, endpoint.documented_path]
    return {role for letter, role in LETTERS.items() if letter in row}


def run(
    site: RestorableSite,
    role: str,
    *,
    examples: int = 0,
    coverage: int = 0,
    operations: Sequence[str] | None = None,
) -> Report:
    """Call every endpoint, or some ``operations`` by their ids, as somebody of that role.

    ``examples`` is how often each is called with generated data. With ``coverage`` each constraint of each
    schema is also met, and broken: with all of the calls for that, or one in so many of them.
    """
    document = site.application.extensions["millwright.openapi"]()
    config = _config(site, role, examples, coverage)
    whole = schemathesis.openapi.from_dict(deepcopy(document), config=config)
    whole.app = site
    if coverage > 1:
        whole.hooks.register_hook_with_name(_one_in(coverage), "filter_case")
    schema = whole if operations is None else whole.include(operation_id=list(operations))
    report = Report()
    with _times_as_people_use_them(), _records_that_exist(site), _without_sockets():
        for event in from_schema(schema).execute():
            _note(event, report)
    return report


def _one_in(number: int) -> Callable[[Any, Any], bool]:
    """Drops systematic calls but one in ``number``: always the same, another choice for each endpoint."""

    def filter_case(context: Any, case: Any) -> bool:
        if case.meta.phase.name != TestPhase.COVERAGE:
            return True
        parts = (case.operation.label, case.method, case.path_parameters, case.query, case.headers, case.body)
        return zlib.crc32(repr(parts).encode()) % number == 0

    return filter_case


def each_valid_call(
    site: RestorableSite, operation: str, use: Callable[[Any], None], *, examples: int
) -> None:
    """Give ``use`` some calls of an operation that fit its schemas, most of them about records that exist."""
    document = site.application.extensions["millwright.openapi"]()
    schema = schemathesis.openapi.from_dict(deepcopy(document))
    schema.app = site
    results = schema.include(operation_id=operation).get_all_operations()
    (found,) = [result.ok() for result in results if isinstance(result, Ok)]

    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(found.as_strategy())
    def run_all(case: Any) -> None:
        case.headers.pop("If-Match", None)
        use(case)

    with _times_as_people_use_them(), _records_that_exist(site):
        run_all()


def _config(site: RestorableSite, role: str, examples: int, coverage: int) -> SchemathesisConfig:
    project = ProjectConfig(
        headers=site.headers(role) or None,
        checks=ChecksConfig(
            positive_data_acceptance=PositiveDataAcceptanceConfig(expected_statuses=ANSWERS_TO_VALID_DATA)
        ),
        generation=GenerationConfig(
            max_examples=examples, deterministic=True, database="none", no_shrink=True
        ),
        phases=PhasesConfig(
            examples=ExamplesPhaseConfig(enabled=False),
            coverage=CoveragePhaseConfig(enabled=coverage > 0),
            fuzzing=FuzzingPhaseConfig(enabled=examples > 0),
            # Each call meets the same factory, so that no call can prepare another.
            stateful=StatefulPhaseConfig(enabled=False),
        ),
        continue_on_failure=True,
    )
    return SchemathesisConfig(
        seed=SEED, cache=CacheConfig(enabled=False), projects=ProjectsConfig(default=project)
    )


def _note(event: Any, report: Report) -> None:
    if isinstance(event, events.FatalError):
        raise event.exception
    if isinstance(event, events.NonFatalError):
        report.failures.setdefault(f"{event.label}: {event.value}", f"{event.label}\n{event.value!r}")
    if not isinstance(event, events.ScenarioFinished):
        return
    answers = report.answers.setdefault(event.recorder.label, Counter())
    for interaction in event.recorder.interactions.values():
        if interaction.response is not None:
            answers[interaction.response.status_code] += 1
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.status != Status.FAILURE or check.failure_info is None:
                continue
            failure = check.failure_info.failure
            answer = event.recorder.interactions[failure.case_id or case_id].response
            said = "" if answer is None else f"\n  {answer.status_code} {_text(answer.content)}"
            key = f"{event.recorder.label} {check.name} {re.sub('[0-9]+', '', failure.message)[:120]}"
            words = f"{event.recorder.label}: {check.name}: {failure.title}\n  {failure.message}"
            report.failures.setdefault(key, f"{words}\n  {check.failure_info.code_sample}{said}")


def _text(content: bytes | None) -> str:
    return (content or b"").decode(errors="replace")[:600]


@contextmanager
def _times_as_people_use_them() -> Iterator[None]:
    """Date-times between 1970 and 2100: others fit the format, but nobody's calendar."""
    first, last = datetime(1970, 1, 2), datetime(2099, 12, 30)  # noqa: DTZ001 - hypothesis adds the zone
    moments = st.datetimes(first, last, timezones=st.just(UTC)).map(datetime.isoformat)
    schemathesis.openapi.format("date-time", moments.map(lambda text: text.replace("+00:00", "Z")))
    schemathesis.openapi.format("date", st.dates(first.date(), last.date()).map(date.isoformat))
    yield


@contextmanager
def _records_that_exist(site: RestorableSite) -> Iterator[None]:
    """Four of five valid ids become ids of records that there are: else all answers would be 404."""
    known = known_ids(site)

    def meant(name: str, value: Any) -> Any:
        ids = known.get(name)
        if ids and type(value) is int and 1 <= value <= LARGEST_ID and value % 5:
            return ids[value % len(ids)]
        return value

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: walk(meant(name, inner)) for name, inner in value.items()}
        return [walk(inner) for inner in value] if isinstance(value, list) else value

    done: set[str] = set()

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        if case.id in done:
            return  # a repeat is about the same records
        done.add(case.id)
        if zlib.crc32(repr((case.path_parameters, case.body)).encode()) % 4:
            # A generated one names no version: nothing else would be tried.
            case.headers.pop("If-Match", None)
        case.path_parameters = walk(case.path_parameters)
        case.query = walk(case.query)
        if isinstance(case.body, dict | list):
            case.body = walk(case.body)

    GLOBAL_HOOK_DISPATCHER.register_hook_with_name(before_call, "before_call")
    try:
        yield
    finally:
        GLOBAL_HOOK_DISPATCHER.unregister(before_call)


@contextmanager
def _without_sockets() -> Iterator[None]:
    """Its probes without credentials hand an application in this process what only a network call takes."""
    send = WSGITransport.send

    def send_here(self: Any, case: Any, **options: Any) -> Any:
        return send(self, case, **{name: value for name, value in options.items() if name not in OF_SOCKETS})

    with patch.object(WSGITransport, "send", send_here):
        yield


def known_ids(site: RestorableSite) -> dict[str, list[int]]:
    """The ids that there are, by the names that addresses and bodies use: ``machineId``."""
    found: dict[str, list[int]] = {}
    with site.session() as session:
        for table in metadata.tables.values():
            key = table.columns.get("id")
            if key is None or not isinstance(key.type, sa.Integer):
                continue
            ids = list(session.scalars(sa.select(key).order_by(key.desc()).limit(30)))
            for name in [*_names(table.name), "entityId", *MEANT_BY.get(table.name, ())]:
                known = found.setdefault(name, [])
                known += [number for number in ids if number not in known]
    return found


def _names(table: str) -> list[str]:
    """``spare_parts``: sparePartId, partId."""
    singular = re.sub(r"(ies)$|(?<!s)s$", lambda match: "y" if match[1] else "", table)
    words = singular.split("_")
    names = []
    for start in range(len(words)):
        first, *others = words[start:]
        names.append(first + "".join(word.title() for word in others) + "Id")
    return names
