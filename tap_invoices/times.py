"""Times as the tap writes them: UTC, with ``Z``; bookmarks in one fixed width, so that text sorts as time does."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from email.utils import parsedate_to_datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAST_SECONDS, _MOST_SECONDS = 100_000_000, 50_000_000_000
"""From 1973 to about 3554: what is smaller is a year or a date without its hyphens."""
_LEAST_MILLISECONDS, _MOST_MILLISECONDS = 10**12, 5 * 10**12
"""From 2001 to 2128, which is 13 digits: a date and a time without separators are 12 or 14."""
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII)
_CANONICAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", re.ASCII)


def parse(value: str, zone: tzinfo = UTC) -> datetime:
    """Read an RFC 3339 time or a plain date; without an offset it counts as of the zone.

    Raises:
        ValueError: If it is neither.
    """
    if not _TIME.fullmatch(value):  # ISO 8601 has forms, such as week dates, that nobody means
        msg = "not an RFC 3339 time"
        raise ValueError(msg)
    time = datetime.fromisoformat(value.upper())
    return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)


def rfc3339(time: datetime) -> str:
    """Write a time as ``2025-01-31T12:00:00Z``, with microseconds only where there are any."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_utc(value: str | int | Decimal) -> str | None:
    """Return a provider's time in UTC with ``Z``; what already is so stays as it came.

    Numbers, and texts of digits, are seconds or milliseconds since 1970, and 0 is no time.

    Raises:
        ValueError: If it cannot be read as a time.
    """
    if not isinstance(value, str):
        return _from_epoch(value)
    if not value:
        return None
    if _CANONICAL.fullmatch(value):
        datetime.fromisoformat(value)  # which refuses the 30th of February
        return value
    if value.isascii() and value.isdecimal():
        return _from_epoch(int(value))
    return rfc3339(parse(value))


def _from_epoch(number: int | Decimal) -> str | None:
    if not number:
        return None
    if _LEAST_SECONDS <= number < _MOST_SECONDS:
        return rfc3339(_EPOCH + timedelta(microseconds=int(number * 1_000_000)))
    if _LEAST_MILLISECONDS <= number < _MOST_MILLISECONDS:
        return rfc3339(_EPOCH + timedelta(microseconds=int(number * 1_000)))
    msg = "not a number of seconds or milliseconds since 1970"
    raise ValueError(msg)


def to_date(value: str) -> str | None:
    """Return a plain ``YYYY-MM-DD``; midnight in UTC counts as its day.

    Raises:
        ValueError: If it is no date, or has a time of day.
    """
    if not value:
        return None
    time = parse(value)
    if time.time() != datetime.min.time():
        msg = "a time of day where a date should be"
        raise ValueError(msg)
    return time.date().isoformat()


def shift(day: str, days: int) -> str:
    """Return the day so many days later, or earlier; not beyond the first and the last that there are."""
    ordinal = date.fromisoformat(day).toordinal() + days
    return date.fromordinal(min(max(date.min.toordinal(), ordinal), date.max.toordinal())).isoformat()


def bookmark(time: datetime) -> str:
    """Write a time in the one fixed-width form that bookmarks have."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_http(value: str | None) -> datetime | None:
    """Read an HTTP date, as in the ``Date`` and ``Retry-After`` headers, in UTC; None if it is none that exists."""
    try:
        time = parsedate_to_datetime(value or "")
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):  # the parser lets its own arithmetic fail
        return None


def latest(*values: str | int | Decimal | None) -> str | None:
    """Return the latest of a provider's times, in UTC; those that cannot be read do not count."""
    found = []
    for value in values:
        try:
            utc = to_utc(value) if value is not None else None
        except (ValueError, TypeError, OverflowError):
            continue
        if utc is not None:
            found.append(utc)
    return max(found, key=parse, default=None)
