"""What the user has given: laid together, tidied, and as each provider sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tap_invoices.config.settings import TOP_LEVEL

if TYPE_CHECKING:
    from tap_invoices.providers.base import Provider

Config = dict[str, Any]

_LARGEST = 1e18
"""Beyond all limits of settings: ``int`` of a ``Decimal`` may have as many digits as its exponent says."""


def lay(providers: Iterable[Provider], sources: Iterable[Config]) -> Config:
    """Lay sources of settings over each other, object by object, the lowest first."""
    laid: Config = {}
    for source in sources:
        for provider in providers:
            below, over = laid.get(provider.name), source.get(provider.name)
            if isinstance(below, Mapping) and isinstance(over, Mapping):
                laid[provider.name] = without_replaced(provider, below, over)
        laid = _merged(laid, source)
    return laid


def without_replaced(provider: Provider, below: Mapping[str, Any], over: Mapping[str, Any]) -> Config:
    """Return settings without those that others replace: whatever form of a secret comes, the lower forms go."""
    gone = {
        form
        for setting in provider.settings
        if any(over.get(form) is not None for form in setting.forms)
        for form in setting.forms
    }
    return {name: value for name, value in below.items() if name not in gone}


def _merged(config: Mapping[str, Any], over: Mapping[str, Any]) -> Config:
    merged = dict(config)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
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
    if isinstance(value, list):
        return [_tidied(schema.get("items", {}), item) for item in value]
    types = schema.get("type", ())
    if isinstance(value, str) and "string" in types:
        return value.rstrip("\r\n")
    if isinstance(value, float | Decimal) and "integer" in types and 0 <= value < _LARGEST and value == int(value):
        return int(value)
    return value


def effective(provider: Provider, config: Mapping[str, Any], own: Mapping[str, Any]) -> Config:
    """Return what an account goes by: its own settings, over the top level's, over the defaults."""
    defaults: Config = {setting.name: setting.default for setting in (*TOP_LEVEL, *provider.settings)}
    defaults["lookback_days"] = provider.lookback_days
    shared = {setting.name: config.get(setting.name) for setting in TOP_LEVEL}
    given = {name: value for layer in (shared, own) for name, value in layer.items() if value is not None}
    return {**defaults, **given}


def without_accounts(providers: Iterable[Provider], config: Mapping[str, Any]) -> Config:
    """Return settings without the lists of accounts."""
    given = {provider.name: config.get(provider.name) for provider in providers}
    shared = {
        name: {n: v for n, v in own.items() if n != "accounts"}
        for name, own in given.items()
        if isinstance(own, Mapping)  # a log line may be formatted before the settings are refused
    }
    return {**config, **shared}


def secrets(schema: Mapping[str, Any], config: Any) -> list[str]:
    """Return the values that must never show, at any depth of a secret setting."""
    if schema.get("secret"):
        return _texts(config)
    if isinstance(config, list):
        return [text for item in config for text in secrets(schema.get("items", {}), item)]
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
