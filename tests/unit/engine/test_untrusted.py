"""Process files by an attacker: each ends soon, in a clear problem or as something inert.

Every row of the table is a whole folder of process files. None may take long, raise, reach the
host, or leave the engine worse than it was.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.engine.check import check_files
from app.engine.core import ProcessEngine
from app.processes import WORKFLOWS, read_folder
from tests.support import repair

# Of computing, in this process; how busy the machine is otherwise says nothing about the files.
SECONDS = 2.0
MARKER = Path("/tmp/millwright-was-here")  # noqa: S108 - what an attack would leave behind
TOUCH = f"__import__('pathlib').Path('{MARKER}').touch()"
SPIN = "count(for a in 1..99999, b in 1..99999 return a * b)"
GROW = "for x in 1..100000000 return [x, x, x, x, x, x, x, x]"
DEEP = "(" * 3000 + "1" + ")" * 3000
RECURSE = "{f: function(n) f(n + 1), r: f(1)}.r"
BACKTRACK = 'matches("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "^(a+)+$")'
PROTO = '{"__proto__": {"polluted": true}}'
HTML = "<script>alert(1)</script><img src=x onerror=alert(1)>"
POP = "alert(1)"
YAML_LAUGHS = b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
YAML_OBJECT = b"!!python/object/apply:os.system ['touch /tmp/millwright-was-here']"
CONDITION = '=outcome = "back"'
SCRIPT = "=if tries = null then 1 else tries + 1"
TIMER = '="R/" + rule.within'
TITLE = "=request.title"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def engine() -> Iterator[ProcessEngine]:
    made = repair.engine()
    yield made
    made.feel.close()


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def swap(old: str, new: str) -> Files:
    """The process with a text of its diagram replaced."""
    assert old in repair.BPMN
    return {**repair.files(), "repair.bpmn": repair.BPMN.replace(old, new).encode()}


def condition(text: str) -> Files:
    return swap(CONDITION, escaped(text))


def script(text: str) -> Files:
    return swap(SCRIPT, escaped(text))


def timer(text: str) -> Files:
    return swap(TIMER, escaped(text))


def value(text: str) -> Files:
    return swap(TITLE, escaped(text))


def cell(test: str = "", output: str = '"PT4H"') -> Files:
    return {**repair.files(), "policy.dmn": repair.dmn([[test, output, "1"]])}


def form(**settings: object) -> Files:
    return {**repair.files(), "fix.form": repair.form(repair.field("cause", **settings))}


def prolog(text: str, entity: str = "") -> Files:
    """The diagram with a document type before it, and an entity used in a name."""
    data = repair.BPMN.replace(HEAD, HEAD + text).replace('name="Fix it"', f'name="{entity or "Fix it"}"')
    return {**repair.files(), "repair.bpmn": data.encode()}


def file(name: str, data: bytes) -> Files:
    return {**repair.files(), name: data}


def recoded(encoding: str, declared: str = "") -> Files:
    text = repair.BPMN.replace("UTF-8", declared or encoding)
    return file("repair.bpmn", text.encode(encoding))


def utf_7() -> Files:
    """A document type whose letters only show once the encoding is undone."""
    data = prolog(LAUGHS, "&a11;")["repair.bpmn"].replace(b"UTF-8", b"UTF-7")
    return file("repair.bpmn", data.replace(b"<!", b"+ADwAIQ-"))


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("../../evil.bpmn", repair.BPMN)
    return buffer.getvalue()


def many(count: int, one: Callable[[int], str]) -> Files:
    """The process with many more elements."""
    return swap("</bpmn:process>", "".join(one(n) for n in range(count)) + "</bpmn:process>")


def chain(count: int) -> Files:
    """The process with a long chain of steps before its end."""
    steps = "".join(
        f'<bpmn:exclusiveGateway id="x{n}"/>'
        f'<bpmn:sequenceFlow id="y{n}" sourceRef="x{n}" targetRef="x{n + 1}"/>'
        for n in range(count)
    ).replace(f"x{count}", "finished")
    text = repair.BPMN.replace('targetRef="finished"', 'targetRef="x0"')
    return file("repair.bpmn", text.replace("</bpmn:process>", f"{steps}</bpmn:process>").encode())


def nested(depth: int) -> Files:
    inner = "".join(f'<bpmn:subProcess id="s{n}">' for n in range(depth))
    return swap("</bpmn:process>", inner + "</bpmn:subProcess>" * depth + "</bpmn:process>")


def components(depth: int) -> bytes:
    text = '{"type":"group","id":"g","components":['
    return ('{"type":"default","components":[' + text * depth + "]}" * depth + "]}").encode()


def documented(text: str) -> Files:
    return documented_by_elements(escaped(text))


def documented_by_elements(text: str) -> Files:
    within = "<bpmn:extensionElements>"
    return swap(within, f"<bpmn:documentation>{text}</bpmn:documentation>{within}")


def in_table(old: str, new: str) -> Files:
    text = repair.dmn().decode()
    assert old in text
    return {**repair.files(), "policy.dmn": text.replace(old, new).encode()}


def annotated(text: str) -> Files:
    return in_table("</rule>", f"<annotationEntry><text>{escaped(text)}</text></annotationEntry></rule>")


def rows(count: int) -> Files:
    return {**repair.files(), "policy.dmn": repair.dmn([["", '"PT4H"', "1"]] * count)}


def wide(count: int) -> Files:
    table = repair.dmn([["", *['"x"'] * count]], outputs=[f"o{n}" for n in range(count)])
    return {**repair.files(), "policy.dmn": table}


def fields(count: int) -> Files:
    return {**repair.files(), "fix.form": repair.form(*(repair.field(f"f{n}") for n in range(count)))}


def shown(kind: str, **settings: object) -> Files:
    """A form with something that people only look at."""
    component = {"type": kind, "id": "shown", **settings}
    return {**repair.files(), "fix.form": repair.form(repair.field("cause"), component)}


def options(values: list[dict[str, str]]) -> Files:
    return {**repair.files(), "fix.form": repair.form(repair.field("cause", "select", values=values))}


def columns(label: str) -> Files:
    return shown("table", label=label, dataSource="=[]", columns=[{"label": label, "key": "x"}])


LAUGHS = (
    "<!DOCTYPE d [<!ENTITY a0 'ha'>"
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    + "]>"
)

# What is attacked, and the code of the problem it ends in; None for what is inert.
ATTACKS: list[tuple[str, Callable[[], Files], str | None]] = [
    # Python, wherever there is a place for it
    ("python condition", lambda: condition(f"={TOUCH}"), "python"),
    ("python import in a condition", lambda: condition("import os"), "unknown-variable"),
    ("python call in a condition", lambda: condition('=open("/etc/passwd").read()'), "unknown-function"),
    ("python eval in a condition", lambda: condition('=eval("1")'), "unknown-function"),
    ("python subclass walk", lambda: condition("=().__class__.__bases__[0].__subclasses__()"), "python"),
    ("python lambda", lambda: condition("=(lambda: 1)()"), "python"),
    ("python comprehension", lambda: condition("=[x for x in range(3)]"), "python"),
    ("python f-string", lambda: value("=f'{request}'"), "python"),
    ("python walrus", lambda: condition("=(x := 1)"), "feel-syntax"),
    ("python script", lambda: script(f"import os\nos.system('touch {MARKER}')"), "python"),
    ("python script format", lambda: swap('scriptFormat="feel"', 'scriptFormat="text/python"'), "not-feel"),
    (
        "javascript script format",
        lambda: swap('scriptFormat="feel"', 'scriptFormat="javascript"'),
        "not-feel",
    ),
    ("python timer", lambda: timer(f"={TOUCH}"), "python"),
    ("python spiff timer", lambda: timer("=timedelta(hours=1)"), "unknown-function"),
    ("python input", lambda: value(f"={TOUCH}"), "python"),
    ("python due time", lambda: swap('"=rule.within"', f'"={TOUCH}"'), "python"),
    ("python assignment", lambda: script("x = [1]; x += x"), "python"),
    ("python form", lambda: form(conditional={"hide": f"={TOUCH}"}), "python"),
    ("python template", lambda: form(description="{{" + TOUCH + "}}"), "python"),
    (
        "jinja template",
        lambda: form(description="{{ config.__class__.__init__.__globals__ }}"),
        "reserved-name",
    ),
    ("python cell", lambda: cell(TOUCH), "python"),
    ("python output cell", lambda: cell(output=TOUCH), "python"),
    (
        "python expression language",
        lambda: swap('id="definitions"', 'id="definitions" expressionLanguage="python"'),
        "not-feel",
    ),
    (
        "spiff pre-script",
        lambda: swap(
            "<bpmn:extensionElements>",
            "<bpmn:extensionElements><spiffworkflow:preScript>x</spiffworkflow:preScript>",
        ),
        "foreign-code",
    ),
    ("camunda class", lambda: swap('name="Close" ', 'name="Close" camunda:class="x.Y" '), "foreign-code"),
    (
        "camunda expression",
        lambda: swap('name="Close" ', 'name="Close" camunda:expression="${x}" '),
        "foreign-code",
    ),
    ("dotted service", lambda: swap('"request.close"', '"os.system"'), "unknown-service"),
    ("service by attribute", lambda: swap('"request.close"', '"__class__"'), "unknown-service"),
    # XML
    (
        "external entity",
        lambda: prolog('<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;"),
        "not-parsable",
    ),
    (
        "http entity",
        lambda: prolog('<!DOCTYPE d [<!ENTITY x SYSTEM "http://127.0.0.1:9/">]>', "&x;"),
        "not-parsable",
    ),
    (
        "parameter entity",
        lambda: prolog('<!DOCTYPE d [<!ENTITY % x SYSTEM "file:///dev/zero"> %x;]>'),
        "not-parsable",
    ),
    ("billion laughs", lambda: prolog(LAUGHS, "&a11;"), "not-parsable"),
    (
        "quadratic blow-up",
        lambda: prolog(f'<!DOCTYPE d [<!ENTITY a "{"a" * 50000}">]>', "&a;" * 5000),
        "not-parsable",
    ),
    ("doctype", lambda: prolog("<!DOCTYPE definitions>"), "not-parsable"),
    ("doctype from afar", lambda: prolog('<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd">'), "not-parsable"),
    ("doctype in utf-7", utf_7, "not-parsable"),
    ("unknown entity", lambda: prolog("", "&x;"), "not-parsable"),
    (
        "xinclude",
        lambda: swap(
            "</bpmn:process>",
            '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd"/></bpmn:process>',
        ),
        None,
    ),
    (
        "stylesheet instruction",
        lambda: prolog('<?xml-stylesheet href="http://127.0.0.1:9/x.xsl"?>'),
        "not-parsable",
    ),
    (
        "php instruction",
        lambda: swap("</bpmn:process>", "<?php system('id') ?></bpmn:process>"),
        "not-parsable",
    ),
    (
        "schema location",
        lambda: swap(
            'id="definitions"',
            'id="definitions" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="x http://127.0.0.1:9/"',
        ),
        None,
    ),
    (
        "bpmn import",
        lambda: swap(
            '<bpmn:message id="m_go"',
            '<bpmn:import importType="x" location="file:///etc/hosts" namespace="n"/><bpmn:message id="m_go"',
        ),
        None,
    ),
    (
        "entity in a table",
        lambda: file("policy.dmn", b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>'),
        "not-dmn",
    ),
    (
        "deep xml",
        lambda: swap("</bpmn:process>", "<a>" * 5000 + "</a>" * 5000 + "</bpmn:process>"),
        "not-parsable",
    ),
    ("deep subprocesses", lambda: nested(40), "no-start"),
    ("huge xml", lambda: file("repair.bpmn", repair.BPMN.encode() + b" " * 3_000_000), "not-parsable"),
    ("huge set of files", lambda: file("x.form", b"[" * 9_000_000), "too-large"),
    ("very many files", lambda: repair.files() | {f"f{n}.form": b"{}" for n in range(2000)}, "too-large"),
    ("very many elements", lambda: many(30_000, lambda n: f'<bpmn:task id="n{n}"/>'), "too-large"),
    (
        "very many flows",
        lambda: many(20_000, lambda n: f'<bpmn:sequenceFlow id="n{n}" sourceRef="to_do" targetRef="fix"/>'),
        "too-many-problems",
    ),
    (
        "very many attributes",
        lambda: swap('name="Fix it"', " ".join(f'a{n}="x"' for n in range(20_000))),
        "not-parsable",
    ),
    (
        "very many unknown things",
        lambda: many(2000, lambda n: f'<bpmn:callActivity id="n{n}"/>'),
        "too-many-problems",
    ),
    ("long chain", lambda: chain(1900), "not-runnable"),
    ("long name", lambda: swap('name="Fix it"', f'name="{"x" * 500_000}"'), None),
    ("long id", lambda: swap('"told"', f'"{"x" * 50_000}"'), "id-invalid"),
    # encodings and things that are something else
    ("utf-16", lambda: recoded("utf-16"), "not-parsable"),
    ("utf-32", lambda: recoded("utf-32"), "not-parsable"),
    ("ebcdic", lambda: recoded("cp037", "IBM037"), "not-parsable"),
    (
        "broken utf-8",
        lambda: file("repair.bpmn", repair.BPMN.encode().replace(b"Fix it", b"\xff\xfe\xc0")),
        "not-parsable",
    ),
    ("unknown encoding", lambda: recoded("utf-8", "klingon"), "not-parsable"),
    (
        "nul bytes",
        lambda: file("repair.bpmn", repair.BPMN.encode().replace(b"Fix it", b"\0")),
        "not-parsable",
    ),
    ("empty file", lambda: file("repair.bpmn", b""), "not-parsable"),
    ("zip bytes", lambda: file("repair.bpmn", archive()), "not-parsable"),
    ("zip file", lambda: file("repair.zip", archive()), "unused-file"),
    ("elf bytes", lambda: file("fix.form", b"\x7fELF\x02\x01\x01" + b"\0" * 100), "bad-form"),
    ("broken utf-8 form", lambda: file("fix.form", b'{"a": "\xff"}'), "bad-form"),
    ("deep json", lambda: file("fix.form", b"[" * 100_000), "bad-form"),
    ("deep form", lambda: file("fix.form", components(300)), "bad-form"),
    ("huge number", lambda: file("fix.form", b"1" * 400_000), "bad-form"),
    ("not a number", lambda: form(validate={"max": float("nan")}), "bad-form"),
    ("bpmn as a table", lambda: file("policy.dmn", repair.BPMN.encode()), "not-dmn"),
    # endless expressions
    ("endless condition", lambda: condition(f"={SPIN} > 1"), "too-slow"),
    ("endless timer", lambda: timer(f"=string({SPIN})"), "too-slow"),
    ("endless script", lambda: script(f"={SPIN}"), None),
    ("endless input", lambda: value(f"=string({SPIN})"), None),
    ("endless due time", lambda: swap('"=rule.within"', f'"=string({SPIN})"'), "too-slow"),
    ("endless cell", lambda: cell(f"{SPIN}, 1"), None),
    ("endless form", lambda: form(conditional={"hide": f"={SPIN} > 1"}), None),
    ("growing condition", lambda: condition(f"=count({GROW}) > 1"), "too-slow"),
    ("growing cell", lambda: cell(output=GROW), None),
    ("recursion", lambda: condition(f"={RECURSE} = 1"), "unknown-function"),
    ("deep expression", lambda: condition(f"={DEEP} = 1"), "feel-syntax"),
    ("deep cell", lambda: cell(DEEP), "feel-syntax"),
    ("deep form expression", lambda: form(conditional={"hide": f"={DEEP} = 1"}), "feel-syntax"),
    ("slow to read", lambda: condition("=" + "{a:" * 4000), "too-slow"),
    ("long expression", lambda: condition("=1" + " + 1" * 9000), "feel-syntax"),
    (
        "many that are slow to read",
        lambda: (
            repair.files()
            | {
                "fix.form": repair.form(
                    *(repair.field(f"f{n}", conditional={"hide": "=" + f"{{a{n}:" * 1600}) for n in range(30))
                )
            }
        ),
        "too-many-expressions",
    ),
    (
        "very many expressions",
        lambda: (
            repair.files()
            | {"policy.dmn": repair.dmn([[f"string length(?) > {n}", f'"{n}"', str(n)] for n in range(2000)])}
        ),
        "too-many-expressions",
    ),
    ("regex backtracking", lambda: condition(f"={BACKTRACK}"), "too-slow"),
    ("regex backtracking in a form", lambda: form(validate={"pattern": "^(a+)+$"}), "bad-form"),
    ("huge power", lambda: condition("=9 ** 9 ** 9 ** 9 > 1"), None),
    (
        "huge repeat",
        lambda: condition('=string length(string join(for x in 1..9999999 return "aaaaaaaa")) > 1'),
        "too-slow",
    ),
    ("huge duration", lambda: timer('="R/P99999999999999Y"'), "bad-timer"),
    (
        "far date",
        lambda: swap(
            '<bpmn:timeCycle>="R/" + rule.within</bpmn:timeCycle>',
            '<bpmn:timeDuration>="P9999Y"</bpmn:timeDuration>',
        ),
        "bad-timer",
    ),
    ("timer without a pause", lambda: timer('="R/PT0S"'), "bad-timer"),
    ("loop without a pause", lambda: swap('targetRef="told"', 'targetRef="tell"'), "endless-loop"),
    # names that reach into JavaScript or Python objects
    ("prototype in an expression", lambda: value("=request.__proto__.polluted"), "reserved-name"),
    (
        "constructor in an expression",
        lambda: value('=request.constructor.constructor("return 1")()'),
        "reserved-name",
    ),
    (
        "prototype as a result",
        lambda: swap('resultVariable="tries"', 'resultVariable="__proto__"'),
        "bad-variable",
    ),
    ("prototype as a key", lambda: file("fix.form", repair.form(repair.field("__proto__"))), "bad-form"),
    (
        "prototype in a form",
        lambda: file("fix.form", b'{"type":"default","components":[],"__proto__":{"x":1}}'),
        "unknown-variable",
    ),
    ("prototype in a context", lambda: value(f"=string({PROTO})"), None),
    ("prototype as an id", lambda: swap('"finished"', '"__proto__"'), None),
    ("dunder as an id", lambda: swap('"finished"', '"__class__"'), None),
    ("reserved id", lambda: swap('"told"', '"Root"'), "id-reserved"),
    # what is shown to people
    ("script in a name", lambda: swap('name="Fix it"', f'name="{escaped(HTML)}"'), None),
    ("script in a label", lambda: form(label=HTML), None),
    ("script in an outcome", lambda: swap('label="Done"', f'label="{escaped(HTML)}"'), None),
    ("control characters in a name", lambda: form(label="\x1b[31mred\x07‮gnp"), None),
    ("javascript link", lambda: form(description="[x](javascript:alert(1))"), None),
    ("script in the process's name", lambda: swap('name="Repair"', f'name="{escaped(HTML)}"'), None),
    ("script in a flow's name", lambda: swap('name="Yes"', f'name="{escaped(HTML)}"'), None),
    ("script in a lane's name", lambda: swap('name="Technician"', f'name="{escaped(HTML)}"'), None),
    ("script in a documentation", lambda: documented(HTML), None),
    ("markup as elements in a documentation", lambda: documented_by_elements(HTML), "not-parsable"),
    ("drawing in a documentation", lambda: documented(f'<svg onload="{POP}"/>'), None),
    ("script in a message", lambda: swap('name="go on"', f'name="{escaped(HTML)}"'), None),
    ("script in a decision's name", lambda: in_table('name="Policy"', f'name="{escaped(HTML)}"'), None),
    (
        "script in a column's label",
        lambda: in_table('label="request.priority"', f'label="{escaped(HTML)}"'),
        None,
    ),
    ("script in an annotation", lambda: annotated(HTML), None),
    ("script in a result", lambda: cell(output=json.dumps(HTML)), None),
    ("script in a field's description", lambda: form(description=HTML), None),
    ("script in an option", lambda: options([{"label": HTML, "value": HTML}]), None),
    ("script in a heading of a table", lambda: columns(HTML), None),
    ("script in a text", lambda: shown("text", text=HTML), "bad-form"),
    ("script in a page", lambda: shown("html", content=HTML), "bad-form"),
    ("frame in a page", lambda: shown("html", content='<iframe src="//evil.example"></iframe>'), "bad-form"),
    ("style in a page", lambda: shown("html", content="<style>body{display:none}</style>"), "bad-form"),
    ("drawing in a page", lambda: shown("html", content=f'<svg><a onclick="{POP}">x</a></svg>'), "bad-form"),
    ("handler in a page", lambda: shown("html", content=f'<b onclick="{POP}">x</b>'), "bad-form"),
    ("style of an element in a page", lambda: shown("html", content='<b style="position:fixed">x</b>'), None),
    (
        "form in a page",
        lambda: shown("html", content='<form action="//evil.example"><input></form>'),
        "bad-form",
    ),
    ("data link", lambda: shown("text", text="[x](data:text/html;base64,PHNjcmlwdD4=)"), None),
    ("javascript link in capitals", lambda: shown("text", text="[x](JaVaScRiPt:alert(1))"), None),
    ("javascript link with a tab", lambda: shown("text", text="[x](java\tscript:alert(1))"), None),
    (
        "link out of its quotation marks",
        lambda: shown("text", text='[x](https://a.example/"onclick="alert(1))'),
        None,
    ),
    ("picture from afar", lambda: shown("image", source="https://evil.example/x.png"), "bad-form"),
    ("picture by a script", lambda: shown("image", source="javascript:alert(1)"), "bad-form"),
    (
        "picture from afar in a text",
        lambda: shown("text", text="![x](https://evil.example/x.png)"),
        "bad-form",
    ),
    (
        "picture from afar in a page",
        lambda: shown("html", content='<img src="//evil.example/x">'),
        "bad-form",
    ),
    (
        "background of a page",
        lambda: shown("html", content='<b style="background:url(//evil.example)">'),
        "bad-form",
    ),
    (
        "picture that is a drawing",
        lambda: shown("image", source="data:image/svg+xml,<svg onload='alert(1)'/>"),
        None,
    ),
    ("frame as a component", lambda: shown("iframe", url="https://evil.example"), "bad-form"),
    ("document from afar", lambda: shown("documentPreview", dataSource="=x"), "bad-form"),
    ("button with an action", lambda: shown("button", label="x", action="https://evil.example"), None),
    ("css of a component", lambda: form(style="background:url(//evil.example)"), None),
    ("css in a layout", lambda: form(layout={"columns": "1}body{display:none}"}), None),
    # what forms of other products run
    ("code for a value", lambda: form(calculateValue="value = fetch('//evil.example')"), None),
    ("code for a check", lambda: form(validate={"custom": "valid = eval('1')"}), None),
    ("condition of form.io", lambda: form(conditional={"show": True, "when": "a", "eq": "b"}), None),
    ("code for a condition", lambda: form(customConditional="show = eval('1')"), None),
    ("expression component", lambda: form(type="expression", expression=f"={TOUCH}"), "python"),
    ("script component", lambda: shown("script", script="alert(1)"), "bad-form"),
    # every limit, and one more
    ("a form too large", lambda: shown("text", text="x" * 600_000), "bad-form"),
    ("a component too many", lambda: fields(501), "bad-form"),
    (
        "an option too many",
        lambda: options([{"label": str(n), "value": str(n)} for n in range(2001)]),
        "bad-form",
    ),
    ("a rule too many", lambda: rows(2001), "not-dmn"),
    ("a column too many", lambda: wide(51), "not-dmn"),
    ("an element too many", lambda: many(2001, lambda n: f'<bpmn:task id="n{n}"/>'), "too-large"),
    ("a file too many", lambda: repair.files() | {f"f{n}.form": b"{}" for n in range(97)}, "too-large"),
    (
        "an attribute too many",
        lambda: swap('name="Fix it"', " ".join(f'a{n}="x"' for n in range(201))),
        "not-parsable",
    ),
    (
        "a level too many",
        lambda: swap("</bpmn:process>", "<a>" * 60 + "</a>" * 60 + "</bpmn:process>"),
        "not-parsable",
    ),
    ("a table too large", lambda: file("policy.dmn", repair.dmn() + b" " * 2_100_000), "not-dmn"),
    ("a pattern too long", lambda: form(validate={"pattern": "a" * 501}), "bad-form"),
    ("a long documentation", lambda: documented("x" * 500_000), None),
    ("a huge attribute", lambda: swap('name="Late"', f'name="{"x" * 1_500_000}"'), None),
    ("scenarios too large", lambda: file("scenarios.yaml", b"#" * 600_000), "bad-scenarios"),
    ("scenarios with references", lambda: file("scenarios.yaml", YAML_LAUGHS), "bad-scenarios"),
    ("scenarios that make objects", lambda: file("scenarios.yaml", YAML_OBJECT), "bad-scenarios"),
    # file names
    (
        "letters that run backwards in a name",
        lambda: file("x\u202emrof.form", repair.form()),
        "bad-file-name",
    ),
    ("letters that are not seen in a name", lambda: file("fi\u200bx.form", repair.form()), "bad-file-name"),
    ("escape sequence in a name", lambda: file("\x1b]0;x\x07.form", repair.form()), "bad-file-name"),
    ("device as a name", lambda: file("CON.form", repair.form()), "bad-file-name"),
    ("device as a name in small letters", lambda: file("lpt1.x.dmn", repair.dmn()), "bad-file-name"),
    ("the same name in capitals", lambda: file("FIX.form", repair.form()), "duplicate-file"),
    ("the same name in a folder", lambda: file("forms/fix.form", repair.form()), "duplicate-file"),
    ("markup as a name", lambda: file("<img src=x onerror=alert(1)>.form", repair.form()), None),
    ("name of the parent only", lambda: file("...form", repair.form()), None),
    ("name above", lambda: file("../../etc/cron.d/x.form", repair.form()), "bad-file-name"),
    ("absolute name", lambda: file("/etc/x.form", repair.form()), "bad-file-name"),
    ("windows name", lambda: file("..\\x.form", repair.form()), "bad-file-name"),
    ("nul in a name", lambda: file("x\0.form", repair.form()), "bad-file-name"),
    ("newline in a name", lambda: file("x\n.form", repair.form()), "bad-file-name"),
    ("surrogate in a name", lambda: file("x\udcff.form", repair.form()), "bad-file-name"),
    ("long file name", lambda: file("x" * 5000 + ".form", repair.form()), "bad-file-name"),
    ("nameless file", lambda: file("", b""), "bad-file-name"),
]


@pytest.mark.parametrize(("make", "code"), [row[1:] for row in ATTACKS], ids=[row[0] for row in ATTACKS])
def test_an_attack_ends_soon_and_clearly(
    engine: ProcessEngine, make: Callable[[], Files], code: str | None
) -> None:
    files = make()
    began = time.process_time()
    problems = check_files(engine, files, known_messages=repair.MESSAGES)
    assert time.process_time() - began < SECONDS
    codes = {problem.code for problem in problems if problem.is_error or code == problem.code}
    assert (code in codes) if code else not codes, [str(problem) for problem in problems]
    assert "check-failed" not in codes
    assert "root:" not in json.dumps([problem.as_dict() for problem in problems])
    assert not MARKER.exists()
    assert engine.feel.evaluate("1+1") == 2


def test_there_are_many_attacks() -> None:
    assert len(ATTACKS) >= 170
    assert len({name for name, _, _ in ATTACKS}) == len(ATTACKS)


def test_texts_of_problems_are_short_and_can_be_shown(engine: ProcessEngine) -> None:
    files = swap('targetRef="told"', f'targetRef="{"n" * 100_000}"')
    files["\x1b]0;x\x07.form"] = b"{"
    for problem in check_files(engine, files):
        texts = (problem.file, problem.element or "", problem.element_name, problem.message, problem.hint)
        assert all(text.isprintable() and len(text) <= 600 for text in texts)


# -- anything at all -------------------------------------------------------------------------------

SHIPPED = {
    name: data
    for folder in sorted(WORKFLOWS.iterdir())
    if folder.is_dir()
    for name, data in read_folder(folder).items()
}
NAMES = st.sampled_from([*sorted(SHIPPED), "x.bpmn", "y.dmn", "z.form"])
ANYTHING = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@ANYTHING
@given(files=st.dictionaries(st.one_of(NAMES, st.text(max_size=20)), st.binary(max_size=300), max_size=4))
def test_arbitrary_bytes_never_raise(engine: ProcessEngine, files: Files) -> None:
    for problem in check_files(engine, files):
        json.dumps(problem.as_dict())
        assert problem.code != "check-failed", problem


@ANYTHING
@given(
    name=st.sampled_from(sorted({**repair.files(), **SHIPPED})),
    changes=st.lists(
        st.tuples(
            st.floats(0, 1),
            st.integers(0, 40),
            st.one_of(
                st.binary(max_size=6),
                st.sampled_from(
                    [
                        b'"',
                        b"<",
                        b">",
                        b"=",
                        b"/>",
                        b"&lt;",
                        b"id=",
                        b"null",
                        b"{",
                        b"]",
                        b"bpmn:task",
                        b'name="x"',
                    ]
                ),
            ),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_mutated_files_never_raise(
    engine: ProcessEngine, name: str, changes: list[tuple[float, int, bytes]]
) -> None:
    files = dict(repair.files())
    data = {**SHIPPED, **files}[name]
    for where, length, new in changes:
        at = int(where * len(data))
        data = data[:at] + new + data[at + length :]
    target = (
        name
        if name in files
        else {"bpmn": "repair.bpmn", "dmn": "policy.dmn"}.get(name.rsplit(".", 1)[1], "fix.form")
    )
    for problem in check_files(engine, {**files, target: data}):
        assert problem.code != "check-failed", problem
