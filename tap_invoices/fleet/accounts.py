"""Which accounts the settings name, from a file or URL that every worker can read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import fsspec

from tap_invoices.config import accounts, settings, validation, values
from tap_invoices.config.environment import Variables
from tap_invoices.errors import LocalError
from tap_invoices.providers import PROVIDERS
from tap_invoices.streams import storage

if TYPE_CHECKING:
    from tap_invoices.http.account import Account

NAMES = tuple(provider.name for provider in PROVIDERS)


class SettingsError(Exception):
    """The settings cannot be used."""


def load(url: str) -> bytes:
    """Return the file of the settings.

    Raises:
        SettingsError: If it cannot be read.
    """
    try:
        with fsspec.open(url, "rb") as file:
            data: bytes = file.read()
    except Exception as error:
        msg = f"the settings cannot be read ({storage.reason(error)}): check --config"
        raise SettingsError(msg) from error
    return data


def read(data: bytes, shard: str | None = None) -> list[Account]:
    """Return the accounts to read; none of their secrets is read.

    Raises:
        SettingsError: If the settings have faults.
    """
    schema, config = _tidied(data)
    config = {**config, "shard": shard} if shard else config
    faults, entries = validation.check(schema, config, PROVIDERS)
    if faults:
        raise SettingsError("\n".join(faults))
    return accounts.expand(config, entries, Variables())


def secrets(data: bytes, names: Iterable[str]) -> set[str]:
    """Return what must never show, of these accounts and of all."""
    schema, config = _tidied(data)
    found = set(values.secrets(schema, config))
    for account in read(data):
        if str(account) in names:
            for setting in account.secrets.values():
                try:
                    found.add(setting())
                except LocalError:  # the account's own failure, which the tap tells
                    continue
    return found


def _tidied(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    schema = settings.json_schema(PROVIDERS)
    try:
        config = json.loads(data.decode("utf-8-sig"), parse_float=Decimal)
    except ValueError as error:
        msg = "the settings are not JSON"
        raise SettingsError(msg) from error
    if not isinstance(config, dict):
        msg = "the settings are not a JSON object"
        raise SettingsError(msg)
    return schema, values.tidy(schema, config)
