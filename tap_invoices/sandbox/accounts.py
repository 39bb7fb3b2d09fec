"""The accounts at one provider, by name and by what their requests show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_invoices.sandbox.provider import Account
from tap_invoices.sandbox.tokens import DEFAULT, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from tap_invoices.sandbox.book import Book
    from tap_invoices.sandbox.provider import Provider
    from tap_invoices.sandbox.wire import Request

_NAME = re.compile("[A-Za-z0-9_-]+")


def seeds_of(accounts: Iterable[str] | Mapping[str, int], seed: int) -> dict[str, int]:
    """Return the seed of each account: its own where one is given, else ``seed``.

    Raises:
        ValueError: For a name that no credential could carry, and for one given twice.
    """
    seeds: dict[str, int] = {}
    for name in accounts:
        if not _NAME.fullmatch(name) or name in seeds:
            msg = f"an account's name is of letters, digits, - and _, and there once: {name!r}"
            raise ValueError(msg)
        seeds[name] = accounts[name] if isinstance(accounts, Mapping) else seed
    return seeds


class Accounts:
    """All accounts at one provider."""

    def __init__(
        self,
        provider: Provider,
        seeds: Mapping[str, int],
        open_book: Callable[[type[Book], int], Book],
        now: Callable[[], datetime],
    ) -> None:
        """Give each account its credentials."""
        self._provider = provider
        self._by_name: dict[str, Account] = {}
        self._owners: dict[str, str] = {}
        """Token, or what else tells an account -> its name."""
        for name, seed in seeds.items():
            secrets = provider.secrets_of(name)
            tokens = Tokens(provider.name, name, self._owners, now, secrets.get("token", ""))
            self._by_name[name] = Account(name, secrets, tokens, partial(open_book, provider.book, seed))
            self._owners[secrets[provider.identity]] = name

    def __getitem__(self, name: str) -> Account:
        """Return the account of a name."""
        return self._by_name[name]

    def plain_config(self, base: str) -> dict[str, Any]:
        """Return the tap's settings for the default account; ``base`` is the sandbox's URL."""
        return {**self._provider.urls(base), **self[DEFAULT].secrets}

    def config(self, base: str, names: Iterable[str]) -> dict[str, Any]:
        """Return the tap's settings for the accounts of these names."""
        return {**self._provider.urls(base), "accounts": [{"name": name, **self[name].secrets} for name in names]}

    def asking(self, request: Request) -> str:
        """Return whose request it is, "" for credentials that nobody has."""
        return self._owners.get(self._provider.shown(request), "")
