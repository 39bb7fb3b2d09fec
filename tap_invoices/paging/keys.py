"""Keys of rows, and the set of those that a pass has brought, in some 12 bytes a key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from struct import Struct
from typing import Any

from tap_invoices.errors import FatalAPIError

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


def key_of(row: Mapping[str, Any], names: Any, where: str) -> Hashable:
    """Return a row's key: one text, or a tuple of texts.

    Raises:
        FatalAPIError: If a part of it is missing.
    """
    parts = []
    for name in names:
        value = row.get(name)
        if not is_key(value):
            msg = f"a record without its key `{name}` in {where}"
            raise FatalAPIError(msg)
        parts.append(str(value))
    return parts[0] if len(parts) == 1 else tuple(parts)
