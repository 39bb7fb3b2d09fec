"""Unified rows of invoices that stand in PDFs: the list's row, with what the XML in the PDF says, if it carries any."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_invoices.einvoice.reading import read_text
from tap_invoices.streams.documents import DocumentStream
from tap_invoices.streams.services import Batch
from tap_invoices.streams.stores import NoStore, Store
from tap_invoices.streams.unified import Unified

if TYPE_CHECKING:
    from singer_sdk import Tap

    from tap_invoices.einvoice.mapping import MappingContext
    from tap_invoices.streams.base import InvoiceStream
    from tap_invoices.streams.pending import Pending
    from tap_invoices.streams.services import Row, Services

_XML, _SHA256 = "XML of the document", "SHA-256 of the document"
"""What is beside a provider's fields on the way; no field has a name with spaces."""


class FromDocuments(Unified, DocumentStream, ABC):
    """Asks for PDFs, and keeps none."""

    keeps_rows = True

    def __init__(self, tap: Tap, services: Services | None = None, parent: InvoiceStream | None = None) -> None:
        super().__init__(tap, services, parent)
        self._gone: list[tuple[str, Batch]] = []
        """Items that seem gone, of which a row goes out once that is believed."""

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

    def _row_of(self, due: Pending, xml: str | None = None, sha256: str | None = None) -> Row:
        row: Row = due.row or self.complete_row({}, due)
        return {**row, _XML: xml, _SHA256: sha256}

    @override
    def accept(self, due: Pending, batches: Iterable[Batch]) -> Iterable[Batch]:
        rows = [self._row_of(due, row.get("embedded_xml"), row["sha256"]) for batch in batches for row in batch.rows]
        return [Batch(rows, sum(len(row[_XML] or "") for row in rows))]

    @override
    def context_of(self, row: Row) -> MappingContext:
        xml, sha256 = row.pop(_XML), row.pop(_SHA256)
        if xml is None:
            return super().context_of(row)
        return replace(super().context_of(row), document=read_text(xml), document_sha256=sha256)

    # Gone

    @override
    def rows_of_gone(self, due: Pending) -> list[Row]:
        return [self._row_of(due)]

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
        self.xml.log(self.name, self.logger)
