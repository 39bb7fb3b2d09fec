"""Invoices of ibana, 2.5 to 3.6 KB each."""

from __future__ import annotations

from random import Random

from benchmarks.invoices.shape import Row, Shape, moment, price, uuid


def _ibana_head(index: int) -> Row:
    at = moment(index)
    return {"id": uuid(1, index), "createdAt": at, "updatedAt": at, "invoiceNumber": f"RE-{index:07d}"}


def _entity(die: Random) -> Row:
    at = moment(die.randrange(10_000))
    return {"id": uuid(2, die.randrange(1000)), "createdAt": at, "updatedAt": at}


def _bank(die: Random) -> Row:
    address = "Hauptstraße 7a, 1010 Wien"
    account = {"name": "Hausbank", "iban": "AT611904300234573201", "bic": "GIBAATWWXXX", "countryCode": "AT"}
    return {**_entity(die), **account, "address": address}


def _ibana_line(die: Random) -> Row:
    amount = price(die)
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
    amount = price(die)
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


IBANA = Shape(_ibana_head, _ibana_body)
