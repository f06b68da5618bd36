"""Attachments: known by their content, stripped of metadata, gone with their transaction."""

from __future__ import annotations

from io import BytesIO

import pytest
import sqlalchemy as sa
from PIL import Image

from app.database import unit_of_work
from app.domain import attachments
from app.domain.activity import ActivityLog
from app.domain.people import User
from app.domain.scanning import NoScanner, ScannerUnavailable
from app.errors import BusinessError, Forbidden, NotFound
from app.storage import FolderStore
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


def stored_image(store, attachment):
    return Image.open(BytesIO((store.folder / attachment.storage_key).read_bytes()))


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def store(session, tmp_path):
    def store(data, name="photo.jpg", by=None, **where):
        return attachments.store(session, store.files, store.scanner, BytesIO(data), name, by, **where)

    store.folder = tmp_path / "store"
    store.files = FolderStore(store.folder)
    store.scanner = NoScanner()
    return store


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (picture("JPEG"), "image/jpeg"),
        (picture("PNG"), "image/png"),
        (picture("WEBP"), "image/webp"),
        (animation(), "image/gif"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
        ("Temperature 80 °C\n".encode(), "text/plain"),
    ],
)
def test_the_content_says_what_a_file_is_whatever_its_name(store, data, content_type):
    attachment = store(data, "virus.exe")
    assert attachment.content_type == content_type
    assert attachment.file_name in ("virus.exe.jpg", "virus.exe.png", "virus.exe.webp", "virus.exe.gif") or (
        attachment.file_name in ("virus.exe.pdf", "virus.exe.txt") and not attachment.is_image
    )
    with attachments.open_file(store.files, attachment) as stored:
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


def test_a_photo_is_turned_upright(store):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    attachment = store(picture("JPEG", exif=exif.tobytes()))
    assert stored_image(store, attachment).size == (20, 40)


def test_an_animation_still_moves(store):
    attachment = store(animation())
    with attachments.open_file(store.files, attachment) as stored:
        assert Image.open(stored).n_frames == 3


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("C:\\Users\\me\\oil leak.jpg", "oil leak.jpg"),
        ("../../etc/passwd", "passwd"),
        ("..", "file"),
        ("bad\x00\n\u202ename?.pdf", "badname_.pdf"),
        ("photo\u202egpj.exe", "photogpj.exe"),  # shown as photoexe.jpg by who heeds the mark
        ("zero\u200bwidth\ufeff.txt", "zerowidth.txt"),
        ('"; filename="evil.html', "_; filename=_evil.html"),
        ("u\u0308.txt", "\u00fc.txt"),
        ("\ud800.txt", "txt"),
        (" .hidden. ", "hidden"),
        ("...", "file"),
        ("", "file"),
    ],
)
def test_names_are_cleaned(given, kept):
    assert attachments.clean_name(given) == kept


@pytest.mark.parametrize("given", ["x" * 1000, "x" * 1000 + ".jpeg", "x." + "y" * 1000, "\U0001f527" * 1000])
def test_long_names_are_cut(given):
    name = attachments.clean_name(given)
    assert 1 < len(name) <= 200
    assert not given.endswith(".jpeg") or name.endswith(".jpeg")


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
    attachments.open_file(store.files, kept).close()


def test_files_of_a_released_savepoint_go_with_the_whole_transaction(session, store):
    with session.begin_nested():
        store(picture())
    session.rollback()
    assert files(store.folder) == []


def test_a_removed_file_goes_when_the_removal_is_committed(session, store):
    attachment = store(picture())
    session.commit()
    attachments.remove(session, store.files, attachment, None)
    session.rollback()
    assert len(files(store.folder)) == 1
    attachments.remove(session, store.files, attachment, None)
    session.commit()
    assert files(store.folder) == []


def test_a_lost_file_is_said_to_be_missing(store):
    attachment = store(picture())
    (store.folder / attachment.storage_key).unlink()
    with pytest.raises(NotFound, match="missing from the store"):
        attachments.open_file(store.files, attachment)


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


class Scanner:
    """Finds what it is told to find."""

    def __init__(self, answer):
        self.answer = answer
        self.seen = []

    def scan(self, data):
        self.seen.append(data)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_what_was_sent_is_scanned_before_anything_reads_it(store):
    store.scanner = Scanner(None)
    data = picture()
    store(data)
    assert store.scanner.seen == [data]
    with pytest.raises(BusinessError):
        store(b"MZ\x90\x00")
    assert len(store.scanner.seen) == 2


def test_a_virus_is_refused_and_written_down_although_the_action_is_undone(session, store, caplog):
    technician = make_user(session)
    session.commit()
    store.scanner = Scanner("Eicar-Test")
    says = r"cv\.pdf contains a virus \(Eicar-Test\)"
    with pytest.raises(BusinessError, match=says) as refused, unit_of_work(session):
        make_user(session, name="undone")
        store(b"%PDF-1.7", "cv.pdf", by=technician.id)
    assert (refused.value.code, refused.value.field) == ("ATTACHMENT_VIRUS", "file")
    assert files(store.folder) == []
    (entry,) = session.scalars(sa.select(ActivityLog).where(ActivityLog.action == "REFUSE_VIRUS"))
    assert (entry.entity_type, entry.user_id) == ("ATTACHMENT", technician.id)
    assert (entry.after["fileName"], entry.after["virus"]) == ("cv.pdf", "Eicar-Test")
    assert session.scalars(sa.select(User).where(User.name == "undone")).all() == []
    assert "Eicar-Test" in caplog.text


def test_what_cannot_be_scanned_is_refused_and_reported(session, store, caplog):
    store.scanner = Scanner(ScannerUnavailable("clamd at unix:/x: timed out"))
    with pytest.raises(BusinessError, match="cannot be checked for viruses") as refused:
        store(picture())
    assert (refused.value.code, refused.value.field) == ("ATTACHMENT_NOT_SCANNED", "file")
    assert files(store.folder) == []
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "clamd at unix:/x: timed out" in caplog.text


def test_what_is_too_large_is_neither_read_to_its_end_nor_scanned(session, store):
    class Endless:
        read_so_far = 0

        def read(self, size=-1):
            assert size > 0
            self.read_so_far += size
            return b"x" * size

    store.scanner, file = Scanner(None), Endless()
    with pytest.raises(BusinessError) as refused:
        attachments.store(session, store.files, store.scanner, file, "big.txt", None)
    assert refused.value.code == "ATTACHMENT_SIZE"
    assert file.read_so_far == attachments.MAX_SIZE + 1
    assert store.scanner.seen == []
