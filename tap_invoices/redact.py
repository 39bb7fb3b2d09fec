"""Keeps secrets out of logs: whatever is logged, by whom and at which level, passes here first."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus

_MASK = "***"
_SHORTEST = 3
"""Shorter values would mask half the log, and are no secrets."""


class RedactingFormatter(logging.Formatter):
    """Formats as another formatter does, then masks secrets: message, arguments and tracebacks alike.

    Args:
        formatter: Which one.
        secrets: Returns the secrets of now; tokens come and go.
    """

    def __init__(self, formatter: logging.Formatter, secrets: Callable[[], Iterable[str]]) -> None:
        super().__init__()
        self._formatter = formatter
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """Return the formatted record without secrets."""
        return mask(self._formatter.format(record), self._secrets())


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


def guard_handlers(secrets: Callable[[], Iterable[str]]) -> None:
    """Put the masking on every handler there is; a filter on a logger would miss its children's records."""
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for logger in loggers:
        for handler in getattr(logger, "handlers", ()):
            if not isinstance(handler.formatter, RedactingFormatter):
                handler.setFormatter(RedactingFormatter(handler.formatter or logging.Formatter(), secrets))
