"""The catalog of a sync: it selects, and sets replication methods; names, types and keys are the tap's own."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.singerlib import Catalog, CatalogEntry, Metadata, MetadataMapping, Schema

from tap_invoices.streams.documents import DocumentStream
from tap_invoices.streams.schemas import full_key, full_schema

if TYPE_CHECKING:
    from tap_invoices.providers.base import Provider
    from tap_invoices.streams.base import InvoiceStream

_NO_DOCUMENTS = (
    "Without `documents.mode` in the settings these streams are left out: {}. To have them, set it to inline, or to "
    "files with a `documents.url`."
)
_DOCUMENTS_WANTED = (
    "The catalog selects {}, and PDFs need `documents.mode` in the settings: set it to inline, or to files with a "
    "`documents.url`, or deselect them."
)
_METHODS = (None, "FULL_TABLE", "INCREMENTAL")


def read_catalog(given: Any, streams: Iterable[type[InvoiceStream]], decimals: str | None = None) -> Catalog | None:
    """Return a catalog of the streams that the given one selects, by the tap's own schemas and keys.

    Raises:
        ConfigValidationError: If it is no catalog, or selects a stream or sets a method that there is not.
    """
    if given is None:
        return None
    try:
        entries = dict(given if isinstance(given, Catalog) else Catalog.from_dict(_without_schemas(given)))
    except (KeyError, TypeError, AttributeError):
        msg = "the catalog is not one of Singer's: `streams` holds an entry with `tap_stream_id` for each stream"
        raise ConfigValidationError(msg, errors=[msg]) from None
    known = {str(stream.name): stream for stream in streams}  # type: ignore[misc]
    errors = [_unknown(name, known) for name, entry in entries.items() if name not in known and _is_selected(entry)]
    errors += [
        f"the catalog sets the replication method of `{name}`: it must be FULL_TABLE or INCREMENTAL"
        for name, entry in entries.items()
        if name in known and _method(entry) not in _METHODS
    ]
    if errors:
        msg = "Catalog not understood"
        raise ConfigValidationError(msg, errors=errors)
    selected = {name: entry for name in known if (entry := entries.get(name)) and _is_selected(entry)}
    return Catalog({name: _own_entry(known[name], entry, decimals) for name, entry in selected.items()})


def discovered(
    config: Mapping[str, Any], providers: Iterable[Provider]
) -> tuple[list[type[InvoiceStream]], list[type[InvoiceStream]]]:
    """Return the streams of the providers that are on, and those that are left out, for documents are nowhere kept."""
    on = [stream for provider in providers if provider.is_configured(config) for stream in provider.streams]
    are_kept = bool((config.get("documents") or {}).get("mode"))
    left_out: list[type[InvoiceStream]] = (
        [] if are_kept else [stream for stream in on if issubclass(stream, DocumentStream)]
    )
    return [stream for stream in on if stream not in left_out], left_out


def missing(catalog: Catalog | None, config: Mapping[str, Any], providers: Iterable[Provider]) -> list[str]:
    """Return what to warn of where the catalog selects streams of providers that are off.

    Raises:
        ConfigValidationError: If a setting of such a provider came empty.
    """
    if catalog is None:
        return []
    errors, warnings = [], []
    if not catalog:
        warnings.append("the catalog selects no stream: nothing is read")
    for provider in providers:
        own = {str(stream.name) for stream in provider.streams}  # type: ignore[misc]
        names = ", ".join(name for name in catalog if name in own)
        if not names or provider.is_configured(config):
            continue
        given = config.get(provider.name) or {}
        empty = ", ".join(f"`{provider.name}.{s.name}`" for s in provider.settings if s.required and s.name in given)
        if empty:
            errors.append(f"the catalog selects {names}, but {empty} came empty")
        else:
            warnings.append(
                f"the catalog selects {names}, which are not read: no required setting of `{provider.name}` is given"
            )
    if errors:
        msg = "Catalog selects streams that are not there"
        raise ConfigValidationError(msg, errors=errors)
    return warnings


def refuse_partial_batches(streams: Iterable[InvoiceStream]) -> None:
    """Refuse what the SDK would leave out in silence: batch files hold all fields.

    Raises:
        ConfigValidationError: If a field of a stream is deselected.
    """
    if names := ", ".join(stream.name for stream in streams if stream.deselected.paths):
        msg = f"`batch_config` writes all fields, and some are deselected in {names}: select them, or take it out"
        raise ConfigValidationError(msg, errors=[msg])


def without_documents(catalog: Catalog | None, streams: Iterable[type[InvoiceStream]]) -> str:
    """Return what to say of documents that are left out, for the settings do not say how they are kept.

    Raises:
        ConfigValidationError: If the catalog selects one.
    """
    left_out = [str(stream.name) for stream in streams]  # type: ignore[misc]
    if names := [name for name in left_out if name in (catalog or ())]:
        msg = "The catalog selects documents, and the settings do not say where they go"
        raise ConfigValidationError(msg, errors=[_DOCUMENTS_WANTED.format(", ".join(names))])
    return _NO_DOCUMENTS.format(", ".join(left_out))


def _without_schemas(given: Any) -> dict[str, Any]:
    """Return a catalog without what nobody looks at, and reading it takes the most time."""
    return {"streams": [{**entry, "schema": {}} for entry in given["streams"]]}


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean `{close[0]}`?" if close else "--discover lists those that there are"
    return f"the catalog selects `{name}`, which this tap does not have: {advice}"


def _is_selected(entry: CatalogEntry) -> bool:
    root = {breadcrumb: said for breadcrumb, said in entry.metadata.items() if not breadcrumb}
    return MetadataMapping(root).resolve_selection()[()]


def _method(entry: CatalogEntry) -> str | None:
    root = entry.metadata.get(())
    return entry.replication_method or getattr(root, "forced_replication_method", None)


def _own_entry(stream: type[InvoiceStream], given: CatalogEntry, decimals: str | None) -> CatalogEntry:
    """Return a stream's entry as discovery has it, with what was selected and set."""
    name, keys, key = str(stream.name), full_key(stream), stream.replication_key  # type: ignore[misc]
    schema = full_schema(name, decimals)
    method = _method(given) if key else None
    metadata = MetadataMapping.get_standard_metadata(
        schema=schema,
        key_properties=keys,
        valid_replication_keys=[key] if key else None,
        replication_method=method,
        selected_by_default=stream.selected_by_default,
    )
    for breadcrumb, said in given.metadata.items():
        if (choice := _choice(said)) is not None:
            metadata[breadcrumb].selected = choice
    metadata.root.selected = True
    return CatalogEntry(
        tap_stream_id=name,
        stream=name,
        schema=Schema.from_dict(schema),
        metadata=metadata,
        key_properties=keys,
        replication_key=key,
        replication_method=method,
    )


def _choice(said: Metadata) -> bool | None:
    if said.inclusion == Metadata.InclusionType.UNSUPPORTED:
        return False
    return said.selected_by_default if said.selected is None else said.selected
