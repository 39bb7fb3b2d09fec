"""Lists that come whole, in one array: passed on in parts, so that they are never held twice."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from singer_sdk.streams.rest import PageContext
from typing_extensions import override

from tap_invoices.errors import BodyError
from tap_invoices.http.session import read_body
from tap_invoices.paging.base import Page
from tap_invoices.paging.keys import KeySet
from tap_invoices.records.decode import decode, split_array
from tap_invoices.streams.lists import UNEXPECTED, ListStream

if TYPE_CHECKING:
    import msgspec
    import requests

_PART = 500


class SinglePageList(ListStream):
    """A list without pages."""

    @override
    def read_list(self) -> Iterator[Page]:
        request = self.get_http_request(page=PageContext(None, None))
        items = self.fetch(request, _read_array)
        seen = KeySet()
        for start in range(0, len(items), _PART):
            part = [bytes(item) for item in items[start : start + _PART]]
            rows = [decode(item) for item in part]
            keys = [self.key_of(row) for row in rows]
            new = [row for row, key in zip(rows, keys, strict=True) if seen.add(key)]
            yield Page(new, keys, sum(map(len, part)), place=f"rows from {start + 1} on")


def _read_array(response: requests.Response) -> list[msgspec.Raw]:
    items = [] if response.status_code == HTTPStatus.NO_CONTENT else split_array(read_body(response))
    if not all(bytes(memoryview(item)[:1]) == b"{" for item in items):
        raise BodyError(UNEXPECTED)
    return items
