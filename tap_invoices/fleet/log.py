"""What of the tap's log says how each account went."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"of_use": {"()": "tap_invoices.fleet.log.OfUse"}},
    "formatters": {"structured": {"()": "singer_sdk.logging.StructuredFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured", "filters": ["of_use"]}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
    "loggers": {"tap-invoices": {"level": "DEBUG"}},
}
"""With several accounts, the tap tells each one's ledger at DEBUG."""


class OfUse(logging.Filter):
    """Lets the ledger through, and what went wrong."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is read here."""
        return record.levelno >= logging.WARNING or hasattr(record, "ledger") or hasattr(record, "reason")


@dataclass
class Log:
    """What a tap told.

    Args:
        ledger: Account → the counts of each stream that has ended.
        reasons: Account → why it is not whole, for each stream that is not.
        errors: What else was wrong.
    """

    ledger: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    reasons: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)


def read(lines: Iterable[bytes]) -> Log:
    """Read a tap's log; a line that is none of it, as of a Python that could not start, is an error."""
    log = Log()
    for line in lines:
        try:
            entry = json.loads(line)
            extra, message = entry["extra"], str(entry["message"])
        except (ValueError, TypeError, KeyError):
            log.errors.append(line.decode(errors="replace").strip())
            continue
        if ledger := extra.get("ledger"):
            log.ledger[f"{ledger['provider']}/{ledger['account']}"].append(ledger)
        elif reason := extra.get("reason"):
            log.reasons[extra["account"]].append(f"{entry['stream_name']}: {reason}")
        elif entry["level"] in {"error", "critical"}:
            log.errors.append(message)
    return log
