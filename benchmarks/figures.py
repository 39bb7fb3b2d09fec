"""Medians over the runs."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.workloads import Workload


class Figures:
    """The runs of all contenders.

    Args:
        runs: As the command keeps them.
    """

    def __init__(self, runs: list[dict[str, Any]]) -> None:
        self._runs: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for run in runs:
            self._runs[run["workload"], run["contender"]].append(run)

    def has(self, workload: str, contender: str = "tap") -> bool:
        """Tell whether a contender did a workload."""
        return (workload, contender) in self._runs

    def rounds(self, workload: str) -> int:
        """Return how often the tap did a workload."""
        return len(self._runs[workload, "tap"])

    def count(self, workload: str) -> int:
        """Return how many invoices it had."""
        return int(self._runs[workload, "tap"][0]["count"])

    def median(self, workload: str, contender: str, name: str) -> float:
        """Return the median of one of the things that a run notes."""
        return float(median(run[name] for run in self._runs[workload, contender]))

    def found(self, workload: str, contender: str) -> float:
        """Return how many records came."""
        return self.median(workload, contender, "found")

    def seconds(self, workload: str, contender: str) -> float:
        """Return the median seconds of the whole process."""
        return self.median(workload, contender, "seconds")

    def span(self, workload: str, contender: str) -> tuple[float, float]:
        """Return the least and the most seconds."""
        seconds = [run["seconds"] for run in self._runs[workload, contender]]
        return min(seconds), max(seconds)

    def is_whole(self, workload: str, contender: str) -> bool:
        """Tell whether every run put out every record."""
        return all(run["whole"] for run in self._runs[workload, contender])

    def start(self, kind: str, contender: str, name: str = "seconds") -> float | None:
        """Return the median seconds of a sync of one invoice, or of its CPU time, if it was measured."""
        key = f"start-{kind}"
        return self.median(key, contender, name) if self.has(key, contender) else None

    def work(self, workload: Workload, contender: str, name: str = "seconds") -> float | None:
        """Return the median seconds without start-up, or of CPU time; None if it was not measured, or was all."""
        start = self.start(workload.kind, contender, name)
        if start is None or not self.has(workload.key, contender):
            return None
        whole = self.median(workload.key, contender, name)
        return whole - start if whole > start else None
