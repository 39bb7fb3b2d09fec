"""The state that a sync is given: taken out of its wrappings, and refused by name where it is not this tap's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import ConfigValidationError

from tap_invoices.records.replication import normalise
from tap_invoices.streams.bookmark import STATE_VERSION, VERSION

if TYPE_CHECKING:
    from tap_invoices.streams.base import InvoiceStream

_WRAPPINGS = ("value", "singer_state")
"""Fields that hold the state in a STATE message, and in what Meltano shows."""


def read_state(
    given: Any, streams: Iterable[type[InvoiceStream]], unified: Iterable[type[InvoiceStream]] = ()
) -> dict[str, Any]:
    """Return a state without its wrappings; bookmarks of streams that the tap does not know stay as they are.

    Args:
        given: What may be one.
        streams: The streams of one provider each.
        unified: Those of all providers, as each of them has them.

    Raises:
        ConfigValidationError: If it is no state, or holds for a stream what is of another form or a later version.
    """
    state = _unwrapped(given)
    bookmarks = state.get("bookmarks", {} if not state else None) if isinstance(state, Mapping) else None
    if not isinstance(bookmarks, Mapping) or not all(_is_bookmark(each) for each in bookmarks.values()):
        msg = "the state is not one that this tap has written: `bookmarks` holds an object for each stream"
        raise ConfigValidationError(msg, errors=[msg])
    known: defaultdict[str, dict[str, type[InvoiceStream]]] = defaultdict(dict)
    for stream in (*streams, *unified):
        known[str(stream.name)][stream.provider] = stream  # type: ignore[misc]
    errors = [
        f"the state of `{name}` {fault}"
        for name, bookmark in bookmarks.items()
        for fault in _faults(bookmark, known.get(name, {}))
    ]
    if errors:
        msg = "State not understood"
        raise ConfigValidationError(msg, errors=errors)
    return dict(state)


def refuse_removals(
    state: Mapping[str, Any], streams: Iterable[type[InvoiceStream]], accounts: Mapping[str, str]
) -> None:
    """Refuse a state of other accounts, whose rows a target would remove with those that are gone.

    Args:
        state: As `read_state` returns it.
        streams: All providers' own streams.
        accounts: Provider → its account, of which there is one where rows may be removed.

    Raises:
        ConfigValidationError: If it holds one for a stream.
    """
    providers = {str(stream.name): stream.provider for stream in streams}  # type: ignore[misc]
    errors = [
        "`emit_activate_version_messages` would let the target remove the rows of another account, "
        f"for the state of `{stream}` holds `{name}` too: leave it out"
        for stream, provider in providers.items()
        for name in state.get("bookmarks", {}).get(stream, {}).get("accounts", ())
        if provider in accounts and name != accounts[provider]
    ]
    if errors:
        msg = "State holds other accounts"
        raise ConfigValidationError(msg, errors=errors)


def unnamed(state: Mapping[str, Any], streams: Iterable[type[InvoiceStream]], accounts: Iterable[str]) -> int:
    """Return how many accounts the state holds bookmarks of that are none of these; it passes them on.

    Args:
        state: As `read_state` returns it.
        streams: All that accounts may have.
        accounts: Those that the settings name, as ``provider/name``.
    """
    held = {
        name if "/" in name else f"{stream.provider}/{name}"
        for stream in streams
        for name in state.get("bookmarks", {}).get(str(stream.name), {}).get("accounts", ())  # type: ignore[misc]
    }
    return len(held.difference(accounts))


def _unwrapped(state: Any) -> Any:
    while isinstance(state, Mapping) and "bookmarks" not in state:
        inner = next((name for name in _WRAPPINGS if name in state), None)
        if inner is None:
            break
        state = {} if state[inner] is None else state[inner]
    return state


def _is_bookmark(value: Any) -> bool:
    objects = ("failed", "shape", "progress_markers")  # the last one is the SDK's
    return isinstance(value, Mapping) and all(isinstance(value.get(name) or {}, Mapping) for name in objects)


def _faults(entry: Mapping[str, Any], streams: Mapping[str, type[InvoiceStream]]) -> Iterator[str]:
    """Yield what is wrong with what the state holds for a stream; of a stream that is not known, it stays as it is."""
    accounts, version = entry.get("accounts"), entry.get("version", 0)
    if isinstance(version, int) and version > STATE_VERSION:
        yield f"has version {version}; this tap knows up to {STATE_VERSION}: upgrade it"
    elif not streams or not entry:
        return
    elif accounts is None:
        yield "has no `accounts`: it was written before there were any, and cannot be taken over: sync without it"
    elif not isinstance(accounts, Mapping) or not all(_is_bookmark(each) for each in accounts.values()):
        yield (
            "is not one that this tap has written: `accounts` holds an object for each account, "
            "and that one objects in `failed` and `shape`"
        )
    else:
        for account, bookmark in accounts.items():
            if stream := _one_of(streams, account):
                yield from (f"({account}) {fault}" for fault in _faults_of_bookmark(bookmark, stream))


def _one_of(streams: Mapping[str, type[InvoiceStream]], account: str) -> type[InvoiceStream] | None:
    """Return whose bookmark it is: that of the provider in the account's key, or of the only one."""
    provider, slash, _ = account.partition("/")
    return streams.get(provider) if slash else next(iter(streams.values()))


def _faults_of_bookmark(bookmark: Mapping[str, Any], stream: type[InvoiceStream]) -> Iterator[str]:
    version = bookmark.get("version", VERSION)
    if version not in range(VERSION + 1):
        yield f"has version {version}; this tap knows up to {VERSION}: upgrade it"
    elif key := stream.replication_key:
        yield from _faults_of_values(bookmark, key, stream.row_schema()["properties"][key])
        if not stream.understands(bookmark):
            yield "is not one that this tap has written: what stands beside its bookmark has another form"


def _faults_of_values(bookmark: Mapping[str, Any], key: str, schema: Mapping[str, Any]) -> Iterator[str]:
    is_date = schema.get("format") == "date"
    if (bookmark.get("replication_key") or key) != key:
        yield f"goes by another field than `{key}`"
    if not _is_time(bookmark.get("replication_key_value"), is_date=is_date):
        form = "2025-01-31" if is_date else "2025-01-31T12:00:00Z"
        yield f"has a `replication_key_value` that is no time such as {form}"
    if not all(_is_time(value, is_date=is_date) for value in (bookmark.get("failed") or {}).values()):
        yield "has a value in `failed` that is no time"
    if bookmark.get("partitions"):
        yield "has `partitions`, which this tap never writes"


def _is_time(value: Any, *, is_date: bool) -> bool:
    return value is None or (isinstance(value, str) and normalise(value, is_date=is_date) is not None)
