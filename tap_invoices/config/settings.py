"""Which settings the tap has, with their limits, and the JSON schema that they make."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from singer_sdk import Tap
from singer_sdk import typing as th

from tap_invoices.providers.base import MOST, Provider, Setting, in_header, whole
from tap_invoices.streams.documents import MAX_BYTES, MEGABYTE

_BRACES = "`{name}` in it stands for the account's name, `{NAME}` for that in capitals with `_` for `-`."

ONLY_ACCOUNT = "default"

SHARED: tuple[Setting, ...] = (
    whole("lookback_days", "Days before the bookmark that every sync asks for again.", minimum=0),
    whole("max_connections", "Most requests in flight at once for an account.", 8),
    Setting(
        "requests_per_second",
        "Most requests a second for an account (no limit unless set).",
        th.NumberType,
        exclusive_minimum=0,
        maximum=MOST,
    ),
)
"""Settings that stand at the top level for all providers, and in each provider's object for it alone."""

TOP_LEVEL: tuple[Setting, ...] = (
    Setting(
        "start_date",
        "Date or date-time where the first sync starts. Lists without a date filter always give all their rows.",
    ),
    *SHARED,
    in_header(
        Setting("user_agent", "Name that the tap gives itself in requests (tap-invoices and its version unless set).")
    ),
    Setting(
        "request_timeout",
        "Seconds to wait for a connection, or for the next bytes.",
        th.NumberType,
        60,
        exclusive_minimum=0,
        maximum=MOST,
    ),
    whole("max_retry_seconds", "Seconds for which one request is tried again after passing faults.", 600, minimum=0),
    Setting("allow_http", "Allow plain http:// for hosts other than this machine.", th.BooleanType, default=False),
    Setting("ca_bundle", "File of certificate authorities to trust, for private ones."),
    Setting("ledger_url", "File, as any fsspec URL, to which each sync's counts are appended as JSON lines."),
    Setting(
        "on_short",
        "What a list does that stays shorter than its provider's own count: fail, or warn and go on.",
        default="fail",
        choices=("fail", "warn"),
    ),
    Setting(
        "decimals",
        "How amounts, rates and quantities go out: number, or text for targets that keep numbers as doubles.",
        default="number",
        choices=("number", "text"),
    ),
    Setting(
        "emit_activate_version_messages",
        "Tell the target, after each complete full-table read, to remove the rows that are gone.",
        th.BooleanType,
        default=False,
    ),
)

START_DATE, *_ = TOP_LEVEL

OF_ACCOUNTS: tuple[Setting, ...] = (
    whole("accounts_at_once", "Accounts that are read at the same time, for each provider.", 4),
    Setting(
        "only_accounts",
        "Names of the accounts to read, or `provider/name`; the others' bookmarks stay as they are.",
        partial(th.ArrayType, th.StringType),
    ),
    Setting("shard", "Part of the accounts to read, and of how many: 3/10 is the fourth of the parts 0 to 9."),
)

DOCUMENTS: tuple[Setting, ...] = (
    Setting(
        "mode",
        "files: stored under `url`; inline: base64 in the record. Without it, none is kept.",
        choices=tuple(MAX_BYTES),
    ),
    Setting("url", "Folder for the files, as any fsspec URL. Required for files."),
    Setting(
        "storage_options",
        "Passed to the fsspec file system: credentials, endpoint and the like.",
        partial(th.ObjectType, additional_properties=True),
        secret=True,
    ),
    whole(
        "max_bytes",
        "Largest document that is fetched ({files} MB for files, {inline} MB inline, unless set).".format_map(
            {mode: size // MEGABYTE for mode, size in MAX_BYTES.items()}
        ),
        maximum=2**40,
    ),
    Setting(
        "read_xml",
        "Read the XML that e-invoices carry in their PDFs (Factur-X, ZUGFeRD, XRechnung). Needs the extra `einvoice`.",
        th.BooleanType,
        default=False,
    ),
)


def json_schema(providers: Iterable[Provider]) -> dict[str, Any]:
    """Return the JSON schema of the tap's settings."""
    properties = [setting.to_property() for setting in (*TOP_LEVEL, *OF_ACCOUNTS)]
    properties.append(
        th.Property(
            "documents",
            _object(DOCUMENTS),
            description="Invoice PDFs: how they are kept, without which they have no streams, and whether XML is read.",
        )
    )
    for provider in providers:
        own = (*_with_references(provider.settings), *_accounts(provider), *_for_one(provider))
        properties.append(th.Property(provider.name, _object(own), description=f"{provider.title}: {provider.docs}"))
    return th.PropertiesList(*properties, additional_properties=False).to_dict()


def _object(settings: Iterable[Setting]) -> th.ObjectType:
    return th.ObjectType(*(setting.to_property() for setting in settings), additional_properties=False)


def _accounts(provider: Provider) -> Iterator[Setting]:
    yield Setting("account", f"Name of the account, where there are no `accounts` (`{ONLY_ACCOUNT}` unless set).")
    yield Setting(
        "accounts",
        f"Accounts at {provider.title}, each an object with a `name` and what is different for it from the settings "
        "beside this one: any of them, `start_date`, or `enabled`.",
        partial(th.ArrayType, _object(account_settings(provider))),
    )
    yield Setting("accounts_url", "The same as a file, JSON Lines or CSV, as any fsspec URL.")


def account_settings(provider: Provider) -> tuple[Setting, ...]:
    """Return what can be said of one account; without defaults, for the provider's object stands below it."""
    settings = (
        Setting("name", "Name of the account: letters, digits, `-` and `_`, up to 64.", required=True),
        Setting("enabled", "Whether it is read (yes, unless set).", th.BooleanType),
        START_DATE,
        *_with_references(provider.settings),
        *_for_one(provider),
    )
    return tuple(replace(setting, default=None) for setting in settings)


def _with_references(settings: Iterable[Setting]) -> Iterator[Setting]:
    for setting in settings:
        yield setting
        if setting.secret:
            _, by_variable, by_file = setting.forms
            yield Setting(by_variable, f"Name of the environment variable that holds `{setting.name}`. {_BRACES}")
            yield Setting(by_file, f"File, as any fsspec URL, that holds `{setting.name}`. {_BRACES}")


def _for_one(provider: Provider) -> Iterator[Setting]:
    """Yield the shared settings as they stand in a provider's object: without a default, for the top level is that."""
    for shared in SHARED:
        lookback = f" ({provider.lookback_days} unless set)" if shared.name == "lookback_days" else ""
        description = f"{shared.description.removesuffix('.')}{lookback}, for {provider.title} alone."
        yield replace(shared, description=description, default=None)


def holds_secrets(schema: Mapping[str, Any]) -> bool:
    """Tell whether a setting is secret, or anything in it."""
    return bool(schema.get("secret")) or any(
        holds_secrets(inner) for inner in (*schema.get("properties", {}).values(), schema.get("items")) if inner
    )


def add_those_of_the_sdk(schema: dict[str, Any]) -> None:
    """Add the SDK's settings, but of its formats of batch files the one that works here."""
    Tap.append_builtin_config(schema)
    properties = schema["properties"]
    batch = copy.deepcopy(properties["batch_config"])
    batch["properties"]["encoding"]["properties"]["format"]["enum"] = ["jsonl"]
    properties["batch_config"] = batch
