"""Cuts off answers that hardly come: each byte is in time for the connection, but the last may never be."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from tap_invoices.errors import Cause, RetriableAPIError

if TYPE_CHECKING:
    from requests import Response

_LOOK = 0.5
"""Seconds between two looks at all answers."""


class Watched:
    """Watches an answer while its body is read, in pieces of which each may take so many seconds.

    On leaving, it raises RetriableAPIError if one took longer.

    Args:
        response: The answer.
        seconds: How many.
    """

    def __init__(self, response: Response, seconds: float) -> None:
        self._raw = response.raw
        self._seconds = seconds
        self._taken, self._since = self._raw.tell(), time.monotonic()
        self._is_cut = False

    def __enter__(self) -> None:
        _ANSWERS.add(self)
        _start_looking()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        _ANSWERS.remove(self)
        if self._is_cut and (kind is None or issubclass(kind, Exception)):
            raise RetriableAPIError(Cause.NO_ANSWER_IN_TIME.words, cause=Cause.NO_ANSWER_IN_TIME) from None

    def look(self) -> None:
        """Cut it off if nothing of it has been taken in for its time."""
        taken, now = self._raw.tell(), time.monotonic()
        if taken != self._taken:
            self._taken, self._since = taken, now
        elif now >= self._since + self._seconds and not self._raw.closed:
            self._is_cut = True
            with suppress(OSError, ValueError):  # it has ended meanwhile
                self._raw.shutdown()


_ANSWERS: set[Watched] = set()
"""What the whole process reads."""


@cache  # two threads at once may start two, which does no harm
def _start_looking() -> None:
    threading.Thread(target=_look, name="watch-answers", daemon=True).start()


def _look() -> None:
    while True:
        time.sleep(_LOOK)
        for answer in _ANSWERS.copy():  # in one step, as each change is one
            answer.look()
