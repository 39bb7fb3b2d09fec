"""Keys of rows, and the set of those that a pass has brought, in some 12 bytes a key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from struct import Struct
from typing import Any, NamedTuple

_SHARDS = 4096
_bytes = Struct("q").pack


class KeySet:
    """A set of keys, kept as 64-bit hashes in many short arrays of bytes, each of which is searched in C.

    Two of a million keys share a hash once in 37 million runs; one hash is found across the border of two others
    far more rarely.
    """

    def __init__(self) -> None:
        self._shards: defaultdict[int, bytearray] = defaultdict(bytearray)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: Hashable) -> bool:
        hashed = hash(key)
        return _bytes(hashed) in self._shards.get(hashed % _SHARDS, b"")

    def add(self, key: Hashable) -> bool:
        """Add a key; tell whether it is new."""
        hashed = hash(key)
        shard, code = self._shards[hashed % _SHARDS], _bytes(hashed)
        if code in shard:
            return False
        shard += code
        self._count += 1
        return True


def is_key(value: Any) -> bool:
    """Tell whether a value can be a key, or a part of one: text or a number."""
    return value not in (None, "") and not isinstance(value, (bool, dict, list))


class NoKey(NamedTuple):
    """Stands in for the key of a row that has none, so that the pages of its list can still be told apart."""

    row: str
    """All that the row holds."""


def key_of(row: Mapping[str, Any], names: Sequence[str]) -> Hashable:
    """Return a row's key: one text, or a tuple of texts; a NoKey if a part of it is missing."""
    values = [row.get(name) for name in names]
    if not all(map(is_key, values)):
        return NoKey(repr(row))
    return str(values[0]) if len(values) == 1 else tuple(map(str, values))
