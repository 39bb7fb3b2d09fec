"""What is wrong with the user's stream maps: a key that does not tell accounts apart."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tap_invoices.streams.schemas import SOURCE_ACCOUNT, full_key

if TYPE_CHECKING:
    from tap_invoices.config.rules import Told
    from tap_invoices.streams.base import InvoiceStream

_PROVIDER = "provider"


def keys(maps: Mapping[str, Any], streams: Iterable[type[InvoiceStream]]) -> Told:
    """Yield the maps whose key lacks what tells rows of one account from another's; without a key, none is replaced."""
    by_name = {str(stream.name): full_key(stream) for stream in streams}  # type: ignore[misc]
    for name, each in maps.items():
        given = each.get("__key_properties__") if isinstance(each, Mapping) else None
        if not (given and isinstance(given, list)):
            continue
        source = str(each.get("__source__", name))
        for stream in (stream for stream in by_name if fnmatch.fnmatchcase(stream, source)):
            owner = [field for field in by_name[stream] if field in (_PROVIDER, SOURCE_ACCOUNT)]
            if lacking := " and ".join(f"`{field}`" for field in owner if field not in given):
                yield (
                    f"stream_maps.{name}.__key_properties__",
                    f"lacks {lacking}, and rows of `{stream}` from one account would replace another's: add it",
                )
                break
