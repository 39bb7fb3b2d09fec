"""``python -m benchmarks``: run the contenders in turn, and write RESULTS.md and results.svg.

A part of the workloads, a smaller scale or a smoke run writes them to ``benchmarks/.work`` instead.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from benchmarks import ceiling, check, envs, report
from benchmarks.contenders import CONTENDERS
from benchmarks.measure import Cost, run
from benchmarks.workloads import STARTS, WORKLOADS, Workload
from tests.support.postgres import Postgres

HERE = Path(__file__).parent
_IN_MEMORY = Path("/dev/shm")  # noqa: S108
"""Where output goes on Linux: ext4 makes files ever more slowly for some minutes after thousands were deleted."""


def main() -> int:
    """Measure; 1 if any output was not complete."""
    options = _options()
    chosen = [work for work in WORKLOADS if not options.only or work.key.startswith(tuple(options.only.split(",")))]
    chosen = [work.scaled(options.scale) for work in chosen]
    kinds = {work.kind for work in chosen}
    works = [*(start for start in STARTS if start.kind in kinds), *chosen]
    if options.smoke:
        works = [work.smoke() for work in works]
    if options.beside:
        envs.check_out(options.beside)
        works = [work.beside_earlier() for work in works]
    pythons = {name: envs.prepare(CONTENDERS[name].environment) for work in works for name in work.contenders}
    runs: list[dict[str, Any]] = []
    with _server() as root, Postgres() if "tables" in kinds else nullcontext() as database:
        environments = {CONTENDERS[name].environment for work in works for name in work.contenders}
        about = {"ceiling": ceiling.show(root, {work.key: work for work in WORKLOADS}), **report.about(environments)}
        about["earlier"] = options.beside
        for number in range(1 if options.smoke else options.rounds):
            for work in works:
                runs += [
                    _measured(number, work, name, pythons[name], root, database)
                    for name in _turned(work.contenders, number)
                ]
            _write(runs, about, is_whole=not options.only and not options.smoke and options.scale == 1)
    return 0 if all(entry["whole"] for entry in runs) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the tap beside others.")
    parser.add_argument("--rounds", type=int, default=5, help="times that each contender does each workload")
    parser.add_argument("--only", default="", metavar="W1,W3", help="workloads, by the start of their names")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of invoices, for a quick look")
    parser.add_argument("--beside", metavar="REVISION", help="an earlier revision of the tap that does W1 to W6 too")
    smoke = "all workloads, small, one round, without the peers: under three minutes"
    parser.add_argument("--smoke", action="store_true", help=smoke)
    return parser.parse_args()


def _turned(names: tuple[str, ...], number: int) -> tuple[str, ...]:
    """Return names in an order that starts elsewhere each round, so that nobody is always behind the same one."""
    first = number % len(names)
    return names[first:] + names[:first]


@contextmanager
def _server() -> Iterator[str]:
    """The benchmark's server; gives its URL."""
    command = [str(envs.prepare("server")), "-m", "benchmarks.server"]
    process = subprocess.Popen(command, cwd=envs.ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        port = process.stdout.readline() if process.stdout else ""
        yield f"http://127.0.0.1:{int(port)}"
    finally:
        process.terminate()
        process.wait()


def _measured(  # noqa: PLR0913, PLR0917
    number: int, work: Workload, name: str, python: Path, root: str, database: Postgres | None
) -> dict[str, Any]:
    """Have a contender do a workload once, in a folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="benchmark-", dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None))
    try:
        command = CONTENDERS[name].command(python, work, root, folder)
        cost, found = _run(command, work, folder, database)
        whole = cost.exit_code == 0 and found == work.expected(name)
        if not whole:
            (HERE / ".work").mkdir(exist_ok=True)
            shutil.copy(folder / "log", HERE / ".work" / f"{work.key}-{name}.log")
    finally:
        shutil.rmtree(folder)
    told = f"{cost.seconds:8.2f} s {cost.peak / 1e6:7.0f} MB {found:8} records"
    print(f"{number + 1} {work.key:15} {name:12} {told}{'' if whole else ', not whole'}", flush=True)
    return {"workload": work.key, "contender": name, "count": work.count, "found": found, "whole": whole, **vars(cost)}


def _run(command: list[str], work: Workload, folder: Path, database: Postgres | None) -> tuple[Cost, int]:
    """Run a command with its output in a file, a pipe or tables, and return how many invoices it put out."""
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "NO_PROXY": "127.0.0.1"}
    log, out = folder / "log", folder / "out.jsonl"
    if work.kind == "tables":
        assert database
        database.sql("drop schema if exists benchmark cascade")
        cost = run(command, subprocess.DEVNULL, log, {**variables, **_target_settings(database)})
        return cost, int(database.sql("select count(distinct (source_account, id)) from benchmark.ibana_invoices"))
    if work.rate is None:
        with out.open("wb") as file:
            cost = run(command, file, log, variables)
        return cost, check.in_files(work.kind, folder)
    reading = [sys.executable, "-m", "benchmarks.reader", str(work.rate)]
    pipe = subprocess.PIPE
    reader = subprocess.Popen(reading, cwd=envs.ROOT, stdin=pipe, stdout=pipe)  # noqa: S603
    assert reader.stdin
    cost = run(command, reader.stdin, log, variables)
    _, distinct = reader.communicate()[0].split()
    return cost, int(distinct)


def _target_settings(database: Postgres) -> dict[str, str]:
    settings = {name: getattr(database, name) for name in ("host", "port", "user", "database")}
    settings |= {"password": "not-asked-for", "default_target_schema": "benchmark"}
    return {f"TARGET_POSTGRES_{name.upper()}": str(value) for name, value in settings.items()}


def _write(runs: list[dict[str, Any]], about: dict[str, Any], *, is_whole: bool) -> None:
    """Write the report: only a whole run at full scale is what the project shows of itself."""
    folder = HERE if is_whole else HERE / ".work"
    folder.mkdir(exist_ok=True)
    print(report.write(runs, about, folder))
    print(f"the report is in {folder.relative_to(envs.ROOT)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
