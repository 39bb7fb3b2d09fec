"""Invoices rendered once: a head that is the invoice's own, and a body, of which there are a few hundred.

So a million invoices of 2 to 4 KB cost the server neither memory nor time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from random import Random
from typing import Any

import orjson

from benchmarks.workloads import EPOCH, STEP

Row = dict[str, Any]

PER_ORDER = 4
PER_ACCOUNT = 10
_VARIANTS = 500


class Shape:
    """How an endpoint shows invoices.

    Args:
        head: Makes the fields that tell an invoice from the others, from its index.
        body: Makes the rest.
    """

    def __init__(self, head: Callable[[int], Row], body: Callable[[Random], Row]) -> None:
        self._bodies = [orjson.dumps(body(Random(seed)))[1:] for seed in range(_VARIANTS)]  # noqa: S311
        self._head = lru_cache(1 << 17)(lambda index: orjson.dumps(head(index))[:-1] + b",")

    def one(self, index: int) -> bytes:
        """Return an invoice as JSON."""
        return bytes(self._head(index) + self._bodies[index % _VARIANTS])

    def some(self, indexes: range) -> bytes:
        """Return invoices as the inside of a JSON array."""
        head, bodies = self._head, self._bodies
        return b",".join([head(index) + bodies[index % _VARIANTS] for index in indexes])


def moment(index: int) -> str:
    """Return when an invoice was last changed."""
    return (EPOCH + index * STEP).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def changed(count: int, since: str | None, until: str | None) -> range:
    """Return the indexes of those of ``count`` invoices that were changed in a span of time, both ends included."""
    first = -((EPOCH - datetime.fromisoformat(since)) // STEP) if since else 0
    last = (datetime.fromisoformat(until) - EPOCH) // STEP + 1 if until else count
    return range(count)[max(0, first) : max(0, last)]


def uuid(kind: int, index: int) -> str:
    """Return an id that no other kind has."""
    return f"{kind:08d}-0000-4000-8000-{index:012d}"


def price(die: Random) -> float:
    """Return an amount of money."""
    return die.randrange(100, 9_000_000) / 100
