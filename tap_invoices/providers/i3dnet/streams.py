"""i3D.net, customer API v3: a key in a header, ranges of rows in another, no totals, no date filter, amounts in cents.

Reference: https://docs.i3d.net/api-references/general/billing
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_invoices import times
from tap_invoices.errors import GoneError, PagingError
from tap_invoices.http.auth import HeaderAuth
from tap_invoices.paging.base import Page, ParsedPage
from tap_invoices.paging.offset import OffsetPaginator, Window
from tap_invoices.providers.base import Provider, in_header, of_mapping, page_size, secret, text
from tap_invoices.providers.i3dnet.invoice import MAPPING
from tap_invoices.streams.backdated import BackdatedStream
from tap_invoices.streams.base import InvoiceStream
from tap_invoices.streams.details import DetailStream
from tap_invoices.streams.documents import DocumentStream
from tap_invoices.streams.lists import PagedListStream

if TYPE_CHECKING:
    from singer_sdk.streams.rest import HTTPRequest, PageContext

    from tap_invoices.http.auth import FetchToken
    from tap_invoices.streams.services import Row

_RANGE_BY_DEFAULT = 25
"""Rows that the server sends when it sees no range."""


class I3dnetStream(InvoiceStream):
    """A stream of i3D.net."""

    provider = "i3dnet"
    primary_keys: Sequence[str] = ("id",)


class Paginator(OffsetPaginator):
    """Ends on a page that brings no new row, never on a short one.

    A server that ignores the range sends its first rows over and over. If those can only be all, that is the end.
    """

    _first_key: Any = None
    _suspects = False
    """Whether a later page began with the first row of all: either rows came before it, or the range is ignored."""

    @override
    def ends(self, page: Page, position: int, *, brought_rows: bool) -> bool:
        return not brought_rows

    @override
    def advance(self, page: Page) -> list[Any]:
        asked, begins_again = self.current_value, page.keys[:1] == [self._first_key]
        if self._suspects and begins_again:
            return self._end_of_unranged(page)
        if asked.start and begins_again and not (self.is_stepping_back or self._suspects):
            self._suspects, self.current_value = True, self.plan(0)
            return []
        self._suspects = False
        if asked.start == 0 and page.keys:
            self._first_key = page.keys[0]
        rows = super().advance(page)
        self.finished = self.finished or len(page.rows) > max(asked.size, _RANGE_BY_DEFAULT)
        return rows

    def _end_of_unranged(self, page: Page) -> list[Any]:
        may_be_cut = len(page.rows) in {_RANGE_BY_DEFAULT, self.page_size}
        if may_be_cut or len(page.rows) < len(self.seen):
            msg = f"row {self.position} and on are the first ones again: the server ignores RANGED-DATA"
            raise PagingError(msg)
        self.finished = True
        return self._fresh(page)


class I3dnetList(I3dnetStream, PagedListStream):
    """A list that is read by ranges of rows."""

    @override
    def new_paginator(self) -> Paginator:
        return Paginator(self.settings["page_size"])

    @override
    def get_http_request(self, *, page: PageContext[Window]) -> HTTPRequest:
        request = super().get_http_request(page=page)
        start, results = page.next_page_token or (0, self.settings["page_size"])
        request.headers["RANGED-DATA"] = f"start={start},results={results}"
        return request

    @override
    def parse_page(self, body: Any) -> ParsedPage:
        return ParsedPage(body)


class Invoices(I3dnetList):
    """All invoices."""

    name = "i3dnet_invoices"
    path = "/v3/account/invoice"


class UnpaidInvoices(I3dnetList):
    """The invoices that are unpaid now, without credit invoices."""

    name = "i3dnet_unpaid_invoices"
    path = "/v3/account/invoice/unpaid"


class I3dnetItem(I3dnetStream, BackdatedStream):
    """What is asked for invoice by invoice."""

    replication_key = "changed_on"
    parent = Invoices
    parent_key = "id"
    date_fields = ("creationDate", "paymentDate")

    @override
    def is_open(self, row: Row) -> bool:
        """Tell whether an invoice can still be paid; a credit invoice cannot."""
        return times.latest(row.get("paymentDate")) is None and str(row.get("isCredit")) != "1"


class I3dnetDetail(I3dnetItem, DetailStream):
    """One invoice, which comes as an array of one, or bare."""

    @override
    def parse_item(self, body: Any) -> Any:
        if not isinstance(body, list):
            return body
        if not body:
            msg = "an empty answer"
            raise GoneError(msg)
        return body[0] if len(body) == 1 else None


class InvoiceDetails(I3dnetDetail):
    """Each invoice with its items."""

    name = "i3dnet_invoice_details"
    path = "/v3/account/invoice/{id}"


class InvoiceDetailsByNumber(I3dnetDetail):
    """The same, asked for by number."""

    name = "i3dnet_invoice_details_by_number"
    path = "/v3/account/invoice/number/{invoiceNumber}"
    primary_keys = ("invoiceNumber",)
    selected_by_default = False
    parent_key = "invoiceNumber"


class InvoiceDocuments(I3dnetItem, DocumentStream):
    """The PDF of each invoice."""

    name = "i3dnet_invoice_documents"
    path = "/v3/account/invoice/{id}/pdf"
    is_asked_by_number = False


def _sign_in(config: Mapping[str, Any], _fetch_token: FetchToken) -> HeaderAuth:
    return HeaderAuth("PRIVATE-TOKEN", config["token"])


I3DNET = Provider(
    name="i3dnet",
    title="i3D.net",
    docs="https://docs.i3d.net/api-references/general/billing",
    settings=(
        in_header(secret("token", "API key from the control panel.")),
        text("api_url", "Root of the API.", "https://api.i3d.net"),
        page_size("Invoices to ask for at once.", 100),
        *of_mapping(MAPPING),
    ),
    lookback_days=40,
    permission="the API key is wrong, has expired, or does not allow this machine's address",
    sign_in=_sign_in,
    mapping=MAPPING,
    streams=(Invoices, InvoiceDetails, InvoiceDetailsByNumber, InvoiceDocuments, UnpaidInvoices),
)
