"""Faults in the settings, each as one line that says what, where and what to do, never with a value that is secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_invoices import times
from tap_invoices.config import account_rules, map_rules, rules, shape
from tap_invoices.config.accounts import is_chosen, is_read
from tap_invoices.config.entries import Entry, read
from tap_invoices.streams.documents import MAX_BYTES
from tap_invoices.streams.unified import TABLES

if TYPE_CHECKING:
    from tap_invoices.config.rules import Told
    from tap_invoices.providers.base import Provider

_TOLD = 20
"""So many faults are told at once."""


def check(
    schema: Mapping[str, Any], config: Mapping[str, Any], providers: Iterable[Provider]
) -> tuple[list[str], list[Entry]]:
    """Return what is wrong with the settings, a line each and the first twenty, and the accounts that they name."""
    providers = tuple(providers)
    told = shape.faults(schema, config)
    rest = shape.without(told, config)
    on = [provider for provider in providers if provider.is_configured(config)]
    entries, unread = read(schema, rest, [provider for provider in on if _accounts_of(provider).isdisjoint(told)])
    told |= unread
    for path, what in _rules(rest, providers, entries, told):
        told.setdefault(path, f"`{path}` {what}")
    found = list(told.values())
    if not found and not on:
        names = ", ".join(provider.name for provider in providers)
        found.append(f"no provider is configured: give the required settings of at least one of {names}")
    return _first(found, "faults in the settings"), entries


def doubts(config: Mapping[str, Any], entries: Iterable[Entry], providers: Iterable[Provider]) -> list[str]:
    """Return what is odd about good settings, a line each."""
    dates = {"start_date": config.get("start_date")}
    dates |= {entry.path_of("start_date"): entry.given.get("start_date") for entry in entries if is_read(entry, config)}
    now = datetime.now(UTC)
    found = _first(
        [
            f"`{path}` lies in the future ({date}): nothing that is dated before it is read"
            for path, date in dates.items()
            if date and times.parse(date) > now
        ],
        "start dates in the future",
    )
    chosen = [entry for entry in entries if is_chosen(entry, config.get("only_accounts"))]
    read_at = {entry.provider.name for entry in chosen if is_read(entry, config)}
    for name in dict.fromkeys(entry.provider.name for entry in chosen if entry.provider.name not in read_at):
        enabled = any(entry.is_enabled for entry in chosen if entry.provider.name == name)
        why = "none of them is in this shard" if enabled else "all are disabled"
        found.append(f"no account of `{name}` is read, for {why}; the state is passed on")
    return [*found, *_empty(config, providers)]


def _empty(config: Mapping[str, Any], providers: Iterable[Provider]) -> Iterable[str]:
    """Yield a line for each provider that is off for nothing but an empty secret."""
    for provider in providers:
        given = config.get(provider.name) or {}
        forms = [form for setting in provider.settings if setting.required and setting.secret for form in setting.forms]
        empty = next((form for form in forms if given.get(form) == ""), None)
        if empty and not provider.is_configured(config):
            yield f"`{provider.name}.{empty}` is empty, so {provider.title} is not read: is its variable set?"


def _first(found: list[str], what: str) -> list[str]:
    return found if len(found) <= _TOLD else [*found[:_TOLD], f"and {len(found) - _TOLD} more {what}"]


def _accounts_of(provider: Provider) -> set[str]:
    return {f"{provider.name}.accounts", f"{provider.name}.accounts_url"}


def _rules(
    config: Mapping[str, Any], providers: Iterable[Provider], entries: list[Entry], told: Mapping[str, str]
) -> Told:
    yield from rules.texts("", config)
    yield from rules.start_date("start_date", config.get("start_date"))
    if (bundle := config.get("ca_bundle")) and not Path(bundle).is_file():
        yield "ca_bundle", "is not a file that can be read"
    yield from rules.storage("ledger_url", config.get("ledger_url"))
    for provider in providers:
        yield from rules.texts(f"{provider.name}.", config.get(provider.name) or {})
    yield from account_rules.faults(config, providers, entries, told)
    yield from rules.texts("documents.", config.get("documents") or {})
    yield from _documents(config.get("documents") or {})
    streams = [stream for provider in providers for stream in provider.streams]
    yield from map_rules.keys(config.get("stream_maps") or {}, (*streams, *TABLES))
    if config.get("batch_config") and (config.get("stream_maps") or config.get("flattening_enabled")):
        yield (
            "batch_config",
            "writes records as they come, before `stream_maps` and flattening: take one of them out",
        )


def _documents(documents: Mapping[str, Any]) -> Told:
    mode = documents.get("mode")
    if not mode and any(documents.get(name) for name in ("url", "storage_options")):
        yield "documents.mode", f"is required: {' or '.join(MAX_BYTES)}"
    if documents.get("read_xml") and find_spec("pypdf") is None:
        yield "documents.read_xml", "needs pip install 'tap-invoices[einvoice]'"
    if mode == "files" and not documents.get("url"):
        yield "documents.url", "is required when `documents.mode` is files"
    yield from rules.storage("documents.url", documents.get("url"))
