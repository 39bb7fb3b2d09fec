"""Bytes to JSON values, exactly: numbers with a point become ``Decimal``, text loses only what no database takes."""

from __future__ import annotations

import codecs
import re
from decimal import Decimal
from typing import Any

import msgspec

from tap_invoices.errors import BodyError

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])

# NULs and surrogates can only arrive as escapes: raw ones are not valid JSON in UTF-8.
_ODD = rb"\\u(?:0000|[dD][89a-fA-F])"
_ODD_ESCAPE = re.compile(_ODD)
_KEPT_OR_ODD = re.compile(
    rb"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"  # a backslash; a pair, which is one character
    rb"|" + _ODD + rb"(?:(?<=0000)|[0-9a-fA-F]{2})"
)


def decode(body: bytes) -> Any:
    """Return the JSON value of a response's body, free of NULs and lone surrogates.

    Raises:
        BodyError: If the body is not JSON.
    """
    try:
        return _DECODER.decode(_without_odd_text(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _no_json(body) from None


def split_array(body: bytes) -> list[msgspec.Raw]:
    """Return the items of a body that is one JSON array, undecoded.

    Raises:
        BodyError: If the body is not a JSON array.
    """
    try:
        return _ITEMS.decode(_without_odd_text(body))
    except msgspec.ValidationError:
        msg = "the answer is JSON, but not an array"
        raise BodyError(msg) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _no_json(body) from None


def has_odd_text(body: bytes) -> bool:
    """Tell whether a body may hold NULs or lone surrogates."""
    return b"\\" in body and _ODD_ESCAPE.search(body) is not None


def _without_odd_text(body: bytes) -> bytes:
    body = body.removeprefix(codecs.BOM_UTF8)
    return _KEPT_OR_ODD.sub(rb"\1", body) if has_odd_text(body) else body


def _no_json(body: bytes) -> BodyError:
    return BodyError(f"the body ({len(body)} bytes) is not JSON")
