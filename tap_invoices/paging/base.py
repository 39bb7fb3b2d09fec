"""Paginators, and those by cursor; unlike the SDK's, they can look ahead and notice that rows moved.

A position advances by the rows received, never by the size that was asked for; whatever repeats is an error.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NamedTuple, TypeVar

from typing_extensions import override

from tap_invoices.errors import PagingError
from tap_invoices.paging.keys import KeySet, NoKey

Token = TypeVar("Token")

PAGES_BEYOND_TOTAL = 2


class ParsedPage(NamedTuple):
    """What a provider's page says."""

    rows: Any
    total: int | None = None
    """How many rows the list has, where that is told."""
    next: Any = None
    """The next cursor, or whether there is another page."""


@dataclass(slots=True)
class Page:
    """One page of a list, decoded."""

    rows: list[Any]
    keys: list[Hashable]
    """Each row's primary key."""
    size: int
    """Bytes of the body that it came in."""
    total: int | None = None
    """How many rows the provider says the list has now."""
    next: Any = None
    """The next cursor, or whether there is another page."""
    due_to: frozenset[str] | None = None
    """Streams that take all of its rows, which lie before their windows; None if each takes what is due to it."""
    place: str = ""
    """Which page of the list it is, for people."""
    keyless: list[Any] = field(default_factory=list)
    """Rows that have no key, once they are told apart from the others."""

    def keyed(self, key_of: Callable[[Any], Hashable]) -> Page:
        """Return it with the rows that have no key apart from the others."""
        if NoKey not in map(type, self.keys):
            return self
        keyed: list[Any] = []
        keyless: list[Any] = []
        for row in self.rows:
            (keyless if isinstance(key_of(row), NoKey) else keyed).append(row)
        return replace(self, rows=keyed, keyless=keyless)

    def is_due_to(self, stream: str) -> bool:
        """Tell whether a stream takes from this page."""
        return self.due_to is None or stream in self.due_to


class Paginator(ABC, Generic[Token]):
    """One pass over a list.

    Args:
        first: What the first request asks for.
    """

    def __init__(self, first: Token) -> None:
        self.current_value = first
        self.finished = False
        self.seen = KeySet()
        self.total: int | None = None
        """The provider's latest count; None before the first."""
        self.moved = False
        """Whether rows may be missing: the list has shrunk, and the pages cannot show which rows moved."""
        self._pages = KeySet()

    @property
    def needs_second_pass(self) -> bool:
        """Whether only a second pass can tell that no rows moved between the pages."""
        return False

    @abstractmethod
    def advance(self, page: Page) -> list[Any]:
        """Take the page that was asked for, and return its rows that are new in this pass.

        Raises:
            PagingError: If pages repeat or do not end.
        """

    def ahead(self, most: int) -> list[Token]:  # noqa: ARG002
        """Return what will probably be asked for after the current page."""
        return []

    def _note_total(self, page: Page) -> None:
        if page.total is not None:
            self.total = page.total

    def _fresh(self, page: Page) -> list[Any]:
        self._note_total(page)
        return [row for row, key in zip(page.rows, page.keys, strict=True) if self.seen.add(key)]

    def _refuse_repeated(self, page: Page) -> None:
        if page.keys and not self._pages.add(tuple(page.keys)):
            msg = f"page {self.current_value} repeats one that came before: the list cannot be read to its end"
            raise PagingError(msg)


class CursorPaginator(Paginator[str | None]):
    """Each page names the next one, in ``Page.next``; such pages cannot be made to overlap.

    Args:
        is_read_again: Tells after a pass whether the next sync reads the same rows, and so finds what this one missed.
    """

    def __init__(self, is_read_again: Callable[[], bool] = bool) -> None:
        super().__init__(None)
        self._is_read_again = is_read_again
        self._cursors: set[str] = set()
        self._rows = 0
        self._beyond = 0

    @property
    @override
    def needs_second_pass(self) -> bool:
        return bool(self._cursors) and not self._is_read_again()

    @override
    def advance(self, page: Page) -> list[Any]:
        self._refuse_repeated(page)
        if page.total is not None and self.total is not None:
            self.moved = self.moved or page.total < self.total
        fresh = self._fresh(page)
        self._rows += len(page.rows)
        cursor: str | None = page.next
        if cursor is None:
            self.finished = True
            self.moved = self.moved or len(self.seen) > (self.total or len(self.seen))
            return fresh
        if cursor in self._cursors:
            msg = f"cursor {cursor!r} came twice: the list cannot be read to its end"
            raise PagingError(msg)
        self._cursors.add(cursor)
        if not page.rows or (page.total is not None and self._rows >= page.total):
            self._beyond += 1
        if self._beyond > PAGES_BEYOND_TOTAL:
            msg = f"pages go on after all {page.total} rows, at cursor {cursor!r}"
            raise PagingError(msg)
        self.current_value = cursor
        return fresh
