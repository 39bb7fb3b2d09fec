"""Covage FTTX API: Keycloak tokens, cursors, PDFs (docs-api-client-demo.covage.com/en/api-factures/)."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zlib import crc32

from tap_invoices.sandbox import checks, invent
from tap_invoices.sandbox.book import Book, Record
from tap_invoices.sandbox.provider import Call, Provider, RefusalError, Route
from tap_invoices.sandbox.providers.covage_documents import document
from tap_invoices.sandbox.wire import Answer, Request

CLIENT = "api-client"
REFRESH_SECONDS = 1800
LABELS = {1: "Standard Invoice", 2: "Avoir", 3: "Frais d'accès au service"}
FILTERS = ("invoice_number", "accounting_date_gt", "accounting_date_lt")
PARAMETERS = {
    "invoice_number": checks.text,
    "accounting_date_gt": checks.day,
    "accounting_date_lt": checks.day,
    "cursor": checks.text,
    "page_size": checks.whole(1),
}
GRANTS = {
    "password": {"grant_type", "client_id", "username", "password"},
    "refresh_token": {"grant_type", "client_id", "refresh_token"},
}


class CovageBook(Book):
    """Invoices without amounts, some posted with an earlier accounting date."""

    key_field = "invoice_number"

    exclusive: frozenset[str] = frozenset()
    """Bounds of the accounting date that leave their own day out, as their names say."""

    def key(self, index: int) -> str:
        """Return the invoice number."""
        return invent.odd_key(f"FACTTSO{invent.moment(index, self.count):%y%m}{index:05d}", index)

    def invent(self, index: int) -> Record:
        """Return the invoice at an index."""
        die = invent.dice(self.seed, index)
        kind = die.choice((1, 1, 1, 2, 3))
        site = index % 8
        record: Record = {
            "invoice_number": self.key(index),
            "customer_name": die.choice(invent.COMPANIES),
            "billing_site_ref": f"SITE{site:03d}" if site else "",
            "billing_site_name": die.choice(invent.PLACES)[2] if site else None,
            "invoice_type": kind,
            "invoice_type_label": LABELS[kind],
        }
        posted = invent.moment(index, self.count).date()
        _date(record, posted.replace(day=1) - timedelta(days=1) if index % 9 == 2 else posted)  # noqa: PLR2004
        if index == invent.UNKNOWN_FIELD:
            record["purchase_order"] = {"reference": "BC-2025/117", "approved": True}
        return record

    def pdf(self, key: str) -> bytes:
        """Return the PDF of an invoice, which may carry it as XML."""
        return self.pdfs.get(key) or document(self.invoices.peek(key), self.pdf_size)

    def post(self, record: Record, now: datetime) -> None:
        """Account an invoice today."""
        _date(record, now.date())


def _date(record: Record, day: date) -> None:
    record["accounting_date"] = day.isoformat()
    record["payment_deadline"] = (day + timedelta(days=30)).isoformat()


class Covage(Provider):
    """Token endpoint, list and download."""

    name = "covage"
    mounts = ("covage", "keycloak")
    book = CovageBook
    secrets = {"username": "sandbox-covage-user", "password": "sandbox-covage-password"}
    identity = "username"
    not_signed_in = "Authentication credentials were not provided."

    def routes(self) -> tuple[Route, ...]:
        """Return the endpoints; those without their last slash redirect to it."""
        realm = "/keycloak/auth/realms/covage/protocol/openid-connect/token"
        return (
            Route("POST", realm, self.token, is_open=True),
            Route("GET", "/covage/api/v1/invoice/", self.invoices),
            Route("GET", "/covage/api/v1/invoice", self.add_slash, is_open=True),
            Route("GET", "/covage/api/v1/invoice/{}/download/", self.download),
            Route("GET", "/covage/api/v1/invoice/{}/download", self.add_slash, is_open=True),
        )

    def urls(self, base: str) -> dict[str, str]:
        """Return the addresses of API and sign-in."""
        return {"api_url": f"{base}/covage", "auth_url": f"{base}/keycloak"}

    def shown(self, request: Request) -> str:
        """Return the token; at sign-in who signs in, or with what."""
        form = dict(parse_qsl(request.body.decode(errors="replace")))
        return request.bearer or form.get("username") or form.get("refresh_token", "")

    def error(self, refusal: RefusalError) -> Answer:
        """Return an error of the API."""
        return Answer.of({"detail": refusal.message}, refusal.status)

    def token(self, call: Call) -> Answer:
        """Give a token for a password or a refresh token, as Keycloak does."""
        if call.request.headers.get("Content-Type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            raise _denied(415, "invalid_request", "The body must be a form.")
        pairs = parse_qsl(call.request.body.decode(), keep_blank_values=True)
        form = dict(pairs)
        if (grant := form.get("grant_type")) not in GRANTS:
            raise _denied(400, "unsupported_grant_type" if grant else "invalid_request", "Unknown grant_type.")
        if set(form) != GRANTS[grant] or len(pairs) != len(form):
            raise _denied(400, "invalid_request", f"The fields must be {', '.join(sorted(GRANTS[grant]))}.")
        if form["client_id"] != CLIENT:
            raise _denied(401, "invalid_client", "Invalid client or Invalid client credentials")
        if grant == "password" and not call.account.secrets.items() <= form.items():
            raise _denied(401, "invalid_grant", "Invalid user credentials")
        if grant == "refresh_token" and not call.tokens.renewable(form["refresh_token"]):
            raise _denied(400, "invalid_grant", "Token is not active")
        access, refresh = call.tokens.issue(call.book.token_seconds)
        return Answer.of(
            {
                "access_token": access,
                "expires_in": call.book.token_seconds,
                "refresh_expires_in": REFRESH_SECONDS,
                "refresh_token": refresh,
                "token_type": "Bearer",
                "session_state": invent.uid(0, access),
                "scope": "profile email",
            }
        )

    def invoices(self, call: Call) -> Answer:
        """List invoices, by default with those on the bounds of accounting_date."""
        asked = call.params(PARAMETERS)
        wanted = {name: asked[name] for name in FILTERS if name in asked}
        size = call.page_size(asked.get("page_size", 20))
        start = _position(asked["cursor"], wanted) if "cursor" in asked else 0
        exclusive = call.book.exclusive
        keys = call.book.select((*wanted.items(), exclusive), lambda record: _matches(record, wanted, exclusive))
        page = call.page("covage_invoices", keys, start, size)
        host = call.tweaks.get("foreign_next", "http://api.example.com")
        link = f"{'https://evil.example' if host is True else host}/api/v1/invoice/?"

        def url(position: int) -> str:
            return link + urlencode({**wanted, "cursor": _cursor(position, wanted), "page_size": size})

        turns = call.tweaks.get("repeat_cursor")
        after = (start // size % turns + 1) * size if turns else start + size
        return Answer.of(
            {
                "page_size": size,
                **page.told("count"),
                "next_page": url(after) if page.more or turns else None,
                "previous_page": url(max(start - size, 0)) if start else None,
                "results": page.rows,
            }
        )

    def download(self, call: Call, number: str) -> Answer:
        """Send an invoice's PDF."""
        call.params({})
        key = call.known(number, "Invoice not found.")
        return Answer.pdf(call.book.pdf(key), {"Content-Disposition": f"attachment; filename={key}.pdf"})

    def add_slash(self, call: Call, *_: str) -> Answer:
        """Redirect to the path with its last slash."""
        query = urlencode(call.request.query)
        return Answer.redirect(f"{call.base}{call.request.path}/{query and '?'}{query}", 301)


def _denied(status: int, error: str, description: str) -> RefusalError:
    answer = Answer.of({"error": error, "error_description": description}, status)
    return RefusalError(status, answer=answer)


def _matches(record: Record, wanted: dict[str, Any], exclusive: frozenset[str]) -> bool:
    day = record["accounting_date"]
    after, before = wanted.get("accounting_date_gt"), wanted.get("accounting_date_lt")
    return (
        wanted.get("invoice_number") in {None, record["invoice_number"]}
        and (after is None or (day or "") > after or (day == after and "accounting_date_gt" not in exclusive))
        and (before is None or (day or "~") < before or (day == before and "accounting_date_lt" not in exclusive))
    )


def _cursor(position: int, wanted: dict[str, Any]) -> str:
    return urlsafe_b64encode(f"{position} {_digest(wanted)}".encode()).decode()


def _position(cursor: str, wanted: dict[str, Any]) -> int:
    # A cursor holds for the filters that it was given for: with others it would mean other rows.
    try:
        position, digest = urlsafe_b64decode(cursor).decode().split()
        if int(digest) == _digest(wanted):
            return int(position)
    except ValueError:
        pass
    raise RefusalError(404, "Invalid cursor", "cursor")


def _digest(wanted: dict[str, Any]) -> int:
    return crc32(repr(wanted).encode())
