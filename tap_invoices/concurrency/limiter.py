"""How fast one provider is asked: requests in flight, requests a second, and pauses that hold for all threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Limiter:
    """Lets requests through one by one, at most so many at once and a second.

    After a pause one request goes first; each answer lets one more go beside it, so the rate climbs back by steps.

    Args:
        max_connections: Most requests in flight.
        per_second: Most requests that start in a second; None for no limit.
        clock: Seconds, for tests.
    """

    def __init__(
        self,
        max_connections: int,
        per_second: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max = max_connections
        self._spacing = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._changed = threading.Condition()
        self._allowed = max_connections
        self._in_flight = 0
        self._pauses = 0
        self._not_before = 0.0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the places for requests; wait until there is one."""
        with self._changed:
            while (wait := self.delay()) is None or wait > 0:
                self._changed.wait(wait)
            started_after = self.start()
        try:
            yield
        finally:
            self.finish(started_after)

    def delay(self) -> float | None:
        """Return the seconds until a request may start; None if first another one must end."""
        if self._in_flight >= self._allowed:
            return None
        return max(0.0, self._not_before - self._clock())

    def start(self) -> int:
        """Take a place; return how many pauses there have been."""
        self._in_flight += 1
        self._not_before = max(self._not_before, self._clock()) + self._spacing
        return self._pauses

    def finish(self, started_after: int) -> None:
        """Give a place back; the rate climbs only for requests that started after the last pause."""
        with self._changed:
            self._in_flight -= 1
            if started_after == self._pauses:
                self._allowed = min(self._max, self._allowed + 1)
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Let nothing start for so long, and then one by one."""
        with self._changed:
            self._not_before = max(self._not_before, self._clock() + seconds)
            self._allowed = 1
            self._pauses += 1
            self._changed.notify_all()
