"""What differs between two versions of a process, as a page tells it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from app.engine import differences
from app.engine.differences import Attribute, Change, Differences, Group, Item
from app.engine.forms import load_schema
from app.engine.xml import parse as parse_xml
from app.web.table_differences import Table, tables

# What names another thing of the diagram by its id.
REFERENCES = {"parent", "lane", "attachedTo", "defaultFlow", "source", "target"}
CONTEXT_LINES = 3
MAXIMUM_LINES = 2000
# Longer texts are not compared: that takes time with the square of their length.
MAXIMUM_COMPARED = 6000


@dataclass(frozen=True, slots=True)
class Form:
    """A form that differs; ``fields`` names those of one that is new."""

    group: Group
    fields: list[str]


@dataclass(frozen=True, slots=True)
class TextDiff:
    """Lines of a text file: ``sign`` is +, −, @ for where they are, or nothing."""

    name: str
    change: str
    lines: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that differs, ready to be shown."""

    diagram: list[Item]
    tables: list[Table]
    forms: list[Form]
    texts: list[TextDiff]
    rewritten: list[str]

    @property
    def is_empty(self) -> bool:
        return not (self.diagram or self.tables or self.forms or self.texts)

    @property
    def marks(self) -> dict[str, list[str]]:
        """What became of the things on the drawing: change and kind, by id."""
        return {
            item.id: [item.change.value, item.kind]
            for item in self.diagram
            if item.kind in ("element", "flow", "lane")
        }

    @property
    def summary(self) -> list[str]:
        """What differs, in a few words each: “Diagram: 1 added, 2 changed”."""
        found: list[str] = []
        numbers = {change: sum(item.change is change for item in self.diagram) for change in Change}
        told = [f"{number} {change.value}" for change, number in numbers.items() if number]
        if told:
            found.append(f"Diagram: {', '.join(told)}")
        for number, what in (
            (len(self.tables), "decision"),
            (len(self.forms), "form"),
            (len(self.texts), "other file"),
        ):
            if number:
                found.append(f"{number} {what}{'s' if number > 1 else ''} differ{'' if number > 1 else 's'}")
        return found


def compare(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Comparison:
    """Compare two sets of files of one process. Raises one of ``FILE_ERRORS``, as ``differences`` does."""
    found = differences.compare(old, new)
    texts = [_text(item, old, new) for item in found.files if not _is_modelled(item.name)]
    return Comparison(
        diagram=_with_names(found.diagram, _names(old), _names(new)),
        tables=list(tables(found.decisions, old, new)),
        forms=[Form(group, _labels(group, new)) for group in found.forms],
        texts=texts,
        rewritten=_rewritten(found, texts),
    )


def texts_only(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[TextDiff]:
    """All files that differ, line by line: for files that cannot be read as what they are."""
    found = []
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            change = Change.CHANGED if name in old and name in new else None
            change = change or (Change.ADDED if name in new else Change.REMOVED)
            found.append(_text(Item("file", change, name, name), old, new))
    return found


def _names(files: Mapping[str, bytes]) -> dict[str, str]:
    """What the things of a diagram are called, by their ids."""
    roots = [parse_xml(content) for name, content in files.items() if name.endswith(".bpmn")]
    nodes = (node for root in roots for node in root.iter() if node.get("id") and node.get("name"))
    return {str(node.get("id")): str(node.get("name")) for node in nodes}


def _with_names(items: Iterable[Item], old: Mapping[str, str], new: Mapping[str, str]) -> list[Item]:
    """The same with names in the places of ids, wherever those tell the two apart."""
    return [replace(item, attributes=[_named(each, old, new) for each in item.attributes]) for item in items]


def _named(attribute: Attribute, old: Mapping[str, str], new: Mapping[str, str]) -> Attribute:
    if attribute.name not in REFERENCES:
        return attribute
    before = old.get(attribute.before, attribute.before)
    after = new.get(attribute.after, attribute.after)
    if before == after:
        before, after = f"{before} ({attribute.before})", f"{after} ({attribute.after})"
    return replace(attribute, before=before, after=after)


def _is_modelled(name: str) -> bool:
    return name.endswith((".bpmn", ".dmn", ".form"))


def _rewritten(found: Differences, texts: Iterable[TextDiff]) -> list[str]:
    """Files whose bytes differ although nothing that they say does."""
    shown = {text.name for text in texts}
    changed = [item.name for item in found.files if item.change is Change.CHANGED]
    says_more = {".bpmn": found.diagram, ".dmn": found.decisions, ".form": found.forms}
    return [name for name in changed if name not in shown and not says_more["." + name.rpartition(".")[2]]]


# -- forms and texts -------------------------------------------------------------------------------


def _labels(group: Group, new: Mapping[str, bytes]) -> list[str]:
    if group.change is not Change.ADDED:
        return []
    name = next(name for name in new if name.rpartition("/")[2] == f"{group.id}.form")
    return [field.label or field.path for field in load_schema(new[name]).fields]


def _text(item: Item, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> TextDiff:
    before, after = (
        files.get(item.name, b"").decode("utf-8", "replace").splitlines() for files in (old, new)
    )
    lines: list[tuple[str, str]] = []
    if max(len(before), len(after)) > MAXIMUM_COMPARED:
        too_long = f"The file has more than {MAXIMUM_COMPARED:,} lines: download both and compare them there."
        return TextDiff(item.name, item.change.value, [("@", too_long)])
    # The first two lines of a unified diff name files.
    for line in list(difflib.unified_diff(before, after, lineterm="", n=CONTEXT_LINES))[2:]:
        if len(lines) >= MAXIMUM_LINES:
            lines.append(("@", "There is more."))
            break
        sign = {"+": "+", "-": "−", "@": "@"}.get(line[:1], "")
        lines.append((sign, line if sign == "@" else line[1:]))
    return TextDiff(item.name, item.change.value, lines)
