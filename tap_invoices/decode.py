"""Bytes to JSON values, exactly: numbers with a point become ``Decimal``, text loses only what no database takes."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Never

import msgspec

from tap_invoices.errors import BodyError

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])

# NULs and surrogates can only arrive as escapes: raw ones are not valid JSON in UTF-8.
_ODD_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_ODD_CHARACTER = re.compile("[\x00\ud800-\udfff]")


def decode(body: bytes) -> Any:
    """Return the JSON value of a response's body, free of NULs and lone surrogates.

    Raises:
        BodyError: If the body is not JSON.
    """
    value = _parse(body)
    return _scrub(value) if has_odd_text(body) else value


def split_array(body: bytes) -> list[Any]:
    """Return the items of a body that is one JSON array, undecoded as far as they can be: see :func:`decode_item`.

    Raises:
        BodyError: If the body is not a JSON array.
    """
    try:
        return _ITEMS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        value = decode(body)
    if not isinstance(value, list):
        msg = "the answer is JSON, but not an array"
        raise BodyError(msg)
    return value


def decode_item(item: Any) -> Any:
    """Return the JSON value of an item of an array."""
    return decode(bytes(item)) if isinstance(item, msgspec.Raw) else item


def is_object(item: Any) -> bool:
    """Tell whether an item of an array is a JSON object, without decoding it."""
    return bytes(memoryview(item)[:1]) == b"{" if isinstance(item, msgspec.Raw) else isinstance(item, dict)


def has_odd_text(body: bytes) -> bool:
    """Tell whether a body may hold NULs or lone surrogates."""
    return b"\\" in body and _ODD_ESCAPE.search(body) is not None


def _parse(body: bytes) -> Any:
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:  # The standard library also reads a lone surrogate, which fast decoders refuse.
        return json.loads(body.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError):
        msg = f"the body ({len(body)} bytes) is not JSON"
        raise BodyError(msg) from None


def _refuse(constant: str) -> Never:
    msg = f"{constant} is not JSON"
    raise ValueError(msg)


def _scrub(value: Any) -> Any:
    if isinstance(value, str):
        return _ODD_CHARACTER.sub("", value)
    if isinstance(value, list):
        return [_scrub(item) for item in value]
    if isinstance(value, dict):
        return {_scrub(name): _scrub(item) for name, item in value.items()}
    return value
