"""The people of a real run, by their parts in a story."""

from __future__ import annotations

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.people import User
from app.processes.scenarios.world import PEOPLE

# Role names by role; the first of them for the first person of that role who acts.
PARTS: dict[str, list[str]] = {}
for _name, _role in PEOPLE.items():
    PARTS.setdefault(_role.value, []).append(_name)


class Cast:
    """Gives everybody who acts in a run a part in the story, in the order in which they appear."""

    def __init__(self, session: Session, user_ids: set[int]) -> None:
        people = session.scalars(select(User).where(User.id.in_(user_ids)))
        self._people = {user.id: user for user in people}
        self._parts: dict[int, str] = {}
        self.warnings: list[str] = []

    def part(self, user_id: int | None, otherwise: str = "admin") -> str:
        """Somebody's part; ``otherwise`` for the system, and for somebody whose role has none."""
        user = self._people.get(user_id or 0)
        if user is None:
            return otherwise
        if user.id not in self._parts:
            self._parts[user.id] = self._cast(user, otherwise)
        return self._parts[user.id]

    def _cast(self, user: User, otherwise: str) -> str:
        names = PARTS.get(user.role or "", [])
        if not names:
            self.warnings.append(f"Somebody without a role acted; in the story that is the {otherwise}.")
            return otherwise
        free = [name for name in names if name not in self._parts.values()]
        if not free:
            self.warnings.append(
                f"More people acted as {names[0]} than a story has; {names[-1]} stands for several of them."
            )
        return free[0] if free else names[-1]

    def without_names(self, text: str) -> str:
        """A text in which people are called by their parts."""
        for user_id, user in self._people.items():
            if user.name and user.name in text:
                whole = rf"(?<!\w){re.escape(user.name)}(?!\w)"
                text = re.sub(whole, self._parts.get(user_id, "a colleague"), text)
        return text
