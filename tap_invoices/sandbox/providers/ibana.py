"""ibana public API: numbered pages of incoming invoices (docs.ibana.io/api-reference/invoice/get-invoices)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from tap_invoices.sandbox import checks, invent
from tap_invoices.sandbox.book import Book, Record
from tap_invoices.sandbox.provider import Call, Provider, RefusalError, Route
from tap_invoices.sandbox.providers import ibana_parts as parts
from tap_invoices.sandbox.wire import Answer

SORTABLE = ("createdAt", "updatedAt", "date", "dueDate", "invoiceNumber", "totalAmount", "counterpartyName", "status")
# Prefix of a pair of parameters -> the field that it bounds, both ends included.
BOUNDS = {"date": "date", "due": "dueDate", "skonto": "skontoDate", "created": "createdAt", "updated": "updatedAt"}
# Parameter with one or more values -> where the invoice must have one of them; what no invoice has matches none.
PLACES = {
    "status": ("status",),
    "invoiceTypes": ("type",),
    "counterpartyIds": ("counterparty", "id"),
    "exportId": ("export", "id"),
    "costCenter1Ids": ("splits", "costCenter", "id"),
    "costCenter2Ids": ("splits", "costCenter2", "id"),
    "ledgerAccountIds": ("splits", "ledgerAccount", "id"),
    "approvalRequesterIds": ("approvalRequester", "id"),
    "currentApproverIds": ("currentApprover", "id"),
    "transactionStatus": ("transaction", "status"),
}
PARAMETERS = {
    **{prefix + end: checks.moment for prefix in BOUNDS for end in ("From", "To")},
    **dict.fromkeys(PLACES, checks.listed),
    "searchTerm": checks.text,
    "excludeId": checks.text,
    "exportable": checks.choice("true", "false"),
    "dateField": checks.choice("invoice_date", "due_payment_date"),
    "orderField": checks.choice(*SORTABLE),
    "orderDir": checks.choice("ASC", "DESC", "asc", "desc"),
    "order": checks.choice("ASC", "DESC"),
    "page": checks.whole(1),
    "take": checks.whole(1, 100),
}


class IbanaBook(Book):
    """Incoming invoices, two to four kilobytes each."""

    def key(self, index: int) -> str:
        """Return the id."""
        return invent.odd_key(invent.uid(self.seed, "ibana", index), index)

    def invent(self, index: int) -> Record:
        """Return the invoice at an index."""
        die = invent.dice(self.seed, index)
        created = invent.moment(index, self.count)
        updated = invent.changed(index, created, die, timedelta(days=60))
        amount, party, paid = invent.price(index, die), die.randrange(8), die.random() < 0.6  # noqa: PLR2004
        skonto = index % 4 == 0
        record: Record = {
            "id": self.key(index),
            "createdAt": parts.stamp(created),
            "updatedAt": parts.stamp(updated) if index % 10 else updated.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "originalFileName": f"Rechnung {index} Größe.pdf",
            "filename": f"{index:08d}.pdf",
            "counterpartyName": invent.COMPANIES[party],
            "counterpartyIban": None if party == 0 else f"AT{party:02d}19043002345{party:05d}",
            "counterpartyVat": "" if party == 1 else f"ATU{party:08d}",
            "counterparty": parts.counterparty(party),
            "invoiceNumber": f"RE-{created:%Y}/{index // 3:05d}",
            "internalInvoiceNumber": None,
            "purchaseOrderNumber": f"PO {party}" if index % 5 == 0 else None,
            "purchaseOrder": parts.purchase_order(party) if index % 5 == 0 else None,
            "date": f"{created:%Y-%m-%d}",
            "billingPeriodStart": f"{created:%Y-%m}-01" if skonto else None,
            "billingPeriodEnd": f"{created:%Y-%m}-28" if skonto else None,
            "dueDate": f"{created + timedelta(days=30):%Y-%m-%d}",
            "skontoDate": f"{created + timedelta(days=10):%Y-%m-%d}" if skonto else None,
            "skontoAmount": invent.share(amount, 3) if skonto else None,
            "skontoRate": Decimal("3.00") if skonto else None,
            "totalAmount": amount,
            "currency": die.choice(("EUR", "EUR", "EUR", "CHF")),
            "type": "CREDIT_NOTE" if amount < 0 else "INVOICE",
            "paymentTerms": "10 Tage 3 % Skonto, 30 Tage netto" if skonto else "",
            "notes": invent.note(index, die, broken=True),
            "shouldCreateTransaction": True,
            "alreadyPaid": paid,
            "alreadyPaidDate": f"{updated:%Y-%m-%d}" if paid else None,
            "archived": index % 6 == 0,
            "archivedDate": parts.stamp(updated) if index % 6 == 0 else None,
            "archivedByUser": parts.user(party) if index % 6 == 0 else None,
            "organization": parts.organization(),
            "status": die.choice(("NEW", "APPROVED", "EXPORTED")),
            "debitor": parts.bank(0),
            "export": {**parts.entity("export", index // 20), "invoiceCount": 20} if paid else None,
            "splits": [parts.split(die.randrange(6), amount)],
            "lineItems": [parts.line(index * 4 + number, amount) for number in range(die.randrange(1, 4))],
        }
        if index == invent.UNKNOWN_FIELD:
            record["fileUrl"] = "https://files.example.com/11.pdf?signature=sandbox-ibana-signature"
            record["organization"] = {**parts.organization(), "baseCurrency": "EUR"}
        return record

    def post(self, record: Record, now: datetime) -> None:
        """Date an invoice as received now."""
        record["createdAt"] = record["updatedAt"] = parts.stamp(now)
        record |= {"date": f"{now:%Y-%m-%d}", "alreadyPaid": False, "alreadyPaidDate": None}

    def touch(self, record: Record, now: datetime) -> None:
        """Date the change."""
        record["updatedAt"] = parts.stamp(now)

    def settle(self, record: Record, now: datetime) -> None:
        """Mark an invoice as paid."""
        record |= {"alreadyPaid": True, "alreadyPaidDate": f"{now:%Y-%m-%d}"}


class Ibana(Provider):
    """The list."""

    name = "ibana"
    mounts = ("ibana",)
    book = IbanaBook
    secrets = {"token": "sandbox-ibana-token"}

    def routes(self) -> tuple[Route, ...]:
        """Return the endpoint."""
        return (Route("GET", "/ibana/v1/invoice", self.invoices),)

    def urls(self, base: str) -> dict[str, str]:
        """Return the address of the API, and what its amounts are in."""
        return {"api_url": f"{base}/ibana", "amounts_in": "units"}

    def error(self, refusal: RefusalError) -> Answer:
        """Return an error as NestJS words it."""
        body = {"message": [refusal.message] if refusal.name else refusal.message}
        return Answer.of(
            {"statusCode": refusal.status, **body, "error": HTTPStatus(refusal.status).phrase}, refusal.status
        )

    def invoices(self, call: Call) -> Answer:
        """List a page of the invoices that all given parameters let through."""
        asked = call.params(PARAMETERS)
        number, asked_size = asked.pop("page", 1), asked.pop("take", 10)
        if "updatedTo" in asked and "updatedFrom" not in asked:
            raise RefusalError(400, "updatedTo needs updatedFrom", "updatedTo")
        directions = {asked[name].upper() for name in ("order", "orderDir") if name in asked}
        if len(directions) > 1:
            raise RefusalError(400, "order and orderDir contradict each other", "order")
        field = asked.get("orderField", "createdAt")
        keys = call.book.select(
            repr(sorted(asked.items())),
            lambda record: all(_matches(record, name, value, asked) for name, value in asked.items()),
            lambda record: _rank(record[field]),
            descending=directions == {"DESC"},
        )
        size = call.page_size(asked_size)
        page = call.page("ibana_invoices", keys, (number - 1) * size, size)
        count = {} if page.total is None else {"pageCount": -(-page.total // size)}
        meta = {"page": number, "take": size, **page.told("itemCount"), **count}
        turns = {"hasPreviousPage": number > 1, "hasNextPage": page.more}
        return Answer.of({"data": page.rows, "meta": meta | turns})


def _matches(record: Record, name: str, value: Any, asked: dict[str, Any]) -> bool:
    if name in PLACES:
        return not set(value).isdisjoint(_at(record, PLACES[name]))
    if name.endswith(("From", "To")):
        field = BOUNDS[name.removesuffix("From").removesuffix("To")]
        if field == "date" and asked.get("dateField") == "due_payment_date":
            field = "dueDate"
        at = checks.moment_or_none(record[field])
        return at is not None and bool(at >= value if name.endswith("From") else at <= value)
    if name == "searchTerm":
        return value.lower() in f"{record['invoiceNumber']} {record['counterpartyName']} {record['notes']}".lower()
    if name == "exportable":
        ready = record["status"] == "APPROVED" and not record["archived"] and record["export"] is None
        return bool(ready == (value == "true"))
    return bool(name != "excludeId" or value != record["id"])


def _at(value: Any, path: tuple[str, ...]) -> list[Any]:
    """Return what is at a path, through lists too; nothing where it ends early."""
    if isinstance(value, list):
        return [found for item in value for found in _at(item, path)]
    if not path or not isinstance(value, dict):
        return [] if path else [value]
    return _at(value.get(path[0]), path[1:])


def _rank(value: Any) -> tuple[str, Any]:
    """Order dates by their moment, whatever their digits, and what is of another kind apart."""
    found = value if (at := checks.moment_or_none(value)) is None else at
    return (type(found).__name__, 0 if found is None else found)
