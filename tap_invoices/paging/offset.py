"""Paginators by offset and by page number; pages overlap by a row, so that a list which moves meanwhile is noticed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, count
from typing import Any, NamedTuple

from typing_extensions import override

from tap_invoices.errors import PagingError
from tap_invoices.paging.base import PAGES_BEYOND_TOTAL, Page, Paginator
from tap_invoices.paging.keys import KeySet

_MOST_NO_SHORTER = 2


class Window(NamedTuple):
    """A range of rows, from 0."""

    start: int
    size: int

    def __str__(self) -> str:
        """Name it as messages do."""
        return f"from row {self.start + 1} on"


@dataclass(slots=True)
class _Place:
    """State of a pass."""

    position: int = 0
    """Rows that have come."""
    last_key: Hashable = None
    """Key of the last row that has come."""
    stepping_back: int = 0
    """Steps back since the last page that joined on."""
    returns: dict[Hashable, int] = field(default_factory=dict)
    """Last key of each step back that found no new row → length of the list then."""
    no_shorter: int = 0
    """How many of these steps back found the list no shorter than before."""
    cap: int = 0
    """Rows that the server really sends at most; 0 while it sends what is asked for."""


class WindowPaginator(Paginator[Window]):
    """Rows by position. Each page starts with the last row of the one before, so that a shift is noticed.

    If that row is not there, rows have moved to the front, and some that nobody saw may now lie before the page: the
    pass steps back until it meets a row that it knows, and goes on from there.

    Args:
        page_size: Rows to ask for at once.
    """

    def __init__(self, page_size: int) -> None:
        self.page_size = page_size
        self._place = _Place()
        super().__init__(self.plan(0))

    @property
    def position(self) -> int:
        """How many rows have come."""
        return self._place.position

    @property
    def stride(self) -> int:
        """How many rows a page brings at most that no page brought before."""
        return self.page_size

    @property
    def is_stepping_back(self) -> bool:
        """Whether rows that have come are being read again."""
        return self._place.stepping_back > 0

    @abstractmethod
    def plan(self, position: int) -> Window:
        """Return the window to ask for when all rows before a position have come; it holds the one before it."""

    @abstractmethod
    def ends(self, page: Page, position: int, *, brought_rows: bool) -> bool:
        """Tell whether the list ends with a page that joins on to the one before, after so many rows."""

    @override
    def advance(self, page: Page) -> list[Any]:
        place = self._place
        self._note_total(page)
        if not self._joins_on(page):
            self._step_back()
            return []
        brought_rows = bool(page.keys) and (place.stepping_back > 0 or not self._nothing_follows(page))
        if brought_rows and not place.stepping_back and page.keys[:1] != [place.last_key]:
            self._refuse_repeated(page)
        self._note_cap(page)
        fresh = self._fresh(page)
        place.position = self.current_value.start + len(page.rows)
        place.last_key = page.keys[-1] if page.keys else None
        self._refuse_standstill(brought_new=bool(fresh))
        place.stepping_back = 0
        self._go_on(page, brought_rows=brought_rows)
        return fresh

    def _joins_on(self, page: Page) -> bool:
        """Tell whether no row can lie unseen between the page and what came before.

        A page that does not join on is dropped: its rows come again, once the gap is filled.
        """
        place = self._place
        if self.current_value.start == 0 or place.last_key in page.keys:
            return True
        return place.stepping_back > 0 and bool(page.keys) and page.keys[0] in self.seen

    def _nothing_follows(self, page: Page) -> bool:
        """Tell whether the row that was last is the last again: alone, or with room for more where no more are told.

        Those before it on the page are there because rows have come in front of them.
        """
        place, count = self._place, len(page.keys)
        may_be_all = page.total is None or place.position >= page.total
        has_room = may_be_all and count < self.current_value.size and count != place.cap
        return page.keys[-1:] == [place.last_key] and (has_room or count == 1)

    def _note_cap(self, page: Page) -> None:
        window, place = self.current_value, self._place
        more_is_told = page.total is not None and window.start + len(page.rows) < page.total
        if 0 < len(page.rows) < window.size and (not len(self.seen) or more_is_told):
            place.cap = len(page.rows)

    def _refuse_standstill(self, *, brought_new: bool) -> None:
        """Refuse to step back again without a new row, unless the list shrinks meanwhile."""
        place = self._place
        length = place.position if self.total is None else self.total
        if brought_new:
            place.returns.clear()
            place.no_shorter = 0
        elif place.stepping_back:
            same_row = place.returns.get(place.last_key, length + 1) <= length
            place.no_shorter += length >= min(place.returns.values(), default=length + 1)
            if same_row or place.no_shorter == _MOST_NO_SHORTER:
                msg = f"pages do not join on at row {place.position}: they repeat, whatever is asked for"
                raise PagingError(msg)
            place.returns[place.last_key] = length

    def _go_on(self, page: Page, *, brought_rows: bool) -> None:
        position = self._place.position
        if self.ends(page, position, brought_rows=brought_rows):
            self.finished = True
            return
        if page.total is not None and position >= page.total + PAGES_BEYOND_TOTAL * self.page_size:
            msg = f"pages go on after all {page.total} rows, at row {position}"
            raise PagingError(msg)
        self.current_value = self.plan(position)

    def _step_back(self) -> None:
        back = self.stride * 2**self._place.stepping_back
        self._place.stepping_back += 1
        self._pages = KeySet()  # what was read may rightly come again
        self.current_value = self.plan(max(0, self.current_value.start + 1 - back))

    @override
    def ahead(self, most: int) -> list[Window]:
        place = self._place
        if place.stepping_back or not place.position or self.total is None:
            return []
        windows: list[Window] = []
        window = self.current_value
        for _ in range(most):
            reached = window.start + min(window.size, place.cap or window.size)
            if reached >= self.total:
                break
            window = self.plan(reached)
            if window.start == reached:  # which says nothing of the row before, unless it is asked for in turn
                break
            windows.append(window)
        return windows


class OffsetPaginator(WindowPaginator):
    """Any first row, any number of rows, but never more than a page's size: the server may allow no more."""

    @override
    def plan(self, position: int) -> Window:
        return Window(position - 1, self.stride + 1) if position else Window(0, self.page_size)

    @property
    @override
    def stride(self) -> int:
        return max(self.page_size - 1, 1)


class PageNumberPaginator(WindowPaginator):
    """Page numbers: the first row is a multiple of the page's size.

    Pages of one size never overlap, so sizes vary: of those that hold the row before the position, the one that
    reaches furthest. Where all sizes divide the position, as small ones may, a larger one is asked for. A server that
    cuts pages down to a few rows leaves none that holds the rows on both sides. Then the page after it is asked for,
    and kept until another request finds the row before where it was.
    """

    _kept: tuple[Window, Page] | None = None
    _is_checked = False

    @override
    def plan(self, position: int) -> Window:
        size = self._place.cap or self.page_size
        if not position:
            return Window(0, size)
        best = _furthest(position, size)
        if best.start + best.size > position:
            return best
        larger = () if self._place.cap else count(size + 1)
        take = next((take for take in chain(range(size // 2, 1, -1), larger) if position % take), None)
        return Window((position - 1) // take * take, take) if take else Window(position, size)

    @override
    def advance(self, page: Page) -> list[Any]:
        if self._kept:
            (window, kept), self._kept = self._kept, None
            if page.keys == [self._place.last_key]:
                self.current_value, page, self._is_checked = window, kept, True
        elif self.current_value.start == self._place.position > 0:
            self._kept = self.current_value, page
            self.current_value = Window(self._place.position - 1, 1)
            return []
        rows = super().advance(page)
        self._is_checked = False
        return rows

    @override
    def _joins_on(self, page: Page) -> bool:
        return self._is_checked or super()._joins_on(page)

    @override
    def ahead(self, most: int) -> list[Window]:
        return [] if self._kept else super().ahead(most)


@lru_cache(maxsize=64)
def _furthest(position: int, size: int) -> Window:
    """Return the window of at least half a size that holds the row before a position and reaches furthest."""
    windows = [Window((position - 1) // take * take, take) for take in range(size, size // 2, -1)]
    return max(windows, key=lambda window: window.start + window.size)
