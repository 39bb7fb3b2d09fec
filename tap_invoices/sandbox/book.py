"""A provider's invoices: invented on demand, open to change."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from copy import deepcopy
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from tap_invoices.sandbox.pdf import invoice_pdf

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from datetime import datetime
    from threading import RLock

Record = dict[str, Any]
Found = TypeVar("Found")


class Invoices(MutableMapping[str, Record]):
    """Invoices by key, in the order in which they were posted; each is invented when it is first looked at."""

    def __init__(self, keys: Iterable[str], invent: Callable[[int], Record]) -> None:
        """Take the keys, and what makes the invoice of an index."""
        self._items: dict[str, Record | int] = {key: index for index, key in enumerate(keys)}
        self._invent = lru_cache(512)(invent)
        self.version = 0
        """Grows with every look that may lead to a change."""

    def peek(self, key: str) -> Record:
        """Return an invoice to be read only: it may share its parts with others."""
        item = self._items[key]
        return self._invent(item) if isinstance(item, int) else item

    def place(self, key: str, record: Record, position: int | None = None) -> None:
        """Put an invoice at a position in the order, by default the last."""
        entries = list(self._items.items())
        entries.insert(len(entries) if position is None else position, (key, record))
        self._items = dict(entries)
        self.version += 1

    def __getitem__(self, key: str) -> Record:
        """Return an invoice that may be changed."""
        item = self._items[key]
        if isinstance(item, int):
            item = self._items[key] = deepcopy(self._invent(item))
        self.version += 1
        return item

    def __setitem__(self, key: str, record: Record) -> None:
        """Put an invoice in the place of its key, or last."""
        self._items[key] = record
        self.version += 1

    def __delitem__(self, key: str) -> None:
        """Take an invoice out."""
        del self._items[key]
        self.version += 1

    def __contains__(self, key: object) -> bool:
        """Tell whether there is an invoice with this key."""
        return key in self._items

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys."""
        return iter(self._items)

    def __len__(self) -> int:
        """Count the invoices."""
        return len(self._items)


class Book:
    """The invoices of one provider, the clock that dates them, and what a test may set."""

    key_field: ClassVar[str] = "id"

    max_page_size = 100
    """A larger page is cut to this size."""
    newest_first = False
    """Order of a list whose page promises none: by posting, or the other way round."""
    token_seconds = 300
    """How long a new token is good."""
    pdf_size: int | None = None
    """Bytes of every PDF; by default each has its own size, about 2 KB."""
    single_as_object = False
    """Whether single answers that come as an array of one (i3D.net) come as an object."""
    auth_failure = 302
    """Status for a bad token where it may be a redirect (Exsited)."""

    def __init__(self, count: int, seed: int, now: Callable[[], datetime], lock: RLock) -> None:
        """Hold ``count`` invented invoices; ``now`` is the provider's clock."""
        self.count = count
        self.seed = seed
        self.now = now
        self.pdfs: dict[str, bytes] = {}
        """Files that are sent instead of the invented ones, by key."""
        self._lock = lock
        self._next = count
        self._found: dict[Hashable, Any] = {}
        self._found_version = 0
        self.invoices = Invoices(map(self.key, range(count)), self.invent)

    def key(self, index: int) -> str:
        """Return the key of the invoice at an index, without inventing the rest of it."""
        raise NotImplementedError

    def invent(self, index: int) -> Record:
        """Return the invoice at an index as the list sends it."""
        raise NotImplementedError

    def post(self, record: Record, now: datetime) -> None:
        """Date an invoice as created now."""
        raise NotImplementedError

    def touch(self, record: Record, now: datetime) -> None:
        """Date an invoice as changed now, where the provider tells."""

    def settle(self, record: Record, now: datetime) -> None:
        """Mark an invoice as paid now."""
        raise NotImplementedError

    def sent(self, stream: str, key: str) -> Record:
        """Return an invoice as the endpoint behind one of the tap's streams sends it."""
        del stream
        return dict(self.invoices.peek(key))

    def pdf(self, key: str) -> bytes:
        """Return the PDF of an invoice."""
        return self.pdfs.get(key) or invoice_pdf(key, self.pdf_size)

    def add(self, position: int | None = None, **fields: object) -> str:
        """Post a new invoice now, by default as the last, and return its key."""
        with self._lock:
            record = deepcopy(self.invent(self._next))
            self._next += 1
            self.post(record, self.now())
            record.update(fields)
            key = str(record[self.key_field])
            if key in self.invoices:
                msg = f"{key} is there already"
                raise ValueError(msg)
            self.invoices.place(key, record, position)
            return key

    def change(self, key: str, **fields: object) -> None:
        """Change fields of an invoice, and with them its change date where there is one."""
        with self._lock:
            record = self.invoices[key]
            self.touch(record, self.now())
            record.update(fields)

    def pay(self, key: str) -> None:
        """Pay an invoice now; NotImplementedError where the provider tells of no payments."""
        with self._lock:
            record = self.invoices[key]
            self.settle(record, self.now())
            self.touch(record, self.now())

    def delete(self, key: str) -> None:
        """Take an invoice out."""
        with self._lock:
            del self.invoices[key]

    def select(
        self,
        query: Hashable,
        keep: Callable[[Record], bool] | None = None,
        rank: Callable[[Record], Any] | None = None,
        *,
        among: Iterable[str] | None = None,
        descending: bool = False,
    ) -> list[str]:
        """Return the keys of a listing; remembered under ``query`` until the book changes.

        ``among`` and ``keep`` say which invoices are in it, ``rank`` orders them; ties stay in the order of posting.
        """

        def listed() -> list[str]:
            peek = self.invoices.peek
            keys = [key for key in among or self.invoices if keep is None or keep(peek(key))]
            if rank is not None:
                keys.sort(key=lambda key: rank(peek(key)), reverse=descending)
            elif self.newest_first:
                keys.reverse()
            return keys

        return self._remembered(("select", query), listed)

    def find(self, field: str, value: str) -> list[str]:
        """Return the keys of the invoices with this value in a field, in the order of posting."""

        def index() -> dict[str, list[str]]:
            found: dict[str, list[str]] = {}
            for key in self.invoices:
                found.setdefault(self.invoices.peek(key)[field], []).append(key)
            return found

        return self._remembered(("find", field), index).get(value, [])

    def _remembered(self, query: Hashable, make: Callable[[], Found]) -> Found:
        if self._found_version != self.invoices.version:
            self._found.clear()
            self._found_version = self.invoices.version
        if query not in self._found:
            self._found[query] = make()
        found: Found = self._found[query]
        return found
