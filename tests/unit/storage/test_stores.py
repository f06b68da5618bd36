"""A folder and a bucket keep files alike."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from app.storage import FileMissing, FileStore, FolderStore, S3Settings, StorageUnavailable, open_store
from tests.support import servers


@pytest.fixture(params=["folder", "bucket", "bucket with a prefix"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    if request.param == "folder":
        return open_store(str(tmp_path / "store"))
    server: servers.S3 = request.getfixturevalue("s3")
    prefix = "/site/files" if "prefix" in request.param else ""
    return open_store(f"s3://{server.BUCKET}{prefix}", server.settings)


def keys(store: FileStore, prefix: str = "") -> list[str]:
    return [file.key for file in store.list(prefix)]


def test_what_was_written_is_read(store: FileStore) -> None:
    store.write("3f/3f00", b"first")
    store.write("3f/3f00", b"second")
    with store.open("3f/3f00") as file:
        assert file.read() == b"second"
    (known,) = store.list()
    assert (known.key, known.size) == ("3f/3f00", 6)
    assert abs(known.changed_at.timestamp() - time.time()) < 60


def test_a_file_is_read_from_any_position(store: FileStore) -> None:
    content = os.urandom(1_000_000)
    store.write("a/b", content)
    with store.open("a/b") as file:
        assert file.seek(700_000) == 700_000
        assert file.read(10) == content[700_000:700_010]
        assert file.tell() == 700_010
        file.seek(5)
        assert file.read(3) == content[5:8]
        assert file.seek(0, os.SEEK_END) == len(content)
        assert file.read() == b""
        file.seek(0)
        assert file.read() == content


def test_a_large_file_is_sent_in_parts(store: FileStore, tmp_path: Path) -> None:
    source = tmp_path / "large"
    content = os.urandom(1024 * 1024)
    source.write_bytes(content * 40)
    store.write_file("large", source)
    (known,) = store.list()
    assert known.size == 40 * len(content)
    with store.open("large") as file:
        file.seek(39 * len(content))
        assert file.read() == content


def test_a_removed_file_is_gone_and_may_be_removed_again(store: FileStore) -> None:
    store.write("a/b", b"x")
    store.delete("a/b")
    store.delete("a/b")
    with pytest.raises(FileMissing):
        store.open("a/b")
    assert keys(store) == []


def test_files_are_listed_by_prefix(store: FileStore) -> None:
    for key in ("b/2", "b/1", "a/1", "b.json"):
        store.write(key, b"")
    assert sorted(keys(store)) == ["a/1", "b.json", "b/1", "b/2"]
    assert keys(store, "b/") == ["b/1", "b/2"]
    assert sorted(keys(store, "b")) == ["b.json", "b/1", "b/2"]
    assert keys(store, "nothing/") == []


def test_a_bucket_has_more_files_than_one_answer_tells(s3: servers.S3) -> None:
    store = open_store(f"s3://{s3.BUCKET}", s3.settings)
    for number in range(1005):
        store.write(f"{number:04}", b"")
    assert keys(store) == [f"{number:04}" for number in range(1005)]


def test_a_healthy_store_says_so(store: FileStore) -> None:
    store.check()


def test_a_file_that_was_not_written_whole_is_not_there(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    with pytest.raises(StorageUnavailable, match="cannot be kept"):
        store.write_file("a/b", tmp_path / "missing")
    assert keys(store) == []
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


def test_a_folder_that_takes_nothing_is_unavailable(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    store = FolderStore(blocked / "store")
    with pytest.raises(StorageUnavailable):
        store.write("a", b"x")
    with pytest.raises(StorageUnavailable):
        store.check()


def test_no_key_leads_out_of_the_folder(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    for key in ("../secret", "a/../../secret", "/etc/passwd"):
        with pytest.raises(ValueError, match="no key"):
            store.open(key)


def test_a_storage_that_is_not_there_is_unavailable_at_once() -> None:
    settings = S3Settings(f"http://127.0.0.1:{servers.free_port()}", "", "key", "secret")
    store = open_store("s3://nowhere", settings)
    for action in (
        store.check,
        lambda: store.open("a"),
        lambda: store.write("a", b""),
        lambda: store.delete("a"),
    ):
        with pytest.raises(StorageUnavailable) as refused:
            action()
        assert "secret" not in str(refused.value)


def test_a_bucket_that_is_not_there_is_unavailable(s3: servers.S3) -> None:
    store = open_store("s3://another", s3.settings)
    for action in (store.check, lambda: store.write("a", b"")):
        with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
            action()


def test_a_storage_that_hangs_is_given_up(s3: servers.S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.storage.s3.READ_LIMIT", 0.2)
    store = open_store(f"s3://{s3.BUCKET}", s3.settings)
    s3.pause()
    try:
        with pytest.raises(StorageUnavailable, match="does not answer"):
            store.write("a", b"x")
    finally:
        s3.go_on()


def test_keys_of_the_storage_are_shown_nowhere(s3: servers.S3) -> None:
    assert "tests only" not in repr(s3.settings)
    assert open_store("s3://bucket/prefix/", s3.settings).address == "s3://bucket/prefix"
