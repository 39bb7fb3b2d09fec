"""airbyte-cdk's declarative source, Airbyte's messages on stdout.

``airbyte.py URL KIND WORKERS FOLDER SINCE UNTIL``: WORKERS is the manifest's concurrency. Lists are cut into spans of
time, for pages of one list are never asked for side by side.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor

if TYPE_CHECKING:
    import requests

PAGE = 100
SPANS = 16
_MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"
_SCHEMA = {"type": "object", "additionalProperties": True, "properties": {"id": {"type": "string"}}}


class PdfExtractor(RecordExtractor):
    """Puts a PDF into a record."""

    def extract_records(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        """Return the one record."""
        key = str(response.url).split("/")[-2]
        yield {"id": key, "content_base64": base64.b64encode(response.content).decode()}


def dpath(*path: str) -> dict[str, Any]:
    """Return what finds the records in an answer."""
    return {"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": list(path)}}


def stream(name: str, path: str, selector: dict[str, Any], **rest: Any) -> dict[str, Any]:
    """Return a stream of the manifest."""
    requester = {"type": "HttpRequester", "url_base": "{{ config['url'] }}/", "path": path, "http_method": "GET"}
    retriever = {"type": "SimpleRetriever", "requester": requester, "record_selector": selector}
    for key in ("paginator", "partition_router"):
        if key in rest:
            retriever[key] = rest.pop(key)
    schema = {"type": "InlineSchemaLoader", "schema": _SCHEMA}
    return {
        "type": "DeclarativeStream",
        "name": name,
        "primary_key": "id",
        "retriever": retriever,
        "schema_loader": schema,
        **rest,
    }


def paginator(strategy: str, token: str, size: str) -> dict[str, Any]:
    """Return pages of 100."""
    start = {"start_from_page": 1} if strategy == "PageIncrement" else {}
    return {
        "type": "DefaultPaginator",
        "pagination_strategy": {"type": strategy, "page_size": PAGE, **start, "inject_on_first_request": True},
        "page_token_option": {"type": "RequestOption", "inject_into": "request_parameter", "field_name": token},
        "page_size_option": {"type": "RequestOption", "inject_into": "request_parameter", "field_name": size},
    }


def ibana(since: datetime, until: datetime) -> dict[str, Any]:
    """Return the list, in spans of time."""
    option = {"type": "RequestOption", "inject_into": "request_parameter"}
    cursor = {
        "type": "DatetimeBasedCursor",
        "cursor_field": "updatedAt",
        "datetime_format": _MOMENT,
        "cursor_granularity": "PT1S",
        "start_datetime": f"{since:{_MOMENT}}",
        "end_datetime": f"{until:{_MOMENT}}",
        "step": f"PT{max(60, round((until - since).total_seconds() / SPANS))}S",
        "start_time_option": {**option, "field_name": "updatedFrom"},
        "end_time_option": {**option, "field_name": "updatedTo"},
    }
    pages = paginator("PageIncrement", "page", "take")
    return stream("ibana_invoices", "ibana/v1/invoice", dpath("data"), paginator=pages, incremental_sync=cursor)


def exsited(path: str, selector: dict[str, Any]) -> dict[str, Any]:
    """Return what is asked for one by one, for each invoice of the list."""
    pages = paginator("OffsetIncrement", "offset", "limit")
    listing = stream("exsited_invoices", "exsited/api/v3/invoices", dpath("invoices"), paginator=pages)
    parent = {"type": "ParentStreamConfig", "stream": listing, "parent_key": "id", "partition_field": "parent"}
    router = {"type": "SubstreamPartitionRouter", "parent_stream_configs": [parent]}
    return stream("exsited_items", path, selector, partition_router=router)


def manifest(kind: str, workers: int, since: datetime, until: datetime) -> dict[str, Any]:
    """Return the whole manifest."""
    key = "{{ stream_partition.parent }}"
    pdf = {"type": "CustomRecordExtractor", "class_name": "airbyte.PdfExtractor"}
    if kind == "list":
        wanted = ibana(since, until)
    elif kind == "details":
        wanted = exsited(f"exsited/api/v3/invoices/{key}", dpath("invoice"))
    else:
        wanted = exsited(f"exsited/api/v2/invoices/{key}/pdf", {"type": "RecordSelector", "extractor": pdf})
    return {
        "version": "7.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": [wanted["name"]]},
        "streams": [wanted],
        "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
        "concurrency_level": {"type": "ConcurrencyLevel", "default_concurrency": workers},
    }


def main() -> None:
    """Read the one stream."""
    url, kind, workers, folder, since, until = sys.argv[1:]
    source_config = manifest(kind, int(workers), datetime.fromisoformat(since), datetime.fromisoformat(until))
    name = source_config["streams"][0]["name"]
    described = {"name": name, "json_schema": _SCHEMA, "supported_sync_modes": ["full_refresh", "incremental"]}
    catalog = {"streams": [{"stream": described, "sync_mode": "full_refresh", "destination_sync_mode": "append"}]}
    files = {"config": {"url": url}, "catalog": catalog}
    for file, content in files.items():
        Path(folder, f"{file}.json").write_text(json.dumps(content))
    arguments = ["read", "--config", f"{folder}/config.json", "--catalog", f"{folder}/catalog.json"]
    parsed = AirbyteEntrypoint.parse_args(arguments)
    configured = ConcurrentDeclarativeSource.read_catalog(parsed.catalog)
    source = ConcurrentDeclarativeSource(configured, files["config"], [], source_config=source_config)
    launch(source, arguments)


if __name__ == "__main__":
    main()
