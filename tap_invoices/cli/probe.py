"""A client for ``--test``: it asks once, for few rows, and says what helps against what goes wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import override

from tap_invoices import times
from tap_invoices.cli.advice import explain
from tap_invoices.errors import FatalAPIError, LocalError, SyncError
from tap_invoices.http.auth import Auth
from tap_invoices.http.causes import TRANSPORT_ERRORS
from tap_invoices.http.client import Client
from tap_invoices.http.retry import Attempt, OnWait, Stopwatch

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from requests import PreparedRequest, Response

    from tap_invoices.http.answers import Portal
    from tap_invoices.http.auth import SignIn
    from tap_invoices.http.request import TokenRequest

R = TypeVar("R")

_ROWS = 10
"""Rows to ask a list for: a few, for not every row names what each child needs."""


class UnusableError(FatalAPIError):
    """No stream of the provider can be had."""


class Probe(Client):
    """Sends each request once, and asks for one token at most."""

    def __init__(
        self, portal: Portal, config: Mapping[str, Any], sign_in: SignIn, logger: logging.Logger, **_: Any
    ) -> None:
        few = {"page_size": min(config["page_size"], _ROWS)} if "page_size" in config else {}
        super().__init__(portal, {**config, **few}, sign_in, logger)
        self.auth = _Unrenewed(self.auth)
        self.ahead = timedelta()
        """By how much the provider's clock is ahead of this machine's."""

    @override
    def run(self, attempt: Attempt[R], on_wait: OnWait, **_: Any) -> R:
        return attempt(Stopwatch())

    @override
    def send(self, request: PreparedRequest) -> Response:
        """Send a request.

        Raises:
            UnusableError: If no answer comes.
        """
        try:
            response = super().send(request)
        except (LocalError, *TRANSPORT_ERRORS) as error:
            raise UnusableError(self.explain(error, str(request.url))) from None
        date = times.from_http(response.headers.get("Date"))
        if date is not None:
            self.ahead = date - datetime.now(UTC)
        return response

    @override
    def fetch_token(self, request: TokenRequest) -> dict[str, Any]:
        """Ask for a token.

        Raises:
            UnusableError: If there is none to be had.
        """
        try:
            return super().fetch_token(request)
        except UnusableError:
            raise
        except (SyncError, *TRANSPORT_ERRORS) as error:
            message = f"at sign-in: {self.explain(error, request.url)}"
            raise UnusableError(message) from None

    def explain(self, error: Exception, url: str) -> str:
        """Say what went wrong at a URL, and what helps."""
        return explain(error, url, self.portal, self.config)


class _Unrenewed(Auth):
    """Signs as another does, and never asks for a second token."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    @override
    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        return self._auth(r)
