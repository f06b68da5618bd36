"""What is inside an uploaded file, and whether it may be kept."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import puremagic
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from app.errors import BusinessError

MAX_PIXELS = 64_000_000  # over all frames of an animation
PICTURES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF"}
HEIC = "image/heic"
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
# How the names of files end; the first is what a name gets that ends otherwise.
ENDINGS = {
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/png": (".png",),
    "image/webp": (".webp",),
    "image/gif": (".gif",),
    "application/pdf": (".pdf",),
    "text/plain": (".txt", ".text", ".csv", ".log", ".md"),
}
# What must survive for a picture to look the same; everything else in it is metadata.
_KEPT = ("icc_profile", "transparency", "background", "duration", "loop", "disposal")


def examine(data: bytes, name: str) -> tuple[str, bytes]:
    """The content type of a file and the bytes to keep: images are written anew without metadata.

    HEIC photos are refused: nothing here can take out of them where they were taken.

    :raises BusinessError: ATTACHMENT_TYPE, ATTACHMENT_BROKEN, ATTACHMENT_SIZE (too many pixels)
    """
    content_type = sniff(data)
    if content_type == HEIC:
        message = (
            f"{name} is a HEIC photo, which other devices cannot show. Send it as JPEG. "
            "On an iPhone: Settings, Camera, Formats, Most Compatible."
        )
        raise BusinessError("ATTACHMENT_TYPE", message, field="file")
    if content_type is None:
        message = f"{name}: only JPEG, PNG, WebP and GIF images, PDF and plain text can be attached."
        raise BusinessError("ATTACHMENT_TYPE", message, field="file")
    if content_type in PICTURES:
        data = _written_anew(data, PICTURES[content_type], name)
    return content_type, data


def fitting_name(name: str, content_type: str) -> str:
    """A file name whose ending says what is inside, so that no device opens it as something else."""
    endings = ENDINGS[content_type]
    return name if name.lower().endswith(endings) else f"{name}{endings[0]}"


def sniff(data: bytes) -> str | None:
    """The content type, one of those allowed or HEIC, or None."""
    if data.startswith(b"%PDF-"):
        return "application/pdf"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
        return HEIC
    try:
        found = puremagic.from_string(data[:4096], mime=True)
    except (puremagic.PureError, ValueError):
        found = ""
    if found in PICTURES:
        return found
    return "text/plain" if _is_text(data) else None


def _is_text(data: bytes) -> bool:
    """UTF-8 without control characters; a page or a drawing that a browser would run is not plain text."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    start = text[:1024].lstrip().lower()
    if start.startswith("<"):
        return False
    return not any(ord(c) < 32 and c not in "\t\n\r\f" for c in text)


def _written_anew(data: bytes, kind: str, name: str) -> bytes:
    """The picture alone, upright."""
    try:
        with Image.open(BytesIO(data), formats=[kind]) as image:
            frames = getattr(image, "n_frames", 1)
            if image.width * image.height * frames > MAX_PIXELS:
                message = f"{name} has too many pixels; make it smaller."
                raise BusinessError("ATTACHMENT_SIZE", message, field="file")
            out = BytesIO()
            if frames > 1:
                _write_frames(image, kind, out)
            else:
                _write_picture(image, kind, out)
            return out.getvalue()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        message = f"{name} is damaged: it cannot be opened as an image."
        raise BusinessError("ATTACHMENT_BROKEN", message, field="file") from None


def _write_picture(image: Image.Image, kind: str, out: BytesIO) -> None:
    upright = ImageOps.exif_transpose(image)
    options = _strip(upright)
    if kind in ("JPEG", "WEBP"):
        options["quality"] = 90
    upright.save(out, kind, **options)


def _write_frames(image: Image.Image, kind: str, out: BytesIO) -> None:
    """An animation; JPEG has several frames only where a phone packs a second picture into it."""
    if kind == "JPEG":
        image.seek(0)
        _write_picture(image.copy(), kind, out)
        return
    durations, frames = [], []
    for frame in ImageSequence.Iterator(image):
        durations.append(frame.info.get("duration", 100))
        frames.append(frame.convert("RGBA"))
    loop = image.info.get("loop", 0)
    for frame in frames:
        frame.info.clear()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=durations, loop=loop)


def _strip(image: Image.Image) -> dict[str, Any]:
    """Remove metadata from a picture in memory and answer what has to be saved with it."""
    kept = {key: image.info[key] for key in _KEPT if image.info.get(key) is not None}
    image.info.clear()
    return kept
