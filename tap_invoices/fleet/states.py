"""One state file for each account, behind an fsspec URL: what a target has taken of that account."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from singer_sdk.exceptions import ConfigValidationError

from tap_invoices.cli import files
from tap_invoices.config.state import read_state
from tap_invoices.providers import PROVIDERS
from tap_invoices.streams import storage
from tap_invoices.streams.binding import bind

PROVIDER_NAMES = tuple(provider.name for provider in PROVIDERS)
_STREAMS = [stream for provider in PROVIDERS for stream in provider.streams]
_UNIFIED = [stream for provider in PROVIDERS for stream in bind(provider.mapping, provider.streams, reads_xml=True)]
_AT_ONCE = 16
"""Requests to an object store."""

State = dict[str, Any]


class StateError(Exception):
    """A state file cannot be read or written."""


class States:
    """The state files under a URL: ``<url>/<provider>/<name>.json``, each a Singer state of that account alone.

    Args:
        url: Any that fsspec knows.

    Raises:
        StateError: If it does not.
    """

    def __init__(self, url: str) -> None:
        if not url:
            msg = "--state-url is empty"
            raise StateError(msg)
        try:
            self._store, root = storage.locate(url, {})
        except Exception as error:
            raise _unusable(error) from error
        self._root = root.rstrip("/")

    def accounts(self) -> list[str]:
        """Return the accounts that have a file, in order.

        Raises:
            StateError: If that cannot be told.
        """
        try:
            paths = self._store.find(self._root)
        except Exception as error:
            raise _unusable(error) from error
        own = (path.removeprefix(f"{self._root}/").partition("/") for path in paths if path.endswith(".json"))
        return sorted(
            f"{provider}/{name.removesuffix('.json')}" for provider, _, name in own if provider in PROVIDER_NAMES
        )

    def check(self, accounts: Iterable[str]) -> None:
        """Try whether files of accounts can be written, and leave none.

        Raises:
            StateError: If they cannot.
        """
        try:
            for folder in {f"{self._root}/{account.partition('/')[0]}" for account in accounts}:
                self._store.open_folder(folder)
                self._store.check(folder)
        except Exception as error:
            raise _unusable(error) from error

    def read(self, accounts: Iterable[str]) -> tuple[dict[str, State], dict[str, str]]:
        """Return the states of those accounts that have a file, and what is wrong with the files of others.

        Raises:
            StateError: If it cannot be told.
        """
        accounts = list(accounts)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = dict(zip(accounts, pool.map(self._read, accounts), strict=True))
        states = {account: state for account, state in found.items() if isinstance(state, dict) and state}
        return states, {account: fault for account, fault in found.items() if isinstance(fault, str)}

    def write(self, states: Mapping[str, State]) -> None:
        """Write accounts' states, each file as a whole.

        Raises:
            StateError: If one cannot be written.
        """
        try:
            for provider in {account.partition("/")[0] for account in states}:
                self._store.open_folder(f"{self._root}/{provider}")
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(self._write, states, states.values()))
        except Exception as error:
            raise _unusable(error) from error

    def _read(self, account: str) -> State | str:
        """Return an account's state, or what is wrong with its file."""
        try:
            data = self._store.read(f"{self._root}/{account}.json") or b"{}"
        except (PermissionError, IsADirectoryError) as error:
            return f"its state file cannot be read ({storage.reason(error)})"
        except Exception as error:
            raise _unusable(error) from error
        try:
            state = parsed(data, "it")
        except ConfigValidationError as error:
            return f"its state file cannot be used, mend or remove it: {error.errors[0]}"
        if others := split(state).keys() - {account}:
            return f"its state file cannot be used, mend or remove it: it is of {', '.join(sorted(others))} too"
        return state

    def _write(self, account: str, state: State) -> None:
        self._store.write(f"{self._root}/{account}.json", io.BytesIO(dumped(state)))


def _unusable(error: Exception) -> StateError:
    return StateError(f"states cannot be kept ({storage.reason(error)}): check --state-url")


def parsed(data: bytes, name: str) -> State:
    """Return the state in some JSON, which messages call by a name.

    Raises:
        ConfigValidationError: If there is none.
    """
    return read_state(files.to_object(data, name), _STREAMS, _UNIFIED)


def dumped(state: State) -> bytes:
    """Return a state as JSON."""
    return json.dumps(state, default=float).encode()  # of the numbers with a point that a target may have put in


def joined(states: Iterable[State]) -> State:
    """Return one Singer state of several, which are of different accounts."""
    bookmarks: dict[str, Any] = {}
    for state in states:
        for stream, entry in state.get("bookmarks", {}).items():
            known = bookmarks.setdefault(stream, {**entry, "accounts": {}})
            known["accounts"] |= entry.get("accounts", {})
    return {"bookmarks": bookmarks}


def split(state: State) -> dict[str, State]:
    """Return the state of each account.

    In a stream of one provider, whose name it begins with, accounts stand under their names; in those of all
    providers, under ``provider/name``.
    """
    found: dict[str, State] = {}
    for stream, entry in state.get("bookmarks", {}).items():
        provider = next((name for name in PROVIDER_NAMES if stream.startswith(f"{name}_")), None)
        for key, bookmark in entry.get("accounts", {}).items():
            account = f"{provider}/{key}" if provider else key
            own = found.setdefault(account, {"bookmarks": {}})
            own["bookmarks"][stream] = {**entry, "accounts": {key: bookmark}}
    return found
