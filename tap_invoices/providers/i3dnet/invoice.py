"""i3D.net's invoices in the terms of EN 16931: amounts in cents, credit invoices with a sign that nobody tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_invoices.einvoice import model
from tap_invoices.einvoice.currency import currency, major
from tap_invoices.einvoice.days import day, text_day
from tap_invoices.einvoice.mapping import InvoiceMapping, MappingContext, RawRow, Source, objects
from tap_invoices.einvoice.rules import CREDIT_NOTES, signed, signed_lines, status

if TYPE_CHECKING:
    from tap_invoices.einvoice.exact import Amount

_TYPE_CODES: dict[int | None, str] = {0: "380", 1: "381"}
"""By ``isCredit``."""


def invoice(row: RawRow, context: MappingContext) -> model.Row:
    """Return the row of ``invoices`` for one of ``i3dnet_invoices``."""
    kind, code = _TYPE_CODES.get(row.get("isCredit")), currency(row.get("currency"), row.get("currencySign"))
    # Of a credit invoice it is not known what counts as paid.
    paid = None if kind in CREDIT_NOTES else row.get("totalPaidAmount")

    def amount(name: str) -> Amount:
        return signed(kind, major(row.get(name), code))

    return model.invoice(
        id=row["id"],
        invoice_number=row.get("invoiceNumber"),
        direction="payable",
        type_code=kind,
        status=status(paid_amount=paid, due_amount=row.get("remainingAmount")),
        issue_date=day(row.get("creationDate"), context.zone),
        due_date=day(row.get("dueDate"), context.zone),
        paid_date=day(row.get("paymentDate"), context.zone),
        currency=code,
        net_amount=amount("amountExclVAT"),
        gross_amount=amount("amountIncVAT"),
        paid_amount=major(paid, code),
        due_amount=amount("remainingAmount"),
        note=row.get("description"),
        provider_status=None if row.get("paymentStatus") is None else f"{row['paymentStatus']}",
    )


def lines(row: RawRow, context: MappingContext) -> list[model.Row]:
    """Return the rows of ``invoice_lines`` for one of ``i3dnet_invoice_details``."""
    kind, code = _TYPE_CODES.get(row.get("isCredit")), currency(row.get("currency"), row.get("currencySign"))
    found = signed_lines(
        kind,
        (
            model.line(
                item_name=item.get("description"),
                description=item.get("remarks"),
                quantity=item.get("quantity"),
                unit_price=major(item.get("unitPrice"), code),
                net_amount=major(item.get("amountExclVat"), code),
                tax_amount=major(item.get("vatAmount"), code),
                tax_rate=item.get("vatPercentage"),
                period_start=text_day(item.get("periodFrom"), context.zone),
                period_end=text_day(item.get("periodTo"), context.zone),
                order_reference=item.get("orderId"),
            )
            for item in objects(row.get("items"))
        ),
    )
    return model.invoice_lines(found, invoice_id=row["id"], currency=code)


MAPPING = InvoiceMapping(
    invoice,
    lines,
    headers=Source("i3dnet_invoices", None),
    details=Source("i3dnet_invoice_details", "changed_on"),
    time_zone="Europe/Amsterdam",
)
