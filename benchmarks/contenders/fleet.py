"""tap-invoices-accounts: accounts in batches, each a tap and a target, from one state file for each account.

target-jsonl has its settings from a file, target-postgres from the variables that the benchmark sets.
"""

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


def command(jobs: int, *, is_raw: bool = False) -> Callable[[Path, Workload, str, Path], list[str]]:
    """Return what makes the command line.

    Args:
        jobs: Batches at the same time.
        is_raw: Whether a target gets the provider's stream alone.
    """

    def make(python: Path, work: Workload, root: str, folder: Path) -> list[str]:
        if work.kind == "later":  # a first sync, without latency, leaves the state files
            before = folder / "before"
            at_once = replace(work, milliseconds=0)
            first = _command(python, at_once, root, before, folder, jobs=2, batch=50, is_raw=is_raw)
            subprocess.run(first, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
            return _command(python, work, root, folder / "out", folder, jobs=jobs, batch=5, is_raw=is_raw)
        return _command(python, work, root, folder / "out", folder, jobs=jobs, batch=50, is_raw=is_raw)

    return make


def _command(  # noqa: PLR0913  (each by its name)
    python: Path, work: Workload, root: str, out: Path, folder: Path, *, jobs: int, batch: int, is_raw: bool
) -> list[str]:
    out.mkdir()
    config = _write(out / "config.json", _settings(work, root, is_raw=is_raw))
    return [
        *(str(python.parent / "tap-invoices-accounts"), "run", "--config", config),
        *("--state-url", str(folder / "states"), "--target", _target(work, out)),
        *("--batch", str(batch), "--jobs", str(jobs)),
    ]


def _target(work: Workload, out: Path) -> str:
    name, environment = ("target-postgres", "targets") if work.kind == "tables" else ("target-jsonl", "target-jsonl")
    config = "ENV" if work.kind == "tables" else _write(out / "target.json", {"destination_path": str(out)})
    return f"{envs.prepare(environment).parent / name} --config={config}"


def _settings(work: Workload, root: str, *, is_raw: bool) -> dict[str, Any]:
    """Return settings of which a batch reads one account after the other, where requests take time."""
    own: dict[str, Any] = {"accounts_at_once": 1} if work.milliseconds else {}
    if is_raw:
        own["stream_maps"] = dict.fromkeys(tap.UNIFIED)  # a map to null leaves a stream out
    return {"ibana": {"api_url": f"{work.url(root)}/ibana", **tap.accounts("ibana", work.count)}, **own}


def _write(path: Path, value: Mapping[str, Any]) -> str:
    path.write_text(json.dumps(value))
    return str(path)
