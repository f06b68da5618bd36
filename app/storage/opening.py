"""Which store an address means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.storage.base import FileStore
from app.storage.folder import FolderStore


@dataclass(frozen=True)
class S3Settings:
    """How an S3-compatible storage is reached. Without keys, those of the AWS environment are used.

    ``endpoint``: its address, such as ``https://minio.example:9000``; empty for AWS.
    """

    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


def is_bucket(address: str) -> bool:
    """Whether an address is one of an S3-compatible storage.

    :raises ValueError: it begins like one and names no bucket
    """
    if not address.startswith("s3://"):
        return False
    if not urlsplit(address).netloc:
        raise ValueError(f"{address!r} names no bucket; use s3://bucket or s3://bucket/folder")
    return True


def open_store(address: str | Path, settings: S3Settings | None = None) -> FileStore:
    """The store at ``address``: ``s3://bucket/prefix``, or a folder. Nothing is asked of it yet.

    :raises ValueError: as :func:`is_bucket`
    """
    if not is_bucket(str(address)):
        return FolderStore(Path(address).expanduser().absolute())
    from app.storage.s3 import S3Store  # boto3 takes half a second to import

    url = urlsplit(str(address))
    return S3Store(url.netloc, url.path.strip("/"), settings or S3Settings())


def store_of(settings: Mapping[str, Any]) -> FileStore:
    """Where a site keeps its uploads, by its settings."""
    return open_store(
        settings["MILLWRIGHT_STORAGE"] or settings["MILLWRIGHT_UPLOADS"], settings["MILLWRIGHT_S3"]
    )
