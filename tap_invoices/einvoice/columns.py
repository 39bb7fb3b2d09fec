"""The columns that a mapping gives; all others are made from them, or are the stream's."""

from __future__ import annotations

from typing import TypedDict

from tap_invoices.einvoice.exact import Amount, Number

Checks = dict[str, Amount]


class TaxEntry(TypedDict):
    """Tax of one category and rate (BG-23)."""

    category: str | None
    rate: Amount
    base_amount: Amount
    tax_amount: Amount
    exemption_reason: str | None


class InvoiceColumns(TypedDict, total=False):
    """What a mapping says of an invoice; what it leaves out is not known."""

    id: str
    invoice_number: str | None
    direction: str
    type_code: str | None
    status: str | None
    issue_date: str | None
    due_date: str | None
    paid_date: str | None
    seller_name: str | None
    buyer_name: str | None
    currency: str | None
    net_amount: Number
    tax_amount: Number
    gross_amount: Number
    paid_amount: Number
    due_amount: Number
    seller_id: str | None
    seller_vat_id: str | None
    seller_country: str | None
    buyer_id: str | None
    buyer_vat_id: str | None
    buyer_country: str | None
    purchase_order: str | None
    invoiced_object: str | None
    preceding_invoice: str | None
    period_start: str | None
    period_end: str | None
    payment_terms: str | None
    note: str | None
    lines_net_amount: Number
    allowances_amount: Number
    charges_amount: Number
    rounding_amount: Number
    tax_breakdown: list[TaxEntry] | None
    document_sha256: str | None
    document_profile: str | None
    provider_type: str | None
    provider_status: str | None
    changed_at: str | None


class LineColumns(TypedDict, total=False):
    """What a mapping says of a line; what it leaves out is not known."""

    line_id: str | None
    item_name: str | None
    description: str | None
    seller_item_id: str | None
    buyer_item_id: str | None
    quantity: Number
    unit: str | None
    unit_price: Number
    price_base_quantity: Number
    net_amount: Number
    tax_amount: Number
    tax_category: str | None
    tax_rate: Number
    period_start: str | None
    period_end: str | None
    order_reference: str | None


INVOICE = (
    "id", "invoice_number", "direction", "type_code", "status", "issue_date", "due_date", "paid_date", "seller_name",
    "buyer_name", "currency", "net_amount", "tax_amount", "gross_amount", "paid_amount", "due_amount", "checks_ok",
    "seller_id", "seller_vat_id", "seller_country", "buyer_id", "buyer_vat_id", "buyer_country", "purchase_order",
    "invoiced_object", "preceding_invoice", "period_start", "period_end", "payment_terms", "note", "lines_net_amount",
    "allowances_amount", "charges_amount", "rounding_amount", "tax_breakdown", "checks", "amounts_source",
    "document_sha256", "document_profile", "provider_type", "provider_status", "changed_at",
)  # fmt: skip
LINE = (
    "invoice_id", "position", "line_count", *LineColumns.__annotations__, "currency", "changed_at",
)  # fmt: skip
TOTALS = ("net_amount", "tax_amount", "gross_amount", "paid_amount", "due_amount")
"""Where an invoice has none of these, it has no amounts."""
AMOUNTS = frozenset({*TOTALS, "lines_net_amount", "allowances_amount", "charges_amount", "rounding_amount"})
"""An invoice's columns of money."""
