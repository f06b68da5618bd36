"""Files that strangers wrote: what is parsed, and what is refused, quickly and with a plain message."""

from __future__ import annotations

import time

import pytest

from app.engine.xml import XmlError, element_id, parse

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))


def test_the_root_element_is_answered() -> None:
    root = parse('<?xml version="1.0" encoding="UTF-8"?>\n<a><!-- note --><b id="x">Öl</b></a>'.encode())
    assert root.tag == "a"
    assert [child.tag for child in root] == ["b"]
    assert root[0].text == "Öl"


def test_an_element_without_an_id_is_found_by_the_nearest_one_around_it() -> None:
    root = parse(b'<a><b id="task"><c/></b></a>')
    assert element_id(root[0][0]) == "task"
    assert element_id(root) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"   \n", "empty", id="blanks"),
        pytest.param(b"<a><b></a>", "not well-formed", id="unclosed"),
        pytest.param(b"plain text", "not well-formed", id="text"),
        pytest.param(b"\x00\x01\x02", "UTF-8", id="binary"),
        pytest.param("<a/>".encode("utf-16"), "UTF-8", id="utf-16"),
        pytest.param(b"<!DOCTYPE a><a/>", "DOCTYPE", id="doctype"),
        pytest.param(b'<!doctype a SYSTEM "http://192.0.2.1/a.dtd"><a/>', "DOCTYPE", id="remote-dtd"),
        pytest.param(
            f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a>&l11;</a>'.encode(), "DOCTYPE", id="billion-laughs"
        ),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
            "DOCTYPE",
            id="external-entity",
        ),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://192.0.2.1/x">%x;]><a/>',
            "DOCTYPE",
            id="parameter-entity",
        ),
        pytest.param(b"<a>&unknown;</a>", "not well-formed", id="undeclared-entity"),
        pytest.param(b'<?xml-stylesheet href="x.xsl"?><a/>', "processing instruction", id="stylesheet"),
        pytest.param(b"<a><?php echo 1 ?></a>", "processing instruction", id="instruction-inside"),
        pytest.param(b"<a/><?after x?>", "processing instruction", id="instruction-after"),
        pytest.param(b"<a>" + b"x" * (2 * 1024 * 1024) + b"</a>", "larger than 2 MB", id="large"),
        pytest.param(b"<a>" * 100 + b"</a>" * 100, "levels deep", id="deep"),
        pytest.param(b"<a>" * 100_000 + b"</a>" * 100_000, "not well-formed", id="very-deep"),
        pytest.param(b"<a>" + b"<b/>" * 60_000 + b"</a>", "elements", id="many-elements"),
        pytest.param(
            b'<?xml version="1.0" encoding="nonsense"?><a/>', "not well-formed", id="unknown-encoding"
        ),
    ],
)
def test_bad_files_are_refused_at_once(data: bytes, message: str) -> None:
    started = time.monotonic()
    with pytest.raises(XmlError, match=message):
        parse(data)
    assert time.monotonic() - started < 2


def test_the_line_of_the_fault_is_known() -> None:
    with pytest.raises(XmlError) as caught:
        parse(b"<a>\n<b>\n</c></a>")
    assert caught.value.line == 3


def test_an_element_with_very_many_attributes_is_refused() -> None:
    attributes = " ".join(f'a{number}="1"' for number in range(300))
    with pytest.raises(XmlError, match="more than 200 attributes"):
        parse(f"<a {attributes}/>".encode())
