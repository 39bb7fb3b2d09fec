"""The nested objects of ibana's invoices; many invoices share them."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from tap_invoices.sandbox import invent

if TYPE_CHECKING:
    from datetime import datetime

    from tap_invoices.sandbox.book import Record


def stamp(at: datetime) -> str:
    """Return a moment as the API writes it, with milliseconds."""
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


_START = stamp(invent.EPOCH - invent.SPAN)


def entity(kind: str, number: int) -> Record:
    """Return what every object has."""
    return {"id": invent.uid(0, kind, number), "createdAt": _START, "updatedAt": _START}


@cache
def user(number: int) -> Record:
    """Return a user."""
    name = invent.PEOPLE[number % len(invent.PEOPLE)]
    contact = {"email": f"user{number}@example.com", "name": name, "authId": f"auth0|{number:06d}", "role": "APPROVER"}
    return {**entity("user", number), **contact, "hasPushNotification": number % 2 == 0}


@cache
def bank(number: int) -> Record:
    """Return a bank account."""
    street, _, city, country = invent.PLACES[number % len(invent.PLACES)]
    account = {"name": "Hausbank", "iban": f"AT{number:02d}20111000{number:08d}", "bic": "GIBAATWWXXX"}
    return {**entity("bank", number), **account, "countryCode": country, "address": f"{street}, {city}"}


@cache
def organization() -> Record:
    """Return the organization whose invoices these are."""
    names = {"name": "Beispiel Holding GmbH", "slug": "beispiel", "logoFileName": None, "country": "AT"}
    return {**entity("organization", 0), **names, "vatNumber": "ATU00000000", "featureFlags": [{"name": "skonto"}]}


@cache
def counterparty(number: int) -> Record:
    """Return a supplier."""
    return {
        **entity("counterparty", number),
        "email": f"billing{number}@example.com",
        "markedTrusted": number % 2 == 0,
        "markedTrustedDate": stamp(invent.EPOCH) if number % 2 == 0 else None,
        "markedTrustedUser": user(number) if number % 2 == 0 else None,
        "description": "",
        "vat": f"ATU{number:08d}",
        "accountsPayableNumber": f"22 039{number:04d}",
        "paymentTermsDays": 30,
        "skontoPercentage": Decimal("3.00"),
        "skontoDays": 10,
        "bankAccount": bank(number),
    }


@cache
def purchase_order(number: int) -> Record:
    """Return a purchase order with all that the page shows of one."""
    street, code, city, country = invent.PLACES[number % len(invent.PLACES)]
    verification = {"bankAccount": {}, "paymentProvider": "", "status": "VALID", "initializedAt": stamp(invent.EPOCH)}
    transaction = {"amount": Decimal("99.90"), "remittanceInformation": "Danke", "skontoAmount": None, "archived": True}
    address = {"name": invent.COMPANIES[number], "street": street, "city": city, "zip": code, "country": country}
    relations = {
        "organization": organization(),
        "bankAccountVerification": {**entity("verification", number), **verification, "mailTrackings": {}},
        "transactions": {**entity("transaction", number), **transaction, "creditor": {}, "debitor": {}},
    }
    totals = {"totalOrderAmount": Decimal("1234.50"), "totalInvoicedAmount": Decimal("99.90"), "totalLineItems": 1}
    return {
        **entity("order", number),
        "purchaseOrderNumber": f"PO {number}",
        "externalId": None,
        "orderDate": stamp(invent.EPOCH),
        "deliveryDate": None,
        "counterparty": {**counterparty(number), **address, **relations},
        "lineItems": [_ordered(number)],
        "currency": "EUR",
        "counterpartyId": counterparty(number)["id"],
        "counterpartyName": invent.COMPANIES[number],
        **totals,
        "invoiceCompletionPercentage": Decimal("8.09"),
        "outstandingInvoiceAmount": Decimal("1134.60"),
    }


@cache
def _ordered(number: int) -> Record:
    done = {"deliveredQuantity": 1, "invoicedQuantity": 1, "invoicedTotalAmount": Decimal("99.90")}
    return {**line(number, Decimal("99.90")), **done, "deliveryPercentage": 100, "invoicedPercentage": Decimal("8.09")}


def line(number: int, amount: Decimal) -> Record:
    """Return a line of an invoice."""
    thing = invent.THINGS[number % len(invent.THINGS)]
    return {
        **entity("line", number),
        "productCode": 4000 + number % 100,
        "externalId": None,
        "title": thing,
        "description": f"{thing}, {number}",
        "quantity": Decimal("1.5") if number % 3 else 1,
        "unit": 1,
        "unitPrice": amount,
        "totalPrice": amount,
        "discount": 0,
        "taxRate": 20,
        "taxAmount": invent.share(amount, 20),
    }


def split(number: int, amount: Decimal) -> Record:
    """Return how an invoice is booked."""
    return {**_split(number), "partialAmount": amount}


@cache
def _split(number: int) -> Record:
    key = {"type": "SALE", "name": "V20", "description": None, "internalTaxKeyName": "V20", "externalCode": "20"}
    return {
        **entity("split", number),
        "partialAmount": None,
        "taxRate": 20,
        "taxKey": {**entity("key", number), **key, "isSystemKey": True},
        "notes": "",
        "costCenter": {**entity("center", number), "code": f"K{number}", "name": "Büro", "type": "COST_CENTER"},
        "costCenter2": None,
        "ledgerAccount": {**entity("ledger", number), "accountNumber": f"7{number:03d}", "name": "Übriger Aufwand"},
    }
