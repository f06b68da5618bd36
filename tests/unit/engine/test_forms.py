"""Forms of user tasks: answers taken from pages and from JSON, by the rules of their schema."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from werkzeug.datastructures import FileStorage, MultiDict

from app import clock
from app.engine.feel import Feel, FeelTimeout
from app.engine.forms import TaskForm, build_form, load_schema, put

FEEL = Feel()


@pytest.fixture(autouse=True)
def morning() -> Iterator[None]:
    with clock.use(clock.ManualClock(datetime(2026, 3, 27, 9, 0, tzinfo=UTC))):
        yield


def form_of(*components: dict[str, Any], **given: Any) -> TaskForm:
    return build_form(load_schema({"type": "default", "components": list(components)}), feel=FEEL, **given)


def field(
    kind: str = "textfield", key: str = "answer", label: str = "Answer", **settings: Any
) -> dict[str, Any]:
    return {"type": kind, "key": key, "label": label, **settings}


def page(*pairs: tuple[str, str]) -> MultiDict[str, str]:
    return MultiDict(pairs)


def answered(component: dict[str, Any], *texts: str, **given: Any) -> TaskForm:
    form = form_of(component, formdata=page(*((component["key"], text) for text in texts)), **given)
    form.validate()
    return form


ISSUE = (
    {
        "type": "textfield",
        "key": "reason",
        "label": "Reason",
        "properties": {"requiredIf": '=outcome = "reject"'},
    },
    {
        "type": "dynamiclist",
        "path": "lines",
        "label": "Parts",
        "allowAddRemove": False,
        "components": [
            {"type": "number", "key": "id", "label": "Line", "properties": {"hidden": "true"}},
            {"type": "textfield", "key": "part", "label": "Part", "readonly": True},
            {
                "type": "number",
                "key": "quantityIssued",
                "label": "How many",
                "decimalDigits": 0,
                "validate": {"required": True, "min": 0, "max": "=min(approved, stock)"},
            },
            {
                "type": "textfield",
                "key": "why",
                "label": "Why fewer",
                "validate": {"required": True},
                "conditional": {"hide": "=quantityIssued = approved"},
            },
        ],
    },
)
LINES = [
    {"id": 71, "part": "Belt", "approved": 4, "stock": 9, "quantityIssued": 4},
    {"id": 72, "part": "Bearing", "approved": 8, "stock": 5, "quantityIssued": 8},
]


# -- single answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("component", "texts", "value"),
    [
        (field(), ["  a\x00b\r\nc  "], "ab c"),
        (field("textarea"), ["a\r\nb"], "a\nb"),
        (field(), [], ""),
        (field("number"), ["3"], 3),
        (field("number"), ["3.50"], 3.5),
        (field("number"), ["3,5"], 3.5),
        (field("number"), ["−2"], -2),
        (field("number", decimalDigits=0), ["12.0"], 12),
        (field("number", decimalDigits=2), ["12.5"], 12.5),
        (field("number", serializeToString=True), ["012.50"], "12.50"),
        (field("number"), [""], None),
        (field("checkbox"), ["true"], True),
        (field("checkbox"), [], False),
        (field("select", values=[{"value": 7, "label": "Press"}]), ["7"], 7),
        (field("radio", values=[{"value": True, "label": "Yes"}]), ["true"], True),
        (field("select", values=["a"]), [""], None),
        (field("checklist", values=["a", "b", "c"]), ["c", "a", "c"], ["a", "c"]),
        (field("taglist", values=["a"]), [], []),
        (field("datetime", subtype="date"), ["2026-04-01"], "2026-04-01"),
        (field("datetime", subtype="time"), ["14:30"], "14:30:00"),
        (field("datetime", subtype="datetime"), ["2026-04-01T14:30"], "2026-04-01T14:30:00Z"),
        (field("datetime", subtype="date"), [""], None),
        (field("filepicker"), [], []),
    ],
)
def test_answers_become_values(component: dict[str, Any], texts: list[str], value: Any) -> None:
    form = answered(component, *texts)
    assert form.errors == {}
    assert form.values() == {"answer": value}
    assert type(form.values()["answer"]) is type(value)


@pytest.mark.parametrize(
    ("component", "text", "message"),
    [
        (field(validate={"required": True}), " ", "Enter answer."),
        (field(label="How many", validate={"required": True}), "", "Enter how many."),
        (field(label="QR code:", validate={"required": True}), "", "Enter QR code."),
        (field(label="Is it safe?", validate={"required": True}), "", "Answer “Is it safe?”."),
        (field("radio", values=["a"], validate={"required": True}), "", "Choose answer."),
        (field("checkbox", validate={"required": True}), "", "Tick “Answer”."),
        (field("checklist", values=["a"], validate={"required": True}), "", "Choose answer."),
        (field("filepicker", label="Photos", validate={"required": True}), "", "Add photos."),
        (field(validate={"minLength": 3}), "ab", "Answer must be at least 3 characters."),
        (field(validate={"maxLength": 3}), "abcd", "Answer must be at most 3 characters."),
        (field(validate={"pattern": r"^[A-Z]{2}\-\d+$"}), "AB/1", "Answer is not in the expected form."),
        (
            field(validate={"validationType": "email"}),
            "a@b",
            "Answer must be an e-mail address, such as name@example.com.",
        ),
        (
            field(validate={"validationType": "phone"}),
            "12",
            "Answer must be a phone number, such as +44 20 7946 0000.",
        ),
        (field("number"), "three", "Answer must be a number, such as 3.5."),
        (field("number"), "1e9", "Answer must be a number, such as 3.5."),
        (field("number"), "nan", "Answer must be a number, such as 3.5."),
        (field("number"), "٣", "Answer must be a number, such as 3.5."),
        (field("number"), "1,200", "Write answer without a separator between the thousands."),
        (field("number"), "9" * 30, "Answer is too large."),
        (field("number", decimalDigits=0), "1.5", "Answer must be a whole number, such as 12."),
        (field("number", decimalDigits=1), "1.55", "Answer must have at most 1 decimal place."),
        (field("number", validate={"max": 20}), "21", "Answer must be at most 20."),
        (field("number", validate={"min": 0.5}), "0", "Answer must be at least 0.5."),
        (field("number", validate={"max": "=stock"}), "6", "Answer must be at most 5."),
        (field("select", values=["a"]), "b", "Choose one of the answers offered for answer."),
        (field("checklist", values=["a"]), "b", "Choose one of the answers offered for answer."),
        (field("datetime", subtype="date"), "31.12.2026", "Answer must be a date, such as 2026-03-27."),
        (field("datetime", subtype="date"), "2026-02-30", "Answer must be a date, such as 2026-03-27."),
        (field("datetime", subtype="time"), "25:00", "Answer must be a time, such as 14:30."),
        (field("datetime", disallowPassedDates=True), "2026-03-26", "Answer must not be in the past."),
    ],
)
def test_what_is_wrong_is_said_in_plain_english(component: dict[str, Any], text: str, message: str) -> None:
    form = answered(component, text, context={"stock": 5})
    assert form.errors == {"answer": [message]}


@pytest.mark.parametrize(
    ("component", "text"),
    [
        (field(validate={"pattern": r"^[A-Z]{2}\-\d+$"}), "AB-12"),
        (field(validate={"validationType": "email"}), "anna.o'neil@plant.example.com"),
        (field(validate={"validationType": "phone"}), "+44 (20) 7946-0000"),
        (field(validate={"minLength": 5, "pattern": "x"}), ""),
        (field("number", validate={"required": True}), "0"),
        (field("datetime", disallowPassedDates=True), "2026-03-27"),
    ],
)
def test_what_is_right_passes(component: dict[str, Any], text: str) -> None:
    assert answered(component, text).errors == {}


def test_a_pattern_that_takes_too_long_refuses_the_answer_instead_of_the_server() -> None:
    form = answered(field(validate={"pattern": r"^a*a*a*a*a*a*a*a*b$"}), "a" * 1000)
    assert "could not be checked" in form.errors["answer"][0]


class Overtaxed:
    """FEEL that has no time for anything but the names in an expression."""

    def __init__(self, only: str = "") -> None:
        self.only = only

    def names(self, expression: str) -> frozenset[str]:
        return FEEL.names(expression)

    def evaluate(self, expression: str, context: Any) -> Any:
        return self.evaluate_many([(expression, context)])[0]

    def evaluate_many(self, expressions: Any) -> list[Any]:
        if any(self.only in expression for expression, _ in expressions):
            raise FeelTimeout("The expression took longer than 0.5 seconds.")
        return FEEL.evaluate_many(expressions)


@pytest.mark.parametrize(
    ("component", "text"),
    [
        (field("number", validate={"max": "=stock"}), "999"),
        (field("number", validate={"min": "=stock"}), "999"),
        (field(validate={"minLength": "=stock"}), "x"),
        (field(validate={"maxLength": "=stock"}), "x" * 99),
        (field(properties={"requiredIf": "=stock > 3"}), ""),
    ],
)
def test_a_rule_that_cannot_be_evaluated_refuses_the_answer(component: dict[str, Any], text: str) -> None:
    sent = page((component["key"], text))
    schema = load_schema({"components": [component]})
    form = build_form(schema, feel=Overtaxed(), context={"stock": 5}, formdata=sent)
    assert not form.validate()
    assert form.errors == {"answer": ["Answer could not be checked. Try again."]}


def test_many_rows_share_no_time_limit_and_one_bad_expression_spoils_no_other() -> None:
    longest = 0

    class Counting(Overtaxed):
        def evaluate_many(self, expressions: Any) -> list[Any]:
            nonlocal longest
            longest = max(longest, len(expressions))
            return super().evaluate_many(expressions)

    count = field("number", "count", "Count")
    note = field(key="note", conditional={"hide": "=count > 1"})
    doubled = {"type": "expression", "key": "doubled", "expression": "=slow * 2"}
    rows = {"type": "dynamiclist", "path": "rows", "label": "Rows", "components": [count, note, doubled]}
    schema = load_schema({"components": [rows]})
    sent = {"rows": [{"count": number % 3} for number in range(200)]}
    form = build_form(schema, feel=Counting("slow"), context={"slow": 1}, json=sent)
    assert form.validate()
    assert [("note" in row) for row in form.values()["rows"]] == [number % 3 < 2 for number in range(200)]
    assert {row["doubled"] for row in form.values()["rows"]} == {None}
    assert longest <= 20


@pytest.mark.parametrize("rule", ["=1 +", '="many"', "=[1, 2]"])
def test_a_limit_that_is_no_number_refuses_the_answer(rule: str) -> None:
    form = answered(field("number", validate={"max": rule}), "5")
    assert form.errors == {"answer": ["Answer could not be checked. Try again."]}


def test_a_limit_without_a_value_limits_nothing() -> None:
    assert answered(field("number", validate={"max": "=stock"}), "5", context={"stock": None}).errors == {}


# -- options -----------------------------------------------------------------------------------------


def test_options_come_from_named_sources_facts_and_expressions() -> None:
    def options(key: str) -> list[dict[str, Any]] | None:
        return [{"value": 1, "label": "Press"}] if key == "machines" else None

    context = {"codes": ["E1", "E2"], "parts": [{"value": 9, "label": "Belt", "group": "drive"}]}
    form = form_of(
        field("select", "machine", valuesKey="machines"),
        field("select", "code", valuesKey="codes"),
        field("select", "part", valuesExpression="=parts[group = wanted]"),
        field("select", "wanted", values=["drive", "other"]),
        context=context,
        options=options,
        formdata=page(("machine", "1"), ("code", "E2"), ("part", "9"), ("wanted", "drive")),
    )
    assert form.validate()
    assert form.values() == {"machine": 1, "code": "E2", "part": 9, "wanted": "drive"}


def test_an_option_that_another_answer_takes_away_is_refused() -> None:
    form = form_of(
        field("select", "part", valuesExpression='=if wanted = "drive" then ["belt"] else []'),
        field("select", "wanted", values=["drive", "other"]),
        formdata=page(("part", "belt"), ("wanted", "other")),
    )
    assert not form.validate()
    assert list(form.errors) == ["part"]


# -- what is known, defaults, read-only --------------------------------------------------------------


def test_a_form_begins_with_what_is_known_then_with_defaults() -> None:
    form = form_of(
        field(key="known", defaultValue="default"),
        field(key="plain", defaultValue="default"),
        field("number", "computed", defaultValue="=hours * 60"),
        field("datetime", "day"),
        field("datetime", "moment", subtype="datetime"),
        field("number", "cost"),
        data={
            "known": "yes",
            "day": datetime(2026, 1, 2, tzinfo=UTC),
            "cost": Decimal("2.50"),
            "moment": datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        },
        context={"hours": 2},
    )
    assert form.values() == {
        "known": "yes",
        "plain": "default",
        "computed": 120,
        "day": "2026-01-02",
        "moment": "2026-01-02T03:04:05Z",
        "cost": 2.5,
    }
    json.dumps(form.values())


@pytest.mark.parametrize(
    "setting", [{"readonly": True}, {"disabled": True}, {"readonly": "=locked"}, {"readonly": "=1 +"}]
)
def test_read_only_values_never_come_from_the_client(setting: dict[str, Any]) -> None:
    given: dict[str, Any] = {"data": {"answer": "ours"}, "context": {"locked": True}}
    form = form_of(field(**setting), field(key="note"), formdata=page(("answer", "theirs")), **given)
    assert form.validate()
    assert form.values() == {"note": ""}
    assert form.data == {"answer": "ours", "note": ""}
    form = form_of(field(**setting), json={"answer": "theirs"}, **given)
    assert not form.validate()
    assert form.errors == {"answer": ["Answer cannot be changed here."]}
    assert form_of(field(**setting), json={"answer": "ours"}, **given).validate()


def test_computed_values_follow_the_answers() -> None:
    form = form_of(
        field("number", "hours"),
        {"type": "expression", "key": "minutes", "expression": "=hours * 60"},
        {"type": "expression", "key": "long", "expression": "=minutes > 90"},
        formdata=page(("hours", "2"), ("minutes", "1")),
    )
    assert form.validate()
    assert form.values() == {"hours": 2, "minutes": 120, "long": True}


# -- the site's time zone ------------------------------------------------------------------------------


BERLIN = {"timeZone": "Europe/Berlin"}
MOMENT = field("datetime", subtype="datetime")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-01-05T14:30", "2026-01-05T13:30:00Z"),
        ("2026-07-05T14:30", "2026-07-05T12:30:00Z"),
        ("2026-07-05 14:30:10", "2026-07-05T12:30:10Z"),
        ("2026-07-05T14:30Z", "2026-07-05T14:30:00Z"),
        ("2026-07-05T14:30-05:00", "2026-07-05T19:30:00Z"),
        ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),  # twice on that night: the first time
    ],
)
def test_times_are_given_in_the_site_s_zone_and_kept_in_utc(given: str, kept: str) -> None:
    for sent in ({"formdata": page(("answer", given))}, {"json": {"answer": given}}):
        form = form_of(MOMENT, context=BERLIN, **sent)
        assert form.validate(), form.errors
        assert form.values() == {"answer": kept}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "2026-03-29T02:30",
            "Answer: there is no such time on that day, because the clocks are put forward.",
        ),
        ("0001-01-01T00:00", "Answer must be a date and a time, such as 2026-03-27T14:30."),
        ("9999-12-31T23:59-05:00", "Answer must be a date and a time, such as 2026-03-27T14:30."),
    ],
)
def test_times_that_no_clock_shows_are_refused(given: str, message: str) -> None:
    assert answered(MOMENT, given, context=BERLIN).errors == {"answer": [message]}


def test_known_times_are_shown_in_the_site_s_zone() -> None:
    known = {"answer": "2026-07-05T22:30:00.250Z"}
    (item,) = form_of(MOMENT, context=BERLIN, data=known).items
    assert (item.shown, item.input_type) == ("2026-07-06T00:30:00", "datetime-local")
    (item,) = form_of({**MOMENT, "readonly": True}, context=BERLIN, data=known).items
    assert item.shown == "2026-07-06 00:30:00"
    (item,) = form_of(field("datetime"), context=BERLIN, data=known).items
    assert item.value == "2026-07-06"


def test_what_is_past_is_past_on_the_site_s_clock() -> None:
    moment, day = {**MOMENT, "disallowPassedDates": True}, field("datetime", disallowPassedDates=True)
    past = {"answer": ["Answer must not be in the past."]}
    assert answered(moment, "2026-03-27T09:59", context=BERLIN).errors == past
    assert answered(moment, "2026-03-27T10:01", context=BERLIN).errors == {}
    with clock.use(clock.ManualClock(datetime(2026, 3, 27, 23, 30, tzinfo=UTC))):
        assert answered(day, "2026-03-27", context=BERLIN).errors == past
        assert answered(day, "2026-03-27").errors == {}


@pytest.mark.parametrize("zone", ["Mars/Phobos", "../../etc/passwd", "", 3, None])
def test_an_unknown_zone_is_utc(zone: Any) -> None:
    form = answered(MOMENT, "2026-07-05T14:30", context={"timeZone": zone})
    assert form.values() == {"answer": "2026-07-05T14:30:00Z"}


# -- conditions --------------------------------------------------------------------------------------


def test_a_hidden_answer_is_dropped_and_not_validated() -> None:
    components = (
        field("checkbox", "broken"),
        field("number", "cost", validate={"max": 10}, conditional={"hide": "=not(broken)"}),
        field(key="supplier", validate={"required": True}, conditional={"hide": "=cost = null"}),
    )
    form = form_of(*components, formdata=page(("cost", "99"), ("supplier", "Acme")))
    assert form.validate()
    assert form.values() == {"broken": False}
    form = form_of(*components, formdata=page(("broken", "true"), ("cost", "99")))
    assert not form.validate()
    assert set(form.errors) == {"cost", "supplier"}


def test_a_hidden_group_hides_what_is_in_it() -> None:
    group = {"type": "group", "path": "a", "conditional": {"hide": "=true"}, "components": [field()]}
    form = form_of(group, formdata=page(("a.answer", "x")))
    assert form.validate()
    assert form.values() == {}


def test_conditions_that_contradict_each_other_still_end() -> None:
    form = form_of(field(key="a", conditional={"hide": '=a = "x"'}), formdata=page(("a", "x")))
    assert form.validate()
    assert form.values() == {"a": "x"}
    wanted = field(key="b", conditional={"hide": "=a != null"}, validate={"required": True})
    form = form_of(field(key="a", conditional={"hide": "=b = null"}), wanted, formdata=page(("a", "x")))
    assert not form.validate()
    assert form.errors == {"b": ["Enter answer."]}


def test_required_may_be_an_expression_itself() -> None:
    needed = field(validate={"required": "=level > 2"}, properties={"requiredIf": '=outcome = "reject"'})
    for context, errors in (
        ({"level": 3}, {"answer": ["Enter answer."]}),
        ({"level": 1, "outcome": "reject"}, {"answer": ["Enter answer."]}),
        ({"level": 1, "outcome": "approve"}, {}),
    ):
        assert answered(needed, "", context=context).errors == errors


def test_required_if_sees_the_outcome_and_the_answers() -> None:
    rejecting = form_of(*ISSUE[:1], context={"outcome": "reject"}, formdata=page())
    assert not rejecting.validate()
    assert rejecting.errors == {"reason": ["Enter reason."]}
    assert form_of(*ISSUE[:1], context={"outcome": "approve"}, formdata=page()).validate()


# -- rows --------------------------------------------------------------------------------------------


def issue(*pairs: tuple[str, str], **given: Any) -> TaskForm:
    form = form_of(*ISSUE, data={"lines": LINES}, formdata=page(*pairs), **given)
    form.validate()
    return form


def test_rows_say_which_they_are_by_what_is_known_of_them() -> None:
    form = issue(
        ("lines", "0"),
        ("lines", "1"),
        ("lines.0.quantityIssued", "4"),
        ("lines.1.quantityIssued", "5"),
        ("lines.0.id", "999"),
        ("lines.1.part", "Gold"),
        ("lines.1.why", "No more"),
    )
    assert form.errors == {}
    assert form.values()["lines"] == [
        {"id": 71, "part": "Belt", "quantityIssued": 4},
        {"id": 72, "part": "Bearing", "quantityIssued": 5, "why": "No more"},
    ]


def test_the_rules_of_a_row_see_what_is_known_of_it() -> None:
    form = issue(
        ("lines", "0"), ("lines", "1"), ("lines.0.quantityIssued", "5"), ("lines.1.quantityIssued", "6")
    )
    assert form.errors == {
        "lines.0.quantityIssued": ["How many must be at most 4."],
        "lines.0.why": ["Enter why fewer."],
        "lines.1.quantityIssued": ["How many must be at most 5."],
        "lines.1.why": ["Enter why fewer."],
    }


@pytest.mark.parametrize(
    "extra", [("lines", "2"), ("lines", "70"), ("_add", "lines"), ("_remove", "lines.0")]
)
def test_rows_that_are_fixed_stay(extra: tuple[str, str]) -> None:
    form = issue(("lines", "0"), ("lines", "1"), extra)
    assert [row["id"] for row in form.values()["lines"]] == [71, 72]


STEPS = {
    "type": "dynamiclist",
    "path": "steps",
    "label": "Steps",
    "defaultRepetitions": 1,
    "properties": {"minRows": "1", "maxRows": "3"},
    "components": [
        field(key="what", label="What", validate={"required": True}),
        field("number", "minutes", "Minutes", conditional={"hide": "=parent.quick or this.what = null"}),
        field(key="code", readonly=True),
    ],
}


# -- rows that changed while they were on somebody's screen --------------------------------------------


def sent_from(shown: list[dict[str, Any]], *pairs: tuple[str, str], listed: Any = None) -> TaskForm:
    """What a page sends that showed these rows, over the rows of LINES."""
    components = listed or ISSUE
    form = form_of(*components, data={"lines": shown})
    (item,) = [item for item in form.items if item.type == "dynamiclist"]
    marks = (f"{item.name}._shown", " ".join(item.marks))
    indices = [(item.name, str(row.index)) for row in item.rows]
    return form_of(*components, data={"lines": LINES}, formdata=page(marks, *indices, *pairs))


CHANGED = {"lines": ["Parts: the list has changed meanwhile. Check it again."]}


def test_what_was_typed_for_a_row_stays_its_own_when_one_appears_before_it() -> None:
    form = sent_from(LINES[1:], ("lines.0.quantityIssued", "2"), ("lines.0.why", "worn"))
    assert form.errors == CHANGED  # also where nothing is validated
    assert not form.validate()
    assert form.errors == CHANGED
    assert [(row["id"], row["quantityIssued"]) for row in form.data["lines"]] == [(71, 4), (72, 2)]
    assert [item.name for item in form.scope.walk() if item.component.key == "why"][1] == "lines.1.why"


def test_what_was_typed_for_a_row_that_is_gone_goes_to_no_other() -> None:
    gone = {"id": 70, "part": "Oil", "approved": 3, "stock": 3, "quantityIssued": 3}
    answers = [
        ("lines.0.quantityIssued", "1"),
        ("lines.1.quantityIssued", "2"),
        ("lines.2.quantityIssued", "3"),
    ]
    form = sent_from([gone, *LINES], *answers)
    assert not form.validate()
    assert form.errors["lines"] == CHANGED["lines"]
    assert [(row["id"], row["quantityIssued"]) for row in form.data["lines"]] == [(71, 2), (72, 3)]


def test_rows_in_another_order_or_with_other_facts_are_still_the_same() -> None:
    answers = [("lines.0.quantityIssued", "2"), ("lines.1.quantityIssued", "4"), ("lines.0.why", "worn")]
    form = sent_from([{**LINES[1], "stock": 8}, LINES[0]], *answers)
    assert form.validate(), form.errors
    assert [(row["id"], row["quantityIssued"]) for row in form.values()["lines"]] == [(71, 4), (72, 2)]


@pytest.mark.parametrize(
    "identity",
    [
        {"type": "expression", "key": "id", "expression": "=id + 0"},
        {"type": "number", "key": "approved", "label": "x", "properties": {"hidden": "true"}},
        {"type": "textfield", "key": "part", "label": "Part", "readonly": True},
    ],
)
def test_rows_are_told_apart_by_a_computed_id_a_hidden_field_or_what_they_show(
    identity: dict[str, Any],
) -> None:
    quantity = {"type": "number", "key": "open", "label": "Open"}
    listed = ({**ISSUE[1], "components": [identity, quantity]},)
    form = sent_from(LINES[1:], ("lines.0.open", "2"), listed=listed)
    assert not form.validate()
    assert form.errors == CHANGED
    assert [row["open"] for row in form.data["lines"]] == [None, 2]
    assert sent_from(LINES, ("lines.0.open", "2"), listed=listed).validate()


def test_rows_that_look_alike_are_counted() -> None:
    rows = [{"what": "Oil", "code": "A"}, {"what": "Oil", "code": "A"}]
    item = form_of(STEPS, data={"steps": rows}).items[0]
    assert len(set(item.marks)) == 2
    shown = ("steps._shown", " ".join(item.marks))
    sent = page(shown, ("steps", "1"), ("steps.1.what", "Grease"), ("steps", "2"), ("steps.2.what", "New"))
    form = form_of(STEPS, data={"steps": rows}, formdata=sent)
    assert form.validate(), form.errors
    assert [(row["what"], row["code"]) for row in form.values()["steps"]] == [("Grease", "A"), ("New", None)]


def test_new_rows_stay_new_when_the_list_has_grown_meanwhile() -> None:
    rows = [{"what": "a", "code": "A"}, {"what": "b", "code": "B"}]
    shown = ("steps._shown", form_of(STEPS, data={"steps": rows[:1]}).items[0].marks[0])
    sent = [shown, ("steps", "0"), ("steps.0.what", "x"), ("steps", "1"), ("steps.1.what", "new")]
    form = form_of(STEPS, data={"steps": rows}, formdata=page(*sent))
    assert not form.validate()
    assert form.errors == {"steps": ["Steps: the list has changed meanwhile. Check it again."]}
    assert [(row["what"], row["code"]) for row in form.data["steps"]] == [
        ("x", "A"),
        ("b", "B"),
        ("new", None),
    ]
    assert [row.name for row in form.items[0].rows] == ["steps.0", "steps.1", "steps.2"]
    form = form_of(STEPS, data={"steps": rows}, formdata=page(*sent, ("_remove", "steps.1")))
    assert [row["what"] for row in form.data["steps"]] == ["x", "b"]


def test_what_is_no_mark_of_a_row_matches_none() -> None:
    for marks in ("x", "x " * 10_000, ""):
        sent = page(("lines._shown", marks), ("lines", "0"), ("lines.0.quantityIssued", "1"))
        form = form_of(*ISSUE, data={"lines": LINES}, formdata=sent)
        assert not form.validate()
        assert form.errors["lines"] == CHANGED["lines"]
        assert [row["quantityIssued"] for row in form.data["lines"]] == [4, 8]


def test_rows_are_added_and_removed_by_buttons_without_validating() -> None:
    rows = [("steps", "0"), ("steps.0.what", "Look"), ("steps", "1")]
    form = form_of(STEPS, formdata=page(*rows, ("_add", "steps")))
    assert form.is_edit_action
    assert not form.validate()
    assert form.errors == {}
    assert [row["what"] for row in form.data["steps"]] == ["Look", "", ""]
    form = form_of(STEPS, formdata=page(*rows, ("_remove", "steps.1")))
    assert form.is_edit_action
    assert [row["what"] for row in form.data["steps"]] == ["Look"]
    form = form_of(STEPS, formdata=page(*rows, ("steps", "2"), ("_add", "steps")))
    assert len(form.data["steps"]) == 3  # no more than the maximum


def test_removing_a_row_leaves_the_others_theirs() -> None:
    known = [{"what": "a", "code": "A"}, {"what": "b", "code": "B"}, {"what": "c", "code": "C"}]
    sent = page(
        ("steps", "0"), ("steps", "2"), ("steps.0.what", "x"), ("steps.2.what", "y"), ("_add", "steps")
    )
    form = form_of(STEPS, data={"steps": known}, formdata=sent)
    assert [(row["what"], row["code"]) for row in form.data["steps"]] == [("x", "A"), ("y", "C"), ("", None)]
    # Even when the last known row was removed, a new one does not inherit what was known of it.
    sent = page(("steps", "0"), ("steps.0.what", "x"), ("_add", "steps"))
    assert [row["code"] for row in form_of(STEPS, data={"steps": known}, formdata=sent).data["steps"]] == [
        "A",
        None,
    ]


@pytest.mark.parametrize(
    ("count", "message"), [(0, "Steps must have at least 1 row."), (4, "Steps must have at most 3 rows.")]
)
def test_a_list_has_so_many_rows(count: int, message: str) -> None:
    pairs = [pair for n in range(count) for pair in (("steps", str(n)), (f"steps.{n}.what", "x"))]
    form = form_of(STEPS, formdata=page(*pairs))
    assert not form.validate()
    assert form.errors == {"steps": [message]}


OPTIONAL = {**STEPS, "properties": {}}
ZERO = field("number", "zero", "Zero")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ([], []),
        ([("steps.0.what", "  "), ("steps.0.zero", "")], []),
        ([("steps.1.what", "Look")], ["Look"]),
        ([("steps.0.what", "Look"), ("steps.2.what", "Oil")], ["Look", "Oil"]),
    ],
)
def test_new_rows_that_nobody_touched_are_no_answers(typed: list[tuple[str, str]], kept: list[str]) -> None:
    rows = [("steps", "0"), ("steps", "1"), ("steps", "2")]
    form = form_of(OPTIONAL, formdata=page(*rows, *typed))
    assert form.validate(), form.errors
    assert [row["what"] for row in form.values()["steps"]] == kept
    assert len(form.items[0].shown_rows) == 3


def test_rows_that_were_touched_or_known_or_must_be_there_are_answers() -> None:
    missing = ["Enter what."]
    zero = {**OPTIONAL, "components": [*OPTIONAL["components"], ZERO]}
    form = form_of(zero, formdata=page(("steps", "0"), ("steps", "1"), ("steps.1.zero", "0")))
    assert not form.validate()
    assert form.errors == {"steps.0.what": missing}
    assert form.items[0].rows[0].name == "steps.1"
    form = form_of(zero, formdata=page(("steps", "0"), ("steps.0.zero", "nought")))
    assert not form.validate()
    assert form.errors["steps.0.what"] == missing
    form = form_of(OPTIONAL, data={"steps": [{"code": "A"}]}, formdata=page(("steps", "0")))
    assert not form.validate()
    assert form.errors == {"steps.0.what": missing}
    form = form_of(STEPS, formdata=page(("steps", "0"), ("steps", "1")))
    assert not form.validate()
    assert form.errors == {"steps.0.what": missing}
    form = form_of(OPTIONAL, json={"steps": [{}]})
    assert not form.validate()
    assert form.errors == {"steps.0.what": missing}


def test_rows_begin_with_what_is_known_or_the_default_number() -> None:
    assert len(form_of(STEPS).data["steps"]) == 1
    assert len(form_of(STEPS, data={"steps": [{}, {}]}).data["steps"]) == 2
    assert len(form_of(STEPS, data={"steps": []}).data["steps"]) == 1  # at least the minimum


def test_conditions_in_rows_see_the_row_and_its_parent() -> None:
    sent = page(("quick", "true"), ("steps", "0"), ("steps.0.what", "x"), ("steps.0.minutes", "5"))
    quick = field("checkbox", "quick", "Quick")
    assert form_of(quick, STEPS, formdata=sent).values()["steps"] == [{"what": "x", "code": None}]
    sent.poplist("quick")
    assert form_of(quick, STEPS, formdata=sent).values()["steps"] == [
        {"what": "x", "minutes": 5, "code": None}
    ]


def test_rows_within_rows() -> None:
    inner = {
        "type": "dynamiclist",
        "path": "parts",
        "label": "Parts",
        "components": [field("number", "count", "Count")],
    }
    outer = {
        "type": "dynamiclist",
        "path": "steps",
        "label": "Steps",
        "components": [field(key="what"), inner],
    }
    sent = page(
        ("steps", "3"), ("steps.3.what", "x"), ("steps.3.parts", "1"), ("steps.3.parts.1.count", "many")
    )
    form = form_of(outer, formdata=sent)
    assert not form.validate()
    assert list(form.errors) == ["steps.0.parts.0.count"]
    added = form_of(outer, formdata=MultiDict([*sent.items(multi=True), ("_add", "steps.3.parts")]))
    assert len(added.data["steps"][0]["parts"]) == 2


# -- JSON --------------------------------------------------------------------------------------------


def test_json_goes_by_the_same_rules() -> None:
    form = form_of(
        *ISSUE,
        data={"lines": LINES},
        json={"lines": [{"id": 71, "quantityIssued": 4}, {"quantityIssued": 6}]},
    )
    assert not form.validate()
    assert form.errors == {
        "lines.1.quantityIssued": ["How many must be at most 5."],
        "lines.1.why": ["Enter why fewer."],
    }


def test_json_rows_say_which_they_are_by_their_id() -> None:
    sent = [{"id": 72, "quantityIssued": 4, "why": "x"}, {"id": "71", "quantityIssued": 3, "why": "y"}]
    form = form_of(*ISSUE, data={"lines": LINES}, json={"lines": sent})
    assert form.validate(), form.errors
    assert [(row["id"], row["quantityIssued"]) for row in form.values()["lines"]] == [(71, 3), (72, 4)]
    form = form_of(*ISSUE, data={"lines": LINES}, json={"lines": sent[:1]})
    assert form.validate(), form.errors
    assert [(row["id"], row["quantityIssued"]) for row in form.values()["lines"]] == [(71, 4), (72, 4)]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([73], "Parts: the list has changed meanwhile. Check it again."),
        ([10**5000], "Parts: the list has changed meanwhile. Check it again."),
        ([[71]], "Parts: the list has changed meanwhile. Check it again."),
        ([71, 71], "Parts: a row is there twice."),
        ([72, None], "Parts: a row is there twice."),
        ([71, 72, None], "Parts: rows cannot be added here."),
    ],
)
def test_json_rows_that_are_none_of_the_list_are_refused(ids: list[Any], message: str) -> None:
    rows = [{"id": row_id, "quantityIssued": 0, "why": "x"} for row_id in ids]
    form = form_of(*ISSUE, data={"lines": LINES}, json={"lines": rows})
    assert not form.validate()
    assert form.errors["lines"] == [message]


def test_json_rows_of_a_list_that_may_change_keep_their_facts_by_id() -> None:
    steps = {**STEPS, "components": [*STEPS["components"], field("number", "id", readonly=True)]}
    known = [{"id": 1, "what": "a", "code": "A"}, {"id": 2, "what": "b", "code": "B"}]
    sent = [{"id": 2, "what": "x"}, {"what": "new"}]
    form = form_of(steps, data={"steps": known}, json={"steps": sent})
    assert form.validate(), form.errors
    assert [(row["what"], row["code"]) for row in form.values()["steps"]] == [("x", "B"), ("new", None)]


@pytest.mark.parametrize("given", [[1], [], "x", 3, True])
def test_json_that_is_no_object_is_an_error(given: Any) -> None:
    form = form_of(field(), json=given)
    assert not form.validate()
    assert form.errors == {"": ["The answers must be a JSON object."]}


def test_endless_numbers_for_what_is_read_only_are_refused() -> None:
    form = form_of(field("number", readonly=True), data={"answer": 1}, json={"answer": 10**5000})
    assert not form.validate()
    assert form.errors == {"answer": ["Answer cannot be changed here."]}


def test_what_json_leaves_out_stays_and_null_empties() -> None:
    components = (field(key="a"), field("number", "b"), field("checkbox", "c"))
    data = {"a": "x", "b": 2, "c": True}
    assert form_of(*components, data=data, json={"b": None}).values() == {"a": "x", "b": None, "c": True}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"extra": 1}, "extra"),
        ({"a": {"note": "x", "other": 1}}, "a.other"),
        ({"a": 3}, "a"),
        ({"steps": [{"what": "x", "__proto__": {}}]}, "steps.0.__proto__"),
        ({"steps": {"0": {}}}, "steps"),
        ({"steps": ["x"]}, "steps"),
        ({"count": "3"}, "count"),
        ({"count": True}, "count"),
        ({"count": float("nan")}, "count"),
        ({"count": 10**400}, "count"),
        ({"tick": "true"}, "tick"),
        ({"tags": "a"}, "tags"),
        ({"tags": [["a"]]}, "tags"),
        ({"files": ["/etc/passwd"]}, "files"),
        ({"a": {"note": 3}}, "a.note"),
    ],
)
def test_json_of_the_wrong_kind_is_an_error_at_its_path(given: dict[str, Any], path: str) -> None:
    form = form_of(
        {"type": "group", "path": "a", "components": [field(key="note")]},
        STEPS,
        field("number", "count", "Count"),
        field("checkbox", "tick", "Tick"),
        field("checklist", "tags", "Tags", values=["a"]),
        field("filepicker", "files", "Files"),
        json={"steps": [{"what": "x"}], **given},
    )
    assert not form.validate()
    assert list(form.errors) == [path]


# -- files, errors from elsewhere --------------------------------------------------------------------


def upload(name: str, kind: str = "image/jpeg") -> FileStorage:
    return FileStorage(io.BytesIO(b"..."), filename=name, content_type=kind)


def test_uploads_are_handed_over_by_path() -> None:
    photos = field("filepicker", "photos", "Photos", multiple=True, accept="image/*,.pdf")
    rows = {"type": "dynamiclist", "path": "items", "label": "Items", "components": [photos]}
    sent = MultiDict(
        [
            ("photos", upload("a.jpg")),
            ("photos", upload("b.pdf", "application/octet-stream")),
            ("photos", upload("")),
            ("items.4.photos", upload("c.png", "image/png")),
        ]
    )
    form = form_of(photos, rows, formdata=page(("items", "4")), files=sent)
    assert form.validate()
    assert {path: [file.filename for file in files] for path, files in form.uploads.items()} == {
        "photos": ["a.jpg", "b.pdf"],
        "items.0.photos": ["c.png"],
    }
    values = form.values()
    assert values == {"photos": [], "items": [{"photos": []}]}
    for path in form.uploads:
        put(values, path, [1])
    assert values == {"photos": [1], "items": [{"photos": [1]}]}


def test_files_that_are_attached_already_stay() -> None:
    photos = field("filepicker", "photos", "Photos", multiple=True, validate={"required": True})
    rows = {"type": "dynamiclist", "path": "items", "label": "Items", "components": [photos]}
    known = {"photos": [4, 5], "items": [{"photos": [6]}]}
    form = form_of(photos, rows, data=known, formdata=page(("items", "0")), files=MultiDict())
    assert form.validate(), form.errors
    assert form.values() == known
    sent = MultiDict([("photos", upload("a.jpg")), ("items.0.photos", upload("b.jpg"))])
    form = form_of(photos, rows, data=known, formdata=page(("items", "0")), files=sent)
    values = form.values()
    for number, path in enumerate(form.uploads):
        put(values, path, [8 + number])
    assert values == {"photos": [4, 5, 8], "items": [{"photos": [6, 9]}]}
    assert form.items[0].attached == "2 files"


def test_one_new_file_replaces_the_one_there_was() -> None:
    photo = field("filepicker", "photo", "Photo")
    sent = MultiDict([("photo", upload("a.jpg"))])
    assert form_of(photo, data={"photo": [4]}, files=sent).values() == {"photo": []}
    assert form_of(photo, data={"photo": [4]}, files=MultiDict()).values() == {"photo": [4]}


@pytest.mark.parametrize("given", [{}, {"photos": None}, {"photos": []}])
def test_programs_cannot_take_files_away(given: dict[str, Any]) -> None:
    form = form_of(field("filepicker", "photos", "Photos"), data={"photos": [4]}, json=given)
    assert form.validate()
    assert form.values() == {"photos": [4]}


def test_programs_name_files_that_were_uploaded_before() -> None:
    photos = field("filepicker", "photos", "Photos", multiple=True, validate={"required": True})
    form = form_of(photos, json={"photos": [9, 7, 9]}, data={"photos": [4, 7]})
    assert form.validate(), form.errors
    assert form.values() == {"photos": [4, 7, 9]}
    assert (form.given_files, form.uploads) == ({"photos": [9]}, {})
    assert form.items[0].attached == "2 files"


def test_one_named_file_replaces_the_one_there_was() -> None:
    photo = field("filepicker", "photo", "Photo", accept="image/*")
    form = form_of(photo, data={"photo": [4]}, json={"photo": [9]})
    assert (form.validate(), form.values(), form.given_files) == (True, {"photo": [9]}, {"photo": [9]})
    again = form_of(photo, data={"photo": [4]}, json={"photo": [4]})
    assert (again.validate(), again.values(), again.given_files) == (True, {"photo": [4]}, {})
    two = form_of(photo, json={"photo": [8, 9]})
    assert not two.validate()
    assert two.errors == {"photo": ["Photo: add at most 1 file."]}


def test_named_files_of_rows_are_told_by_row() -> None:
    rows = {"type": "dynamiclist", "id": "items", "path": "items", "components": [
        field("filepicker", "photos", "Photos", multiple=True)]}  # fmt: skip
    form = form_of(rows, json={"items": [{"photos": []}, {"photos": [3, 5]}]})
    assert form.validate(), form.errors
    assert form.given_files == {"items.1.photos": [3, 5]}


@pytest.mark.parametrize(
    "given",
    [
        3,
        "3",
        {"id": 3},
        ["3"],
        [0],
        [-1],
        [True],
        [1.0],
        [None],
        [[1]],
        [2**31],
        [10**400],
        list(range(1, 102)),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_id_of_a_file_is_refused_at_the_field(given: Any) -> None:
    form = form_of(field("filepicker", "photos", "Photos", multiple=True), json={"photos": given})
    assert not form.validate()
    assert form.errors == {"photos": ["Photos must be a list of the ids of uploaded files."]}
    assert form.given_files == {}


@pytest.mark.parametrize("setting", [{"conditional": {"hide": "=true"}}, {"readonly": True}])
def test_files_named_for_a_hidden_or_read_only_field_are_dropped(setting: dict[str, Any]) -> None:
    form = form_of(field("filepicker", "photo", **setting), json={"photo": [3]})
    assert (form.given_files, form.values()) == ({}, {})


@pytest.mark.parametrize("known", ["x", 3, {"a": 1}, ["x", True, None, 4.5]])
def test_what_is_no_id_is_no_file(known: Any) -> None:
    form = form_of(field("filepicker", "photos", "Photos"), data={"photos": known}, formdata=page())
    assert form.values() == {"photos": []}


def test_files_of_another_kind_or_too_many_are_refused() -> None:
    photo = field("filepicker", "photo", "Photo", accept="image/*")
    form = form_of(photo, files=MultiDict([("photo", upload("virus.exe", "application/x-msdownload"))]))
    assert not form.validate()
    assert form.errors == {"photo": ["Photo: “virus.exe” is not one of image/*."]}
    form = form_of(photo, files=MultiDict([("photo", upload("a.jpg")), ("photo", upload("b.jpg"))]))
    assert not form.validate()
    assert form.errors == {"photo": ["Photo: add at most 1 file."]}


def test_hidden_or_read_only_uploads_are_dropped() -> None:
    sent = MultiDict([("photo", upload("a.jpg"))])
    for setting in ({"conditional": {"hide": "=true"}}, {"readonly": True}):
        assert form_of(field("filepicker", "photo", **setting), files=sent).uploads == {}


def test_errors_of_the_factory_stand_at_their_field_or_above_the_form() -> None:
    form = issue(("lines", "0"), ("lines", "1"))
    form = form_of(*ISSUE, data={"lines": LINES})
    form.add_error("lines.1.quantityIssued", "Only 2 are left.")
    form.add_error("elsewhere", "The machine is gone.")
    form.add_error(None, "Try again.")
    assert form.errors == {
        "lines.1.quantityIssued": ["Only 2 are left."],
        "elsewhere": ["The machine is gone."],
        "": ["Try again."],
    }
    assert form.error_list[-1] == ("field-lines-1-quantityIssued", "Only 2 are left.")
