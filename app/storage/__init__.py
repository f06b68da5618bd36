"""Where files lie: in a folder, or in a bucket of an S3-compatible storage. Both are used alike.

Knows nothing of what the files are; keys are paths such as ``3f/3f0c…`` and nothing of them is a user's.
"""

from __future__ import annotations

from app.storage.base import FileMissing, FileStore, StorageUnavailable, StoredFile
from app.storage.folder import FolderStore
from app.storage.opening import S3Settings, is_bucket, open_store, store_of

__all__ = [
    "FileMissing",
    "FileStore",
    "FolderStore",
    "S3Settings",
    "StorageUnavailable",
    "StoredFile",
    "is_bucket",
    "open_store",
    "store_of",
]
