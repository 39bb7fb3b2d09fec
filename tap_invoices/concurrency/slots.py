"""Places for those who work at the same time; who waits for something else gives its place to another meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_MOST_AWAY = 64


class Slots:
    """A number of places.

    Args:
        size: How many.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._away = 0
        self._returning = 0
        self._changed = threading.Condition()

    def enter(self) -> None:
        """Take a place. Those that were here before go first, and only so many of them are away."""
        with self._changed:
            while not self._free or self._returning or self._away >= _MOST_AWAY:
                self._changed.wait()
            self._free -= 1

    def leave(self) -> None:
        """Give a place back."""
        with self._changed:
            self._free += 1
            self._changed.notify_all()

    def step_out(self) -> None:
        """Give a place back for a while."""
        with self._changed:
            self._away += 1
            self._free += 1
            self._changed.notify_all()

    def step_in(self) -> None:
        """Take a place again."""
        with self._changed:
            self._returning += 1
            while not self._free:
                self._changed.wait()
            self._returning -= 1
            self._away -= 1
            self._free -= 1
            self._changed.notify_all()


class Place:
    """One of the places, which several threads share: it is given back while any of them is away.

    Args:
        slots: Whose place it is.
    """

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._lock = threading.Lock()
        self._away = 0

    @contextmanager
    def away(self) -> Iterator[None]:
        """Give the place back meanwhile, and wait for one again."""
        with self._lock:
            self._away += 1
            if self._away == 1:
                self._slots.step_out()
        try:
            yield
        finally:
            with self._lock:
                self._away -= 1
                if not self._away:
                    self._slots.step_in()
