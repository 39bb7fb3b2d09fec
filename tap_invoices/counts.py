"""What is counted, and how much fits: the ground that every room stands on."""

from __future__ import annotations

MEBIBYTE = 1024 * 1024


class Doubling:
    """Says when to tell of something that goes on at a steady pace: the 1st, 2nd, 4th, 8th … time."""

    def __init__(self) -> None:
        self._times = 0

    def __call__(self) -> bool:
        """Count one more, and tell whether to tell."""
        self._times += 1
        return self._times & (self._times - 1) == 0
