"""SpiffWorkflow specifications whose every expression, service and message goes through the engine.

No Python from a process file is ever run: expressions are FEEL, service tasks come from the
registry, and messages are handed to the execution that runs the instance.
"""

from __future__ import annotations

from typing import Any, ClassVar

from lxml import etree
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser, full_tag
from SpiffWorkflow.bpmn.parser.event_parsers import (
    BoundaryEventParser,
    EndEventParser,
    IntermediateCatchEventParser,
    IntermediateThrowEventParser,
    ReceiveTaskParser,
    SendTaskParser,
    StartEventParser,
)
from SpiffWorkflow.bpmn.parser.task_parsers import ConditionalGatewayParser, GatewayParser, SubWorkflowParser
from SpiffWorkflow.bpmn.parser.TaskParser import TaskParser
from SpiffWorkflow.bpmn.specs import defaults

from app.engine import events, gateways, steps
from app.engine.diagram import expression_of
from app.engine.timers import CycleTimer, DateTimer
from app.errors import MillwrightError


class DefinitionError(MillwrightError):
    """A diagram cannot be run; the message says which element and why."""

    def __init__(self, message: str, element_id: str | None = None) -> None:
        super().__init__(message)
        self.element_id = element_id


class EventParsing:
    """Replaces SpiffWorkflow's timers and messages by the engine's."""

    node: etree._Element

    def parse_timer_event(self, event: etree._Element) -> Any:
        name = self.node.get("name") or self.node.get("id")
        for child in event:
            kind = etree.QName(child).localname if isinstance(child.tag, str) else ""
            if kind in ("timeDate", "timeDuration"):
                return DateTimer(name, expression_of(child.text))
            if kind == "timeCycle":
                return CycleTimer(name, expression_of(child.text))
        raise DefinitionError(f"The timer {name} has no time.", self.node.get("id"))

    def parse_error_event(self, error_event: etree._Element) -> events.Error:
        reference = error_event.get("errorRef")
        error = self.process_parser.parser.errors.get(reference, {})  # type: ignore[attr-defined]
        return events.Error(error.get("name") or "error", error.get("error_code"))

    def parse_message_event(self, message_event: etree._Element) -> events.Message:
        reference = message_event.get("messageRef")
        messages = self.process_parser.parser.messages  # type: ignore[attr-defined]
        name = messages.get(reference) if reference else None
        if not name:
            raise DefinitionError("The event has no message with a name.", self.node.get("id"))
        return events.Message(name)


class StartParsing(EventParsing, StartEventParser):
    pass


class EndParsing(EventParsing, EndEventParser):
    pass


class CatchParsing(EventParsing, IntermediateCatchEventParser):
    pass


class ThrowParsing(EventParsing, IntermediateThrowEventParser):
    pass


class BoundaryParsing(EventParsing, BoundaryEventParser):
    pass


class SendParsing(EventParsing, SendTaskParser):
    pass


class ReceiveParsing(EventParsing, ReceiveTaskParser):
    pass


class ProcessParser(BpmnParser):
    """Parses the elements that the engine supports, and no others."""

    PARSER_CLASSES: ClassVar[dict[str, Any]] = {
        full_tag("startEvent"): (StartParsing, defaults.StartEvent),
        full_tag("endEvent"): (EndParsing, events.EndEvent),
        full_tag("userTask"): (TaskParser, defaults.UserTask),
        full_tag("manualTask"): (TaskParser, steps.PlainTask),
        full_tag("task"): (TaskParser, steps.PlainTask),
        full_tag("subProcess"): (SubWorkflowParser, steps.Subprocess),
        full_tag("exclusiveGateway"): (ConditionalGatewayParser, defaults.ExclusiveGateway),
        full_tag("parallelGateway"): (GatewayParser, gateways.ParallelGateway),
        full_tag("inclusiveGateway"): (ConditionalGatewayParser, gateways.InclusiveGateway),
        full_tag("scriptTask"): (TaskParser, steps.ScriptTask),
        full_tag("serviceTask"): (TaskParser, steps.ServiceTask),
        full_tag("businessRuleTask"): (TaskParser, steps.BusinessRuleTask),
        full_tag("intermediateCatchEvent"): (CatchParsing, events.CatchEvent),
        full_tag("intermediateThrowEvent"): (ThrowParsing, defaults.IntermediateThrowEvent),
        full_tag("boundaryEvent"): (BoundaryParsing, events.BoundaryEvent),
        full_tag("receiveTask"): (ReceiveParsing, events.ReceiveTask),
        full_tag("sendTask"): (SendParsing, defaults.SendTask),
        full_tag("eventBasedGateway"): (GatewayParser, gateways.EventBasedGateway),
    }
    OVERRIDE_PARSER_CLASSES: ClassVar[dict[str, Any]] = {}


def parse(root: etree._Element, process_id: str) -> tuple[Any, dict[str, Any]]:
    """The specification of a process, and those of its subprocesses by name.

    Raises :class:`DefinitionError` for whatever SpiffWorkflow cannot make a specification of.
    """
    try:
        parser = ProcessParser()
        parser.add_bpmn_xml(root)
        return parser.get_spec(process_id), parser.get_subprocess_specs(process_id)
    except DefinitionError:
        raise
    except RecursionError as error:
        raise DefinitionError("The diagram is nested or chained too deeply.") from error
    except Exception as error:
        node = getattr(error, "id", None) or getattr(error, "node_id", None)
        raise DefinitionError(f"The diagram cannot be run: {_plain(error)}", node) from error


def _plain(error: Exception) -> str:
    """The first line of a library's error, without its source excerpts."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]
