"""Invoices of Covage, Matas and i3D.net."""

from __future__ import annotations

from random import Random

from benchmarks.invoices.shape import Row, Shape, moment, price
from benchmarks.workloads import EPOCH, STEP


def _covage_head(index: int) -> Row:
    return {"invoice_number": f"FACT{index:09d}", "accounting_date": moment(index)[:10]}


def _covage_body(die: Random) -> Row:
    site = {"billing_site_ref": f"SITE{die.randrange(99):03d}", "billing_site_name": "Lyon"}
    kind = {"invoice_type": 1, "invoice_type_label": "Standard Invoice"}
    return {"customer_name": "Fibre Océane SAS", **site, **kind, "payment_deadline": "2026-01-31"}


def _matas_head(index: int) -> Row:
    return {"invoice_number": f"I{index:09d}", "invoice_date": moment(index)}


def _matas_body(die: Random) -> Row:
    place = {"name": "Van der Velde B.V.", "address": "Keizersgracht 241", "postcode": "1016 EA", "city": "Amsterdam"}
    return {
        "description": "Support hours",
        "expire_date": moment(die.randrange(100_000)),
        "invoice_address": place,
        "payment_term": {"term": "60", "description": "Payment within 60 days"},
        "payment_date": moment(die.randrange(100_000)),
        "currency": "EUR",
        "vat_percentage": 21,
        "subtotal": price(die),
        "vat": price(die),
        "total": price(die),
    }


def _matas_whole(die: Random) -> Row:
    line = {"sales_order_line": "010 / 005", "part_number": "M1A", "description": "Support hours", "qty": 2.5}
    lines = [{"line_number": n, "amount": price(die), "unit_price": price(die), **line} for n in range(1, 4)]
    return {**_matas_body(die), "lines": lines}


def _i3dnet_head(index: int) -> Row:
    created = int((EPOCH + index * STEP).timestamp())
    return {"id": str(index), "invoiceNumber": f"INV-{index:08d}", "creationDate": created}


def _i3dnet_detail_head(index: int) -> Row:
    return {"id": index, "invoiceNumber": f"INV-{index:08d}", "creationDate": moment(index)[:10]}


def _i3dnet_body(die: Random) -> Row:
    return {
        "dueDate": 1735689600,
        "invoiceHash": f"{die.getrandbits(128):032x}",
        "description": "Bare-metal server",
        "currency": "EUR",
        "currencySign": "€",
        "amountIncVAT": str(die.randrange(9_000_000)),
        "amountExclVAT": str(die.randrange(9_000_000)),
        "paymentStatus": 1,
        "paymentDate": 1735689600,
        "isCredit": 0,
        "remainingAmount": "0",
        "totalPaidAmount": "0",
    }


def _i3dnet_whole(die: Random) -> Row:
    amounts = {"vatPercentage": 21, "vatAmount": "21", "amountIncVat": "121", "amountExclVat": "100"}
    item = {"orderId": "ORD-1", "description": "Bare-metal server", "quantity": 1, "unitPrice": "100", **amounts}
    contact = {"address": "Keizersgracht 241", "city": "Amsterdam", "country": "NL", "email": "billing@example.com"}
    return {
        "dueDate": "2025-01-01",
        "invoiceHash": f"{die.getrandbits(128):032x}",
        "clientNumber": "C-0042",
        "currency": "EUR",
        "currencySign": "€",
        "paymentStatus": 1,
        "paymentDate": 1735689600,
        "isCredit": 0,
        "paymentTerm": 30,
        **amounts,
        "items": [item] * die.randrange(1, 5),
        "clientDetails": {"fullName": "Zoë Müller", **contact},
        "companyDetails": {"name": "Hosting B.V.", **contact},
    }


COVAGE = Shape(_covage_head, _covage_body)
MATAS = Shape(_matas_head, _matas_body)
MATAS_WHOLE = Shape(_matas_head, _matas_whole)
I3DNET = Shape(_i3dnet_head, _i3dnet_body)
I3DNET_WHOLE = Shape(_i3dnet_detail_head, _i3dnet_whole)
