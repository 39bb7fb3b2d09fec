"""Binds ``invoices`` and ``invoice_lines`` to the streams of a provider that their rows are made from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tap_invoices.streams.documents import DocumentStream
from tap_invoices.streams.unified import Unified, UnifiedInvoices, UnifiedLines
from tap_invoices.streams.unified_documents import FromDocuments

if TYPE_CHECKING:
    from tap_invoices.einvoice.mapping import InvoiceMapping
    from tap_invoices.streams.base import InvoiceStream


def bind(
    mapping: InvoiceMapping, streams: Iterable[type[InvoiceStream]], *, reads_xml: bool
) -> tuple[type[Unified], ...]:
    """Return the streams of an account, bound to those of its provider; no lines where they are in documents alone."""
    by_name = {str(stream.name): stream for stream in streams}  # type: ignore[misc]
    documents = mapping.documents if reads_xml else None
    wanted = ((UnifiedInvoices, documents or mapping.headers), (UnifiedLines, documents or mapping.details))
    return tuple(_bound(kind, mapping, by_name[source.stream]) for kind, source in wanted if source)


def _bound(kind: type[Unified], mapping: InvoiceMapping, source: type[InvoiceStream]) -> type[Unified]:
    name = str(kind.table.name)  # type: ignore[misc]
    namespace = {"__module__": kind.__module__, "name": name, "mapping": mapping, "source": source}
    bases = (kind, FromDocuments, source) if issubclass(source, DocumentStream) else (kind, source)
    return type(f"{source.__name__}{kind.__name__}", bases, namespace)
