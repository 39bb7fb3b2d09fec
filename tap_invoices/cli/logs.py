"""How much is logged: what helps a reader once, not what comes again and again."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any

from singer_sdk.metrics import METRICS_LOGGER_NAME


def quieten() -> None:
    """Keep the SDK's METRIC lines off stderr, for the ledger's lines say the same and more.

    At DEBUG they stay, and so does what a log configuration gives to the metrics' own logger.
    """
    metrics = logging.getLogger(METRICS_LOGGER_NAME)
    if metrics.isEnabledFor(logging.DEBUG):
        return
    for handler in on_stderr(logging.getLogger()):
        handler.addFilter(_is_no_metric)


def _is_no_metric(record: logging.LogRecord) -> bool:
    return record.name != METRICS_LOGGER_NAME


def on_stderr(*loggers: logging.Logger) -> Iterator[logging.StreamHandler[Any]]:
    """Yield the handlers of loggers that write to stderr."""
    for logger in loggers:
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr:
                yield handler
