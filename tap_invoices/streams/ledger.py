"""What each stream expected, did and why it agrees: counted while it runs, told in one line at its end."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

import fsspec
from fsspec.core import split_protocol

from tap_invoices import times
from tap_invoices.streams import storage

_APPENDING = (None, "file", "local", "memory", "sftp", "ssh", "smb", "hdfs")
"""File systems that add to a file without touching what it holds."""


@dataclass
class Counts:
    """The counts of one stream in one sync."""

    stream: str
    expected: int | None = None
    """What the provider says there is, or for children how many were due."""
    read: int = 0
    """Distinct keys that arrived."""
    emitted: int = 0
    unchanged: int = 0
    """Left out, for being older than the bookmark."""
    failed: int = 0
    gone: int = 0
    """404 or 410 for an invoice that the list named."""
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    outcome: str = "running"
    _began: float | None = field(default=None, repr=False)
    _waits_until: float = field(default=0.0, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, **amounts: int) -> None:
        """Add to counts; any thread may. The first request starts the clock."""
        with self._lock:
            if "requests" in amounts and self._began is None:
                self._began = time.monotonic()
            for name, amount in amounts.items():
                setattr(self, name, (getattr(self, name) or 0) + amount)

    def wait(self, seconds: float) -> None:
        """Count a retry, which is sent after so long; any thread may."""
        self.count(retries=1)
        self._waits_until = max(self._waits_until, time.monotonic() + seconds)

    @property
    def waiting(self) -> float:
        """Seconds until the last retry is sent; 0 if none is outstanding."""
        return max(0.0, self._waits_until - time.monotonic())

    def end(self, outcome: str) -> None:
        """Stop the clock and say how it went: complete, short, partial or failed."""
        self.outcome = outcome
        if self._began is not None:
            self.seconds = round(time.monotonic() - self._began, 3)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain values."""
        return {f.name: getattr(self, f.name) for f in fields(self) if not f.name.startswith("_")}

    def progress(self) -> str:
        """Return in words how far the stream is."""
        said = "an unknown number" if self.expected is None else str(self.expected)
        return f"{said} expected, {self.read} read, {self.emitted} emitted"

    def sentence(self) -> str:
        """Return the counts in a line for people."""
        return (
            f"{self.outcome}: {self.progress()}, {self.unchanged} unchanged, "
            f"{self.failed} failed, {self.gone} gone, {self.requests} requests, {self.retries} retries, "
            f"{self.seconds:.1f} s"
        )


class LedgerError(Exception):
    """The auditors' file cannot be written."""


class Ledger:
    """Tells each stream's account to the log, and to a file for auditors if there is one.

    Args:
        logger: For the human line and the structured one.
        url: File, as any fsspec URL; None for none.
    """

    def __init__(self, logger: logging.Logger, url: str | None) -> None:
        self._logger = logger
        self._url = url
        self._sync = times.rfc3339(datetime.now(UTC).replace(microsecond=0))

    def close(self, account: Counts) -> None:
        """Write a finished account.

        Raises:
            LedgerError: If the file cannot be written; the log has the account all the same.
        """
        entry = {"sync": self._sync, **account.to_dict()}
        line = json.dumps(entry)
        self._logger.info("%s %s", account.stream, account.sentence())
        self._logger.info("LEDGER: %s", line, extra={"ledger": entry})
        if self._url:
            self._append(self._url, line)

    def _append(self, url: str, line: str) -> None:
        """Add a line at the end; where file systems take "append" for "write anew", or refuse it, write all again."""
        try:
            if split_protocol(url)[0] in _APPENDING:
                with fsspec.open(url, "a", encoding="utf-8") as file:
                    file.write(line + "\n")
            else:
                files, path = storage.locate(url, {})
                files.write(path, io.BytesIO(files.read(path) + f"{line}\n".encode()))
        except Exception as error:  # whatever the file system raises
            msg = f"`ledger_url` cannot be written ({storage.reason(error)})"
            raise LedgerError(msg) from error
