"""Replication values: in one fixed-width UTC form, and what is due by them. Text of one width sorts as time does."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tap_invoices import times


def to_text(time: datetime, *, is_date: bool) -> str:
    """Return a time in the form that bookmarks have."""
    return time.date().isoformat() if is_date else times.bookmark(time)


def normalise(value: Any, *, is_date: bool) -> str | None:
    """Return a replication value in the form that bookmarks have; None if it is none."""
    try:
        if is_date:
            return times.to_date(str(value)[:10]) if value else None
        utc = times.to_utc(value) if value is not None else None
        return times.bookmark(times.parse(utc)) if utc else None
    except (ValueError, TypeError, ArithmeticError):
        return None


def day_of(value: str) -> str:
    """Return the day, in UTC, of a replication value in the form that bookmarks have."""
    return value[:10]


def is_due(value: str | None, since: str | None) -> bool:
    """Tell whether a replication value lies at or after a start; what has none may have changed, and is due."""
    return since is None or value is None or value >= since
