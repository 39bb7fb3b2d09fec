"""What failures in a row say: that the items are at fault, or the stream's permission, or the provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_invoices.errors import FatalAPIError, LostError, ProviderDownError, RefusedError, SyncError
from tap_invoices.http.causes import are_alike, cause_of

if TYPE_CHECKING:
    from tap_invoices.streams.pending import Pending

ALIKE = 20
"""A stream whose last items, this many, failed alike, ends; so many 404 in a row are not believed at once."""

_REFUSED = 3
"""A stream whose first items, this many, are all refused, ends; or all its items, if they are fewer but several."""

_LOST = 3
"""Items in a row that use up their time before the provider counts as down."""


class FailuresInARow:
    """Takes the outcomes of items in the order in which they were asked for.

    An item that an earlier sync could not get either says nothing of the others: its failure does not count.
    """

    def __init__(self) -> None:
        self._failures: list[SyncError] = []
        self._gone: list[Pending] = []
        self._outcomes = 0

    def add_success(self) -> None:
        """Take note of an item that came."""
        self._outcomes += 1
        self._failures.clear()
        self._gone.clear()

    def add_gone(self, due: Pending) -> list[Pending]:
        """Take note of an item that seems gone, and return the row of them if it is too long to be believed."""
        self._outcomes += 1
        self._failures.clear()
        row = [*self._gone, due]
        self._gone = row[-ALIKE:]
        return row if len(row) >= ALIKE else []

    def add_failure(self, due: Pending, error: SyncError) -> None:
        """Take note of an item that could not be had."""
        self._gone.clear()
        if not due.again:
            self._outcomes += 1
            self._failures = [*self._failures, error][-ALIKE:]

    def verdict(self, *, at_end: bool = False) -> SyncError | None:
        """Return why the stream must end; None if it need not."""
        row = self._failures
        enough = self._outcomes == _REFUSED or (at_end and 1 < self._outcomes < _REFUSED)
        if enough and len(row) == self._outcomes and _are_all(row, RefusedError):
            return row[-1]
        if len(row) >= _LOST and _are_all(row[-_LOST:], LostError):
            return ProviderDownError(str(row[-1]), cause_of(row[-1]))
        if len(row) == ALIKE and are_alike(row):
            kind = RefusedError if _are_all(row, RefusedError) else FatalAPIError
            return kind(f"the last {ALIKE} items failed alike: {row[-1]}", cause_of(row[-1]))
        return None


def _are_all(errors: list[SyncError], kind: type[SyncError]) -> bool:
    return all(isinstance(error, kind) for error in errors)
