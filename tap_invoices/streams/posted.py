"""Streams that go by a date that is no date of change: a row may be posted with one of long ago, which no window shows.

So each bookmark keeps how many rows there were before the next window, and every sync asks for that count again.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from typing_extensions import override

from tap_invoices import times
from tap_invoices.paging.base import CursorPaginator, Page
from tap_invoices.paging.daycount import DayCount, is_known
from tap_invoices.streams.base import InvoiceStream
from tap_invoices.streams.lists import PagedListStream

if TYPE_CHECKING:
    from singer_sdk import Tap

    from tap_invoices.streams.services import Services


class Proof(NamedTuple):
    """From which day (None: the first of all) until which all was known, and how many rows that were."""

    since: str | None
    until: str
    rows: int


class PostedStream(InvoiceStream, ABC):
    """Such a list, or what follows it."""

    @property
    def listing(self) -> PostedListStream:
        """The list, by which its children count too."""
        return cast("PostedListStream", self.parent_stream or self)

    @override
    def prepare(self) -> None:
        super().prepare()
        _ = self.listing.bookmark  # by which rows are dated, also for children alone

    @property
    def floor(self) -> str | None:
        """The first day that the user wants at all."""
        return self.bookmark.first(self.config.get("start_date"))

    @property
    def proof(self) -> Proof | None:
        """What was known after the last sync."""
        before = self.bookmark.known.get("before")
        return Proof(before.get("since"), before["until"], before["count"]) if before else None

    @classmethod
    @override
    def understands(cls, bookmark: Mapping[str, Any]) -> bool:
        return is_known(bookmark.get("before"), count=int)

    @override
    def starting_value(self, bookmark: str | None = None) -> str | None:
        """Begin no later than where the proof ends, though the lookback may have become shorter."""
        start = super().starting_value(bookmark)
        if start is None or bookmark or self.proof is None:
            return start
        return min(start, times.shift(self.proof.until, 1))

    @override
    def beside_bookmark(self, value: str) -> dict[str, Any]:
        start = self.starting_value(value)
        if start is None:
            return {}
        until = times.shift(start, -1)
        since = {"since": self.floor} if self.floor else {}
        return {"before": {**since, "until": until, "count": self.listing.count.until(until)}}


class PostedListStream(PostedStream, PagedListStream, ABC):
    """Such a list, which comes in pages by cursor and can be asked for from one day to another."""

    def __init__(self, tap: Tap, services: Services | None = None, parent: InvoiceStream | None = None) -> None:
        super().__init__(tap, services, parent)
        self._asked: tuple[str | None, str | None] = None, None
        """The first and the last day that are wanted just now."""
        self.count = DayCount(None)

    @override
    def new_paginator(self) -> CursorPaginator:
        self._pass = CursorPaginator(self._is_read_again)
        return self._pass

    def _is_read_again(self) -> bool:
        """Tell whether all that came lies in the next sync's window too."""
        latest, (_, last) = self.count.latest, self._asked
        coming = self.starting_value(self.bookmark.after(latest)) if latest else None
        return last is None and coming is not None and self.count.all_from(coming)

    @property
    def bounds(self) -> tuple[str | None, str | None]:
        """What to ask for so that no row is left out, whether the bounds are inclusive or exclusive."""
        first, last = self._asked
        return _beyond(first, -1), _beyond(last, 1)

    @override
    def read_list(self) -> Iterator[Page]:
        """Yield the window, and what lies before it if something was posted there since the last sync."""
        self.count = DayCount(self.since or self.floor)
        yield from self._read(self.since, None, self.count)
        if self.since and self.since != self.floor:
            self.count.before = self._count_before(self.since, self.floor)
        yield from self._read_late()

    def _read(self, first: str | None, last: str | None, count: DayCount) -> Iterator[Page]:
        self._asked = first, last
        for page in super().read_list():
            count.add(self.changed(row) for row in page.rows)
            yield page
        there = len(self._pass.seen)
        count.close(there if self._pass.total is None else min(there, self._pass.total))

    def _read_late(self) -> Iterator[Page]:
        starts = {cast("PostedStream", reader): reader.starting_value() for reader in self.readers}
        late = {
            reader.name: start
            for reader, start in starts.items()
            if start and reader.proof and self._count_for(reader.proof) > reader.proof.rows
        }
        if not late:
            return
        end = max(late.values())
        self.logger.warning("%s: invoices were posted before %s; reading those too", self.name, end)
        count = DayCount(self.floor)
        for page in self._read(self.floor, times.shift(end, -1), count):
            rows = [row for row in page.rows if (day := self.changed(row)) is None or (self.floor or "") <= day < end]
            yield replace(page, rows=rows, due_to=frozenset(late))
        if self.since:
            # What was posted meanwhile has come only to those that read late: the others must not take it for known.
            self.count.before = min(self.count.before, count.until(times.shift(self.since, -1)))

    def _count_for(self, proof: Proof) -> int:
        """Return how many rows there are now where the proof counted, also if the start date has changed since."""
        count = self.count.until(proof.until)
        if not self.since or proof.since == self.floor:
            return count
        return count - self.count.before + self._count_before(self.since, proof.since)

    def _count_before(self, start: str, first: str | None) -> int:
        """Return how many rows lie from a first day up to a window's start, by their own dates.

        The count is asked for up to a day without rows, where it is the same in both readings of the bound.
        """
        floor, free = first or "0", self.count.first_free_day()
        self._asked = first, times.shift(free, -1)
        total = self.fetch_page(None).total
        if total is None:
            self.logger.info("%s: no count is told; counting the invoices before %s", self.name, start)
            return sum(floor <= day < start for day in self._days(first, times.shift(start, -1)))
        outside = sum(day < floor for day in self._days(first, times.shift(floor, -1))) if first else 0
        return total - self.count.before_day(free) - outside

    def _days(self, first: str | None, last: str) -> Iterator[str]:
        """Read the list from one day to another, for its rows' dates alone."""
        self._asked = first, last
        return (self.changed(row) or "" for page in self.read_pages() for row in page.rows)


def _beyond(day: str | None, days: int) -> str | None:
    """Return a day so many days away; None for none, and where the calendar ends."""
    other = day and times.shift(day, days)
    return None if other == day else other
