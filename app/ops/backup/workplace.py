"""A folder for one backup or restore, of which a site has one at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.ops.backup.errors import Busy


@contextmanager
def workplace(settings: Mapping[str, Any]) -> Iterator[Path]:
    """An empty folder for as long as the block lasts: in TMPDIR where that is set, else in the site's data.

    Only its owner may read it. What a killed process left there is removed first.

    :raises Busy: another backup or restore of this site is running
    """
    data = Path(settings["MILLWRIGHT_DATA"])
    data.mkdir(parents=True, exist_ok=True)
    # Named after the site: several may share a place for temporary files.
    apart = hashlib.sha256(str(data.absolute()).encode()).hexdigest()[:12]
    place = os.environ.get("TMPDIR")
    folder = Path(place) / f"millwright-backup-{apart}" if place else data / "backup-work"
    with (data / "backup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy("Another backup or restore of this site is running; wait until it ends.") from None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
