"""What is asked for: a GET of a stream, a POST for a token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import requests


@dataclass(frozen=True)
class Request:
    """A GET, as a stream asks for it.

    Args:
        url: Where, query included.
        path: The same without host, ids and query, for messages.
        headers: What is sent beside the headers of all requests.
        is_item: Whether it is for one item, whose lasting failure says nothing of the others.
    """

    url: str
    path: str
    headers: Mapping[str, str]
    is_item: bool = False

    def prepare(self, headers: Mapping[str, str | bytes]) -> requests.PreparedRequest:
        """Return it with the headers of all requests, unsigned."""
        prepared = requests.PreparedRequest()  # by its parts: there is no body, no cookie and no hook to prepare
        prepared.prepare_method("GET")
        prepared.prepare_url(self.url, None)
        prepared.prepare_headers({**headers, **self.headers})
        return prepared


@dataclass(frozen=True)
class TokenRequest:
    """A POST to where tokens are made, with a form or with JSON."""

    url: str
    fields: Mapping[str, str]
    as_json: bool = False

    def prepare(self, headers: Mapping[str, str | bytes]) -> requests.PreparedRequest:
        """Return it with the headers of all requests."""
        body = {"json" if self.as_json else "data": self.fields}
        return requests.Request("POST", self.url, headers=dict(headers), **body).prepare()


def host_of(request: requests.PreparedRequest) -> str:
    """Return where a request goes: host and port."""
    return origin_of(request).partition("//")[2]


def origin_of(request: requests.PreparedRequest) -> str:
    """Return the same with the scheme before it."""
    return "/".join(str(request.url).split("/", 3)[:3])
