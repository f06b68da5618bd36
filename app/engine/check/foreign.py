"""Files of other modelling tools: which of their settings count for nothing here, and what to use instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from app.engine.check.checked import Checked, Drawn
from app.engine.check.problems import Place, Problem, error, warning
from app.engine.diagram import BPMN, CAMUNDA, MILLWRIGHT, ZEEBE, local

# Products whose settings would do something there: by a part of their namespace.
ENGINES = {
    CAMUNDA: "Camunda 7",
    ZEEBE: "Camunda 8",
    "operaton.org": "Operaton",
    "flowable.org": "Flowable",
    "activiti.org": "Activiti",
    "spiffworkflow.org": "SpiffWorkflow",
    "jboss.org": "jBPM",
    "processmaker.com": "ProcessMaker",
}
# Products that keep notes of their own in a diagram.
MODELLERS = {
    "signavio": "Signavio",
    "bizagi": "Bizagi",
    "trisotech": "Trisotech",
    "boc-group": "ADONIS",
    "sparxsystems": "Enterprise Architect",
    "yaoqiang": "Yaoqiang",
    "bpmn.sourceforge": "Yaoqiang",
    "visual-paradigm": "Visual Paradigm",
}
# The standard's own namespaces, colours, and who made the file: nothing that anybody would miss.
HARMLESS = (
    "http://www.omg.org/spec/",
    "http://www.w3.org/",
    "http://bpmn.io/schema/bpmn/biocolor/",
    "http://camunda.org/schema/modeler/",
    MILLWRIGHT,
)
# Camunda's forms are form-js too; a task that names one is understood, and a task is a user task anyway.
UNDERSTOOD = {(ZEEBE, "formDefinition"), (CAMUNDA, "formKey"), (ZEEBE, "userTask")}

_SERVICE = "Remove it, and choose a service task from the list."
# Script-like settings, and where that which they do is written here.
CODE = {
    "class": _SERVICE,
    "delegateExpression": _SERVICE,
    "expression": _SERVICE,
    "script": "Remove it; write its expression as the script of a script task, in FEEL, and name the result.",
    "resource": "Remove it; write the script in the task itself, in FEEL.",
    "preScript": "Remove it; use a script task in FEEL before this one.",
    "postScript": "Remove it; use the outputs of the task, or a script task in FEEL after it.",
    "unitTest": "Remove it; write a scenario.",
}

_ROLE = "Put it into a lane with a role, or set its role."
_FORM = "Make a form in the Studio, and choose it as the form of the task."
_DECISION = "Choose its decision in the properties, and name the variable that keeps the result."
_MAPPINGS = "Write what goes in and what comes out as inputs and outputs, in FEEL."
_LISTENER = "Draw what it did as a service task, or set the status of the element."
_RUNNING = "Leave it out: the engine decides when a step runs, and keeps one that fails for another try."
_CHOOSE = "Choose a service task from the list in the properties."
_LOOP = "Let one form ask for several rows, or draw a loop."
_START = "Set the roles of the start event."
INSTEAD = {
    "assignee": "Set the assignee in the properties of the task, in FEEL, or a role.",
    "assignmentDefinition": "Set the assignee in the properties of the task, in FEEL, or a role.",
    "candidateUsers": _ROLE,
    "candidateGroups": _ROLE,
    "dueDate": "Set the due time in the properties, in FEEL.",
    "followUpDate": "Set the due time in the properties, or draw a timer.",
    "taskSchedule": "Set the due time in the properties, in FEEL.",
    "priority": "Set the priority in the properties, in FEEL.",
    "priorityDefinition": "Set the priority in the properties, in FEEL.",
    "formKey": _FORM,
    "formRef": _FORM,
    "formData": _FORM,
    "formProperty": _FORM,
    "formHandlerClass": _FORM,
    "userTaskForm": _FORM,
    "decisionRef": _DECISION,
    "calledDecision": _DECISION,
    "mapDecisionResult": _DECISION,
    "resultVariable": "Name the variable that keeps the result in the properties.",
    "taskDefinition": _CHOOSE,
    "topic": _CHOOSE,
    "type": _CHOOSE,
    "connector": _CHOOSE,
    "serviceTaskOperator": _CHOOSE,
    "modelerTemplate": _CHOOSE,
    "inputOutput": _MAPPINGS,
    "ioMapping": _MAPPINGS,
    "in": _MAPPINGS,
    "out": _MAPPINGS,
    "field": _MAPPINGS,
    "taskHeaders": _MAPPINGS,
    "executionListener": _LISTENER,
    "executionListeners": _LISTENER,
    "taskListener": _LISTENER,
    "taskListeners": _LISTENER,
    "asyncBefore": _RUNNING,
    "asyncAfter": _RUNNING,
    "async": _RUNNING,
    "exclusive": _RUNNING,
    "jobPriority": _RUNNING,
    "failedJobRetryTimeCycle": _RUNNING,
    "collection": _LOOP,
    "elementVariable": _LOOP,
    "loopCharacteristics": _LOOP,
    "candidateStarterGroups": _START,
    "candidateStarterUsers": _START,
    "initiator": "Leave it out: whoever starts the process is kept with its record.",
    "subscription": "Leave it out: who sends the message says in “to” which record it is for.",
    "versionTag": "Leave it out: every deployment has a number and a note.",
    "historyTimeToLive": "Leave it out: history is kept as long as the site says.",
}
OTHERWISE = "Set in the properties what it was to do, or leave it out."

# Camunda's own functions beside those of FEEL.
FUNCTIONS = {
    "is empty": "Write count(list) = 0.",
    "is blank": 'Write text = "" or text = null.',
    "is defined": "Write value != null.",
    "get or else": "Write if value = null then other else value.",
    "trim": 'Write replace(text, "^ +| +$", "").',
    "uuid": "Leave it out: records have numbers of their own.",
    "put all": "Write context merge([first, second]).",
    "random number": "Leave it out: the same case is to be decided the same way again.",
}

# Expressions as Java's products write them: ${approved && amount > 5}.
JUEL = re.compile(r"\s*[$#]\{(.*)\}\s*", re.DOTALL)
OPERATORS = (("==", "="), ("&&", " and "), ("||", " or "), ("'", '"'))


@dataclass(slots=True)
class _Found:
    """A setting of another product: where it is first, and how often there is one."""

    product: str
    name: str
    node: etree._Element
    engine: bool
    count: int = 1


def settings(checked: Checked) -> Iterator[Problem]:
    """What other products have left in the diagram: code is refused, the rest is said to be ignored."""
    drawn = checked.drawn
    if drawn is None:
        return
    found: dict[tuple[str, str], _Found] = {}
    for node in drawn.root.iter(etree.Element):
        namespace = etree.QName(node).namespace or ""
        if namespace == BPMN:
            for key in node.attrib:
                name = etree.QName(key)
                if name.namespace and not name.namespace.startswith(HARMLESS):
                    yield from _setting(drawn, node, name.namespace, name.localname, found)
        elif namespace and not namespace.startswith(HARMLESS):
            yield from _setting(drawn, node, namespace, local(node), found, inner=not _of_bpmn(node))
    for each in found.values():
        yield _ignored(drawn, each)


def _of_bpmn(node: etree._Element) -> bool:
    parent = node.getparent()
    return parent is not None and etree.QName(parent).namespace == BPMN


def _setting(
    drawn: Drawn,
    node: etree._Element,
    namespace: str,
    name: str,
    found: dict[tuple[str, str], _Found],
    *,
    inner: bool = False,
) -> Iterator[Problem]:
    """A setting of another product; an ``inner`` one is told with the one around it, unless it is code."""
    if (namespace, name) in UNDERSTOOD:
        return
    product, engine = product_of(namespace)
    if engine and name in CODE:
        message = f"“{name}” of {product} holds code or an expression, which is not run here: only FEEL is."
        yield error(around(drawn, node), "foreign-code", message, CODE[name])
    elif not inner:
        key = (namespace, name if engine else "")
        if key in found:
            found[key].count += 1
        else:
            found[key] = _Found(product, name, node, engine)


def _ignored(drawn: Drawn, found: _Found) -> Problem:
    place = around(drawn, found.node)
    if not found.engine:
        message = f"What {found.product} keeps in the diagram for itself is ignored, such as “{found.name}”."
        return warning(place, "foreign-extension", message, "It does no harm; leave it out if you like.")
    more = f", here and in {found.count - 1} more places" if found.count > 1 else ""
    message = f"“{found.name}” of {found.product} is ignored{more}."
    return warning(place, "foreign-extension", message, INSTEAD.get(found.name, OTHERWISE))


def product_of(namespace: str) -> tuple[str, bool]:
    """The product of a namespace, and whether it is one that runs processes."""
    low = namespace.lower()
    for part, product in ENGINES.items():
        if part in low:
            return product, True
    for part, product in MODELLERS.items():
        if part in low:
            return product, False
    return f"another product ({namespace})", False


def around(drawn: Drawn, node: etree._Element) -> Place:
    """The diagram's element that a setting belongs to."""
    current = node
    for current in (node, *node.iterancestors()):
        if etree.QName(current).namespace == BPMN and local(current) != "extensionElements":
            break
    return drawn.at_node(current)


def from_juel(text: str) -> str | None:
    """What an expression in Java's language may be in FEEL; None for one that is not written in it."""
    match = JUEL.fullmatch(text)
    if match is None:
        return None
    plain = match[1]
    for old, new in OPERATORS:
        plain = plain.replace(old, new)
    return " ".join(plain.split())


def instead_of_function(fault: str) -> str:
    """What to write instead of a function of another product that a message names; else empty."""
    return next((hint for name, hint in FUNCTIONS.items() if f" {name}()" in fault), "")
