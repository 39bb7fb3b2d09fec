"""Submits batches to an executor, the lost ones again, and tells what came of all accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field

from tap_invoices import signals
from tap_invoices.fleet.batch import Job, Result, run_batch

TRIES = 3
"""A batch is submitted so many times at most."""

WHOLE, NOT_WHOLE, AGAIN = 0, 1, 75
"""Exit codes: the last one, EX_TEMPFAIL, asks to run again."""

Batch = tuple[str, ...]


@dataclass
class Run:
    """A run over all accounts.

    Args:
        job: What all batches have in common.
        executor: Where they run.
        tell: Takes each line for people.
    """

    job: Job
    executor: Executor
    tell: Callable[[str], None]
    results: dict[str, Result] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    def all(self, names: Sequence[str], size: int, *, first_alone: bool) -> int:
        """Run all accounts in batches of a size, and return the exit code.

        Where there are no tables yet, targets that make them at the same time get in each other's way: the first batch
        then runs alone.
        """
        batches = [tuple(names[start : start + size]) for start in range(0, len(names), size)]
        for group in (batches[:1], batches[1:]) if first_alone else (batches,):
            self._run(group)
        whole = sum(result.reason is None for result in self.results.values())
        rows = sum(result.rows for result in self.results.values())
        self.tell(f"{whole} of {len(names)} accounts are whole; {rows} rows")
        if self.lost:
            self.tell(f"{len(self.lost)} accounts were lost; run again: {_some(self.lost)}")
            return AGAIN
        return WHOLE if whole == len(names) else NOT_WHOLE

    def _run(self, batches: Sequence[Batch]) -> None:
        waiting = {self._submit(batch): (batch, 1) for batch in batches}
        while waiting:
            for future in wait(waiting, signals.WAKE_SECONDS, FIRST_COMPLETED).done:
                batch, times = waiting.pop(future)
                fault = _fault(future)
                if fault is None:
                    self._take(future.result())
                    continue
                self.tell(f"lost a batch of {len(batch)} accounts, from {batch[0]} on: {fault}")
                if times < TRIES:
                    waiting[self._submit(batch)] = (batch, times + 1)
                else:
                    self.lost += batch

    def _submit(self, batch: Batch) -> Future[dict[str, Result]]:
        try:
            return self.executor.submit(run_batch, self.job, batch)
        except Exception as error:  # noqa: BLE001  (an engine that has gone has errors of its own)
            future: Future[dict[str, Result]] = Future()
            future.set_exception(error)
            return future

    def _take(self, results: dict[str, Result]) -> None:
        self.results |= results
        for account, result in results.items():
            if result.reason:
                self.tell(f"{account} is not whole: {result.reason}")


def _fault(future: Future[dict[str, Result]]) -> str | None:
    """Return why a batch was lost, if it was."""
    if future.cancelled():
        return "it was cancelled"
    error = future.exception()
    return None if error is None else f"{error}" or type(error).__name__


def _some(names: Sequence[str]) -> str:
    def shown() -> Iterator[str]:
        yield from names[:20]
        if len(names) > 20:  # noqa: PLR2004
            yield f"and {len(names) - 20} more"

    return ", ".join(shown())
