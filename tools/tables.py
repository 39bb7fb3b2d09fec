"""Writes settings, streams and fields as Markdown tables, from the code."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tap_invoices.config import settings
from tap_invoices.providers import PROVIDERS
from tap_invoices.streams.base import InvoiceStream
from tap_invoices.streams.children import ChildStream
from tap_invoices.streams.schemas import SCHEMAS, full_key
from tap_invoices.streams.unified import TABLES
from tap_invoices.tap import TapInvoices

if TYPE_CHECKING:
    from tap_invoices.providers.base import Provider

Schema = Mapping[str, Any]
Stream = type[InvoiceStream]
Fields = dict[str, tuple[str, str]]
"""Path of a field, as in ``lines[].tax.amount`` → its type and description."""
_MOST_NESTED = 8
"""More nested fields than this are folded away on a stream's page."""


def streams_of(provider: Provider) -> list[Stream]:
    """Return a provider's streams, each list before its children."""
    return list(provider.streams)


def name_of(stream: Stream) -> str:
    """Return a stream's name."""
    return str(stream.name)  # type: ignore[misc]


def endpoint_of(stream: Stream) -> str:
    """Return what a stream asks for."""
    return f"GET {stream.path}"  # type: ignore[misc]


def provider_named(name: str) -> Provider:
    """Return the provider with a name."""
    return next(provider for provider in PROVIDERS if provider.name == name)


def table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    heads = list(titles)
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: object) -> str:
    """Return a text as code; nothing for nothing."""
    return "" if text in (None, "") else f"`{text}`"


# Providers and streams


def providers() -> str:
    """Return which portals there are, and how each is read, as its file says."""
    rows = []
    for provider in PROVIDERS:
        doc = sys.modules[provider.streams[0].__module__].__doc__ or ""
        how = " ".join(doc.partition("\n\n")[0].split()).partition(": ")[2]
        rows.append((f"[{provider.title}](docs/providers/{provider.name}.md)", code(provider.name), how))
    return table(("provider", "its settings", "how it is read"), rows)


def streams(provider: str | None = None) -> str:
    """Return the streams of all providers, or of one."""
    chosen = [provider_named(provider)] if provider else PROVIDERS
    rows = [
        (
            f"[`{name_of(stream)}`]({'' if provider else f'providers/{each.name}.md'}#{name_of(stream)})",
            code(endpoint_of(stream)),
            ", ".join(code(key) for key in full_key(stream)),
            f"INCREMENTAL on {code(stream.replication_key)}" if stream.replication_key else "FULL_TABLE",
            "yes" if stream.selected_by_default else "no",
        )
        for each in chosen
        for stream in streams_of(each)
    ]
    for each in () if provider else TABLES:
        name, key = name_of(each), ", ".join(code(part) for part in full_key(each))
        rows.append(
            (
                f"[`{name}`](unified.md)",
                "the rows of all providers",
                key,
                f"by provider, to {code(each.replication_key)}",
                "yes",
            )
        )
    return table(("stream", "endpoint", "key", "replication", "selected by default"), rows)


def lookbacks() -> str:
    """Return from where each provider's streams read at the next sync."""
    rows = []
    for provider in PROVIDERS:
        keys: dict[str | None, list[str]] = {}
        for stream in streams_of(provider):
            keys.setdefault(stream.replication_key, []).append(code(name_of(stream)))
        for key, names in keys.items():
            lookback = str(provider.lookback_days) if key else ""
            rows.append((provider.title, ", ".join(names), code(key) or "none: read whole", lookback))
    return table(("provider", "streams", "bookmark", "lookback, in days"), rows)


def joins() -> str:
    """Return which stream's rows belong to which other's."""
    return table(("stream", "joins to", "on"), (tuple(code(part) for part in join) for join in _joins()))


def _joins() -> Iterator[tuple[str, str, str]]:
    for provider in PROVIDERS:
        first: dict[str, str] = {}
        for stream in streams_of(provider):
            key = stream.primary_keys[-1]
            listing = name_of(stream.parent) if issubclass(stream, ChildStream) else first.get(key)
            if listing:
                yield name_of(stream), listing, key
            first.setdefault(key, name_of(stream))


def picture() -> str:
    """Return parents and children, and what joins beside that, as a flow chart."""
    lines = ["```mermaid", "flowchart LR"]
    for provider in PROVIDERS:
        lines.append(f'  subgraph {provider.name}["{provider.title}"]')
        lines += [f'    {name_of(s)}["{name_of(s)}<br>{endpoint_of(s)}"]' for s in streams_of(provider)]
        lines.append("  end")
    on = {name: (to, key) for name, to, key in _joins()}
    for stream in (stream for provider in PROVIDERS for stream in streams_of(provider)):
        name = name_of(stream)
        if issubclass(stream, ChildStream):
            lines.append(f'  {name_of(stream.parent)} -->|"each {stream.parent_key}"| {name}')
        elif name in on:
            lines.append(f'  {on[name][0]} -.-|"same {on[name][1]}"| {name}')
    optional = ",".join(name_of(s) for p in PROVIDERS for s in streams_of(p) if not s.selected_by_default)
    lines += ["  classDef optional stroke-dasharray: 4", f"  class {optional} optional", "```"]
    return "\n".join(lines)


# Settings


def settings_of(name: str) -> str:
    """Return the settings at the top level ("top"), of the SDK ("sdk"), or of an object."""
    own: Schema = settings.json_schema(PROVIDERS)["properties"]
    if name == "top":
        rows = [_setting(path, schema) for path, schema in own.items() if "properties" not in schema]
    elif name == "sdk":
        rows = [_setting(path, schema) for path, schema in _every_setting().items() if path not in own]
    else:
        rows = [_setting(f"{name}.{path}", schema) for path, schema in own[name]["properties"].items()]
    return table(("setting", "type", "default", "what it is"), rows)


def _every_setting() -> Schema:
    schema = copy.deepcopy(TapInvoices.config_jsonschema)
    TapInvoices.append_builtin_config(schema)
    found: Schema = schema["properties"]
    return found


def _setting(path: str, schema: Schema) -> tuple[str, str, str, str]:
    default = schema.get("default")
    shown = str(default).lower() if isinstance(default, bool) else default
    is_of_sdk = "title" in schema
    description = schema["description"].partition(". ")[0].rstrip(".") + "." if is_of_sdk else schema["description"]
    return code(path), _kind(schema), code(shown), f"{description}{' Secret.' if schema.get('secret') else ''}"


# Fields


def fields(stream: str) -> str:
    """Return a stream's fields; where it has most of another's of its provider, what is different."""
    own = _fields(SCHEMAS.get_schema(stream))
    for earlier in _earlier(stream):
        base = _fields(SCHEMAS.get_schema(earlier))
        same = {path for path, told in own.items() if base.get(path) == told}
        if 2 * len(same) > max(len(own), len(base)):
            return _difference(earlier, base, own, same)
    return _field_table(own)


def _earlier(stream: str) -> Iterator[str]:
    for name in map(name_of, streams_of(provider_named(stream.partition("_")[0]))):
        if name == stream:
            return
        yield name


def _difference(earlier: str, base: Fields, own: Fields, same: set[str]) -> str:
    other = {path: told for path, told in own.items() if path not in same}
    gone = base.keys() - own.keys()
    missing = [path for path in base if path in gone and path.rpartition(".")[0].removesuffix("[]") not in gone]
    parts = [f"The fields of [`{earlier}`](#{earlier})"]
    if missing:
        parts.append(f"without {', '.join(map(code, missing))}")
    if not other:
        return f"{', '.join(parts)}."
    return f"{', '.join(parts)}, and these:\n\n{_field_table(other)}"


def _field_table(found: Fields) -> str:
    """Return the fields as a table; those inside of others fold away where they are many."""
    nested = {path: told for path, told in found.items() if "." in path}
    if len(nested) <= _MOST_NESTED:
        return _rows(found)
    top = {path: told for path, told in found.items() if path not in nested}
    folded = f"<details>\n<summary>{len(nested)} nested fields</summary>\n\n{_rows(nested)}\n\n</details>"
    return f"{_rows(top)}\n\n{folded}" if top else folded


def _rows(found: Fields) -> str:
    return table(("field", "type", "what it is"), ((code(path), kind, text) for path, (kind, text) in found.items()))


def _fields(schema: Schema, path: str = "") -> Fields:
    found: Fields = {}
    for name, node in schema.get("properties", {}).items():
        full = f"{path}{name}"
        found[full] = (_kind(node), node["description"])
        items = node.get("items", {})
        found |= _fields(node, f"{full}.") | _fields(items, f"{full}[].")
    return found


def _kind(schema: Schema) -> str:
    """Return a schema's type in a word or two."""
    types = schema.get("type", "object")
    kind = next(each for each in ([types] if isinstance(types, str) else types) if each != "null")
    return str(schema.get("format", kind))
