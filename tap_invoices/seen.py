"""Which keys a pass over a list has brought, in 11 to 16 bytes for each."""

from __future__ import annotations

from array import array
from collections.abc import Hashable

_SHARDS = 64
_FIRST_SIZE = 64
_MASK = 0xFFFF_FFFF_FFFF_FFFF


class Seen:
    """A set of keys, kept as 64-bit hashes in open addressing.

    Two of a million keys share a hash once in 37 million runs. Many small tables grow one after
    the other, so growing never doubles the memory at once.
    """

    def __init__(self) -> None:
        self._tables = [array("Q", bytes(8 * _FIRST_SIZE)) for _ in range(_SHARDS)]
        self._used = [0] * _SHARDS

    def __len__(self) -> int:
        return sum(self._used)

    def __contains__(self, key: Hashable) -> bool:
        hashed = _hash(key)
        table = self._tables[hashed % _SHARDS]
        return table[_slot(table, hashed)] == hashed

    def add(self, key: Hashable) -> bool:
        """Add a key; tell whether it is new."""
        hashed = (hash(key) & _MASK) or 1  # in these words, for it is done for every row
        shard = hashed % _SHARDS
        table = self._tables[shard]
        size = len(table)
        slot = (hashed >> 6) % size
        while found := table[slot]:
            if found == hashed:
                return False
            slot = (slot + 1) % size
        table[slot] = hashed
        self._used[shard] += 1
        if self._used[shard] * 4 > size * 3:
            self._tables[shard] = _grown(table)
        return True


def _hash(key: Hashable) -> int:
    return (hash(key) & _MASK) or 1


def _slot(table: array[int], hashed: int) -> int:
    size = len(table)
    slot = (hashed >> 6) % size
    while table[slot] not in (0, hashed):
        slot = (slot + 1) % size
    return slot


def _grown(table: array[int]) -> array[int]:
    """Return a table half as large again: so it is never less than half full, and a key takes 16 bytes at most."""
    larger = array("Q", bytes(8 * (len(table) * 3 // 2)))
    for hashed in table:
        if hashed:
            larger[_slot(larger, hashed)] = hashed
    return larger
