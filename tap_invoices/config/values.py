"""What the user has given: laid together, tidied, and as each provider sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tap_invoices.config.settings import TOP_LEVEL

if TYPE_CHECKING:
    from tap_invoices.providers.base import Provider

Config = dict[str, Any]


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
    defaults: Config = {setting.name: setting.default for setting in (*TOP_LEVEL, *provider.settings)}
    defaults["lookback_days"] = provider.lookback_days
    shared = {setting.name: config.get(setting.name) for setting in TOP_LEVEL}
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
