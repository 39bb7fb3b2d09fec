"""tap-invoices-accounts: accounts in batches, each a tap and a target, from one state file for each account."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import envs
from benchmarks.contenders import tap

if TYPE_CHECKING:
    from benchmarks.workloads import Workload


def command(jobs: int) -> Callable[[Path, Workload, str, Path], list[str]]:
    """Return what makes the command line.

    Args:
        jobs: Batches at the same time.
    """

    def make(python: Path, work: Workload, root: str, folder: Path) -> list[str]:
        if work.kind == "later":  # a first sync, without latency, leaves the state files
            before = folder / "before"
            first = _command(python, replace(work, milliseconds=0), root, before, folder, jobs=2, batch=50)
            subprocess.run(first, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
            return _command(python, work, root, folder / "out", folder, jobs=jobs, batch=5)
        return _command(python, work, root, folder / "out", folder, jobs=jobs, batch=50)

    return make


def _command(  # noqa: PLR0913  (each by its name)
    python: Path, work: Workload, root: str, out: Path, folder: Path, *, jobs: int, batch: int
) -> list[str]:
    out.mkdir()
    loader = str(envs.prepare("target-jsonl").parent / "target-jsonl")
    taken = _write(out / "target.json", {"destination_path": str(out)})
    config = _write(out / "config.json", _settings(work, root))
    return [
        *(str(python.parent / "tap-invoices-accounts"), "run", "--config", config),
        *("--state-url", str(folder / "states"), "--target", f"{loader} --config {taken}"),
        *("--batch", str(batch), "--jobs", str(jobs)),
    ]


def _settings(work: Workload, root: str) -> dict[str, Any]:
    """Return settings of which a batch reads one account after the other, where requests take time."""
    at_once = {"accounts_at_once": 1} if work.milliseconds else {}
    return {"ibana": tap.accounts(f"{work.url(root)}/ibana", work.count), **at_once}


def _write(path: Path, value: Mapping[str, Any]) -> str:
    path.write_text(json.dumps(value))
    return str(path)
