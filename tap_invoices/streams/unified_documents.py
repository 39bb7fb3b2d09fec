"""Unified rows of invoices that stand in PDFs: the list's row, with what the XML in the PDF says, if it carries any."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_invoices.streams.documents import DOCUMENT, DocumentStream
from tap_invoices.streams.read_before import ReadBefore
from tap_invoices.streams.services import Batch
from tap_invoices.streams.stores import NoStore, Store
from tap_invoices.streams.unified import Unified

if TYPE_CHECKING:
    from singer_sdk import Tap

    from tap_invoices.einvoice.mapping import MappingContext
    from tap_invoices.einvoice.model import Document
    from tap_invoices.streams.base import InvoiceStream
    from tap_invoices.streams.pending import Pending
    from tap_invoices.streams.services import Row, Services

_READ = "read"
"""In the state: documents that earlier syncs have read."""
_SHA256 = "SHA-256 of the document"
"""Beside a provider's fields on the way, as what the XML says is."""


class FromDocuments(Unified, DocumentStream, ABC):
    """Asks for PDFs, and keeps none."""

    keeps_rows = True

    def __init__(self, tap: Tap, services: Services | None = None, parent: InvoiceStream | None = None) -> None:
        super().__init__(tap, services, parent)
        self._gone: list[tuple[str, Batch]] = []
        """Items that seem gone, of which a row goes out once that is believed."""

    @override
    def prepare(self) -> None:
        self._read_before = ReadBefore(self.stream_state.get(_READ))  # whatever shaped those rows
        super().prepare()

    @classmethod
    @override
    def understands(cls, bookmark: Mapping[str, Any]) -> bool:
        return super().understands(bookmark) and ReadBefore.understands(bookmark.get(_READ))

    @override
    def beside_bookmark(self, value: str) -> Mapping[str, Any]:
        since = self.starting_value(value) or value
        return {**super().beside_bookmark(value), _READ: self._read_before.kept(since, self.bookmark.failed)}

    @classmethod
    @override
    def row_schema(cls) -> dict[str, Any]:
        return cls.parent.row_schema()

    @cached_property
    def store(self) -> Store:
        """Where the documents are kept."""
        return NoStore()

    @override
    def listed_from(self) -> str | None:
        """Return the start, or the least value of what failed before, for the list alone has the rest of its row."""
        start = self.starting_value()
        failed = [due.value for due in self.again.values() if due.value]
        return start and min([start, *failed])

    def _row_of(self, due: Pending, document: Document | None = None, sha256: str | None = None) -> Row:
        row: Row = due.row or self.complete_row({}, due)
        return {**row, DOCUMENT: document, _SHA256: sha256}

    @override
    def accept(self, due: Pending, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            rows = [self._row_of(due, row[DOCUMENT], row["sha256"]) for row in batch.rows]
            yield Batch(rows, sum(len(row["embedded_xml"] or "") for row in batch.rows))

    @override
    def context_of(self, row: Row) -> MappingContext:
        document, sha256 = row.pop(DOCUMENT), row.pop(_SHA256)
        if document is None:
            return super().context_of(row)
        self._read_before.add(str(row[self.parent_key]), self.changed(row))
        return replace(super().context_of(row), document=document, document_sha256=sha256)

    # Gone

    @override
    def rows_of_gone(self, due: Pending) -> list[Row]:
        """Return a row without what the document says, unless that may be known from before."""
        return [] if self._read_before.may_hold(due) else [self._row_of(due)]

    @override
    def take(self, due: Pending, result: Callable[[], Iterable[Batch]]) -> Iterator[Batch]:
        gone = self.counts.gone
        for batch in super().take(due, result):
            if self.counts.gone == gone:
                yield from self._believed()
                yield batch
            elif batch.failed:
                self._gone = [(item, each) for item, each in self._gone if item not in batch.failed]
                yield from self._believed()
                yield replace(batch, rows=[])
            else:
                self._gone.append((due.id, batch))

    @override
    def end(self) -> Iterator[Batch]:
        yield from super().end()
        yield from self._believed()

    def _believed(self) -> Iterator[Batch]:
        held, self._gone = self._gone, []
        for _, batch in held:
            yield batch

    @override
    def _log_misfits(self) -> None:
        super()._log_misfits()
        self.xml.log(f"{self.name} ({self.provider})", self.logger, self.services.note)
