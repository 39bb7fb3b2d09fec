"""Counts a list's rows up to a day; the next sync compares, and so learns of rows that were posted late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tap_invoices import times


def is_known(before: Any, **types: type) -> bool:
    """Tell whether a state keeps what it must of the days before a window: values of these types, or nothing."""
    if not before:
        return before is None or before == {}
    try:
        days = (before["until"], before.get("since") or before["until"])
        return all(times.to_date(day) == day for day in days) and all(
            isinstance(before[name], kind) for name, kind in types.items()
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


class DayCount:
    """Counts the rows of a window by their own days.

    Args:
        start: The window's first day; rows of earlier days do not count. None: all days count.
    """

    def __init__(self, start: str | None) -> None:
        self._start = start or ""
        self.before = 0
        """Rows before the window, which count too."""
        self._by_day: Counter[str] = Counter()
        self._rows = 0
        self._gone = 0

    def add(self, days: Iterable[str | None]) -> None:
        """Count rows; those without a day lie on none."""
        for day in days:
            self._rows += 1
            if day is None or day >= self._start:
                self._by_day[day or ""] += 1

    def close(self, left: int) -> None:
        """Take note of how many rows are left at the end: some may have gone since they were counted."""
        self._gone = self._rows - left

    @property
    def latest(self) -> str | None:
        """The last day on which there is a row."""
        return max(self._by_day, default="") or None

    def all_from(self, day: str) -> bool:
        """Tell whether all rows lie on that day or later."""
        return min(self._by_day, default=day) >= day

    def first_free_day(self) -> str:
        """Return the window's first day without rows."""
        days = (times.shift(self._start, number) for number in range(len(self._by_day) + 1))
        return next((day for day in days if day not in self._by_day), self._start)

    def before_day(self, day: str) -> int:
        """Return how many rows of the window lie before that day, with those that have gone."""
        return self._up_to(times.shift(day, -1))

    def until(self, day: str) -> int:
        """Return how many rows lie on that day or earlier, or less.

        The days of rows that have gone are not known. One too many would hide a late row from the next sync, while one
        too few only has rows read once more.
        """
        return max(0, self.before + self._up_to(day) - self._gone)

    def _up_to(self, day: str) -> int:
        return sum(count for each, count in self._by_day.items() if "" < each <= day)
