"""The rows of ``invoices`` and ``invoice_lines``, made from what a mapping says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from typing_extensions import Unpack

from tap_invoices.einvoice.checks import check
from tap_invoices.einvoice.columns import INVOICE, LINE, TOTALS, InvoiceColumns, LineColumns
from tap_invoices.einvoice.exact import number, subtract
from tap_invoices.einvoice.rules import country, text

Row = dict[str, Any]
"""A row without ``provider`` and ``source_account``, which are the stream's."""

_INVOICE: Row = dict.fromkeys(INVOICE)
_LINE: Row = dict.fromkeys(LINE)
_CLEAN: dict[type, Callable[[Any], Any]] = {str: text, Decimal: number, int: number}


@dataclass(frozen=True, slots=True)
class Document:
    """What the XML in a PDF says, signed."""

    columns: InvoiceColumns
    lines: list[LineColumns] = field(default_factory=list)
    states_all: bool = True
    """Whether it states all that has been paid; the profile MINIMUM does not."""


def invoice(
    *,
    document: Document | None = None,
    lines: Sequence[LineColumns] = (),
    untested: Collection[str] = (),
    **columns: Unpack[InvoiceColumns],
) -> Row:
    """Return a row of ``invoices``; blank texts are null, and net or tax follows from the other and gross.

    Args:
        document: The XML that was read for it: what it says wins.
        lines: The invoice's lines, as far as the mapping knows them; a document's own win.
        untested: Rules that prove nothing, because the mapping has derived an amount in them.
        **columns: What the provider says, with amounts in major units and signed.
    """
    said = document.columns if document else {}
    row = _INVOICE | _cleaned(columns)
    row |= {name: value for name, value in _cleaned(said).items() if value is not None}
    for party in ("seller_country", "buyer_country"):
        row[party] = country(row[party])
    derived = _derive(row)
    row["checks"], row["checks_ok"] = check(
        row,
        document.lines if document else lines,
        untested=[*untested, *derived],
        states_all=document.states_all if document else False,
    )
    if any(row[name] is not None for name in TOTALS):
        row["amounts_source"] = "document" if any(said.get(name) is not None for name in TOTALS) else "api"
    return row


def line(**columns: Unpack[LineColumns]) -> LineColumns:
    """Return what a mapping says of a line, with blank texts as null."""
    return _cleaned(columns)  # type: ignore[return-value]


def invoice_lines(
    lines: Sequence[LineColumns], *, invoice_id: str, currency: str | None, changed_at: str | None = None
) -> list[Row]:
    """Return the rows of ``invoice_lines`` of one invoice, numbered in the order in which they came."""
    same = {"invoice_id": invoice_id, "line_count": len(lines), "currency": currency, "changed_at": changed_at}
    return [_LINE | each | same | {"position": position} for position, each in enumerate(lines, 1)]


def _derive(row: Row) -> list[str]:
    """Fill in net or tax by BR-CO-15's own definition, and return the rule that then proves nothing."""
    if row["gross_amount"] is None:
        return []
    for missing, other in (("tax_amount", "net_amount"), ("net_amount", "tax_amount")):
        if row[missing] is None and (rest := subtract(row["gross_amount"], row[other])) is not None:
            row[missing] = rest
            return ["br_co_15"]
    return []


def _cleaned(columns: Mapping[str, Any]) -> Row:
    return {name: clean(value) if (clean := _CLEAN.get(type(value))) else value for name, value in columns.items()}
