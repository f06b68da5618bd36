"""What an RQ worker calls. It is named by its path in Redis: keep it where it is."""

from __future__ import annotations

from app.jobs.system import JobSystem

_system: JobSystem | None = None


def serve(system: JobSystem) -> None:
    """Let this process do the jobs of ``system``."""
    global _system
    _system = system


def perform(job_id: int) -> bool:
    """Do one job; answers whether it was done now."""
    if _system is None:
        raise RuntimeError("this process was not started as a Millwright worker")
    return _system.perform(job_id)
