"""Reads an account in a thread of its own, ahead of the thread that writes its messages."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING

from tap_invoices.concurrency.spill_queue import LEAST, AbandonedError, BatchQueue, Memory
from tap_invoices.errors import FatalAPIError
from tap_invoices.http.causes import describe
from tap_invoices.records.replication import is_due
from tap_invoices.streams.children import ChildStream
from tap_invoices.streams.lists import ListStream
from tap_invoices.streams.services import Batch
from tap_invoices.streams.together import Together
from tap_invoices.streams.unified import Unified

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_invoices.paging.base import Page
    from tap_invoices.streams.base import InvoiceStream


class AccountReader:
    """Reads an account's selected streams, in the order in which they are written.

    Args:
        streams: All of the account's.
        memory: What the queues of all accounts share.
    """

    def __init__(self, streams: Sequence[InvoiceStream], memory: Memory) -> None:
        selected = [stream for stream in streams if stream.selected]
        self._lists = [s for s in streams if isinstance(s, ListStream) and not isinstance(s, Unified)]
        self._views = [s for s in selected if isinstance(s, ListStream) and isinstance(s, Unified)]
        self._children = [s for s in selected if isinstance(s, ChildStream)]
        self._queues = {stream.name: _queue_of(stream, memory) for stream in selected}
        for stream in selected:
            stream.prepare()

    def start(self) -> None:
        """Begin to read, in a thread that does not keep the process alive."""
        threading.Thread(target=self._walk, name=f"read-{self._lists[0].provider}", daemon=True).start()

    def read(self, name: str) -> Generator[Batch, None, None]:
        """Yield a stream's batches; who stops early is not waited for."""
        queue = self._queues[name]
        try:
            yield from queue
        finally:
            queue.abandon()

    def _walk(self) -> None:
        for listing in self._lists:
            own = [listing] if listing.name in self._queues else []
            views = [view for view in self._views if view.source is type(listing)]
            children = [child for child in self._children if child.parent is type(listing)]
            if own or views or children:
                self._read_list(listing, [*own, *views], children)

    def _read_list(self, listing: ListStream, takers: list[ListStream], children: list[ChildStream]) -> None:
        try:
            self._read_pages(listing, takers, children)
        except AbandonedError:
            pass  # a dry run has seen enough of the list, and wants to see its children
        except Exception as error:  # noqa: BLE001  (the writing thread gets it)
            passed_on = FatalAPIError(f"{listing.name} could not be read: {describe(error)}")
            for reader in (*takers, *children):
                self._close(reader, error if reader is listing else passed_on)
            return
        for taker in takers:
            taker.is_short = listing.is_short
            self._close(taker)
        for child in children:
            child.is_short = listing.is_short
        for group in _alike(children):
            Together(group, self._put, self._close).read()

    def _read_pages(self, listing: ListStream, takers: list[ListStream], children: list[ChildStream]) -> None:
        listing.readers = (*takers, *children)
        starts = {reader.name: reader.starting_value() for reader in listing.readers}
        listed = [reader.listed_from() for reader in listing.readers]
        listing.since = None if None in listed else min(str(start) for start in listed)
        if takers and listing not in takers:
            listing.counts = takers[0].counts  # nobody sees its own
        left = list(takers)
        for page in listing.read():
            since = dict.fromkeys(starts) if page.due_to else starts
            _lose_keyless(listing, page, since)
            for child in children:
                if page.is_due_to(child.name):
                    child.note(page.rows, since[child.name])
            for taker in tuple(left):
                if page.is_due_to(taker.name):
                    rows = taker.due_rows(page.rows, since[taker.name])
                    try:
                        self._put(taker, Batch(rows, page.size))
                    except AbandonedError:
                        left.remove(taker)  # it cannot be written, and the others still need all of the list
                        if not (left or children) or listing.ABORT_AT_RECORD_COUNT is not None:
                            raise

    def _put(self, stream: InvoiceStream, batch: Batch) -> None:
        self._queues[stream.name].put(batch, batch.size)

    def _close(self, stream: InvoiceStream, error: Exception | None = None) -> None:
        self._queues[stream.name].close(None if isinstance(error, AbandonedError) else error)


def _lose_keyless(listing: ListStream, page: Page, since: Mapping[str, str | None]) -> None:
    """Have each reader take note of a page's rows without a key that are due to it."""
    for reader in listing.readers if page.keyless else ():
        due = sum(is_due(reader.changed(row), since[reader.name]) for row in page.keyless)
        if due and page.is_due_to(reader.name):
            why = f"a record without its key `{listing.primary_keys[-1]}` in {listing.name}, {page.place}"
            reader.lose(due, why)


def _queue_of(stream: InvoiceStream, memory: Memory) -> BatchQueue[Batch]:
    """Return where a stream's batches wait.

    A unified one is filled beside its source, which is written first: nearly all of its rows wait long, so in a file.
    """
    if isinstance(stream, Unified):
        return BatchQueue(LEAST, may_wait=False, shared=memory)
    return BatchQueue(overflow=stream.ABORT_AT_RECORD_COUNT is None, shared=memory)


def _alike(children: Iterable[ChildStream]) -> Iterator[list[ChildStream]]:
    """Yield those that ask for the same items together."""
    groups: dict[type[InvoiceStream], list[ChildStream]] = {}
    for child in children:
        groups.setdefault(child.source if isinstance(child, Unified) else type(child), []).append(child)
    yield from groups.values()
