"""Loads the sandbox twice into each target that can be had here, and tells what became of it: ``make test-targets``.

It writes the second table of docs/targets.md, and fails where a target does not load amounts as text, loses a row, or
a digit of one; the others are tried all the same.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
from moto.server import ThreadedMotoServer

from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW
from tests.support.postgres import Postgres
from tests.support.run import ROOT, STREAMS, settings
from tests.support.targets import (
    TARGET_JSONL,
    TARGETS,
    csv_rows,
    duckdb_rows,
    json_rows,
    jsonl_rows,
    pipe,
    singer_rows,
)
from tools.targets import LONG, PAGE

INVOICES = 20
MONEY = {
    "matas_invoices": ("invoice_number", "total"),
    "ibana_invoices": ("id", "totalAmount"),
    "exsited_invoices": ("id", "due"),
    "i3dnet_invoices": ("id", "amountIncVAT"),
}
"""Stream → its key, and the amount that is summed."""

_TABLE = re.compile(r"(?<=<!-- from a run: make test-targets -->\n).*?(?=<!-- end -->)", re.DOTALL)
_BUCKET = "invoices"
_KEYS = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Target:
    """A target, with its settings for a folder, and how the rows of a stream are read from there."""

    title: str
    program: Path
    config: Callable[[Path], dict[str, Any]]
    rows: Callable[[Path, str], Rows]


def _installed(name: str, program: str) -> Path:
    return ROOT / f".venv-targets-{name}" / "bin" / program


def targets(server: Postgres, storage: str) -> list[Target]:
    """Return the targets, given a PostgreSQL and an S3 for those that need one."""
    address = {"host": server.host, "port": server.port, "user": server.user, "password": "unused"}
    aws = {**_KEYS, "aws_region": "us-east-1", "aws_bucket": _BUCKET, "aws_endpoint_override": storage}

    def postgres_rows(folder: Path, stream: str) -> Rows:
        rows: Rows = server.rows(f"SELECT * FROM {folder.name}.{stream}")  # noqa: S608
        return rows

    def s3(folder: Path) -> dict[str, Any]:
        return {
            "format": {"format_type": "parquet", "format_parquet": {"get_schema_from_tap": True}},
            "flattening_enabled": True,
            "flattening_max_depth": 1,
            "prefix": folder.name,
            "cloud_provider": {"cloud_provider_type": "aws", "aws": aws},
        }

    def jsonl(folder: Path) -> dict[str, Any]:
        return {"destination_path": str(folder), "do_timestamp_file": False}

    def postgres(folder: Path) -> dict[str, Any]:
        return {**address, "database": server.database, "default_target_schema": folder.name}

    return [
        Target("target-jsonl", TARGET_JSONL, jsonl, jsonl_rows),
        Target("meltanolabs-target-postgres", TARGETS / "target-postgres", postgres, postgres_rows),
        Target(
            "meltanolabs-target-postgres, `use_copy: true`",
            TARGETS / "target-postgres",
            lambda folder: {**postgres(folder), "use_copy": True},
            postgres_rows,
        ),
        Target(
            "pipelinewise-target-postgres",
            _installed("pipelinewise-postgres", "target-postgres"),
            lambda folder: {**address, "dbname": server.database, "default_target_schema": folder.name},
            postgres_rows,
        ),
        Target(
            "target-duckdb",
            TARGETS / "target-duckdb",
            lambda folder: {"filepath": str(folder / "invoices.duckdb"), "default_target_schema": "main"},
            lambda folder, stream: duckdb_rows(folder / "invoices.duckdb", stream),
        ),
        Target(
            "plinxore-target-s3, Parquet",
            _installed("s3", "target-s3"),
            s3,
            lambda folder, stream: _parquet_rows(storage, folder, stream),
        ),
        Target(
            "meltanolabs-target-csv",
            _installed("csv", "target-csv"),
            lambda folder: {"output_path": str(folder)},
            csv_rows,
        ),
        Target(
            "target-universal-file, CSV",
            _installed("universal-file", "target-universal-file"),
            lambda folder: {"protocol": "local", "file_type": "csv", "path": str(folder)},
            csv_rows,
        ),
        Target(
            "target-s3-jsonl, local",
            _installed("s3-jsonl", "target-s3-jsonl"),
            lambda folder: {"local": True, "s3_bucket": _BUCKET, "work_dir": str(folder)},
            lambda folder, stream: json_rows(folder.glob(f"{stream}-*.json")),
        ),
        Target(
            "target-singer-jsonl",
            _installed("singer-jsonl", "target-singer-jsonl"),
            lambda folder: {"destination": "local", "local": {"folder": str(folder)}},
            lambda folder, stream: singer_rows(folder.glob(f"{stream}/*.gz")),
        ),
    ]


_READ_PARQUET = """
import json, sys
import pyarrow.parquet
for path in sys.argv[1:]:
    for row in pyarrow.parquet.read_table(path).to_pylist():
        print(json.dumps(row, default=str))
"""


def _parquet_rows(storage: str, folder: Path, stream: str) -> Rows:
    client, files = _client(storage), []
    listed = client.list_objects_v2(Bucket=_BUCKET, Prefix=f"{folder.name}/{stream}/").get("Contents", [])
    for number, item in enumerate(sorted(listed, key=lambda each: each["LastModified"])):
        files.append(str(folder / f"{stream}-{number}.parquet"))
        client.download_file(_BUCKET, item["Key"], files[-1])
    python = str(_installed("s3", "python"))
    done = subprocess.run([python, "-c", _READ_PARQUET, *files], check=True, capture_output=True, encoding="utf-8")  # noqa: S603
    return [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]


def _client(storage: str) -> Any:
    return boto3.client("s3", "us-east-1", endpoint_url=storage, **_KEYS)


class LostRowsError(Exception):
    """A target does not hold each row once after the first load."""


@dataclass
class Outcome:
    """What a target holds after two loads."""

    shown: str
    is_exact: bool
    second: str


def load(target: Target, folder: Path, decimals: str) -> Outcome:
    """Load twice, with a change between.

    Raises:
        LostRowsError: If a row is missing after the first load.
    """
    folder.mkdir()
    with Sandbox(invoices=INVOICES) as box:
        box.now = NOW
        books = {stream: box.book(stream.partition("_")[0]) for stream in MONEY}
        first = next(iter(books["exsited_invoices"].invoices))
        books["exsited_invoices"].change(first, due=LONG)
        config = settings(box, decimals=decimals)
        state = pipe(target.program, folder / "first", config, target.config(folder), streams=set(STREAMS))
        found = {stream: target.rows(folder, stream) for stream in MONEY}
        is_exact = True
        for stream, (key, amount) in MONEY.items():
            sent = {str(row[key]): row[amount] for row in books[stream].invoices.values()}
            got = {str(row[key]): _of(row, amount) for row in found[stream]}
            if got.keys() != sent.keys() or len(found[stream]) != len(sent):
                raise LostRowsError(target.title, stream)
            is_exact = is_exact and _total(got.values()) == _total(sent.values())
        [shown] = [_of(row, "due") for row in found["exsited_invoices"] if row["id"] == first]
        books["exsited_invoices"].change(first, due="1.00")
        pipe(target.program, folder / "second", config, target.config(folder), state, streams=set(STREAMS))
    before, after = len(found["exsited_invoices"]), len(target.rows(folder, "exsited_invoices"))
    second = "appends" if after > before else "replaces the file" if after < before else "updates"
    return Outcome(f"`{shown}`", is_exact, second)


def _of(row: dict[str, Any], name: str) -> Any:
    return row[name] if name in row else row[name.lower()]


def _total(amounts: Any) -> Decimal:
    return sum((Decimal(str(amount)) for amount in amounts if amount not in {None, ""}), Decimal(0))


def rendered(page: str, lines: list[str]) -> str:
    """Return the page with its table as it was measured."""
    heads = ["| target | number | sums | text | sums | the next sync |", "|---|---|---|---|---|---|"]
    return _TABLE.sub(lambda _: "\n".join([*heads, *lines]) + "\n", page)


def tried(target: Target, folder: Path) -> tuple[str, bool]:
    """Return a target's line of the table, and whether it held every row, and every digit as text."""
    cells, is_well, second = [target.title], False, ""
    for kind in ("number", "text"):
        try:
            outcome = load(target, folder.with_name(f"{folder.name}_{kind}"), kind)
        except Exception as error:  # noqa: BLE001  (whatever a target does, the others are tried)
            print(f"{target.title}, {kind}: {type(error).__name__}: {error}", file=sys.stderr)
            is_well = False
            cells += ["fails", ""]
        else:
            is_well, second = outcome.is_exact, outcome.second
            cells += [outcome.shown, "exact" if outcome.is_exact else "**off**"]
    return f"| {' | '.join([*cells, second])} |", is_well


def main() -> int:
    """Load, tell, and write the table."""
    lines: list[str] = []
    failed: list[str] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server, moto = stack.enter_context(Postgres()), ThreadedMotoServer(ip_address="127.0.0.1", port=0)
        moto.start()
        stack.callback(moto.stop)
        storage = "http://{}:{}".format(*moto.get_host_and_port())
        _client(storage).create_bucket(Bucket=_BUCKET)
        for place, target in enumerate(targets(server, storage)):
            line, is_well = tried(target, folder / f"t{place}")
            print(line, flush=True)
            lines.append(line)
            failed += [] if is_well else [target.title]
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8"), lines), encoding="utf-8")
    for title in failed:
        print(f"not whole: {title}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
