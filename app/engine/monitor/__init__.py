"""What managers watch: which instances are stuck and why, and how long each step takes.

Pages read rows that a survey keeps up to date every half minute (:mod:`~app.engine.monitor.survey`) and
figures of each day (:mod:`~app.engine.monitor.statistics`); no action of the staff waits for either.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from app.engine.monitor import alerts, statistics, survey, variants

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine
    from app.engine.jobs import SessionFactory

log = logging.getLogger(__name__)


def keep_up(engine: ProcessEngine, sessions: SessionFactory) -> None:
    """Bring figures, survey, alerts and paths up to date where their time has come.

    A failure is logged, and tried again at the next call: it keeps nobody's jobs from being done.
    """
    for work in (statistics, survey, alerts, variants):
        try:
            work.keep_up(engine, sessions)
        except Exception:
            log.exception("the monitor's %s failed", work.NAME)
