"""One state file for each account, behind an fsspec URL: what a target has taken of that account."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tap_invoices.streams import storage

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
            paths = [path for path in self._store.find(self._root) if path.endswith(".json")]
        except Exception as error:
            raise _unusable(error) from error
        return sorted("/".join(path.removesuffix(".json").split("/")[-2:]) for path in paths)

    def read(self, accounts: Iterable[str]) -> dict[str, State]:
        """Return the states of those accounts that have a file.

        Raises:
            StateError: If one cannot be read, or holds no state.
        """
        accounts = list(accounts)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = zip(accounts, pool.map(self._read, accounts), strict=True)
            return {account: state for account, state in found if state}

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

    def _read(self, account: str) -> State:
        try:
            state = json.loads(self._store.read(f"{self._root}/{account}.json") or b"{}")
        except ValueError as error:
            msg = f"the state file of {account} is not JSON"
            raise StateError(msg) from error
        except Exception as error:
            raise _unusable(error) from error
        if not isinstance(state, dict):
            msg = f"the state file of {account} is not a JSON object"
            raise StateError(msg)
        return state

    def _write(self, account: str, state: State) -> None:
        self._store.write(f"{self._root}/{account}.json", io.BytesIO(json.dumps(state).encode()))


def _unusable(error: Exception) -> StateError:
    return StateError(f"states cannot be kept ({storage.reason(error)}): check --state-url")


def joined(states: Iterable[State]) -> State:
    """Return one Singer state of several, which are of different accounts."""
    bookmarks: dict[str, Any] = {}
    for state in states:
        for stream, entry in state.get("bookmarks", {}).items():
            known = bookmarks.setdefault(stream, {**entry, "accounts": {}})
            known["accounts"] |= entry.get("accounts", {})
    return {"bookmarks": bookmarks}


def split(state: State, providers: Iterable[str]) -> dict[str, State]:
    """Return the state of each account.

    In a stream of one provider, whose name it begins with, accounts stand under their names; in those of all
    providers, under ``provider/name``.
    """
    found: dict[str, State] = {}
    for stream, entry in state.get("bookmarks", {}).items():
        provider = provider_of(stream, providers)
        for key, bookmark in entry.get("accounts", {}).items():
            account = f"{provider}/{key}" if provider else key
            own = found.setdefault(account, {"bookmarks": {}})
            own["bookmarks"][stream] = {**entry, "accounts": {key: bookmark}}
    return found


def provider_of(stream: str, providers: Iterable[str]) -> str | None:
    """Return whose stream it is; None if all providers' rows are in it."""
    return next((name for name in providers if stream.startswith(f"{name}_")), None)
