"""Loads what the tap reads into targets, each in the environment that `make test` makes for it."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import subprocess
from decimal import Decimal
from pathlib import Path

from tests.support import forked
from tests.support.run import COMMAND, ROOT, command, environment

MELTANO = ROOT / ".venv-meltano" / "bin" / "meltano"
TARGETS = ROOT / ".venv-targets" / "bin"
TARGET_JSONL = ROOT / ".venv-target-jsonl" / "bin" / "target-jsonl"


def pipe(target, folder, config, target_config, state=None, *, streams):  # noqa: PLR0913
    """Run the tap into a target; returns the state that the target tells, which is the one to keep."""
    folder.mkdir(exist_ok=True)
    settings = folder / "target.json"
    settings.write_text(json.dumps(target_config), encoding="utf-8")
    with forked.Process(
        command(folder, config, state, streams=streams),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as tap:
        loaded = subprocess.run(  # noqa: S603
            [str(target), "--config", str(settings)],
            cwd=folder,
            stdin=tap.stdout,
            capture_output=True,
            encoding="utf-8",
            timeout=600,
            check=False,
        )
    assert loaded.returncode == 0, loaded.stderr[-3000:]
    assert tap.returncode == 0
    return json.loads(loaded.stdout.splitlines()[-1])


class Project:
    """A Meltano project of its own: the checkout's meltano.yml, with what is installed instead of what to install."""

    def __init__(self, folder, config, targets):
        text = (ROOT / "meltano.yml").read_text(encoding="utf-8")
        (folder / "meltano.yml").write_text(re.sub(r"(?m)^ +pip_url: .*\n", "", text), encoding="utf-8")
        (folder / "tap-invoices").write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n', encoding="utf-8")
        (folder / "tap-invoices").chmod(0o755)
        self.folder = folder
        self._environment = environment(
            PATH=f"{folder}:{TARGETS}:{TARGET_JSONL.parent}:{os.environ['PATH']}",
            TAP_INVOICES__SELECT='["*.*"]',
            MELTANO_STATE_BACKEND_URI=(folder / "states").as_uri(),
            NO_COLOR="1",
            **variables("TAP_INVOICES", config),
            **variables("TARGET", targets),
        )

    def run(self, *plugins):
        """Run extractor and loader."""
        return subprocess.run(  # noqa: S603
            [str(MELTANO), "run", "--no-install", *plugins],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            encoding="utf-8",
            timeout=600,
            check=False,
        )

    def bookmarks(self, name):
        """Return the bookmarks that Meltano keeps for a run: those of the last whole one, and what came since."""
        kept = json.loads((self.folder / "states" / name / "state.json").read_text(encoding="utf-8"))
        parts = [(kept.get(part) or {}).get("singer_state", {}) for part in ("completed", "partial")]
        return {stream: bookmark for part in parts for stream, bookmark in part.get("bookmarks", {}).items()}


def variables(prefix, config):
    """Return the environment variables of nested settings, as Meltano names them."""
    flat = {}
    for name, value in config.items():
        variable = f"{prefix}_{name}".upper()
        flat |= variables(variable, value) if isinstance(value, dict) else {variable: str(value)}
    return flat


def jsonl_rows(folder, stream):
    """Return the rows that target-jsonl has written for a stream."""
    lines = Path(folder, f"{stream}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line, parse_float=Decimal) for line in lines]


def csv_rows(folder, stream):
    """Return the rows of a stream's CSV file."""
    with (folder / f"{stream}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def json_rows(files):
    """Return the rows of files of JSON lines."""
    lines = [line for file in sorted(files) for line in file.read_text(encoding="utf-8").splitlines()]
    return [json.loads(line, parse_float=Decimal) for line in lines]


def singer_rows(files):
    """Return the records of compressed files of Singer messages."""
    texts = [gzip.decompress(file.read_bytes()).decode() for file in sorted(files)]
    messages = [json.loads(line, parse_float=Decimal) for text in texts for line in text.splitlines()]
    return [message["record"] for message in messages if message["type"] == "RECORD"]


_READ_DUCKDB = """
import duckdb, json, sys
path, table = sys.argv[1:]
cursor = duckdb.connect(path, read_only=True).execute(f"SELECT * FROM {table}")
names = [column[0].lower() for column in cursor.description]
for row in cursor.fetchall():
    print(json.dumps(dict(zip(names, row)), default=str))
"""


def duckdb_rows(path, table):
    """Return a table's rows, times as text, under the names that DuckDB shows: in small letters."""
    python = str(TARGETS / "python")
    done = subprocess.run(  # noqa: S603
        [python, "-c", _READ_DUCKDB, str(path), table], check=True, capture_output=True, encoding="utf-8"
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
