"""What has to be true at any time: ``assert consistency.problems(engine, session) == []``."""

from __future__ import annotations

from app.ops.consistency import problems

__all__ = ["problems"]
