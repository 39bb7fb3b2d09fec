"""Translates the tap's catalog into Airbyte's, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tap_invoices.airbyte.messages import SourceError
from tap_invoices.airbyte.spec import DRAFT_07
from tap_invoices.streams.schemas import SOURCE_ACCOUNT

Json = dict[str, Any]

NO_CURSOR = "__ab_no_cursor_state_message"
"""Marks the state of a stream that has none."""


def airbyte_stream(entry: Mapping[str, Any]) -> Json:
    """Return one entry of a Singer catalog as a stream of Airbyte's."""
    stream: Json = {
        "name": entry["tap_stream_id"],
        "json_schema": {"$schema": DRAFT_07, **_with_airbyte_types(entry["schema"])},
        "supported_sync_modes": ["full_refresh"],
        "source_defined_primary_key": [[key] for key in entry["key_properties"]],
        "is_resumable": False,  # a full refresh begins anew
    }
    if key := entry.get("replication_key"):
        stream |= {
            "supported_sync_modes": ["full_refresh", "incremental"],
            "source_defined_cursor": True,
            "default_cursor_field": [key],
        }
    return stream


def _with_airbyte_types(schema: Json) -> Json:
    adapted = dict(schema)
    if schema.get("format") == "date-time":
        adapted["airbyte_type"] = "timestamp_with_timezone"
    if "properties" in schema:
        adapted["properties"] = {name: _with_airbyte_types(value) for name, value in schema["properties"].items()}
    if isinstance(schema.get("items"), dict):
        adapted["items"] = _with_airbyte_types(schema["items"])
    return adapted


def sync_modes(configured: Any) -> dict[str, str]:
    """Return the sync mode of each stream of a configured catalog.

    Raises:
        SourceError: If it is not one, or one from before the tap knew accounts.
    """
    try:
        modes = {entry["stream"]["name"]: entry["sync_mode"] for entry in configured["streams"]}
        outdated = [entry["stream"]["name"] for entry in configured["streams"] if _is_outdated(entry)]
    except (KeyError, TypeError):
        msg = "the catalog is not a configured catalog of Airbyte's"
        raise SourceError(msg) from None
    for name, mode in modes.items():
        if mode not in {"full_refresh", "incremental"}:
            msg = f"the stream `{name}` cannot be synced in the mode {mode!r}: choose full_refresh or incremental"
            raise SourceError(msg)
    if outdated:
        msg = f"the key of {', '.join(outdated)} does not tell accounts apart: refresh the connection's schema"
        raise SourceError(msg)
    return modes


def _is_outdated(entry: Json) -> bool:
    """Tell whether a destination would take rows of different accounts for the same."""
    key = entry.get("primary_key") or entry["stream"].get("source_defined_primary_key")
    return bool(key) and [SOURCE_ACCOUNT] not in key


def select(catalog: Json, modes: Mapping[str, str]) -> Json:
    """Return a Singer catalog with these streams selected, and no others.

    Raises:
        SourceError: If one is not there.
    """
    entries = {entry["tap_stream_id"]: entry for entry in catalog["streams"]}
    if missing := sorted(set(modes) - set(entries)):
        msg = f"the source has no stream {', '.join(missing)}: refresh the connection's schema, or see `documents`"
        raise SourceError(msg)
    for name, entry in entries.items():
        whole = next(item["metadata"] for item in entry["metadata"] if not item["breadcrumb"])
        whole["selected"] = name in modes
        if modes.get(name) == "full_refresh":
            entry["replication_method"] = whole["forced-replication-method"] = "FULL_TABLE"
    return catalog


def singer_state(states: Any, modes: Mapping[str, str]) -> Json:
    """Return the bookmarks of the streams that are synced incrementally.

    Raises:
        SourceError: If the state is not Airbyte's, per stream.
    """
    try:
        streams = [state["stream"] for state in states or ()]
        bookmarks = {stream["stream_descriptor"]["name"]: stream.get("stream_state") for stream in streams}
    except (KeyError, TypeError):
        msg = "the state is not a list of stream states"
        raise SourceError(msg) from None
    return {
        "bookmarks": {
            name: bookmark
            for name, bookmark in bookmarks.items()
            if bookmark and NO_CURSOR not in bookmark and modes.get(name) == "incremental"
        }
    }
