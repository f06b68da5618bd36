"""Addresses of views: what an address is made from is prepared when one is first made.

Werkzeug prepares it for each of some hundred rules when the application starts, which is most of the time
that starting takes; most rules are only ever matched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule


class LateRule(Rule):
    """A rule that prepares what its addresses are made from when it first makes one."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        prepare = super()._compile_builder
        prepared: Callable[..., tuple[str, str]] | None = None

        def build(rule: Rule, **values: Any) -> tuple[str, str]:
            nonlocal prepared
            if prepared is None:
                prepared = prepare(append_unknown)
            return prepared(rule, **values)

        return build
