"""The invoices that the server sends, rendered once: a head that is the invoice's own, and a body of which few differ.

So a million invoices of 2 to 4 KB cost the server neither memory nor time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from random import Random
from typing import Any

import orjson

from benchmarks.workloads import EPOCH, STEP

Row = dict[str, Any]

PER_ORDER = 4
PER_ACCOUNT = 10
_VARIANTS = 500


class Shape:
    """How an endpoint shows invoices.

    Args:
        head: Makes the fields that tell an invoice from the others, from its index.
        body: Makes the rest.
    """

    def __init__(self, head: Callable[[int], Row], body: Callable[[Random], Row]) -> None:
        self._bodies = [orjson.dumps(body(Random(seed)))[1:] for seed in range(_VARIANTS)]  # noqa: S311
        self._head = lru_cache(1 << 17)(lambda index: orjson.dumps(head(index))[:-1] + b",")

    def one(self, index: int) -> bytes:
        """Return an invoice as JSON."""
        return bytes(self._head(index) + self._bodies[index % _VARIANTS])

    def some(self, indexes: range) -> bytes:
        """Return invoices as the inside of a JSON array."""
        head, bodies = self._head, self._bodies
        return b",".join([head(index) + bodies[index % _VARIANTS] for index in indexes])


def moment(index: int) -> str:
    """Return when an invoice was last changed."""
    return (EPOCH + index * STEP).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def changed(count: int, since: str | None, until: str | None) -> range:
    """Return the indexes of those of ``count`` invoices that were changed in a span of time, both ends included."""
    first = -((EPOCH - datetime.fromisoformat(since)) // STEP) if since else 0
    last = (datetime.fromisoformat(until) - EPOCH) // STEP + 1 if until else count
    return range(count)[max(0, first) : max(0, last)]


def _uuid(kind: int, index: int) -> str:
    return f"{kind:08d}-0000-4000-8000-{index:012d}"


def _amount(die: Random) -> float:
    return die.randrange(100, 9_000_000) / 100


# ibana


def _ibana_head(index: int) -> Row:
    at = moment(index)
    return {"id": _uuid(1, index), "createdAt": at, "updatedAt": at, "invoiceNumber": f"RE-{index:07d}"}


def _entity(die: Random) -> Row:
    at = moment(die.randrange(10_000))
    return {"id": _uuid(2, die.randrange(1000)), "createdAt": at, "updatedAt": at}


def _bank(die: Random) -> Row:
    address = "Hauptstraße 7a, 1010 Wien"
    account = {"name": "Hausbank", "iban": "AT611904300234573201", "bic": "GIBAATWWXXX", "countryCode": "AT"}
    return {**_entity(die), **account, "address": address}


def _ibana_line(die: Random) -> Row:
    amount = _amount(die)
    return {
        **_entity(die),
        "productCode": die.randrange(9999),
        "externalId": None,
        "title": "Wartung & Prüfung",
        "description": "Präzisionsteil Ø 12 mm, laut Angebot",
        "quantity": 1.5,
        "unit": 1,
        "unitPrice": amount,
        "totalPrice": amount,
        "discount": 0,
        "taxRate": 20,
        "taxAmount": round(amount / 5, 2),
    }


def _ibana_body(die: Random) -> Row:
    amount = _amount(die)
    day = moment(die.randrange(100_000))[:10]
    party = {
        **_entity(die),
        "email": "billing@example.com",
        "markedTrusted": True,
        "markedTrustedDate": moment(0),
        "description": "",
        "vat": "ATU12345678",
        "accountsPayableNumber": "22 0390001",
        "paymentTermsDays": 30,
        "skontoPercentage": 3.5,
        "skontoDays": 10,
        "bankAccount": _bank(die),
    }
    center = {**_entity(die), "code": "K1", "name": "Büro", "type": "COST_CENTER"}
    split = {**_entity(die), "partialAmount": amount, "taxRate": 20, "notes": "", "costCenter": center}
    split["ledgerAccount"] = {**_entity(die), "accountNumber": "7600", "name": "Übriger Aufwand"}
    organization = {**_entity(die), "name": "Beispiel Holding GmbH", "slug": "beispiel", "country": "AT"}
    return {
        "originalFileName": "Rechnung Größe.pdf",
        "filename": "00000001.pdf",
        "counterpartyName": "Müller & Söhne GmbH",
        "counterpartyIban": "AT611904300234573201",
        "counterpartyVat": "ATU12345678",
        "counterparty": party,
        "internalInvoiceNumber": None,
        "purchaseOrderNumber": None,
        "purchaseOrder": None,
        "date": day,
        "billingPeriodStart": None,
        "billingPeriodEnd": None,
        "dueDate": day,
        "skontoDate": None,
        "skontoAmount": None,
        "skontoRate": None,
        "totalAmount": amount,
        "currency": "EUR",
        "type": "INVOICE",
        "paymentTerms": "30 Tage netto",
        "notes": "Danke für Ihren Auftrag",
        "shouldCreateTransaction": True,
        "alreadyPaid": False,
        "alreadyPaidDate": None,
        "archived": False,
        "archivedDate": None,
        "archivedByUser": None,
        "organization": organization,
        "status": "APPROVED",
        "debitor": _bank(die),
        "export": None,
        "splits": [split],
        "lineItems": [_ibana_line(die) for _ in range(die.randrange(0, 4))],
    }


# Exsited: text all over


def _exsited_head(index: int) -> Row:
    at = moment(index)
    owners = {"order_id": f"ORD-{index // PER_ORDER:06d}", "account_id": f"ACC-{index // PER_ACCOUNT:06d}"}
    return {"id": f"INV-{index:08d}", "created_on": at, "last_updated_on": at, **owners}


def _twice(name: str, at: str) -> Row:
    return {name: at, f"alternate_{name}": at}


def _exsited_line(die: Random) -> Row:
    amount, at = f"{_amount(die):.6f}", moment(die.randrange(100_000))
    return {
        "subtotal": amount,
        "total": amount,
        "tax": {"amount": "0.000000", "uuid": _uuid(3, 1), "code": "GST", "rate": "10.00", "link": "/api/v1/taxes/GST"},
        "accounting_code": {"sales_revenue": "4-1000"},
        "item_uuid": _uuid(4, die.randrange(99)),
        "item_id": f"ITEM-{die.randrange(99):04d}",
        "item_order_quantity": "1.500000",
        "item_uom": "each",
        "item_warehouse": "",
        "pricing_snapshot_uuid": _uuid(5, die.randrange(99)),
        **_twice("charging_start_date", at),
        **_twice("charging_end_date", at),
        "uuid": _uuid(6, die.randrange(99)),
        "version": "1",
    }


def _exsited_short(die: Random) -> Row:
    amount, at = f"{_amount(die):.6f}", moment(die.randrange(100_000))
    never = ("last_payment_date", "last_reactivated_on", "last_cancelled_on", "voided_on", "deleted_on")
    return {
        "status": "ACTIVE",
        "type": "LINKED_WITH_ORDER",
        "custom_form": {"uuid": _uuid(7, 1), "name": "Tax Invoice"},
        "currency": {"uuid": _uuid(7, 2), "name": "AUD", "link": "/api/v1/currencies/AUD"},
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
        "uuid": _uuid(8, die.randrange(9999)),
        "version": "1",
        "custom_attributes": [{"name": "Cost centre", "value": "Küche"}],
        "custom_objects": [],
        "kpis": {"outstanding": amount, "overdue": 0, **dict.fromkeys(never, "")},
    }


def _exsited_body(die: Random) -> Row:
    return {**_exsited_short(die), "lines": [_exsited_line(die) for _ in range(die.randrange(1, 4))]}


# Covage, Matas, i3D.net


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
        "subtotal": _amount(die),
        "vat": _amount(die),
        "total": _amount(die),
    }


def _matas_whole(die: Random) -> Row:
    line = {"sales_order_line": "010 / 005", "part_number": "M1A", "description": "Support hours", "qty": 2.5}
    lines = [{"line_number": n, "amount": _amount(die), "unit_price": _amount(die), **line} for n in range(1, 4)]
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


IBANA = Shape(_ibana_head, _ibana_body)
EXSITED = Shape(_exsited_head, _exsited_body)
EXSITED_SHORT = Shape(_exsited_head, _exsited_short)
COVAGE = Shape(_covage_head, _covage_body)
MATAS = Shape(_matas_head, _matas_body)
MATAS_WHOLE = Shape(_matas_head, _matas_whole)
I3DNET = Shape(_i3dnet_head, _i3dnet_body)
I3DNET_WHOLE = Shape(_i3dnet_detail_head, _i3dnet_whole)
