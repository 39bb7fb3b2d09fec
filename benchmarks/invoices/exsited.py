"""Invoices of Exsited, 2.1 to 3.6 KB each: text all over."""

from __future__ import annotations

from random import Random

from benchmarks.invoices.shape import PER_ACCOUNT, PER_ORDER, Row, Shape, moment, price, uuid


def _exsited_head(index: int) -> Row:
    at = moment(index)
    owners = {"order_id": f"ORD-{index // PER_ORDER:06d}", "account_id": f"ACC-{index // PER_ACCOUNT:06d}"}
    return {"id": f"INV-{index:08d}", "created_on": at, "last_updated_on": at, **owners}


def _twice(name: str, at: str) -> Row:
    return {name: at, f"alternate_{name}": at}


def _exsited_line(die: Random) -> Row:
    amount, at = f"{price(die):.6f}", moment(die.randrange(100_000))
    return {
        "subtotal": amount,
        "total": amount,
        "tax": {"amount": "0.000000", "uuid": uuid(3, 1), "code": "GST", "rate": "10.00", "link": "/api/v1/taxes/GST"},
        "accounting_code": {"sales_revenue": "4-1000"},
        "item_uuid": uuid(4, die.randrange(99)),
        "item_id": f"ITEM-{die.randrange(99):04d}",
        "item_order_quantity": "1.500000",
        "item_uom": "each",
        "item_warehouse": "",
        "pricing_snapshot_uuid": uuid(5, die.randrange(99)),
        **_twice("charging_start_date", at),
        **_twice("charging_end_date", at),
        "uuid": uuid(6, die.randrange(99)),
        "version": "1",
    }


def _exsited_short(die: Random) -> Row:
    amount, at = f"{price(die):.6f}", moment(die.randrange(100_000))
    never = ("last_payment_date", "last_reactivated_on", "last_cancelled_on", "voided_on", "deleted_on")
    return {
        "status": "ACTIVE",
        "type": "LINKED_WITH_ORDER",
        "custom_form": {"uuid": uuid(7, 1), "name": "Tax Invoice"},
        "currency": {"uuid": uuid(7, 2), "name": "AUD", "link": "/api/v1/currencies/AUD"},
        "customer_purchase_order_id": "",
        **_twice("billing_start_date", at),
        **_twice("billing_end_date", at),
        **_twice("issue_date", at),
        **_twice("due_date", at),
        "subtotal": amount,
        "tax": "0.000000",
        "total": amount,
        "paid": "0.000000",
        "due": amount,
        "payment_status": "UNPAID",
        "last_payment": {"id": "", "amount": "", "created_at": ""},
        "discount_amount": "0.00",
        "price_tax_inclusive": "false",
        "invoice_note": "Dédié FTTO 100 Mbit/s",
        "created_by": "Zoë Müller",
        "last_updated_by": "Zoë Müller",
        "uuid": uuid(8, die.randrange(9999)),
        "version": "1",
        "custom_attributes": [{"name": "Cost centre", "value": "Küche"}],
        "custom_objects": [],
        "kpis": {"outstanding": amount, "overdue": 0, **dict.fromkeys(never, "")},
    }


def _exsited_body(die: Random) -> Row:
    return {**_exsited_short(die), "lines": [_exsited_line(die) for _ in range(die.randrange(1, 4))]}


EXSITED = Shape(_exsited_head, _exsited_body)
EXSITED_SHORT = Shape(_exsited_head, _exsited_short)
