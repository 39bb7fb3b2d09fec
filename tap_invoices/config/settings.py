"""The tap's settings: their schema, and what of them each provider sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from singer_sdk import typing as th

from tap_invoices.providers.base import Provider, Setting

Config = dict[str, Any]

DEFAULT_TIMEOUT = 60
DEFAULT_RETRY_SECONDS = 600
DEFAULT_CONNECTIONS = 8

_SHARED: tuple[Setting, ...] = (
    Setting("lookback_days", "Days before the bookmark that every sync asks for again.", th.IntegerType),
    Setting(
        "max_connections",
        f"Most requests in flight at once for a provider ({DEFAULT_CONNECTIONS} unless set).",
        th.IntegerType,
    ),
    Setting("requests_per_second", "Most requests a second for a provider (no limit unless set).", th.NumberType),
)
"""Settings that stand at the top level for all providers, and in each provider's object for it alone."""

_TOP_LEVEL: tuple[Setting, ...] = (
    Setting(
        "start_date",
        "Date or date-time where the first sync starts. Lists without a date filter always give all their rows.",
    ),
    *_SHARED,
    Setting("user_agent", "Name that the tap gives itself in requests (tap-invoices and its version unless set)."),
    Setting(
        "request_timeout", "Seconds to wait for a connection, or for the next bytes.", th.NumberType, DEFAULT_TIMEOUT
    ),
    Setting(
        "max_retry_seconds",
        "Seconds for which one request is tried again after passing faults.",
        th.IntegerType,
        DEFAULT_RETRY_SECONDS,
    ),
    Setting("allow_http", "Allow plain http:// for hosts other than this machine.", th.BooleanType, default=False),
    Setting("ca_bundle", "File of certificate authorities to trust, for private ones."),
    Setting("ledger_url", "File, as any fsspec URL, to which each sync's counts are appended as JSON lines."),
    Setting(
        "on_short",
        "What a list does that stays shorter than its provider's own count: fail, or warn and go on.",
        default="fail",
    ),
    Setting(
        "emit_activate_version_messages",
        "Tell the target, after each complete full-table read, to remove the rows that are gone.",
        th.BooleanType,
        default=False,
    ),
)

_DOCUMENTS = th.ObjectType(
    th.Property(
        "mode", th.StringType, description="files: stored under `url`; inline: base64 in the record. Required."
    ),
    th.Property("url", th.StringType, description="Folder for the files, as any fsspec URL. Required for files."),
    th.Property(
        "storage_options",
        th.ObjectType(additional_properties=True),
        secret=True,
        description="Passed to the fsspec file system: credentials, endpoint and the like.",
    ),
    th.Property(
        "max_bytes",
        th.IntegerType,
        description="Largest document that is fetched (100 MB for files, 30 MB inline, unless set).",
    ),
    additional_properties=False,
)


def json_schema(providers: Iterable[Provider]) -> dict[str, Any]:
    """Return the JSON schema of the tap's settings."""
    properties = [setting.to_property() for setting in _TOP_LEVEL]
    properties.append(
        th.Property("documents", _DOCUMENTS, description="How invoice PDFs are kept; their streams need it."),
    )
    for provider in providers:
        settings = th.ObjectType(
            *(setting.to_property() for setting in provider.settings),
            *(
                th.Property(shared.name, shared.kind(), description=_shared_description(shared, provider))
                for shared in _SHARED
            ),
            additional_properties=False,
        )
        properties.append(th.Property(provider.name, settings, description=f"{provider.title}: {provider.docs}"))
    return th.PropertiesList(*properties, additional_properties=False).to_dict()


def _shared_description(setting: Setting, provider: Provider) -> str:
    default = f" ({provider.lookback_days} unless set)" if setting.name == "lookback_days" else ""
    return f"{setting.description.removesuffix('.')}{default}, for {provider.title} alone."


def merge(config: Mapping[str, Any], over: Mapping[str, Any]) -> Config:
    """Lay settings over others, object by object."""
    merged = dict(config)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def tidy(schema: Mapping[str, Any], config: Mapping[str, Any]) -> Config:
    """Leave out what is null, for it is not set; take line ends off texts; and write whole numbers without a fraction.

    Objects of the user's own names, such as those for stream maps, stay as they are: a null may mean something there.
    """
    known: Mapping[str, Any] = schema["properties"]
    return {name: _tidied(known.get(name, {}), value) for name, value in config.items() if value is not None}


def _tidied(schema: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, Mapping) and schema.get("additionalProperties") is False:
        return tidy(schema, value)
    types = schema.get("type", ())
    if isinstance(value, str) and "string" in types:
        return value.rstrip("\r\n")
    if isinstance(value, float) and "integer" in types and value.is_integer():
        return int(value)
    return value


def for_provider(provider: Provider, config: Mapping[str, Any]) -> Config:
    """Return what a provider goes by: its own settings, over the top level's, over the defaults."""
    defaults: Config = {
        "lookback_days": provider.lookback_days,
        "max_connections": DEFAULT_CONNECTIONS,
        "requests_per_second": None,
        **{setting.name: setting.default for setting in (*_TOP_LEVEL, *provider.settings) if setting not in _SHARED},
    }
    shared = {setting.name: config.get(setting.name) for setting in _TOP_LEVEL}
    own: Mapping[str, Any] = config.get(provider.name) or {}
    given = {name: value for layer in (shared, own) for name, value in layer.items() if value is not None}
    return {**defaults, **given}


def secrets(schema: Mapping[str, Any], config: Any) -> list[str]:
    """Return the values that must never show, at any depth of a secret setting."""
    if schema.get("secret"):
        return _texts(config)
    if not isinstance(config, Mapping):
        return []
    properties: Mapping[str, Any] = schema.get("properties", {})
    return [text for name, value in config.items() if name in properties for text in secrets(properties[name], value)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [] if value is None or isinstance(value, bool) else [str(value)]
