"""The codes on labels of machines and parts: what they say to a phone, and how they are drawn."""

from __future__ import annotations

from io import BytesIO

import qrcode
from flask import current_app, url_for
from qrcode.constants import ERROR_CORRECT_H
from qrcode.image.svg import SvgPathImage

from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.exports.labels import Label

_CORRECTION = ERROR_CORRECT_H  # a third of the label may be dirty


def address(machine: Machine) -> str:
    """What the label says to a phone: the whole address of the machine's page."""
    base: str = current_app.config["MILLWRIGHT_BASE_URL"]
    return base + url_for("scan.landing", qr_code=machine.qr_code)


def part_address(part: SparePart) -> str:
    """What the label of a part, or of its place in the store, says to a phone."""
    base: str = current_app.config["MILLWRIGHT_BASE_URL"]
    return base + url_for("scan.part", part_id=part.id)


def of_machine(machine: Machine) -> Label:
    """What the label of a machine says."""
    place = tuple(text for text in (machine.department.name, machine.location) if text)
    return Label(machine.name, machine.qr_code, place, address(machine))


def of_part(part: SparePart) -> Label:
    """What the label of a part says."""
    place = tuple(text for text in (part.group_name, part.location) if text)
    return Label(part.part_name, part.part_number, place, part_address(part))


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
