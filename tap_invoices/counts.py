"""What is counted, and how much fits: the ground that every room stands on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

MEBIBYTE = 1024 * 1024


class Doubling:
    """Says when to tell of something that goes on at a steady pace: the 1st, 2nd, 4th, 8th … time."""

    def __init__(self) -> None:
        self._times = 0

    def __call__(self) -> bool:
        """Count one more, and tell whether to tell."""
        self._times += 1
        return self._times & (self._times - 1) == 0


class Outcome(StrEnum):
    """How far a stream is, or how it went."""

    RUNNING = "running"
    COMPLETE = "complete"
    SHORT = "short"
    """Fewer rows came than the provider told, and the settings allow it."""
    PARTIAL = "partial"
    """Some items could not be had."""
    FAILED = "failed"


@dataclass
class Counts:
    """The counts of one stream in one sync."""

    stream: str
    expected: int | None = None
    """What the provider says there is, or for children how many were due."""
    read: int = 0
    """Distinct keys that arrived."""
    emitted: int = 0
    unchanged: int = 0
    """Left out, for being older than the bookmark."""
    failed: int = 0
    gone: int = 0
    """404 or 410 for an invoice that the list named."""
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    outcome: Outcome = Outcome.RUNNING
    _began: float | None = field(default=None, repr=False)
    _waits_until: float = field(default=0.0, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, **amounts: int) -> None:
        """Add to counts; any thread may. The first request starts the clock."""
        with self._lock:
            if "requests" in amounts and self._began is None:
                self._began = time.monotonic()
            for name, amount in amounts.items():
                setattr(self, name, (getattr(self, name) or 0) + amount)

    def wait(self, seconds: float) -> None:
        """Count a retry, which is sent after so long; any thread may."""
        self.count(retries=1)
        self._waits_until = max(self._waits_until, time.monotonic() + seconds)

    @property
    def waiting(self) -> float:
        """Seconds until the last retry is sent; 0 if none is outstanding."""
        return max(0.0, self._waits_until - time.monotonic())

    def end(self, outcome: Outcome) -> None:
        """Stop the clock and say how it went."""
        self.outcome = outcome
        if self._began is not None:
            self.seconds = round(time.monotonic() - self._began, 3)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain values."""
        return {f.name: getattr(self, f.name) for f in fields(self) if not f.name.startswith("_")}

    def progress(self) -> str:
        """Return in words how far the stream is."""
        said = "an unknown number" if self.expected is None else str(self.expected)
        return f"{said} expected, {self.read} read, {self.emitted} emitted"

    def sentence(self) -> str:
        """Return the counts in a line for people."""
        return (
            f"{self.outcome}: {self.progress()}, {self.unchanged} unchanged, "
            f"{self.failed} failed, {self.gone} gone, {self.requests} requests, {self.retries} retries, "
            f"{self.seconds:.1f} s"
        )


Board = Callable[[], Mapping[str, tuple[Counts, int | None]]]
"""What there is to show now: title of a line → counts, and how many rows a page has."""
