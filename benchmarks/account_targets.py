"""What is to be reached with many accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmarks.target import BY_KEY, Target, cpu_of_each, most_memory

if TYPE_CHECKING:
    from benchmarks.figures import Figures


def _milliseconds(figures: Figures, key: str) -> float | None:
    """Return the CPU time that each account takes, start-up aside."""
    seconds = cpu_of_each(figures, key)
    return None if seconds is None else 1000 * seconds


def _milliseconds_in_batches(figures: Figures, key: str) -> float | None:
    """Return the CPU time of an account's own stream through tap and target, start-ups included."""
    name = "tap-raw"
    if not figures.has(key, name) or figures.count(key) < BY_KEY[key].count:
        return None  # of few accounts, the start-ups are the most
    return 1000 * figures.median(key, name, "cpu") / figures.count(key)


def _cost_of_processes(figures: Figures) -> float | None:
    """Return the CPU time of an account in a process of its own over that in one process, its start-up aside."""
    own = _milliseconds(figures, "W7")
    if own is None or not figures.has("W7p", "tap-each"):
        return None
    return 1000 * figures.median("W7p", "tap-each", "cpu") / figures.count("W7p") / own


def _speed_at_once(number: int, contender: str) -> Callable[[Figures], float | None]:
    """Return how much faster so many accounts at once are than one, over what one's waiting and CPU time allow.

    The CPU time is on one core, whatever the accounts; what one account at a time waits beside it is for others.
    """

    def value(figures: Figures) -> float | None:
        work = BY_KEY["W7l"]
        one, cpu = figures.work(work, "tap-at-1"), figures.work(work, "tap-at-1", "cpu")
        many = figures.work(work, contender)
        if one is None or cpu is None or many is None:
            return None
        return one / many / min(number, one / cpu)

    return value


def _speed_of_jobs(figures: Figures) -> float | None:
    """Return how much faster four batches at once are than one at a time, whole processes."""
    if not (figures.has("W10") and figures.has("W10", "tap-jobs-4")):
        return None
    return figures.seconds("W10", "tap") / figures.seconds("W10", "tap-jobs-4")


def _cpu(key: str, most: int, value: Callable[[Figures, str], float | None], what: str) -> Target:
    title = f"{key}: CPU time of an account{what}"
    return Target(title, f"at most {most} ms", lambda figures: value(figures, key), lambda ms: ms <= most, " ms")


def _memory(key: str, most: int, contender: str, what: str = "") -> Target:
    value = most_memory(key, contender)
    return Target(f"{key}: peak memory{what}", f"at most {most} MB", value, lambda found: found <= most, " MB")


def _accounts_at_once(number: int, contender: str) -> Target:
    return Target(
        f"W7l: speed of {number} accounts at once, beside the most that (waiting + CPU) / CPU of one at a time allows",
        "at least 0.8 times",
        _speed_at_once(number, contender),
        lambda value: value >= 0.8,
    )


ACCOUNT_TARGETS = (
    _cpu("W7", 20, _milliseconds, ", start-up aside"),
    _memory("W7", 110, "tap"),
    Target(
        "W7p: CPU time of an account in a process of its own beside that in one process, W7",
        "at least 20 times",
        _cost_of_processes,
        lambda value: value >= 20,
    ),
    _cpu("W7s", 8, _milliseconds, ", second sync, start-up aside"),
    _cpu("W7d", 60, _milliseconds, " with 50 details, start-up aside"),
    _memory("W7m", 400, "tap-at-16", " of 16 accounts at once"),
    _accounts_at_once(4, "tap"),
    _accounts_at_once(16, "tap-at-16"),
    Target("W10: four batches at once beside one at a time", "at least 3 times", _speed_of_jobs, lambda v: v >= 3),
    _cpu("W10c", 110, _milliseconds_in_batches, ", its provider's stream alone, through tap and target-jsonl"),
    _cpu("W10p", 160, _milliseconds_in_batches, ", its provider's stream alone, through tap and target-postgres"),
)
