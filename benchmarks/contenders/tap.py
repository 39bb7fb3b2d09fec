"""tap-invoices: its settings and its catalog."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.workloads import ACCOUNTS, MAPPED

if TYPE_CHECKING:
    from benchmarks.workloads import Workload

STREAMS = {
    "list": "ibana_invoices",
    "accounts": "ibana_invoices",
    "again": "ibana_invoices",
    "owned": "exsited_invoice_details",
    "details": "exsited_invoice_details",
    "documents": "exsited_invoice_documents",
    "mapped": "ibana_invoices",
    "embedded": "covage_invoice_documents",
}


UNIFIED = ("invoices", "invoice_lines")


def command(
    providers: Sequence[str],
    connections: int,
    at_once: int | None = None,
    *,
    is_raw: bool = False,
    reads_xml: bool = True,
) -> Callable[[Path, Workload, str, Path], list[str]]:
    """Return what makes the command line.

    Args:
        providers: Which ones, where the workload has all.
        connections: How many, where it has one whose requests take time; elsewhere the default stays.
        at_once: How many accounts, where it has some; None leaves the default.
        is_raw: Whether the streams of all providers are left out where the workload has them.
        reads_xml: Whether the XML in PDFs is read where the workload has it.
    """

    def make(python: Path, work: Workload, root: str, folder: Path) -> list[str]:
        wanted = providers if work.kind in {"all", "unified"} else [STREAMS[work.kind].partition("_")[0]]
        config, catalog = folder / "config.json", folder / "catalog.json"
        own: dict[str, Any] = {"documents": {"mode": "inline"}}
        if work.kind == "all":
            own = {"documents": {"mode": "files", "url": f"file://{folder}/documents"}}
        elif work.kind not in {*ACCOUNTS, "unified"} and work.milliseconds:
            own["max_connections"] = connections
        settings = _providers(wanted, work.url(root))
        if work.kind in ACCOUNTS:
            own = {} if at_once is None else {"accounts_at_once": at_once}
            settings = {name: {**given, **accounts(name, work.count)} for name, given in settings.items()}
        if work.kind == "again":
            own["lookback_days"] = 0  # or all would be due again, which were changed on one day
        if work.kind == "embedded":
            own["documents"]["read_xml"] = reads_xml
        if work.kind in {"unified", "mapped"}:
            for name in {"ibana", "matas"} & settings.keys():
                settings[name]["amounts_in"] = "units"
        config.write_text(json.dumps({**settings, **own}))
        program = [str(python.parent / "tap-invoices"), "--config", str(config)]
        catalog.write_text(json.dumps(_catalog(program, _chosen(work.kind, is_raw=is_raw))))
        program += ["--catalog", str(catalog)]
        if work.kind == "again":
            return [*program, "--state", _state_after(program, folder)]
        return program

    return make


def one_by_one(python: Path, work: Workload, root: str, folder: Path) -> list[str]:
    """Return a command that reads each account in a process of its own."""
    program = command([], 16)(python, work, root, folder)
    for number in range(work.count):
        (folder / f"{number}.json").write_text(json.dumps({"only_accounts": [f"account-{number}"]}))
    each = 'for only in "$0"/*[0-9].json; do "$@" --config "$only" || exit 1; done'
    return ["/bin/sh", "-c", each, str(folder), *program]


def _state_after(program: list[str], folder: Path) -> str:
    """Return the file of the state after a sync."""
    told = subprocess.run(program, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout  # noqa: S603
    state = folder / "state.json"
    state.write_bytes(told.splitlines()[-1])
    return str(state)


def _providers(names: Sequence[str], url: str) -> dict[str, Any]:
    """Return the settings of providers."""
    sign_in = {"client_id": "a", "client_secret": "benchmark", "redirect_uri": "https://example.com"}
    settings = {
        "covage": {"api_url": f"{url}/covage", "auth_url": f"{url}/covage", "username": "a", "password": "benchmark"},
        "exsited": {"api_url": f"{url}/exsited", **sign_in},
        "i3dnet": {"api_url": f"{url}/i3dnet", "token": "benchmark"},
        "ibana": {"api_url": f"{url}/ibana", "token": "benchmark"},
        "matas": {"api_url": f"{url}/matas", "token": "benchmark"},
    }
    return {name: settings[name] for name in names}


def accounts(provider: str, count: int) -> dict[str, Any]:
    """Return so many accounts of a provider; the server gives each the same invoices."""
    secret = "client_secret" if provider == "exsited" else "token"
    return {"accounts": [{"name": f"account-{number}", secret: f"benchmark-{number}"} for number in range(count)]}


def _chosen(kind: str, *, is_raw: bool) -> Callable[[str], bool]:
    """Return what tells whether a stream is selected."""
    if kind in STREAMS:
        return lambda name: name == STREAMS[kind] or (kind in MAPPED and name in UNIFIED)
    if kind == "unified":
        return lambda name: not name.endswith("_documents") and not (is_raw and name in UNIFIED)
    return lambda name: name not in UNIFIED


def _catalog(program: list[str], is_chosen: Callable[[str], bool]) -> dict[str, Any]:
    """Return what the tap discovers, with some streams selected."""
    command = [*program, "--discover"]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603
    catalog: dict[str, Any] = json.loads(found.stdout)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = is_chosen(stream["tap_stream_id"])
    return catalog
