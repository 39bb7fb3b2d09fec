"""Covage: password grant at a Keycloak, cursor pages, filter by accounting date (a day, inclusive).

Reference: https://docs-api-client-demo.covage.com/en/api-factures/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

from singer_sdk.streams.rest import HTTPRequest
from typing_extensions import override

from tap_invoices import times
from tap_invoices.auth import TokenAuth
from tap_invoices.documents import DocumentStream
from tap_invoices.listing import PagedListStream
from tap_invoices.paging import CursorPaginator, Page
from tap_invoices.provider import Provider, page_size, secret, text
from tap_invoices.stream import InvoiceStream, Row

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

    from tap_invoices.connection import Connection
    from tap_invoices.tap import TapInvoices


class CovageStream(InvoiceStream):
    """A stream of Covage.

    An invoice may be posted with an accounting date of long ago, which no window shows. So each bookmark keeps how many
    invoices there were before the next window, and every sync asks for that count again.
    """

    provider = "covage"

    @override
    def prepare(self) -> None:
        super().prepare()
        _ = self._tap.streams["covage_invoices"].bookmark  # by which the list counts, also for others alone

    @property
    def floor(self) -> str | None:
        """The first day that the user wants at all."""
        return self.bookmark.first(self.config.get("start_date"))

    @property
    def proof(self) -> tuple[str, int] | None:
        """Up to which day all was known after the last sync, and how many invoices that were."""
        before = self.stream_state.get("before") or {}
        return (before["until"], before["count"]) if before and before.get("since") == self.floor else None

    @classmethod
    @override
    def understands(cls, bookmark: Mapping[str, Any]) -> bool:
        before = bookmark.get("before")
        if not before:
            return before is None or before == {}
        try:
            return times.to_date(before["until"]) == before["until"] and isinstance(before["count"], int)
        except (KeyError, TypeError, ValueError, AttributeError):
            return False

    @override
    def starting_value(self, bookmark: str | None = None) -> str | None:
        """Begin no later than where the proof ends, though the lookback may have become shorter."""
        start = super().starting_value(bookmark)
        if start is None or bookmark or self.proof is None:
            return start
        return min(start, times.shift(self.proof[0], 1))

    @override
    def beside_bookmark(self, value: str) -> dict[str, Any]:
        start = self.starting_value(value)
        if start is None:
            return {}
        until = times.shift(start, -1)
        listing = cast("Invoices", self._tap.streams["covage_invoices"])
        since = {"since": self.floor} if self.floor else {}
        return {"before": {**since, "until": until, "count": listing.count_until(until)}}


class Invoices(CovageStream, PagedListStream):
    """All invoices; their amounts stand only in the PDFs."""

    name = "covage_invoices"
    path = "/api/v1/invoice/"
    primary_keys = ("invoice_number",)
    replication_key = "accounting_date"

    def __init__(self, tap: TapInvoices) -> None:
        super().__init__(tap)
        self._bounds: tuple[str | None, str | None] = None, None
        self._before = 0
        self._by_day: Counter[str] = Counter()
        self._counted: dict[str, int] = {}

    @override
    def new_paginator(self) -> CursorPaginator:
        return CursorPaginator(self._is_read_again)

    def _is_read_again(self) -> bool:
        """Tell whether all that came lies in the next sync's window too."""
        coming, (_, until) = self._coming_start(), self._bounds
        return until is None and coming is not None and min(self._by_day, default=coming) >= coming

    def _coming_start(self) -> str | None:
        latest = max(self._by_day, default="")
        return self.starting_value(self.bookmark.after(latest)) if latest else None

    @override
    def get_url_params(self, context: Context | None, next_page_token: str | None) -> dict[str, Any]:
        since, until = self._bounds
        return {
            "accounting_date_gt": since,
            "accounting_date_lt": until,
            "cursor": next_page_token,
            "page_size": self.settings["page_size"],
        }

    @override
    def read_list(self) -> Iterator[Page]:
        """Yield the window, and what lies before it if something was posted there since the last sync."""
        self._bounds = self.since, None
        total = 0
        for page in super().read_list():
            self._by_day.update(self._day(row) for row in page.rows)
            total = page.total or 0
            yield page
        if self.since is not None:
            self._before = self._ask_count(times.shift(self.since, -1))
        yield from self._read_late()
        coming = self._coming_start()
        if coming and total < self._by_day.total():  # some went meanwhile
            until = times.shift(coming, -1)
            self._counted[until] = self._ask_count(until)

    def _read_late(self) -> Iterator[Page]:
        partial = [cast("CovageStream", reader) for reader in self.readers if reader.starting_value() is not None]
        proofs = [reader.proof for reader in partial if reader.proof]
        late = [until for until, count in proofs if self.count_until(until) > count]
        if not late:
            return
        self._bounds = self.floor, max(late)
        self.logger.warning("%s: invoices were posted before %s; reading those too", self.name, max(late))
        yield from (replace(page, late=True) for page in super().read_list())

    def _ask_count(self, until: str) -> int:
        """Ask how many invoices there are from the first day that is wanted up to another one."""
        if self.floor and until < self.floor:
            return 0
        self._bounds = self.floor, until
        return self.fetch_page(None).total or 0

    def count_until(self, day: str) -> int:
        """Return how many invoices there are up to a day, of those that this sync has seen or counted."""
        seen = self._before + sum(count for each, count in self._by_day.items() if "" < each <= day)
        return min(seen, self._counted.get(day, seen))

    def _day(self, row: Row) -> str:
        return self.bookmark.normalise(row.get("accounting_date")) or ""

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
