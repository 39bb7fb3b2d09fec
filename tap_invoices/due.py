"""What followers have still to ask for: noted while their list is read, kept in little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from tap_invoices.seen import Seen
from tap_invoices.spool import Spool

_BYTES_EACH = 200
"""About what an item takes in memory."""

_MEMORY = 1024 * 1024


@dataclass(slots=True)
class Due:
    """One item to ask for."""

    id: str
    value: str | None
    """Replication value that the list gives it, in a bookmark's form."""
    floor: str | None = None
    """After this item, nothing is due that has a smaller replication value than this."""
    again: bool = False
    """Whether an earlier sync could not get it."""


class DueItems:
    """First in, first out, each id once."""

    def __init__(self) -> None:
        self._seen = Seen()
        self._spool: Spool[list[Due]] = Spool(_MEMORY, may_wait=False)
        self._least: list[str | None] = []

    def __len__(self) -> int:
        return len(self._seen)

    def __contains__(self, item: str) -> bool:
        return item in self._seen

    def add(self, items: list[Due]) -> None:
        """Add the items of a page that have not been noted before."""
        new = [item for item in items if self._seen.add(item.id)]
        if new:
            self._spool.put(new, _BYTES_EACH * len(new))
            self._least.append(min((item.value for item in new if item.value), default=None))

    def __iter__(self) -> Iterator[Due]:
        """Yield the items once; the last of each page knows the floor."""
        self._spool.close()
        floors = list(accumulate(reversed(self._least), _smaller))[::-1]
        for page, floor in zip(self._spool, [*floors[1:], None], strict=False):
            page[-1].floor = floor
            yield from page


def _smaller(one: str | None, other: str | None) -> str | None:
    return min((value for value in (one, other) if value is not None), default=None)
