"""How requests are signed: a fixed header, or a token that is fetched once and shared."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from requests.auth import AuthBase
from typing_extensions import override

if TYPE_CHECKING:
    from requests import PreparedRequest

    from tap_invoices.http.request import TokenRequest

_EARLIEST_RENEWAL = 30.0
"""Seconds before its end at which a token is renewed; half its life, if that is shorter."""


class Auth(AuthBase):
    """Signs requests; a plain one has nothing to renew."""

    has_worked = False
    """Whether a token was taken, so that the credentials are good."""

    def renew(self, request: PreparedRequest) -> bool:  # noqa: ARG002
        """Forget the token that a refused request carried; tell whether asking again makes sense."""
        return False

    def accept(self) -> None:
        """Take note that the provider has answered a request."""

    @property
    def is_contested(self) -> bool:
        """Whether somebody else signs in with the same credentials, as far as can be told."""
        return False


class HeaderAuth(Auth):
    """Signs each request with one fixed header."""

    def __init__(self, name: str, value: str) -> None:
        self._name = name
        self._value = value

    @override
    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        r.headers[self._name] = self._value
        return r


class BearerAuth(HeaderAuth):
    """Signs each request with a bearer token that the user made in the portal."""

    def __init__(self, token: str) -> None:
        super().__init__("Authorization", f"Bearer {token}")


class TokenAuth(Auth):
    """Signs requests with a bearer token that a sign-in returns.

    All of a provider's streams and threads share it, for a new token may end the one before.

    Args:
        sign_in: Returns the OAuth answer: ``access_token``, and ``expires_in`` in seconds.
        clock: Seconds, for tests.
        alone: Whether each new token ends the one before it, whoever asks for it.
    """

    def __init__(
        self,
        sign_in: Callable[[], Mapping[str, Any]],
        clock: Callable[[], float] = time.monotonic,
        *,
        alone: bool = False,
    ) -> None:
        self._sign_in = sign_in
        self._clock = clock
        self._alone = alone
        self._refused = 0
        self._lock = threading.Lock()
        self._token: str | None = None
        self._renew_at = 0.0

    @override
    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        r.headers["Authorization"] = f"Bearer {self._current()}"
        return r

    @override
    def renew(self, request: PreparedRequest) -> bool:
        with self._lock:
            if request.headers.get("Authorization") == f"Bearer {self._token}":
                self._token = None
                self._refused += 1
        return True

    @override
    def accept(self) -> None:
        self.has_worked = True

    @property
    @override
    def is_contested(self) -> bool:
        """One token may end early; a second one, with credentials that are good, has been ended by somebody."""
        return self._alone and self.has_worked and self._refused > 1

    def _current(self) -> str:
        with self._lock:
            if self._token is None or self._clock() >= self._renew_at:
                asked_at = self._clock()
                answer = self._sign_in()
                life = _seconds(answer.get("expires_in"))
                self._renew_at = asked_at + life - min(_EARLIEST_RENEWAL, life / 2)
                self._token = str(answer["access_token"])
            return self._token


FetchToken: TypeAlias = "Callable[[TokenRequest], Mapping[str, Any]]"
"""Sends a request for a token, and returns the OAuth answer."""
SignIn: TypeAlias = Callable[[Mapping[str, Any], FetchToken], Auth]
"""Makes what signs each request, from a provider's values and what fetches a token."""


def _seconds(value: Any) -> float:
    """Return a token's life; one that is not told lasts until it is refused."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("inf")
