"""The tap's settings as Airbyte shows and keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tap_invoices.airbyte.messages import SourceError
from tap_invoices.config import settings

if TYPE_CHECKING:
    from tap_invoices.providers.base import Provider

DRAFT_07 = "http://json-schema.org/draft-07/schema#"
_ABBREVIATIONS = ("api", "ca", "http", "id", "uri", "url")
_KEYWORDS = ("description", "default", "enum", "minimum", "exclusiveMinimum", "maximum", "pattern")
_JSON = {"object": "a JSON object", "array": "a JSON array"}
_SINGER_ONLY = ("emit_activate_version_messages",)
_NOT_HERE = ("only_accounts", "shard", "accounts_url")
"""What a connection has other ways for: it has one process, and Airbyte keeps its settings."""


def connection_specification(providers: Iterable[Provider]) -> dict[str, Any]:
    """Return the settings as a JSON schema, draft 7, without nulls, in the order in which they are asked for."""
    providers = tuple(providers)
    schema = _adapt(settings.json_schema(providers))
    properties: dict[str, Any] = schema["properties"]
    for name in (*_SINGER_ONLY, *_NOT_HERE):
        properties.pop(name, None)
    for provider in providers:
        block = properties[provider.name]
        block["title"] = provider.title
        for name in _hidden(provider):
            block["properties"].pop(name, None)
    names = [provider.name for provider in providers]
    in_order = {name: properties[name] for name in (*names, *(name for name in properties if name not in names))}
    schema["properties"] = {name: {**value, "order": order} for order, (name, value) in enumerate(in_order.items())}
    return {"$schema": DRAFT_07, "title": "Invoices", **schema}


def _hidden(provider: Provider) -> set[str]:
    """Return the settings of a provider that Airbyte's form does not have."""
    return {*_NOT_HERE, *(form for setting in provider.settings for form in setting.forms[1:])}


def _adapt(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Take nulls out, mark secrets, and have lists and open objects written as text: no form can show or hide them."""
    kind = _without_null(schema["type"])
    is_open = kind == "array" or (kind == "object" and not schema.get("properties"))
    adapted: dict[str, Any] = {"type": "string" if is_open else kind}
    adapted |= {keyword: schema[keyword] for keyword in _KEYWORDS if keyword in schema}
    if is_open:
        adapted["description"] = f"{schema['description'].removesuffix('.')}, as {_JSON[kind]}."
    if schema.get("secret") or (is_open and settings.holds_secrets(schema)):
        adapted["airbyte_secret"] = True
    if not is_open and kind == "object":
        adapted["properties"] = {
            name: {"title": label(name), **_adapt(value)} for name, value in schema["properties"].items()
        }
        adapted["additionalProperties"] = False
    return adapted


def label(name: str) -> str:
    """Return a setting's name as people read it."""
    return " ".join(word.upper() if word in _ABBREVIATIONS else word.capitalize() for word in name.split("_"))


def _without_null(types: str | list[str]) -> str:
    return types if isinstance(types, str) else next(kind for kind in types if kind != "null")


def tap_config(config: Mapping[str, Any], providers: Iterable[Provider]) -> dict[str, Any]:
    """Return a connection's configuration as the tap takes it.

    Raises:
        SourceError: If what should be JSON as text is not, or a setting is not for Airbyte.
    """
    providers = tuple(providers)
    adapted = _settings(config, settings.json_schema(providers))
    refused = [f"`{name}`" for name in _NOT_HERE if adapted.get(name) is not None]
    for provider in providers:
        own = adapted.get(provider.name)
        accounts = own.get("accounts") if isinstance(own, Mapping) else None
        for given in (own, *(accounts or ())):
            names = sorted(_hidden(provider) & given.keys()) if isinstance(given, Mapping) else ()
            refused += [f"`{provider.name}.{'' if given is own else 'accounts: '}{name}`" for name in names]
    if refused:
        msg = f"{', '.join(dict.fromkeys(refused))} cannot be used in Airbyte, which keeps the settings itself"
        raise SourceError(msg)
    return adapted


def _settings(config: Mapping[str, Any], schema: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    known = schema["properties"]
    return {name: _to_setting(f"{path}{name}", value, known.get(name, {})) for name, value in config.items()}


def _to_setting(path: str, value: Any, schema: Mapping[str, Any]) -> Any:
    if schema.get("properties") and isinstance(value, Mapping):
        return _settings(value, schema, f"{path}.")
    kind = next((kind for kind in _JSON if kind in schema.get("type", ())), None)
    return _from_json(path, value, kind) if kind and isinstance(value, str) else value


def _from_json(path: str, text: str, kind: str) -> dict[str, Any] | list[Any] | None:
    try:
        value = json.loads(text or "null")
    except (ValueError, RecursionError):
        value = text
    if value is None or isinstance(value, {"object": dict, "array": list}[kind]):
        return value
    msg = f"`{path}` must be {_JSON[kind]}"
    raise SourceError(msg)
