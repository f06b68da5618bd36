"""Addresses of scripts, styles and images, each carrying a digest of what it serves."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from flask import Flask, current_app, url_for

from app.errors import MillwrightError

log = logging.getLogger(__name__)


class AssetsNotBuilt(MillwrightError):
    """The scripts and styles are missing; the message says how to make them."""


class Assets:
    """The build's manifest and the digests of static files, read again only when they change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._manifest: dict[str, Any] = {}
        self._read_at = 0
        self._digests: dict[str, tuple[int, str]] = {}

    def built(self, name: str) -> str:
        """The path below the static folder of a built file (``main.css``).

        :raises AssetsNotBuilt: there is no build, or it lacks the file
        """
        path = self._folder / "build" / "manifest.json"
        try:
            changed = path.stat().st_mtime_ns
        except FileNotFoundError:
            raise AssetsNotBuilt("The scripts and styles are not built yet: run “make assets”.") from None
        if changed != self._read_at:
            self._manifest = json.loads(path.read_text())
            self._read_at = changed
        try:
            return f"build/{self._manifest[name]}"
        except KeyError:
            raise AssetsNotBuilt(f"The build has no {name}: run “make assets” again.") from None

    def digest(self, name: str) -> str:
        """A short digest of a static file that is not built."""
        path = self._folder / name
        changed = path.stat().st_mtime_ns
        known = self._digests.get(name)
        if known is None or known[0] != changed:
            known = changed, hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            self._digests[name] = known
        return known[1]


def init_assets(app: Flask) -> None:
    """Give templates ``asset(name)`` for built files and ``static_url(name)`` for the others."""
    app.extensions["millwright.assets"] = Assets(Path(app.static_folder or "static"))
    app.add_template_global(asset)
    app.add_template_global(static_url)


def asset(name: str) -> str:
    """The address of a built file."""
    assets: Assets = current_app.extensions["millwright.assets"]
    return url_for("static", filename=assets.built(name))


def static_url(name: str) -> str:
    """The address of a static file that is not built; it changes with the file's content."""
    assets: Assets = current_app.extensions["millwright.assets"]
    return url_for("static", filename=name, v=assets.digest(name))
