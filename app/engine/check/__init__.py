"""Checks process files before they are deployed: everything that can be found without running them.

Process files are untrusted input: whatever they hold, the answer is a list of problems, soon.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping

from app.engine.check import (
    decisions,
    elements,
    expressions,
    extensions,
    flows,
    foreign,
    forms,
    gateways,
    messages,
    people,
    reading,
    scenarios,
    steps,
    structure,
    timers,
    verbs,
)
from app.engine.check.checked import Checked
from app.engine.check.messages import Messages, messages_of
from app.engine.check.paths import check_paths
from app.engine.check.problems import Place, Problem, Severity, error, shown
from app.engine.core import ProcessEngine
from app.engine.definitions import FILE_ERRORS, compile_files
from app.errors import Unavailable

__all__ = ["Messages", "Problem", "Severity", "check_alone", "check_files", "check_paths", "messages_of"]

log = logging.getLogger(__name__)

MAXIMUM_PROBLEMS = 500

CHECKS: tuple[Callable[[Checked], Iterator[Problem]], ...] = (
    reading.read,
    structure.process,
    structure.ids,
    elements.elements,
    extensions.extensions,
    foreign.settings,
    flows.ends,
    flows.several,
    flows.reachable,
    flows.loops,
    gateways.gateways,
    gateways.outcomes,
    people.lanes,
    people.starts,
    people.user_tasks,
    verbs.meanings,
    verbs.shared,
    steps.service_tasks,
    steps.decisions,
    steps.scripts,
    steps.variables,
    steps.statuses,
    messages.messages,
    timers.timer_events,
    timers.settings,
    timers.conditions,
    expressions.expressions,
    forms.forms,
    decisions.decision_files,
    scenarios.scenarios,
    structure.names,
    structure.layout,
)


def check_files(
    engine: ProcessEngine, files: Mapping[str, bytes], *, known_messages: Iterable[str] = ()
) -> list[Problem]:
    """What is wrong with the files of one process, by file and line. Raises only :class:`Unavailable`.

    ``known_messages`` are the names of messages that pages and other processes send or wait for;
    :func:`messages_of` tells those of a process. Files without errors can be deployed.
    """
    return _check(Checked(engine, files, known_messages=frozenset(known_messages)))


def check_alone(engine: ProcessEngine, files: Mapping[str, bytes]) -> list[Problem]:
    """What is wrong with a file without the others of its process, which may exist.

    Raises only :class:`Unavailable`.
    """
    return _check(Checked(engine, files, alone=True))


def _check(checked: Checked) -> list[Problem]:
    found: dict[Problem, None] = {}
    for check in CHECKS:
        try:
            for problem in check(checked):
                found[problem] = None
                if len(found) >= MAXIMUM_PROBLEMS:
                    return _sorted([*found, _too_many()])
        except Unavailable:
            raise  # it says nothing about the files
        except Exception as fault:
            log.exception("the check %s failed", check.__name__)
            found[_unforeseen(fault)] = None
    if not checked.alone and not any(problem.is_error for problem in found):
        found |= dict.fromkeys(_runnable(checked))
    return _sorted(found)


def _runnable(checked: Checked) -> Iterator[Problem]:
    """Whether the engine itself takes the files: the last word on what no check has foreseen."""
    try:
        compile_files(checked.files)
    except FILE_ERRORS as fault:
        place = Place(checked.drawn.file if checked.drawn else "", getattr(fault, "element_id", None))
        yield error(place, "not-runnable", str(fault), "Open the diagram in the editor and correct it.")
    except Exception as fault:
        log.exception("the files could not be compiled")
        yield _unforeseen(fault)


def _unforeseen(fault: Exception) -> Problem:
    message = f"The files could not be checked to the end: {shown(fault, 200) or type(fault).__name__}"
    hint = "Open them in their editors and save them again, or undo the last change."
    return error(Place(""), "check-failed", message, hint)


def _too_many() -> Problem:
    message = f"There are more than {MAXIMUM_PROBLEMS} problems."
    return error(Place(""), "too-many-problems", message, "Correct these first.")


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda p: (p.file, p.line or 0, p.severity is Severity.WARNING, p.code))
