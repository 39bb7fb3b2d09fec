"""Streams that follow a list: each takes from it what is due to it, and asks for that item by item."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.streams.rest import PageContext
from typing_extensions import override

from tap_invoices.connection import read_body
from tap_invoices.decode import decode
from tap_invoices.due import Due, DueItems
from tap_invoices.errors import (
    BodyError,
    BusyError,
    FatalAPIError,
    GoneError,
    ProviderDownError,
    SignInError,
    SyncError,
)
from tap_invoices.listing import PagedStream, is_key
from tap_invoices.retry import describe
from tap_invoices.spool import Spool
from tap_invoices.state import is_due
from tap_invoices.stream import Batch, InvoiceStream, Row

if TYPE_CHECKING:
    import requests

    from tap_invoices.listing import ListStream
    from tap_invoices.tap import TapInvoices

_VARYING = re.compile(r"\(\d+ bytes\)|for \d+ seconds")
"""What may differ in errors that are alike."""

_MEMORY = 1024 * 1024
"""Bytes of one item's list that wait in memory."""

_ALIKE = 20
"""A stream whose last items, this many, failed alike, ends; so many 404 in a row are not believed at once."""


class FollowStream(InvoiceStream):
    """Asks for each invoice that its list names and that has changed, or may have."""

    asks_for_items = True
    follows: ClassVar[type[ListStream]]
    item_field: ClassVar[str]
    """Field of the list's rows that the path asks for, and its placeholder there."""

    def __init__(self, tap: TapInvoices) -> None:
        super().__init__(tap)
        self._nameless = 0
        """Rows of the list without what the path asks for."""
        self._gone_in_a_row: list[Due] = []

    @cached_property
    def due(self) -> DueItems:
        """What is to be asked for, as far as the list has been read."""
        return DueItems()

    @cached_property
    def again(self) -> dict[str, Due]:
        """What an earlier sync could not get."""
        return {item: Due(item, value, again=True) for item, value in self.bookmark.failed.items()}

    # From the list

    def changed(self, row: Row) -> Any:
        """Return the replication value that the list's row gives to its item."""
        return row.get(str(type(self).replication_key))

    def is_open(self, row: Row) -> bool:  # noqa: ARG002
        """Tell whether an item may change although its replication value does not."""
        return False

    def note(self, rows: list[Row], since: str | None) -> None:
        """Take from a page of the list what is due: changed at or after the start, or still open."""
        normalise = self.bookmark.normalise
        items = []
        for row in rows:
            item = row.get(self.item_field)
            if not is_key(item):
                self._nameless += 1
                continue
            value = normalise(self.changed(row))
            if str(item) in self.again:
                self.again[str(item)].value = value
            elif is_due(value, since) or self.is_open(row):
                items.append(Due(str(item), value))
            else:
                self.account.count(unchanged=1)
        self.due.add(items)

    # Item by item

    @abstractmethod
    def fetch_item(self, due: Due) -> Iterable[Batch]:
        """Ask for one item and return its rows. Any thread may."""

    def read_batches(self) -> Iterator[Batch]:
        """Ask for all that is due, several at once, and yield them in the list's order; failed ones of old go first.

        Raises:
            SignInError: If one item is refused for want of permission.
            FatalAPIError: If the last items failed alike, or the provider is down or asks to come back later.
        """
        if self._nameless:
            self.logger.warning(
                "%s: %d rows of the list have no `%s` to ask by", self.name, self._nameless, self.item_field
            )
        self.account.expected = len(self.again) + len(self.due)
        reasons: list[str] = []
        for due, future in self.connection.pool.in_order(self.fetch_item, chain(self.again.values(), self.due)):
            yield from self._outcome(due, future, reasons)
            if len(reasons) == _ALIKE and len(set(reasons)) == 1:
                msg = f"the last {_ALIKE} items failed alike: {reasons[0]}"
                raise FatalAPIError(msg)

    def _outcome(self, due: Due, future: Future[Iterable[Batch]], reasons: list[str]) -> Iterator[Batch]:
        """Yield what became of an item, and keep the reasons of the last failures in a row."""
        try:
            batches = future.result()
        except (SignInError, ProviderDownError, BusyError):
            raise
        except GoneError as error:
            self.account.count(gone=1)
            self.log_failure(due.id, error, "left out, for it is gone")
            reasons.clear()
            failed = self._doubted(due)
        except SyncError as error:
            self.account.count(failed=1)
            self.log_failure(due.id, error, "asked for again at the next sync")
            reasons[:] = [*reasons, _VARYING.sub("…", describe(error))][-_ALIKE:]
            self._gone_in_a_row.clear()
            failed = {due.id: due.value}
        else:
            self.account.count(read=1)
            yield from batches
            reasons.clear()
            self._gone_in_a_row.clear()
            failed = {}
        yield Batch([], 0, floor=due.floor, failed=failed, settled=[] if due.id in failed else [due.id])

    def _doubted(self, due: Due) -> dict[str, str | None]:
        """Return what the next sync asks for once more: so many in a row are hardly gone; the provider may be ill."""
        row = self._gone_in_a_row
        row.append(due)
        if len(row) < _ALIKE:
            return {}
        self.has_doubts = True
        if len(row) == _ALIKE:
            self.logger.warning("%s: %d items in a row seem gone; the next sync asks for them again", self.name, _ALIKE)
        doubted = {each.id: each.value for each in row if not each.again}
        row[:] = row[-_ALIKE:]
        return doubted

    def complete_row(self, row: Row, due: Due) -> Row:
        """Return a row with the key and the replication value that only the list knows, where it lacks them."""
        key = type(self).primary_keys[0]
        if not is_key(row.get(key)):
            row[key] = due.id
        row.setdefault(str(type(self).replication_key), self.bookmark.shown(due.value))
        return row


class DetailStream(FollowStream):
    """One JSON object for each item."""

    def parse_item(self, body: Any) -> Any:
        """Return the row in an answer, without what wraps it."""
        return body

    @override
    def fetch_item(self, due: Due) -> list[Batch]:
        request = self.get_http_request(page=PageContext({self.item_field: due.id}, None))

        def read(response: requests.Response) -> Batch:
            body = read_body(response)
            try:
                row = self.parse_item(decode(body))
            except (KeyError, TypeError, AttributeError):
                row = None
            if not isinstance(row, dict) or not self._is_answer(row, due):
                msg = "the answer is JSON, but not the invoice that was asked for"
                raise BodyError(msg)
            return Batch([self.complete_row(row, due)], len(body))

        return [self.fetch(request, read)]

    def _is_answer(self, row: Row, due: Due) -> bool:
        """Tell whether a row is of an invoice, and not of another one that is due."""
        own_id = str(row.get(self.item_field))
        return not row.keys().isdisjoint(self.schema["properties"]) and (own_id == due.id or own_id not in self.due)


class SubListStream(FollowStream, PagedStream):
    """One list for each item, with pages of its own."""

    @override
    def fetch_item(self, due: Due) -> Spool[Batch]:
        """Return an item's pages, which are emitted only once all have come; a long list waits in a file."""
        since = None if due.again else self.starting_value()
        pages: Spool[Batch] = Spool(_MEMORY)
        for page in self.read_pages({self.item_field: due.id}, ahead=False):
            changed = [row for row in page.rows if is_due(self.bookmark.normalise(self.changed(row)), since)]
            rows = [self.complete_row(row, due) for row in changed]
            pages.put(Batch(rows, page.size), page.size)
        pages.close()
        return pages
