"""ibana: a bearer token, numbered pages that count their rows, filter by time of change (bounds not documented).

Reference: https://docs.ibana.io/api-reference/invoice/get-invoices
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_invoices import times
from tap_invoices.errors import PagingError
from tap_invoices.http.auth import BearerAuth
from tap_invoices.paging.base import Page, ParsedPage
from tap_invoices.paging.offset import PageNumberPaginator, Window
from tap_invoices.providers.base import Provider, in_header, of_mapping, page_size, secret, text
from tap_invoices.providers.ibana.invoice import MAPPING
from tap_invoices.streams.lists import PagedListStream

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

    from tap_invoices.http.auth import FetchToken


class Paginator(PageNumberPaginator):
    """The page says itself whether there is another."""

    @override
    def ends(self, page: Page, position: int, *, brought_rows: bool) -> bool:
        return not page.next or not page.rows

    @override
    def _go_on(self, page: Page, *, brought_rows: bool) -> None:
        """Ask for the next row alone where a page brings nothing new, but promises another."""
        super()._go_on(page, brought_rows=brought_rows)
        if self.finished or brought_rows:
            return
        if self._is_checked:
            msg = f"pages repeat, and promise more: row {self.position} is the one before it again"
            raise PagingError(msg)
        self.current_value = Window(self.position, 1)


class Invoices(PagedListStream):
    """All incoming invoices, in the order of their creation, which does not move while pages are read."""

    provider = "ibana"
    name = "ibana_invoices"
    path = "/v1/invoice"
    primary_keys = ("id",)
    replication_key = "updatedAt"
    verbatim_rows = "data"

    @override
    def new_paginator(self) -> Paginator:
        return Paginator(self.settings["page_size"])

    @override
    def get_url_params(self, context: Context | None, next_page_token: Window | None) -> dict[str, Any]:
        start, take = next_page_token or (0, self.settings["page_size"])
        return {
            "page": start // take + 1,
            "take": take,
            "orderField": "createdAt",
            "orderDir": "ASC",
            "order": "ASC",
            "updatedFrom": self._updated_from,
        }

    @property
    def _updated_from(self) -> str | None:
        """A second before the start, for the bound may be exclusive; None for all that there is."""
        try:
            return self.since and times.rfc3339(times.parse(self.since) - timedelta(seconds=1))
        except OverflowError:
            return None

    @override
    def parse_page(self, body: Any) -> ParsedPage:
        meta = body["meta"]
        if (more := meta["hasNextPage"]) is None:
            msg = "a page that does not say whether there is another"
            raise ValueError(msg)
        return ParsedPage(body["data"], meta.get("itemCount"), more)


def _sign_in(config: Mapping[str, Any], _fetch_token: FetchToken) -> BearerAuth:
    return BearerAuth(config["token"])


IBANA = Provider(
    name="ibana",
    title="ibana",
    docs="https://docs.ibana.io/api-reference/invoice/get-invoices",
    settings=(
        text("api_url", "Root of the API, as ibana gives it to you, without /v1.", required=True),
        in_header(secret("token", "API token.")),
        page_size("Invoices to ask for at once, at most 100.", 100, maximum=100),
        *of_mapping(MAPPING),
    ),
    lookback_days=1,
    permission="ask ibana to let the token read invoices",
    sign_in=_sign_in,
    mapping=MAPPING,
    streams=(Invoices,),
)
