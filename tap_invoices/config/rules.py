"""What is wrong with single values: each fault is the path of a setting, and what is wrong there.

They look at the tap's own settings alone, for other objects, such as `stream_map_config`, hold names of the user's.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fsspec.core import split_protocol
from fsspec.registry import get_filesystem_class

from tap_invoices import times

if TYPE_CHECKING:
    from tap_invoices.providers.base import Provider

Told = Iterator[tuple[str, str]]

_VERSION = re.compile(r"/v\d+/")
_VERSION_AT_END = re.compile(r"(?:/api)?/v\d+(?:/[a-z/]*invoices?)?/*$")
_LINE_END = re.compile(r"[\r\n\0]")
_NO_URL = re.compile(r"[\s\x00-\x20\x7f]")


def texts(path: str, config: Mapping[str, Any]) -> Told:
    """Yield faults in the texts of one object."""
    for name, value in config.items():
        if isinstance(value, str) and _LINE_END.search(value):
            yield f"{path}{name}", "has a line end in it"


def start_date(path: str, value: str | None) -> Told:
    """Yield what is wrong with a date."""
    try:
        times.parse(value or "1970-01-01")
    except (ValueError, OverflowError):
        yield path, "must be a date that exists, such as 2025-01-31 or 2025-01-31T00:00:00Z"


def url(path: str, value: str, *, allow_http: bool) -> Told:
    """Yield what is wrong with the root of an API."""
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or _NO_URL.search(value):
        yield path, "must be a URL such as https://api.example.com"
    elif parts.username or parts.password or parts.query or parts.fragment:
        yield path, "must be a plain URL, without user, query or fragment"
    elif parts.scheme == "http" and not (allow_http or is_loopback(host)):
        yield path, "must be https://, or set `allow_http` to send credentials in the clear"


def doubled_version(path: str, value: str, provider: Provider) -> Told:
    """Refuse an end that the streams' paths begin with, which the API would answer as best it can."""
    doubled = _VERSION_AT_END.search(value)
    if doubled and any(_VERSION.search(stream.path) for stream in provider.streams):  # type: ignore[misc]
        yield path, f"must end before {doubled[0]}, which the tap adds itself"


def is_loopback(host: str) -> bool:
    """Tell whether what goes to a host stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def storage(path: str, url: str | None) -> Told:
    """Yield what fsspec lacks for a URL."""
    protocol, _ = split_protocol(url or "")
    try:
        get_filesystem_class(protocol or "file")
    except ImportError:
        extra = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "adl": "azure"}
        name = extra.get(protocol or "")
        advice = f"pip install 'tap-invoices[{name}]'" if name else "the fsspec library for it"
        yield path, f"needs {advice} for {protocol}:// URLs"
    except ValueError:
        yield path, f"has a scheme that fsspec does not know: {protocol}://"
