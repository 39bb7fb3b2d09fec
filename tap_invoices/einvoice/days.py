"""Days as they are printed on an invoice, from the times and texts that providers send."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

from tap_invoices import times

_GERMAN = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_BASIC = re.compile(r"(\d{4})(\d\d)(\d\d)(?:\d{4}|\d{6})?", re.ASCII)
_OFFSET = re.compile(r"(?:[Zz]|[+-]\d\d:?\d\d)\Z", re.ASCII)
_DAY = len("2025-01-31")
_cached = lru_cache(4096)
"""Of many invoices, most days are the same."""


@_cached
def day(time: str | None, zone: ZoneInfo) -> str | None:
    """Return the day that it was in a zone; a plain date stays as it is.

    East of Greenwich this is right for midnight there and for midnight in UTC, which is later on the same day there.
    """
    value = (time or "").strip()
    try:
        moment = times.parse(value)
        return (moment if len(value) == _DAY else moment.astimezone(zone)).date().isoformat()
    except (ValueError, OverflowError):
        return None


@_cached
def text_day(value: str | None, zone: ZoneInfo) -> str | None:
    """Return the day of a text: a date, DD.MM.YYYY, or a time, which without an offset is one of the issuer's.

    What can be read in two ways, such as 11/07/2023, is not known.
    """
    found = (value or "").strip()
    if german := _GERMAN.fullmatch(found):
        return _date(*reversed(german.groups()))
    return day(found, zone) if _OFFSET.search(found, _DAY) else _written(found)


def basic_day(value: str | None) -> str | None:
    """Return the day of YYYYMMDD, with or without a time of day."""
    found = _BASIC.fullmatch((value or "").strip())
    return _date(*found.groups()) if found else None


def _written(time: str) -> str | None:
    try:
        times.parse(time)
    except ValueError:
        return None
    return time[:_DAY]


def _date(year: str, month: str, of_month: str) -> str | None:
    try:
        return date(int(year), int(month), int(of_month)).isoformat()
    except ValueError:
        return None
