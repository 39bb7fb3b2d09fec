"""Strict readings of parameters: each returns the value meant, or raises ValueError saying what it must be."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[str], Any]

_WHOLE = re.compile("[0-9]{1,9}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)")


def text(value: str) -> str:
    """Any text."""
    return value


def listed(value: str) -> list[str]:
    """Texts with commas between them."""
    return value.split(",")


def whole(low: int, high: int | None = None) -> Check:
    """A whole number from ``low`` to ``high``."""

    def check(value: str) -> int:
        if not _WHOLE.fullmatch(value) or int(value) < low or (high is not None and int(value) > high):
            msg = f"must be a whole number of at least {low}" + ("" if high is None else f" and at most {high}")
            raise ValueError(msg)
        return int(value)

    return check


def choice(*names: str) -> Check:
    """One of the names."""

    def check(value: str) -> str:
        if value not in names:
            msg = f"must be one of: {', '.join(names)}"
            raise ValueError(msg)
        return value

    return check


def day(value: str) -> str:
    """A date such as 2026-03-01."""
    if not _DAY.fullmatch(value):
        msg = "must be a date in the form YYYY-MM-DD"
        raise ValueError(msg)
    return date.fromisoformat(value).isoformat()


def moment(value: str) -> datetime:
    """A date, or a date-time of RFC 3339 with its zone; a date is its first moment in UTC."""
    if _DAY.fullmatch(value):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    if not _MOMENT.fullmatch(value):
        msg = "must be a date or a date-time of RFC 3339"
        raise ValueError(msg)
    return datetime.fromisoformat(value)


def moment_or_none(value: object) -> datetime | None:
    """Any value as a moment, None if it is none."""
    try:
        return moment(str(value))
    except ValueError:
        return None
