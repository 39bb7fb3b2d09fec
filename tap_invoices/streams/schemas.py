"""Where the JSON schemas are: beside this file in a wheel, at the root of a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from singer_sdk import SchemaDirectory
from typing_extensions import override

from tap_invoices.records.decimals import text_schema

if TYPE_CHECKING:
    from singer_sdk import Stream

_PACKAGE = Path(__file__).parents[1]
_SHIPPED = _PACKAGE / "schemas"

SCHEMAS_DIR = _SHIPPED if _SHIPPED.is_dir() else _PACKAGE.parent / "schemas"
SCHEMAS = SchemaDirectory(SCHEMAS_DIR)


class _TextSchemas(SchemaDirectory):
    """The same schemas, with amounts as text."""

    @override
    def fetch_schema(self, key: str) -> dict[str, Any]:
        return text_schema(super().fetch_schema(key))


_TEXT_SCHEMAS = _TextSchemas(SCHEMAS_DIR)


def schema_of(stream: type[Stream], decimals: str | None = None) -> dict[str, Any]:
    """Return the schema that a stream of this class has, with amounts as the setting `decimals` says."""
    schemas = _TEXT_SCHEMAS if decimals == "text" else SCHEMAS
    return dict(schemas.get_schema(str(stream.name), key_properties=stream.primary_keys))  # type: ignore[arg-type, misc]
