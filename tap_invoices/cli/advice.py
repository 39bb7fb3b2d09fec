"""A connection for ``--test``: it asks once, for few rows, and says what helps against what goes wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from typing_extensions import override

from tap_invoices import times
from tap_invoices.errors import BodyError, FatalAPIError, LocalError, RetriableAPIError, SyncError
from tap_invoices.http import machine
from tap_invoices.http.auth import Auth
from tap_invoices.http.retry import TRANSPORT_ERRORS, describe
from tap_invoices.http.session import Connection

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from requests import PreparedRequest, Response
    from singer_sdk.streams.rest import HTTPRequest

    from tap_invoices.http.retry import Retry
    from tap_invoices.providers.base import Provider

R = TypeVar("R")

_ROWS = 10
"""Rows to ask a list for: a few, for not every row names what each child needs."""

_CURES = {
    "the host name is not known": "check {urls}",
    "the connection is refused": "check {urls}, the port too",
    "no connection in time": "check {urls}, and that no firewall is between",
    "no answer in time": "try again later, or raise `request_timeout`",
    "the proxy refuses": "check HTTPS_PROXY and NO_PROXY in the environment",
}
_OTHER_CURE = "check {urls}, or try again later"

_TLS_FAULTS = {
    "WRONG_VERSION_NUMBER": "no TLS is spoken there: check the port and the https:// of {urls}",
    "has expired": "the TLS certificate has expired: check the clock of this machine, or tell {title}",
    "not yet valid": "the TLS certificate is not valid yet: check the clock of this machine",
    "mismatch": "the TLS certificate is for another host: check {urls}",
    "doesn't match": "the TLS certificate is for another host: check {urls}",
}
"""What OpenSSL or urllib3 say, and what to say instead."""


class UnusableError(FatalAPIError):
    """No stream of the provider can be had."""


class Probe(Connection):
    """Sends each request once, and asks for one token at most."""

    def __init__(self, provider: Provider, settings: dict[str, Any], logger: logging.Logger) -> None:
        super().__init__(provider, settings, logger)
        self.auth = _Unrenewed(self.auth)
        if "page_size" in self.settings:
            self.settings["page_size"] = min(self.settings["page_size"], _ROWS)
        self.ahead = timedelta()
        """By how much the provider's clock is ahead of this machine's."""

    @override
    def run(self, retry: Retry, attempt: Callable[[], R], *, is_item: bool = False) -> R:
        return attempt()

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
    def sign_in(self, request: HTTPRequest, *, as_json: bool) -> dict[str, Any]:
        """Ask for a token.

        Raises:
            UnusableError: If there is none to be had.
        """
        try:
            return super().sign_in(request, as_json=as_json)
        except UnusableError:
            raise
        except (SyncError, *TRANSPORT_ERRORS) as error:
            message = f"at sign-in: {self.explain(error, request.url)}"
            raise UnusableError(message) from None

    def explain(self, error: Exception, url: str) -> str:
        """Say what went wrong at a URL, and what helps; never what was sent or answered."""
        if isinstance(error, BodyError):
            return f"{error}: check {self._settings_of(url)}, for something else may answer there"
        if isinstance(error, RetriableAPIError):
            return f"{error}: try again later"
        if isinstance(error, SyncError):
            return str(error)
        words = {"urls": self._settings_of(url), "title": self.provider.title}
        cause, text = describe(error), str(error)
        for sign, sentence in _TLS_FAULTS.items():
            if "TLS" in cause and sign in text:
                return sentence.format(**words)
        if "`" in cause or machine.fault(error):  # it says what helps
            return cause
        return f"{cause}: {_CURES.get(cause, _OTHER_CURE).format(**words)}"

    def _settings_of(self, url: str) -> str:
        """Name the settings that lead to a URL's host."""
        given = {name: value for name, value in self.settings.items() if name.endswith("_url") and value}
        host = urlsplit(url).hostname
        names = [name for name, value in given.items() if urlsplit(value).hostname == host] or list(given)
        return " and ".join(f"`{self.provider.name}.{name}`" for name in names)


class _Unrenewed(Auth):
    """Signs as another does, and never asks for a second token."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    @override
    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        return self._auth(r)
