"""Dry runs of drafts, as the API takes and answers them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.api.core.schemas import In, Instant, Out
from app.api.task_schemas import FormOut, JsonObject, OutcomeOut
from app.engine.scenario_files import MAXIMUM_STEPS

STEPS = (
    "What has been done so far, as in a scenario file: `do` with `by`, `outcome`, `values` (and `which` of "
    "the open tasks of that name); `wait` with a duration; `message` with `name`, `by`, `to`, `payload`; "
    "`stock` with `part` and `add`; `expect`; `refuse`."
)


class DryRunIn(In):
    """A dry run: all that there is of it."""

    what_is_given: JsonObject | None = Field(
        default=None,
        alias="given",
        description="What there is: `machine`, `parts`, `request`. A usual factory if left out.",
    )
    start: JsonObject | None = Field(
        default=None,
        description="How it began: `by` and `values` of the start form; parts are asked for with `lines`. "
        "Null before it has begun.",
    )
    steps: Annotated[list[JsonObject], Field(max_length=MAXIMUM_STEPS)] = Field(
        default_factory=list, description=STEPS
    )


class DryPersonOut(Out):
    """Somebody in the small factory."""

    name: str = Field(description="By this name they act in steps.")
    role: str


class DryRefusalOut(Out):
    """The step that does not work."""

    step: int = Field(description="Its number, counted from 1; 0 is the start.")
    title: str
    code: str
    message: str
    errors: dict[str, list[str]] = Field(description="What is wrong, by the paths of the form's fields.")


class DryTaskOut(Out):
    """A user task that is open."""

    name: str
    which: int = Field(description="Its number among the open tasks of that name.")
    element_id: str
    process_key: str
    business_key: str
    title: str
    roles: list[str]
    people: list[str] = Field(description="Who may do it.")
    assignee: str | None
    priority: str
    due_at: Instant | None
    is_own: bool = Field(description="Whether it is one of the process that is tried.")
    outcomes: list[OutcomeOut]
    form: FormOut | None = Field(description="For the first who may do it; null where nobody may.")


class DryFailureOut(Out):
    """A step of the process that has failed: an incident."""

    element: str
    name: str
    message: str


class DryInstanceOut(Out):
    """A run of a process in the small factory."""

    process: str
    name: str
    business_key: str
    state: str
    status: str
    here: list[str] = Field(description="The ids of the elements where its tokens are.")
    elements: list[str] = Field(description="Elements that it has left.")
    flows: list[str]
    variables: dict[str, Any]
    failures: list[DryFailureOut]


class DryTimerOut(Out):
    """A timer that will go off unless something else happens first."""

    process: str
    element: str
    name: str
    due_at: Instant


class DryMessageOut(Out):
    """A message that is waited for."""

    name: str
    process: str
    business_key: str
    element: str
    element_name: str
    people: list[str] = Field(description="Who may send it by hand.")
    fields: list[str] = Field(description="What the diagram takes from its payload.")
    is_own: bool


class DryDecisionOut(Out):
    """A decision that was made."""

    at: Instant
    process: str
    element: str
    element_name: str
    table: str
    inputs: dict[str, Any]
    outputs: Any
    rules: list[int] = Field(description="The numbers of the rules that hit.")


class DryToldOut(Out):
    """A notification to somebody."""

    at: Instant
    who: str
    title: str
    body: str


class DryRunOut(Out):
    """Where a dry run stands."""

    begun: bool
    ended: bool
    done: int = Field(description="How many of the steps have been done.")
    refusal: DryRefusalOut | None = Field(
        description="The step that does not work; those after it have not been done. Null where all do."
    )
    people: list[DryPersonOut]
    starters: list[str] = Field(description="Who may begin it.")
    start_form: FormOut | None = Field(
        description="The form that it begins with, before it has begun. Parts are asked for by the form of "
        "the work on a fault."
    )
    now: Instant = Field(description="The time in the small factory.")
    instances: list[DryInstanceOut] = Field(description="The one that is tried comes first.")
    open_tasks: list[DryTaskOut]
    timers: list[DryTimerOut]
    awaited_messages: list[DryMessageOut]
    decisions: list[DryDecisionOut]
    notifications: list[DryToldOut]
    stock: dict[str, int] = Field(description="By part number.")
    scenario: str = Field(
        description="It as a scenario file, which expects what is so now; empty before it has begun."
    )
