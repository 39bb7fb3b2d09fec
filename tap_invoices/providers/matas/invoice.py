"""Matas' invoices in the terms of EN 16931: midnights of Amsterdam in UTC, amounts of a unit that nobody tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_invoices.einvoice import model
from tap_invoices.einvoice.currency import amount_in, currency
from tap_invoices.einvoice.days import day
from tap_invoices.einvoice.mapping import InvoiceMapping, MappingContext, RawRow, Source, objects
from tap_invoices.einvoice.rules import status, text
from tap_invoices.einvoice.tax import tax_entry
from tap_invoices.records.conform import ADDITIONAL

if TYPE_CHECKING:
    from tap_invoices.einvoice.exact import Amount, Number


def invoice(row: RawRow, context: MappingContext) -> model.Row:
    """Return the row of ``invoices`` for one of ``matas_invoices``."""
    address, code = row.get("invoice_address") or {}, currency(row.get("currency"))

    def amount(name: str) -> Amount:
        return amount_in(context.amounts_in, row.get(name), code)

    net, tax, percent = amount("subtotal"), amount("vat"), row.get("vat_percentage")
    return model.invoice(
        id=row["invoice_number"],
        invoice_number=row["invoice_number"],
        direction="payable",
        type_code=_type_code(row.get("total")),
        status=status(is_paid=_is_paid(row)),
        issue_date=day(row.get("invoice_date"), context.zone),
        due_date=day(row.get("expire_date"), context.zone),
        paid_date=day(row.get("payment_date"), context.zone),
        buyer_name=address.get("name"),
        buyer_country=address.get("country"),
        currency=code,
        net_amount=net,
        tax_amount=tax,
        gross_amount=amount("total"),
        payment_terms=(row.get("payment_term") or {}).get("description"),
        note=row.get("description"),
        tax_breakdown=None if percent is None else [tax_entry(rate=percent, base_amount=net, tax_amount=tax)],
        untested=("br_co_14",),  # the one entry is the header's tax
    )


def lines(row: RawRow, context: MappingContext) -> list[model.Row]:
    """Return the rows of ``invoice_lines`` for one of ``matas_invoice_details``."""
    code = currency(row.get("currency"))
    found = [
        model.line(
            line_id=None if item.get("line_number") is None else f"{item['line_number']}",
            item_name=item.get("description"),
            seller_item_id=item.get("part_number"),
            buyer_item_id=item.get("customer_part_number"),
            quantity=item.get("qty"),
            unit_price=amount_in(context.amounts_in, item.get("unit_price"), code),
            net_amount=amount_in(context.amounts_in, item.get("amount"), code),
            order_reference=text(item.get("customer_order_number")) or item.get("sales_order_number"),
        )
        for item in objects(row.get("lines"))
    ]
    return model.invoice_lines(found, invoice_id=row["invoice_number"], currency=code)


def _type_code(total: Number) -> str | None:
    """Tell a credit note by its negative total, for there is no type."""
    if total is None:
        return None
    return "381" if total < 0 else "380"


def _is_paid(row: RawRow) -> bool | None:
    """Tell whether there is a day of payment; null is unpaid, but one that cannot be read is not known."""
    if row.get("payment_date"):
        return True
    is_told = "payment_date" in row and "payment_date" not in (row.get(ADDITIONAL) or {})
    return False if is_told else None


MAPPING = InvoiceMapping(
    invoice,
    lines,
    headers=Source("matas_invoices", None),
    details=Source("matas_invoice_details", "changed_on"),
    time_zone="Europe/Amsterdam",
    unknown_units=("total", "subtotal", "vat"),
)
