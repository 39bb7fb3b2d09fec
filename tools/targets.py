"""Writes the tables of docs/targets.md from a real run into each target: ``python -m tools.targets``.

It needs what `make test` installs, PostgreSQL among it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import simplejson

from tap_invoices.sandbox import Sandbox
from tap_invoices.streams.schemas import SCHEMAS
from tests.conftest import NOW
from tests.support.postgres import Postgres
from tests.support.run import settings
from tests.support.targets import TARGET_JSONL, TARGETS, duckdb_rows, jsonl_rows, pipe

PAGE = Path(__file__).resolve().parent.parent / "docs" / "targets.md"
PROVIDERS = ("covage", "exsited")
UNIFIED = ("invoices", "invoice_lines")
STREAMS = ("covage_invoices", "covage_invoice_documents", "exsited_invoices", *UNIFIED)
LONG = "1234567890123456.789"

_TABLE = re.compile(r"(?<=<!-- from a run: python -m tools.targets -->\n).*?(?=<!-- end -->)", re.DOTALL)
_COLUMNS = re.compile(r"(?<=<!-- columns from a run: python -m tools.targets -->\n).*?(?=<!-- end -->)", re.DOTALL)
_WIDEST = 28

Rows = Mapping[str, Any]
Read = Callable[[str], tuple[dict[str, str], Rows]]
"""Stream → the types of its columns, and the row that is shown."""

SHOWN: tuple[tuple[str, str, str], ...] = (
    ("money", "exsited_invoices", "total"),
    ("money, many digits", "exsited_invoices", "due"),
    ("whole number", "covage_invoices", "invoice_type"),
    ("boolean", "exsited_invoices", "price_tax_inclusive"),
    ("date", "covage_invoices", "accounting_date"),
    ("date-time", "exsited_invoices", "created_on"),
    ("empty text", "covage_invoices", "billing_site_ref"),
    ("null", "covage_invoices", "billing_site_name"),
    ("object", "exsited_invoices", "last_payment"),
    ("list of objects", "exsited_invoices", "lines"),
    ("document, `inline`", "covage_invoice_documents", "content_base64"),
)


def tables(postgres: Postgres) -> tuple[str, str]:
    """Load the same invoices into each target; return what became of them, and the columns of all providers' tables."""
    with tempfile.TemporaryDirectory() as name, Sandbox(invoices=1) as box:
        box.now = NOW
        folder = Path(name)
        book = box.book("exsited")
        book.change(next(iter(book.invoices)), total="121.00", due=LONG)
        config = settings(box, *PROVIDERS)
        targets = {
            "JSON lines": _json_lines(folder, config),
            "PostgreSQL": _postgres(folder, config, postgres, use_copy=False),
            "PostgreSQL, `use_copy: true`": _postgres(folder, config, postgres, use_copy=True),
            "DuckDB": _duckdb(folder, config),
        }
    lines = [f"| | {' | '.join(targets)} |", f"|---|{'---|' * len(targets)}"]
    for what, stream, column in SHOWN:
        cells = [_cell(*read(stream), column) for read in targets.values()]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    types = {title: {name: targets[title](name)[0] for name in UNIFIED} for title in ("PostgreSQL", "DuckDB")}
    return "\n".join(lines) + "\n", columns(types)


def columns(types: Mapping[str, Mapping[str, Mapping[str, str]]]) -> str:
    """Return the columns of the tables of all providers, those of the same types together.

    Args:
        types: Target → table → column → type.
    """
    lines = [f"| table | columns | {' | '.join(types)} |", f"|---|---|{'---|' * len(types)}"]
    for name in UNIFIED:
        kinds = {
            column: tuple(held[name][column] for held in types.values())
            for column in SCHEMAS.get_schema(name)["properties"]
        }
        for kind, same in groupby(kinds, key=kinds.__getitem__):
            lines.append(f"| `{name}` | {', '.join(f'`{column}`' for column in same)} | {' | '.join(kind)} |")
    return "\n".join(lines) + "\n"


def _cell(types: Mapping[str, str], row: Rows, column: str) -> str:
    value = row[column]
    text = value if isinstance(value, str) else simplejson.dumps(value, ensure_ascii=False)
    shown = text if len(text) <= _WIDEST else f"{text[:_WIDEST]}…"
    return f"{types.get(column, '')} `{shown or ' '}`".strip()


def _json_lines(folder: Path, config: Mapping[str, Any]) -> Read:
    target = {"destination_path": str(folder), "do_timestamp_file": False}
    pipe(TARGET_JSONL, folder / "json", config, target, streams=STREAMS)
    found = {stream: jsonl_rows(folder, stream)[0] for stream in STREAMS}
    return lambda stream: ({}, found[stream])


def _postgres(folder: Path, config: Mapping[str, Any], server: Postgres, *, use_copy: bool) -> Read:
    schema = f"docs_{use_copy}".lower()
    target = {
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "password": "unused",
        "database": server.database,
        "default_target_schema": schema,
        "use_copy": use_copy,
    }
    pipe(TARGETS / "target-postgres", folder / schema, config, target, streams=STREAMS)
    types = server.columns(schema)
    found = {stream: server.rows(f"SELECT * FROM {schema}.{stream}")[0] for stream in STREAMS}  # noqa: S608
    server.sql(f"DROP SCHEMA {schema} CASCADE")
    return lambda stream: (types[stream], found[stream])


def _duckdb(folder: Path, config: Mapping[str, Any]) -> Read:
    path = folder / "invoices.duckdb"
    target = {"filepath": str(path), "default_target_schema": "main"}
    pipe(TARGETS / "target-duckdb", folder / "duckdb", config, target, streams=STREAMS)
    types = {
        stream: {row["column_name"]: row["column_type"].lower() for row in duckdb_rows(path, f"(DESCRIBE {stream})")}
        for stream in STREAMS
    }
    found = {stream: duckdb_rows(path, stream)[0] for stream in STREAMS}
    return lambda stream: (types[stream], found[stream])


def rendered(page: str, measured: str, held: str) -> str:
    """Return the page with its tables as they were measured."""
    return _COLUMNS.sub(lambda _: held, _TABLE.sub(lambda _: measured, page))


def main() -> None:
    """Write the tables."""
    with Postgres() as server:
        measured = tables(server)
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8"), *measured), encoding="utf-8")


if __name__ == "__main__":
    main()
