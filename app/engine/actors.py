"""Who acts: the engine's own, small picture of a person."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as far as candidate roles, departments and assignments are concerned."""

    user_id: int | None
    role: str | None
    department_id: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts, with the absent people they stand in for.

    Whoever ``oversees`` the work may see and hand over everybody's tasks.
    ``user_id`` is None for the system itself, which timers and messages act as.
    """

    user_id: int | None
    name: str
    role: str | None
    department_id: int | None = None
    process_owner: bool = False
    oversees: bool = False
    stands_in_for: tuple[Identity, ...] = ()

    @property
    def identities(self) -> tuple[Identity, ...]:
        """Everybody this actor may act as, themselves first."""
        own = Identity(self.user_id, self.role, self.department_id, self.name)
        return (own, *self.stands_in_for)


SYSTEM = Actor(user_id=None, name="Millwright", role=None)
