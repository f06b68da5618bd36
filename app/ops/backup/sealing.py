"""Encryption of backups: streams of chunks, of which none can be changed, moved, left out or cut off.

AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár, 2015), as age and Tink
have it: each chunk's nonce holds its number and whether it is the last. A file is

    magic (8 bytes) | key id (8) | salt (32) | chunks of 64 KiB, each followed by its tag of 16 bytes

and its own key is derived from the site's key and the salt by HKDF-SHA256.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import io
import os
import secrets
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.ops.backup.errors import BackupError, BadBackup

MAGIC = b"MWSEAL1\n"
CHUNK = 64 * 1024  # bytes of content
_TAG = 16
_SALT = 32
_KEY_ID = 8
_KEY = 32
HOW_TO_MAKE = "“millwright backup-key” makes one"


@dataclass(frozen=True)
class SealingKey:
    """The secret that backups are sealed with."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> bytes:
        """Tells keys apart without telling anything about them."""
        return hmac.digest(self.secret, b"millwright key id", hashlib.sha256)[:_KEY_ID]

    def name_of(self, digest: str) -> str:
        """What a file with this digest is called: only who has the key can tell which file it is."""
        return hmac.new(self.secret, b"millwright name\0" + digest.encode(), hashlib.sha256).hexdigest()

    def cipher(self, salt: bytes) -> AESGCM:
        """The cipher of one file."""
        return AESGCM(HKDF(SHA256(), _KEY, salt, b"millwright backup file").derive(self.secret))


def new_key() -> str:
    """A new key, as it is written into a setting or a file."""
    return base64.b64encode(secrets.token_bytes(_KEY)).decode()


def parse_key(text: str) -> SealingKey | None:
    """The key that a setting holds; None where it is empty.

    :raises BackupError: it is no key
    """
    if not text.strip():
        return None
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != _KEY:
        raise BackupError(f"MILLWRIGHT_BACKUP_KEY is no key of 32 bytes in Base64; {HOW_TO_MAKE}.")
    return SealingKey(secret)


def is_sealed(head: bytes) -> bool:
    """Whether a file that begins so is sealed."""
    return head[: len(MAGIC)] == MAGIC


class Sealer(io.RawIOBase):
    """Seals what is written to it into ``target``; only :meth:`close` makes it whole."""

    def __init__(self, target: BinaryIO, key: SealingKey) -> None:
        salt = os.urandom(_SALT)
        self._target, self._cipher = target, key.cipher(salt)
        self._pending = bytearray()
        self._number = 0
        target.write(MAGIC + key.id + salt)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self._pending += data
        # One chunk stays behind: only at the end is it known which is the last.
        while len(self._pending) > CHUNK:
            self._put(bytes(self._pending[:CHUNK]), last=False)
            del self._pending[:CHUNK]
        return size

    def close(self) -> None:
        if not self.closed:
            self._put(bytes(self._pending), last=True)
        super().close()

    def _put(self, chunk: bytes, *, last: bool) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._number, last), chunk, None))
        self._number += 1


class Opener(io.RawIOBase):
    """Reads what a :class:`Sealer` wrote. What it gives out has been checked, chunk by chunk.

    :raises BadBackup: another key, or the content was changed or cut short
    """

    def __init__(self, source: BinaryIO, key: SealingKey | None) -> None:
        head = source.read(len(MAGIC) + _KEY_ID + _SALT)
        if len(head) < len(MAGIC) + _KEY_ID + _SALT or not is_sealed(head):
            raise BadBackup("This is no sealed backup, or its beginning is missing.")
        if key is None:
            raise BadBackup("The backup is sealed: set MILLWRIGHT_BACKUP_KEY to the key it was made with.")
        if head[len(MAGIC) : len(MAGIC) + _KEY_ID] != key.id:
            raise BadBackup(
                "The backup was sealed with another key than MILLWRIGHT_BACKUP_KEY is: set the one of then."
            )
        self._source, self._cipher = source, key.cipher(head[-_SALT:])
        self._number, self._rest, self._ended = 0, b"", False
        self._ahead = source.read(CHUNK + _TAG)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and not self._ended:
            self._rest = self._next()
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)

    def _next(self) -> bytes:
        chunk, self._ahead = self._ahead, self._source.read(CHUNK + _TAG)
        self._ended = not self._ahead
        try:
            content = self._cipher.decrypt(_nonce(self._number, self._ended), chunk, None)
        except InvalidTag:
            raise BadBackup("The backup is damaged or cut short: its seal does not hold.") from None
        self._number += 1
        return content


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\1" if last else b"\0")


def seal(data: bytes, key: SealingKey | None) -> bytes:
    """A small file, sealed where there is a key."""
    if key is None:
        return data
    target = io.BytesIO()
    with Sealer(target, key) as sealer:
        sealer.write(data)
    return target.getvalue()


def unseal(data: bytes, key: SealingKey | None) -> bytes:
    """The content of a small file. Raises as :class:`Opener`."""
    return Opener(io.BytesIO(data), key).readall() or b"" if is_sealed(data) else data
