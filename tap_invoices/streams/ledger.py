"""What each stream expected, did and why it agrees: counted while it runs, told in one line at its end."""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import fsspec
from fsspec.core import split_protocol

from tap_invoices import times
from tap_invoices.streams import storage

if TYPE_CHECKING:
    from tap_invoices.counts import Counts
    from tap_invoices.http.account import Account

_APPENDING = (None, "file", "local", "memory", "sftp", "ssh", "smb", "hdfs")
"""File systems that add to a file without touching what it holds."""


_LOGGER = logging.getLogger("tap-invoices.ledger")
"""One of its own, so that whoever runs the tap can have these lines alone."""


class LedgerError(Exception):
    """The auditors' file cannot be written."""


class Ledger:
    """Tells each stream's counts to the log, and to a file for auditors if there is one.

    Args:
        url: File, as any fsspec URL; None for none.
    """

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._sync = times.rfc3339(datetime.now(UTC).replace(microsecond=0))

    def close(self, counts: Counts, account: Account, level: int = logging.INFO, **more: Any) -> None:
        """Write the counts of a stream that has ended.

        Args:
            counts: Its counts.
            account: Whose they are.
            level: Of the lines in the log.
            more: What the line says to whoever runs the tap, and not to people.

        Raises:
            LedgerError: If the file cannot be written; the log has the counts all the same.
        """
        entry = {"sync": self._sync, "provider": account.provider, "account": account.name, **counts.to_dict()}
        line = json.dumps(entry)
        _LOGGER.log(level, "%s %s", counts.stream, counts.sentence())
        _LOGGER.log(level, "LEDGER: %s", line, extra={"ledger": {**entry, **more}})
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
