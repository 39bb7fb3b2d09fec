"""Faults in the settings, each as one line that says what, where and what to do, never with a value that is secret."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fsspec.core import split_protocol
from fsspec.registry import get_filesystem_class
from jsonschema import Draft202012Validator

from tap_invoices import times

if TYPE_CHECKING:
    from tap_invoices.provider import Provider

_CHOICES = {"on_short": ("fail", "warn"), "documents.mode": ("files", "inline")}
_AT_LEAST = {
    "lookback_days": 0,
    "max_connections": 1,
    "page_size": 1,
    "max_retry_seconds": 0,
    "max_bytes": 1,
}
_ABOVE_ZERO = ("request_timeout", "requests_per_second")
_MOST = 1_000_000
_HEADER_TEXT = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
_VERSION = re.compile(r"/v\d+/")
_VERSION_AT_END = re.compile(r"(?:/api)?/v\d+(?:/[a-z/]*invoices?)?/*$")
_NOUNS = {"object": "an object", "array": "an array", "integer": "a whole number", "number": "a number"}


def problems(schema: Mapping[str, Any], config: Mapping[str, Any], providers: Iterable[Provider]) -> list[str]:
    """Return all that is wrong with the settings, a line each; empty when all is well."""
    found = [line for error in Draft202012Validator(schema).iter_errors(config) for line in _describe(error)]
    if found:
        return found
    providers = tuple(providers)
    found.extend(_values("", config))
    for provider in providers:
        found.extend(_provider(provider, config))
    found.extend(_documents(config.get("documents") or {}))
    if config.get("batch_config") and (config.get("stream_maps") or config.get("flattening_enabled")):
        found.append(
            "`batch_config` writes records as they come, before `stream_maps` and flattening: take one of them out"
        )
    if not any(provider.is_on(config) for provider in providers):
        names = ", ".join(provider.name for provider in providers)
        found.append(f"no provider is configured: give the required settings of at least one of {names}")
    return found


def _describe(error: Any) -> list[str]:
    path = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        return [_unknown(name, path, known) for name in sorted(set(error.instance) - set(known))]
    if error.validator == "type":
        kinds = error.validator_value
        wanted = [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null"]
        return [f"`{path}` must be {' or '.join(_NOUNS.get(kind, f'a {kind}') for kind in wanted)}"]
    return [f"`{path}` is not valid ({error.validator})"]


def _unknown(name: str, path: str, known: Mapping[str, Any]) -> str:
    full = f"{path}.{name}" if path else name
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    advice = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(sorted(known))}"
    return f"unknown setting `{full}`: {advice}"


def _values(path: str, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield faults in single values, at the top level and in each object."""
    for name, value in config.items():
        full = f"{path}{name}"
        if isinstance(value, Mapping) and not path and name != "stream_maps":
            yield from _values(f"{name}.", value)
        elif value is None:
            continue
        elif full in _CHOICES and value not in _CHOICES[full]:
            yield f"`{full}` must be one of {', '.join(_CHOICES[full])}"
        elif name in _AT_LEAST and value < _AT_LEAST[name]:
            yield f"`{full}` must be at least {_AT_LEAST[name]}"
        elif name in _ABOVE_ZERO and not 0 < value <= _MOST:
            yield f"`{full}` must be more than 0, and no more than {_MOST}"
        elif name == "user_agent" and not _HEADER_TEXT.fullmatch(value):
            yield f"`{full}` has characters that cannot stand in a header, such as a line end or an accent"
    if not path:
        yield from _start_date(config.get("start_date"))
        if (bundle := config.get("ca_bundle")) and not Path(bundle).is_file():
            yield "`ca_bundle` is not a file that can be read"
        yield from _storage("ledger_url", config.get("ledger_url"))


def _start_date(value: str | None) -> Iterator[str]:
    try:
        times.parse(value or "1970-01-01")
    except (ValueError, OverflowError):
        yield "`start_date` must be a date that exists, such as 2025-01-31 or 2025-01-31T00:00:00Z"


def _provider(provider: Provider, config: Mapping[str, Any]) -> Iterator[str]:
    if not provider.is_on(config):
        return
    given: Mapping[str, Any] = config[provider.name]
    for setting in provider.settings:
        path = f"{provider.name}.{setting.name}"
        value = given.get(setting.name)
        if setting.required and not value:
            yield f"`{path}` is required for {provider.title}"
        elif value and setting.name.endswith("_url"):
            yield from _url(path, value, allow_http=bool(config.get("allow_http")))
            if setting.name == "api_url":
                yield from _doubled_version(path, value, provider)
        elif value and setting.at_most and value > setting.at_most:
            yield f"`{path}` must be at most {setting.at_most}"
        elif value and setting.name == "token" and not _HEADER_TEXT.fullmatch(value):
            yield f"`{path}` has characters that cannot stand in a header, such as a line end"


def _url(path: str, value: str, *, allow_http: bool) -> Iterator[str]:
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        yield f"`{path}` must be a URL such as https://api.example.com"
    elif parts.username or parts.password or parts.query or parts.fragment:
        yield f"`{path}` must be a plain URL, without user, query or fragment"
    elif parts.scheme == "http" and not (allow_http or _is_loopback(host)):
        yield f"`{path}` must be https://, or set `allow_http` to send credentials in the clear"


def _doubled_version(path: str, value: str, provider: Provider) -> Iterator[str]:
    """Refuse an end that the streams' paths begin with, which the API would answer as best it can."""
    doubled = _VERSION_AT_END.search(value)
    if doubled and any(_VERSION.search(stream.path) for stream in provider.streams):  # type: ignore[misc]
        yield f"`{path}` must end before {doubled[0]}, which the tap adds itself"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _documents(documents: Mapping[str, Any]) -> Iterator[str]:
    if not any(documents.values()):
        return
    mode = documents.get("mode")
    if not mode:
        yield "`documents.mode` is required: files or inline"
    if mode == "files" and not documents.get("url"):
        yield "`documents.url` is required when `documents.mode` is files"
    yield from _storage("documents.url", documents.get("url"))


def _storage(path: str, url: str | None) -> Iterator[str]:
    protocol, _ = split_protocol(url or "")
    try:
        get_filesystem_class(protocol or "file")
    except ImportError:
        extra = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "adl": "azure"}
        name = extra.get(protocol or "")
        advice = f"pip install 'tap-invoices[{name}]'" if name else "the fsspec library for it"
        yield f"`{path}` needs {advice} for {protocol}:// URLs"
    except ValueError:
        yield f"`{path}` has a scheme that fsspec does not know: {protocol}://"
