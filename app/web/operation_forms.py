"""The forms of the operations on an instance: what each asks for, and the values that were chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from app.engine import incidents, instances, resolving, task_care
from app.engine.core import ProcessEngine
from app.engine.definitions import Definition
from app.engine.diagram import Element
from app.engine.models import Incident, ProcessInstance, UserTask
from app.errors import BusinessError
from app.web import context, typed_values
from app.web.difference_words import KINDS
from app.web.formatting import day
from app.web.labels import role_name

ROLE_TYPES = {"number": "number", "boolean": "yesno", "string": "text"}
LARGEST_ID = 2**31 - 1
# Besides the results of a step, so many variables more can be given.
MORE_RESULTS = 1
NOT_GIVEN = ""


@dataclass(frozen=True)
class Group:
    """Options of a choice under a heading, which is empty where there is none."""

    heading: str
    options: list[tuple[str, str]]


@dataclass(frozen=True)
class Field:
    """A field of a form; ``kind`` is ``select``, ``name`` (of a variable), ``kind`` or ``value``."""

    name: str
    label: str
    kind: str
    value: str = ""
    help: str = ""
    prompt: str = ""
    groups: list[Group] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """A variable that a step would have set, or one more; its fields end in ``number``."""

    number: int
    name: str
    is_fixed: bool
    kind: str
    value: str


@dataclass(frozen=True)
class About:
    """What an operation is about."""

    engine: ProcessEngine
    session: Session
    instance: ProcessInstance
    definition: Definition
    given: Mapping[str, str]

    @property
    def tasks(self) -> list[UserTask]:
        return context.open_tasks(self.session, self.instance.id)

    @property
    def failed(self) -> list[Incident]:
        return incidents.unresolved(self.session, self.instance.id)

    @property
    def variables(self) -> dict[str, Any]:
        return dict((self.instance.engine_state or {}).get("variables") or {})

    @property
    def standing(self) -> list[Element]:
        """The elements where it stands, those that fail and those that people do first."""
        names = instances.tokens(self.engine, self.session, self.instance.id)
        found = [self.definition.element(name) for name in names]
        failed = {incident.element_id for incident in self.failed}
        return sorted(found, key=lambda element: (element.id not in failed, element.type != "userTask"))


# -- what each asks for ----------------------------------------------------------------------------


def _task(about: About) -> Field:
    tasks = about.tasks
    options = [(str(task.id), f"{task.name} – {holder(task)}") for task in tasks]
    if len(tasks) > 1:
        options.append((NOT_GIVEN, f"All {len(tasks)} open tasks"))
    chosen = about.given.get("task", options[0][0] if options else "")
    return Field("task", "Which task", "select", chosen, groups=[Group("", options)])


def holder(task: UserTask) -> str:
    """Who has a task, or for whom it is."""
    return task.assignee_name or ", ".join(map(role_name, task.candidate_roles)) or "for nobody"


def _reassign(about: About) -> list[Field]:
    chosen = _task(about)
    task = next((task for task in about.tasks if str(task.id) == chosen.value), None)
    task = task or next(iter(about.tasks), None)
    here: list[tuple[str, str]] = []
    away: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for colleague in about.engine.bindings.colleagues(about.session):
        words = f"{colleague.name}, {role_name(colleague.role).lower()}"
        if colleague.absent_until is not None:
            stands_in = colleague.substitute_name or "nobody"
            words += f" – absent until {day(colleague.absent_until)}, {stands_in} stands in"
        option = (str(colleague.user_id), words)
        if task is not None and colleague.user_id == task.assignee_id and len(about.tasks) == 1:
            continue
        if task is None or not task_care.can_by_role(task, colleague):
            others.append(option)
        else:
            (here if colleague.absent_until is None else away).append(option)
    groups = [
        Group("Can do it by role, there today", here),
        Group("Can do it by role, absent today", away),
        Group("Outside the role", others),
    ]
    person = Field(
        "person",
        "To whom",
        "select",
        about.given.get("person", ""),
        "Whoever gets it is told. Somebody outside the role can do it too, once it is theirs.",
        "Choose somebody",
        [group for group in groups if group.options],
    )
    return [chosen, person]


def _escalate(about: About) -> list[Field]:
    roles = [(code, name) for code, name in about.engine.bindings.roles.items()]
    help_text = "Its holders are told. Whoever has the task keeps it and can still do it."
    role = Field(
        "role", "To which role", "select", about.given.get("role", ""), help_text, "Choose a role",
        [Group("", roles)],
    )  # fmt: skip
    return [_task(about), role]


def _retry(about: About) -> list[Field]:
    options = [(str(found.id), f"{found.element_name}: {found.message[:80]}") for found in about.failed]
    if len(options) > 1:
        options.insert(0, (NOT_GIVEN, f"All {len(options)} failed steps"))
    chosen = about.given.get("incident", options[0][0] if options else "")
    return [Field("incident", "Which step", "select", chosen, groups=[Group("", options)])]


def _from(about: About) -> Field:
    options = [(element.id, _called(element)) for element in about.standing]
    chosen = about.given.get("from_element", options[0][0] if options else "")
    return Field("from_element", "From", "select", chosen, groups=[Group("", options)])


def _move(about: About) -> list[Field]:
    standing = about.standing
    parents = {element.parent for element in standing}
    elements = about.definition.diagram.elements.values()
    to = [e for e in elements if e.type not in ("startEvent", "boundaryEvent") and e.parent in parents]
    people = [(e.id, _called(e)) for e in to if e.type == "userTask"]
    others = [(e.id, _called(e)) for e in to if e.type != "userTask"]
    return [
        _from(about),
        Field(
            "to_element",
            "To",
            "select",
            about.given.get("to_element", ""),
            "It is entered as if a flow had led there.",
            "Choose where it goes",
            [
                group
                for group in (Group("Tasks of people", people), Group("Other steps", others))
                if group.options
            ],
        ),
    ]


def _called(element: Element) -> str:
    return f"{element.label} ({KINDS.get(element.type, element.type)})"


def _variable(about: About) -> list[Field]:
    name = about.given.get("name", "")
    known = about.variables
    value = known.get(name)
    kind = about.given.get("kind") or (typed_values.kind_of(value) if name in known else "text")
    kinds = [*typed_values.KINDS.items(), (typed_values.NOTHING, "Nothing: remove the variable")]
    return [
        Field(
            "name", "Which variable", "name", name,
            "One that there is, or the name of a new one.",
            groups=[Group("", [(each, each) for each in sorted(known)])],
        ),
        Field("kind", "What kind of value", "kind", kind, groups=[Group("", kinds)]),
        Field(
            "value", "Value", "value", about.given.get("value", typed_values.written(value)),
            "Yes or no: write “yes” or “no”. A list or an object: write JSON.",
        ),
    ]  # fmt: skip


def _task_only(about: About) -> list[Field]:
    return [_task(about)]


FIELDS: Mapping[str, Callable[[About], list[Field]]] = {
    "nudge": _task_only,
    "reassign": _reassign,
    "escalate": _escalate,
    "retry": _retry,
    "move": _move,
    "skip": lambda about: [_from(about)],
    "edit-variable": _variable,
}


def fields(operation: str, about: About) -> list[Field]:
    """The fields of an operation's form, besides the reason, with what has been chosen."""
    return FIELDS.get(operation, lambda about: [])(about)


# -- the results of a step that was done outside ---------------------------------------------------


def resolvable(about: About) -> list[Incident]:
    """The failed steps that somebody can have done outside."""
    elements = about.definition.diagram.elements
    return [found for found in about.failed if resolving.can_be_resolved(elements.get(found.element_id))]


def results(about: About, incident: Incident) -> list[Result]:
    """The variables that a failed step would have set, with their kinds as far as known, and one more."""
    element = about.definition.element(incident.element_id)
    names = resolving.results_of(element)
    service = about.engine.services.tasks.get(element.attributes.get("service", ""))
    types = {
        output.name: ROLE_TYPES.get(service.outputs[key].type, NOT_GIVEN)
        for output in element.outputs
        if service is not None and (key := output.expression.removeprefix("result.")) in service.outputs
    }
    found = []
    for number in range(len(names) + MORE_RESULTS):
        fixed = number < len(names)
        name = names[number] if fixed else about.given.get(f"name-{number}", "")
        found.append(
            Result(
                number, name, fixed,
                about.given.get(f"kind-{number}", types.get(name, NOT_GIVEN) if fixed else NOT_GIVEN),
                about.given.get(f"value-{number}", ""),
            )
        )  # fmt: skip
    return found


# -- what was chosen -------------------------------------------------------------------------------


def chosen(operation: str, about: About) -> dict[str, Any]:
    """The values of an operation, by what was typed.

    :raises BusinessError: what is missing or no value, at its field
    """
    given = about.given
    match operation:
        case "nudge":
            return _optional_id(given, "task")
        case "reassign":
            person = _required(given, "person", "Choose who gets it.")
            return {**_optional_id(given, "task"), "person": _id(person)}
        case "escalate":
            return {
                **_optional_id(given, "task"),
                "role": _required(given, "role", "Choose a role."),
            }
        case "retry":
            return _optional_id(given, "incident")
        case "resolve":
            return {**_optional_id(given, "incident"), "variables": _results(about)}
        case "move":
            return {
                "from_element": _required(given, "from_element", "Choose where the token is."),
                "to_element": _required(given, "to_element", "Choose where it goes."),
            }
        case "skip":
            return {"from_element": _required(given, "from_element", "Choose where the token is.")}
        case "edit-variable":
            name = _required(given, "name", "Name the variable.")
            return {
                "variables": {name: typed_values.read(given.get("kind", ""), given.get("value", ""), "value")}
            }
    return {}


def _results(about: About) -> dict[str, Any]:
    incident = about.session.get(Incident, _optional_id(about.given, "incident").get("incident", 0))
    if incident is None or incident.instance_id != about.instance.id:
        return {}
    found: dict[str, Any] = {}
    for result in results(about, incident):
        if result.kind == NOT_GIVEN:
            if result.value.strip():
                message = "Say what kind of value it is."
                raise BusinessError("BAD_KIND", message, field=f"kind-{result.number}")
            continue
        name = result.name.strip()
        if not name:
            raise BusinessError("NAME_MISSING", "Name the variable.", field=f"name-{result.number}")
        found[name] = typed_values.read(result.kind, result.value, f"value-{result.number}")
    return found


def field_of(operation: str, about: About, path: str) -> str:
    """The field of the form that an engine's path means, such as ``variables.cost``; else the path."""
    if not path.startswith("variables"):
        return path
    name = path.removeprefix("variables").removeprefix(".")
    if operation == "edit-variable":
        return "value" if name in about.variables else "name"
    incident = about.session.get(Incident, _optional_id(about.given, "incident").get("incident", 0))
    if incident is not None:
        for result in results(about, incident):
            if result.name.strip()[:60] == name:
                return f"{'value' if result.is_fixed else 'name'}-{result.number}"
    return path


def _required(given: Mapping[str, str], name: str, message: str) -> str:
    found = given.get(name, "").strip()[:255]
    if not found:
        raise BusinessError("MISSING", message, field=name)
    return found


def _id(text: str) -> int:
    """A number of a row; 0, which no row has, for what is none."""
    found = int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else 0
    return found if found <= LARGEST_ID else 0


def _optional_id(given: Mapping[str, str], name: str) -> dict[str, int]:
    text = given.get(name, "").strip()
    return {name: _id(text)} if text else {}
