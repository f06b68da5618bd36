"""Decisions of deployed processes, made on inputs of the caller's."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import In, Out
from app.api.process_schemas import ProcessKey, Version
from app.engine import deployments, operations
from app.engine.definitions import Definition
from app.engine.feel import feel_value
from app.errors import BusinessError, NotFound

resource = Resource("Decisions", "Decision tables of deployed processes, tried on inputs of the caller's.")


class EvaluationIn(In):
    """What is decided on."""

    inputs: Annotated[dict[str, Any], Field(max_length=200)] = Field(
        default_factory=dict, description="The names that the decision uses, with their values."
    )
    process: ProcessKey | None = Field(
        default=None, description="Whose decision, where several processes have one of that name."
    )
    version: Version | None = None


class DecisionOut(Out):
    """What was decided, and why."""

    process_key: str
    version: int
    decision: str
    outputs: Any = Field(
        description="The value of the only output, an object of several, a list for many hits, or null."
    )
    matched_rules: list[str] = Field(description="The ids of the rules that made the result.")
    inputs: dict[str, Any] = Field(description="The values of the table's inputs.")


@resource.post("/decisions/{key}/evaluate", needs="decisions:evaluate", answers=DecisionOut)
def evaluate_decision(key: ProcessKey, body: EvaluationIn) -> DecisionOut:
    """Make a decision, by its id or its file's name, with the newest version that has it or a given one."""
    engine = calls.engine()
    operations.check_values(body.inputs, "inputs")
    definition = _definition(key, body)
    model, decision_id = definition.decisions[key]
    context = dict.fromkeys(model.names(decision_id, engine.feel))
    context |= {name: feel_value(value) for name, value in body.inputs.items()}
    found = model.evaluate(decision_id, context, engine.feel)
    return DecisionOut(
        process_key=definition.key,
        version=definition.version or 0,
        decision=model.find(decision_id).id,
        outputs=found.outputs,
        matched_rules=found.matched_rules,
        inputs=found.inputs,
    )


def _definition(key: str, body: EvaluationIn) -> Definition:
    """The definition that has the decision. Raises :class:`NotFound`.

    :raises BusinessError: SEVERAL_PROCESSES, PROCESS_MISSING (field ``process``)
    """
    engine, session = calls.engine(), calls.session()
    if body.version is not None:
        if body.process is None:
            raise BusinessError("PROCESS_MISSING", "Say of which process the version is.", field="process")
        candidates = [deployments.get_version(session, body.process, body.version)]
    else:
        newest = deployments.latest_of_all(session)
        candidates = [one for one in newest if body.process in (None, one.key)]
    found = [
        definition
        for deployment in candidates
        if key in (definition := engine.definition(session, deployment.id)).decisions
    ]
    if not found:
        raise NotFound(f"No deployed process has a decision {key}.")
    if len(found) > 1:
        names = ", ".join(definition.key for definition in found)
        message = f"Several processes have a decision {key}; say which: {names}."
        raise BusinessError("SEVERAL_PROCESSES", message, field="process")
    return found[0]
