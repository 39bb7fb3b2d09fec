"""What is wrong with the user's stream maps: a key, or a part of it, that does not tell accounts apart."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from tap_invoices.streams.schemas import SOURCE_ACCOUNT, full_key

if TYPE_CHECKING:
    from tap_invoices.config.rules import Told
    from tap_invoices.streams.base import InvoiceStream

_PROVIDER = "provider"
_SAME = ("self", "_", "record")
"""What else may hold a field's own value in an expression of its map."""


def keys(maps: Mapping[str, Any], streams: Iterable[type[InvoiceStream]]) -> Told:
    """Yield the maps whose key lacks what tells rows of one account from another's."""
    by_name = {str(stream.name): full_key(stream) for stream in streams}  # type: ignore[misc]
    for name, each in maps.items():
        if isinstance(each, Mapping):
            source = str(each.get("__source__", name))
            chosen = (stream for stream in by_name if fnmatch.fnmatchcase(stream, source))
            faults = (
                fault for stream in chosen for fault in _faults(f"stream_maps.{name}", each, stream, by_name[stream])
            )
            yield from islice(faults, 1)


def _faults(path: str, given: Mapping[str, Any], stream: str, key: Iterable[str]) -> Told:
    owner = [field for field in key if field in (_PROVIDER, SOURCE_ACCOUNT)]
    names = given.get("__key_properties__")
    lacking = [f"`{field}`" for field in owner if field not in names] if names and isinstance(names, list) else ()
    if lacking:  # without a key, no row is replaced
        why = f"lacks {' and '.join(lacking)}, and rows of `{stream}` from one account would replace another's: add it"
        yield f"{path}.__key_properties__", why
    for field in owner:
        made = given.get(field)
        if isinstance(made, str) and {field, *_SAME}.isdisjoint(re.findall(r"\w+", made)):
            yield f"{path}.{field}", f"makes one of all accounts, whose rows of `{stream}` would replace each other's"
