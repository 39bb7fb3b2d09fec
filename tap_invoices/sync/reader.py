"""Reads an account in a thread of its own, ahead of the thread that writes its messages."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import TYPE_CHECKING

from tap_invoices.concurrency.spill_queue import AbandonedError, BatchQueue
from tap_invoices.errors import FatalAPIError
from tap_invoices.http.retry import describe
from tap_invoices.streams.children import ChildStream
from tap_invoices.streams.lists import ListStream
from tap_invoices.streams.services import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_invoices.streams.base import InvoiceStream


class AccountReader:
    """Reads an account's selected streams, in the order in which they are written."""

    def __init__(self, streams: Sequence[InvoiceStream]) -> None:
        self._lists = [stream for stream in streams if isinstance(stream, ListStream)]
        self._selected = {stream.name for stream in streams if stream.selected}
        self._children = [s for s in streams if isinstance(s, ChildStream) and s.name in self._selected]
        self._queues: dict[str, BatchQueue[Batch]] = {
            name: BatchQueue(overflow=stream.ABORT_AT_RECORD_COUNT is None)
            for stream in streams
            if (name := stream.name) in self._selected
        }
        for stream in streams:
            if stream.name in self._selected:
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
            children = [f for f in self._children if f.parent is type(listing)]
            if children or listing.name in self._selected:
                self._read_list(listing, children)

    def _read_list(self, listing: ListStream, children: list[ChildStream]) -> None:
        queue = self._queues.get(listing.name)
        try:
            self._read_pages(listing, children, queue)
        except AbandonedError:
            pass  # a dry run has seen enough of the list, and wants to see its children
        except Exception as error:  # noqa: BLE001  (the writing thread gets it)
            if queue:
                queue.close(error)
            for child in children:
                self._queues[child.name].close(FatalAPIError(f"{listing.name} could not be read: {describe(error)}"))
            return
        if queue:
            queue.close()
        for child in children:
            self._read_child(child)

    def _read_pages(self, listing: ListStream, children: list[ChildStream], queue: BatchQueue[Batch] | None) -> None:
        listing.readers = (*([listing] if queue else []), *children)
        starts = {reader.name: reader.starting_value() for reader in listing.readers}
        listing.since = None if None in starts.values() else min(str(start) for start in starts.values())
        for page in listing.read():
            for child in children:
                if page.is_due_to(child.name):
                    child.note(page.rows, None if page.due_to else starts[child.name])
            if queue and page.is_due_to(listing.name):
                rows = listing.due_rows(page.rows, None if page.due_to else starts[listing.name])
                try:
                    queue.put(Batch(rows, page.size), page.size)
                except AbandonedError:
                    if not children or listing.ABORT_AT_RECORD_COUNT is not None:
                        raise
                    queue = None  # the list cannot be written, and its children still need all of it

    def _read_child(self, child: ChildStream) -> None:
        queue = self._queues[child.name]
        try:
            for batch in child.read_batches():
                queue.put(batch, batch.size)
        except AbandonedError:
            return
        except Exception as error:  # noqa: BLE001  (the writing thread gets it)
            queue.close(error)
        else:
            queue.close()
