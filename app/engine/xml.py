"""Parses XML that strangers wrote: no DTD, no entities, no network, within limits."""

from __future__ import annotations

import re

from lxml import etree

from app.errors import MillwrightError

MAXIMUM_BYTES = 2 * 1024 * 1024
MAXIMUM_DEPTH = 60
MAXIMUM_ELEMENTS = 50_000
MAXIMUM_ATTRIBUTES = 200  # of one element: looking one up takes longer the more there are
FORBIDDEN = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


class XmlError(MillwrightError):
    """A text is no XML, or XML that is refused; ``line`` says where, if known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def parse(data: bytes) -> etree._Element:
    """The root element of ``data``. Raises :class:`XmlError`.

    Refused outright: document type declarations and with them entities of any kind, processing
    instructions, more than 2 MB, 60 levels, 50,000 elements, or 200 attributes of one of them.
    """
    if len(data) > MAXIMUM_BYTES:
        raise XmlError(f"The file is larger than {MAXIMUM_BYTES // 1024 // 1024} MB.")
    if not data.strip():
        raise XmlError("The file is empty.")
    # In UTF-16 the bytes do not spell DOCTYPE; such files are read as what they say they are.
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:200]:
        raise XmlError("Save the file in the encoding UTF-8.")
    if FORBIDDEN.search(data):
        raise XmlError("The file has a document type declaration (DOCTYPE), which is not allowed.")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=False,
        attribute_defaults=False,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise XmlError(f"The file is not well-formed XML: {_plain(error)}", error.lineno) from None
    except (ValueError, LookupError) as error:
        raise XmlError(f"The file cannot be read as XML: {error}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlError("The file has a document type declaration (DOCTYPE), which is not allowed.")
    _measure(root)
    return root


def _measure(root: etree._Element) -> None:
    for node in (*root.itersiblings(preceding=True), *root.itersiblings()):
        raise XmlError("The file has a processing instruction, which is not allowed.", node.sourceline)
    depth = count = 0
    for event, node in etree.iterwalk(root, events=("start", "end", "pi")):
        if event == "pi":
            raise XmlError("The file has a processing instruction, which is not allowed.", node.sourceline)
        if event == "end":
            depth -= 1
            continue
        depth, count = depth + 1, count + 1
        if depth > MAXIMUM_DEPTH:
            raise XmlError(f"The file is nested more than {MAXIMUM_DEPTH} levels deep.", node.sourceline)
        if len(node.attrib) > MAXIMUM_ATTRIBUTES:
            raise XmlError(f"An element has more than {MAXIMUM_ATTRIBUTES} attributes.", node.sourceline)
        if count > MAXIMUM_ELEMENTS:
            raise XmlError(f"The file has more than {MAXIMUM_ELEMENTS:,} elements.", node.sourceline)


def _plain(error: etree.XMLSyntaxError) -> str:
    return (error.msg or "").split("\n")[0][:200] or "it cannot be parsed"


def element_id(element: etree._Element) -> str | None:
    """The id of the element, or else of the nearest one around it: what a diagram can point at."""
    current: etree._Element | None = element
    while current is not None:
        if found := current.get("id"):
            return str(found)
        current = current.getparent()
    return None
