"""File systems for documents, the ledger and states: folders, or buckets, where only objects are made."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from fsspec.core import split_protocol, url_to_fs
from typing_extensions import override

from tap_invoices.counts import MEBIBYTE
from tap_invoices.errors import FatalAPIError

if TYPE_CHECKING:
    from collections.abc import Mapping

_OBJECT_STORES = frozenset(
    {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci", "ocilake", "tos", "obs", "cos", "b2", "r2"}
)
_CHUNK = 256 * 1024
_PART = 8 * MEBIBYTE
"""An object that is larger is uploaded in parts of this size."""


class StorageError(FatalAPIError):
    """A document cannot be stored; the message names the setting."""


class FileSystem:
    """Files in folders.

    Args:
        files: What fsspec offers for the URL.
    """

    def __init__(self, files: Any) -> None:
        self._files = files

    def open_folder(self, path: str) -> None:
        """Make a folder, unless it is there."""
        self._files.makedirs(path, exist_ok=True)

    def check(self, folder: str) -> None:
        """Try whether files can be written to a folder, and leave none."""
        probe = f"{folder}/.{uuid4().hex}.part"
        self._files.pipe_file(probe, b"")
        self._files.rm_file(probe)

    def find(self, folder: str) -> list[str]:
        """Return the paths of all files under a folder, as they are now."""
        self._files.invalidate_cache()
        return list(self._files.find(folder))

    def read(self, path: str) -> bytes:
        """Return a whole file, or nothing where there is none."""
        try:
            return bytes(self._files.cat_file(path))
        except FileNotFoundError:
            return b""

    def holds(self, path: str, size: int, sha256: str) -> bool:
        """Tell whether a file is there, with this size and hash."""
        try:
            if self._files.info(path)["size"] != size:
                return False
        except FileNotFoundError:
            return False
        digest = hashlib.sha256()
        with self._files.open(path, "rb") as stored:
            while chunk := stored.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest() == sha256

    def write(self, path: str, body: IO[bytes]) -> None:
        """Write under another name and move, so that no reader ever meets half a file."""
        partial = f"{path.rpartition('/')[0]}/.{uuid4().hex}.part"
        try:
            with self._files.open(partial, "wb") as file:
                shutil.copyfileobj(body, file, _CHUNK)
            self._files.mv(partial, path)
        except BaseException:
            if self._files.exists(partial):
                self._files.rm(partial)
            raise

    def url(self, path: str) -> str:
        """Return a file's URL."""
        return str(self._files.unstrip_protocol(path))


class ObjectStore(FileSystem):
    """Objects in a bucket: each is written whole or not at all, so it needs no other name first."""

    @override
    def open_folder(self, path: str) -> None:
        """Look whether the bucket is there, for it is never made; whoever may only use its objects cannot see that.

        Raises:
            StorageError: If it is not there.
        """
        try:
            self._files.info(self._files.split_path(path)[0])
        except FileNotFoundError:
            raise _no_bucket() from None
        except Exception as error:
            if not _is_forbidden(error):
                raise

    @override
    def check(self, folder: str) -> None:
        """Leave it at the bucket: with versions or a lock, what is once written would stay."""

    @override
    def holds(self, path: str, size: int, sha256: str) -> bool:
        """Tell whether an object is there, by reading it: to look for one that is missing takes more rights.

        Where that cannot be told, writing it again does no harm, and tells what is wrong.
        """
        digest, at = hashlib.sha256(), 0
        try:
            while at < size and (part := self._files.cat_file(path, start=at, end=min(at + _PART, size + 1))):
                digest.update(part)
                at += len(part)
        except Exception:  # noqa: BLE001  (each library has its own)
            return False
        return digest.hexdigest() == sha256

    @override
    def write(self, path: str, body: IO[bytes]) -> None:
        file = self._files.open(path, "wb", block_size=_PART)
        try:
            shutil.copyfileobj(body, file, _CHUNK)
            file.close()
        except BaseException as error:
            with suppress(Exception):
                file.discard()
            file.closed = True  # or fsspec would complete it when it is collected
            if isinstance(error, FileNotFoundError):
                raise _no_bucket() from None
            raise


def _is_forbidden(error: Exception) -> bool:
    """Tell whether an object store answers 403, which each library raises in its own way."""
    status = getattr(error, "status_code", None)
    return isinstance(error, PermissionError) or status == HTTPStatus.FORBIDDEN or str(error).startswith("Forbidden")


def _no_bucket() -> StorageError:
    return StorageError("the bucket does not exist")


def locate(url: str, options: Mapping[str, Any]) -> tuple[FileSystem, str]:
    """Return what an fsspec URL leads to: a file system, and the path in it."""
    files, path = url_to_fs(url, **options)
    protocol, _ = split_protocol(url.rpartition("::")[2])
    return (ObjectStore if protocol in _OBJECT_STORES else FileSystem)(files), path


def reason(error: Exception) -> str:
    """Say why something could not be stored, without the address and the words of a server."""
    if isinstance(error, StorageError):
        return str(error)
    if isinstance(error, UnicodeEncodeError):
        return "its name has characters that this machine's locale does not have: set PYTHONUTF8=1"
    number = getattr(error, "errno", None)
    return os.strerror(number) if isinstance(number, int) and number > 0 else type(error).__name__
