"""A stream's bookmark: the largest replication value that was emitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, cast

from tap_invoices import times
from tap_invoices.records import replication
from tap_invoices.records.verbatim import VerbatimRow

VERSION = 1
"""Of what stands in an account's bookmark."""

STATE_VERSION = 2
"""Of what stands in the state for a stream: its accounts, each with a bookmark."""

MOST_FAILED = 500
"""Failed ids that the state keeps; with more, the bookmark stays before the earliest failure."""

_NEVER = datetime.min.replace(tzinfo=UTC)
_VALUE = "replication_key_value"
_DATE = "date"


class Bookmark:
    """Reads and moves one stream's bookmark.

    Args:
        key: Its replication key; None if it has none.
        properties: Its schema's properties.
        state: Its part of the tap's state, which is written to.
        incremental: Whether this sync goes by the bookmark; a full table neither reads nor moves it.
        began: Tells when the sync began, by the provider's clock.
        beside: Tells what the provider keeps beside a value.
        zone: Where a start date without an offset begins.
        shape: What the records are made with; a state of another shape counts as none, until a value is written.
    """

    def __init__(  # noqa: PLR0913  (each by its name)
        self,
        *,
        key: str | None,
        properties: Mapping[str, Any],
        state: dict[str, Any],
        began: Callable[[], datetime],
        beside: Callable[[str], Mapping[str, Any]],
        incremental: bool,
        zone: tzinfo = UTC,
        shape: Mapping[str, Any] | None = None,
    ) -> None:
        self._began = began
        self._zone = zone
        self._beside = beside
        self._key = key if incremental else None
        self._is_date = key is not None and properties[key].get("format") == _DATE
        self._state = state
        self._given = deepcopy(state)
        self._shape = {} if shape is None else {"shape": dict(shape)}
        self.known: Mapping[str, Any] = {} if shape is not None and state.get("shape") != shape else state
        """What of the state counts."""
        self._is_reshaped = bool(state) and self.known is not state
        self._stays = False
        self._largest: str | None = None
        self._failed: dict[str, str | None] = dict(self.known.get("failed") or {})
        old = self.normalise(self.known.get(_VALUE)) if incremental else None
        self._old = min(old, self._start_of_sync()) if old else None
        self.was_ahead = old != self._old
        """Whether the state had a bookmark later than the sync's start, which is taken instead."""

    @property
    def failed(self) -> Mapping[str, str | None]:
        """Items that an earlier sync could not get: id → replication value."""
        return self._failed

    def normalise(self, value: Any) -> str | None:
        """Return a replication value in the form that bookmarks have; None if it is none."""
        return replication.normalise(value, is_date=self._is_date)

    def shown(self, value: str | None) -> str | None:
        """Return a value in the form that records have."""
        return value if value is None or self._is_date else times.rfc3339(times.parse(value))

    def first(self, start_date: str | None) -> str | None:
        """Return the start date in the form that bookmarks have; None for all that there is."""
        try:
            return self.normalise(times.rfc3339(times.parse(start_date, self._zone))) if start_date else None
        except OverflowError:  # the first day of all, where it begins before UTC's
            return None

    def start(self, start_date: str | None, lookback_days: int, value: str | None = None) -> str | None:
        """Return from where to read: the bookmark less the lookback, but nothing before the start date; None for all.

        With a value, from where the next sync reads if the bookmark is that.
        """
        if self._key is None:
            return None
        first = self.first(start_date)
        value = value or self._old
        if value is None:
            return first
        try:
            time = times.parse(value) - timedelta(days=lookback_days)
        except OverflowError:
            return first
        start = replication.to_text(time, is_date=self._is_date)
        return max(start, first or start)

    def value_of(self, record: Mapping[str, Any] | VerbatimRow) -> str | None:
        """Return a record's replication value in the form that bookmarks have."""
        if isinstance(record, VerbatimRow):
            return times.bookmark(record.changed) if record.changed else None
        return self.normalise(record.get(str(self._key)))

    def see(self, rows: Sequence[Mapping[str, Any] | VerbatimRow]) -> None:
        """Take note of a batch's rows, which have been emitted; a null moves nothing."""
        if self._key is None or not rows:
            return
        if isinstance(rows[0], VerbatimRow):  # as all are then
            rows = [cast("VerbatimRow", max(rows, key=_changed)).record()]
        self._largest = max(self._largest or "", *(self.value_of(row) or "" for row in rows)) or None

    def settle(self, failed: Mapping[str, str | None], settled: Iterable[str]) -> None:
        """Take note of items that could not be had, and of those that need not be asked for again."""
        for item in settled:
            self._failed.pop(item, None)
        self._failed.update(failed)

    def checkpoint(self, floor: str | None) -> None:
        """Move the bookmark while the stream runs, up to the smallest value that is still to come."""
        if floor is not None:
            self._write(floor)

    def finish(self) -> None:
        """Move the bookmark after a complete read."""
        self._write(None)

    def after(self, largest: str) -> str:
        """Return the bookmark after a complete read, by the largest value that came."""
        return max(min(largest, self._start_of_sync()), self._old or "")

    def stay(self) -> None:
        """Hold the bookmark through the whole of this sync: a row came that no sync can name."""
        self._stays = True

    def hold(self) -> None:
        """Leave the bookmark after a read that was not complete; only the failed items are kept."""
        self._say({})

    def undo(self) -> None:
        """Take the bookmark back to where the sync began: what it covers is not out."""
        self._state.clear()
        self._state.update(deepcopy(self._given))
        self._failed = dict(self.known.get("failed") or {})

    def _write(self, bound: str | None) -> None:
        if self._key is None or self._stays:
            self.hold()
            return
        if len(self._failed) > MOST_FAILED:
            failed = (value or "" for value in self._failed.values())
            bound = min(failed) if bound is None else min(bound, *failed)
        bounds = [value for value in (self._largest, self._start_of_sync(), bound) if value is not None]
        new = min(bounds) if self._largest else None
        moved = max(new or "", self._old or "")
        value = {"replication_key": self._key, _VALUE: moved, **self._shape} if moved else {}
        is_held = bound is not None and bound < (self._old or "")  # what is still to come lies before the old bookmark
        beside = self._beside(moved) if moved and not is_held else {}
        self._say({**value, "version": VERSION, **beside})

    def _say(self, said: Mapping[str, Any]) -> None:
        """Write to the state, with the failed items, at once: a signal tells it as it is just then."""
        if self._is_reshaped:  # what was known of the other shape stays until there is as much of this one
            if _VALUE not in said:
                return
            self._state.clear()
            self._is_reshaped = False
        failed = dict(list(self._failed.items())[:MOST_FAILED])
        self._state.update({**said, "failed": failed})
        if not failed:
            del self._state["failed"]

    def _start_of_sync(self) -> str:
        return replication.to_text(self._began(), is_date=self._is_date)


def _changed(row: Any) -> datetime:
    return row.changed or _NEVER
