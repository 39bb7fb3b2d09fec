"""Who is measured. Their own programs are beside this file; each runs in the environment of its lock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import fleet, tap
from benchmarks.workloads import BATCHES, EARLIER, PROVIDERS, Workload

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Args:
        title: Its name in tables.
        environment: Name of its lock.
        command: Makes the command line from its Python, the workload, the server's URL and a folder of its own.
    """

    title: str
    environment: str
    command: Callable[[Path, Workload, str, Path], list[str]]


def _script(name: str, workers: int) -> Callable[[Path, Workload, str, Path], list[str]]:
    def command(python: Path, work: Workload, root: str, folder: Path) -> list[str]:
        span = [work.since.isoformat(), work.until.isoformat()]
        return [str(python), str(HERE / name), work.url(root), work.kind, str(workers), str(folder), *span]

    return command


def _plain(python: Path, work: Workload, root: str, folder: Path) -> list[str]:
    return [str(python), str(HERE / "plain.py"), work.url(root), work.kind, str(work.count), str(folder)]


def _bare(threads: int, library: str) -> Callable[[Path, Workload, str, Path], list[str]]:
    def command(python: Path, work: Workload, root: str, _folder: Path) -> list[str]:
        return [str(python), str(HERE / "bare.py"), work.url(root), work.kind, str(threads), library]

    return command


def _by_kind(*, is_raw: bool = False) -> Callable[[Path, Workload, str, Path], list[str]]:
    """Do accounts in batches with the command that is there for them, one batch at a time."""

    def command(python: Path, work: Workload, root: str, folder: Path) -> list[str]:
        make = fleet.command(1, is_raw=is_raw) if work.kind in BATCHES else tap.command(PROVIDERS, 16, is_raw=is_raw)
        return make(python, work, root, folder)

    return command


CONTENDERS = {
    "tap": Contender("tap-invoices", "tap", _by_kind()),
    EARLIER: Contender("tap-invoices, earlier", "earlier", tap.command(PROVIDERS, 16)),
    "tap-64": Contender("tap-invoices, 64 connections", "tap", tap.command(PROVIDERS, 64)),
    **{
        f"tap-at-{number}": Contender(f"tap-invoices, {number} accounts at once", "tap", tap.command([], 16, number))
        for number in (1, 16)
    },
    **{
        f"tap-jobs-{number}": Contender(f"tap-invoices, {number} batches at once", "tap", fleet.command(number))
        for number in (2, 4)
    },
    "tap-each": Contender("tap-invoices, a process for each account", "tap", tap.one_by_one),
    "tap-raw": Contender("tap-invoices, providers' streams alone", "tap", _by_kind(is_raw=True)),
    "tap-unread": Contender("tap-invoices, XML not read", "tap", tap.command(PROVIDERS, 16, reads_xml=False)),
    **{f"tap-{name}": Contender(f"tap-invoices, {name} alone", "tap", tap.command([name], 16)) for name in PROVIDERS},
    "plain": Contender("plain SDK tap", "sdk", _plain),
    "dlt": Contender("dlt rest_api, default", "dlt", _script("dlt_rest.py", 0)),
    "dlt-16": Contender("dlt rest_api, tuned, 16 workers", "dlt", _script("dlt_rest.py", 16)),
    "dlt-64": Contender("dlt rest_api, tuned, 64 workers", "dlt", _script("dlt_rest.py", 64)),
    "airbyte-16": Contender("airbyte-cdk declarative, 16", "airbyte", _script("airbyte.py", 16)),
    "airbyte-64": Contender("airbyte-cdk declarative, 64", "airbyte", _script("airbyte.py", 64)),
    "requests": Contender("bare loop, requests and json", "bare", _bare(1, "requests")),
    "bare-1": Contender("bare loop, one socket, orjson", "bare", _bare(1, "orjson")),
    "bare-16": Contender("bare loop, 16 threads, orjson", "bare", _bare(16, "orjson")),
    "bare-64": Contender("bare loop, 64 threads, orjson", "bare", _bare(64, "orjson")),
}
