"""Streams that ask for each invoice and get one row for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from singer_sdk.streams.rest import PageContext
from typing_extensions import override

from tap_invoices.errors import BodyError, FatalAPIError
from tap_invoices.http.session import read_body
from tap_invoices.paging.keys import KeySet, is_key
from tap_invoices.records.decode import decode, encode
from tap_invoices.streams.children import ChildStream
from tap_invoices.streams.services import Batch, Row

if TYPE_CHECKING:
    import requests
    from singer_sdk import Tap

    from tap_invoices.streams.base import InvoiceStream
    from tap_invoices.streams.pending import Pending
    from tap_invoices.streams.services import Services


class SingleStream(ChildStream):
    """One row for each item."""

    @override
    def complete_row(self, row: Row, due: Pending) -> Row:
        """Return a row with the key and the replication value that only the list knows, where it lacks them."""
        row.setdefault(str(type(self).replication_key), self.bookmark.shown(due.value))
        return super().complete_row(row, due)


class DetailStream(SingleStream):
    """One JSON object for each item."""

    def __init__(self, tap: Tap, services: Services | None = None, parent: InvoiceStream | None = None) -> None:
        super().__init__(tap, services, parent)
        self._came = KeySet()
        """Rows without their ids."""

    def parse_item(self, body: Any) -> Any:
        """Return the row in an answer, without what wraps it."""
        return body

    @override
    def fetch_item(self, due: Pending) -> list[Batch]:
        request = self.get_http_request(page=PageContext({self.parent_key: due.id}, None))

        def read(response: requests.Response) -> Batch:
            body = read_body(response)
            try:
                row = self.parse_item(decode(body))
            except (KeyError, TypeError, AttributeError):
                row = None
            if not isinstance(row, dict) or not self._may_be(row, due):
                msg = "the answer is JSON, but not the invoice that was asked for"
                raise BodyError(msg)
            return Batch([row], len(body))

        return [self.fetch(request, read)]

    def _may_be(self, row: Row, due: Pending) -> bool:
        """Tell whether a row is of an invoice, and does not say that it is another one than was asked for."""
        own_id = row.get(self.parent_key)
        return not row.keys().isdisjoint(self.row_schema()["properties"]) and (
            not is_key(own_id) or str(own_id) == due.id
        )

    @override
    def accept(self, due: Pending, batches: Iterable[Batch]) -> Iterable[Batch]:
        """Return what came, unless it has no id and came for another item already.

        Raises:
            FatalAPIError: If it did.
        """
        for batch in batches:
            for row in batch.rows:
                content = dict(row)
                own_id = content.pop(self.parent_key, None)
                if not self._came.add(encode(content)) and not is_key(own_id):
                    msg = f"the answer has no `{self.parent_key}`, and has come for another item already"
                    raise FatalAPIError(msg)
                self.complete_row(row, due)
        return batches
