"""What is inside an upload: nothing that runs, hides or tells where somebody lives."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, PngImagePlugin

from app.domain import content
from app.errors import BusinessError

SCRIPT = b"=1;alert(document.domain)//<script>alert(1)</script>"
GPS = 0x8825


def photo(kind, **options):
    out = BytesIO()
    Image.new("RGB", (40, 20), "red").save(out, kind, **options)
    return out.getvalue()


def located():
    """EXIF data with a place, a name and a device."""
    exif = Image.Exif()
    exif[0x010F] = "Spy Camera"
    exif[0x013B] = "Jane Doe"
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return exif.tobytes()


def png_text():
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "Jane Doe")
    info.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>Jane Doe</x:xmpmeta>")
    return info


XMP = b"<x:xmpmeta>Jane Doe</x:xmpmeta>"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"exif": located(), "comment": b"Jane Doe", "xmp": XMP}),
        ("PNG", {"exif": located(), "pnginfo": png_text()}),
        ("WEBP", {"exif": located(), "xmp": XMP}),
    ],
)
def test_a_photo_tells_neither_where_nor_who_nor_with_what(kind, options):
    data = photo(kind, **options)
    assert b"Jane Doe" in data and b"Spy Camera" in data  # so the test can fail
    assert Image.open(BytesIO(data)).getexif().get_ifd(GPS)
    content_type, kept = content.examine(data, "photo")
    assert content_type == f"image/{kind.lower()}"
    for secret in (b"Jane", b"Spy", b"xmpmeta", b"Exif", b"eXIf", b"EXIF"):
        assert secret not in kept
    with Image.open(BytesIO(kept)) as image:
        assert dict(image.getexif()) == {}
        assert not image.getexif().get_ifd(GPS)
        assert image.size == (40, 20)


@pytest.mark.parametrize("animated", [False, True])
def test_an_animation_has_no_comment_either(animated):
    out = BytesIO()
    frames = [Image.new("P", (8, 8), colour) for colour in (1, 2)]
    frames[0].save(
        out, "GIF", save_all=animated, append_images=frames[1:] if animated else [], comment=b"Jane Doe"
    )
    assert b"Jane Doe" in out.getvalue()
    assert b"Jane Doe" not in content.examine(out.getvalue(), "x.gif")[1]


def gif_that_is_a_script():
    """A GIF whose first bytes are also the beginning of a comment of JavaScript: ``GIF87a/*…*/=1;…``."""
    out = BytesIO()
    Image.new("P", (0x2A2F, 1)).save(out, "GIF")  # a width that is written “/*”
    data = out.getvalue()
    assert data[6:8] == b"/*"
    return data + b"*/" + SCRIPT


@pytest.mark.parametrize(
    "data",
    [
        gif_that_is_a_script(),
        photo("JPEG") + SCRIPT,
        photo("JPEG", comment=SCRIPT),
        photo("PNG") + b"PK\x03\x04" + SCRIPT,
        photo("WEBP") + SCRIPT,
    ],
    ids=["gif and script", "behind a jpeg", "in a comment", "png and zip", "behind a webp"],
)
def test_what_hides_in_a_picture_is_gone(data):
    assert SCRIPT in data
    content_type, kept = content.examine(data, "x")
    assert content_type.startswith("image/")
    assert SCRIPT not in kept and b"PK\x03\x04" not in kept


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"\xef\xbb\xbf \n<html><body onload=alert(1)>",
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "<svg onload='alert(1)'/>".encode("utf-16"),
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
        b"PK\x03\x04\x14\x00\x06\x00",
        b"MZ\x90\x00\x03\x00\x00\x00",
        b"\x7fELF\x02\x01\x01\x00",
        b"\xca\xfe\xba\xbe\x00\x00\x00\x34",
        b"BM\x3a\x00\x00\x00\x00\x00",
        b"II*\x00\x08\x00\x00\x00",
        b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00",
        b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00",
        b"text with \x00 zero",
        b"\x1b[2J an escape sequence",
        b"latin \xe4",
        b" %PDF-1.7 not at the beginning\x00",
    ],
)
def test_what_is_not_allowed_is_refused_whatever_it_is_called(data):
    with pytest.raises(BusinessError) as refused:
        content.examine(data, "photo.jpg")
    assert (refused.value.code, refused.value.field) == ("ATTACHMENT_TYPE", "file")


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"hevc", b"mif1", b"msf1"])
def test_a_heic_photo_is_refused_with_what_to_do(brand):
    """Nothing here can take the place out of it; phones send JPEG when they are asked to."""
    with pytest.raises(BusinessError, match="Send it as JPEG") as refused:
        content.examine(b"\x00\x00\x00\x18ftyp" + brand + b"\x00\x00\x00\x00mif1heic", "IMG_1.HEIC")
    assert refused.value.code == "ATTACHMENT_TYPE"


def chunk(name, data):
    return struct.pack("!L", len(data)) + name + data + struct.pack("!L", zlib.crc32(name + data))


def png(width, height, *chunks):
    head = struct.pack("!LLBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(chunks) + chunk(b"IEND", b"")


ZEROS = zlib.compress(b"\x00" * 10_000_000, 9)
FRAMES = chunk(b"acTL", struct.pack("!LL", 2_000_000_000, 0))
GIF = b"GIF89a" + struct.pack("<HHBBB", 60_000, 60_000, 0xF0, 0, 0) + b"\x00\x00\x00\xff\xff\xff"
BOMBS = {
    "pixels": (png(60_000, 60_000, chunk(b"IDAT", ZEROS)), "ATTACHMENT_BROKEN"),
    "just too many": (png(9_000, 9_000, chunk(b"IDAT", ZEROS)), "ATTACHMENT_SIZE"),
    "text": (png(1, 1, chunk(b"zTXt", b"a\x00\x00" + ZEROS), chunk(b"IDAT", ZEROS)), "ATTACHMENT_BROKEN"),
    "frames": (png(1000, 1000, FRAMES, chunk(b"IDAT", ZEROS)), "ATTACHMENT_SIZE"),
    "gif": (GIF + b",\x00\x00\x00\x00`\xea`\xea\x00\x02\x02L\x01\x00;", "ATTACHMENT_BROKEN"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_pictures_that_are_much_larger_than_their_files_are_refused(name):
    data, code = BOMBS[name]
    with pytest.raises(BusinessError) as refused:
        content.examine(data, "bomb")
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("name", "content_type", "kept"),
    [
        ("leak.JPG", "image/jpeg", "leak.JPG"),
        ("leak.jpeg", "image/jpeg", "leak.jpeg"),
        ("leak.png", "image/jpeg", "leak.png.jpg"),
        ("setup.exe", "image/png", "setup.exe.png"),
        ("page.html", "text/plain", "page.html.txt"),
        ("script.js", "text/plain", "script.js.txt"),
        ("run.bat", "text/plain", "run.bat.txt"),
        ("readings.csv", "text/plain", "readings.csv"),
        ("file", "application/pdf", "file.pdf"),
    ],
)
def test_a_name_ends_as_its_content_says(name, content_type, kept):
    assert content.fitting_name(name, content_type) == kept
