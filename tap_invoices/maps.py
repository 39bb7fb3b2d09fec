"""Stream maps are the SDK's; here ``str()`` writes an amount with its plain digits, and leaves a null as it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from singer_sdk.mapper import CustomStreamMap, PluginMapper

_MOST_ZEROS = 400
"""More than any amount has; ``1E+999999999`` would take a gigabyte."""


def keep_amounts_exact(mapper: PluginMapper) -> None:
    """Give the expressions of all stream maps a ``str()`` that is exact; for single functions the SDK has no hook."""
    for maps in mapper.stream_maps.values():
        for each in maps:
            if isinstance(each, CustomStreamMap):
                each.expr_evaluator.functions["str"] = text


def text(value: Any) -> str | None:
    """Return a value as text; None stays None."""
    if isinstance(value, Decimal) and abs(value.adjusted()) <= _MOST_ZEROS:
        return f"{value:f}"
    return None if value is None else str(value)
