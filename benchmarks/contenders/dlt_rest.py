"""dlt's rest_api source into JSON lines.

``dlt_rest.py URL KIND WORKERS FOLDER SINCE UNTIL``: WORKERS 0 leaves all as dlt has it; otherwise resources are
parallelized, lists are cut into as many spans of time, and nested values stay in their row.
"""

from __future__ import annotations

import base64
import itertools
import os
import sys
from datetime import datetime
from typing import Any

import dlt
import orjson
from dlt.sources.rest_api import rest_api_source

PAGE = 100


def ibana(since: datetime, until: datetime, workers: int) -> list[dict[str, Any]]:
    """Return the list, or its spans of time, which go to one table."""
    paginator = {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": "meta.pageCount"}
    endpoint = {"path": "ibana/v1/invoice", "data_selector": "data", "paginator": paginator}
    resource = {"table_name": "ibana_invoices", "primary_key": "id"}
    if not workers:
        return [{"name": "ibana_invoices", **resource, "endpoint": {**endpoint, "params": {"take": PAGE}}}]
    edges = [since + (until - since) * number / workers for number in range(workers + 1)]
    spans = [
        {"take": PAGE, "updatedFrom": f"{first:%FT%T.001Z}", "updatedTo": f"{last:%FT%T.000Z}"}
        for first, last in itertools.pairwise(edges)
    ]
    spans[0]["updatedFrom"] = f"{since:%FT%T.000Z}"
    return [
        {"name": f"ibana_invoices_{n}", **resource, "endpoint": {**endpoint, "params": params}}
        for n, params in enumerate(spans)
    ]


def exsited(path: str, item: dict[str, Any], workers: int) -> list[dict[str, Any]]:
    """Return the list, which is only read, and what is asked for one by one."""
    paginator = {"type": "offset", "limit": PAGE, "total_path": "pagination.records"}
    listing = {"path": "exsited/api/v3/invoices", "data_selector": "invoices", "paginator": paginator}
    endpoint = {"path": path, "paginator": "single_page", **item}
    return [
        {"name": "exsited_invoices", "selected": False, "endpoint": listing},
        {"name": "exsited_items", "primary_key": "id", "parallelized": workers > 0, "endpoint": endpoint},
    ]


def pdf_as_json(response: Any, *_: Any, **__: Any) -> Any:
    """Put a PDF into a record."""
    key = response.url.split("/")[-2]
    record = {"id": key, "content_base64": base64.b64encode(response.content).decode()}
    response._content = orjson.dumps(record)  # noqa: SLF001  (as dlt's own documentation does)
    return response


def resources(kind: str, since: datetime, until: datetime, workers: int) -> list[dict[str, Any]]:
    """Return what a kind of workload reads."""
    if kind == "list":
        return ibana(since, until, workers)
    key = "{resources.exsited_invoices.id}"
    if kind == "details":
        return exsited(f"exsited/api/v3/invoices/{key}", {"data_selector": "invoice"}, workers)
    return exsited(f"exsited/api/v2/invoices/{key}/pdf", {"response_actions": [pdf_as_json]}, workers)


def main() -> None:
    """Run the pipeline."""
    url, kind, number, folder, since, until = sys.argv[1:]
    workers = int(number)
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    if workers:
        os.environ["EXTRACT__WORKERS"] = os.environ["EXTRACT__MAX_PARALLEL_ITEMS"] = number
        if kind == "list":  # elsewhere the processes cost more than they bring
            os.environ["NORMALIZE__WORKERS"] = str(os.cpu_count())
        os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = "true"
    spans = datetime.fromisoformat(since), datetime.fromisoformat(until)
    config: Any = {"client": {"base_url": f"{url}/"}, "resources": resources(kind, *spans, workers)}
    source = rest_api_source(config, max_table_nesting=0 if workers else None, parallelized=workers > 0)
    pipeline = dlt.pipeline(
        "benchmark",
        pipelines_dir=f"{folder}/pipelines",
        destination=dlt.destinations.filesystem(f"file://{folder}"),
        dataset_name="out",
    )
    pipeline.run(source, loader_file_format="jsonl")


if __name__ == "__main__":
    main()
