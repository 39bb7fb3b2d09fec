"""A line for each stream at the foot of the terminal, from the counts that streams keep anyway; logs scroll above."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from contextlib import ExitStack, suppress
from io import TextIOBase
from math import ceil
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text
from typing_extensions import override

from tap_invoices.cli.logs import on_stderr
from tap_invoices.counts import Outcome

if TYPE_CHECKING:
    from tap_invoices.counts import Board, Counts

_REFRESHES_PER_SECOND = 4
_RATE_SECONDS = 5.0
"""What comes in so long makes the rate."""

_GAP = 1
_SHORTEST_NAME = 8
_STATE_WIDTH = 17
_COLUMNS = {"records": (9, 0), "read": (19, 72), "rate": (7, 80)}
"""Title → its width, and the width of a terminal from which on it is shown."""

_STYLES = {
    Outcome.COMPLETE: "green",
    Outcome.PARTIAL: "yellow",
    Outcome.SHORT: "yellow",
    Outcome.FAILED: "red",
}


class LiveLines:
    """Shows the lines while it is entered; the last ones stay.

    Args:
        board: Returns what there is to show now: title of a line → counts, and how many rows a page has.
    """

    def __init__(self, board: Board) -> None:
        self._console = Console(file=sys.stderr, highlight=False)
        self._board = board
        self._known: dict[str, Line] = {}
        self._stack = ExitStack()
        self._ended = False

    def __enter__(self) -> Self:
        above = _Above(self._console)
        loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
        for handler in list(on_stderr(*(logger for logger in loggers if isinstance(logger, logging.Logger)))):
            self._stack.callback(handler.setStream, handler.stream)
            handler.setStream(above)
            self._stack.callback(handler.setLevel, handler.level)
            handler.setLevel(max(handler.level, logging.WARNING))  # the lines tell the rest
        self._stack.enter_context(
            Live(
                console=self._console,
                get_renderable=self._table,
                refresh_per_second=_REFRESHES_PER_SECOND,
                redirect_stdout=False,  # the messages go there
            )
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        with suppress(OSError):  # a terminal that has gone is no reason to fail
            self._stack.close()

    @property
    def _lines(self) -> list[Line]:
        """The lines of now; those that are still there go on."""
        known = self._known
        self._known = {
            name: line if (line := known.get(name)) and line.is_of(counts) else Line(name, counts, page_size)
            for name, (counts, page_size) in self._board().items()
        }
        return list(self._known.values())

    def _table(self) -> Table:
        lines = self._lines
        width, height = self._console.size
        shown = {title: size for title, (size, from_width) in _COLUMNS.items() if width >= from_width}
        left = width - sum(size + _GAP for size in shown.values())
        longest = max((len(line.name) for line in lines), default=0)
        name_width = max(_SHORTEST_NAME, min(longest, left - _STATE_WIDTH - _GAP))
        table = Table(box=None, padding=(0, _GAP, 0, 0), header_style="bold", show_edge=False)
        table.add_column("stream", width=name_width, no_wrap=True)
        for title, size in shown.items():
            table.add_column(title, width=size, justify="right", no_wrap=True)
        table.add_column("", width=max(1, left - name_width - _GAP), no_wrap=True, overflow="ellipsis")
        for line in lines if self._ended else _fitting(lines, height - 1):
            cells = line.cells()
            table.add_row(_shortened(line.name, name_width), *(cells[title] for title in shown), line.state())
        return table


class Line:
    """What is told of one stream.

    Args:
        name: Its title.
        counts: Its counts.
        page_size: How many rows a page has, if it comes in pages.
    """

    def __init__(self, name: str, counts: Counts, page_size: int | None = None) -> None:
        self.name = name
        self._counts = counts
        self._page_size = page_size
        self._arrivals: deque[tuple[float, int]] = deque()

    def is_of(self, counts: Counts) -> bool:
        """Tell whether it shows these counts."""
        return self._counts is counts

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self._counts.outcome != Outcome.RUNNING

    def cells(self) -> dict[str, str]:
        """Return what stands in the columns; nothing where there is nothing to tell."""
        rate = self._rate()
        return {
            "records": f"{self._counts.emitted:,}",
            "read": self._read() if self._counts.read else "",
            "rate": f"{rate:,.0f}/s" if rate else "",
        }

    def _read(self) -> str:
        """Return how far the reading is: in pages where there are any, and of how many if that is known."""
        read, expected = self._counts.read, self._counts.expected
        of = "" if expected is None else f" of {ceil(expected / (self._page_size or 1)):,}"
        return f"page {ceil(read / self._page_size):,}{of}" if self._page_size else f"{read:,}{of}"

    def _rate(self) -> float:
        if self.has_ended:
            return 0.0
        now, read = time.monotonic(), self._counts.read
        self._arrivals.append((now, read))
        while now - self._arrivals[0][0] > _RATE_SECONDS:
            self._arrivals.popleft()
        since, before = self._arrivals[0]
        return (read - before) / (now - since) if now > since else 0.0

    def state(self) -> Text:
        """Return what goes on, and what went wrong."""
        counts = self._counts
        faults = {"retries": counts.retries, "failed": counts.failed, "gone": counts.gone}
        parts = [self._doing(), *(f"{count:,} {name}" for name, count in faults.items() if count)]
        style = _STYLES.get(counts.outcome, "yellow" if counts.waiting else "")
        return Text(", ".join(parts), style=style)

    def _doing(self) -> str:
        counts = self._counts
        if self.has_ended:
            return f"{counts.outcome}, {counts.seconds:.1f} s"
        if counts.waiting:
            return f"waits {ceil(counts.waiting)} s"
        if not counts.requests:
            return "queued"
        if counts.read != counts.expected:
            return "reading"
        return "writing" if counts.emitted else "read, waits"


def _fitting(lines: list[Line], rows: int) -> list[Line]:
    """Return as many lines as there is room for: those that are still to end go first."""
    spare = len(lines) - max(1, rows)
    ended = [line for line in lines if line.has_ended]
    left_out = {line.name for line in ended[: max(0, spare)]}
    return [line for line in lines if line.name not in left_out][: max(1, rows)]


def _shortened(name: str, width: int) -> str:
    """Cut out the middle of what is too long: names begin alike, and end alike."""
    head = width // 2
    return name if len(name) <= width else f"{name[:head]}…{name[head + 1 - width :]}"


class _Above(TextIOBase):
    """Where logs are written: above the lines, and never cut to the terminal's width."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    @override
    def write(self, text: str, /) -> int:
        self._console.out(text, end="")
        return len(text)
