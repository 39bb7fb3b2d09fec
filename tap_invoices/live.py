"""A line for each stream at the foot of the terminal, from the counts that the streams keep anyway; logs scroll above."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from io import TextIOBase
from math import ceil
from typing import TYPE_CHECKING, NamedTuple, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text
from typing_extensions import override

from tap_invoices.listing import ListStream
from tap_invoices.logs import on_stderr

if TYPE_CHECKING:
    from tap_invoices.ledger import Account
    from tap_invoices.stream import InvoiceStream

_PER_SECOND = 4
_WINDOW = 5.0
"""Seconds over which the rate is taken."""

_STYLES = {"complete": "green", "partial": "yellow", "short": "yellow", "failed": "red"}


class LiveLines:
    """Shows the lines while it is entered; the last ones stay.

    Args:
        streams: Those that are selected.
    """

    def __init__(self, streams: Sequence[InvoiceStream]) -> None:
        self._console = Console(file=sys.stderr)
        self._lines = [Line(stream) for stream in streams]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        above = _Above(self._console)
        loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
        for handler in on_stderr(*(logger for logger in loggers if isinstance(logger, logging.Logger))):
            self._stack.callback(handler.setStream, handler.stream)
            handler.setStream(above)
        live = Live(
            console=self._console,
            get_renderable=self._table,
            refresh_per_second=_PER_SECOND,
            redirect_stdout=False,  # that is where the messages go
        )
        self._stack.enter_context(live)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # a terminal that has gone is no reason to fail
            self._stack.close()

    def _table(self) -> Table:
        width, height = self._console.size
        columns = [column for column in _COLUMNS if width >= column.from_width]
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", expand=False)
        for column in columns:
            table.add_column(column.title, justify=column.justify, no_wrap=True, overflow="ellipsis")
        ...
        return table
