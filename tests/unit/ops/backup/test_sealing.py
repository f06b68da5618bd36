"""Sealed backups: nothing can be read, changed, moved or cut off without the key."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ops.backup import BackupError, BadBackup, new_key
from app.ops.backup.sealing import CHUNK, Opener, Sealer, SealingKey, parse_key, seal, unseal

HEAD = 8 + 8 + 32


def key(text: str = "") -> SealingKey:
    found = parse_key(text or new_key())
    assert found is not None
    return found


KEY = key()


def opened(data: bytes, with_key: SealingKey | None = KEY) -> bytes:
    return io.BufferedReader(Opener(io.BytesIO(data), with_key)).read()  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7])
def test_what_was_sealed_is_opened(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    sealed = seal(content, KEY)
    assert opened(sealed) == content == unseal(sealed, KEY)
    assert size < 16 or content[:16] not in sealed


@given(st.lists(st.binary(max_size=CHUNK * 2), max_size=5))
def test_it_does_not_matter_in_which_pieces_it_is_written(pieces: list[bytes]) -> None:
    target = io.BytesIO()
    with Sealer(target, KEY) as sealer:
        for piece in pieces:
            sealer.write(piece)
    assert opened(target.getvalue()) == b"".join(pieces)


@pytest.mark.parametrize(
    "kept", [0, 7, HEAD - 1, HEAD, HEAD + 20, HEAD + CHUNK + 16, HEAD + 2 * (CHUNK + 16)]
)
def test_what_is_cut_short_is_refused_wherever_it_was_cut(kept: int) -> None:
    sealed = seal(b"x" * (2 * CHUNK + 100), KEY)
    with pytest.raises(BadBackup):
        opened(sealed[:kept])


@pytest.mark.parametrize("at", [20, HEAD, HEAD + CHUNK, HEAD + CHUNK + 16, -1])
def test_what_was_changed_is_refused(at: int) -> None:
    sealed = bytearray(seal(b"x" * (2 * CHUNK + 100), KEY))
    sealed[at] ^= 1
    with pytest.raises(BadBackup, match="damaged"):
        opened(bytes(sealed))


def test_chunks_that_were_swapped_or_added_are_refused() -> None:
    size = CHUNK + 16
    sealed = seal(b"a" * CHUNK + b"b" * CHUNK + b"c", KEY)
    head, chunks = sealed[:HEAD], sealed[HEAD:]
    first, second, last = chunks[:size], chunks[size : 2 * size], chunks[2 * size :]
    for changed in (head + second + first + last, head + first + last, head + first + second + last + last):
        with pytest.raises(BadBackup, match="damaged"):
            opened(changed)


def test_another_key_and_no_key_are_told_apart_from_damage() -> None:
    sealed = seal(b"content", KEY)
    with pytest.raises(BadBackup, match="another key"):
        opened(sealed, key())
    with pytest.raises(BadBackup, match="set MILLWRIGHT_BACKUP_KEY"):
        opened(sealed, None)


def test_the_same_content_is_sealed_differently_each_time() -> None:
    assert seal(b"content", KEY) != seal(b"content", KEY)


def test_names_in_the_pool_tell_nothing_about_the_content() -> None:
    assert KEY.name_of("ab") == KEY.name_of("ab") != key().name_of("ab")


def test_the_key_is_shown_nowhere() -> None:
    assert repr(KEY.secret)[2:-1] not in repr(KEY)


@pytest.mark.parametrize(
    "text", ["password", "c2hvcnQ=", new_key()[:-2], "ä" * 44], ids=["word", "short", "cut", "ä"]
)
def test_what_is_no_key_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(BackupError, match="backup-key") as refused:
        parse_key(text)
    assert text not in str(refused.value)


def test_no_key_is_none() -> None:
    assert parse_key(" \n") is None
    assert unseal(b"plain", None) == b"plain" == seal(b"plain", None)
