"""Texts of forms as safe HTML: paragraphs, headings, **bold**, lists and web links, nothing else."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_BOLD = re.compile(r"\*\*(?=\S)([^*]{1,2000})\*\*|__(?=\S)([^_]{1,2000})__")
_LINK = re.compile(r"\[([^\[\]]{1,500})\]\((https?://[^\s()<>\"']{1,1000})\)")
_BULLET = re.compile(r"\s{0,8}[-*+]\s+(.*)")
_NUMBERED = re.compile(r"\s{0,8}\d{1,3}[.)]\s+(.*)")
_HEADING = re.compile(r"#{1,6}\s+(.*)")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,2000}>|<!--.{0,2000}?-->", re.DOTALL)
_BREAK = re.compile(r"<(?:br|/p|/div|/h[1-6]|/li|/tr)\b[^<>]{0,200}>", re.IGNORECASE)
_RUNNING = re.compile(
    r"<\s*(?:script|style|iframe|object|embed|svg|math|link|meta|base|form)\b"
    r"|<[^<>]{0,2000}?[\s/\"']on[a-z]{3,30}\s{0,20}=|javascript\s{0,20}:",
    re.IGNORECASE,
)
# Pictures and the like, which a browser fetches from wherever they are, and so tells who looks at the form.
_FETCHED = re.compile(
    r"<\s*(?:img|image|picture|source|video|audio|track|input)\b|@import\b|\burl\s{0,20}\("
    r"|!\[[^\[\]]{0,500}\]\(\s{0,20}(?:https?:)?//",
    re.IGNORECASE,
)
PICTURE = re.compile(r"data:image/[a-z0-9.+-]{1,40}[;,]", re.IGNORECASE)
# Where an evaluated value stands while the text around it is marked up: private characters.
_MARKS = ("\ue000", "\ue001")
_MARKED = re.compile("\ue000(\\d{1,4})\ue001")


def render(parts: list[tuple[str, bool]]) -> Markup:
    """HTML of a text in parts: what its author wrote, and (``True``) values, which stay as they are."""
    values: list[str] = []
    source = ""
    for part, evaluated in parts:
        text = part.replace(_MARKS[0], "").replace(_MARKS[1], "")
        if evaluated:
            source += f"{_MARKS[0]}{len(values)}{_MARKS[1]}"
            values.append(text)
        else:
            source += text

    def value(found: re.Match[str]) -> str:
        return str(escape(values[int(found[1])])).replace("\n", "<br>")

    html = _MARKED.sub(value, _blocks(source.replace("\r\n", "\n")))
    return Markup(html)  # noqa: S704  # nosec B704  # all is escaped


def without_tags(source: str) -> str:
    """The text of an HTML component: its tags dropped, its line breaks kept."""
    return _TAG.sub("", _BREAK.sub("\n", source))


def running_part(source: str) -> str | None:
    """What of an HTML component could run, load or style something; None if nothing could."""
    found = _RUNNING.search(source)
    return None if found is None else found[0].strip()


def fetched_part(source: str) -> str | None:
    """What of a text or an HTML component a browser would fetch from elsewhere; None if nothing."""
    found = _FETCHED.search(source)
    return None if found is None else found[0].strip()


def _blocks(source: str) -> str:
    html: list[str] = []
    held: list[str] = []
    kind = ""

    def close() -> None:
        if held and kind == "p":
            html.append(f"<p>{'<br>'.join(held)}</p>")
        elif held:
            html.append(f"<{kind}>{''.join(f'<li>{item}</li>' for item in held)}</{kind}>")
        held.clear()

    for line in source.split("\n"):
        bullet, numbered, heading = _BULLET.match(line), _NUMBERED.match(line), _HEADING.match(line)
        now = "ul" if bullet else "ol" if numbered else "p"
        if now != kind or heading or not line.strip():
            close()
        kind = now
        if heading:
            html.append(f"<p><strong>{_inline(heading[1])}</strong></p>")
        elif line.strip():
            listed = bullet or numbered
            held.append(_inline(listed[1] if listed else line.strip()))
    close()
    return "".join(html)


def _inline(source: str) -> str:
    html, end = "", 0
    for link in _LINK.finditer(source):
        html += _bold(source[end : link.start()])
        html += f'<a href="{escape(link[2])}" rel="noopener noreferrer">{_bold(link[1])}</a>'
        end = link.end()
    return html + _bold(source[end:])


def _bold(source: str) -> str:
    return _BOLD.sub(lambda found: f"<strong>{found[1] or found[2]}</strong>", str(escape(source)))
