"""What goes over the wire: one pool of connections, proxies, certificates, and the bytes of a body."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from importlib import metadata
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy
from typing_extensions import override

from tap_invoices.counts import MEBIBYTE
from tap_invoices.errors import FatalAPIError
from tap_invoices.http import machine
from tap_invoices.http.request import origin_of
from tap_invoices.records.decode import to_utf8

if TYPE_CHECKING:
    from urllib3.connectionpool import ConnectionPool

PAGE_LIMIT = 256 * MEBIBYTE
"""Largest JSON body, in bytes after decompression."""
_HOSTS = 4
"""Most hosts of a provider, of its API and its sign-in."""


@cache
def _own_name() -> str:
    """Return the tap's name and version, which the accounts share: to find it takes as long as a request."""
    return f"tap-invoices/{metadata.version('tap-invoices')}"


class _Adapter(HTTPAdapter):
    """Works out once for each host what ``requests`` does for each request: a twentieth of the time of a small request.

    Neither proxies nor certificates change within a session.
    """

    def __init__(self, connections: int) -> None:
        super().__init__(pool_connections=_HOSTS, pool_maxsize=connections)
        self._pools: dict[str, ConnectionPool] = {}

    @override
    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> ConnectionPool:
        origin = origin_of(request)
        if origin not in self._pools:
            self._pools[origin] = super().get_connection_with_tls_context(request, *args, **kwargs)
        return self._pools[origin]

    @override
    def close(self) -> None:
        super().close()
        self._pools.clear()  # whose connections end with them

    @override
    def request_url(self, request: requests.PreparedRequest, proxies: Mapping[str, str] | None) -> str:
        return super().request_url(request, proxies) if proxies else request.path_url


class Session:
    """Sends requests to one provider; it keeps no cookies, and takes nothing unasked from the environment.

    Args:
        config: The provider's values, defaults included.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.timeout = float(config["request_timeout"])  # settings files give ``Decimal``
        """Seconds that a connection, or the next bytes of an answer, may take."""
        self._has_own_bundle = bool(config.get("ca_bundle"))
        self._proxies: dict[str, dict[str, str]] = {}
        self._session = requests.Session()
        adapter = _Adapter(config["max_connections"] + 1)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.trust_env = False
        self._session.headers = {
            "User-Agent": config.get("user_agent") or _own_name(),
            "Accept-Encoding": "gzip, deflate",
            "Connection": "keep-alive",
        }
        self._verify: str | bool = config.get("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE") or True

    @property
    def headers(self) -> Mapping[str, str | bytes]:
        """What every request carries."""
        return self._session.headers

    def send(self, request: requests.PreparedRequest) -> requests.Response:
        """Send one request. An adapter follows no redirects and keeps no cookies; the body is left to be read.

        Raises:
            LocalError: If certificate authorities or proxy of this machine are of no use.
        """
        url = str(request.url)
        origin = origin_of(request)
        if origin not in self._proxies:
            self._proxies[origin] = dict(get_environ_proxies(url))
        try:
            return self._session.get_adapter(url).send(
                request,
                timeout=self.timeout,
                stream=True,
                verify=self._verify,
                proxies=self._proxies[origin],
            )
        except ValueError as error:
            if not select_proxy(url, self._proxies[origin]):
                raise
            raise machine.proxy_fault(error, url, self._proxies[origin]) from None
        except OSError as error:
            if isinstance(error, requests.exceptions.SSLError) or not isinstance(error, requests.RequestException):
                self._check_authorities()
            raise

    def _check_authorities(self) -> None:
        if isinstance(self._verify, str):
            named_by = "`ca_bundle`" if self._has_own_bundle else "REQUESTS_CA_BUNDLE in the environment"
            machine.check_authorities(self._verify, named_by)
        else:
            machine.check_authorities(DEFAULT_CA_BUNDLE_PATH, "certifi")

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()


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
