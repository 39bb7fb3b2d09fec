"""Which accounts the settings name: in the list, in the file, or the provider's object as the only one."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import fsspec

from tap_invoices.config import shape, values
from tap_invoices.config.environment import from_text
from tap_invoices.config.settings import ONLY_ACCOUNT
from tap_invoices.streams import storage

if TYPE_CHECKING:
    from tap_invoices.config.shape import Faults
    from tap_invoices.providers.base import Provider

_Paths = list[tuple[str, Mapping[str, Any]]]
"""Where each account stands, and what is said of it there."""
_NUMBER = re.compile(r"(\[\d+\]|:\d+)$")
_LINE_OF_JSON = "an object of JSON on one line"
_CSV = "CSV: commas, every quote closed, and a first line with names of settings, each once, of which `name` is one"
_OWN = ("accounts", "accounts_url", "account")
"""Settings of a provider's object that are no account's."""


@dataclass(frozen=True)
class Entry:
    """An account as it stands in the settings.

    Args:
        provider: At which it is.
        path: Where it stands: ``PROVIDER``, ``PROVIDER.accounts[1]`` or, with a line, ``PROVIDER.accounts_url:3``.
        given: What is said of it alone.
        shared: What its provider's object says.
        name: Its name; empty if it has none.
    """

    provider: Provider
    path: str
    given: Mapping[str, Any]
    shared: Mapping[str, Any]
    name: str

    @property
    def is_only(self) -> bool:
        """Whether it is the provider's object itself."""
        return self.path == self.provider.name

    @property
    def is_enabled(self) -> bool:
        """Whether the settings want it read."""
        return bool(self.given.get("enabled", True))

    @property
    def settings(self) -> dict[str, Any]:
        """Its settings over those of the provider's object: a secret in any form replaces all forms below."""
        own = {name: value for name, value in self.given.items() if name not in ("name", "enabled")}
        return {**values.without_replaced(self.provider, self.shared, own), **own}

    def place_of(self, settings: Collection[str]) -> str:
        """Return in which list or object some of its settings stand, and for which account, as messages tell it."""
        if self.is_only:
            return f"`{self.path}`"
        is_shared = self.given.keys().isdisjoint(settings)
        return f"`{self.provider.name if is_shared else _NUMBER.sub('', self.path)}` ({self.name})"

    def path_of(self, setting: str) -> str:
        """Return where one of its settings stands, or should."""
        is_shared = setting in self.shared and setting not in self.given
        return f"{self.provider.name if is_shared else self.path}.{setting}"


def read(
    schema: Mapping[str, Any], config: Mapping[str, Any], providers: Iterable[Provider]
) -> tuple[list[Entry], Faults]:
    """Return the accounts of providers that are on, and path → line for what of their files is not good.

    The settings must be of the types that the schema says.
    """
    found: list[Entry] = []
    faults: Faults = {}
    for provider in providers:
        given = config.get(provider.name) or {}
        shared = {name: value for name, value in given.items() if name not in _OWN}
        if "accounts" in given:
            listed = _listed(provider, given["accounts"])
        elif "accounts_url" in given:
            item = schema["properties"][provider.name]["properties"]["accounts"]["items"]
            listed, wrong = _filed(provider, given["accounts_url"], item)
            faults |= wrong
        else:
            listed = [(provider.name, {"name": given.get("account") or ONLY_ACCOUNT})]
        found += [Entry(provider, path, entry, shared, entry.get("name") or "") for path, entry in listed]
    return found, faults


def _listed(provider: Provider, accounts: Iterable[Any]) -> _Paths:
    return [
        (f"{provider.name}.accounts[{number}]", entry)
        for number, entry in enumerate(accounts)
        if isinstance(entry, Mapping)
    ]


def _filed(provider: Provider, url: str, schema: Mapping[str, Any]) -> tuple[_Paths, Faults]:
    """Return the accounts of a file, each with its line."""
    path = f"{provider.name}.accounts_url"
    faults: Faults = {}
    found = []
    try:
        with fsspec.open(url, "rb") as file:
            text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        return [], {path: f"`{path}` is not UTF-8 text"}
    except Exception as error:  # noqa: BLE001  (each file system has errors of its own, some with the URL in them)
        return [], {path: f"`{path}` cannot be read: {storage.reason(error)}"}
    for line, entry in _rows(url, text, schema):
        where = f"{path}:{line}"
        if not isinstance(entry, Mapping):
            faults[where] = f"`{where}` must be {_CSV if _is_csv(url) else _LINE_OF_JSON}"
            continue
        tidy = values.tidy(schema, entry)
        wrong = shape.faults(schema, tidy, where)
        faults |= wrong
        found.append((where, shape.without(wrong, tidy, where)))
    return found, faults


def _is_csv(url: str) -> bool:
    return PurePosixPath(url.lower()).suffix == ".csv"


def _rows(url: str, text: str, schema: Mapping[str, Any]) -> Iterator[tuple[int, Any]]:
    if not _is_csv(url):
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield number, _object(line)
        return
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    types = {name: setting.get("type", "string") for name, setting in schema["properties"].items()}
    try:
        names = [name for name in reader.fieldnames or () if name]
        if reader.fieldnames and ("name" not in names or len(names) > len(set(names))):
            yield 1, None  # what stands there may be secrets, which no message may show as names of settings
            return
        for row in reader:
            cells = {name: cell for name, cell in row.items() if cell not in (None, "", [])}
            yield (
                reader.line_num,
                {
                    str(name or "…"): from_text(cell, types.get(name, "string")) if isinstance(cell, str) else cell
                    for name, cell in cells.items()
                },
            )
    except csv.Error:
        yield reader.line_num + 1, None  # that of the last good row


def _object(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
