"""The one shape in which every provider says how its rows become those of ``invoices`` and ``invoice_lines``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from tap_invoices.einvoice.currency import AmountsIn
    from tap_invoices.einvoice.model import Document, Row

UTC = ZoneInfo("UTC")
RawRow = dict[str, Any]
"""A provider's row, conformed to the schema of its stream."""


@dataclass(frozen=True, slots=True)
class MappingContext:
    """What shapes a unified row beside the provider's row."""

    zone: ZoneInfo = UTC
    """Time zone in which the provider's days begin."""
    amounts_in: AmountsIn | None = None
    """What the user says that amounts are in; None leaves amounts of an unknown unit null."""
    document: Document | None = None
    """XML of the invoice's PDF, if it was read."""
    document_sha256: str | None = None
    """SHA-256 of that PDF, in hexadecimal."""


class Source(NamedTuple):
    """Stream of the provider whose rows a unified stream is made from."""

    stream: str
    replication_key: str | None
    """Field that the bookmark goes by; None where the list is read whole."""


@dataclass(frozen=True, slots=True)
class InvoiceMapping:
    """How a provider's rows become unified ones; all without I/O.

    Args:
        invoice: Makes a row of ``invoices`` from one of ``headers``.
        lines: Makes the rows of ``invoice_lines`` of an invoice from one of ``details``.
        headers: Where rows of ``invoices`` come from.
        details: Where rows of ``invoice_lines`` come from; None if they are in the documents alone.
        documents: PDFs that may carry XML; once they are read, both functions get the row of ``headers`` with it.
        time_zone: Default of the setting; None if the provider has only plain dates, and no such setting.
        unknown_units: Amounts in ``headers`` of which the unit is not documented, the total first; with any there is
            the setting ``amounts_in``.
        version: Another one reads everything again, as a corrected mapping needs.
    """

    invoice: Callable[[RawRow, MappingContext], Row]
    lines: Callable[[RawRow, MappingContext], list[Row]]
    headers: Source
    details: Source | None
    documents: Source | None = None
    time_zone: str | None = None
    unknown_units: tuple[str, ...] = ()
    version: int = 1


def objects(value: list[Any] | None) -> list[RawRow]:
    """Return the objects of a list; what could not be read as one keeps its place."""
    return [each or {} for each in value or ()]
