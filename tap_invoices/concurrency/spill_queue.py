"""A queue between the thread that fetches and the one that writes: bounded in memory, the rest in a temporary file."""

from __future__ import annotations

import pickle
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from typing import IO, Any, Generic, TypeVar, cast

T = TypeVar("T")

MEMORY = 8 * 1024 * 1024
"""Bytes that wait in memory, by the size of the responses that they came in; decoded, rows take five times as much."""

SHARED = 64 * 1024 * 1024
"""Bytes that wait in memory in all queues of a run."""

LEAST = 1024 * 1024
"""Bytes that a queue may hold whatever the others do."""

_WHILE_READ = 4
"""Once somebody reads, so many times less has to wait: it only bridges the moments when the writer has nothing."""

_WORTH = 64 * 1024
"""Bytes for which the reader is woken at once."""

_LINGER = 0.1
"""Seconds for which it leaves less to gather: to wake it for each small item costs more than to emit that."""


class AbandonedError(Exception):
    """The reader has left: nothing more is wanted."""


class Memory:
    """Counts what the queues of a run hold together.

    Args:
        size: Bytes for all.
    """

    def __init__(self, size: int = SHARED) -> None:
        self._left = size
        self._lock = threading.Lock()

    def has(self, size: int) -> bool:
        """Tell whether there is room for so many bytes."""
        return size <= self._left

    def take(self, size: int) -> None:
        """Take so many bytes; give them back by a negative number."""
        with self._lock:
            self._left -= size


class BatchQueue(Generic[T]):
    """First in, first out.

    Before anybody reads, what is beyond the memory goes to a temporary file. Once somebody does, the writer waits.
    Where the file cannot grow, the writer waits for the reader, or memory takes all.

    Args:
        memory: Most bytes in memory; a quarter of that once somebody reads.
        overflow: Whether there is a file; without, the writer always waits.
        may_wait: Whether the writer may wait: not where the reader comes only after all is written.
        shared: Memory that other queues have a part of; its own, unless given.
    """

    def __init__(
        self, memory: int = MEMORY, *, overflow: bool = True, may_wait: bool = True, shared: Memory | None = None
    ) -> None:
        self._memory = memory
        self._shared = shared or Memory()
        self._least = LEAST
        self._overflow = overflow
        self._may_wait = may_wait
        self._changed = threading.Condition()
        self._items: deque[tuple[T, int]] = deque()
        self._held = 0
        self._file: IO[bytes] | None = None
        self._in_file = 0
        self._read_at = 0
        self._write_at = 0
        self._reading = False
        self._waiting = False
        self._abandoned = False
        self._closed = False
        self._error: BaseException | None = None

    def put(self, item: T, size: int) -> None:
        """Add an item.

        Raises:
            AbandonedError: If the reader has left.
        """
        with self._changed:
            while not self._abandoned and not self._take(item, size):
                self._waiting = True
                self._changed.notify_all()
                self._changed.wait()
            self._waiting = False
            if self._abandoned:
                raise AbandonedError
            if len(self._items) == 1 or self._is_worth_it():
                self._changed.notify_all()

    def close(self, error: BaseException | None = None) -> None:
        """Say that no more comes, and why if it is for an error; the reader gets it after the items."""
        with self._changed:
            self._closed = True
            self._error = error
            self._changed.notify_all()

    def abandon(self) -> None:
        """Say that no more is wanted."""
        with self._changed:
            self._abandoned = True
            self._items.clear()
            self._hold(-self._held)
            self._drop_file()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        """Yield the items as they come, until the writer closes."""
        with self._changed:
            self._reading = True
            self._changed.notify_all()
        while (item := self._next()) is not None:
            yield item

    def _next(self) -> T | None:
        with self._changed:
            if not self._has_any():
                self._changed.wait_for(self._has_any)
                self._changed.wait_for(self._is_worth_it, _LINGER)
            if self._items:
                item, size = self._items.popleft()
                self._hold(-size)
                self._changed.notify_all()
                return item
            if self._in_file:
                return cast("T", self._read())
            if self._error is not None:
                raise self._error
            return None

    def _has_any(self) -> bool:
        return bool(self._items or self._in_file or self._closed)

    def _is_worth_it(self) -> bool:
        return self._closed or self._waiting or self._held >= _WORTH

    def _take(self, item: T, size: int) -> bool:
        """Put an item into memory or the file; tell whether there was room."""
        if not self._is_full(size):
            self._items.append((item, size))
            self._hold(size)
            return True
        if self._reading or not self._overflow:
            return False
        try:
            self._write(item)
        except OSError:
            self._do_without_file()
            return self._take(item, size)
        return True

    def _do_without_file(self) -> None:
        """Let the writer wait from now on, or else memory take all."""
        self._overflow = False
        if not self._may_wait:
            self._memory = self._least = sys.maxsize
            while self._in_file:
                self._items.append((self._read(), 0))
        if not self._in_file:
            self._drop_file()

    def _is_full(self, size: int) -> bool:
        if self._in_file:
            return True
        if not self._items and (self._reading or not self._overflow):
            return False  # or one item too large would wait for ever
        memory = self._memory // _WHILE_READ if self._reading else self._memory
        held = self._held + size
        return held > memory or (held > self._least and not self._shared.has(size))

    def _hold(self, size: int) -> None:
        self._held += size
        self._shared.take(size)

    def _write(self, item: T) -> None:
        """Write an item after the last whole one: what a full disk cuts off is written over."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="tap-invoices-", buffering=0)  # noqa: SIM115  (lives until it is read)
        self._file.seek(self._write_at)
        left = memoryview(pickle.dumps(item, pickle.HIGHEST_PROTOCOL))
        while left:
            left = left[self._file.write(left) :]
        self._write_at = self._file.tell()
        self._in_file += 1

    def _read(self) -> Any:
        assert self._file is not None  # noqa: S101  (there are items in it)
        self._file.seek(self._read_at)
        item = pickle.load(self._file)  # noqa: S301  (our own file, without a name)
        self._read_at = self._file.tell()
        self._in_file -= 1
        if not self._in_file:
            self._drop_file()
            self._changed.notify_all()
        return item

    def _drop_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._in_file, self._read_at, self._write_at = None, 0, 0, 0
