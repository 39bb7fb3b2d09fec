"""Covage: password grant at a Keycloak, cursor pages, filter by accounting date (a day, inclusive).

Reference: https://docs-api-client-demo.covage.com/en/api-factures/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

from singer_sdk.streams.rest import HTTPRequest
from typing_extensions import override

from tap_invoices.auth import TokenAuth
from tap_invoices.documents import DocumentStream
from tap_invoices.listing import PagedListStream
from tap_invoices.paging import CursorPaginator, Page
from tap_invoices.provider import Provider, page_size, secret, text
from tap_invoices.stream import InvoiceStream

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

    from tap_invoices.connection import Connection
    from tap_invoices.tap import TapInvoices


class CovageStream(InvoiceStream):
    """A stream of Covage."""

    provider = "covage"

    @override
    def seal_state(self, state: dict[str, Any]) -> None:
        """Keep how many invoices lie before the window that the next sync will ask for."""
        if bookmark := state.get("replication_key_value"):
            day = date.fromisoformat(bookmark) - timedelta(days=int(self.settings["lookback_days"]) + 1)
            listing = cast("Invoices", self._tap.streams["covage_invoices"])
            state["before"] = {"until": day.isoformat(), "count": listing.count_until(day.isoformat())}


class Invoices(CovageStream, PagedListStream):
    """All invoices; their amounts stand only in the PDFs."""

    name = "covage_invoices"
    path = "/api/v1/invoice/"
    primary_keys = ("invoice_number",)
    replication_key = "accounting_date"

    @override
    def new_paginator(self) -> CursorPaginator:
        return CursorPaginator(is_read_again=self.since is not None and self.until is None)

    def __init__(self, tap: TapInvoices) -> None:
        super().__init__(tap)
        self._before = 0
        self._by_day: Counter[str] = Counter()

    until: str | None = None
    """Up to which accounting date the list is asked for; None for no bound."""

    @override
    def get_url_params(self, context: Context | None, next_page_token: str | None) -> dict[str, Any]:
        return {
            "accounting_date_gt": None if self.until else self.since,
            "accounting_date_lt": self.until,
            "cursor": next_page_token,
            "page_size": self.settings["page_size"],
        }

    @override
    def read_list(self) -> Iterator[Page]:
        """Yield the window, and what lies before it if something was posted there since the last sync.

        An invoice may get an accounting date of long ago, which no window shows. So each bookmark keeps how many
        invoices there were before its window, and every sync asks for that count again.
        """
        for page in super().read_list():
            self._by_day.update(self.bookmark.normalise(row.get("accounting_date")) or "" for row in page.rows)
            yield page
        if self.since is not None:
            self.until = day_before(self.since)
            self._before = self.fetch_page(None).total or 0
        late = [until for until, count in map(_proof, self.readers) if until and self.count_until(until) > count]
        if late:
            self.until = max(late)
            self.logger.warning("%s: invoices were posted before %s; reading those too", self.name, self.until)
            yield from (replace(page, late=True) for page in super().read_list())

    def count_until(self, day: str) -> int:
        """Return how many invoices there are up to a day, of those that this sync has seen or counted."""
        return self._before + sum(count for each, count in self._by_day.items() if "" < each <= day)

    @override
    def parse_page(self, body: Any) -> tuple[list[Any], int | None, str | None]:
        return body["results"], body["count"], _cursor(body["next_page"])


class InvoiceDocuments(CovageStream, DocumentStream):
    """The PDF of each invoice."""

    name = "covage_invoice_documents"
    path = "/api/v1/invoice/{invoice_number}/download/"
    primary_keys = ("invoice_number",)
    replication_key = "accounting_date"
    follows = Invoices
    item_field = "invoice_number"


def _proof(stream: InvoiceStream) -> tuple[str | None, int]:
    before = stream.stream_state.get("before") or {}
    return before.get("until"), before.get("count", 0)


def day_before(day: str) -> str:
    """Return the day before a day."""
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def _cursor(next_page: str | None) -> str | None:
    """Take the cursor out of a link that may lead to another host, where the token must not go."""
    if not next_page:
        return None
    return parse_qs(urlsplit(next_page).query)["cursor"][0]


def _sign_in(settings: Mapping[str, Any], connection: Connection) -> TokenAuth:
    """Return Keycloak's password grant: https://docs-api-client-demo.covage.com/en/authentication."""
    url = f"{settings['auth_url'].rstrip('/')}/auth/realms/{settings['realm']}/protocol/openid-connect/token"
    form = {
        "grant_type": "password",
        "client_id": settings["client_id"],
        "username": settings["username"],
        "password": settings["password"],
    }
    request = HTTPRequest(url, method="POST", data=form)
    return TokenAuth(lambda: connection.sign_in(request, as_json=False))


COVAGE = Provider(
    name="covage",
    title="Covage",
    docs="https://docs-api-client-demo.covage.com/en/api-factures/",
    settings=(
        text("api_url", "Root of the API, as Covage gives it to you, without /api/v1.", required=True),
        text("auth_url", "Root of the Keycloak that signs you in.", required=True),
        text("username", "Name of the service account.", required=True),
        secret("password", "Password of the service account."),
        text("realm", "Realm at the Keycloak.", "covage"),
        text("client_id", "Client at the Keycloak.", "api-client"),
        page_size("Invoices to ask for at once.", 100),
    ),
    lookback_days=40,
    permission="ask Covage to let the service account read invoices",
    sign_in=_sign_in,
    streams=(Invoices, InvoiceDocuments),
)
