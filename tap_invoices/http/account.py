"""A customer's account at a portal: the unit of a sync."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tap_invoices.errors import LocalError


@dataclass(frozen=True)
class Account:
    """One account, with the settings that hold for it alone.

    Args:
        provider: Name of its provider.
        name: Its name in the settings, which no other account of the provider has.
        config: Its settings, over the provider's, over the top level's, over the defaults; no secret is among them.
        secrets: Setting → what reads its value when the account starts.
        credentials: Settings that together tell one customer's account from another's.
        place: Where in the settings its secrets stand, as messages tell it.
    """

    provider: str
    name: str
    config: Mapping[str, Any]
    secrets: Mapping[str, Callable[[], str]] = field(default_factory=dict, repr=False)
    credentials: tuple[str, ...] = ()
    place: str = ""

    def __str__(self) -> str:
        """Return the name by which the settings, the state and the log know it."""
        return f"{self.provider}/{self.name}"

    def key_in(self, stream: str) -> str:
        """Return its key in the state of a stream: its name, after its provider's where the stream has all of them."""
        return self.name if stream.startswith(f"{self.provider}_") else str(self)

    def title_of(self, stream: str) -> str:
        """Return what tells a stream of its own from those of other providers."""
        return stream if stream.startswith(f"{self.provider}_") else f"{stream} ({self.provider})"

    def settings(self) -> dict[str, Any]:
        """Return its settings with the secrets read.

        Raises:
            LocalError: If a secret is missing, empty or cannot be read: that is this account's failure alone.
        """
        return {**self.config, **{name: read() for name, read in self.secrets.items()}}

    def identity(self, settings: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return what two accounts have in common only if they are one and the same at the provider."""
        values = {name: settings.get(name) for name in self.credentials}
        urls = {name: str(value).rstrip("/") for name, value in values.items() if name.endswith("_url")}
        return (self.provider, *{**values, **urls}.values())


def are_several(accounts: Sequence[Account]) -> bool:
    """Tell whether a provider has more than one of these accounts."""
    return len(accounts) > len({account.provider for account in accounts})


class Identities:
    """Which account of a run signs in with what."""

    def __init__(self) -> None:
        self._accounts: dict[tuple[Any, ...], str] = {}

    def claim(self, account: Account, settings: Mapping[str, Any]) -> None:
        """Take note of an account that starts.

        Raises:
            LocalError: If another one has signed in with the same.
        """
        other = self._accounts.setdefault(account.identity(settings), str(account))
        if other != str(account):
            msg = f"the same credentials as {other}, whose invoices would come twice"
            raise LocalError(msg)
