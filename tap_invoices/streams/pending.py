"""What children have still to ask for: noted while their list is read, kept in little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from typing import Any

from tap_invoices.concurrency.spill_queue import BatchQueue
from tap_invoices.paging.keys import KeySet

_BYTES_EACH = 200
"""About what an item takes in memory."""

_MEMORY = 1024 * 1024

_UNKNOWN = ""
"""Smaller than any value."""


@dataclass(slots=True)
class Pending:
    """One item to ask for."""

    id: str
    value: str | None
    """Least replication value of the list's rows that name it, in a bookmark's form; None if one is not known."""
    floor: str | None = None
    """After this item, nothing is due that has a smaller replication value than this."""
    place: int = 0
    """Of the row that names it, in the list as it came: the first is 1."""
    row: Any = None
    """That row, where the child needs it."""
    is_open: bool = False
    """Whether it may change although its replication value does not."""
    again: bool = False
    """Whether an earlier sync could not get it."""
    is_listed: bool = False
    """Whether the value is from this sync's list, for one that an earlier sync could not get."""

    def see(self, other: Pending) -> None:
        """Take from one more row that names it the replication value, and the row."""
        self.value = _earlier(self.value, other.value) if self.is_listed else other.value
        self.row = other.row
        self.is_listed = True


class PendingItems:
    """First in, first out, each id once.

    Args:
        undated_hold: Whether there is no floor before an item of which a row's value is not known.
    """

    def __init__(self, *, undated_hold: bool) -> None:
        self._undated = _UNKNOWN if undated_hold else None
        self._seen = KeySet()
        self._queue: BatchQueue[list[Pending]] = BatchQueue(_MEMORY, may_wait=False)
        self._least: list[str | None] = []
        """Of all rows that were noted with a page's new items, or after them."""
        self._repeated: dict[str, str | None] = {}
        """Item that several rows name → least value of those after the first."""

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, items: list[Pending]) -> None:
        """Add the items that a page's rows name; what has been noted before only adds its value."""
        if not items:
            return
        new = []
        for item in items:
            if self._seen.add(item.id):
                new.append(item)
            else:
                self._repeated[item.id] = _earlier(self._repeated.get(item.id, item.value), item.value)
        if new:
            self._queue.put(new, _BYTES_EACH * len(new))
            self._least.append(None)
        values = (self._undated if item.value is None else item.value for item in items)
        self._least[-1] = reduce(_smaller, values, self._least[-1])

    def __iter__(self) -> Iterator[Pending]:
        """Yield the items once; the last of each page knows the floor."""
        self._queue.close()
        floors = list(accumulate(reversed(self._least), _smaller))[::-1]
        for page, floor in zip(self._queue, [*floors[1:], None], strict=False):
            for item in page:
                item.value = _earlier(item.value, self._repeated.pop(item.id, item.value))
            page[-1].floor = floor or None
            yield from page


def _earlier(one: str | None, other: str | None) -> str | None:
    """Return the smaller value; one that is not known may be smaller than any."""
    return one if (one or _UNKNOWN) <= (other or _UNKNOWN) else other


def _smaller(one: str | None, other: str | None) -> str | None:
    """Return the smaller value, if there is one."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
