"""What a provider sends, made to fit the stream's schema: one JSON type for each field, and nothing lost.

A value that cannot be read as its type becomes null; the original goes, under its path, into
``additional_properties``, where the unknown top-level fields go too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_invoices import times

if TYPE_CHECKING:
    from tap_invoices.records.selection import Deselected

Record = dict[str, Any]
Misfits = dict[str, Any]
Reader = Callable[[Any, str, Misfits], Any]
"""Reads a value at a path; raises ``ValueError`` where it does not fit, and notes nested misfits."""

ADDITIONAL = "additional_properties"

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_MOST_DIGITS = 40
_INDEX = re.compile(r"\[\d+\]")


class _Field(NamedTuple):
    read: Reader
    fits: Collection[type] = ()
    """Types of values that stay as they are, which are most: none of them is read."""


class Conformer:
    """Fits rows to a schema and counts what did not fit.

    Args:
        schema: The stream's JSON schema.
        deselected: Fields of which no original is kept.
    """

    def __init__(self, schema: dict[str, Any], deselected: Deselected | None = None) -> None:
        self._fields = _fields({name: s for name, s in schema["properties"].items() if name != ADDITIONAL})
        self.misfits: Counter[str] = Counter()
        """Field, without array indexes → how many values could not be read."""
        self.unknown: Counter[str] = Counter()
        """Top-level field that the schema does not know → in how many rows it came."""
        self.dropped: Counter[str] = Counter()
        """Field, deselected in whole or in part → how many values could not be read, and were kept nowhere."""
        self._deselected = [".".join(path) for path in deselected.paths] if deselected else []

    def __call__(self, row: Record) -> Record:
        """Return the record for a row."""
        misfits: Misfits = {}
        record = _read_fields(row, self._fields, "", misfits)
        unknown = {name: record.pop(name) for name in row if name not in self._fields}
        if self._deselected:
            self._drop_deselected(misfits)
            self._drop_deselected(unknown)
        if misfits:
            self.misfits.update({_INDEX.sub("[]", path) for path in misfits})
        if unknown:
            self.unknown.update(unknown.keys())
        record[ADDITIONAL] = {**unknown, **misfits} or None
        return record

    def _drop_deselected(self, originals: dict[str, Any]) -> None:
        for path in list(originals):
            name = _INDEX.sub("", path)
            if any(_is_within(name, other) or _is_within(other, name) for other in self._deselected):
                del originals[path]
                self.dropped[name] += 1


def _is_within(path: str, other: str) -> bool:
    return f"{path}.".startswith(f"{other}.")


def _read_fields(row: Record, fields: dict[str, _Field], path: str, misfits: Misfits) -> Record:
    record = dict(row)
    for name, value in row.items():
        if value is None or (field := fields.get(name)) is None or type(value) in field.fits:
            continue
        try:
            record[name] = field.read(value, f"{path}{name}", misfits)
        except (ValueError, ArithmeticError):
            record[name] = None
            misfits[f"{path}{name}"] = value
    return record


def _fields(properties: dict[str, Any]) -> dict[str, _Field]:
    return {name: _field(schema) for name, schema in properties.items()}


def _field(schema: dict[str, Any]) -> _Field:
    json_type = next(name for name in schema["type"] if name != "null")
    if json_type == "object":
        return _Field(_object_reader(schema))
    if json_type == "array":
        return _Field(_array_reader(schema))
    if json_type == "string":
        return _TEXT_FIELDS[schema.get("format")]
    return _PLAIN_FIELDS[json_type]


def _object_reader(schema: dict[str, Any]) -> Reader:
    fields = _fields(schema.get("properties", {}))

    def read(value: Any, path: str, misfits: Misfits) -> Any:
        if isinstance(value, dict):
            return _read_fields(value, fields, f"{path}.", misfits) if fields else value
        _nothing(value)
        return None

    return read


def _array_reader(schema: dict[str, Any]) -> Reader:
    read_item = _field(schema["items"]).read if "items" in schema else None

    def read(value: Any, path: str, misfits: Misfits) -> Any:
        if not isinstance(value, list):
            _nothing(value)
            return None
        return (
            value if read_item is None else [_item(read_item, v, f"{path}[{i}]", misfits) for i, v in enumerate(value)]
        )

    return read


def _item(read: Reader, value: Any, path: str, misfits: Misfits) -> Any:
    if value is None:
        return None
    try:
        return read(value, path, misfits)
    except (ValueError, ArithmeticError):
        misfits[path] = value
        return None


def _nothing(value: Any) -> None:
    """Accept the empty text that some providers send for nothing; anything else does not fit."""
    if value != "":
        raise ValueError


def _string(value: Any, _path: str, _misfits: Misfits) -> str:
    if isinstance(value, str):
        return value
    return str(_plain_number(value))


def _number(value: Any, _path: str, _misfits: Misfits) -> int | Decimal | None:
    if not isinstance(value, str):
        return _plain_number(value)
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    _nothing(text)
    return None


def _integer(value: Any, path: str, misfits: Misfits) -> int | None:
    number = _number(value, path, misfits)
    if number is None or isinstance(number, int):
        return number
    if number.adjusted() > _MOST_DIGITS or number != int(number):
        raise ValueError
    return int(number)


def _boolean(value: Any, _path: str, _misfits: Misfits) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    if isinstance(value, int) and value in {0, 1}:
        return bool(value)
    _nothing(value)
    return None


def _date_time(value: Any, _path: str, _misfits: Misfits) -> str | None:
    return times.to_utc(value if isinstance(value, str) else _plain_number(value))


def _date(value: Any, _path: str, _misfits: Misfits) -> str | None:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004  (every misfit is a ValueError here)
    return times.to_date(value)


def _plain_number(value: Any) -> int | Decimal:
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return value
    raise ValueError


_BOOLEANS = {"true": True, "false": False}
_TEXT_FIELDS = {None: _Field(_string, {str}), "date-time": _Field(_date_time), "date": _Field(_date)}
_PLAIN_FIELDS = {
    "number": _Field(_number, {int, Decimal}),
    "integer": _Field(_integer, {int}),
    "boolean": _Field(_boolean, {bool}),
}
