"""Lists in pages: read to the end, and again if they come out shorter than the provider says."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from decimal import Decimal
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.streams.rest import PageContext
from typing_extensions import override

from tap_invoices.errors import BodyError, IncompleteError
from tap_invoices.http.session import read_body
from tap_invoices.paging.base import Page, Paginator, ParsedPage
from tap_invoices.paging.passes import MOST_PASSES, Passes
from tap_invoices.records.decode import decode
from tap_invoices.records.replication import is_due
from tap_invoices.records.verbatim import VerbatimDecoder, VerbatimRow
from tap_invoices.streams.base import InvoiceStream
from tap_invoices.streams.schemas import verbatim_check

if TYPE_CHECKING:
    import requests
    from singer_sdk.helpers.types import Context

    from tap_invoices.streams.services import Row


_MOST_DIGITS = 20
"""Of a list's total; ``int`` would take hours for 1e999999."""
UNEXPECTED = "the answer is JSON, but not of the shape that the provider documents"


class PagedStream(InvoiceStream):
    """A stream whose endpoint answers in pages."""

    verbatim_rows: ClassVar[str | None] = None
    """Field of the page with the rows, where these may go out as they came."""

    @abstractmethod
    def new_paginator(self) -> Paginator[Any]:
        """Return what decides the pages of one pass; without a word on that there is no stream."""

    @abstractmethod
    def parse_page(self, body: Any) -> ParsedPage:
        """Return a page's rows, the list's total, and what follows.

        A shape that is not the provider's may raise what it likes among KeyError, TypeError and ValueError.
        """

    def fetch_page(self, token: Any, context: Context | None = None) -> Page:
        """Ask for one page. Any thread may."""
        request = self.get_http_request(page=PageContext(context, token))

        def read(response: requests.Response) -> Page:
            body = read_body(response)
            return self._page(None if response.status_code == HTTPStatus.NO_CONTENT else body, token)

        return self.fetch(request, read)

    def _page(self, body: bytes | None, token: Any) -> Page:
        value = None if body is None else self._decode(body)
        try:
            rows, total, following = self.parse_page(value)
            total = _whole(total)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BodyError(UNEXPECTED) from None
        if not isinstance(rows, list) or not all(isinstance(row, (dict, VerbatimRow)) for row in rows):
            raise BodyError(UNEXPECTED)
        place = "the first page" if token is None else f"page {token}"
        return Page(rows, [self.key_of(row) for row in rows], len(body or b""), total, following, place=place)

    def _decode(self, body: bytes) -> Any:
        value = self._verbatim.decode(body) if self._verbatim else None
        return decode(body) if value is None else value

    @cached_property
    def _verbatim(self) -> VerbatimDecoder | None:
        """What decodes pages that need no change; None where records must be at hand as values."""
        if not self.verbatim_rows or not self.emits_records_as_they_are:
            return None
        key, changed = type(self).primary_keys[0], str(type(self).replication_key)
        return VerbatimDecoder(verbatim_check(self.name), self.verbatim_rows, key, changed, self.around_fields)

    @override
    def prepare(self) -> None:
        super().prepare()
        _ = self._verbatim

    def read_pages(self, context: Context | None = None, *, ahead: bool = True) -> Iterator[Page]:
        """Yield pages with rows that have not come before, until the list is complete.

        Args:
            context: What fills the path.
            ahead: Whether to fetch further pages meanwhile.

        Raises:
            IncompleteError: If the list stays shorter than the provider says.
        """
        passes = Passes(self.new_paginator, self.key_of, self.name, self.logger)
        for paginator in passes:
            for page in self._fetch_pages(paginator, context, ahead=ahead):
                yield passes.take(page)
        if not passes.is_whole:
            self._refuse_short(passes.paginator)

    def _refuse_short(self, paginator: Paginator[Any]) -> None:
        total = "an unknown number of" if paginator.total is None else paginator.total
        message = (
            f"{len(paginator.seen)} of {total} rows came, and the list did not hold still, "
            f"{MOST_PASSES} times over; set `on_short: warn` to go on all the same"
        )
        if self.config.get("on_short") != "warn":
            raise IncompleteError(message)
        self.is_short = True
        self.logger.warning("%s: %s", self.name, message)

    def _fetch_pages(self, paginator: Paginator[Any], context: Context | None, *, ahead: bool) -> Iterator[Page]:
        """Yield the pages that the paginator asks for; whoever takes one must have it advance before the next."""
        asked: dict[Any, Future[Page]] = {}
        while not paginator.finished:
            token = paginator.current_value
            later = paginator.ahead(self.client.workers.size - 1) if ahead else []
            for stale in asked.keys() - {token, *later}:
                asked.pop(stale).cancel()
            yield self._fetch_ahead(token, later, asked, context)

    def _fetch_ahead(
        self, token: Any, later: list[Any], asked: dict[Any, Future[Page]], context: Context | None
    ) -> Page:
        """Fetch a page, and have later ones fetched meanwhile."""
        if later:
            for each in (token, *later):
                if each not in asked:
                    asked[each] = self.client.workers.submit(self.fetch_page, each, context)
        return asked.pop(token).result() if token in asked else self.fetch_page(token, context)


def _whole(total: Any) -> int | None:
    if isinstance(total, Decimal) and total.adjusted() > _MOST_DIGITS:
        raise ValueError
    return None if total is None or int(total) < 0 else int(total)


class ListStream(InvoiceStream):
    """A list that stands on its own; others may follow it."""

    readers: Sequence[InvoiceStream] = ()
    """Who takes from the list in this sync: itself, if it is selected, and those that follow it."""
    since: str | None = None
    """From which replication value on the list is asked for: the earliest that it or a child needs."""

    @abstractmethod
    def read_list(self) -> Iterator[Page]:
        """Yield pages with rows that have not come before, until the list is complete."""

    def read(self) -> Iterator[Page]:
        """Read the list, count, and tell rows without a key from the others."""
        for whole in self.read_list():
            page = whole.keyed(self.key_of)
            if page.is_due_to(self.name):
                self._count(page)
            yield page

    def _count(self, page: Page) -> None:
        if page.due_to is None:
            self.counts.expected = page.total if page.total is not None else self.counts.expected
        elif self.counts.expected is not None:
            self.counts.count(expected=len(page.rows))
        self.counts.count(read=len(page.rows))

    def due_rows(self, rows: list[Row], since: str | None) -> list[Row]:
        """Return the rows that this sync emits: those at or after the start, and those that have no date."""
        if since is None or self.replication_key is None:
            return rows
        due = [row for row in rows if is_due(self.bookmark.value_of(row), since)]
        self.counts.count(unchanged=len(rows) - len(due))
        return due


class PagedListStream(PagedStream, ListStream):
    """A list that comes in pages."""

    @property
    @override
    def page_size(self) -> int | None:
        return self.settings.get("page_size")

    @override
    def read_list(self) -> Iterator[Page]:
        return self.read_pages()
