"""Exsited API v3 and v2: one token at a time, offsets, five shapes of one invoice (developer.exsited.com)."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlencode

from tap_invoices.sandbox import checks, invent
from tap_invoices.sandbox.book import Book, Record
from tap_invoices.sandbox.provider import Call, Provider, RefusalError, Route
from tap_invoices.sandbox.providers import exsited_parts as parts
from tap_invoices.sandbox.wire import Answer, Request

IGNORED = {"exsited_url"}
"""The vendor's own client sends it with the token request."""
GRANTS = {"client_credentials": set[str](), "refresh_token": {"refresh_token"}}
PARAMETERS = {"limit": checks.whole(1), "offset": checks.whole(0), "order_by": checks.text, "direction": checks.text}
MISSING = "Invoice not found"
SORTABLE = ("id", "type", "status", "issue_date", "due_date", "created_on", "last_updated_on", "account_id", "order_id")


class ExsitedBook(Book):
    """Invoices of orders and accounts, several to each."""

    token_seconds = 3600

    def key(self, index: int) -> str:
        """Return the id."""
        return invent.odd_key(f"INV-{60_000_000 + index}", index)

    def owners(self, index: int) -> tuple[str, str]:
        """Return account and order: some four invoices an order, spread over time; a quarter are of one account."""
        order = index % max(self.count // 4, 1)
        account = 0 if order % 4 == 0 else order % max(self.count // 10, 2)
        return (
            invent.odd_key(f"ACC-{account:06d}", account, every=6, first=1),
            invent.odd_key(f"ORD-{order:06d}", order, every=6, first=1),
        )

    def invent(self, index: int) -> Record:
        """Return the invoice at an index as the list sends it."""
        die = invent.dice(self.seed, index)
        created = invent.moment(index, self.count)
        updated = invent.changed(index, created, die, timedelta(days=90))
        amount, (account, order) = invent.price(index, die), self.owners(index)
        record = parts.invoice(index, die, (created, updated), amount)
        record |= {"id": self.key(index), "uuid": invent.uid(self.seed, "exsited", index), "account_id": account}
        if record["type"] == "LINKED_WITH_ORDER":
            record["order_id"] = order
        if die.random() < 0.6:  # noqa: PLR2004
            self.settle(record, updated)
        if index == invent.UNKNOWN_FIELD:
            record["shipping_profile"] = {"name": "Express"}
            record["kpis"]["written_off"] = Decimal("0.10")
        return record

    def post(self, record: Record, now: datetime) -> None:
        """Date an invoice as issued now."""
        at = parts.stamp(now)
        record |= {"created_on": at, "last_updated_on": at, **parts.dates("issue_date", now), **parts.UNPAID}
        record["due"] = record["total"]

    def touch(self, record: Record, now: datetime) -> None:
        """Date the change."""
        record["last_updated_on"] = parts.stamp(now)
        record["version"] = str(int(record["version"]) + 1)

    def settle(self, record: Record, now: datetime) -> None:
        """Pay all that is due."""
        payment = {"id": f"PMT-{record['uuid'][:8]}", "amount": record["total"], "created_at": parts.stamp(now)}
        record |= {"paid": record["total"], "due": "0.00", "payment_status": "PAID", "last_payment": payment}
        record["kpis"] = {**record["kpis"], "outstanding": 0, "last_payment_date": parts.stamp(now)}

    def sent(self, stream: str, key: str) -> Record:
        """Return an invoice in one of its five shapes."""
        return parts.shape(stream, self.invoices.peek(key))


class Exsited(Provider):
    """Tokens, list, its two branches, two kinds of details, PDFs."""

    name = "exsited"
    mounts = ("exsited",)
    book = ExsitedBook
    secrets = {
        "client_id": "sandbox-exsited-client",
        "client_secret": "sandbox-exsited-secret",
        "redirect_uri": "https://example.com/sandbox-exsited",
    }
    identity = "client_id"
    not_found = "Resource not found"

    def routes(self) -> tuple[Route, ...]:
        """Return the endpoints; the list is also asked for with a slash at its end."""
        v2, v3 = "/exsited/api/v2", "/exsited/api/v3"
        return (
            Route("GET", "/exsited/login", lambda _: Answer.html("Please sign in."), is_open=True),
            Route("POST", "/exsited/api/v1/oauth2/token", self.token, is_open=True),
            Route("GET", f"{v3}/invoices", _all),
            Route("GET", f"{v3}/invoices/", _all),
            Route("GET", f"{v3}/invoices/{{}}", partial(_single, "exsited_invoice_details")),
            Route("GET", f"{v2}/invoices/{{}}/information", partial(_single, "exsited_invoice_information")),
            Route("GET", f"{v3}/orders/{{}}/invoices", partial(_owned, "order")),
            Route("GET", f"{v3}/accounts/{{}}/invoices", partial(_owned, "account")),
            Route("GET", f"{v2}/invoices/{{}}/pdf", _pdf),
        )

    def urls(self, base: str) -> dict[str, str]:
        """Return the address of the API."""
        return {"api_url": f"{base}/exsited"}

    def shown(self, request: Request) -> str:
        """Return the token; at sign-in the client's id."""
        if request.bearer:
            return request.bearer
        with suppress(RefusalError):
            return str(_json_object(request).get("client_id", ""))
        return ""

    def authorise(self, call: Call) -> None:
        """Ask for the newest token; a bad one is sent to sign in, none at all gets a 401."""
        token = call.request.bearer
        if token and not call.tokens.good(token) and call.book.auth_failure == 302:  # noqa: PLR2004
            raise RefusalError(302, answer=Answer.redirect(f"{call.base}/exsited/login"))
        super().authorise(call)

    def error(self, refusal: RefusalError) -> Answer:
        """Return an error of the API."""
        return Answer.of({"errors": [{"code": refusal.status, "message": refusal.message}]}, refusal.status)

    def token(self, call: Call) -> Answer:
        """Give a token, which ends the one before it of the same credentials."""
        body = _json_object(call.request)
        if (grant := body.get("grant_type")) not in GRANTS:
            raise RefusalError(400, "grant_type is missing or unknown", "grant_type")
        needed = {"grant_type", *call.account.secrets, *GRANTS[grant]}
        if wrong := needed - set(body) or set(body) - needed - IGNORED:
            raise RefusalError(400, f"missing or unknown: {', '.join(sorted(wrong))}")
        if any(body[name] != value for name, value in call.account.secrets.items()):
            raise RefusalError(401, "Invalid client credentials")
        if grant == "refresh_token" and not call.tokens.renewable(body["refresh_token"]):
            raise RefusalError(400, "Invalid refresh token")
        access, refresh = call.tokens.issue(call.book.token_seconds, alone=True)
        return Answer.of({"access_token": access, "refresh_token": refresh, "expires_in": call.book.token_seconds})


def _json_object(request: Request) -> dict[str, Any]:
    if request.headers.get("Content-Type", "").partition(";")[0] == "application/json":
        try:
            if isinstance(body := json.loads(request.body), dict):
                return body
        except ValueError:
            pass
    raise RefusalError(400, "The body must be a JSON object")


def _all(call: Call) -> Answer:
    return Answer.of(_listing(call, "exsited_invoices"))


def _owned(kind: str, call: Call, name: str) -> Answer:
    return Answer.of({kind: _listing(call, f"exsited_{kind}_invoices", f"{kind}_id", name)})


def _single(stream: str, call: Call, key: str) -> Answer:
    call.params({})
    return Answer.of({"invoice": call.book.sent(stream, call.known(key, MISSING))})


def _pdf(call: Call, key: str) -> Answer:
    call.params({})
    return Answer.pdf(call.book.pdf(call.known(key, MISSING)))


def _listing(call: Call, stream: str, owner: str = "", name: str = "") -> Record:
    """Return a page; ``order_by`` may be a direction, as the page says, or a field, as others do."""
    asked = call.params(PARAMETERS)
    size, start = call.page_size(asked.get("limit", 20)), asked.get("offset", 0)
    field, direction = asked.get("order_by", "created_on"), asked.get("direction", "")
    if field in {"asc", "desc"}:
        field, direction = "created_on", field
    if field not in SORTABLE:
        raise RefusalError(400, f"order_by knows no {field}", "order_by")
    owned = call.book.find(owner, name) if owner and name else None
    if owner and not owned:
        raise RefusalError(404, f"{owner} not found")
    keys = call.book.select(
        (owner, name, field, direction),
        rank=lambda record: record[field] or "",
        among=owned,
        descending=direction.lower() == "desc",
    )
    page = call.page(stream, keys, start, size)

    def link(offset: int) -> str:
        return f"{parts.STAGE}/api/v2/invoices?{urlencode({'limit': size, 'offset': offset})}"

    before, after = link(max(start - size, 0)) if start else "", link(start + size) if page.more else "NULL"
    pagination = {**page.told("records"), "limit": size, "offset": start, "previous_page": before, "next_page": after}
    return {"invoices": page.rows, "pagination": pagination}
