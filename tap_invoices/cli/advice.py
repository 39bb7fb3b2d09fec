"""What helps against what went wrong, in the names of a provider's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tap_invoices.errors import FatalAPIError, SyncError
from tap_invoices.http import machine
from tap_invoices.http.causes import cause_of, describe

if TYPE_CHECKING:
    from tap_invoices.http.answers import Portal


def explain(error: Exception, url: str, portal: Portal, config: Mapping[str, Any]) -> str:
    """Say what went wrong at a URL, and what helps; never what was sent or answered."""
    told = error if isinstance(error, SyncError) else machine.fault(error) or error
    cause = cause_of(told)
    if isinstance(told, FatalAPIError) or cause is None or not cause.cure:
        return describe(told)
    return f"{describe(told)}: {cause.cure.format(**portal.names, urls=_settings_of(url, portal, config))}"


def _settings_of(url: str, portal: Portal, config: Mapping[str, Any]) -> str:
    """Name the settings that lead to a URL's host."""
    given = {name: value for name, value in config.items() if name.endswith("_url") and value}
    host = urlsplit(url).hostname
    names = [name for name, value in given.items() if urlsplit(value).hostname == host] or list(given)
    return " and ".join(f"`{portal.name}.{name}`" for name in names)
