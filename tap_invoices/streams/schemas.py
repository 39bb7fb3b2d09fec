"""The JSON schemas, which lie beside the package or at the checkout's root, and the field that says whose a row is."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from singer_sdk import SchemaDirectory

from tap_invoices.records.decimals import text_schema
from tap_invoices.records.verbatim import Check, check_of

_PACKAGE = Path(__file__).parents[1]
_SHIPPED = _PACKAGE / "schemas"

SCHEMAS_DIR = _SHIPPED if _SHIPPED.is_dir() else _PACKAGE.parent / "schemas"
SCHEMAS = SchemaDirectory(SCHEMAS_DIR)

SOURCE_ACCOUNT = "source_account"
_ACCOUNT = {"type": ["string"], "description": "Name of the account that the row comes from, as the settings give it."}


@cache
def own_schema(name: str, decimals: str | None = None) -> dict[str, Any]:
    """Return the schema of what a provider sends for the stream of a name, with amounts as `decimals` says."""
    schema = SCHEMAS.get_schema(name)
    return text_schema(schema) if decimals == "text" else dict(schema)


@cache
def verbatim_check(name: str) -> Check:
    """Return the check of rows that may go out as they came, which the accounts share."""
    return check_of(own_schema(name))


@cache
def full_schema(name: str, decimals: str | None = None) -> dict[str, Any]:
    """Return the schema of the records of the stream of a name: the provider's fields, and whose they are."""
    own = own_schema(name, decimals)
    if SOURCE_ACCOUNT in own["required"]:
        return own
    return {**own, "properties": {SOURCE_ACCOUNT: _ACCOUNT, **own["properties"]}}


def full_key(stream: Any) -> tuple[str, ...]:
    """Return the key of a class of streams: the provider's own is that of one account alone."""
    own = tuple(stream.primary_keys)
    return own if SOURCE_ACCOUNT in own else (SOURCE_ACCOUNT, *own)
