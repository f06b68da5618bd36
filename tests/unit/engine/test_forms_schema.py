"""Reading form-js schemas: what is understood, and what is refused with which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.engine.forms import FormProblem, FormSchemaError, load_schema

# As the form editor saves it: exporter, ids, layout and settings that do not matter here.
REPORT = {
    "schemaVersion": 16,
    "exporter": {"name": "form-js", "version": "1.10.0"},
    "type": "default",
    "id": "report_problem",
    "components": [
        {
            "type": "select",
            "id": "Field_1",
            "key": "machineId",
            "label": "Machine",
            "valuesKey": "machines",
            "layout": {"row": "Row_1", "columns": None},
            "validate": {"required": True},
        },
        {
            "type": "group",
            "id": "Field_2",
            "label": "What happened",
            "path": "fault",
            "components": [
                {
                    "type": "textarea",
                    "id": "Field_3",
                    "key": "description",
                    "label": "Description of {{machine.name}}",
                    "validate": {"required": True, "minLength": 10},
                },
                {
                    "type": "datetime",
                    "id": "Field_4",
                    "key": "since",
                    "dateLabel": "Since",
                    "subtype": "datetime",
                },
            ],
        },
        {
            "type": "dynamiclist",
            "id": "Field_5",
            "path": "steps",
            "label": "Steps",
            "conditional": {"hide": "=machineId = null"},
            "defaultRepetitions": 2,
            "properties": {"minRows": "1", "maxRows": "5"},
            "components": [
                {"type": "number", "key": "minutes", "label": "Minutes", "validate": {"max": "=shift * 60"}}
            ],
        },
        {"type": "button", "id": "Field_6", "label": "Submit", "action": "submit"},
    ],
}


def component(**settings: Any) -> dict[str, Any]:
    return {"type": "textfield", "id": "Field_x", "key": "note", "label": "Note", **settings}


def problems(schema: Any) -> list[FormProblem]:
    with pytest.raises(FormSchemaError) as caught:
        load_schema(schema)
    return caught.value.problems


def problem_of(**settings: Any) -> FormProblem:
    (problem,) = problems({"type": "default", "components": [component(**settings)]})
    return problem


def test_a_schema_of_the_editor_is_read_from_its_bytes() -> None:
    schema = load_schema(json.dumps(REPORT).encode())
    assert schema.id == "report_problem"
    assert [(field.path, field.type, field.required) for field in schema.fields] == [
        ("machineId", "select", True),
        ("fault.description", "textarea", True),
        ("fault.since", "datetime", False),
        ("steps", "dynamiclist", True),
        ("steps.minutes", "number", False),
    ]
    assert {field.variable for field in schema.fields} == {"machineId", "fault", "steps"}
    assert schema.option_keys == {"machines"}


def test_all_expressions_are_listed_with_their_place() -> None:
    assert load_schema(REPORT).expressions() == [
        ("fault.description.label", "machine.name"),
        ("steps.hide", "machineId = null"),
        ("minutes.max", "shift * 60"),
    ]


@pytest.mark.parametrize(
    ("settings", "expressions"),
    [
        ({"label": "=upper case(name)"}, ["upper case(name)"]),
        ({"description": "From {{ low }} to {{ high }}"}, ["low", "high"]),
        ({"readonly": "=done"}, ["done"]),
        ({"disabled": "=locked", "defaultValue": "=today"}, ["locked", "today"]),
        ({"type": "select", "valuesExpression": "=machines"}, ["machines"]),
        ({"properties": {"requiredIf": '=outcome = "reject"'}}, ['outcome = "reject"']),
        ({"type": "expression", "expression": "=a + b"}, ["a + b"]),
        ({"type": "text", "text": "Hello {{actor.name}}"}, ["actor.name"]),
        ({"type": "html", "content": "<p>{{a}}</p>"}, ["a"]),
        ({"type": "table", "dataSource": "=parts", "columns": [{"key": "a", "label": "A"}]}, ["parts"]),
        ({"validate": {"minLength": "=shortest", "maxLength": "=longest"}}, ["shortest", "longest"]),
    ],
)
def test_expressions_of_every_setting(settings: dict[str, Any], expressions: list[str]) -> None:
    schema = load_schema({"type": "default", "components": [component(**settings)]})
    assert [expression for _, expression in schema.expressions()] == expressions


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'"form"',
        b'{"components": NaN}',
        b"[" * 100_000,
        [],
        None,
        3,
        {"type": "other"},
    ],
)
def test_what_is_no_form_is_refused(data: Any) -> None:
    (problem,) = problems(data)
    assert problem.element is None
    assert problem.message


@pytest.mark.parametrize("components", ["x", {"a": 1}, [3], [None], [["x"]]])
def test_components_must_be_a_list_of_objects(components: Any) -> None:
    assert problems({"type": "default", "components": components})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"type": "iframe"}, "The component type “iframe” is not supported."),
        ({"type": None}, "The component type “none” is not supported."),
        ({"key": ""}, "The textfield has no key."),
        ({"key": 3}, "The textfield has no key."),
        ({"key": "two words"}, "“two words” cannot be a key."),
        ({"key": "__proto__"}, "“__proto__” cannot be a key."),
        ({"key": "a.constructor"}, "“a.constructor” cannot be a key."),
        ({"key": "lines.0"}, "“lines.0” cannot be a key."),
        ({"key": "a..b"}, "“a..b” cannot be a key."),
        ({"key": "outcome"}, "“outcome” cannot be a key."),
        ({"key": "csrf_token"}, "“csrf_token” cannot be a key."),
        ({"label": 7}, "The setting “label” must be a text of at most 500 characters."),
        ({"label": "x" * 501}, "The setting “label” must be a text of at most 500 characters."),
        ({"label": "{{#if a}}b{{/if}}"}, "“{{#if a}}” is not supported in texts."),
        ({"readonly": "yes"}, "“readonly” must be true, false, or an expression that begins with “=”."),
        ({"validate": "required"}, "The setting “validate” must be a JSON object."),
        ({"validate": {"required": "yes"}}, "“required” must be true, false, or an expression"),
        ({"key": "i"}, "“i” cannot be a key."),
        ({"type": "filepicker", "accept": "image/*, <b>"}, "“<b>” is no kind of file."),
        (
            {"type": "html", "content": "<p>a</p><SCRIPT src=x>"},
            "The HTML holds something that could run",
        ),
        ({"type": "html", "content": "<iframe>"}, "The HTML holds something that could run: “<iframe”."),
        ({"type": "html", "content": "<b\nonclick = 'x'>"}, "The HTML holds something that could run: “<b"),
        (
            {"type": "html", "content": "<a href='JavaScript:x'>"},
            "The HTML holds something that could run",
        ),
        ({"validate": {"minLength": -1}}, "“minLength” must be a whole number from 0 to 100000."),
        (
            {"validate": {"minLength": 9, "maxLength": 3}},
            "The minimum length is more than the maximum length.",
        ),
        ({"validate": {"pattern": "(a+)+$"}}, "The pattern cannot be used: "),
        ({"validate": {"pattern": "("}}, "The pattern cannot be used: it is not a regular expression."),
        (
            {"validate": {"validationType": "iban"}},
            "The validation type must be “email”, “phone” or “custom”.",
        ),
        ({"type": "number", "validate": {"min": 5, "max": 2}}, "The minimum is more than the maximum."),
        ({"type": "number", "validate": {"min": True}}, "“min” must be a number or an expression"),
        ({"type": "number", "decimalDigits": 1.5}, "“decimalDigits” must be a whole number from 0 to 10."),
        ({"type": "select"}, "No answers are offered."),
        (
            {"type": "radio", "values": [{"label": "A"}]},
            "Every answer offered must have a value and a label.",
        ),
        ({"type": "radio", "values": ["a", "a"]}, "The value “a” is offered twice."),
        ({"type": "datetime", "subtype": "week"}, "A date field asks for a date, a time, or both."),
        ({"type": "table"}, "The table has no columns."),
        ({"defaultValue": {"a": 1}}, "The default value must be a text"),
        ({"properties": {"x": ["y"]}}, "The custom property “x” must be a text."),
    ],
)
def test_what_is_wrong_is_said_with_the_component(settings: dict[str, Any], message: str) -> None:
    problem = problem_of(**settings)
    assert problem.element == "Field_x"
    assert problem.message.startswith(message)


@pytest.mark.parametrize(
    "settings",
    [
        {"type": "html", "content": "<p>Press <b>on</b> = start; the form is on the wall</p>"},
        {"type": "html", "content": "2 < 3, on = 1"},
        {"type": "filepicker", "accept": ".pdf, image/*,application/vnd.ms-excel, */*"},
        {"validate": {"required": "=a > 1"}},
    ],
)
def test_what_is_harmless_is_accepted(settings: dict[str, Any]) -> None:
    load_schema({"components": [component(**settings)]})


def test_rows_need_sensible_limits() -> None:
    rows = component(
        type="dynamiclist", path="rows", components=[], properties={"minRows": "3", "maxRows": "2"}
    )
    assert problems({"components": [rows]})[0].message == "“minRows” is more than “maxRows”."


@pytest.mark.parametrize(("one", "other"), [("a", "a"), ("a", "a.b"), ("a.b", "a")])
def test_two_fields_cannot_share_a_value(one: str, other: str) -> None:
    found = problems({"components": [component(key=one), component(key=other, id="Field_y")]})
    assert [problem.element for problem in found] == ["Field_y"]


def test_rows_have_keys_of_their_own() -> None:
    rows = component(type="dynamiclist", path="rows", components=[component(key="note")])
    fields = load_schema({"components": [component(), rows]}).fields
    assert [field.path for field in fields] == ["note", "rows", "rows.note"]


def test_limits_on_size_number_and_depth() -> None:
    assert "512 kB" in problems(b" " * (512 * 1024 + 1))[0].message
    assert "512 kB" in problems({"components": [component(custom="y" * 600_000)]})[0].message
    many = [component(key=f"a{number}") for number in range(501)]
    assert "at most 500" in problems({"components": many})[0].message
    load_schema({"components": many[:500]})
    nested: dict[str, Any] = component()
    for _ in range(8):
        nested = {"type": "group", "components": [nested]}
    assert "levels" in problems({"components": [nested]})[0].message
    load_schema({"components": nested["components"]})


@pytest.mark.parametrize(
    "settings",
    [
        {"label": "Half \ud83d"},
        {"properties": {"addLabel": "\udfff"}},
        {"description": "{{ \ud800 }}"},
        {"type": "select", "values": [{"value": "a", "label": "\ud800"}]},
        {"unknown": {"\ud800": 1}},
    ],
)
def test_half_characters_are_refused(settings: dict[str, Any]) -> None:
    schema = {"components": [component(**settings)]}
    for given in (schema, json.dumps(schema).encode()):
        (problem,) = problems(given)
        assert problem.message == "A text of the form has half a character in it, which no page can show."
        problem.hint.encode()


@pytest.mark.parametrize(
    "number",
    [10**5000, -(10**5000), float("nan"), float("inf"), 1e300],
    ids=["huge", "low", "nan", "inf", "1e300"],
)
def test_numbers_that_are_none_or_without_measure_are_refused(number: float) -> None:
    for settings in (
        {"defaultValue": number},
        {"type": "dynamiclist", "path": "rows", "properties": {"minRows": number}},
        {"type": "select", "values": [{"value": number, "label": "x"}]},
        {"validate": {"minLength": number}},
    ):
        (problem,) = problems({"components": [component(**settings)]})
        assert problem.message == "A number of the form is too large, or is none."
    assert problems(b'{"components": [{"type": "number", "key": "a", "defaultValue": 1e999}]}')


def test_all_problems_are_found_at_once_within_reason() -> None:
    found = problems({"components": [component(key=f"bad {number}") for number in range(200)]})
    assert len(found) == 50


@pytest.mark.parametrize(
    "pattern", [r"^[A-Z]{2}-\d{4}$", r"^(AB|CD)\d+$", r"^\d+(\.\d{2})?$", r"(?<year>\d{4})", r"a\-b"]
)
def test_ordinary_patterns_are_fine(pattern: str) -> None:
    assert load_schema({"components": [component(validate={"pattern": pattern})]})


@pytest.mark.parametrize(
    "pattern", [r"(a|a)*", r"(a*)*b", r"(x+x+)+y", r"((ab)+)+", r"(a{1,9})+", r"(.)\1+", r"(?:a+)+"]
)
def test_patterns_that_may_take_forever_are_refused(pattern: str) -> None:
    assert problem_of(validate={"pattern": pattern}).message.startswith("The pattern cannot be used")
