"""Attachments: known by their content, stripped of metadata, gone with their transaction."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from app.domain import attachments
from app.errors import BusinessError, Forbidden, NotFound
from tests.factories import make_request, make_user


def picture(kind="JPEG", size=(40, 20), **options):
    out = BytesIO()
    Image.new("RGB", size, "red").save(out, kind, **options)
    return out.getvalue()


def animation():
    out = BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=80)
    return out.getvalue()


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def store(session, tmp_path):
    def store(data, name="photo.jpg", by=None, **where):
        return attachments.store(session, tmp_path / "store", BytesIO(data), name, by, **where)

    store.folder = tmp_path / "store"
    return store


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (picture("JPEG"), "image/jpeg"),
        (picture("PNG"), "image/png"),
        (picture("WEBP"), "image/webp"),
        (animation(), "image/gif"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "image/heic"),
        ("Temperature 80 °C\n".encode(), "text/plain"),
    ],
)
def test_the_content_says_what_a_file_is_whatever_its_name(store, data, content_type):
    attachment = store(data, "virus.exe")
    assert attachment.content_type == content_type
    with attachments.open_file(store.folder, attachment) as stored:
        assert len(stored.read()) == attachment.size


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "ATTACHMENT_EMPTY"),
        (b"x" * (attachments.MAX_SIZE + 1), "ATTACHMENT_SIZE"),
        (picture("PNG", (8100, 8100)), "ATTACHMENT_SIZE"),
        (b"MZ\x90\x00\x03\x00\x00\x00", "ATTACHMENT_TYPE"),
        (b"PK\x03\x04\x14\x00\x06\x00", "ATTACHMENT_TYPE"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "ATTACHMENT_TYPE"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "ATTACHMENT_TYPE"),
        (picture("JPEG", (400, 400))[:300], "ATTACHMENT_BROKEN"),
        (picture("PNG")[:40], "ATTACHMENT_BROKEN"),
    ],
)
def test_other_files_are_refused_and_leave_nothing_behind(store, data, code):
    with pytest.raises(BusinessError) as refused:
        store(data)
    assert (refused.value.code, refused.value.field) == (code, "file")
    assert files(store.folder) == []


def test_photos_are_turned_upright_and_lose_their_metadata(store):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    exif[0x010F] = "Spy Camera"
    attachment = store(picture("JPEG", exif=exif.tobytes(), comment=b"secret place"))
    with attachments.open_file(store.folder, attachment) as stored:
        data = stored.read()
    image = Image.open(BytesIO(data))
    assert image.size == (20, 40)
    assert dict(image.getexif()) == {}
    assert b"Spy" not in data and b"secret" not in data


def test_an_animation_still_moves(store):
    attachment = store(animation())
    with attachments.open_file(store.folder, attachment) as stored:
        assert Image.open(stored).n_frames == 3


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("C:\\Users\\me\\oil leak.jpg", "oil leak.jpg"),
        ("../../etc/passwd", "passwd"),
        ("bad\x00\n\u202ename?.pdf", "badname_.pdf"),
        ("...", "file"),
        ("", "file"),
    ],
)
def test_names_are_cleaned(given, kept):
    assert attachments.clean_name(given) == kept


def test_long_names_keep_their_suffix():
    name = attachments.clean_name("x" * 400 + ".jpeg")
    assert len(name) <= 200 and name.endswith(".jpeg")


def test_a_rolled_back_upload_leaves_no_file(session, store):
    store(picture())
    assert len(files(store.folder)) == 1
    session.rollback()
    assert files(store.folder) == []


def test_a_rolled_back_savepoint_takes_only_its_own_files(session, store):
    kept = store(picture())
    savepoint = session.begin_nested()
    store(picture())
    savepoint.rollback()
    with session.begin_nested():
        store(picture())
    session.commit()
    session.rollback()
    assert len(files(store.folder)) == 2
    attachments.open_file(store.folder, kept).close()


def test_files_of_a_released_savepoint_go_with_the_whole_transaction(session, store):
    with session.begin_nested():
        store(picture())
    session.rollback()
    assert files(store.folder) == []


def test_a_removed_file_goes_when_the_removal_is_committed(session, store):
    attachment = store(picture())
    session.commit()
    attachments.remove(session, store.folder, attachment, None)
    session.rollback()
    assert len(files(store.folder)) == 1
    attachments.remove(session, store.folder, attachment, None)
    session.commit()
    assert files(store.folder) == []


def test_a_lost_file_is_said_to_be_missing(store):
    attachment = store(picture())
    (store.folder / attachment.storage_key).unlink()
    with pytest.raises(NotFound, match="missing from the store"):
        attachments.open_file(store.folder, attachment)


def test_uploads_are_linked_by_their_uploader_and_to_one_thing(session, store):
    technician, stranger = make_user(session), make_user(session)
    photo = store(picture(), by=technician.id)
    first, second = make_request(session), make_request(session)
    with pytest.raises(Forbidden):
        attachments.link(session, [photo.id], "MAINTENANCE_REQUEST", first.id, stranger.id)
    for _ in range(2):
        attachments.link(session, [photo.id], "MAINTENANCE_REQUEST", first.id, technician.id)
    assert attachments.of(session, "MAINTENANCE_REQUEST", first.id) == [photo]
    with pytest.raises(BusinessError) as refused:
        attachments.link(session, [photo.id], "MAINTENANCE_REQUEST", second.id, technician.id)
    assert refused.value.field == "photos.0"
