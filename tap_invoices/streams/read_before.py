"""Which documents earlier syncs have read, so that a row of what one said is not replaced by one without."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any

from tap_invoices.paging.keys import is_key

if TYPE_CHECKING:
    from tap_invoices.streams.pending import Pending

_UNDATED = ""


class ReadBefore:
    """Remembers documents by the replication values of their invoices, as far back as the next sync looks.

    Args:
        given: What the state holds of them; None if there has been no sync.
    """

    def __init__(self, given: Mapping[str, Any] | None) -> None:
        self._since: str | None = given["since"] if given else None
        """What is older may have been read, whether it is remembered or not."""
        by_value: Mapping[str, list[str]] = given["items"] if given else {}
        self._values = {item: value or None for value, items in by_value.items() for item in items}
        self._given = frozenset(self._values)

    @staticmethod
    def understands(given: Any) -> bool:
        """Tell whether it is what :meth:`kept` returns."""
        if given is None:
            return True
        items = given.get("items") if isinstance(given, Mapping) else None
        return (
            isinstance(items, Mapping)
            and isinstance(given.get("since"), str)
            and all(isinstance(each, list) and all(map(is_key, each)) for each in items.values())
        )

    def may_hold(self, due: Pending) -> bool:
        """Tell whether an earlier sync has read an item's document, or may have. Any thread may ask."""
        if due.id in self._given:
            return True
        return self._since is not None and due.value is not None and due.value < self._since and not due.again

    def add(self, item: str, value: str | None) -> None:
        """Take note of a document whose row has been emitted."""
        self._values[item] = value

    def kept(self, since: str, failed: Container[str]) -> dict[str, Any]:
        """Return what the next sync must know, which reads from a value on, and what could not be had before.

        The rest is forgotten.
        """
        self._values = {
            item: value for item, value in self._values.items() if value is None or value >= since or item in failed
        }
        by_value: dict[str, list[str]] = {}
        for item, value in self._values.items():
            by_value.setdefault(value or _UNDATED, []).append(item)
        return {"since": since, "items": by_value}
