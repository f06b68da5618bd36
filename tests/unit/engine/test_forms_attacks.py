"""Forms against hostile schemas and submissions: nothing breaks, nothing forbidden comes out."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader
from werkzeug.datastructures import MultiDict

from app.engine.feel import Feel
from app.engine.forms import FormSchemaError, TaskForm, build_form, load_schema

FEEL = Feel()
TEMPLATES = Path(__file__).parents[3] / "app" / "templates"
PAGES = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
).from_string('{% from "forms/form.html" import render_fields %}{{ render_fields(form) }}')

SCHEMA = load_schema(
    {
        "components": [
            {
                "type": "textfield",
                "key": "name",
                "label": "Name",
                "validate": {"required": True, "maxLength": 20},
            },
            {
                "type": "number",
                "key": "count",
                "label": "Count",
                "decimalDigits": 0,
                "validate": {"min": 0, "max": 9},
            },
            {"type": "checkbox", "key": "urgent", "label": "Urgent"},
            {"type": "radio", "key": "kind", "label": "Kind", "values": ["a", 2, True]},
            {"type": "taglist", "key": "tags", "label": "Tags", "values": ["x", "y"]},
            {"type": "datetime", "key": "day", "label": "Day", "conditional": {"hide": "=not(urgent)"}},
            {"type": "textfield", "key": "fixed", "label": "Fixed", "readonly": True},
            {"type": "filepicker", "key": "photos", "label": "Photos", "multiple": True},
            {
                "type": "dynamiclist",
                "path": "lines",
                "label": "Lines",
                "properties": {"maxRows": "3"},
                "components": [
                    {"type": "textfield", "key": "id", "label": "Id", "readonly": True},
                    {"type": "number", "key": "cost.net", "label": "Net", "validate": {"required": True}},
                ],
            },
        ]
    }
)
DATA = {"fixed": "ours", "lines": [{"id": "L1"}, {"id": "L2"}]}

SCRIPT = "<script>alert(1)</script>"
QUOTES = "\"'><img src=x onerror=alert(1)>"


def shown(form: TaskForm) -> str:
    return PAGES.render(form=form)


# -- hostile schemas ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [SCRIPT, QUOTES, "{{ payload }}", "=payload"])
@pytest.mark.parametrize(
    "kind", ["textfield", "select", "radio", "checkbox", "number", "filepicker", "dynamiclist", "group"]
)
def test_scripts_in_texts_stay_text(kind: str, text: str) -> None:
    component = {
        "type": kind,
        "key": "a",
        "path": "a",
        "label": text,
        "description": text,
        "components": [],
        "defaultValue": text,
        "values": [{"value": text, "label": text}],
        "properties": {"addLabel": text},
        "validate": {"required": True},
        "conditional": {"hide": f'="{SCRIPT}" = "x"'},
    }
    form = build_form(
        load_schema({"components": [component]}), feel=FEEL, context={"payload": SCRIPT + QUOTES}
    )
    form.validate()
    assert "<script" not in shown(form)
    assert "<img" not in shown(form)


@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:alert(1))",
        "[x](JAVASCRIPT:alert(1))",
        "[x]( javascript:alert(1))",
        "[x](data:text/html,hi)",
        "[x](//evil.example)",
        '[x](https://a.example/"onmouseover=alert(1))',
        "[x](https://a.example/<)",
        "<a href='javascript:alert(1)'>x</a>",
        "<svg/onload=alert(1)>",
        "<<script>script>alert(1)<</script>/script>",
        "<script\n>alert(1)</script\n>",
        "**<b onclick=x>**",
        "\ue0000\ue001{{ payload }}",
    ],
)
@pytest.mark.parametrize(("kind", "setting"), [("text", "text"), ("html", "content")])
def test_texts_hold_no_markup_but_ours(kind: str, setting: str, text: str) -> None:
    try:
        schema = load_schema({"components": [{"type": kind, setting: text}]})
    except FormSchemaError:
        assert kind == "html"
        return
    html = shown(build_form(schema, feel=FEEL, context={"payload": "[x](https://evil.example) **b** <i>"}))
    assert "<script" not in html
    assert "<svg" not in html
    assert "<a " not in html
    assert "<i>" not in html
    assert "onclick=x>" not in html.replace("onclick=x&gt;", "")


def test_texts_may_be_bold_have_lists_and_web_links() -> None:
    text = "# Before you start\n**Lock** the machine:\n- red\n- blue\n\nSee [the manual](https://a.example/?a=1&b=2)."
    schema = load_schema({"components": [{"type": "text", "text": text}]})
    html = shown(build_form(schema, feel=FEEL))
    assert "<p><strong>Before you start</strong></p><p><strong>Lock</strong> the machine:</p>" in html
    assert "<ul><li>red</li><li>blue</li></ul>" in html
    assert '<a href="https://a.example/?a=1&amp;b=2" rel="noopener noreferrer">the manual</a>' in html


@pytest.mark.parametrize(
    "key", ["__proto__", "constructor", "prototype", "a.__proto__.b", "_add", "_remove", "toString"]
)
def test_keys_of_javascript_objects_are_refused(key: str) -> None:
    with pytest.raises(FormSchemaError):
        load_schema({"components": [{"type": "textfield", "key": key, "label": "x"}]})


def test_deeply_nested_json_is_refused_at_once() -> None:
    text = '{"components":[{"type":"group","components":[' * 20_000
    with pytest.raises(FormSchemaError):
        load_schema(text.encode())
    nested: dict[str, Any] = {}
    for _ in range(10_000):
        nested = {"type": "group", "components": [nested]}
    with pytest.raises(FormSchemaError):
        load_schema({"components": [nested]})


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
TYPES = (
    "textfield",
    "number",
    "select",
    "checklist",
    "datetime",
    "filepicker",
    "dynamiclist",
    "group",
    "text",
    "html",
    "table",
    "expression",
    "checkbox",
    "iframe",
)
SETTINGS = (
    "key",
    "path",
    "id",
    "label",
    "description",
    "validate",
    "conditional",
    "values",
    "valuesKey",
    "properties",
    "readonly",
    "defaultValue",
    "components",
    "columns",
    "layout",
    "appearance",
    "expression",
    "subtype",
    "text",
    "decimalDigits",
    "accept",
    "defaultRepetitions",
    "valuesExpression",
    "dataSource",
)
COMPONENTS = st.builds(
    lambda kind, rest: {**rest, "type": kind},
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(SETTINGS), ANY_JSON | st.just("name") | st.just("=a"), max_size=8),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(COMPONENTS, max_size=4))
def test_any_schema_is_read_or_refused_with_reasons(components: list[dict[str, Any]]) -> None:
    try:
        schema = load_schema({"components": components})
    except FormSchemaError as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert refused.problems and all(problem.message for problem in refused.problems)
        return
    form = build_form(schema, feel=FEEL, formdata=MultiDict())
    form.validate()
    json.dumps(form.values())
    assert "<script" not in shown(form)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(FormSchemaError):
        load_schema(data)


# -- hostile submissions -----------------------------------------------------------------------------


def check_forbidden(form: TaskForm) -> None:
    """What a valid form says is what its schema allows."""
    valid = form.validate()
    values = form.values()
    json.dumps(values, allow_nan=False).encode()
    assert "fixed" not in values
    assert set(values) <= {"name", "count", "urgent", "kind", "tags", "day", "photos", "lines"}
    ids = [row["id"] for row in values["lines"] if row["id"] is not None]
    assert sorted(ids) == sorted({*ids} & {"L1", "L2"}) or not valid
    shown(form)
    if not valid:
        assert form.errors
        return
    assert form.errors == {}
    assert 1 <= len(values["name"]) <= 20
    assert values["count"] is None or (type(values["count"]) is int and 0 <= values["count"] <= 9)
    assert type(values["urgent"]) is bool
    assert values["kind"] in (None, "a", 2, True)
    assert set(values["tags"]) <= {"x", "y"}
    assert ("day" in values) == values["urgent"]
    assert len(values["lines"]) <= 3
    assert all(set(row) == {"id", "cost"} and set(row["cost"]) == {"net"} for row in values["lines"])


NAMES = ("name", "count", "urgent", "kind", "tags", "day", "fixed", "photos")
FIELD_VALUES = (
    st.sampled_from(["", "a", "2", "true", "x", "5", "2026-01-01", True, 2, 3.5, None, [], ["x"], {}])
    | ANY_JSON
)
ROWS = st.lists(
    st.dictionaries(st.sampled_from(["id", "cost", "other"]), FIELD_VALUES | st.just({"net": 1}), max_size=3)
    | ANY_JSON,
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), FIELD_VALUES, max_size=8),
    st.none() | ROWS | ANY_JSON,
)
def test_any_json_is_answered_within_the_rules(values: dict[str, Any], rows: Any) -> None:
    sent = values if rows is None else {**values, "lines": rows}
    check_forbidden(build_form(SCHEMA, feel=FEEL, data=DATA, json=sent))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    *NAMES,
                    "lines",
                    "lines._shown",
                    "lines.0.cost.net",
                    "lines.1.cost.net",
                    "lines.0.id",
                    "lines.7.cost.net",
                ]
            ),
            st.sampled_from(["", "a", "0", "1", "7", "2", "true", "x", "-1", "2026-01-01"])
            | st.text(max_size=30),
        ),
        max_size=15,
    )
)
def test_any_page_is_answered_within_the_rules(pairs: list[tuple[str, str]]) -> None:
    form = build_form(SCHEMA, feel=FEEL, data={**DATA, "lines": []}, formdata=MultiDict(pairs))
    valid = form.validate()
    values = form.values()
    json.dumps(values, allow_nan=False).encode()
    shown(form)
    assert "fixed" not in values
    assert all(row["id"] is None for row in values["lines"])
    assert valid == (form.errors == {})


@settings(max_examples=100, deadline=None)
@given(
    name=st.text(alphabet=st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20),
    count=st.none() | st.integers(0, 9),
    urgent=st.booleans(),
    kind=st.sampled_from([None, "a", 2, True]),
    tags=st.sampled_from([[], ["x"], ["x", "y"]]),
    nets=st.lists(
        st.integers(-1000, 1000) | st.floats(-1e9, 1e9).map(lambda value: round(value, 4)), max_size=3
    ),
)
def test_valid_answers_come_back_as_they_were(
    name: str, count: int | None, urgent: bool, kind: Any, tags: list[str], nets: list[float]
) -> None:
    rows = [{"cost": {"net": net}} for net in nets]
    sent = {"name": name, "count": count, "urgent": urgent, "kind": kind, "tags": tags, "lines": rows}
    form = build_form(SCHEMA, feel=FEEL, json=sent)
    assert form.validate(), form.errors
    values = form.values()
    again = build_form(SCHEMA, feel=FEEL, json={k: v for k, v in values.items() if k != "photos"})
    assert again.validate()
    assert again.values() == values
    assert {key: values[key] for key in ("name", "count", "urgent", "kind", "tags")} == {
        key: sent[key] for key in ("name", "count", "urgent", "kind", "tags")
    }
    assert [row["cost"]["net"] for row in values["lines"]] == nets


@pytest.mark.parametrize("count", [501, 100_000])
def test_enormous_lists_are_refused_quickly(count: int) -> None:
    begun = time.perf_counter()
    form = build_form(SCHEMA, feel=FEEL, json={"name": "x", "lines": [{"cost": {"net": 1}}] * count})
    assert not form.validate()
    assert form.errors["lines"] == ["Lines must have at most 3 rows."]
    form = build_form(SCHEMA, feel=FEEL, formdata=MultiDict([("lines", str(n)) for n in range(count)]))
    assert not form.validate()
    assert form.errors["lines"] == ["Lines must have at most 3 rows."]
    assert time.perf_counter() - begun < 10


def test_lists_in_lists_do_not_multiply_without_end() -> None:
    note = {"type": "textfield", "key": "note", "label": "Note", "conditional": {"hide": "=count > 1"}}
    inner = {
        "type": "dynamiclist",
        "path": "parts",
        "label": "Parts",
        "components": [{"type": "number", "key": "count", "label": "Count"}, note],
    }
    outer = {"type": "dynamiclist", "path": "steps", "label": "Steps", "components": [inner]}
    schema = load_schema({"components": [outer]})
    parts = [("steps.{}.parts", str(part)) for part in range(500)]
    pages = [("steps", str(step)) for step in range(500)]
    pages += [(name.format(step), part) for step in range(500) for name, part in parts]
    pages += [(f"steps.{step}.parts.{part}.count", "1") for step in range(3) for part in range(500)]
    begun = time.perf_counter()
    for sent in (
        {"json": {"steps": [{"parts": [{"count": 1}] * 500}] * 500}},
        {"formdata": MultiDict(pages)},
    ):
        form = build_form(schema, feel=FEEL, **sent)
        assert not form.validate()
        assert set(map(tuple, form.errors.values())) == {
            ("Parts: a form can have at most 2,000 rows in all.",)
        }
        assert sum(1 + len(step["parts"]) for step in form.data["steps"]) == 2000
    assert time.perf_counter() - begun < 20


def test_huge_indices_and_numbers_do_no_harm() -> None:
    sent = MultiDict(
        [
            ("lines", "9" * 5000),
            ("lines", "-1"),
            ("lines", "0x1"),
            ("count", "9" * 100_000),
            ("name", "x" * 10**6),
        ]
    )
    form = build_form(SCHEMA, feel=FEEL, formdata=sent)
    assert not form.validate()
    assert form.values()["lines"] == []
    assert set(form.errors) == {"count", "name"}


# -- the page ----------------------------------------------------------------------------------------


def test_what_was_typed_is_shown_again_with_its_error() -> None:
    sent = MultiDict([("name", QUOTES), ("count", "twelve"), ("lines", "5"), ("lines.5.cost.net", "1..2")])
    form = build_form(SCHEMA, feel=FEEL, data=DATA, formdata=sent)
    form.validate()
    html = shown(form)
    assert 'value="twelve"' in html
    assert 'value="1..2"' in html
    assert 'name="lines.5.cost.net"' in html
    assert '<a href="#field-count">Count must be a whole number, such as 12.</a>' in html
    assert 'aria-invalid="true" aria-describedby="field-count-error"' in html
    assert "&#34;&#39;&gt;&lt;img" in html


def test_every_input_has_a_label_and_no_script_or_style_is_inline() -> None:
    html = shown(build_form(SCHEMA, feel=FEEL, data=DATA))
    for name in ("name", "count", "lines-0-cost-net"):
        assert f'for="field-{name}"' in html and f'id="field-{name}"' in html
    assert "<legend" in html and 'inputmode="numeric"' in html
    assert "style=" not in html and "onclick" not in html and "<script" not in html
    assert 'name="fixed"' not in html


def test_pages_get_only_what_their_conditions_use() -> None:
    schema = load_schema({"components": [{"type": "separator", "conditional": {"hide": "=level > 2"}}]})
    form = build_form(schema, feel=FEEL, context={"level": 1, "secret": "margin"}, data={"other": "secret"})
    assert form.live_context == {"level": 1}
    assert "secret" not in shown(form)


def test_pages_get_only_the_properties_that_their_conditions_use() -> None:
    request = {"priority": "HIGH", "cost": "secret", "machine": {"line": 4, "margin": "secret"}}
    stock = [{"open": 1, "cost": "secret"}, {"open": 0, "cost": "secret"}]
    row = {"type": "separator", "conditional": {"hide": "=this.left > 1 or parent.request.rush or i > 5"}}
    schema = load_schema(
        {
            "components": [
                {"type": "separator", "conditional": {"hide": '=request.priority = "LOW"'}},
                {"type": "separator", "conditional": {"hide": "=request.machine.line > 4"}},
                {"type": "separator", "conditional": {"hide": "=count(stock.open) > 2"}},
                {"type": "separator", "conditional": {"hide": "=count(parts[open > limit]) > 2"}},
                {"type": "dynamiclist", "path": "rows", "label": "Rows", "components": [row]},
            ]
        }
    )
    form = build_form(
        schema,
        feel=FEEL,
        context={"request": request, "stock": stock, "parts": [{"open": 1}], "limit": 2, "other": "secret"},
        data={"rows": [{"left": 1, "cost": "secret"}]},
    )
    assert form.live_context == {
        "limit": 2,
        "parts": [{"open": 1}],
        "request": {"machine": {"line": 4}, "priority": "HIGH"},
        "stock": [{"open": 1}, {"open": 0}],
    }
    assert form.known_of(form.items[-1].rows[0]) == {"left": 1}
    assert "secret" not in shown(form)


def test_files_that_are_attached_already_are_counted() -> None:
    photos = {"type": "filepicker", "key": "p", "label": "Photos", "validate": {"required": True}}
    schema = load_schema({"components": [photos]})
    html = shown(build_form(schema, feel=FEEL, data={"p": [1, 2]}))
    assert "2 files are already attached." in html
    assert ' required=""' not in html
    assert "1 file is already attached." in shown(build_form(schema, feel=FEEL, data={"p": [1]}))
    assert "already attached" not in shown(build_form(schema, feel=FEEL))


def test_photo_fields_offer_the_camera() -> None:
    schema = load_schema(
        {
            "components": [
                {"type": "filepicker", "key": "p", "label": "Photos", "accept": "image/*", "multiple": True}
            ]
        }
    )
    assert 'multiple="" accept="image/*" capture="environment"' in shown(build_form(schema, feel=FEEL))
