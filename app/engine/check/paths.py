"""Checks files and folders on disk: each folder with a diagram is a process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from app.engine.check.messages import messages_of
from app.engine.check.problems import Place, Problem, error, shown, warning
from app.engine.check.reading import SUFFIXES
from app.engine.definitions import MAXIMUM_BYTES

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

MAXIMUM_PATHS = 5_000
MAXIMUM_SIBLINGS = 50


def check_paths(
    engine: ProcessEngine,
    paths: list[Path],
    *,
    known_messages: Iterable[str] = (),
    shared: Mapping[str, bytes] | None = None,
) -> list[Problem]:
    """What is wrong with the files and folders at ``paths``. Never raises.

    A folder with a diagram is a process, with all that is in it and with the ``shared`` forms; the
    folders beside it are other processes that send and receive messages. A folder without one is
    looked through for such folders. A file is checked on its own: what it refers to may exist.
    """
    found: list[Problem] = []
    for path in paths:
        for unit in _units(Path(path), found):
            try:
                found += _check(engine, unit, frozenset(known_messages), shared or {}, found)
            except (OSError, ValueError) as fault:
                found.append(_unreadable(unit, fault))
    return found


def _check(
    engine: ProcessEngine,
    unit: Path,
    known: frozenset[str],
    shared: Mapping[str, bytes],
    found: list[Problem],
) -> list[Problem]:
    """The problems of a process's folder or of a single file, by the paths of its files."""
    from app.engine.check import check_alone, check_files

    if unit.is_file():
        problems = check_alone(engine, {unit.name: _bytes(unit)})
        names = {unit.name: str(unit)}
    else:
        members = list(_members(unit, found))
        files = {**shared, **{member.name: _bytes(member) for member in members}}
        problems = check_files(engine, files, known_messages=known | _beside(unit))
        names = {member.name: str(member) for member in members}
    return [replace(p, file=shown(names.get(p.file, p.file or str(unit)), 300)) for p in problems]


def _unreadable(path: Path, fault: Exception) -> Problem:
    return error(Place(str(path)), "unreadable", f"This cannot be read: {fault}.", "Check its permissions.")


def _units(path: Path, found: list[Problem]) -> Iterator[Path]:
    """The processes and single files at a path."""
    place = Place(str(path))
    try:
        if path.is_file():
            yield path
            return
        if not path.is_dir():
            found.append(error(place, "no-such-path", "There is no such file or folder.", "Check its name."))
            return
        files = [p for p in islice(path.rglob("*"), MAXIMUM_PATHS) if p.suffix in SUFFIXES and p.is_file()]
    except (OSError, ValueError) as fault:
        found.append(_unreadable(path, fault))
        return
    folders = {file.parent for file in files if file.suffix == ".bpmn"}
    processes = sorted(folder for folder in folders if not folders & set(folder.parents))
    if not files:
        message = "There are no process files here."
        found.append(
            warning(place, "no-files", message, "Name a .bpmn, .dmn or .form file, or a folder of them.")
        )
    yield from processes
    yield from sorted(file for file in files if not set(file.parents) & set(processes))


def _members(folder: Path, found: list[Problem]) -> Iterator[Path]:
    seen: dict[str, Path] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES and p.is_file()):
        if path.name in seen:
            message = f"There are two files named {path.name}; the other is {seen[path.name]}."
            found.append(error(Place(str(path)), "duplicate-file", message, "Rename one of them."))
        seen[path.name] = path
    yield from seen.values()


def _beside(folder: Path) -> frozenset[str]:
    """The messages of the processes in the folders beside this one."""
    here = folder.resolve()
    diagrams = islice(here.parent.glob("*/*.bpmn"), MAXIMUM_SIBLINGS)
    others = [path for path in diagrams if path.parent != here and path.is_file()]
    return frozenset[str]().union(*(messages_of({path.name: _bytes(path)}).names for path in others))


def _bytes(path: Path) -> bytes:
    """A file's content, or as much of it as shows that it is too large."""
    with path.open("rb") as file:
        return file.read(MAXIMUM_BYTES + 1)
