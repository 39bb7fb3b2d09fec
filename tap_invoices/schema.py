"""Where the JSON schemas are: beside this file in a wheel, at the root of a checkout."""

from __future__ import annotations

from pathlib import Path

from singer_sdk import SchemaDirectory

_PACKAGE = Path(__file__).parent
_SHIPPED = _PACKAGE / "schemas"

SCHEMAS_DIR = _SHIPPED if _SHIPPED.is_dir() else _PACKAGE.parent / "schemas"
SCHEMAS = SchemaDirectory(SCHEMAS_DIR)
