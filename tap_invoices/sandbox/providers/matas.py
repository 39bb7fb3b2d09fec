"""Matas API: one bare array, and each invoice's lines (matas.nl/docs/invoices)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zlib import crc32

from tap_invoices.sandbox import checks, invent
from tap_invoices.sandbox.book import Book, Record
from tap_invoices.sandbox.provider import Call, Provider, RefusalError, Route
from tap_invoices.sandbox.wire import Answer, to_json

LATER = 15
"""Every so many invoices an old one is still unpaid."""
SEARCHED = ("invoice_number", "description", "invoice_date", "expire_date", "payment_date", "total")
PARAMETERS = {
    "filter[status]": checks.choice("outstanding", "paid", "all"),
    "sort": checks.listed,
    "sort[]": checks.text,
    "search": checks.text,
}


class MatasBook(Book):
    """Invoices that change without saying when: a payment date is all that shows."""

    key_field = "invoice_number"

    def key(self, index: int) -> str:
        """Return the invoice number."""
        return invent.odd_key(f"I{invent.moment(index, self.count):%y}{index:04d}", index)

    def invent(self, index: int) -> Record:
        """Return the invoice at an index, without its lines."""
        die = invent.dice(self.seed, index)
        amount, rate = invent.price(index, die), die.choice((21, 21, 9, 0))
        vat = invent.share(amount, rate)
        record: Record = {
            "invoice_number": self.key(index),
            "description": invent.note(index, die, broken=True),
            "invoice_date": None,
            "expire_date": None,
            "invoice_address": _address(die.choice(invent.COMPANIES), die.choice(invent.PLACES)),
            "payment_term": {"term": "60", "description": "Payment within 60 days"},
            "payment_date": None,
            "currency": "EUR",
            "vat_percentage": rate,
            "subtotal": amount,
            "vat": vat,
            "total": amount + vat,
        }
        posted = invent.moment(index, self.count)
        self.post(record, posted)
        paid = posted + timedelta(days=die.randrange(5, 75))
        if amount > 0 and paid < invent.EPOCH and index % LATER:
            self.settle(record, paid)
        if index == LATER:
            record["payment_date"] = ""
        if index == invent.UNKNOWN_FIELD:
            record |= {"latest_update": _midnight(posted), "discount": Decimal("0.10")}
            record["invoice_address"]["phone"] = "+31 20 555 01 23"
        return record

    def post(self, record: Record, now: datetime) -> None:
        """Date an invoice today, due in 60 days, not paid."""
        record["invoice_date"] = _midnight(now)
        record["expire_date"] = _midnight(now + timedelta(days=60))
        record["payment_date"] = None

    def settle(self, record: Record, now: datetime) -> None:
        """Date the payment today."""
        record["payment_date"] = _midnight(now)

    def sent(self, stream: str, key: str) -> Record:
        """Return an invoice; its lines only come with the details."""
        record = dict(self.invoices.peek(key))
        if stream == "matas_invoices":
            record.pop("lines", None)
        elif "lines" not in record:
            record["lines"] = _lines(key, record)
        return record


def _address(company: str, place: tuple[str, str, str, str]) -> dict[str, Any]:
    street, postcode, city, country = place
    return {
        "name": company,
        "name_extension": "",
        "address": street,
        "address_2": None,
        "address_3": "",
        "postcode": postcode,
        "state": "",
        "city": city,
        "country": country,
    }


def _lines(key: str, record: Record) -> list[Record]:
    die = invent.dice(0, crc32(key.encode()))
    number, quantity = die.randrange(1000, 9999), die.choice((1, Decimal("2.5"), 12))
    whole = record["subtotal"] if isinstance(record["subtotal"], Decimal) else Decimal(0)
    price = invent.share(whole, 7)
    first = {
        "line_number": 1,
        "amount": quantity * price,
        "quote_number": f"BVF22-{number}",
        "sales_order_number": f"BVR22-{number}",
        "sales_order_line": "010 / 005",
        "customer_quote_number": "",
        "customer_order_number": None,
        "part_number": f"M{number}A",
        "customer_part_number": "",
        "description": die.choice(invent.THINGS),
        "qty": quantity,
        "unit_price": price,
    }
    rest = whole - quantity * price
    second = {"line_number": 2, "sales_order_line": "020 / 001", "amount": rest, "qty": 1, "unit_price": rest}
    return [first, {**first, **second}]


def _midnight(at: datetime) -> str:
    """Return midnight in Amsterdam, in UTC: 22 or 23 o'clock on the day before (near the change of clocks roughly)."""
    day = at.date() - timedelta(days=1)
    hour = 22 if 4 <= at.month <= 10 else 23  # noqa: PLR2004
    return f"{day}T{hour}:00:00.000000Z"


class Matas(Provider):
    """List and details."""

    name = "matas"
    mounts = ("matas",)
    book = MatasBook
    secrets = {"token": "sandbox-matas-token"}
    not_signed_in = "Unauthenticated."

    def routes(self) -> tuple[Route, ...]:
        """Return the endpoints, and the sign-in page for visitors that do not ask for JSON."""
        return (
            Route("GET", "/matas/login", lambda _: Answer.html("Please sign in."), is_open=True),
            Route("GET", "/matas/api/invoices", self.invoices),
            Route("GET", "/matas/api/invoice/{}", self.invoice),
        )

    def urls(self, base: str) -> dict[str, str]:
        """Return the address of the API, and what its amounts are in."""
        return {"api_url": f"{base}/matas/api", "amounts_in": "units"}

    def authorise(self, call: Call) -> None:
        """Ask for JSON to be wanted, and for the token."""
        if call.request.headers.get("Accept", "").partition(",")[0].partition(";")[0] != "application/json":
            raise RefusalError(302, answer=Answer.redirect(f"{call.base}/matas/login"))
        super().authorise(call)

    def error(self, refusal: RefusalError) -> Answer:
        """Return an error of the API."""
        return Answer.of({"message": refusal.message}, refusal.status)

    def invoices(self, call: Call) -> Answer:
        """List all invoices at once; the default status, which nobody tells, is taken as outstanding."""
        asked = call.params(PARAMETERS)
        status, search = asked.get("filter[status]", "outstanding"), asked.get("search", "").lower()
        keys = call.book.select(
            (status, search),
            lambda record: (
                status in {"all", _status(record)}
                and (not search or any(search in str(record[name]).lower() for name in SEARCHED))
            ),
        )
        peek = call.book.invoices.peek
        for name in reversed([*asked.get("sort", ()), *asked.get("sort[]", ())]):
            field = name.removeprefix("-")
            if field not in SEARCHED:
                raise RefusalError(400, f"Requested sort(s) `{name}` is not allowed.", "sort")
            keys = sorted(keys, key=lambda key: _rank(peek(key)[field]), reverse=name.startswith("-"))
        return _answer(call.page("matas_invoices", keys, 0, max(len(keys), 1)).rows)

    def invoice(self, call: Call, number: str) -> Answer:
        """Return one invoice with its lines."""
        call.params({})
        return _answer(call.book.sent("matas_invoice_details", call.known(number, "Not found.")))


def _answer(value: object) -> Answer:
    # PHP escapes what is not ASCII.
    return Answer(200, to_json(value, ascii_only=True), {"Content-Type": "application/json"})


def _status(record: Record) -> str:
    return "paid" if record["payment_date"] else "outstanding"


def _rank(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)
