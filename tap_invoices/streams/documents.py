"""Invoice PDFs: fetched item by item, checked, and handed to where they are kept."""

from __future__ import annotations

import hashlib
import re
import tempfile
from abc import ABC
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, ClassVar, cast

from singer_sdk.streams.rest import PageContext
from typing_extensions import override

from tap_invoices.concurrency.spill_queue import BatchQueue
from tap_invoices.counts import MEBIBYTE
from tap_invoices.einvoice import pdf
from tap_invoices.errors import BodyError, FatalAPIError
from tap_invoices.records.decode import decode
from tap_invoices.streams.details import SingleStream
from tap_invoices.streams.embedded import EmbeddedXml, described
from tap_invoices.streams.services import Batch
from tap_invoices.streams.storage import reason
from tap_invoices.streams.stores import FileStore, InlineStore, Store

if TYPE_CHECKING:
    import requests
    from singer_sdk import Tap
    from singer_sdk.streams.rest import HTTPRequest

    from tap_invoices.streams.base import InvoiceStream
    from tap_invoices.streams.pending import Pending
    from tap_invoices.streams.services import Services

_CHUNK = 256 * 1024
_IN_MEMORY = MEBIBYTE
MEGABYTE = 1_000_000
MAX_BYTES = {"files": 100 * MEGABYTE, "inline": 30 * MEGABYTE}
"""Mode → size of the largest document that is fetched, unless set otherwise."""
_HEAD = 1024
"""Bytes in which a PDF's header is looked for."""
_TAIL = MEBIBYTE
"""Bytes in which a PDF's end is looked for, whatever stands after it."""
_OBJECT = re.compile(rb"\d\s{1,9}obj\b|\bendstream\b")
"""Stands in a part of the file that is not at its end, such as one that a file lies in with an end mark of its own."""
_NO_OFFSET = re.compile(rb"startxref\s{1,9}0\s{1,9}\Z")
"""Stands before the end mark of the first part of a linearized PDF; the last one has an offset."""
_LONGEST_NAME = 120
"""Characters of a file's name, before what makes it unique."""
_PLAIN = re.compile(rf"[A-Z0-9_](?:[A-Z0-9_.\-]{{0,{_LONGEST_NAME - 2}}}[A-Z0-9_])?")
DOCUMENT = "what the XML says"
"""Beside the fields of a row that is fetched, for those that are made from it; no field has a name with spaces."""
_RESERVED = re.compile(r"(?:CON|PRN|AUX|NUL|COM\d|LPT\d)(?:\.|\Z)", re.IGNORECASE)
"""Names that Windows keeps for devices, whatever follows the first dot."""


class DocumentStream(SingleStream, ABC):
    """The PDF of each invoice that its list names."""

    selected_by_default = False
    is_asked_by_number: ClassVar[bool] = True
    """Whether the id that is asked for is the number on the invoice, which its XML must then have."""

    def __init__(self, tap: Tap, services: Services | None = None, parent: InvoiceStream | None = None) -> None:
        super().__init__(tap, services, parent)
        self.xml = EmbeddedXml()

    @override
    def prepare(self) -> None:
        super().prepare()
        if self._reads_xml:
            pdf.import_early()

    @property
    @override
    def http_headers(self) -> dict[str, str]:
        return {"Accept": "application/pdf"}

    @override
    def fetch_item(self, due: Pending) -> BatchQueue[Batch]:
        """Return an item's row, which waits in a file if it holds a large document."""
        request = self._document_request(due)

        def read(response: requests.Response) -> Batch:
            with _temporary_file() as body:
                row = self._receive(response, body)
                row["file_name"] = file_name(due.id)
                row |= self._embedded(body, due) | self.store.keep(body, row)
                texts = (row.get(name) for name in ("content_base64", "embedded_xml"))
                return Batch([self.complete_row(row, due)], sum(len(text or "") for text in texts) + _CHUNK // 64)

        batch = self.fetch(request, read)
        waiting: BatchQueue[Batch] = BatchQueue(_IN_MEMORY, may_wait=False)
        waiting.put(batch, batch.size)
        waiting.close()
        return waiting

    @override
    def accept(self, due: Pending, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            for row in batch.rows:
                row.pop(DOCUMENT, None)
            yield batch

    def try_item(self, due: Pending) -> str:
        """Ask for one document, keep nothing of it, and say whether it carries XML, if that is to be read."""

        def read(response: requests.Response) -> str:
            with _temporary_file() as body:
                self._receive(response, body)
                if not self._reads_xml:
                    return ""
                return described(self.xml.read(body, self._number(due)))

        return self.fetch(self._document_request(due), read)

    @property
    def _reads_xml(self) -> bool:
        return bool(self.config["documents"].get("read_xml"))

    def _number(self, due: Pending) -> str | None:
        return due.id if self.is_asked_by_number else None

    def _embedded(self, body: IO[bytes], due: Pending) -> dict[str, Any]:
        if not self._reads_xml:
            return {"embedded_xml": None, "embedded_xml_profile": None}
        reading = self.xml.read(body, self._number(due))
        return {"embedded_xml": reading.xml, "embedded_xml_profile": reading.profile, DOCUMENT: reading.document}

    @override
    def _log_misfits(self) -> None:
        super()._log_misfits()
        self.xml.log(self.name, self.logger, self.services.note)

    def _document_request(self, due: Pending) -> HTTPRequest:
        return self.get_http_request(page=PageContext({self.parent_key: due.id}, None))

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
        body.seek(0)
        if b"%PDF-" not in body.read(_HEAD):
            body.seek(0)
            with suppress(BodyError):  # it is no JSON either
                self.refuse(decode(body.read(MEBIBYTE)))
            msg = f"the body ({size} bytes) is not a PDF"
            raise BodyError(msg)
        _check_end(body, size)
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return {"media_type": media_type or "application/pdf", "size": size, "sha256": digest.hexdigest()}

    def refuse(self, body: Any) -> None:
        """Raise what JSON in a PDF's place says, if its provider has errors there."""

    @property
    def _max_bytes(self) -> int:
        documents = self.config["documents"]
        return int(documents.get("max_bytes") or MAX_BYTES[documents.get("mode") or "inline"])

    @cached_property
    def store(self) -> Store:
        """Where the documents are kept."""
        documents = self.config["documents"]
        if documents["mode"] == "inline":
            return InlineStore()
        return FileStore(
            documents["url"], f"{self.name}/{self.services.account}", documents.get("storage_options") or {}
        )

    @override
    def begin(self) -> None:
        super().begin()
        _ = self.store  # if it cannot be opened, nothing is asked for


@contextmanager
def _temporary_file() -> Iterator[IO[bytes]]:
    """Give a file for a document, which is in memory while it is small.

    Raises:
        FatalAPIError: If it cannot be written: that is no fault of the provider, and passes by itself for nobody.
    """
    try:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as body:
            yield cast("IO[bytes]", body)
    except OSError as error:
        msg = f"a temporary file cannot be written ({reason(error)}): make room for it, or set TMPDIR to another folder"
        raise FatalAPIError(msg) from error


def file_name(key: str) -> str:
    """Return a file name for an invoice: readable, fit for any file system, and its own where case does not count."""
    if _PLAIN.fullmatch(key) and not _RESERVED.match(key):
        return f"{key}.pdf"
    readable = re.sub(r"[^\w.\-]+", "_", key, flags=re.ASCII).lstrip("._-")[:_LONGEST_NAME]
    if _RESERVED.match(readable):
        readable = f"_{readable}"
    return f"{readable}-{hashlib.sha256(key.encode()).hexdigest()[:8]}.pdf".lstrip("-")


def _check_end(body: IO[bytes], size: int) -> None:
    """Look for a PDF's end mark, after which no object may begin.

    What else stands after it is padding, which readers pass over, as they do before the header. An object after an end
    mark is of a later part: of an update, or of a file that begins with its first page, and the end of that part is
    missing.

    Raises:
        BodyError: If it is cut off.
    """
    body.seek(0)
    head = body.read(_HEAD)
    body.seek(max(0, size - _TAIL))
    tail = body.read()
    end = tail.rfind(b"%%EOF")
    is_first_part = b"/Linearized" in head and _NO_OFFSET.search(tail, max(0, end - _HEAD), max(0, end))
    if end < 0 or is_first_part or _OBJECT.search(tail, end):
        msg = f"the PDF is cut off after {size} bytes"
        raise BodyError(msg)
