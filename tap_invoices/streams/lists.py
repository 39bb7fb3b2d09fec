"""Lists in pages: read to the end, and again if they come out shorter than the provider says."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.streams.rest import PageContext
from typing_extensions import override

from tap_invoices.errors import BodyError, IncompleteError
from tap_invoices.http.session import read_body
from tap_invoices.paging.base import Page, Paginator
from tap_invoices.paging.keys import key_of
from tap_invoices.records.decode import decode
from tap_invoices.records.verbatim import VerbatimDecoder, VerbatimRow
from tap_invoices.streams.base import InvoiceStream
from tap_invoices.streams.bookmark import is_due
from tap_invoices.streams.schemas import own_schema

if TYPE_CHECKING:
    import requests
    from singer_sdk.helpers.types import Context

    from tap_invoices.paging.keys import KeySet
    from tap_invoices.streams.services import Row


UNEXPECTED = "the answer is JSON, but not of the shape that the provider documents"

_READINGS = 3
"""A list that comes out short is read again, this many times in all."""


class PagedStream(InvoiceStream):
    """A stream whose endpoint answers in pages."""

    verbatim_rows: ClassVar[str | None] = None
    """Field of the page with the rows, where these may go out as they came."""

    @abstractmethod
    def new_paginator(self) -> Paginator[Any]:
        """Return what decides the pages of one pass; without a word on that there is no stream."""

    @abstractmethod
    def parse_page(self, body: Any) -> tuple[Any, int | None, Any]:
        """Return a page's rows, the list's total (None if it is not told), and the word on what follows.

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
            total = None if total is None else int(total)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BodyError(UNEXPECTED) from None
        if not isinstance(rows, list) or not all(isinstance(row, (dict, VerbatimRow)) for row in rows):
            raise BodyError(UNEXPECTED)
        return Page(rows, [self.key_of(row, token) for row in rows], len(body or b""), total, following)

    def _decode(self, body: bytes) -> Any:
        value = self._verbatim.decode(body) if self._verbatim else None
        return decode(body) if value is None else value

    @cached_property
    def _verbatim(self) -> VerbatimDecoder | None:
        """What decodes pages that need no change; None where records must be at hand as values."""
        if not self.verbatim_rows or not self.emits_records_as_they_are:
            return None
        key, changed = type(self).primary_keys[0], str(type(self).replication_key)
        return VerbatimDecoder(own_schema(self.name), self.verbatim_rows, key, changed, self.around_fields)

    @override
    def prepare(self) -> None:
        super().prepare()
        _ = self._verbatim

    def key_of(self, row: Row | VerbatimRow, place: Any) -> Hashable:
        """Return a row's key in the list.

        Raises:
            FatalAPIError: If it has none.
        """
        if isinstance(row, VerbatimRow):
            return row.key
        return key_of(row, type(self).primary_keys[-1:], f"{self.name}, page {place}")

    def read_pages(self, context: Context | None = None, *, ahead: bool = True) -> Iterator[Page]:
        """Yield pages with rows that have not come before, until the list is complete.

        Args:
            context: What fills the path.
            ahead: Whether to fetch further pages meanwhile.

        Raises:
            IncompleteError: If the list stays shorter than the provider says.
        """
        earlier: list[KeySet] = []
        for _ in range(_READINGS):
            paginator, new = self.new_paginator(), 0
            for page in self._read_pass(paginator, context, earlier, ahead=ahead):
                new += len(page.rows)
                yield page
            if self._is_whole(paginator, earlier, brought_rows=new > 0):
                return
            earlier.append(paginator.seen)
        self._refuse_short(paginator)

    def _is_whole(self, paginator: Paginator[Any], earlier: list[KeySet], *, brought_rows: bool) -> bool:
        total, seen = paginator.total, len(paginator.seen)
        if total is not None and seen < total:
            self.logger.warning("%s: %d of %d rows came; reading the list again", self.name, seen, total)
            return False
        is_same = bool(earlier) and not brought_rows and seen == len(earlier[-1])
        if paginator.moved and not is_same:
            self.logger.warning("%s: the list has shrunk while it was read; reading it again", self.name)
            return False
        is_proven = is_same if total is None else bool(earlier)  # without a total, nothing else shows that rows went
        if paginator.needs_second_pass and not is_proven:
            self.logger.info("%s: reading the list once more, for its pages do not show whether rows moved", self.name)
            return False
        if total is not None and seen > total:
            self.logger.info("%s: %d rows came where %d were told; some went meanwhile", self.name, seen, total)
        return True

    def _refuse_short(self, paginator: Paginator[Any]) -> None:
        total = "an unknown number of" if paginator.total is None else paginator.total
        message = (
            f"{len(paginator.seen)} of {total} rows came, and the list did not hold still, "
            f"{_READINGS} times over; set `on_short: warn` to go on all the same"
        )
        if self.config.get("on_short") != "warn":
            raise IncompleteError(message)
        self.is_short = True
        self.logger.warning("%s: %s", self.name, message)

    def _read_pass(
        self,
        paginator: Paginator[Any],
        context: Context | None,
        earlier: list[KeySet],
        *,
        ahead: bool,
    ) -> Iterator[Page]:
        asked: dict[Any, Future[Page]] = {}
        while not paginator.finished:
            token = paginator.current_value
            later = paginator.ahead(self.client.workers.size - 1) if ahead else []
            for stale in asked.keys() - {token, *later}:
                asked.pop(stale).cancel()
            page = self._fetch_ahead(token, later, asked, context)
            rows = paginator.advance(page)
            yield replace(page, rows=[row for row in rows if not self._came(row, earlier)] if earlier else rows)

    def _fetch_ahead(
        self, token: Any, later: list[Any], asked: dict[Any, Future[Page]], context: Context | None
    ) -> Page:
        """Fetch a page, and have later ones fetched meanwhile."""
        if later:
            for each in (token, *later):
                if each not in asked:
                    asked[each] = self.client.workers.submit(self.fetch_page, each, context)
        return asked.pop(token).result() if token in asked else self.fetch_page(token, context)

    def _came(self, row: Row, earlier: list[KeySet]) -> bool:
        return any(self.key_of(row, "") in seen for seen in earlier)


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
        """Read the list, and count."""
        for page in self.read_list():
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
