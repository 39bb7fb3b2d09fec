"""Invoice PDFs: fetched item by item, checked, and kept in a folder or in the record itself."""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
import threading
from abc import ABC, abstractmethod
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

import fsspec
from singer_sdk.streams.rest import PageContext
from typing_extensions import override

from tap_invoices.details import SingleStream
from tap_invoices.errors import BodyError, FatalAPIError
from tap_invoices.settings import MEBIBYTE
from tap_invoices.spool import Spool
from tap_invoices.stream import Batch

if TYPE_CHECKING:
    import requests

    from tap_invoices.due import Due

_CHUNK = 256 * 1024
_IN_MEMORY = MEBIBYTE
_MAX_BYTES = {"files": 100 * 1_000_000, "inline": 30 * 1_000_000}
_TAIL = 1024
_LONGEST_NAME = 120
"""Bytes of a file's name, before what makes it unique."""


class DocumentStream(SingleStream, ABC):
    """The PDF of each invoice that its list names."""

    selected_by_default = False

    @property
    @override
    def http_headers(self) -> dict[str, str]:
        return {"Accept": "application/pdf"}

    @override
    def fetch_item(self, due: Due) -> Spool[Batch]:
        """Return an item's row, which waits in a file if it holds a large document."""
        request = self.get_http_request(page=PageContext({self.item_field: due.id}, None))

        def read(response: requests.Response) -> Batch:
            with tempfile.SpooledTemporaryFile(_IN_MEMORY) as body:
                row = self._receive(response, body)
                row["file_name"] = file_name(due.id)
                row |= self._store.keep(body, row)
                return Batch([self.complete_row(row, due)], len(row.get("content_base64") or "") + _CHUNK // 64)

        batch = self.fetch(request, read)
        waiting: Spool[Batch] = Spool(_IN_MEMORY)
        waiting.put(batch, batch.size)
        waiting.close()
        return waiting

    def _receive(self, response: requests.Response, body: IO[bytes]) -> dict[str, Any]:
        """Take in a response's body and return its type, size and hash.

        Raises:
            BodyError: If it is no whole PDF.
            FatalAPIError: If it is larger than allowed.
        """
        digest = hashlib.sha256()
        size = 0
        while chunk := response.raw.read(_CHUNK, decode_content=True):
            size += len(chunk)
            if size > self._max_bytes:
                msg = f"the document is larger than `documents.max_bytes` ({self._max_bytes})"
                raise FatalAPIError(msg)
            digest.update(chunk)
            body.write(chunk)
        _check_pdf(body, size)
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return {"media_type": media_type or "application/pdf", "size": size, "sha256": digest.hexdigest()}

    @property
    def _max_bytes(self) -> int:
        documents = self.config["documents"]
        return int(documents.get("max_bytes") or _MAX_BYTES[documents["mode"]])

    @cached_property
    def _store(self) -> Store:
        documents = self.config["documents"]
        if documents["mode"] == "inline":
            return InlineStore()
        return FolderStore(documents["url"], self.name, documents.get("storage_options") or {})

    @override
    def prepare(self) -> None:
        super().prepare()
        _ = self._store


class Store(ABC):
    """Where documents are kept."""

    @abstractmethod
    def keep(self, body: IO[bytes], row: dict[str, Any]) -> dict[str, Any]:
        """Keep a document and return the fields that say where it is."""


class InlineStore(Store):
    """In the record, as base64."""

    @override
    def keep(self, body: IO[bytes], row: dict[str, Any]) -> dict[str, Any]:
        body.seek(0)
        return {"content_base64": base64.b64encode(body.read()).decode("ascii")}


class FolderStore(Store):
    """In a folder that fsspec reaches, under a name of the stream's; an unchanged file is left alone.

    Args:
        url: The folder.
        stream: The stream's name.
        options: For the file system.
    """

    def __init__(self, url: str, stream: str, options: dict[str, Any]) -> None:
        self._files, root = fsspec.core.url_to_fs(url, **options)
        self._folder = f"{root.rstrip('/')}/{stream}"
        self._made = threading.Lock()
        self._is_made = False

    @override
    def keep(self, body: IO[bytes], row: dict[str, Any]) -> dict[str, Any]:
        path = f"{self._folder}/{row['file_name']}"
        try:
            if not self._has(path, row):
                self._write(body, path)
        except Exception as error:
            msg = f"the document could not be stored ({type(error).__name__}): check `documents.url`"
            raise FatalAPIError(msg) from error
        return {"url": self._files.unstrip_protocol(path)}

    def _has(self, path: str, row: dict[str, Any]) -> bool:
        try:
            if self._files.info(path)["size"] != row["size"]:
                return False
        except FileNotFoundError:
            return False
        digest = hashlib.sha256()
        with self._files.open(path, "rb") as stored:
            while chunk := stored.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest() == str(row["sha256"])

    def _write(self, body: IO[bytes], path: str) -> None:
        """Write under another name and move, so that no reader ever meets half a file."""
        with self._made:
            if not self._is_made:
                self._files.makedirs(self._folder, exist_ok=True)
                self._is_made = True
        partial = f"{self._folder}/.{uuid4().hex}.part"
        body.seek(0)
        try:
            with self._files.open(partial, "wb") as file:
                while chunk := body.read(_CHUNK):
                    file.write(chunk)
            self._files.mv(partial, path)
        except BaseException:
            if self._files.exists(partial):
                self._files.rm(partial)
            raise


def file_name(key: str) -> str:
    """Return a file name for an invoice: readable, safe in any folder, and its own."""
    safe = re.sub(r"[^\w.\-]+", "_", key).strip("._-").encode()[:_LONGEST_NAME].decode(errors="ignore")
    if safe != key:
        safe = f"{safe}-{hashlib.sha256(key.encode()).hexdigest()[:8]}".lstrip("-")
    return f"{safe}.pdf"


def _check_pdf(body: IO[bytes], size: int) -> None:
    body.seek(0)
    starts = b"%PDF-" in body.read(_TAIL)
    body.seek(max(0, size - _TAIL))
    if not starts:
        msg = f"the body ({size} bytes) is not a PDF"
        raise BodyError(msg)
    if b"%%EOF" not in body.read():
        msg = f"the PDF is cut off after {size} bytes"
        raise BodyError(msg)
