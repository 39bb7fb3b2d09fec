"""Stream maps are the SDK's; here ``str()`` is exact, and an error names the map and its field."""

from __future__ import annotations

import copy
import traceback
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from singer_sdk.mapper import CustomStreamMap, PluginMapper, RemoveRecordTransform, SameRecordTransform

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from singer_sdk.singerlib import Catalog

from tap_invoices.records.decimals import plain

_SETTINGS = ("stream_map", "flattening_", "faker_")
"""How the settings begin that a mapper reads; to copy all accounts for each would take long."""


def keep_amounts_exact(mapper: PluginMapper) -> None:
    """Give the expressions of all stream maps a ``str()`` that is exact; for single functions the SDK has no hook."""
    for maps in mapper.stream_maps.values():
        for each in maps:
            if isinstance(each, CustomStreamMap):
                each.expr_evaluator.functions["str"] = text


def text(value: Any) -> str | None:
    """Return a value as text; None stays None."""
    if isinstance(value, Decimal):
        return plain(value)
    return None if value is None else str(value)


def are_shareable(mapper: PluginMapper) -> bool:
    """Tell whether several threads may use the maps: a map of the user's holds the record that it works on."""
    plain = (SameRecordTransform, RemoveRecordTransform)
    return all(isinstance(each, plain) for maps in mapper.stream_maps.values() for each in maps)


def new_mapper(config: Mapping[str, Any], catalog: Catalog, logger: logging.Logger) -> PluginMapper:
    """Return the maps once more, for a thread of their own."""
    own = {name: value for name, value in config.items() if name.startswith(_SETTINGS)}
    mapper = PluginMapper(copy.deepcopy(own), logger)  # which takes its default out of what it is given
    mapper.register_raw_streams_from_catalog(catalog)
    keep_amounts_exact(mapper)
    return mapper


class MapError(Exception):
    """A stream map cannot be applied to a record."""


def map_error(error: Exception) -> MapError | None:
    """Return what went wrong in which field of a stream map; None where an error did not come from one.

    The text holds nothing of the record: what an expression met may be personal.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code is CustomStreamMap._eval.__code__:  # noqa: SLF001  (the only place that knows the field)
            name = frame.f_locals.get("property_name") or "__filter__"
            alias = getattr(frame.f_locals.get("self"), "stream_alias", "")
            reason = type(error.__cause__ or error).__name__
            return MapError(
                f"the stream map of `{alias}` cannot make `{name}` of a record ({reason}): "
                "fields may be null or missing, and amounts are Decimal, which does not mix with float"
            )
    return None
