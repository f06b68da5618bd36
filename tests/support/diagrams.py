"""Draws BPMN files for tests: elements and paths in, the bytes of a file out.

    drawing = (
        Drawing()
        .start("begin").user("ask", outcomes=("yes", "no")).exclusive("answered").end("done")
        .path("begin", "ask", "answered", "done")
        .path("answered", "ask", when='outcome = "no"')
    )

An exclusive or inclusive gateway's flow without a condition is its default one. Keyword arguments
that an element does not name are attributes of the ``millwright`` namespace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

from lxml import etree

from app.engine.diagram import BPMN, MILLWRIGHT


class Drawing:
    """A process, or the inside of a subprocess, that is being drawn."""

    def __init__(self, key: str = "errand", *, role: str = "CLERK") -> None:
        self._root = etree.Element(_bpmn("definitions"), nsmap={"bpmn": BPMN, "millwright": MILLWRIGHT})
        self._process = etree.SubElement(
            self._root, _bpmn("process"), id=key, name=key.capitalize(), isExecutable="true"
        )
        self._role = role
        self._nodes: dict[str, etree._Element] = {}
        self._messages: set[str] = set()
        self._errors: set[str] = set()

    # -- elements ----------------------------------------------------------------------------------

    def start(self, name: str, *, message: str | None = None, **attributes: str) -> Self:
        return self._event("startEvent", name, message=message, **attributes)

    def end(self, name: str, *, terminate: bool = False, error: str | None = None, **attributes: Any) -> Self:
        self._event("endEvent", name, error=error, **attributes)
        if terminate:
            etree.SubElement(self._nodes[name], _bpmn("terminateEventDefinition"))
        return self

    def user(self, name: str, *, outcomes: Sequence[str] = (), **attributes: Any) -> Self:
        """A user task; its role is the drawing's, unless ``candidateRole`` or an assignee is given."""
        if "assignee" not in attributes:
            attributes.setdefault("candidateRole", self._role)
        node = self._node("userTask", name, **attributes)
        if outcomes:
            group = etree.SubElement(_extensions(node), _millwright("outcomes"))
            for outcome in outcomes:
                etree.SubElement(group, _millwright("outcome"), value=outcome, label=outcome.capitalize())
        return self

    def service(self, name: str, service: str, **attributes: Any) -> Self:
        self._node("serviceTask", name, service=service, **attributes)
        return self

    def decide(self, name: str, decision: str, variable: str, **attributes: Any) -> Self:
        self._node("businessRuleTask", name, decision=decision, resultVariable=variable, **attributes)
        return self

    def script(self, name: str, feel: str, variable: str, **attributes: Any) -> Self:
        node = self._node("scriptTask", name, resultVariable=variable, **attributes)
        etree.SubElement(node, _bpmn("script")).text = feel
        return self

    def send(self, name: str, message: str, **attributes: Any) -> Self:
        self._node("sendTask", name, **attributes).set("messageRef", self._message(message))
        return self

    def receive(self, name: str, message: str, **attributes: Any) -> Self:
        self._node("receiveTask", name, **attributes).set("messageRef", self._message(message))
        return self

    def throw(self, name: str, message: str | None = None, **attributes: Any) -> Self:
        return self._event("intermediateThrowEvent", name, message=message, **attributes)

    def catch(self, name: str, **attributes: Any) -> Self:
        """Waits for ``message=``, or a timer: ``after=`` a duration, ``at=`` an instant."""
        return self._event("intermediateCatchEvent", name, **attributes)

    def boundary(self, name: str, on: str, *, interrupting: bool = True, **attributes: Any) -> Self:
        """An event on a task: ``message=``, ``error=`` (a code, or "" for any), ``after=``, ``every=``."""
        self._event("boundaryEvent", name, **attributes)
        node = self._nodes[name]
        node.set("attachedToRef", on)
        node.set("cancelActivity", "true" if interrupting else "false")
        return self

    def exclusive(self, *names: str, **attributes: Any) -> Self:
        return self._gateways("exclusiveGateway", names, attributes)

    def parallel(self, *names: str, **attributes: Any) -> Self:
        return self._gateways("parallelGateway", names, attributes)

    def inclusive(self, *names: str, **attributes: Any) -> Self:
        return self._gateways("inclusiveGateway", names, attributes)

    def race(self, *names: str, **attributes: Any) -> Self:
        """Event-based gateways."""
        return self._gateways("eventBasedGateway", names, attributes)

    def inside(self, name: str, drawing: Drawing, **attributes: Any) -> Self:
        """An embedded subprocess."""
        node = self._node("subProcess", name, **attributes)
        node.extend(list(drawing._process))
        for message in drawing._messages:
            self._message(message)
        for error in drawing._errors:
            self._error(error)
        return self

    # -- flows and files ---------------------------------------------------------------------------

    def path(self, *names: str, when: str | None = None) -> Self:
        """Sequence flows from each element to the next; ``when`` is the condition of the first."""
        for source, target in pairwise(names):
            flow = etree.SubElement(
                self._process,
                _bpmn("sequenceFlow"),
                id=f"{source}_to_{target}",
                sourceRef=source,
                targetRef=target,
            )
            node = self._nodes[source]
            if when is not None:
                etree.SubElement(flow, _bpmn("conditionExpression")).text = f"={when}"
            elif node.tag in (_bpmn("exclusiveGateway"), _bpmn("inclusiveGateway")):
                node.set("default", flow.get("id", ""))
            when = None
        return self

    def bpmn(self) -> bytes:
        return etree.tostring(self._root, xml_declaration=True, encoding="UTF-8", pretty_print=True)

    def files(self, **others: bytes) -> dict[str, bytes]:
        """The files of a deployment; ``form_ask=`` adds ``ask.form``, ``dmn_rule=`` adds ``rule.dmn``."""
        named = {"{1}.{0}".format(*name.split("_", 1)): content for name, content in others.items()}
        return {"process.bpmn": self.bpmn(), **named}

    # -- inner parts -------------------------------------------------------------------------------

    def _node(
        self,
        tag: str,
        name: str,
        *,
        inputs: Mapping[str, str] | None = None,
        outputs: Mapping[str, str] | None = None,
        **attributes: str,
    ) -> etree._Element:
        node = etree.SubElement(self._process, _bpmn(tag), id=name, name=name.replace("_", " ").capitalize())
        for key, value in attributes.items():
            node.set(_millwright(key), value)
        for group, kind, mappings in (("inputs", "input", inputs), ("outputs", "output", outputs)):
            if mappings:
                parent = etree.SubElement(_extensions(node), _millwright(group))
                for key, expression in mappings.items():
                    etree.SubElement(parent, _millwright(kind), name=key, expression=f"={expression}")
        self._nodes[name] = node
        return node

    def _event(
        self,
        tag: str,
        name: str,
        *,
        message: str | None = None,
        error: str | None = None,
        after: str | None = None,
        at: str | None = None,
        every: str | None = None,
        **attributes: Any,
    ) -> Self:
        node = self._node(tag, name, **attributes)
        if message is not None:
            definition = etree.SubElement(node, _bpmn("messageEventDefinition"))
            definition.set("messageRef", self._message(message))
        if error is not None:
            definition = etree.SubElement(node, _bpmn("errorEventDefinition"))
            if error:
                definition.set("errorRef", self._error(error))
        for kind, text in (("timeDuration", after), ("timeDate", at), ("timeCycle", every)):
            if text is not None:
                definition = etree.SubElement(node, _bpmn("timerEventDefinition"))
                etree.SubElement(definition, _bpmn(kind)).text = text if text[0] == "=" else f'="{text}"'
        return self

    def _gateways(self, tag: str, names: Sequence[str], attributes: Mapping[str, Any]) -> Self:
        for name in names:
            self._node(tag, name, **attributes)
        return self

    def _message(self, name: str) -> str:
        reference = "message_" + name.replace(" ", "_")
        if name not in self._messages:
            self._messages.add(name)
            self._root.insert(0, etree.Element(_bpmn("message"), id=reference, name=name))
        return reference

    def _error(self, code: str) -> str:
        reference = f"error_{code}"
        if code not in self._errors:
            self._errors.add(code)
            self._root.insert(0, etree.Element(_bpmn("error"), id=reference, name=code, errorCode=code))
        return reference


def _bpmn(tag: str) -> str:
    return f"{{{BPMN}}}{tag}"


def _millwright(tag: str) -> str:
    return f"{{{MILLWRIGHT}}}{tag}"


def _extensions(node: etree._Element) -> etree._Element:
    found = node.find(_bpmn("extensionElements"))
    return etree.SubElement(node, _bpmn("extensionElements")) if found is None else found
