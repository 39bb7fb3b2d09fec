"""What the tap is to reach, as ratios of medians in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmarks.account_targets import ACCOUNT_TARGETS
from benchmarks.target import BY_KEY, Target, cpu_of_each, most_memory
from benchmarks.workloads import EARLIER, PEERS, PEERS_AT_16, PROVIDERS

if TYPE_CHECKING:
    from benchmarks.figures import Figures

_BYTES_AN_INVOICE = 16
_MOST_MEGABYTES = 120


def _work_ratio(key: str, slow: str, fast: str) -> Callable[[Figures], float | None]:
    """Return the seconds of one contender over those of another, start-up aside."""

    def value(figures: Figures) -> float | None:
        first, second = figures.work(BY_KEY[key], slow), figures.work(BY_KEY[key], fast)
        return None if first is None or second is None else first / second

    return value


def _best_peer(key: str, peers: tuple[str, ...], tap: str = "tap") -> Callable[[Figures], float | None]:
    """Return the seconds of the best of some peers over the tap's, whole processes."""

    def value(figures: Figures) -> float | None:
        found = [figures.seconds(key, peer) for peer in peers if figures.has(key, peer) and figures.is_whole(key, peer)]
        return min(found) / figures.seconds(key, tap) if found and figures.has(key, tap) else None

    return value


def _slowest_provider(figures: Figures) -> float | None:
    """Return the seconds of all providers together over those of the slowest alone."""
    alone = [figures.seconds("W5", f"tap-{name}") for name in PROVIDERS if figures.has("W5", f"tap-{name}")]
    return figures.seconds("W5", "tap") / max(alone) if alone else None


def _growth(figures: Figures) -> float | None:
    """Return the peak at the most invoices over what that at the fewest allows."""
    few, many = "W6-10k", "W6-1M"
    if not (figures.has(few) and figures.has(many)) or figures.count(many) < BY_KEY[many].count:
        return None  # of few, what the tap has at its start hides what it keeps of each
    more = figures.count(many) - figures.count(few)
    least, most = (figures.median(key, "tap", "peak") for key in (few, many))
    return most / (1.1 * least + _BYTES_AN_INVOICE * more)


def _cost_of_unified(figures: Figures) -> float | None:
    """Return the CPU time with the streams of all providers over that without them, whole processes."""
    if not (figures.has("W8") and figures.has("W8", "tap-raw")):
        return None
    return figures.median("W8", "tap", "cpu") / figures.median("W8", "tap-raw", "cpu")


def _cost_of_xml(figures: Figures) -> float | None:
    """Return the seconds with the XML in PDFs read over those without, whole processes."""
    if not (figures.has("W9") and figures.has("W9", "tap-unread")):
        return None
    return figures.seconds("W9", "tap") / figures.seconds("W9", "tap-unread")


def _microseconds(figures: Figures) -> float | None:
    """Return the CPU time of an invoice, in its provider's stream and in those of all providers, start-up aside."""
    seconds = cpu_of_each(figures, "W8i")
    return None if seconds is None else 1e6 * seconds


def _beside_earlier(key: str, name: str = "cpu", what: str = "CPU time") -> Target:
    """Return what one account costs, which what came later must not make dearer."""

    def value(figures: Figures) -> float | None:
        if not figures.has(key, EARLIER):
            return None
        return figures.median(key, "tap", name) / figures.median(key, EARLIER, name)

    title = f"{key}: {what} beside the tap at the earlier revision"
    return Target(title, "at most 1.05 times", value, lambda found: found <= 1.05)


def _speed(
    key: str, over_plain: float, over_peers: float, bare: Target, peers: tuple[str, ...] = PEERS
) -> tuple[Target, ...]:
    """Return what holds of each workload; where requests take time, peers have as many connections as the tap."""
    at_16 = "" if peers == PEERS else " at 16 connections"
    return (
        Target(
            f"{key}: against the plain SDK tap, start-up aside",
            f"at least {over_plain} times",
            _work_ratio(key, "plain", "tap"),
            lambda value: value >= over_plain,
        ),
        Target(
            f"{key}: against the best of dlt and Airbyte{at_16}, whole processes",
            f"at least {over_peers} times",
            _best_peer(key, peers),
            lambda value: value >= over_peers,
        ),
        bare,
    )


def _beside_16(key: str, most: float) -> Target:
    title = f"{key}: seconds beside the bare loop with 16 threads, start-up aside"
    return Target(title, f"at most {most} times", _work_ratio(key, "tap", "bare-16"), lambda value: value <= most)


def _at_64(key: str, over_peers: float) -> Target:
    return Target(
        f"{key}: the same, all at 64 connections",
        f"at least {over_peers} times",
        _best_peer(key, ("dlt-64", "airbyte-64"), "tap-64"),
        lambda value: value >= over_peers,
    )


_W1_BARE = Target(
    "W1: records a second beside the bare loop with one socket, start-up aside",
    "at least 0.5 times",
    _work_ratio("W1", "bare-1", "tap"),
    lambda value: value >= 0.5,
)

TARGETS = (
    *_speed("W1", 7, 4, _W1_BARE),
    *_speed("W2", 12, 2.5, _beside_16("W2", 1.25), PEERS_AT_16),
    _at_64("W2", 2.5),
    *_speed("W3", 14, 1.5, _beside_16("W3", 1.1), PEERS_AT_16),
    _at_64("W3", 1.5),
    *_speed("W4", 13, 1.5, _beside_16("W4", 1.1), PEERS_AT_16),
    _at_64("W4", 1.5),
    Target("W5: all providers beside the slowest alone", "at most 1.15 times", _slowest_provider, lambda v: v <= 1.15),
    Target(
        "W6: peak memory at the most invoices, beside 1.1 of that at the fewest and 16 bytes for each more",
        "at most 1 times",
        _growth,
        lambda value: value <= 1,
    ),
    Target("W6: peak memory", "under 120 MB", most_memory("W6-1M"), lambda value: value < _MOST_MEGABYTES, " MB"),
    Target(
        "W8: CPU time with invoices and lines of all providers beside that without",
        "at most 1.25 times",
        _cost_of_unified,
        lambda value: value <= 1.25,
    ),
    Target(
        "W8i: CPU time of an ibana invoice, in its stream and in those of all providers, start-up aside",
        "at most 250 µs",
        _microseconds,
        lambda value: value <= 250,
        " µs",
    ),
    Target(
        "W9: seconds with the XML in PDFs read beside those without",
        "at most 1.1 times",
        _cost_of_xml,
        lambda v: v <= 1.1,
    ),
    *ACCOUNT_TARGETS,
    *(_beside_earlier(key) for key in ("W1", "W2", "W3", "W4", "W5", "W6-1M")),
    _beside_earlier("W6-1M", "peak", "peak memory"),
)
