"""What each element does when a token comes to it: tasks, subprocesses, boundary events, messages, ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.engine.services import Input, ServiceContext
from app.errors import BusinessError
from tests.support.desk import Desk, errands
from tests.support.diagrams import Drawing

# -- steps the engine does itself ------------------------------------------------------------------


def test_a_script_task_sets_a_variable_from_facts_and_variables(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").script("add", 'errand.note + "!" + string(n + 1)', "said").user("ask")
        .path("begin", "add", "ask")
    )  # fmt: skip
    instance = desk.run(drawing, note="Milk", n=1)
    assert desk.variables(instance)["said"] == "Milk!2"
    assert desk.kinds(instance, "add") == ["passed"]


def test_a_plain_task_is_passed_at_once(desk: Desk) -> None:
    drawing = Drawing().start("begin").throw("milestone").end("done").path("begin", "milestone", "done")
    files = drawing.files()
    files["process.bpmn"] = files["process.bpmn"].replace(b"intermediateThrowEvent", b"task")
    desk.deploy(files)
    instance = desk.start()
    assert desk.state(instance) == "completed"


def test_a_service_task_gets_its_inputs_and_maps_its_outputs(desk: Desk) -> None:
    seen: list[dict[str, Any]] = []

    def fetch(ctx: ServiceContext, what: str, times: int, extra: str = "none") -> dict[str, Any]:
        seen.append({"what": what, "times": times, "extra": extra, "element": ctx.element_id})
        return {"got": what * times, "secret": 1}

    inputs = {
        "what": Input("string", ""),
        "times": Input("number", ""),
        "extra": Input("string", "", required=False),
    }
    desk.service("thing.fetch", fetch, **inputs)
    drawing = (
        Drawing().start("begin").service(
            "fetch", "thing.fetch",
            inputs={"what": "errand.note", "times": "n * 2", "unknown": "1"},
            outputs={"got": "result.got", "twice": "result.got + result.got"},
        ).user("ask").path("begin", "fetch", "ask")
    )  # fmt: skip
    instance = desk.run(drawing, note="ab", n=1)
    assert seen == [{"what": "ab", "times": 2, "extra": "none", "element": "fetch"}]
    variables = desk.variables(instance)
    assert (variables["got"], variables["twice"]) == ("abab", "abababab")
    assert "secret" not in variables and "result" not in variables


def test_a_service_that_lacks_an_input_is_an_incident(desk: Desk) -> None:
    desk.service("thing.fetch", lambda ctx, what: None, what=Input("string", ""))
    drawing = Drawing().start("begin").service("fetch", "thing.fetch").end("done")
    instance = desk.run(drawing.path("begin", "fetch", "done"))
    assert [incident.message for incident in desk.incidents(instance)] == [
        "thing.fetch needs a value for what"
    ]


TABLE = b"""<?xml version="1.0"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="n">
  <decision id="grade" name="Grade"><decisionTable id="t" hitPolicy="FIRST">
    <input id="i"><inputExpression id="e" typeRef="number"><text>amount</text></inputExpression></input>
    <output id="o" name="who" typeRef="string"/>
    <rule id="small"><inputEntry id="a"><text>&lt; 10</text></inputEntry>
      <outputEntry id="b"><text>"nobody"</text></outputEntry></rule>
    <rule id="large"><inputEntry id="c"><text>-</text></inputEntry>
      <outputEntry id="f"><text>"boss"</text></outputEntry></rule>
  </decisionTable></decision></definitions>"""


@pytest.mark.parametrize("decision", ["grade", "rules"])
def test_a_business_rule_task_decides_with_its_inputs_and_history_says_by_which_rule(
    desk: Desk, decision: str
) -> None:
    drawing = (
        Drawing().start("begin").decide("grade", decision, "verdict", inputs={"amount": "price * 2"})
        .user("ask").path("begin", "grade", "ask")
    )  # fmt: skip
    desk.deploy(drawing, dmn_rules=TABLE)
    cheap, dear = desk.start(price=4), desk.start(price=5)
    assert desk.variables(cheap)["verdict"] in ("nobody", {"who": "nobody"})
    assert desk.variables(dear)["verdict"] in ("boss", {"who": "boss"})
    decided = next(entry for entry in desk.history(dear) if entry.kind == "decided")
    assert decided.detail["rules"] == ["large"]


def test_a_decision_that_is_not_there_is_an_incident(desk: Desk) -> None:
    drawing = Drawing().start("begin").decide("grade", "nowhere", "v").end("done")
    instance = desk.run(drawing.path("begin", "grade", "done"))
    assert desk.incidents(instance)[0].message == "There is no decision named nowhere."


def test_an_element_sets_the_status_when_it_is_entered(desk: Desk) -> None:
    desk.service("thing.note", lambda ctx: {"status": desk_status(ctx)})
    drawing = (
        Drawing().start("begin", status="STARTED").service(
            "note", "thing.note", status="NOTED", outputs={"before": "result.status"}
        ).user("ask", status="ASKED").catch("wait", message="go", status="WAITING").end("done", status="DONE")
        .path("begin", "note", "ask", "wait", "done")
    )  # fmt: skip
    instance = desk.run(drawing)
    assert desk.variables(instance)["before"] == "STARTED"
    assert desk.errand(instance)["status"] == "ASKED"
    desk.do("ask")
    assert desk.errand(instance)["status"] == "WAITING"
    desk.send("go", instance.business_key)
    assert desk.errand(instance)["status"] == "DONE"


def desk_status(ctx: ServiceContext) -> str:
    query = sa.select(errands.c.status).where(errands.c.id == ctx.subject_id)
    return str(ctx.session.scalar(query))


def test_a_status_is_set_on_entry_and_not_again_when_a_wait_ends(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").parallel("fork").catch("wait", message="go", status="WAITING")
        .user("ask").user("after", status="ASKED").user("last")
        .path("begin", "fork", "wait", "last").path("fork", "ask", "after")
    )  # fmt: skip
    instance = desk.run(drawing)
    desk.do("ask")
    assert desk.errand(instance)["status"] == "ASKED"
    desk.send("go", instance.business_key)
    assert desk.errand(instance)["status"] == "ASKED"


# -- subprocesses ----------------------------------------------------------------------------------


def test_a_subprocess_shares_the_variables_and_has_a_beginning_and_an_end(desk: Desk) -> None:
    inside = (
        Drawing().start("in").script("double", "n * 2", "n").user("check").end("out")
        .path("in", "double", "check", "out")
    )  # fmt: skip
    drawing = (
        Drawing().start("begin").inside("sub", inside, status="INSIDE").script("add", "n + 1", "n")
        .user("after").path("begin", "sub", "add", "after")
    )  # fmt: skip
    instance = desk.run(drawing, n=5)
    assert desk.open() == ["check"]
    assert desk.tokens(instance) == ["check", "sub"]
    assert desk.errand(instance)["status"] == "INSIDE"
    desk.do("check", seen=desk.variables(instance)["n"])
    assert desk.open() == ["after"]
    assert desk.variables(instance)["n"] == 11
    assert desk.variables(instance)["seen"] == 10
    assert desk.kinds(instance, "sub") == ["entered", "passed"]


def timed_subprocess() -> Drawing:
    inner = Drawing().start("in2").user("deep").end("out2").path("in2", "deep", "out2")
    inside = (
        Drawing().start("in").parallel("fork").user("check").inside("sub2", inner).end("out").end("out_too")
        .path("in", "fork", "check", "out").path("fork", "sub2", "out_too")
    )  # fmt: skip
    return (
        Drawing().start("begin").inside("sub", inside).boundary("late", on="sub", after="PT8H")
        .user("after").user("instead").path("begin", "sub", "after").path("late", "instead")
    )  # fmt: skip


def test_a_timer_on_a_subprocess_cancels_all_that_is_inside(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(timed_subprocess())
    assert desk.open() == ["check", "deep"]
    clock.advance(hours=8)
    assert desk.fire() == 1
    assert desk.open() == ["instead"]
    assert desk.tokens(instance) == ["instead"]
    assert "subprocesses" not in desk.now(instance).engine_state
    assert desk.kinds(instance, "deep") == ["entered", "cancelled"]


def test_a_subprocess_that_ends_in_time_stops_its_timer(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(timed_subprocess())
    desk.do("deep")
    desk.do("check")
    assert desk.open() == ["after"]
    assert desk.now(instance).next_due_at is None


def test_a_subprocess_in_a_loop_runs_each_round(desk: Desk) -> None:
    inside = Drawing().start("in").user("check").end("out").path("in", "check", "out")
    drawing = (
        Drawing().start("begin").exclusive("round", "again").inside("sub", inside).end("done")
        .path("begin", "round", "sub", "again", "done").path("again", "round", when="more")
    )  # fmt: skip
    instance = desk.run(drawing)
    for _ in range(4):
        desk.do("check", more=True)
        assert desk.open() == ["check"]
    desk.do("check", more=False)
    assert desk.state(instance) == "completed"


def test_terminate_in_a_subprocess_ends_only_the_subprocess(desk: Desk) -> None:
    inside = (
        Drawing().start("in").parallel("fork").user("check").user("other").end("stop", terminate=True)
        .end("out").path("in", "fork", "check", "stop").path("fork", "other", "out")
    )  # fmt: skip
    drawing = Drawing().start("begin").inside("sub", inside).user("after").path("begin", "sub", "after")
    desk.run(drawing)
    desk.do("check")
    assert desk.open() == ["after"]


# -- business errors -------------------------------------------------------------------------------


def refusing(desk: Desk, code: str = "NO_MILK") -> None:
    def buy(ctx: ServiceContext) -> None:
        ctx.session.execute(errands.update().values(note="bought"))
        ctx.enqueue("note", {"what": "bought"})
        raise BusinessError(code, "There is none left.")

    desk.service("milk.buy", buy)


def shopping(**on: str) -> Drawing:
    drawing = (
        Drawing().start("begin").user("ask").service("buy", "milk.buy", outputs={"x": "1"}).user("after")
        .path("begin", "ask", "buy", "after")
    )  # fmt: skip
    for name, code in on.items():
        drawing.boundary(name, on="buy", error=code).user(f"{name}_task").path(name, f"{name}_task")
    return drawing


@pytest.mark.databases
def test_a_business_error_goes_to_the_boundary_event_for_its_code(desk: Desk) -> None:
    refusing(desk)
    instance = desk.run(shopping(no_bread="NO_BREAD", any_other="", no_milk="NO_MILK"), note="shop")
    desk.do("ask", wanted="milk")
    assert desk.open() == ["no_milk_task"]
    variables = desk.variables(instance)
    assert (variables["errorCode"], variables["errorMessage"]) == ("NO_MILK", "There is none left.")
    assert variables["wanted"] == "milk" and "x" not in variables
    assert desk.errand(instance)["note"] == "shop"
    assert desk.jobs("note") == []
    assert desk.kinds(instance, "buy") == []
    assert desk.kinds(instance, "no_milk") == ["passed"]


def test_a_boundary_event_without_a_code_catches_any_error(desk: Desk) -> None:
    refusing(desk, "SHOP_CLOSED")
    desk.run(shopping(no_bread="NO_BREAD", any_other=""))
    desk.do("ask")
    assert desk.open() == ["any_other_task"]


def test_an_error_that_no_boundary_event_is_for_refuses_the_action(desk: Desk) -> None:
    refusing(desk)
    instance = desk.run(shopping(no_bread="NO_BREAD"))
    with pytest.raises(BusinessError, match="There is none left"):
        desk.do("ask", wanted="milk")
    assert desk.open() == ["ask"]
    assert "wanted" not in desk.variables(instance)


def test_an_error_inside_a_subprocess_is_caught_on_its_border(desk: Desk) -> None:
    refusing(desk)
    inner = (
        Drawing().start("in2").user("ask").service("buy", "milk.buy").end("out2")
        .path("in2", "ask", "buy", "out2")
    )  # fmt: skip
    inside = (
        Drawing().start("in").parallel("fork").inside("sub2", inner).user("beside").end("out").end("out_too")
        .path("in", "fork", "sub2", "out").path("fork", "beside", "out_too")
    )  # fmt: skip
    drawing = (
        Drawing().start("begin").inside("sub", inside).boundary("failed", on="sub", error="NO_MILK")
        .user("after").user("instead").path("begin", "sub", "after").path("failed", "instead")
    )  # fmt: skip
    instance = desk.run(drawing)
    desk.do("ask")
    assert desk.open() == ["instead"]
    assert desk.tokens(instance) == ["instead"]


def test_an_error_end_event_ends_its_own_subprocess_and_no_other(desk: Desk) -> None:
    def inside(n: int) -> Drawing:
        return (
            Drawing().start(f"in{n}").user(f"check{n}").end(f"out{n}", error="BROKEN")
            .path(f"in{n}", f"check{n}", f"out{n}")
        )  # fmt: skip

    drawing = Drawing().start("begin").parallel("fork").path("begin", "fork")
    for n in (1, 2):
        drawing.inside(f"sub{n}", inside(n)).boundary(f"failed{n}", on=f"sub{n}", error="BROKEN")
        drawing.user(f"after{n}").user(f"instead{n}").path("fork", f"sub{n}", f"after{n}")
        drawing.path(f"failed{n}", f"instead{n}")
    instance = desk.run(drawing)
    desk.do("check1")
    assert desk.open() == ["check2", "instead1"]
    assert desk.variables(instance)["errorCode"] == "BROKEN"
    assert desk.kinds(instance, "sub1") == ["entered"]


def test_an_error_end_event_that_nothing_handles_is_an_incident(desk: Desk) -> None:
    inside = Drawing().start("in").end("out", error="BROKEN").path("in", "out")
    instance = desk.run(Drawing().start("begin").inside("sub", inside).path("begin", "sub"))
    assert desk.state(instance) == "incident"
    assert "Nothing handles the error BROKEN" in desk.incidents(instance)[0].message


# -- ends ------------------------------------------------------------------------------------------


def test_an_instance_ends_when_its_last_token_has(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").parallel("fork").user("a").user("b").end("end_a").end("end_b")
        .path("begin", "fork", "a", "end_a").path("fork", "b", "end_b")
    )  # fmt: skip
    instance = desk.run(drawing)
    desk.do("b")
    assert desk.state(instance) == "running"
    done = desk.do("a")
    assert done.next_tasks == []
    assert desk.state(instance) == "completed"
    assert desk.now(instance).ended_at is not None
    assert [entry.kind for entry in desk.history(instance)][-1] == "completed"


def test_terminate_ends_parallel_work_of_all_kinds(desk: Desk, clock: ManualClock) -> None:
    inside = Drawing().start("in").user("deep").end("out").path("in", "deep", "out")
    drawing = (
        Drawing().start("begin").parallel("fork").user("a").end("stop", terminate=True).user("b")
        .boundary("late", on="b", after="PT1H", interrupting=False).user("hurry").path("late", "hurry")
        .catch("wait", message="go").catch("pause", after="P1D").inside("sub", inside)
        .path("begin", "fork", "a", "stop").path("fork", "b").path("fork", "wait").path("fork", "pause")
        .path("fork", "sub")
    )  # fmt: skip
    instance = desk.run(drawing)
    clock.advance(hours=1)
    desk.fire()
    assert desk.open() == ["a", "b", "deep", "hurry"]
    desk.do("a")
    assert desk.open() == []
    assert desk.state(instance) == "completed"
    assert desk.now(instance).next_due_at is None
    assert {task.state for task in desk.tasks(state="cancelled")} == {"cancelled"}


# -- messages that an instance sends ---------------------------------------------------------------


def sender(to: str | None) -> Drawing:
    attributes = {} if to is None else {"to": to}
    return (
        Drawing().start("begin").user("ask").send(
            "tell", "news", inputs={"what": "errand.note"}, **attributes
        ).throw("shout", "news", inputs={"what": '"again"'}, **attributes)
        .end("done", message="news", inputs={"what": '"over"'}, **attributes)
        .path("begin", "ask", "tell", "shout", "done")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("to", "receivers"),
    [
        ('="E-7"', ["E-7"]),
        ("E-7", ["E-7"]),
        ('=["E-7", "E-8"]', ["E-7", "E-8"]),
        ("=[]", []),
        ("=nobody", []),
    ],
)
def test_a_message_goes_to_a_key_to_a_list_of_keys_or_to_nobody(
    desk: Desk, to: str, receivers: list[str]
) -> None:
    instance = desk.run(sender(to), note="hello", nobody=None)
    desk.do("ask")
    sent = [(job.payload["to"], job.payload["payload"]["what"]) for job in desk.jobs("message")]
    assert sent == [(to, what) for what in ("hello", "again", "over") for to in receivers]
    assert desk.state(instance) == "completed"
    told = [entry.detail["to"] for entry in desk.history(instance) if entry.kind == "message_sent"]
    assert told == ([receivers] * 3 if receivers else [])


def test_a_receiver_that_is_no_business_key_is_an_incident(desk: Desk) -> None:
    instance = desk.run(sender("=7"))
    desk.do("ask")
    assert desk.state(instance) == "incident"
    assert "business key" in desk.incidents(instance)[0].message


def test_state_is_plain_json_without_the_specification(desk: Desk) -> None:
    instance = desk.run(timed_subprocess())
    stored = json.dumps(desk.now(instance).engine_state)
    assert len(stored) < 2500
    assert "Boundary" in stored and "CLERK" not in stored
