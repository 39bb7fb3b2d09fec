"""One figure to reach, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from benchmarks.figures import Figures

BY_KEY = {work.key: work for work in WORKLOADS}


@dataclass(frozen=True)
class Target:
    """One figure to reach.

    Args:
        title: What is compared.
        wanted: The bound, in words.
        value: Computes the figure; None if a part of it was not measured.
        is_reached: Tells whether it is good enough.
        unit: Stands after the figure.
    """

    title: str
    wanted: str
    value: Callable[[Figures], float | None]
    is_reached: Callable[[float], bool]
    unit: str = " times"

    def shown(self, value: float) -> str:
        """Return a figure as text."""
        return f"{value:.2f}{self.unit}" if self.unit == " times" else f"{value:.0f}{self.unit}"


def most_memory(key: str, contender: str = "tap") -> Callable[[Figures], float | None]:
    """Return the megabytes that a contender has had at once."""
    return lambda figures: figures.median(key, contender, "peak") / 1e6 if figures.has(key, contender) else None


def cpu_of_each(figures: Figures, key: str) -> float | None:
    """Return the CPU seconds that each account or invoice of a workload takes, start-up aside."""
    cpu = figures.work(BY_KEY[key], "tap", "cpu")
    return None if cpu is None else cpu / figures.count(key)
