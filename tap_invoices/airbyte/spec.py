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
_SINGER_ONLY = ("emit_activate_version_messages",)


def connection_specification(providers: Iterable[Provider]) -> dict[str, Any]:
    """Return the settings as a JSON schema, draft 7, without nulls, in the order in which they are asked for."""
    providers = tuple(providers)
    schema = _adapt(settings.json_schema(providers))
    properties: dict[str, Any] = schema["properties"]
    for name in _SINGER_ONLY:
        del properties[name]
    for provider in providers:
        block = properties[provider.name]
        block["title"] = provider.title
        block["required"] = [setting.name for setting in provider.settings if setting.required]
    names = [provider.name for provider in providers]
    in_order = {name: properties[name] for name in (*names, *(name for name in properties if name not in names))}
    schema["properties"] = {name: {**value, "order": order} for order, (name, value) in enumerate(in_order.items())}
    return {"$schema": DRAFT_07, "title": "Invoices", **schema}


def _adapt(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Take nulls out, mark secrets, and have open objects written as text: no form can show or hide them."""
    kind = _without_null(schema["type"])
    is_open = kind == "object" and not schema.get("properties")
    adapted: dict[str, Any] = {"type": "string" if is_open else kind}
    adapted |= {keyword: schema[keyword] for keyword in _KEYWORDS if keyword in schema}
    if is_open:
        adapted["description"] = f"{schema['description'].removesuffix('.')}, as a JSON object."
    if schema.get("secret"):
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


def tap_config(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a connection's configuration as the tap takes it.

    Raises:
        SourceError: If what should be a JSON object as text is not.
    """
    return {name: _to_setting(name, value, schema["properties"].get(name, {})) for name, value in config.items()}


def _to_setting(name: str, value: Any, schema: Mapping[str, Any]) -> Any:
    if schema.get("properties") and isinstance(value, Mapping):
        return tap_config(value, schema)
    if "object" in schema.get("type", ()) and isinstance(value, str):
        return _to_object(name, value)
    return value


def _to_object(name: str, text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text or "null")
    except ValueError:
        value = text
    if isinstance(value, dict) or value is None:
        return value
    msg = f"`{name}` must be a JSON object"
    raise SourceError(msg)
