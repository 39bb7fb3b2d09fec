"""Where a stream of documents keeps them: in its records, in files, or nowhere."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from typing import IO, TYPE_CHECKING, Any

from typing_extensions import override

from tap_invoices.streams.storage import StorageError, locate, reason

if TYPE_CHECKING:
    from collections.abc import Mapping


class Store(ABC):
    """Where documents are kept."""

    @abstractmethod
    def keep(self, body: IO[bytes], row: dict[str, Any]) -> dict[str, Any]:
        """Keep a document and return the fields that say where it is."""

    @abstractmethod
    def check(self) -> None:
        """Try what can be tried without a document.

        Raises:
            StorageError: If documents cannot be kept.
        """


class InlineStore(Store):
    """In the record, as base64."""

    @override
    def keep(self, body: IO[bytes], row: dict[str, Any]) -> dict[str, Any]:
        body.seek(0)
        return {"content_base64": base64.b64encode(body.read()).decode("ascii")}

    @override
    def check(self) -> None:
        pass


class NoStore(Store):
    """Nowhere."""

    @override
    def keep(self, body: IO[bytes], row: dict[str, Any]) -> dict[str, Any]:
        return {}

    @override
    def check(self) -> None:
        pass


class FileStore(Store):
    """In a folder of an account's stream, under an fsspec URL; an unchanged file is left alone.

    Args:
        url: What holds the folder.
        folder: Its path there.
        options: For the file system.

    Raises:
        StorageError: If it cannot be opened.
    """

    def __init__(self, url: str, folder: str, options: Mapping[str, Any]) -> None:
        try:
            self._files, root = locate(url, options)
            self._folder = f"{root.rstrip('/')}/{folder}"
            self._files.open_folder(self._folder)
        except Exception as error:
            raise _unusable(error) from error

    @override
    def keep(self, body: IO[bytes], row: dict[str, Any]) -> dict[str, Any]:
        path = f"{self._folder}/{row['file_name']}"
        try:
            if not self._files.holds(path, row["size"], row["sha256"]):
                body.seek(0)
                self._files.write(path, body)
        except Exception as error:
            msg = f"the document could not be stored ({reason(error)}): check `documents.url`"
            raise StorageError(msg) from error
        return {"url": self._files.url(path)}

    @override
    def check(self) -> None:
        try:
            self._files.check(self._folder)
        except Exception as error:
            raise _unusable(error) from error


def _unusable(error: Exception) -> StorageError:
    if isinstance(error, StorageError):
        return StorageError(f"{error}: check `documents.url`")
    return StorageError(
        f"documents cannot be stored ({reason(error)}): check `documents.url` and `documents.storage_options`"
    )
