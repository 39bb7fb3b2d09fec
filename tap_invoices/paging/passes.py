"""Passes over a list: each from its first page to its last, until one shows that the list came whole."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tap_invoices.paging.base import Page, Paginator
    from tap_invoices.paging.keys import KeySet

MOST_PASSES = 3
"""A list that comes out short is read again, this many times in all."""


class Passes:
    """The passes over one list.

    Args:
        new_paginator: Makes the paginator of a pass.
        key_of: Returns a row's key in the list.
        name: The list's name.
        logger: Where it says why the list is read again.
    """

    paginator: Paginator[Any]
    """Of the latest pass."""

    def __init__(
        self,
        new_paginator: Callable[[], Paginator[Any]],
        key_of: Callable[[Any], Hashable],
        name: str,
        logger: logging.Logger,
    ) -> None:
        self._new_paginator = new_paginator
        self._key_of = key_of
        self._name = name
        self._logger = logger
        self._earlier: list[KeySet] = []
        self._brought_rows = False
        self.is_whole = False
        """Whether the latest pass, once it ended, brought the list whole."""

    def __iter__(self) -> Iterator[Paginator[Any]]:
        """Yield the paginator of one pass after the other, until the list came whole or was read often enough."""
        for _ in range(MOST_PASSES):
            self.paginator, self._brought_rows = self._new_paginator(), False
            yield self.paginator
            self.is_whole = self._came_whole()
            if self.is_whole:
                return
            self._earlier.append(self.paginator.seen)

    def take(self, page: Page) -> Page:
        """Take the page that the pass asked for, and return it with only those rows that no pass has brought before."""
        rows = self.paginator.advance(page)
        if self._earlier:
            rows = [row for row in rows if not self._came_before(row)]
        self._brought_rows = self._brought_rows or bool(rows)
        return replace(page, rows=rows)

    def _came_before(self, row: Any) -> bool:
        key = self._key_of(row)
        return any(key in seen for seen in self._earlier)

    def _came_whole(self) -> bool:
        total, seen = self.paginator.total, len(self.paginator.seen)
        if total is not None and seen < total:
            self._logger.warning("%s: %d of %d rows came; reading the list again", self._name, seen, total)
            return False
        is_same = bool(self._earlier) and not self._brought_rows and seen == len(self._earlier[-1])
        if self.paginator.moved and not is_same:
            self._logger.warning("%s: the list has shrunk while it was read; reading it again", self._name)
            return False
        # Without a total, only an equal pass shows that no rows went.
        is_proven = is_same if total is None else bool(self._earlier)
        if self.paginator.needs_second_pass and not is_proven:
            message = "%s: reading the list once more, for its pages do not show whether rows moved"
            self._logger.info(message, self._name)
            return False
        if total is not None and seen > total:
            message = "%s: %d rows came where %d were told; some went meanwhile"
            self._logger.info(message, self._name, seen, total)
        return True
