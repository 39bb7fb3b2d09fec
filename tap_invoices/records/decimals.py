"""Amounts as text, for targets that make doubles of numbers: each with its own digits, in plain notation."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

_MOST_ZEROS = 400
"""More than any amount has; ``1E+999999999`` would take a gigabyte."""


def plain(number: int | Decimal) -> str:
    """Return a number's digits, without an exponent."""
    is_short = isinstance(number, Decimal) and abs(number.adjusted()) <= _MOST_ZEROS
    return f"{number:f}" if is_short else str(number)


def with_text(value: Any, schema: dict[str, Any]) -> Any:
    """Return a value that fits a schema with its numbers as text, but for those that the schema knows as integers."""
    if isinstance(value, dict):
        known = schema.get("properties", {})
        return {name: with_text(item, known.get(name, {})) for name, item in value.items()}
    if isinstance(value, list):
        items = schema.get("items", {})
        return [with_text(item, items) for item in value]
    is_number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    return plain(value) if is_number and "integer" not in schema.get("type", ()) else value


def text_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of such values."""
    changed = dict(schema)
    if "number" in schema.get("type", ()):
        changed["type"] = ["string" if name == "number" else name for name in schema["type"]]
    if "properties" in schema:
        changed["properties"] = {name: text_schema(each) for name, each in schema["properties"].items()}
    if "items" in schema:
        changed["items"] = text_schema(schema["items"])
    return changed
