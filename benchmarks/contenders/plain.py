"""A plain SDK tap for the same streams, written as the SDK's template has it: ``plain.py URL KIND COUNT FOLDER``.

COUNT is of the accounts, where the kind has some: each is a partition.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import RESTStream, SchemaDirectory, StreamSchema, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.pagination import BaseOffsetPaginator, BasePageNumberPaginator

if TYPE_CHECKING:
    import requests

SCHEMAS = SchemaDirectory(Path(__file__).parents[2] / "schemas")
PAGE = 100


class InvoicesStream(RESTStream[Any]):
    """What the streams share."""

    @property
    def url_base(self) -> str:
        return str(self.config["api_url"])

    @property
    def authenticator(self) -> BearerTokenAuthenticator:
        return BearerTokenAuthenticator(token=self.config["auth_token"])


class IbanaPaginator(BasePageNumberPaginator):
    """ibana's pages."""

    def has_more(self, response: requests.Response) -> bool:
        return bool(response.json()["meta"]["hasNextPage"])


class IbanaInvoicesStream(InvoicesStream):
    """ibana's invoices."""

    name = "ibana_invoices"
    path = "/ibana/v1/invoice"
    primary_keys = ("id",)
    replication_key = "updatedAt"
    records_jsonpath = "$.data[*]"
    schema: ClassVar[StreamSchema] = StreamSchema(SCHEMAS)

    def get_new_paginator(self) -> IbanaPaginator:
        return IbanaPaginator(1)

    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:  # noqa: ARG002
        return {"take": PAGE, "page": next_page_token, "orderField": "updatedAt", "orderDir": "ASC"}


class AccountsStream(IbanaInvoicesStream):
    """ibana's invoices of several accounts."""

    primary_keys = ("source_account", "id")

    @property
    def schema(self) -> dict[str, Any]:  # type: ignore[override]
        properties = {"source_account": {"type": "string"}, **super().schema["properties"]}
        return {**super().schema, "properties": properties}

    @property
    def partitions(self) -> list[dict[str, Any]]:
        return [{"source_account": f"account-{number}"} for number in range(self.config["count"])]


class ExsitedPaginator(BaseOffsetPaginator):
    """Exsited's pages."""

    def has_more(self, response: requests.Response) -> bool:
        return bool(response.json()["pagination"]["next_page"] != "NULL")


class ExsitedInvoicesStream(InvoicesStream):
    """Exsited's list; only its children are wanted."""

    name = "exsited_invoices"
    path = "/exsited/api/v3/invoices"
    primary_keys = ("id",)
    records_jsonpath = "$.invoices[*]"
    schema: ClassVar[StreamSchema] = StreamSchema(SCHEMAS)
    selected_by_default = False

    def get_new_paginator(self) -> ExsitedPaginator:
        return ExsitedPaginator(0, PAGE)

    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:  # noqa: ARG002
        return {"limit": PAGE, "offset": next_page_token}

    def get_child_context(self, record: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG002
        return {"id": record["id"]}


class ExsitedInvoiceDetailsStream(InvoicesStream):
    """Exsited's invoices one by one."""

    name = "exsited_invoice_details"
    path = "/exsited/api/v3/invoices/{id}"
    primary_keys = ("id",)
    records_jsonpath = "$.invoice"
    parent_stream_type = ExsitedInvoicesStream
    schema: ClassVar[StreamSchema] = StreamSchema(SCHEMAS)


class ExsitedInvoiceDocumentsStream(InvoicesStream):
    """Exsited's PDFs, as base64."""

    name = "exsited_invoice_documents"
    path = "/exsited/api/v2/invoices/{id}/pdf"
    primary_keys = ("id",)
    parent_stream_type = ExsitedInvoicesStream
    schema = th.PropertiesList(
        th.Property("id", th.StringType),
        th.Property("content_base64", th.StringType),
    ).to_dict()

    def parse_response(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        yield {"content_base64": base64.b64encode(response.content).decode()}


class TapPlain(Tap):
    """The tap; ``kind`` says which of its streams are wanted."""

    name = "tap-plain"
    config_jsonschema = th.PropertiesList(
        th.Property("api_url", th.StringType, required=True),
        th.Property("auth_token", th.StringType, required=True, secret=True),
        th.Property("kind", th.StringType, required=True),
        th.Property("count", th.IntegerType, required=True),
    ).to_dict()

    def discover_streams(self) -> list[Any]:
        kinds: dict[str, list[Any]] = {
            "list": [IbanaInvoicesStream],
            "accounts": [AccountsStream],
            "details": [ExsitedInvoicesStream, ExsitedInvoiceDetailsStream],
            "documents": [ExsitedInvoicesStream, ExsitedInvoiceDocumentsStream],
        }
        return [stream(self) for stream in kinds[self.config["kind"]]]


def main() -> None:
    """Sync what the kind of workload wants."""
    url, kind, count, folder = sys.argv[1:]
    config = Path(folder, "config.json")
    config.write_text(json.dumps({"api_url": url, "auth_token": "benchmark", "kind": kind, "count": int(count)}))
    TapPlain.cli(["--config", str(config)])


if __name__ == "__main__":
    main()
