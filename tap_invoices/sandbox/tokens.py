"""The tokens of one account: issued, renewed, ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT = "default"
"""The account that every provider has; its credentials are plain."""
_FOR_EVER = datetime.max.replace(tzinfo=UTC)


def labelled(text: str, account: str) -> str:
    """Return a credential with the name of the account that it is of."""
    return text if account == DEFAULT else f"{text}-{account}"


class Tokens:
    """Which tokens are good now; a provider that issues none starts with its static one."""

    def __init__(
        self, provider: str, account: str, owners: dict[str, str], now: Callable[[], datetime], static: str = ""
    ) -> None:
        """Start with nothing issued; each new token goes to ``owners`` with the account's name, and stays there."""
        self._provider = provider
        self._account = account
        self._owners = owners
        self._now = now
        self._access = {static: _FOR_EVER} if static else {}
        self._refresh: set[str] = set()
        self.issued = 0

    def issue(self, seconds: float, *, alone: bool = False) -> tuple[str, str]:
        """Return a new access token and its refresh token; ``alone`` ends all earlier ones."""
        if alone:
            self.expire(refresh=True)
        self.issued += 1
        access, refresh = (
            f"{labelled(f'sandbox-{self._provider}-{kind}', self._account)}-{self.issued}"
            for kind in ("access", "refresh")
        )
        self._owners |= {access: self._account, refresh: self._account}
        self._access[access] = self._now() + timedelta(seconds=seconds)
        self._refresh.add(refresh)
        return access, refresh

    def good(self, token: str) -> bool:
        """Tell whether requests with this access token are answered."""
        return token in self._access and self._now() < self._access[token]

    def renewable(self, token: str) -> bool:
        """Tell whether this refresh token gets a new access token."""
        return token in self._refresh

    def expire(self, *, refresh: bool = False) -> None:
        """End all access tokens, static ones too; with ``refresh`` the refresh tokens as well."""
        self._access.clear()
        if refresh:
            self._refresh.clear()
