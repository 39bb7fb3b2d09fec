"""Whether an output holds every invoice."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.workloads import ACCOUNTS, BATCHES, MAPPED

_KEYS = {
    "list": re.compile(rb'"00000001-0000-4000-8000-([0-9]{12})"'),
    "details": re.compile(rb'"INV-([0-9]{8})"'),
    "documents": re.compile(rb'"INV-([0-9]{8})"'),
}
_PDF_START = b'"JVBERi'
"""``%PDF`` as base64."""


class Distinct:
    """Counts records and different invoices in lines of any format: the keys look like nothing else.

    Args:
        kind: What the records are.
    """

    def __init__(self, kind: str) -> None:
        self.records = 0
        self._key = _KEYS[kind]
        self._needs = _PDF_START if kind == "documents" else b""
        self._seen = bytearray()

    def see(self, line: bytes) -> None:
        """Take a line."""
        found = self._key.search(line)
        if found is None or b'"STATE"' in line[:20] or self._needs not in line or not line.endswith(b"}\n"):
            return
        index = int(found[1])
        if index >= len(self._seen):
            self._seen.extend(bytes(index + 1000 - len(self._seen)))
        self._seen[index] = 1
        self.records += 1

    def __len__(self) -> int:
        return sum(self._seen)


def in_files(kind: str, folder: Path) -> int:
    """Return how many invoices the files hold that a contender has written."""
    if kind in {*ACCOUNTS, *MAPPED, "all", "unified"}:
        return _in_messages(folder / "out.jsonl", has_lines=kind == "embedded")
    if kind in BATCHES:
        return _in_target(folder / "out")
    distinct = Distinct(kind)
    for line in _lines(folder):
        distinct.see(line)
    return len(distinct)


def _lines(folder: Path) -> Iterator[bytes]:
    for path in (folder / "out.jsonl", *folder.glob("out/*/*.jsonl*")):
        if not path.parent.name.startswith("_"):
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                yield from file


def _in_messages(path: Path, *, has_lines: bool) -> int:
    """Return how many different records Singer messages hold, over all streams; that of lines counts where the workload
    says how many there are.
    """
    keys: dict[str, list[str]] = {}
    seen = set()
    with path.open("rb") as file:
        for line in file:
            message = json.loads(line)
            if message["type"] == "SCHEMA":
                keys[message["stream"]] = message["key_properties"]
            elif message["type"] == "RECORD" and (has_lines or message["stream"] != "invoice_lines"):
                stream, record = message["stream"], message["record"]
                seen.add((stream, *(record[key] for key in keys[stream])))
    return len(seen)


def _in_target(folder: Path) -> int:
    """Return how many different rows of accounts a target has, in files of which each load makes its own."""
    lines = (line for path in folder.glob("ibana_invoices-*.jsonl") for line in path.open("rb"))
    return len({(row["source_account"], row["id"]) for row in map(json.loads, lines)})
