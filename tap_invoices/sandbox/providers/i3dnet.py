"""i3D.net API v3: ranges by a header, cents, ids of two kinds (docs.i3d.net/api-references/general/billing)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial

from tap_invoices.sandbox import checks, invent
from tap_invoices.sandbox.book import Book, Record
from tap_invoices.sandbox.provider import Call, Provider, RefusalError, Route
from tap_invoices.sandbox.wire import Answer, Request

ERRORS = {400: 10000, 403: 10003, 404: 10001, 405: 10005}
MISSING = "Entity not found"
RANGE = re.compile("start=([0-9]{1,9}),results=([1-9][0-9]{0,8})")
PARAMETERS = {"filter": checks.text}
RATE = 21
TERM = timedelta(days=30)
ONLY_DETAILS = ("clientNumber", "paymentTerm", "vatPercentage", "items", "clientDetails", "companyDetails")
"""Fields that the book invents unless they are set."""


class I3dnetBook(Book):
    """Invoices as the list sends them; the details name and type the same fields in another way."""

    def key(self, index: int) -> str:
        """Return the id, digits as text."""
        return str(4_000_000 + index * 3)

    def invent(self, index: int) -> Record:
        """Return the invoice at an index."""
        die = invent.dice(self.seed, index)
        created, amount = invent.moment(index, self.count), invent.price(index, die)
        credit = amount < 0
        if credit and index % 2:
            amount = -amount  # nobody says which sign a credit invoice's amounts have
        total = amount + invent.share(amount, RATE)
        record: Record = {
            "id": self.key(index),
            "creationDate": int(created.timestamp()),
            "dueDate": int((created + TERM).timestamp()),
            "invoiceNumber": invent.odd_key(f"I3D{created:%y}-{index:05d}", index),
            "invoiceHash": invent.uid(self.seed, "i3dnet", index).replace("-", ""),
            "description": invent.note(index, die),
            "currency": "EUR",
            "currencySign": "€",
            "amountIncVAT": _cents(total),
            "amountExclVAT": _cents(amount),
            "paymentStatus": int(credit),
            "paymentDate": 0 if index % 25 != 14 else None,  # noqa: PLR2004
            "isCredit": int(credit),
            "remainingAmount": "0" if credit else _cents(total),
            "totalPaidAmount": "0",
        }
        if not credit and index % 25 != 14 and die.random() < 0.7:  # noqa: PLR2004
            self.settle(record, min(created + timedelta(days=die.randrange(1, 80)), invent.EPOCH))
        if index == invent.UNKNOWN_FIELD:
            record["poNumber"] = "PO/ü-11"
        return record

    def post(self, record: Record, now: datetime) -> None:
        """Date an invoice as created now, not paid."""
        record |= {"creationDate": int(now.timestamp()), "dueDate": int((now + TERM).timestamp())}
        if not record["isCredit"]:
            record |= {"paymentStatus": 0, "paymentDate": 0}
            record |= {"remainingAmount": record["amountIncVAT"], "totalPaidAmount": "0"}

    def settle(self, record: Record, now: datetime) -> None:
        """Pay all of it."""
        record |= {"paymentStatus": 1, "paymentDate": int(now.timestamp())}
        record |= {"remainingAmount": "0", "totalPaidAmount": record["amountIncVAT"]}

    def sent(self, stream: str, key: str) -> Record:
        """Return an invoice as a list or as the details send it."""
        record = self.invoices.peek(key)
        if stream in {"i3dnet_invoices", "i3dnet_unpaid_invoices"}:
            return {name: value for name, value in record.items() if name not in ONLY_DETAILS}
        return _details(record) | {name: record[name] for name in ONLY_DETAILS if name in record}


def _cents(amount: Decimal) -> str:
    return f"{(amount * 100).normalize():f}"


def _details(record: Record) -> Record:
    number, with_tax, without = int(record["id"]), record["amountIncVAT"], record["amountExclVAT"]
    tax = _difference(with_tax, without)
    amounts = {"vatPercentage": RATE, "vatAmount": tax, "amountIncVat": with_tax, "amountExclVat": without}
    street, code, city, country = invent.PLACES[number % len(invent.PLACES)]
    contact = {"address": street, "zip": code, "city": city, "country": country, "email": "billing@example.com"}
    contact |= {"iban": f"NL00BANK{number:010d}", "bic": "BANKNL2A"}
    period = {"periodFrom": _time(record["creationDate"])[:10], "periodTo": _time(record["dueDate"])[:10]}
    item = {"orderId": f"ORD/{number}", "description": record["description"], "remarks": "", "quantity": 1, **period}
    item |= {"setupCosts": "0", "unitPrice": without, **amounts}
    if "poNumber" in record:
        item["discount"] = {"percentage": Decimal("2.50")}
    same = ("invoiceNumber", "invoiceHash", "paymentStatus", "paymentDate", "isCredit", "currency", "currencySign")
    return {
        "id": number,
        **{name: record[name] for name in same},
        "clientNumber": "C-0042",
        "creationDate": _time(record["creationDate"]),
        "dueDate": _time(record["dueDate"]),
        "paymentTerm": TERM.days,
        **amounts,
        "items": [item],
        "clientDetails": {"fullName": "Zoë Müller", "companyName": "Müller & Söhne", "vatNumber": "", **contact},
        "companyDetails": {
            "name": "Hosting B.V.",
            "phone": "+31 10 555 01 23",
            "url": "https://example.com",
            **contact,
        },
    }


def _difference(amount: str, other: str) -> str:
    try:
        return f"{Decimal(amount) - Decimal(other):f}"
    except (InvalidOperation, TypeError):  # a test may have put anything there
        return ""


def _time(epoch: object) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M:%S") if isinstance(epoch, int) else ""


class I3dnet(Provider):
    """Lists by ranges, details by two keys, PDFs."""

    name = "i3dnet"
    mounts = ("i3dnet",)
    book = I3dnetBook
    secrets = {"token": "sandbox-i3dnet-token"}
    not_found = MISSING

    def routes(self) -> tuple[Route, ...]:
        """Return the endpoints."""
        root = "/i3dnet/v3/account/invoice"
        return (
            Route("GET", root, partial(_listing, "i3dnet_invoices")),
            Route("GET", f"{root}/unpaid", partial(_listing, "i3dnet_unpaid_invoices")),
            Route("GET", f"{root}/number/{{}}", _by_number),
            Route("GET", f"{root}/{{}}", _single),
            Route("GET", f"{root}/{{}}/pdf", _pdf),
        )

    def urls(self, base: str) -> dict[str, str]:
        """Return the address of the API."""
        return {"api_url": f"{base}/i3dnet"}

    def shown(self, request: Request) -> str:
        """Return the key."""
        return request.headers.get("PRIVATE-TOKEN", "")

    def authorise(self, call: Call) -> None:
        """Ask for the key."""
        if not call.tokens.good(self.shown(call.request)):
            raise RefusalError(403, "Invalid credentials")

    def error(self, refusal: RefusalError) -> Answer:
        """Return the Error object of the OpenAPI description."""
        errors = [{"property": refusal.name, "message": refusal.message}] if refusal.name else []
        code = ERRORS.get(refusal.status, refusal.status)
        return Answer.of({"errorCode": code, "errorMessage": refusal.message, "errors": errors}, refusal.status)


def _by_number(call: Call, number: str) -> Answer:
    keys = call.book.find("invoiceNumber", number)
    return _single(call, keys[0] if keys else "")


def _pdf(call: Call, number: str) -> Answer:
    call.params({})
    return Answer.pdf(call.book.pdf(call.known(number, MISSING)))


def _single(call: Call, key: str) -> Answer:
    call.params({})
    invoice = call.book.sent("i3dnet_invoice_details", call.known(key, MISSING))
    return Answer.of(invoice if call.book.single_as_object else [invoice])


def _listing(stream: str, call: Call) -> Answer:
    text = call.params(PARAMETERS).get("filter", "")
    wanted = RANGE.fullmatch(call.request.headers.get("RANGED-DATA", "start=0,results=25"))
    if wanted is None:
        raise RefusalError(400, "RANGED-DATA must be start=N,results=M", "RANGED-DATA")
    is_open = stream == "i3dnet_unpaid_invoices"
    keys = call.book.select(
        (is_open, text),
        lambda record: (
            text in str(record["description"]) and not (is_open and (record["isCredit"] or record["paymentDate"]))
        ),
    )
    start, size = int(wanted[1]), call.page_size(int(wanted[2]))
    return Answer.of(call.page(stream, keys, start, size).rows)
