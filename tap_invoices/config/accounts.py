"""The accounts of this run, each with settings of its own."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tap_invoices.config import references, values
from tap_invoices.http.account import Account

if TYPE_CHECKING:
    from tap_invoices.config.entries import Entry
    from tap_invoices.config.environment import Variables
    from tap_invoices.providers.base import Provider

_WHERE = ("api_url", "auth_url", "realm")
"""Settings that say at which portal an account is, required or not."""


def expand(config: Mapping[str, Any], entries: Iterable[Entry], variables: Variables) -> list[Account]:
    """Return the accounts that this run reads, in the order of the settings; no secret is read yet.

    The settings must be without faults.
    """
    return [account_of(entry, config, variables) for entry in entries if is_read(entry, config)]


def account_of(entry: Entry, config: Mapping[str, Any], variables: Variables) -> Account:
    """Return an account with its settings over the provider's, the top level's and the defaults."""
    provider = entry.provider
    secrets = [setting for setting in provider.settings if setting.secret]
    settings = values.effective(provider, config, entry.settings)
    forms = {form for setting in secrets for form in setting.forms}
    return Account(
        provider.name,
        entry.name,
        {name: value for name, value in settings.items() if name not in forms},
        {setting.name: references.reader(entry, setting, variables) for setting in secrets},
        credentials(provider),
        entry.place_of(forms),
    )


def credentials(provider: Provider) -> tuple[str, ...]:
    """Return the settings that tell one account at a provider from another."""
    return tuple(setting.name for setting in provider.settings if setting.required or setting.name in _WHERE)


def is_read(entry: Entry, config: Mapping[str, Any]) -> bool:
    """Tell whether this run reads an account, or passes its bookmarks on."""
    return entry.is_enabled and is_chosen(entry, config.get("only_accounts")) and _is_of_shard(entry, config)


def is_chosen(entry: Entry, only: Iterable[str] | None) -> bool:
    """Tell whether an account is among those that are to be read alone."""
    return only is None or not {entry.name, f"{entry.provider.name}/{entry.name}"}.isdisjoint(only)


def _is_of_shard(entry: Entry, config: Mapping[str, Any]) -> bool:
    part, _, parts = (config.get("shard") or "0/1").partition("/")
    return binascii.crc32(f"{entry.provider.name}/{entry.name}".encode()) % int(parts) == int(part)
