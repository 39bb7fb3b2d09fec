"""An Exsited invoice and its lines: text all over, "" for what is missing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zlib import crc32

from tap_invoices.sandbox import invent

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from tap_invoices.sandbox.book import Record

STAGE = "https://api-stage.exsited.com"
_NEVER = ("last_payment_date", "last_reactivated_on", "last_cancelled_on", "last_amended_on", "voided_on", "deleted_on")
UNPAID = {
    "paid": "0.000000",
    "payment_status": "UNPAID",
    "last_payment": {"id": "", "amount": "", "created_at": ""},
}
# Stream -> fields that only other shapes have.
_ABSENT = {
    "exsited_invoices": ("shipping_cost", "account_name"),
    "exsited_invoice_details": ("shipping_cost", "account_name"),
    "exsited_invoice_information": ("shipping_cost", "account_name", "tax_total", "lines"),
    "exsited_order_invoices": ("shipping_cost", "account_name", "tax_total"),
    "exsited_account_invoices": ("tax_total",),
}


def invoice(index: int, die: Random, dated: tuple[datetime, datetime], amount: Decimal) -> Record:
    """Return an unpaid invoice that belongs to nobody yet; ``dated`` is when it was created and last updated."""
    created, updated = dated
    tax = invent.share(amount, 10)
    total = invent.plain(amount + tax)
    return {
        "status": die.choice(("ACTIVE", "ACTIVE", "ACTIVE", "VOID")),
        "id": "",
        "type": "LINKED_WITH_ORDER" if index % 8 != 3 else "NOT_LINKED_WITH_ORDER",  # noqa: PLR2004
        "custom_form": {"uuid": invent.uid(0, "form"), "name": "Tax Invoice"},
        "currency": {"uuid": invent.uid(0, "AUD"), "name": "AUD", "link": f"{STAGE}/api/v1/currencies/AUD"},
        "customer_purchase_order_id": "" if index % 3 else f"PO #{index}",
        **dates("billing_start_date", created),
        **dates("billing_end_date", created + timedelta(days=30)),
        **dates("issue_date", created),
        **dates("due_date", created + timedelta(days=14)),
        "subtotal": invent.plain(amount),
        "tax": invent.plain(tax),
        "tax_total": invent.plain(tax),
        "total": total,
        **UNPAID,
        "due": total,
        "discount_amount": "0.00",
        "price_tax_inclusive": "true" if index % 2 else "false",
        "invoice_note": invent.note(index, die),
        "account_id": "",
        "order_id": "",
        "created_by": die.choice(invent.PEOPLE),
        "created_on": stamp(created),
        "last_updated_by": die.choice(invent.PEOPLE),
        "last_updated_on": "" if index % 25 == 8 else stamp(updated),  # noqa: PLR2004
        "uuid": "",
        "version": str(die.randrange(1, 5)),
        "custom_attributes": [{"name": "Cost centre", "value": None if index % 2 else "Küche"}],
        "custom_objects": [],
        "lines": [line(index * 4 + number, amount, tax, created) for number in range(die.randrange(1, 4))],
        "kpis": {**_amounts(index, amount + tax), **dict.fromkeys(_NEVER, "")},
    }


def _amounts(index: int, due: Decimal) -> Record:
    # Some come as numbers, some as text, as the vendor's own clients have seen.
    outstanding = due if index % 4 else invent.plain(due)
    rest = {"payment_applied": 0, "credit_applied": 0, "credit_issued": Decimal("0.00")}
    return {"outstanding": outstanding, "overdue": 0 if index % 5 else "0.00", **rest}


def stamp(at: datetime) -> str:
    """Return a moment as the API writes it."""
    return at.isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


def dates(name: str, at: datetime) -> dict[str, str]:
    """Return a date and its alternate twin."""
    return dict.fromkeys((name, f"alternate_{name}"), stamp(at))


def line(number: int, amount: Decimal, tax: Decimal, start: datetime) -> Record:
    """Return a line."""
    code = {"uuid": invent.uid(0, "GST"), "code": "GST", "rate": "10.00", "link": f"{STAGE}/api/v1/taxes/GST"}
    return {
        "subtotal": invent.plain(amount),
        "total": invent.plain(amount + tax),
        "tax": {"amount": invent.plain(tax), **code},
        "accounting_code": {"sales_revenue": "4-1000 Größe" if number % 5 else ""},
        "item_uuid": invent.uid(0, "item", number % 7),
        "item_id": f"ITEM-{number % 7:04d}",
        "item_order_quantity": "1.500000" if number % 3 else "1",
        "item_uom": "each",
        "item_warehouse": "",
        "pricing_snapshot_uuid": invent.uid(0, "price", number % 7),
        **dates("charging_start_date", start),
        **dates("charging_end_date", start + timedelta(days=30)),
        "uuid": invent.uid(0, "line", number),
        "version": "1",
    }


def shape(stream: str, record: Record) -> Record:
    """Return an invoice as the endpoint behind a stream shows it."""
    if stream == "exsited_account_invoices":
        name = invent.COMPANIES[crc32(str(record["account_id"]).encode()) % len(invent.COMPANIES)]
        lines = [{"item_name": f"Item {line['item_id']}", **line} for line in record["lines"]]
        record = {"shipping_cost": "0.00", "account_name": name, **record, "lines": lines}
    return {name: value for name, value in record.items() if name not in _ABSENT[stream]}
