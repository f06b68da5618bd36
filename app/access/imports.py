"""Who may import what: whoever may change such things one by one."""

from __future__ import annotations

from collections.abc import Mapping

from app.access import permissions
from app.domain.imports.kinds import KINDS
from app.engine.actors import Actor

NEEDS: Mapping[str, str] = {
    "machines": "machines:write",
    "spare-parts": "spare-parts:write",
    "users": "users:write",
    "failure-codes": "failure-codes:write",
    "preventive-plans": "preventive-maintenance:write",
}


def importable(actor: Actor) -> list[str]:
    """The kinds that somebody may import."""
    return [name for name in KINDS if permissions.may(actor, NEEDS[name])]
