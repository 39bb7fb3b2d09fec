"""Exsited's invoices in the terms of EN 16931: the user's own, with prices that may include tax."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_invoices.einvoice import model
from tap_invoices.einvoice.currency import currency
from tap_invoices.einvoice.days import day
from tap_invoices.einvoice.mapping import InvoiceMapping, MappingContext, RawRow, Source, objects
from tap_invoices.einvoice.rules import status
from tap_invoices.einvoice.tax import breakdown, net_totals, rate

if TYPE_CHECKING:
    from tap_invoices.einvoice.columns import LineColumns


def invoice(row: RawRow, context: MappingContext) -> model.Row:
    """Return the row of ``invoices`` for one of ``exsited_invoices``; `net_amount` follows from total and tax."""
    figures, taxes, state = row.get("kpis") or {}, _taxes(row), _status(row)
    items = _lines(row, taxes, context)
    return model.invoice(
        id=row["id"],
        invoice_number=row["id"],
        direction="receivable",
        type_code="380",  # credits are not in this list
        status=state,
        issue_date=day(row.get("issue_date"), context.zone),
        due_date=day(row.get("due_date"), context.zone),
        paid_date=day(figures.get("last_payment_date"), context.zone) if state == "paid" else None,
        currency=_currency(row),
        tax_amount=row.get("tax") if row.get("tax_total") is None else row["tax_total"],
        gross_amount=row.get("total"),
        paid_amount=row.get("paid"),
        due_amount=row.get("due"),
        buyer_id=row.get("account_id"),
        purchase_order=row.get("customer_purchase_order_id"),
        invoiced_object=row.get("order_id"),
        period_start=day(row.get("billing_start_date"), context.zone),
        period_end=day(row.get("billing_end_date"), context.zone),
        note=row.get("invoice_note"),
        lines_net_amount=row.get("subtotal") if row.get("price_tax_inclusive") is False else None,
        allowances_amount=row.get("discount_amount"),
        tax_breakdown=breakdown(items, [tax.get("code") for tax in taxes]),
        lines=items,
        provider_type=row.get("type"),
        provider_status=row.get("status"),
        changed_at=row.get("last_updated_on"),
    )


def lines(row: RawRow, context: MappingContext) -> list[model.Row]:
    """Return the rows of ``invoice_lines`` for one of ``exsited_invoices``."""
    return model.invoice_lines(
        _lines(row, _taxes(row), context),
        invoice_id=row["id"],
        currency=_currency(row),
        changed_at=row.get("last_updated_on"),
    )


def _lines(row: RawRow, taxes: list[RawRow], context: MappingContext) -> list[LineColumns]:
    items = objects(row.get("lines"))
    nets = net_totals([item.get("subtotal") for item in items], [tax.get("amount") for tax in taxes], row.get("total"))
    return [
        model.line(
            line_id=item.get("uuid"),
            seller_item_id=item.get("item_id"),
            quantity=item.get("item_order_quantity"),
            unit=item.get("item_uom"),
            net_amount=net,
            tax_amount=tax.get("amount"),
            tax_rate=rate(tax.get("rate"), net, tax.get("amount")),
            period_start=day(item.get("charging_start_date"), context.zone),
            period_end=day(item.get("charging_end_date"), context.zone),
        )
        for item, tax, net in zip(items, taxes, nets, strict=True)
    ]


def _taxes(row: RawRow) -> list[RawRow]:
    return objects([item.get("tax") for item in objects(row.get("lines"))])


def _currency(row: RawRow) -> str | None:
    return currency((row.get("currency") or {}).get("name"))


def _status(row: RawRow) -> str | None:
    figures, name = row.get("kpis") or {}, (row.get("status") or "").upper()
    return status(
        is_deleted=figures.get("deleted_on"),
        is_void=figures.get("voided_on") or name == "VOID",
        is_draft=name == "DRAFT",
        paid_amount=row.get("paid"),
        due_amount=row.get("due"),
    )


MAPPING = InvoiceMapping(
    invoice,
    lines,
    headers=Source("exsited_invoices", "last_updated_on"),
    details=Source("exsited_invoices", "last_updated_on"),
    time_zone="UTC",
)
