"""Streams that follow a list: each takes from it what is due to it, and asks for that item by item."""

from __future__ import annotations

import traceback
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from tap_invoices import times
from tap_invoices.concurrency.spill_queue import BatchQueue
from tap_invoices.errors import (
    BusyError,
    FatalAPIError,
    GoneError,
    ProviderDownError,
    SignInError,
    SyncError,
)
from tap_invoices.paging.keys import is_key
from tap_invoices.records.replication import is_due
from tap_invoices.streams.base import InvoiceStream
from tap_invoices.streams.failures import ALIKE, FailuresInARow
from tap_invoices.streams.lists import PagedStream
from tap_invoices.streams.pending import Pending, PendingItems
from tap_invoices.streams.services import Batch, Row

if TYPE_CHECKING:
    from singer_sdk import Tap

    from tap_invoices.streams.lists import ListStream
    from tap_invoices.streams.services import Services

_MEMORY = 1024 * 1024
"""Bytes of one item's list that wait in memory."""


class ChildStream(InvoiceStream):
    """Asks for each invoice that its list names and that has changed, or may have."""

    asks_for_items = True
    parent: ClassVar[type[ListStream]]
    parent_key: ClassVar[str]
    """Field of the list's rows that the path asks for, and its placeholder there."""
    date_fields: ClassVar[tuple[str, ...]] = ()
    """Fields of the list's rows of which the latest dates an item; without any, a row has the replication key."""
    keeps_rows: ClassVar[bool] = False
    """Whether its records need the list's rows too."""
    filters_rows: ClassVar[bool] = False
    """Whether the bookmark says which of an item's rows are emitted, and not only which items are asked for."""

    def __init__(self, tap: Tap, services: Services | None = None, parent: InvoiceStream | None = None) -> None:
        super().__init__(tap, services, parent)
        self._nameless = 0
        """Rows of the list without what the path asks for."""
        self._place = 0
        """Rows of the list that came."""
        self._in_a_row = FailuresInARow()

    @cached_property
    def due(self) -> PendingItems:
        """What is to be asked for, as far as the list has been read."""
        return PendingItems(undated_hold=self.filters_rows)

    @cached_property
    def again(self) -> dict[str, Pending]:
        """What an earlier sync could not get."""
        return {item: Pending(item, value, again=True) for item, value in self.bookmark.failed.items()}

    # From the list

    @override
    def changed(self, row: Row) -> str | None:
        if self.date_fields:
            return self.bookmark.normalise(times.latest(*(row.get(name) for name in self.date_fields)))
        return super().changed(row)

    def is_open(self, row: Row) -> bool:  # noqa: ARG002
        """Tell whether an item may change although its replication value does not."""
        return False

    def note(self, rows: list[Row], since: str | None) -> None:
        """Take from a page of the list what is due: changed at or after the start, or still open."""
        named = [item for row in rows if (item := self._named(row))]
        new = [item for item in named if item.id not in self.again]
        for item in named:
            if known := self.again.get(item.id):
                known.see(item)
        due = [item for item in new if item.is_open or is_due(item.value, since)]
        self.counts.count(unchanged=len(new) - len(due))
        self.due.add(due)
        self.see(named)

    def see(self, items: list[Pending]) -> None:
        """Take note of all that a page of the list names, whether it is due or not."""

    def _named(self, row: Row) -> Pending | None:
        self._place += 1
        item = row.get(self.parent_key)
        if not is_key(item):
            self._nameless += 1
            return None
        kept = row if self.keeps_rows else None
        return Pending(str(item), self.changed(row), place=self._place, row=kept, is_open=self.is_open(row))

    # Item by item

    @abstractmethod
    def fetch_item(self, due: Pending) -> Iterable[Batch]:
        """Ask for one item and return its rows. Any thread may."""

    def rows_of_gone(self, due: Pending) -> list[Row]:  # noqa: ARG002
        """Return what there is to emit for an item that seems gone."""
        return []

    def accept(self, due: Pending, batches: Iterable[Batch]) -> Iterable[Batch]:  # noqa: ARG002
        """Return what came for an item, in the order in which the items were asked for."""
        return batches

    def begin(self) -> None:
        """Take note of all that is due, once the list has been read.

        Raises:
            FatalAPIError: If what came could not be kept.
        """
        if self._nameless:
            what = f"rows of the list have no `{self.parent_key}` to ask by"
            self.services.note(self.name, self._nameless, what)
        self.counts.expected = len(self.again) + len(self.due)

    def take(self, due: Pending, result: Callable[[], Iterable[Batch]]) -> Iterator[Batch]:
        """Yield what became of an item.

        Raises:
            SignInError: If the credentials are refused.
            FatalAPIError: If the first items are refused, or the last ones failed alike; if the provider is down, or
                asks to come back later.
        """
        yield from self._outcome(due, result)
        if verdict := self._in_a_row.verdict():
            if isinstance(verdict, ProviderDownError):
                self.client.down = str(verdict)
            raise verdict

    def end(self) -> Iterator[Batch]:
        """Yield what is left when all items have come.

        Raises:
            FatalAPIError: If none of them could be had.
        """
        if verdict := self._in_a_row.verdict(at_end=True):
            raise verdict
        return iter(())

    def _outcome(self, due: Pending, result: Callable[[], Iterable[Batch]]) -> Iterator[Batch]:
        failed: dict[str, str | None] = {}
        rows: list[Row] = []
        try:
            yield from self.accept(due, result())
        except (SignInError, ProviderDownError, BusyError):
            raise
        except GoneError as error:
            self.counts.count(gone=1)
            self.log_failure(due.id, error, "left out, for it is gone")
            failed = self._doubted(self._in_a_row.add_gone(due))
            rows = self.rows_of_gone(due)
        except Exception as error:  # noqa: BLE001  (whatever it is, the other items must go on)
            known = self._known(error)
            self.first_failure = self.first_failure or known
            self.counts.count(failed=1)
            self.log_failure(due.id, known, "asked for again at the next sync")
            self._in_a_row.add_failure(due, known)
            failed = {due.id: due.value}
        else:
            self.counts.count(read=1)
            self._in_a_row.add_success()
        yield Batch(rows, 0, floor=due.floor, failed=failed, settled=[] if due.id in failed else [due.id])

    def _known(self, error: Exception) -> SyncError:
        """Return an item's error as one that may be told; an unexpected one may hold a value in its text."""
        if isinstance(error, SyncError):
            return error
        frames = "".join(traceback.format_tb(error.__traceback__))
        self.logger.debug("%s: unexpected %s\n%s", self.name, type(error).__name__, frames)
        return FatalAPIError(f"unexpected {type(error).__name__}")

    def _doubted(self, row: list[Pending]) -> dict[str, str | None]:
        """Return which of a long row that seems gone the next sync asks for once more; the provider may be ill."""
        if len(row) == ALIKE:
            self.services.note(self.name, ALIKE, "items in a row seem gone; the next sync asks for them again")
        self.has_doubts = self.has_doubts or bool(row)
        return {each.id: each.value for each in row if not each.again}

    def complete_row(self, row: Row, due: Pending) -> Row:
        """Return a row with the key that only the list knows, where it lacks it."""
        key = type(self).primary_keys[0]
        if not is_key(row.get(key)):
            row[key] = due.id
        return row


class SubListStream(ChildStream, PagedStream):
    """One list for each item, with pages of its own."""

    filters_rows = True

    @override
    def fetch_item(self, due: Pending) -> BatchQueue[Batch]:
        """Return an item's pages, which are emitted only once all have come; a long list waits in a file.

        A row without its key costs itself alone, but the item is asked for again.

        Raises:
            FatalAPIError: If they are another item's.
        """
        since = None if due.again else self.starting_value()
        pages: BatchQueue[Batch] = BatchQueue(_MEMORY, may_wait=False)
        owners: set[str] = set()
        lost: FatalAPIError | None = None
        for whole in self.read_pages({self.parent_key: due.id}, ahead=False):
            page = whole.keyed(self.key_of)
            if any(is_due(self.changed(row), since) for row in page.keyless):
                lost = FatalAPIError("a row without its key")
            owners.update(str(owner) for row in page.rows if is_key(owner := row.get(self.parent_key)))
            changed = [row for row in page.rows if is_due(self.changed(row), since)]
            rows = [self.complete_row(row, due) for row in changed]
            pages.put(Batch(rows, page.size), page.size)
        if owners and due.id not in owners:
            msg = f"no row of the answer has the `{self.parent_key}` that was asked for"
            raise FatalAPIError(msg)
        pages.close(lost)
        return pages
