"""SIGINT and SIGTERM: a command passes them on to the tap, and ends after it."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from subprocess import Popen
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Notes the signals that come within its ``with`` block.

    Nothing is raised where they come: the tap says its state before it ends, all that it said is still passed on, and
    the files with its settings are deleted.
    """

    def __init__(self) -> None:
        self._number = 0
        self._child: Popen[bytes] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def tells(self, child: Popen[bytes]) -> None:
        """Have a child told, also of a signal that came while it was started."""
        self._child = child
        if self._number:
            child.terminate()

    def _note(self, number: int, _: FrameType | None) -> None:
        self._number = number
        if self._child:
            self._child.terminate()  # never SIGINT, which is a traceback in the log while the tap is starting

    def heed(self) -> None:
        """End the command if a signal came, with the tap's exit code for it."""
        if self._number:
            sys.exit(128 + self._number)
