"""Children that ask for the same items: what is due to any of them is asked for once."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from tap_invoices.errors import BusyError, ProviderDownError, SignInError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from tap_invoices.streams.children import ChildStream
    from tap_invoices.streams.pending import Pending
    from tap_invoices.streams.services import Batch

Asked = list[tuple["ChildStream", "Pending"]]
"""One item, and to whom it is due; the first of them asks."""


class Together:
    """Reads some children of one list, each with a bookmark, failures and counts of its own.

    Args:
        children: Those that ask for the same.
        put: Takes a child's batch; may raise to say that no more is wanted of it.
        close: Takes a child's end, and why if it is for an error.
    """

    def __init__(
        self,
        children: Sequence[ChildStream],
        put: Callable[[ChildStream, Batch], None],
        close: Callable[[ChildStream, Exception | None], None],
    ) -> None:
        self._children = list(children)
        self._put = put
        self._close = close

    def read(self) -> None:
        """Ask for all that is due, several items at once, in the list's order; failed ones of old go first."""
        try:
            for child in self._active(self._children):
                self._attempt(child, child.begin)
            if self._children:
                workers = self._children[0].client.workers
                for asked, future in workers.in_order(_fetch, _merged(self._children)):
                    self._hand_out(asked, future)
                    if not self._children:
                        return
            for child in self._active(self._children):
                self._attempt(child, partial(self._end, child))
        except Exception as error:  # noqa: BLE001  (it is all children's: none may wait for what does not come)
            for child in self._children:
                self._close(child, error)
            return
        for child in self._children:
            self._close(child, None)

    def _active(self, children: Iterable[ChildStream]) -> list[ChildStream]:
        return [child for child in children if child in self._children]

    def _hand_out(self, asked: Asked, future: Future[Iterable[Batch]]) -> None:
        results = [future.result] if len(asked) == 1 else _copies(future, len(asked))
        for (child, due), result in zip(asked, results, strict=True):
            if child in self._children:
                self._attempt(child, partial(self._take, child, due, result))

    def _take(self, child: ChildStream, due: Pending, result: Callable[[], Iterable[Batch]]) -> None:
        for batch in child.take(due, result):
            self._put(child, batch)

    def _end(self, child: ChildStream) -> None:
        for batch in child.end():
            self._put(child, batch)

    def _attempt(self, child: ChildStream, step: Callable[[], None]) -> None:
        """Do something for a child, whose fault ends it alone.

        Raises:
            SignInError: If the credentials are refused, which is so for all.
            ProviderDownError: If the provider is down.
            BusyError: If it asks to come back later.
        """
        try:
            step()
        except (SignInError, ProviderDownError, BusyError):
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, the others must go on)
            self._children.remove(child)
            self._close(child, error)


def _fetch(asked: Asked) -> Iterable[Batch]:
    child, due = asked[0]
    return child.fetch_item(due)


def _merged(children: Iterable[ChildStream]) -> Iterator[Asked]:
    """Yield each item that is due, once for all who want it: those of old, and then in the list's order."""
    old: dict[str, Asked] = {}
    for child in children:
        for due in child.again.values():
            old.setdefault(due.id, []).append((child, due))
    yield from old.values()
    merged = heapq.merge(*map(_places, children), key=itemgetter(0))
    for _, group in groupby(merged, key=itemgetter(0)):
        yield [each for _, each in group]


def _places(child: ChildStream) -> Iterator[tuple[tuple[int, str], tuple[ChildStream, Pending]]]:
    return (((due.place, due.id), (child, due)) for due in child.due)


def _copies(future: Future[Iterable[Batch]], count: int) -> list[Callable[[], Iterable[Batch]]]:
    """Return what gives each of several their own rows, which they complete, or raises what was raised."""
    if future.exception() is not None:
        return [future.result] * count
    batches = list(future.result())
    return [lambda: [replace(batch, rows=[dict(row) for row in batch.rows]) for batch in batches]] * count
