"""What all streams of one provider share: connections, sign-in, pace, clock, and whether it is down."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from importlib import metadata
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy

from tap_invoices import times
from tap_invoices.concurrency.limiter import Limiter
from tap_invoices.concurrency.pool import Pool
from tap_invoices.counts import MEBIBYTE
from tap_invoices.errors import BodyError, FatalAPIError, LostError, ProviderDownError, RetriableAPIError, SignInError
from tap_invoices.http import machine
from tap_invoices.http.retry import RETRIED_STATUSES, Retry
from tap_invoices.records.decode import decode, to_utf8

if TYPE_CHECKING:
    from singer_sdk.streams.rest import HTTPRequest

    from tap_invoices.http.auth import Auth
    from tap_invoices.providers.base import Provider

R = TypeVar("R")

PAGE_LIMIT = 256 * MEBIBYTE
"""Largest JSON body, in bytes after decompression."""


class Connection:
    """One provider, as the tap talks to it.

    Args:
        provider: Which one.
        settings: What is set for it, defaults included.
        logger: Where waits are told.
    """

    def __init__(self, provider: Provider, settings: dict[str, Any], logger: logging.Logger) -> None:
        self.provider = provider
        self.settings = settings
        self.logger = logger
        self.limiter = Limiter(self.settings["max_connections"], _seconds(self.settings["requests_per_second"]))
        self.pool = Pool(provider.name, self.settings["max_connections"])
        self._started_at: datetime | None = None
        self._created_at = datetime.now(UTC)
        self.down: str | None = None
        self.proven: requests.PreparedRequest | None = None
        """The last request that was answered."""
        self.secrets: set[str] = set()
        self._proxies: dict[str, dict[str, str]] = {}
        self.session = self._new_session()
        self.auth: Auth = provider.sign_in(self.settings, self)

    def _new_session(self) -> requests.Session:
        """Return the one connection pool; it keeps no cookies and takes nothing unasked from the environment."""
        session = requests.Session()
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=self.settings["max_connections"] + 1)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.trust_env = False
        session.headers = {
            "User-Agent": self._user_agent,
            "Accept-Encoding": "gzip, deflate",
            "Connection": "keep-alive",
        }
        session.verify = self.settings.get("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE") or True
        return session

    @property
    def now(self) -> datetime:
        """When the sync began, by the provider's clock; by this machine's while it has not told."""
        return self._started_at or self._created_at

    def retry(self, on_wait: Callable[[float, str, bool], None]) -> Retry:
        """Return what runs one request until it succeeds or there is no point."""

        def pause(seconds: float, reason: str, asked: bool) -> None:  # noqa: FBT001
            if asked:
                self.limiter.pause(seconds)
            on_wait(seconds, reason, asked)

        return Retry(_seconds(self.settings["max_retry_seconds"]) or 0.0, pause)

    def run(self, retry: Retry, attempt: Callable[[], R], *, is_item: bool = False) -> R:
        """Run a request, unless the provider is known to be down; remember if it is.

        A provider is down when the request for a list used up its time. One item alone may be broken.
        """

        def unless_down() -> R:
            if self.down:
                msg = f"{self.provider.title} is down: {self.down}"
                raise ProviderDownError(msg)
            return attempt()

        try:
            return retry(unless_down)
        except ProviderDownError as error:
            if is_item and not self.down:
                raise LostError(str(error)) from None
            self.down = self.down or str(error)
            raise

    def send(self, request: requests.PreparedRequest) -> requests.Response:
        """Send one request. An adapter follows no redirects and keeps no cookies; the body is left to be read.

        Raises:
            LocalError: If certificate authorities or proxy of this machine are of no use.
        """
        url = str(request.url)
        host = url.split("/", 3)[2]
        if host not in self._proxies:
            self._proxies[host] = dict(get_environ_proxies(url))
        try:
            return self.session.get_adapter(url).send(
                request,
                timeout=_seconds(self.settings["request_timeout"]),
                stream=True,
                verify=self.session.verify or True,
                proxies=self._proxies[host],
            )
        except ValueError as error:
            if not select_proxy(url, self._proxies[host]):
                raise
            raise machine.proxy_fault(error, url, self._proxies[host]) from None
        except OSError as error:
            if isinstance(error, requests.exceptions.SSLError) or not isinstance(error, requests.RequestException):
                self._check_authorities()
            raise

    def _check_authorities(self) -> None:
        if isinstance(self.session.verify, str):
            named_by = "`ca_bundle`" if self.settings.get("ca_bundle") else "REQUESTS_CA_BUNDLE in the environment"
            machine.check_authorities(self.session.verify, named_by)
        else:
            machine.check_authorities(DEFAULT_CA_BUNDLE_PATH, "certifi")

    def close(self) -> None:
        """Let go of threads and connections."""
        self.pool.close()
        self.session.close()

    def see_clock(self, response: requests.Response) -> None:
        """Take the start of the sync from the first answer."""
        if self._started_at is None:
            self._started_at = times.from_http(response.headers.get("Date"))

    def sign_in(self, request: HTTPRequest, *, as_json: bool) -> dict[str, Any]:
        """Ask for a token and return the OAuth answer.

        Raises:
            SignInError: If the credentials are refused.
        """
        body = {"json" if as_json else "data": request.data}
        prepared = requests.Request("POST", request.url, headers=dict(self.session.headers), **body).prepare()

        def attempt() -> dict[str, Any]:
            with self.send(prepared) as response:
                return self._read_token(response)

        answer = self.run(self.retry(self._log_wait), attempt)
        self.secrets.update(str(answer[name]) for name in ("access_token", "refresh_token") if answer.get(name))
        return answer

    def _read_token(self, response: requests.Response) -> dict[str, Any]:
        status = response.status_code
        if status in RETRIED_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            msg = f"{status} at sign-in"
            raise RetriableAPIError(msg, response)
        if status == HTTPStatus.NOT_FOUND:
            msg = (
                f"{self.provider.title} has no sign-in at this address (404): check the URLs in `{self.provider.name}`"
            )
            raise FatalAPIError(msg)
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            msg = (
                f"{self.provider.title} answers the sign-in with a redirect ({status}), which is never followed: "
                f"check the URLs and the credentials in `{self.provider.name}`"
            )
            raise SignInError(msg)
        if status != HTTPStatus.OK:
            msg = (
                f"{self.provider.title} refuses the sign-in ({status}): check the credentials in `{self.provider.name}`"
            )
            raise SignInError(msg)
        answer = decode(read_body(response))
        if not isinstance(answer, dict) or not answer.get("access_token"):
            msg = "the sign-in answer has no access_token"
            raise BodyError(msg)
        return answer

    def _log_wait(self, seconds: float, reason: str, asked: bool) -> None:  # noqa: ARG002, FBT001
        self.logger.warning("Signing in at %s again in %.1f s: %s", self.provider.title, seconds, reason)

    @property
    def _user_agent(self) -> str:
        return self.settings.get("user_agent") or f"tap-invoices/{metadata.version('tap-invoices')}"


def read_body(response: requests.Response, limit: int = PAGE_LIMIT) -> bytes:
    """Return a response's whole body, decompressed and in UTF-8.

    Raises:
        FatalAPIError: If it is larger than the limit.
        BodyError: If it is in no charset that can be read.
    """
    with io.BytesIO() as body:  # whose value is not a copy, as joined chunks would be
        for chunk in response.raw.stream(MEBIBYTE, decode_content=True):
            body.write(chunk)
            if body.tell() > limit:
                msg = f"the body is larger than {limit // MEBIBYTE} MiB"
                raise FatalAPIError(msg)
        return to_utf8(body.getvalue(), response.headers.get("Content-Type"))


def _seconds(value: Any) -> float | None:
    """Return a setting as the standard library wants it: settings files give ``Decimal``."""
    return None if value is None else float(value)
