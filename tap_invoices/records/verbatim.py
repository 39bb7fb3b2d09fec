"""Rows that need no change go out as the bytes that came: checked in C against the schema, never rebuilt.

That is about five times as fast as fitting them in Python, and applies to a whole page or not at all: one row with an
unknown field, another type, or a time that is not in UTC, and the page takes the general way.
"""

from __future__ import annotations

import codecs
import datetime as dt
import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import msgspec

from tap_invoices.records.conform import ADDITIONAL
from tap_invoices.records.decode import decode, has_odd_text

Check = msgspec.json.Decoder[Any]

_PAGE = msgspec.json.Decoder(
    dict[str, list[msgspec.Raw] | dict[str, Any] | str | int | bool | None],
    float_hook=Decimal,
)
_TEXT_TYPES = {
    None: str,
    "date": dt.date,
    "date-time": Annotated[dt.datetime, msgspec.Meta(tz=True)],
}
_PLAIN_TYPES = {"integer": int, "number": int | float, "boolean": bool}
"""Floats only check that there is a number, which takes no text for one as ``Decimal`` would; the bytes go out."""

# After a colon, which every time has: seconds with an offset or a small z, or the minutes behind a space or a small t.
_TIME_TO_REWRITE = re.compile(
    rb':(?:(?<=[t ]\d\d:)\d\d:\d\d|\d\d(?:\.\d+)?(?:[-+]\d\d:?\d\d|z)")',
)
_HINTS = {
    b"+": re.compile(rb'\+\d\d:?\d\d"'),
    b"-": re.compile(rb'-[0-3]\d[:t \d]\d(?:\d[":]|")'),
    b"z": re.compile(rb'z(?<=\dz)"'),
}
"""What such a time holds beside colons, by its first character, for which a page is searched twice as fast."""
_ESCAPED = re.compile(rb"\\u00(?:2[0bBdDeE]|3[0-9aA]|[57](?:4|[aA]))")
"""Any character of a time as an escape, which JSON allows."""
_END = f',"{ADDITIONAL}":null'.encode()
_PIECE = 4 * 1024
"""Bytes of a page that are looked at together; larger pieces leave holes in the heap, of 15 MB in all."""
_GIVE_UP_AFTER = 10
"""A provider of which so many pages in a row need a change is not asked for verbatim rows again."""


class VerbatimRow(msgspec.Struct, frozen=True, gc=False):
    """A record's message as it goes out, and what the tap must know of the record."""

    line: bytes
    key: str
    changed: dt.datetime | None
    """The replication value, rounded to microseconds, so maybe up."""

    def record(self) -> dict[str, Any]:
        """Return the record, to the last digit."""
        record: dict[str, Any] = decode(self.line)["record"]
        return record


class VerbatimDecoder:
    """Decodes pages of which all rows fit the schema as they are.

    Args:
        check: Of the stream's JSON schema.
        rows: Field of the page that holds the rows.
        key: The rows' key.
        changed: Their replication key, a date-time.
        around: Returns what stands in a message before a record, and after its last field.
    """

    def __init__(
        self,
        check: Check,
        rows: str,
        key: str,
        changed: str,
        around: Callable[[], tuple[bytes, bytes]],
    ) -> None:
        self._around = around
        self._rows = rows
        self._key = key
        self._changed = changed
        self._check = check
        self._refused = 0

    def decode(self, body: bytes) -> Any:
        """Return a page's value, with verbatim rows; None if any of them needs a change."""
        if self._refused >= _GIVE_UP_AFTER:
            return None
        value = self._decode(body)
        self._refused = 0 if value is not None else self._refused + 1
        return value

    def _decode(self, body: bytes) -> Any:
        if has_odd_text(body) or b"\n" in body or b"\r" in body or _has_time_to_rewrite(body):
            return None
        try:
            _check_text(body)
            page = _PAGE.decode(body)
            page[self._rows] = list(self._verbatim(page[self._rows]))  # type: ignore[arg-type]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, TypeError, InvalidOperation):
            return None
        return page

    def _verbatim(self, lines: list[msgspec.Raw]) -> Iterator[VerbatimRow]:
        before, after = self._around()
        after = _END + after
        check, key, changed = self._check.decode, self._key, self._changed
        for line in lines:
            row = check(line)
            if not (row_key := getattr(row, key)):
                raise TypeError  # which the general way tells
            message = b"".join((before, memoryview(line)[:-1], after))
            yield VerbatimRow(message, row_key, getattr(row, changed) or None)


def check_of(schema: dict[str, Any]) -> Check:
    """Return what decodes only rows that fit a JSON schema as they are; to make it takes as long as a whole page."""
    return msgspec.json.Decoder(_struct(schema["properties"]))


def _check_text(body: bytes) -> None:
    """Look at all of a body as UTF-8, for decoding passes over what the schema does not know.

    Raises:
        UnicodeDecodeError: If it is not.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(body)
    for start in range(0, len(body), _PIECE):
        decoder.decode(view[start : start + _PIECE])
    decoder.decode(b"", final=True)


def _has_time_to_rewrite(body: bytes) -> bool:
    """Tell whether a time may be in the body that is not of the form ``2025-01-31T12:00:00Z``."""
    if b"\\" in body and _ESCAPED.search(body):
        return True
    is_hinted = any(first in body and pattern.search(body) for first, pattern in _HINTS.items())
    return is_hinted and _TIME_TO_REWRITE.search(body) is not None


def _struct(properties: dict[str, Any]) -> type[msgspec.Struct]:
    """Return a class that takes only what the schema's properties take without a change."""
    fields = [
        (name, msgspec.UnsetType | (None if name == ADDITIONAL else _type(schema)), msgspec.UNSET)
        for name, schema in properties.items()
    ]
    return msgspec.defstruct("Row", fields, forbid_unknown_fields=ADDITIONAL in properties, gc=False)


def _type(schema: dict[str, Any]) -> Any:
    json_type = next(name for name in schema["type"] if name != "null")
    known: Any
    if json_type == "object":
        known = _struct(schema["properties"]) if "properties" in schema else dict[str, msgspec.Raw]
    elif json_type == "array":
        known = list[_type(schema["items"])] if "items" in schema else list[msgspec.Raw]  # type: ignore[misc]
    elif json_type == "string":
        known = _TEXT_TYPES[schema.get("format")]
    else:
        known = _PLAIN_TYPES[json_type]
    return known | None if "null" in schema["type"] else known
