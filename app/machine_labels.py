"""The code on a machine's label: what it says to a phone, and how it is drawn."""

from __future__ import annotations

from io import BytesIO

import qrcode
from flask import current_app, url_for
from qrcode.constants import ERROR_CORRECT_H
from qrcode.image.svg import SvgPathImage

from app.domain.machines import Machine

_CORRECTION = ERROR_CORRECT_H  # a third of the label may be dirty


def address(machine: Machine) -> str:
    """What the label says to a phone: the whole address of the machine's page."""
    base: str = current_app.config["MILLWRIGHT_BASE_URL"]
    return base + url_for("scan.landing", qr_code=machine.qr_code)


def svg(machine: Machine) -> bytes:
    """The machine's code as a drawing, for print at any size."""
    image = qrcode.make(address(machine), image_factory=SvgPathImage, border=2, error_correction=_CORRECTION)
    drawing: bytes = image.to_string()
    return drawing


def png(machine: Machine) -> bytes:
    """The machine's code as a picture."""
    out = BytesIO()
    qrcode.make(address(machine), border=2, box_size=12, error_correction=_CORRECTION).save(out)
    return out.getvalue()
