"""What is deselected within a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Path = tuple[str, ...]
"""Names of fields, from the record down; those of an array's objects follow the array's."""


class Deselected:
    """The fields that are not selected.

    Args:
        mask: Breadcrumb of a field → whether it is selected.
    """

    def __init__(self, mask: Mapping[Path, bool]) -> None:
        self.paths = [_path(breadcrumb) for breadcrumb, selected in mask.items() if not selected]
        self._nested = [path for path in self.paths if len(path) > 1]

    def removed_from(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return a record without those in nested objects, of which the SDK leaves those in an array's."""
        for path in self._nested:
            _remove(record, path)
        return record


def _path(breadcrumb: Path) -> Path:
    """Return the names that follow each `properties`."""
    crumbs = iter(breadcrumb)
    return tuple(next(crumbs, "") for crumb in crumbs if crumb == "properties")


def _remove(value: Any, path: Path) -> None:
    if isinstance(value, list):
        for item in value:
            _remove(item, path)
    elif isinstance(value, dict):
        if path[1:]:
            _remove(value.get(path[0]), path[1:])
        else:
            value.pop(path[0], None)
