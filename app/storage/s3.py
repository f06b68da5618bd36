"""Files in a bucket of an S3-compatible storage."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from app.storage.base import FileMissing, StorageUnavailable, StoredFile
from app.storage.opening import S3Settings

# Somebody waits for the answer, and may hold the lock of an instance: no longer than this.
CONNECT_LIMIT = 3  # seconds
READ_LIMIT = 15  # seconds without a byte
ATTEMPTS = 2
BUFFER = 256 * 1024  # bytes
PART = 16 * 1024 * 1024  # bytes of a large file that are sent at once

_MISSING = {"NoSuchKey", "404", "NotFound"}


class S3Store:
    """Keeps files in ``bucket``, with keys that begin with ``prefix``."""

    def __init__(self, bucket: str, prefix: str, settings: S3Settings) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._settings = settings
        self._client_of_now: Any = None
        self._making = threading.Lock()

    @property
    def address(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    @property
    def _client(self) -> Any:
        """Made when first needed, which is after the web server has forked; it may be used by all threads."""
        with self._making:
            if self._client_of_now is None:
                self._client_of_now = self._make_client()
            return self._client_of_now

    def _make_client(self) -> Any:
        given = self._settings
        return boto3.session.Session().client(
            "s3",
            endpoint_url=given.endpoint or None,
            region_name=given.region or ("us-east-1" if given.endpoint else None),
            aws_access_key_id=given.access_key or None,
            aws_secret_access_key=given.secret_key or None,
            config=Config(
                connect_timeout=CONNECT_LIMIT,
                read_timeout=READ_LIMIT,
                retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
                max_pool_connections=32,
                # Names of buckets are no host names at most storages that are not AWS.
                s3={"addressing_style": "path" if given.endpoint else "auto"},
                # Not all storages know the newer checksums; TLS and our own digests are enough.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def write(self, key: str, data: bytes) -> None:
        with self._asking(f"The file {key} cannot be kept"):
            self._client.put_object(Bucket=self._bucket, Key=self._key(key), Body=data)

    def write_file(self, key: str, path: Path) -> None:
        config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=2)
        with self._asking(f"The file {key} cannot be kept"):
            self._client.upload_file(str(path), self._bucket, self._key(key), Config=config)

    def open(self, key: str) -> BinaryIO:
        """See :meth:`app.storage.base.FileStore.open`. The first request is made at once."""
        return cast(BinaryIO, io.BufferedReader(_Reader(self, key), BUFFER))

    def delete(self, key: str) -> None:
        with self._asking(f"The file {key} cannot be removed"):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(key))

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        with self._asking("The files cannot be listed"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{self._prefix}{prefix}"
            )
            for page in pages:
                for entry in page.get("Contents", ()):
                    key = entry["Key"].removeprefix(self._prefix)
                    yield StoredFile(key, entry["Size"], entry["LastModified"])

    def check(self) -> None:
        with self._asking(f"The bucket {self._bucket} does not answer"):
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)

    def get(self, key: str, start: int) -> tuple[Any, int]:
        """The body of a file from a position on, and the file's whole size. Raises as :meth:`open`."""
        wanted = {"Range": f"bytes={start}-"} if start else {}
        with self._asking(f"The file {key} cannot be read"):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(key), **wanted)
        return answer["Body"], start + answer["ContentLength"]

    def _key(self, key: str) -> str:
        return f"{self._prefix}{key}"

    @contextmanager
    def _asking(self, failure: str) -> Iterator[None]:
        """Say for people what failed; the storage's own words, which may hold addresses, go to the log."""
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _MISSING:
                raise FileMissing("The store has no such file.") from None
            raise StorageUnavailable(f"{failure}: the storage answers {code or 'with an error'}.") from error
        except (BotoCoreError, Boto3Error, HTTPClientError, OSError) as error:
            raise StorageUnavailable(f"{failure}: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"the storage does not answer ({type(error).__name__})"


class _Reader(io.RawIOBase):
    """A file that is read as it comes; going elsewhere asks the storage again, from there."""

    def __init__(self, store: S3Store, key: str) -> None:
        self._store, self._key = store, key
        self._position = 0
        self._body, self._size = store.get(key, 0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        position = max(0, base + offset)
        if position != self._position:
            self._drop()
            self._position = position
        return position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size:
            return 0
        with self._store._asking(f"The file {self._key} cannot be read"):
            if self._body is None:
                self._body, _ = self._store.get(self._key, self._position)
            data = self._body.read(len(buffer))
        if not data:
            raise StorageUnavailable(f"The file {self._key} ended before its end.")
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def close(self) -> None:
        if not self.closed:
            self._drop()
        super().close()
