"""ibana's invoices in the terms of EN 16931: incoming ones, so the counterparty sells and the organization buys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_invoices.einvoice import model
from tap_invoices.einvoice.checks import RULES
from tap_invoices.einvoice.currency import amount_in, currency
from tap_invoices.einvoice.days import text_day
from tap_invoices.einvoice.exact import add, number
from tap_invoices.einvoice.mapping import InvoiceMapping, MappingContext, RawRow, Source, objects
from tap_invoices.einvoice.rules import signed, signed_lines, status, text
from tap_invoices.einvoice.tax import breakdown, net_totals, rate
from tap_invoices.records.conform import ADDITIONAL

if TYPE_CHECKING:
    from tap_invoices.einvoice.columns import LineColumns


def invoice(row: RawRow, context: MappingContext) -> model.Row:
    """Return the row of ``invoices`` for one of ``ibana_invoices``."""
    seller, buyer = row.get("counterparty") or {}, row.get("organization") or {}
    kind, code, items = _type_code(row.get("type")), currency(row.get("currency")), _amounts(row, context)
    net = add(*(item.get("net_amount") for item in items))
    return model.invoice(
        id=row["id"],
        invoice_number=row.get("invoiceNumber"),
        direction="payable",
        type_code=kind,
        status=status(is_paid=row.get("alreadyPaid") or None),  # false says nothing: it is the default
        issue_date=text_day(row.get("date"), context.zone),
        due_date=text_day(row.get("dueDate"), context.zone),
        paid_date=text_day(row.get("alreadyPaidDate"), context.zone),
        seller_name=row.get("counterpartyName"),
        buyer_name=buyer.get("name"),
        currency=code,
        net_amount=net,  # and tax is what the total has more
        gross_amount=signed(kind, amount_in(context.amounts_in, row.get("totalAmount"), code)),
        seller_id=seller.get("id"),
        seller_vat_id=text(row.get("counterpartyVat")) or seller.get("vat"),
        buyer_id=buyer.get("id"),
        buyer_vat_id=buyer.get("vatNumber"),
        buyer_country=buyer.get("country"),
        purchase_order=_purchase_order(row),
        period_start=text_day(row.get("billingPeriodStart"), context.zone),
        period_end=text_day(row.get("billingPeriodEnd"), context.zone),
        payment_terms=row.get("paymentTerms"),
        note=row.get("notes"),
        lines_net_amount=net,
        tax_breakdown=breakdown(items),
        untested=RULES,  # all but the total comes from the lines, which the total has proven
        provider_type=row.get("type"),
        provider_status=row.get("status"),
        changed_at=row.get("updatedAt"),
    )


def lines(row: RawRow, context: MappingContext) -> list[model.Row]:
    """Return the rows of ``invoice_lines`` for one of ``ibana_invoices``."""
    found = [
        model.line(line_id=item.get("id"), item_name=item.get("title"), description=item.get("description")) | amounts
        for item, amounts in zip(objects(row.get("lineItems")), _amounts(row, context), strict=True)
    ]
    code = currency(row.get("currency"))
    return model.invoice_lines(found, invoice_id=row["id"], currency=code, changed_at=row.get("updatedAt"))


def _amounts(row: RawRow, context: MappingContext) -> list[LineColumns]:
    """Return the numbers of the lines, from which the invoice's follow too."""
    code, items = currency(row.get("currency")), objects(row.get("lineItems"))
    totals, taxes = (
        [amount_in(context.amounts_in, item.get(name), code) for item in items] for name in ("totalPrice", "taxAmount")
    )
    nets = net_totals(totals, taxes, amount_in(context.amounts_in, row.get("totalAmount"), code))
    return signed_lines(
        _type_code(row.get("type")),
        (
            {
                "quantity": number(item.get("quantity")),
                "unit_price": None if net is None else amount_in(context.amounts_in, item.get("unitPrice"), code),
                "net_amount": net,
                "tax_amount": tax,
                "tax_rate": rate(item.get("taxRate"), net, tax),
            }
            for item, net, tax in zip(items, nets, taxes, strict=True)
        ),
        [item.get("totalPrice") for item in items],  # with or without tax, in units or in cents: the sign is the same
    )


def _type_code(kind: str | None) -> str | None:
    name = (kind or "").upper()
    if "CREDIT" in name:
        return "381"
    return "380" if name == "INVOICE" else None


def _purchase_order(row: RawRow) -> str | None:
    """Return the number of the order; older versions of the API have a text where there is an object now."""
    order = row.get("purchaseOrder") or (row.get(ADDITIONAL) or {}).get("purchaseOrder")
    number = order.get("purchaseOrderNumber") if isinstance(order, dict) else order
    return text(row.get("purchaseOrderNumber")) or (number if isinstance(number, str) else None)


MAPPING = InvoiceMapping(
    invoice,
    lines,
    headers=Source("ibana_invoices", "updatedAt"),
    details=Source("ibana_invoices", "updatedAt"),
    time_zone="Europe/Vienna",
    unknown_units=("totalAmount",),
)
