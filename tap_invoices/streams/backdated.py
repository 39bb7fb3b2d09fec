"""Children of a list that comes whole at each sync, with dates that are no dates of change.

An invoice may be posted, or turn out to be paid, with a date of long ago, which no window shows. So each bookmark keeps
how many settled invoices lie before the next window, and the sum of their ids. If there are others by then, and no
fewer, all are asked for once more; fewer are left where some have gone, which is nothing to ask for.
"""

from __future__ import annotations

import hashlib
from abc import ABC
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_invoices import times
from tap_invoices.paging.daycount import is_known
from tap_invoices.records.replication import day_of
from tap_invoices.streams.children import ChildStream
from tap_invoices.streams.pending import Pending, PendingItems

if TYPE_CHECKING:
    from singer_sdk import Tap

    from tap_invoices.streams.base import InvoiceStream
    from tap_invoices.streams.services import Services

_BEFORE = "before"
"""In the state."""


@dataclass(frozen=True)
class Known:
    """From which day (None: the first of all) until which all was known, and which settled invoices there were."""

    since: str | None
    until: str
    count: int
    ids: str
    """Sum of their ids, as numbers."""


class BackdatedStream(ChildStream, ABC):
    """Such a child; its windows begin at the start of a day, in UTC."""

    def __init__(self, tap: Tap, services: Services | None = None, parent: InvoiceStream | None = None) -> None:
        super().__init__(tap, services, parent)
        self._counts: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()
        """Day → how many settled ones changed on it, and the sum of their ids."""
        self._all = self._none()
        """What is due if others are settled before the window than were known."""

    @cached_property
    def floor(self) -> str:
        """Smallest replication value that the user wants at all."""
        return self.bookmark.first(self.config.get("start_date")) or ""

    @cached_property
    def known(self) -> Known | None:
        """What was known after the last sync."""
        before = self.bookmark.known.get(_BEFORE)
        return Known(before.get("since"), before["until"], before["count"], before["ids"]) if before else None

    @classmethod
    @override
    def understands(cls, bookmark: Mapping[str, Any]) -> bool:
        return super().understands(bookmark) and is_known(bookmark.get(_BEFORE), count=int, ids=str)

    @override
    def starting_value(self, bookmark: str | None = None) -> str | None:
        """Begin no later than where all was known, though the lookback may have become shorter."""
        start = super().starting_value(bookmark)
        if start is None:
            return None
        day = day_of(start)
        if self.known and not bookmark:
            day = min(day, times.shift(self.known.until, 1))
        return max(self.bookmark.normalise(day) or "", self.floor)

    @override
    def beside_bookmark(self, value: str) -> Mapping[str, Any]:
        if self.is_short:  # what is known stays as it was
            return super().beside_bookmark(value)
        since, until = day_of(self.floor), times.shift(day_of(self.starting_value(value) or value), -1)
        told = asdict(self._settled(since or None, until))
        return {**super().beside_bookmark(value), _BEFORE: {n: v for n, v in told.items() if v is not None}}

    @override
    def see(self, items: list[Pending]) -> None:
        for item in items:
            if item.value and not item.is_open:
                self._counts[day_of(item.value)] += 1
                self._sums[day_of(item.value)] += _number_of(item.id)
        if self.known:
            self._all.add([item for item in items if item.id not in self.again and self._is_wanted(item)])

    def _is_wanted(self, item: Pending) -> bool:
        return item.is_open or item.value is None or item.value >= self.floor

    def _settled(self, since: str | None, until: str) -> Known:
        """Return which settled ones there are from one day to another."""
        days = [day for day in self._counts if (since or "") <= day <= until]
        ids = sum(self._sums[day] for day in days) % 2**64
        return Known(since, until, sum(self._counts[day] for day in days), f"{ids:016x}")

    @override
    def begin(self) -> None:
        everything, self._all = self._all, self._none()
        since = self.starting_value()
        if since and self._others_are_settled():
            self.services.note(
                self.name, len(everything), f"invoices are due, for before {since} others are settled now"
            )
            self.counts.count(unchanged=len(self.due) - len(everything))
            self.due = everything
        super().begin()

    def _others_are_settled(self) -> bool:
        """Tell whether others than were known are settled before the window; a list that came short proves nothing."""
        if self.is_short or self.known is None:
            return False
        now = self._settled(self.known.since, self.known.until)
        return now.ids != self.known.ids and now.count >= self.known.count

    def _none(self) -> PendingItems:
        return PendingItems(undated_hold=self.filters_rows)


def _number_of(item: str) -> int:
    """Return a number for an id, the same in each process: sums tell which ids are in them, in whatever order."""
    return int.from_bytes(hashlib.blake2b(item.encode(), digest_size=8).digest())
