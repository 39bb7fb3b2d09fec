"""What goes over the wire: a request as it came, an answer as it leaves."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_ASCII = re.compile("[^\x00-\x7f]")


@dataclass
class Request:
    """One request as it came."""

    provider: str
    method: str
    path: str
    """Without the query, quoted as it came."""
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    """Names in any case."""
    body: bytes
    time: float
    """When it came, in seconds on the monotonic clock."""
    status: int = 0
    """Of the answer; 0: none has gone out."""
    account: str = ""
    """Whose credentials or token it shows; "": nobody's."""

    @property
    def bearer(self) -> str:
        """The token of the Authorization header, "" without one."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return token if scheme == "Bearer" else ""


@dataclass
class Answer:
    """One answer, and what is to go wrong while it is sent."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    """Seconds to wait before the first byte."""
    drip: float = 0
    """Seconds between one byte of the body and the next; 0 sends it at once."""
    cut: int | None = None
    """Close the connection after so many bytes of the body."""
    reset: bool = False
    """Close it by a reset; with a cut at 0 before the headers too."""

    @classmethod
    def of(cls, value: object, status: int = 200) -> Answer:
        """Return a JSON answer."""
        return cls(status, to_json(value), {"Content-Type": "application/json"})

    @classmethod
    def html(cls, text: str, status: int = 200) -> Answer:
        """Return a web page."""
        return cls(status, f"<!DOCTYPE html>\n<p>{text}</p>\n".encode(), {"Content-Type": "text/html; charset=utf-8"})

    @classmethod
    def redirect(cls, url: str, status: int = 302) -> Answer:
        """Return a redirect."""
        return cls(status, b"", {"Location": url})

    @classmethod
    def pdf(cls, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Return a PDF file."""
        return cls(200, body, {"Content-Type": "application/pdf", **(headers or {})})

    def pieces(self) -> Iterator[bytes]:
        """Yield what is sent of the body: at once, or byte by byte."""
        sent = self.body[: self.cut]
        size = 1 if self.drip else max(len(sent), 1)
        yield from (sent[start : start + size] for start in range(0, len(sent), size))


def to_json(value: object, *, ascii_only: bool = False) -> bytes:
    """Return JSON with each decimal's own digits; lone surrogates are escaped, on demand all that is not ASCII."""
    try:
        body = _ENCODER.encode(value)
    except UnicodeEncodeError:
        body = _ENCODER.encode(_escaped(value))
    if not ascii_only:
        return body
    return _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], body.decode()).encode()


def _escaped(value: object) -> object:
    if isinstance(value, dict):
        return {name: _escaped(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    if isinstance(value, str) and _SURROGATE.search(value):
        return msgspec.Raw(json.dumps(value).encode())
    return value
