"""Exsited, API v3 and v2: client credentials, offset pages that count their rows, no date filter.

A new token ends the one before it, and a bad one is answered with a redirect to a sign-in page.

Reference: https://developer.exsited.com/invoice-get-api-documentation
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_invoices.errors import FatalAPIError, SignedOutError
from tap_invoices.http.auth import TokenAuth
from tap_invoices.http.request import TokenRequest
from tap_invoices.paging.base import Page, ParsedPage
from tap_invoices.paging.offset import OffsetPaginator, Window
from tap_invoices.providers.base import Provider, of_mapping, page_size, secret, text
from tap_invoices.providers.exsited.invoice import MAPPING
from tap_invoices.streams.base import InvoiceStream
from tap_invoices.streams.children import SubListStream
from tap_invoices.streams.details import DetailStream
from tap_invoices.streams.documents import DocumentStream
from tap_invoices.streams.lists import PagedListStream, PagedStream

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

    from tap_invoices.http.auth import FetchToken

_NULL = ("NULL", "", None)
"""What stands for a missing value."""


class ExsitedStream(InvoiceStream):
    """A stream of Exsited."""

    provider = "exsited"
    primary_keys: Sequence[str] = ("id",)
    replication_key = "last_updated_on"


def _refuse_errors(body: Any) -> None:
    """Read the errors that may come at 200.

    Raises:
        SignedOutError: If one of them is a 401.
        FatalAPIError: If there is any other.
    """
    errors = body.get("errors") if isinstance(body, dict) else None
    if isinstance(errors, list) and errors:
        codes = [str(error.get("code")) for error in errors if isinstance(error, dict)]
        message = f"an error at 200, with code {', '.join(codes) or 'unknown'}"
        raise SignedOutError(message) if "401" in codes else FatalAPIError(message)


class Paginator(OffsetPaginator):
    """Ends where nothing more comes, or where the rows are all there and no next page is named."""

    @override
    def ends(self, page: Page, position: int, *, brought_rows: bool) -> bool:
        return not brought_rows or (page.total is not None and position >= page.total and page.next in _NULL)


class ExsitedPages(ExsitedStream, PagedStream):
    """A listing, in the order of creation, which does not move while pages are read.

    The links that it gives lead to another version of the API, and are not followed.
    """

    wrapper: str | None = None

    @override
    def new_paginator(self) -> Paginator:
        return Paginator(self.settings["page_size"])

    @override
    def get_url_params(self, context: Context | None, next_page_token: Window | None) -> dict[str, Any]:
        start, limit = next_page_token or (0, self.settings["page_size"])
        return {"limit": limit, "offset": start, "order_by": "created_on", "direction": "asc"}

    @override
    def parse_page(self, body: Any) -> ParsedPage:
        _refuse_errors(body)
        listing = body[self.wrapper] if self.wrapper else body
        pagination = listing["pagination"]
        records = pagination.get("records")
        total = None if records in _NULL else records
        return ParsedPage(listing["invoices"], total, pagination.get("next_page"))


class Invoices(ExsitedPages, PagedListStream):
    """All invoices with their lines."""

    name = "exsited_invoices"
    path = "/api/v3/invoices"

    @override
    def starting_value(self, bookmark: str | None = None) -> str | None:
        """Return the bookmark less the lookback: without a filter to ask with, the first sync gives all rows."""
        return self.bookmark.start(None, int(self.settings["lookback_days"]), bookmark)


class ExsitedItem(ExsitedStream, DetailStream):
    """One invoice, wrapped."""

    parent = Invoices
    parent_key = "id"

    @override
    def parse_item(self, body: Any) -> Any:
        _refuse_errors(body)
        return body["invoice"]


class InvoiceDetails(ExsitedItem):
    """Each invoice from its own endpoint."""

    name = "exsited_invoice_details"
    path = "/api/v3/invoices/{id}"


class InvoiceInformation(ExsitedItem):
    """Each invoice without its lines, from API v2."""

    name = "exsited_invoice_information"
    path = "/api/v2/invoices/{id}/information"
    selected_by_default = False


class OrderInvoices(ExsitedPages, SubListStream):
    """The invoices of each order."""

    name = "exsited_order_invoices"
    path = "/api/v3/orders/{order_id}/invoices"
    primary_keys = ("order_id", "id")
    selected_by_default = False
    parent = Invoices
    parent_key = "order_id"
    wrapper = "order"


class AccountInvoices(ExsitedPages, SubListStream):
    """The invoices of each account."""

    name = "exsited_account_invoices"
    path = "/api/v3/accounts/{account_id}/invoices"
    primary_keys = ("account_id", "id")
    selected_by_default = False
    parent = Invoices
    parent_key = "account_id"
    wrapper = "account"


class InvoiceDocuments(ExsitedStream, DocumentStream):
    """The PDF of each invoice."""

    name = "exsited_invoice_documents"
    path = "/api/v2/invoices/{id}/pdf"
    parent = Invoices
    parent_key = "id"

    @override
    def refuse(self, body: Any) -> None:
        _refuse_errors(body)


def _sign_in(config: Mapping[str, Any], fetch_token: FetchToken) -> TokenAuth:
    """Return the client credentials grant: https://developer.exsited.com/exsited-api-authentication."""
    fields = {name: config[name] for name in ("client_id", "client_secret", "redirect_uri")}
    url = f"{config['api_url'].rstrip('/')}/api/v1/oauth2/token"
    request = TokenRequest(url, {"grant_type": "client_credentials", **fields}, as_json=True)
    return TokenAuth(lambda: fetch_token(request), alone=True)


EXSITED = Provider(
    name="exsited",
    title="Exsited",
    docs="https://developer.exsited.com/invoice-get-api-documentation",
    settings=(
        text("api_url", "Root of the host that Exsited gave you, without /api.", required=True),
        text("client_id", "Client id of the API credentials.", required=True),
        secret("client_secret", "Client secret of the API credentials."),
        text("redirect_uri", "Redirect URI of the API credentials.", required=True),
        page_size("Invoices to ask for at once.", 100),
        *of_mapping(MAPPING),
    ),
    lookback_days=1,
    permission="ask Exsited to let the API credentials read invoices",
    sign_in=_sign_in,
    mapping=MAPPING,
    streams=(Invoices, InvoiceDetails, InvoiceInformation, OrderInvoices, AccountInvoices, InvoiceDocuments),
    redirect_is_sign_in=True,
)
