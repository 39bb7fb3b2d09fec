"""Keeps secrets out of logs: whatever is logged, by whom and at which level, passes here first."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import quote, quote_plus
from weakref import WeakSet


class Keeper(Protocol):
    """Whoever has secrets, of which some come and go."""

    def secrets(self) -> Iterable[str]:
        """Return the secrets of now."""


_KEEPERS: WeakSet[Keeper] = WeakSet()
_LOCK = threading.RLock()
"""Reentrant, for a signal's handler logs too, in the thread that it interrupts."""

_MASK = "***"
_SHORTEST = 3
"""Shorter values would mask half the log, and are no secrets."""


class RedactingFormatter(logging.Formatter):
    """Formats as another formatter does, then masks secrets: message, arguments and tracebacks alike.

    Args:
        formatter: Which one.
    """

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        """Return the formatted record without secrets."""
        with _LOCK:
            keepers = list(_KEEPERS)
        return mask(self._formatter.format(record), {secret for keeper in keepers for secret in keeper.secrets()})


def mask(text: str, secrets: Iterable[str]) -> str:
    """Replace secrets in a text, also where they are quoted for JSON or URLs."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            for form in {
                secret,
                quote(secret, safe=""),
                quote_plus(secret),
                json.dumps(secret)[1:-1],
                repr(secret)[1:-1],
            }:
                text = text.replace(form, _MASK)
    return text


def keep(keeper: Keeper) -> None:
    """Mask a keeper's secrets too, for as long as it lives."""
    with _LOCK:
        _KEEPERS.add(keeper)


def guard(keeper: Keeper) -> None:
    """Mask a keeper's secrets on every handler there is; a filter on a logger would miss its children's records."""
    keep(keeper)
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for logger in loggers:
        for handler in getattr(logger, "handlers", ()):
            if not isinstance(handler.formatter, RedactingFormatter):
                handler.setFormatter(RedactingFormatter(handler.formatter or logging.Formatter()))
