"""The base of all streams: what of the SDK's `RESTStream` asks for something here."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast
from urllib.parse import quote
from zoneinfo import ZoneInfo

from singer_sdk import RESTStream
from typing_extensions import override

from tap_invoices.counts import Counts
from tap_invoices.errors import FatalAPIError
from tap_invoices.http.request import Request
from tap_invoices.streams.schemas import full_schema

if TYPE_CHECKING:
    from requests import Response
    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context
    from singer_sdk.streams.rest import HTTPRequest

    from tap_invoices.http.client import Client
    from tap_invoices.streams.services import Services

R = TypeVar("R")


class ApiStream(RESTStream[Any], ABC):
    """Asks one provider, by the client that all of its streams share.

    Of the SDK's hooks `path`, `http_headers`, `get_url`, `get_url_params` and `get_http_request` say what is asked for.
    Those that sign, send, repeat or judge are never called: the client does that.
    """

    provider: ClassVar[str]
    asks_for_items: ClassVar[bool] = False
    """Whether each request is for one item, whose lasting failure says nothing of the others."""

    _LOG_REQUEST_METRICS = False

    def __init__(self, tap: Tap, services: Services | None = None) -> None:
        super().__init__(tap, schema=full_schema(self.name, tap.config.get("decimals")))
        self.has_account = services is not None
        """Whether it reads an account; one that does not stands for all accounts, in the catalog."""
        self.services = cast("Services", services)
        """What its account has; a stream without one is never read."""
        self.counts = Counts(self.name)

    @property
    def client(self) -> Client:
        """What the provider's streams share."""
        return self.services.client

    @property
    def settings(self) -> Mapping[str, Any]:
        """The provider's own settings, defaults filled in."""
        return self.client.config

    @property
    def zone(self) -> ZoneInfo:
        """Where the provider's days begin, and with them a start date without an offset."""
        return ZoneInfo(self.settings.get("time_zone") or "UTC")

    @property
    def page_size(self) -> int | None:
        """How many rows its pages have, if it has pages."""
        return None

    @property
    @override
    def url_base(self) -> str:
        return str(self.settings["api_url"]).rstrip("/")

    @property
    @override
    def http_headers(self) -> dict[str, str]:
        return {"Accept": "application/json"}

    @override
    def get_url(self, context: Context | None) -> str:
        quoted = {name: _quote_whole(str(value)) for name, value in (context or {}).items()}
        return self.url_base + self.path.format_map(quoted)

    def fetch(self, request: HTTPRequest, read: Callable[[Response], R]) -> R:
        """Have a request answered, and return what ``read`` makes of the answer. Any thread may."""
        query = request.encode_params()
        url = f"{request.url}?{query}" if query else request.url
        asked = Request(url, str(self.path), request.headers, self.asks_for_items)
        return self.client.fetch(asked, read, self.counts)


def _quote_whole(value: str) -> str:
    """Quote an id as one path segment.

    Raises:
        FatalAPIError: If no URL can carry it.
    """
    if value.strip(".") == "":
        msg = f"an id of {value!r} cannot stand in a URL"
        raise FatalAPIError(msg)
    return quote(value, safe="")
