"""Cuts off answers that hardly come: each byte is in time for the connection, but the last may never be."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tap_invoices.errors import Cause, RetriableAPIError

if TYPE_CHECKING:
    from requests import Response
    from urllib3 import BaseHTTPResponse

_LOOK = 0.5
"""Seconds between two looks at all answers."""


class _Answer:
    def __init__(self, raw: BaseHTTPResponse, seconds: float) -> None:
        self._raw = raw
        self._seconds = seconds
        self._taken, self._since = raw.tell(), time.monotonic()
        self.is_cut = False

    def look(self) -> None:
        """Cut it off if nothing of it has been taken in for its time."""
        taken, now = self._raw.tell(), time.monotonic()
        if taken != self._taken:
            self._taken, self._since = taken, now
        elif now >= self._since + self._seconds and not self._raw.closed:
            self.is_cut = True
            with suppress(OSError, ValueError):  # it has ended meanwhile
                self._raw.shutdown()


class _Watch:
    """Looks at what the whole process reads, in one thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: set[_Answer] = set()
        self._thread: threading.Thread | None = None

    def add(self, answer: _Answer) -> None:
        with self._lock:
            self._answers.add(answer)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="watch-answers", daemon=True)
                self._thread.start()

    def remove(self, answer: _Answer) -> None:
        with self._lock:
            self._answers.remove(answer)

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK)
            with self._lock:
                answers = tuple(self._answers)
            for answer in answers:
                answer.look()


_WATCH = _Watch()


@contextmanager
def watched(response: Response, seconds: float) -> Iterator[None]:
    """Watch an answer while its body is read, in pieces of which each may take so many seconds.

    Raises:
        RetriableAPIError: If one took longer.
    """
    answer = _Answer(response.raw, seconds)
    _WATCH.add(answer)
    try:
        yield
    except Exception:
        if not answer.is_cut:
            raise
    finally:
        _WATCH.remove(answer)
    if answer.is_cut:
        raise RetriableAPIError(Cause.NO_ANSWER_IN_TIME.words, cause=Cause.NO_ANSWER_IN_TIME)
