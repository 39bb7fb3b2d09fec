"""Live lines for people: only where a terminal shows stderr, and records go elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_invoices.counts import Counts


def shown(counts: Mapping[str, Counts], page_sizes: Mapping[str, int]) -> AbstractContextManager[object]:
    """Return what shows a line for each stream while it is entered; elsewhere there are the logs alone.

    Args:
        counts: By the stream's name.
        page_sizes: Of the streams that come in pages.
    """
    if not _is_wanted():
        return nullcontext()
    from tap_invoices.cli.live import Line, LiveLines  # noqa: PLC0415  (needs an extra)

    return LiveLines([Line(each, page_sizes.get(name)) for name, each in counts.items()])


def _is_wanted() -> bool:
    return (
        sys.stderr.isatty()
        and not sys.stdout.isatty()
        and os.environ.get("TERM", "dumb") != "dumb"
        and find_spec("rich") is not None
    )
