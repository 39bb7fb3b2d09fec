"""tap-invoices: its settings and its catalog."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.workloads import Workload

CONNECTIONS = 16
"""For the workloads that the others do with 16, too; elsewhere the default stays."""

STREAMS = {"list": "ibana_invoices", "details": "exsited_invoice_details", "documents": "exsited_invoice_documents"}


def command(providers: Sequence[str]) -> Callable[[Path, Workload, str, Path], list[str]]:
    """Return what makes the command line, for some of the providers where the workload has all."""

    def make(python: Path, work: Workload, root: str, folder: Path) -> list[str]:
        wanted = providers if work.kind == "all" else [STREAMS[work.kind].partition("_")[0]]
        config, catalog = folder / "config.json", folder / "catalog.json"
        config.write_text(json.dumps(settings(wanted, work, work.url(root), folder)))
        program = [str(python.parent / "tap-invoices"), "--config", str(config)]
        catalog.write_text(json.dumps(_catalog(program, STREAMS.get(work.kind))))
        return [*program, "--catalog", str(catalog)]

    return make


def settings(providers: Sequence[str], work: Workload, url: str, folder: Path) -> dict[str, Any]:
    """Return the tap's settings."""
    all_providers: dict[str, dict[str, str]] = {
        "covage": {"api_url": f"{url}/covage", "auth_url": f"{url}/covage", "username": "a", "password": "benchmark"},
        "exsited": {
            "api_url": f"{url}/exsited",
            "client_id": "a",
            "client_secret": "benchmark",
            "redirect_uri": "https://example.com",
        },
        "i3dnet": {"api_url": f"{url}/i3dnet", "token": "benchmark"},
        "ibana": {"api_url": f"{url}/ibana", "token": "benchmark"},
        "matas": {"api_url": f"{url}/matas", "token": "benchmark"},
    }
    config: dict[str, Any] = {name: all_providers[name] for name in providers}
    if work.kind == "all":
        config["documents"] = {"mode": "files", "url": f"file://{folder}/documents"}
    else:
        config |= {"max_connections": CONNECTIONS, "documents": {"mode": "inline"}}
    return config


def _catalog(program: list[str], only: str | None) -> dict[str, Any]:
    """Return what the tap discovers, with one stream selected, or all."""
    found = subprocess.run([*program, "--discover"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    catalog: dict[str, Any] = json.loads(found.stdout)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = only in {None, stream["tap_stream_id"]}
    return catalog
