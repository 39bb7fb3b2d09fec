"""JSON from bytes and back, exactly: numbers with a point are ``Decimal``, text loses only what no database takes."""

from __future__ import annotations

import codecs
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from tap_invoices.errors import BodyError


def _number(digits: str) -> Decimal | str:
    try:
        return Decimal(digits)
    except InvalidOperation:
        return digits


_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_PATIENT_DECODER = msgspec.json.Decoder(float_hook=_number)
"""Takes numbers beyond all bounds too, more slowly."""
encode = msgspec.json.Encoder(decimal_format="number").encode
"""Returns a value as JSON, in which each number has its own digits."""

_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:+-]{1,40})""", re.ASCII | re.IGNORECASE)
_UTF8 = ("utf-8", "utf8", "us-ascii", "ascii")
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Bytes that JSON in UTF-8 has not, and other charsets have."""
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

    A number whose exponent is beyond all bounds stays the text that it is in the body.

    Raises:
        BodyError: If the body is not JSON.
    """
    try:
        text = _without_odd_text(body)
        try:
            return _DECODER.decode(text)
        except InvalidOperation:
            return _PATIENT_DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _no_json(body) from None


def to_utf8(body: bytes, content_type: str | None) -> bytes:
    """Return JSON in the one charset that it may have: UTF-8, or else what its Content-Type names.

    Raises:
        BodyError: If it is in neither.
    """
    charset = _CHARSET.search(content_type or "")
    if charset is None or _is_utf8(body, charset[1]):
        return body
    try:
        return body.decode(charset[1]).encode()
    except ValueError:
        msg = f"the body ({len(body)} bytes) is not in the charset {charset[1]}, which its Content-Type names"
    except LookupError:
        msg = f"the body ({len(body)} bytes) is in a charset that is not known: {charset[1]}"
    raise BodyError(msg)


def _is_utf8(body: bytes, charset: str) -> bool:
    """Tell whether a body is in UTF-8, which servers send under other names too."""
    if charset.lower() in _UTF8:
        return True
    try:
        _ = body.decode()
    except UnicodeDecodeError:
        return False
    return not _CONTROLS.search(body)


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
    try:
        _ = body.decode()
    except UnicodeDecodeError:
        return BodyError(f"the body ({len(body)} bytes) is not JSON in UTF-8")
    return BodyError(f"the body ({len(body)} bytes) is not JSON")
