"""Which accounts the settings name, from a file or URL that every worker can read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import fsspec
from singer_sdk.exceptions import ConfigValidationError

from tap_invoices.cli import files
from tap_invoices.config import accounts, catalog, settings, validation, values
from tap_invoices.config.environment import Variables
from tap_invoices.errors import LocalError
from tap_invoices.providers import PROVIDERS
from tap_invoices.streams import storage

if TYPE_CHECKING:
    from tap_invoices.http.account import Account


class SettingsError(Exception):
    """The settings cannot be used."""


_EVERY = "0/1"
"""The shard that has all accounts."""


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
    own = config.get("shard", _EVERY)  # a shard too, so that what is refused in a part of the accounts is told here
    config = {**config, "shard": own if shard is None else shard}
    faults, entries = validation.check(schema, config, PROVIDERS)
    if faults:
        raise SettingsError("\n".join(faults))
    return accounts.expand(config, entries, Variables())


def streams(data: bytes) -> dict[str, set[str]]:
    """Return the streams of each provider that a sync of these settings reads."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for stream in catalog.discovered(_tidied(data)[1], PROVIDERS)[0]:
        if stream.selected_by_default:
            found[stream.provider].add(str(stream.name))  # type: ignore[misc]
    return found


def secrets(data: bytes, names: Iterable[str]) -> set[str]:
    """Return what must never show, of these accounts and of all."""
    schema, config = _tidied(data)
    found = set(values.secrets(schema, config))
    for account in read(data, _EVERY):
        if str(account) in names:
            for setting in account.secrets.values():
                try:
                    found.add(setting())
                except LocalError:  # the account's own failure, which the tap tells
                    continue
    return found


def _tidied(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    schema = settings.json_schema(PROVIDERS)
    settings.add_those_of_the_sdk(schema)
    try:
        config = files.to_object(data, "the file given with --config")
    except ConfigValidationError as error:
        raise SettingsError(str(error)) from error
    return schema, values.tidy(schema, config)
