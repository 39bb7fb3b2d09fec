"""A provider's API, as all its streams ask it: request, answer, and what an answer means."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import quote

import requests
from singer_sdk import RESTStream
from typing_extensions import override

from tap_invoices.errors import (
    ContestedError,
    FatalAPIError,
    GoneError,
    RefusedError,
    RetriableAPIError,
    SignedOutError,
)
from tap_invoices.http.retry import RETRIED_STATUSES, Retry
from tap_invoices.streams.ledger import Counts

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context
    from singer_sdk.streams.rest import HTTPRequest

    from tap_invoices.http.auth import Auth
    from tap_invoices.http.session import Connection
    from tap_invoices.tap import TapInvoices

R = TypeVar("R")


class ApiStream(RESTStream[Any], ABC):
    """Asks one provider."""

    provider: ClassVar[str]
    redirect_is_sign_in: ClassVar[bool] = False
    """Whether the provider answers wrong credentials with a redirect to a sign-in page."""
    asks_for_items: ClassVar[bool] = False
    """Whether each request is for one item, whose lasting failure says nothing of the others."""

    _LOG_REQUEST_METRICS = False
    _tap: TapInvoices

    def __init__(self, tap: TapInvoices) -> None:
        super().__init__(tap)
        self.counts = Counts(self.name)

    @cached_property
    def connection(self) -> Connection:
        """What the provider's streams share."""
        return self._tap.connections[self.provider]

    @property
    def settings(self) -> Mapping[str, Any]:
        """The provider's own settings, defaults filled in."""
        return self.connection.settings

    @property
    @override
    def url_base(self) -> str:
        return str(self.settings["api_url"]).rstrip("/")

    @property
    @override
    def authenticator(self) -> Auth:
        return self.connection.auth

    @property
    @override
    def requests_session(self) -> requests.Session:
        return self.connection.session

    @property
    @override
    def http_headers(self) -> dict[str, str]:
        return {"Accept": "application/json"}

    @override
    def get_url(self, context: Context | None) -> str:
        quoted = {name: _quote_whole(str(value)) for name, value in (context or {}).items()}
        return self.url_base + self.path.format_map(quoted)

    def fetch(self, request: HTTPRequest, read: Callable[[requests.Response], R]) -> R:
        """Send a request until it is answered, and return what ``read`` makes of the answer. Any thread may.

        Raises:
            FatalAPIError: If it is refused, or its time is used up.
        """
        query = request.encode_params()
        url = f"{request.url}?{query}" if query else request.url
        prepared = requests.PreparedRequest()  # by its parts: there is no body, no cookie and no hook to prepare
        prepared.prepare_method(request.method)
        prepared.prepare_url(url, None)
        prepared.prepare_headers({**self.requests_session.headers, **request.headers})
        retry = self.connection.retry(self._on_wait)
        return self.connection.run(retry, lambda: self._attempt(retry, prepared, read), is_item=self.asks_for_items)

    def _attempt(self, retry: Retry, request: requests.PreparedRequest, read: Callable[[requests.Response], R]) -> R:
        with ExitStack() as place:
            with retry.standing():
                place.enter_context(self.connection.limiter.slot())
                signed = self.authenticator(request)
            try:
                return self._ask(signed, read)
            except SignedOutError:
                if not self._renew(signed):
                    raise
            signed = self.authenticator(request)
            try:
                return self._ask(signed, read)
            except SignedOutError:
                self._renew(signed)
                raise

    def _renew(self, signed: requests.PreparedRequest) -> bool:
        """Forget a refused token; tell whether to ask again at once.

        Raises:
            ContestedError: If it makes sense only after a pause.
        """
        renewed = self.authenticator.renew(signed)
        if self.authenticator.is_contested and not self._is_good_elsewhere(signed):
            provider = self.connection.provider
            msg = (
                f"{provider.title} refuses tokens that it has just given: somebody else signs in with the same "
                f"credentials, which ends them; give the tap credentials of its own in `{provider.name}`"
            )
            raise ContestedError(msg)
        return renewed

    def _is_good_elsewhere(self, signed: requests.PreparedRequest) -> bool:
        """Tell whether a refused token is taken where one was before: then it is this path that is refused."""
        proven = self.connection.proven
        if proven is None:
            return False
        again = proven.copy()
        again.headers["Authorization"] = signed.headers["Authorization"]
        self.counts.count(requests=1)
        with self.connection.send(again) as response:
            return not self.is_signed_out(response)

    def _ask(self, request: requests.PreparedRequest, read: Callable[[requests.Response], R]) -> R:
        self.counts.count(requests=1)
        with self.connection.send(request) as response:
            self.connection.see_clock(response)
            self.validate_response(response)
            answer = read(response)
        self.authenticator.accept()
        self.connection.proven = request
        return answer

    def _on_wait(self, seconds: float, reason: str, asked: bool) -> None:  # noqa: ARG002, FBT001
        self.counts.wait(seconds)
        self.logger.warning("%s: %s; asking again in %.1f s", self.name, reason, seconds)

    def is_signed_out(self, response: requests.Response) -> bool:
        """Tell whether an answer says that the token is not good (any more)."""
        return response.status_code == HTTPStatus.UNAUTHORIZED or (self.redirect_is_sign_in and _is_redirect(response))

    @override
    def validate_response(self, response: requests.Response) -> None:
        status = response.status_code
        if status in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
            return
        message = self.response_error_message(response)
        if status in RETRIED_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise RetriableAPIError(message, response)
        if self.is_signed_out(response):
            raise SignedOutError(message)
        if status == HTTPStatus.FORBIDDEN:
            raise RefusedError(message)
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            raise GoneError(message)
        raise FatalAPIError(message)

    @override
    def response_error_message(self, response: requests.Response) -> str:
        """Say what was answered and what to do; never what the body holds, for it may be personal."""
        status = response.status_code
        provider = self.connection.provider
        if self.is_signed_out(response):
            how = "a redirect to a sign-in page" if _is_redirect(response) else "not signed in"
            advice = f"{how}: {provider.title} does not accept the credentials in `{provider.name}`"
        elif status == HTTPStatus.FORBIDDEN:
            advice = f"permission denied: {provider.permission}"
        elif _is_redirect(response):
            advice = f"a redirect, which is never followed: check `{provider.name}.api_url`"
        elif status == HTTPStatus.NOT_FOUND:
            advice = f"not found; if it is so for all, check `{provider.name}.api_url`"
        else:
            advice = _phrase(status)
        return f"{status} for GET {self.path}: {advice}"


def _is_redirect(response: requests.Response) -> bool:
    return HTTPStatus.MULTIPLE_CHOICES <= response.status_code < HTTPStatus.BAD_REQUEST


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return "an unknown status"


def _quote_whole(value: str) -> str:
    """Quote an id as one path segment.

    Raises:
        FatalAPIError: If no URL can carry it.
    """
    if value.strip(".") == "":
        msg = f"an id of {value!r} cannot stand in a URL"
        raise FatalAPIError(msg)
    return quote(value, safe="")
