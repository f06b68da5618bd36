"""The OpenAPI document and the page to browse it on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

from flask import Blueprint, Flask, current_app, jsonify, render_template
from flask.typing import ResponseReturnValue

from app.api.core.endpoints import Resource
from app.api.core.openapi import document

ROOT = "/api/v1"  # where the page's own calls go, whatever the site calls itself

pages = Blueprint("api_documentation", __name__, url_prefix="/api")


def init(app: Flask, resources: Sequence[Resource]) -> None:
    """Serve the documentation of these resources."""
    app.extensions["millwright.openapi"] = partial(
        _document, tuple(resources), app.config["MILLWRIGHT_BASE_URL"]
    )
    app.register_blueprint(pages)


@cache
def _document(resources: tuple[Resource, ...], base_url: str) -> dict[str, Any]:
    """The document, made when first asked for: it takes longer than all the rest of a start."""
    return document(resources, base_url)


@pages.get("/openapi.json")
@pages.get("/v1/openapi.json", endpoint="openapi_of_version")
def openapi() -> ResponseReturnValue:
    """The OpenAPI 3.1 document. It is the same for everybody."""
    response = jsonify(current_app.extensions["millwright.openapi"]())
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@pages.get("/docs")
def browse() -> str:
    """The documentation to read and to try, for everybody."""
    return render_template("api/docs.html", api_root=ROOT)
