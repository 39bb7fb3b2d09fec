"""Where the JSON schemas are: beside this file in a wheel, at the root of a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from singer_sdk import SchemaDirectory

if TYPE_CHECKING:
    from tap_invoices.streams.base import InvoiceStream

_PACKAGE = Path(__file__).parents[1]
_SHIPPED = _PACKAGE / "schemas"

SCHEMAS_DIR = _SHIPPED if _SHIPPED.is_dir() else _PACKAGE.parent / "schemas"
SCHEMAS = SchemaDirectory(SCHEMAS_DIR)


def schema_of(stream: type[InvoiceStream]) -> dict[str, Any]:
    """Return the schema that a stream of this class has."""
    return dict(SCHEMAS.get_schema(str(stream.name), key_properties=stream.primary_keys))  # type: ignore[misc]
