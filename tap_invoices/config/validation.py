"""Faults in the settings, each as one line that says what, where and what to do, never with a value that is secret."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from fsspec.core import split_protocol
from fsspec.registry import get_filesystem_class

from tap_invoices import times
from tap_invoices.config import shape
from tap_invoices.streams.documents import MAX_BYTES

if TYPE_CHECKING:
    from tap_invoices.providers.base import Provider

_VERSION = re.compile(r"/v\d+/")
_VERSION_AT_END = re.compile(r"(?:/api)?/v\d+(?:/[a-z/]*invoices?)?/*$")
_LINE_END = re.compile(r"[\r\n\0]")
_NO_URL = re.compile(r"[\s\x00-\x20\x7f]")
_TOLD = 20
"""So many faults are told at once."""


def problems(schema: Mapping[str, Any], config: Mapping[str, Any], providers: Iterable[Provider]) -> list[str]:
    """Return what is wrong with the settings, a line each and the first twenty; empty when all is well."""
    providers = tuple(providers)
    told = shape.faults(schema, config)
    rest = shape.without(told, config)
    on = [provider for provider in providers if provider.is_configured(config)]
    for path, what in _rules(rest, providers, on):
        told.setdefault(path, f"`{path}` {what}")
    found = list(told.values())
    if rest.get("batch_config") and (rest.get("stream_maps") or rest.get("flattening_enabled")):
        found.append(
            "`batch_config` writes records as they come, before `stream_maps` and flattening: take one of them out"
        )
    if not found and not on:
        names = ", ".join(provider.name for provider in providers)
        found.append(f"no provider is configured: give the required settings of at least one of {names}")
    return found if len(found) <= _TOLD else [*found[:_TOLD], f"and {len(found) - _TOLD} more faults in the settings"]


def doubts(config: Mapping[str, Any]) -> list[str]:
    """Return what is odd about good settings, a line each."""
    start_date = config.get("start_date")
    if start_date and times.parse(start_date) > datetime.now(UTC):
        return [f"`start_date` lies in the future ({start_date}): nothing that is dated before it is read"]
    return []


# Rules: each fault is the path of a setting, and what is wrong there. They look at the tap's own settings alone, for
# other objects, such as `stream_map_config`, hold names of the user's.


def _rules(
    config: Mapping[str, Any], providers: Iterable[Provider], on: Iterable[Provider]
) -> Iterator[tuple[str, str]]:
    yield from _texts("", config)
    yield from _start_date(config.get("start_date"))
    if (bundle := config.get("ca_bundle")) and not Path(bundle).is_file():
        yield "ca_bundle", "is not a file that can be read"
    yield from _storage("ledger_url", config.get("ledger_url"))
    for provider in providers:
        yield from _texts(f"{provider.name}.", config.get(provider.name) or {})
    for provider in on:
        yield from _provider(provider, config)
    yield from _texts("documents.", config.get("documents") or {})
    yield from _documents(config.get("documents") or {})


def _texts(path: str, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield faults in the texts of one object."""
    for name, value in config.items():
        if isinstance(value, str) and _LINE_END.search(value):
            yield f"{path}{name}", "has a line end in it"


def _start_date(value: str | None) -> Iterator[tuple[str, str]]:
    try:
        times.parse(value or "1970-01-01")
    except (ValueError, OverflowError):
        yield "start_date", "must be a date that exists, such as 2025-01-31 or 2025-01-31T00:00:00Z"


def _provider(provider: Provider, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    given: Mapping[str, Any] = config.get(provider.name) or {}
    for setting in provider.settings:
        path = f"{provider.name}.{setting.name}"
        value = given.get(setting.name)
        if setting.required and not value:
            yield path, f"is required for {provider.title}"
        elif value and setting.name.endswith("_url"):
            yield from _url(path, value, allow_http=bool(config.get("allow_http")))
            if setting.name == "api_url":
                yield from _doubled_version(path, value, provider)
        elif value and setting.name == "time_zone" and value not in available_timezones():
            yield path, "must be a time zone such as Europe/Amsterdam"


def _url(path: str, value: str, *, allow_http: bool) -> Iterator[tuple[str, str]]:
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or _NO_URL.search(value):
        yield path, "must be a URL such as https://api.example.com"
    elif parts.username or parts.password or parts.query or parts.fragment:
        yield path, "must be a plain URL, without user, query or fragment"
    elif parts.scheme == "http" and not (allow_http or _is_loopback(host)):
        yield path, "must be https://, or set `allow_http` to send credentials in the clear"


def _doubled_version(path: str, value: str, provider: Provider) -> Iterator[tuple[str, str]]:
    """Refuse an end that the streams' paths begin with, which the API would answer as best it can."""
    doubled = _VERSION_AT_END.search(value)
    if doubled and any(_VERSION.search(stream.path) for stream in provider.streams):  # type: ignore[misc]
        yield path, f"must end before {doubled[0]}, which the tap adds itself"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _documents(documents: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    mode = documents.get("mode")
    if not mode and any(documents.get(name) for name in ("url", "storage_options")):
        yield "documents.mode", f"is required: {' or '.join(MAX_BYTES)}"
    if documents.get("read_xml") and find_spec("pypdf") is None:
        yield "documents.read_xml", "needs pip install 'tap-invoices[einvoice]'"
    if mode == "files" and not documents.get("url"):
        yield "documents.url", "is required when `documents.mode` is files"
    yield from _storage("documents.url", documents.get("url"))


def _storage(path: str, url: str | None) -> Iterator[tuple[str, str]]:
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
