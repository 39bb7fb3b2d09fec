"""What helps against what went wrong, in the names of a provider's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tap_invoices.errors import BodyError, RetriableAPIError, SyncError
from tap_invoices.http import machine
from tap_invoices.http.retry import describe

if TYPE_CHECKING:
    from tap_invoices.http.answers import Portal

_CURES = {
    "the host name is not known": "check {urls}",
    "the connection is refused": "check {urls}, the port too",
    "no connection in time": "check {urls}, and that no firewall is between",
    "no answer in time": "try again later, or raise `request_timeout`",
    "the proxy refuses": "check HTTPS_PROXY and NO_PROXY in the environment",
}
_OTHER_CURE = "check {urls}, or try again later"

_TLS_FAULTS = {
    "WRONG_VERSION_NUMBER": "no TLS is spoken there: check the port and the https:// of {urls}",
    "has expired": "the TLS certificate has expired: check the clock of this machine, or tell {title}",
    "not yet valid": "the TLS certificate is not valid yet: check the clock of this machine",
    "mismatch": "the TLS certificate is for another host: check {urls}",
    "doesn't match": "the TLS certificate is for another host: check {urls}",
}
"""What OpenSSL or urllib3 say, and what to say instead."""


def explain(error: Exception, url: str, portal: Portal, config: Mapping[str, Any]) -> str:
    """Say what went wrong at a URL, and what helps; never what was sent or answered."""
    urls = _settings_of(url, portal, config)
    if isinstance(error, BodyError):
        return f"{error}: check {urls}, for something else may answer there"
    if isinstance(error, RetriableAPIError):
        return f"{error}: try again later"
    if isinstance(error, SyncError):
        return str(error)
    cause, text = describe(error), str(error)
    for sign, sentence in _TLS_FAULTS.items():
        if "TLS" in cause and sign in text:
            return sentence.format(urls=urls, title=portal.title)
    if "`" in cause or machine.fault(error):  # it says what helps
        return cause
    return f"{cause}: {_CURES.get(cause, _OTHER_CURE).format(urls=urls)}"


def _settings_of(url: str, portal: Portal, config: Mapping[str, Any]) -> str:
    """Name the settings that lead to a URL's host."""
    given = {name: value for name, value in config.items() if name.endswith("_url") and value}
    host = urlsplit(url).hostname
    names = [name for name, value in given.items() if urlsplit(value).hostname == host] or list(given)
    return " and ".join(f"`{portal.name}.{name}`" for name in names)
