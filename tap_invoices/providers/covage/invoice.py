"""Covage's invoices in the terms of EN 16931: amounts, parties and lines only where the PDF carries XML."""

from __future__ import annotations

from tap_invoices.einvoice import model
from tap_invoices.einvoice.mapping import InvoiceMapping, MappingContext, RawRow, Source

_TYPE_CODES: dict[int | None, str] = {1: "380"}
"""By ``invoice_type``, of which only this one is documented: a standard invoice."""


def invoice(row: RawRow, context: MappingContext) -> model.Row:
    """Return the row of ``invoices`` for one of ``covage_invoices``; what the XML says wins."""
    return model.invoice(
        document=context.document,
        document_sha256=context.document_sha256,
        id=row["invoice_number"],
        invoice_number=row["invoice_number"],
        direction="payable",
        type_code=_TYPE_CODES.get(row.get("invoice_type")),
        issue_date=row.get("accounting_date"),
        due_date=row.get("payment_deadline"),
        buyer_name=row.get("customer_name"),
        invoiced_object=row.get("billing_site_ref"),
        provider_type=row.get("invoice_type_label"),
        changed_at=_changed_at(row),
    )


def lines(row: RawRow, context: MappingContext) -> list[model.Row]:
    """Return the rows of ``invoice_lines`` for one of ``covage_invoices``, from its XML."""
    document = context.document
    if document is None:
        return []
    code = document.columns.get("currency")
    return model.invoice_lines(
        document.lines, invoice_id=row["invoice_number"], currency=code, changed_at=_changed_at(row)
    )


def _changed_at(row: RawRow) -> str | None:
    day: str | None = row.get("accounting_date")
    return day and f"{day}T00:00:00Z"


MAPPING = InvoiceMapping(
    invoice,
    lines,
    headers=Source("covage_invoices", "accounting_date"),
    details=None,
    documents=Source("covage_invoice_documents", "accounting_date"),
)
