"""Live lines for people: only where a terminal shows stderr, and records go elsewhere."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_invoices.counts import Board


def shown(board: Board) -> AbstractContextManager[object]:
    """Return what shows a line for each stream while it is entered; elsewhere there are the logs alone.

    Args:
        board: Returns what there is to show now: title of a line → counts, and how many rows a page has.
    """
    if not _is_wanted():
        return nullcontext()
    from tap_invoices.cli.live import LiveLines  # noqa: PLC0415  (needs an extra)

    return LiveLines(board)


def _is_wanted() -> bool:
    return (
        sys.stderr.isatty()
        and sys.stdout is not None
        and not sys.stdout.isatty()
        and os.environ.get("TERM", "dumb") != "dumb"
        and find_spec("rich") is not None
    )
