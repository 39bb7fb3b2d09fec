"""Sync every stream of all five providers from a local sandbox to JSON lines, through Meltano, and say what came."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "output" / "demo"
MELTANO = ROOT / ".venv-meltano" / "bin" / "meltano"
INVOICES = 200
ACCOUNTS = ("acme", "beta")
SEVERAL = "ibana"
"""The provider at which there are all of these accounts; at the others there is the first."""
STOP_SECONDS = 10
LOG = OUTPUT / "meltano.log"
SAMPLE = "exsited_invoices"
_WHERE = f"The PDFs are in {OUTPUT.relative_to(ROOT)}/documents, Meltano's log is {LOG.relative_to(ROOT)}."
FIRST = f"""
{_WHERE}
That was the first sync; the next takes only what is due."""
AGAIN = f"""
{_WHERE}
Only what was due came. Remove {OUTPUT.relative_to(ROOT)} to start over."""


def main() -> int:
    """Run the demo; returns Meltano's exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    OUTPUT.mkdir(parents=True, exist_ok=True)
    first = not any(OUTPUT.glob("*.jsonl"))
    before = lines()
    print("Meltano syncs all streams from a local sandbox; that takes half a minute.", flush=True)
    with sandbox() as config:
        exit_code = meltano_run({**config, "documents": documents()}, full_refresh=first)
    if exit_code:
        print(LOG.read_text(encoding="utf-8"))
        return exit_code
    print(table(before, lines()))
    print(by_account((OUTPUT / f"{SEVERAL}_invoices.jsonl").read_text(encoding="utf-8").splitlines()))
    print(sample(last_record(OUTPUT / f"{SAMPLE}.jsonl")))
    print(FIRST if first else AGAIN)
    return 0


@contextmanager
def sandbox() -> Iterator[dict[str, Any]]:
    """A sandbox on a free port, for as long as the block lasts; gives the tap's config for it."""
    command = [sys.executable, "-m", "tap_invoices.sandbox", "--port", "0", "--invoices", str(INVOICES)]
    command += ["--accounts", ",".join(ACCOUNTS)]
    with running(command, stdout=subprocess.PIPE) as server:
        first_line = server.stdout.readline() if server.stdout else b""
        if not first_line:
            sys.exit("The sandbox did not start.")
        yield chosen(json.loads(first_line))


def chosen(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with all accounts at one provider, and the first at each of the others."""
    return {
        name: given if name == SEVERAL else {**given, "accounts": given["accounts"][:1]}
        for name, given in config.items()
    }


def meltano_run(config: Mapping[str, Any], *, full_refresh: bool) -> int:
    """Run tap and target with Meltano; returns its exit code."""
    command = [str(MELTANO), "--environment=demo", "run", "--no-install"]
    command += ["--full-refresh"] if full_refresh else []
    # A demo sends nobody's real password anywhere, and asks no proxy for this machine.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TAP_INVOICES_", "TARGET_JSONL_"))}
    env |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    env |= variables("TAP_INVOICES", config)
    try:
        command += ["tap-invoices", "target-jsonl"]
        with LOG.open("wb") as log, running(command, stdout=log, stderr=subprocess.STDOUT, env=env) as process:
            return process.wait()
    finally:  # the catalog of this run selects documents, and would be taken for that of any other
        shutil.rmtree(ROOT / ".meltano" / "run" / "tap-invoices", ignore_errors=True)


@contextmanager
def running(
    command: list[str],
    *,
    stdout: int | IO[bytes] | None = None,
    stderr: int | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has ended, whatever happens, when the block does."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=stdout, stderr=stderr, env=env)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def documents() -> dict[str, str]:
    """Where the PDFs go."""
    return {"mode": "files", "url": f"file://{OUTPUT / 'documents'}"}


def variables(prefix: str, config: Mapping[str, Any]) -> dict[str, str]:
    """The environment variables of nested settings, as Meltano names them."""
    flat: dict[str, str] = {}
    for name, value in config.items():
        variable = f"{prefix}_{name}".upper()
        if isinstance(value, dict):
            flat |= variables(variable, value)
        else:
            flat[variable] = value if isinstance(value, str) else json.dumps(value)
    return flat


def lines() -> dict[str, int]:
    """How many records the file of each stream holds."""
    return {path.stem: count(path) for path in sorted(OUTPUT.glob("*.jsonl"))}


def count(path: Path) -> int:
    """How many lines a file has."""
    with path.open("rb") as file:
        return sum(1 for _ in file)


def table(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """Each stream with the records of this sync and its file."""
    width = max(map(len, after))
    rows = [f"\n{'stream':{width}}  records  file"]
    for stream, total in after.items():
        file = (OUTPUT / f"{stream}.jsonl").relative_to(ROOT)
        rows.append(f"{stream:{width}}  {total - before.get(stream, 0):7}  {file}")
    return "\n".join(rows)


def by_account(records: Iterable[str]) -> str:
    """How many records of a file each account has."""
    found = Counter(json.loads(record)["source_account"] for record in records)
    return f"\n{SEVERAL}_invoices by source_account: {json.dumps(dict(sorted(found.items())))}"


def sample(record: Mapping[str, Any]) -> str:
    """An invoice, by a few of its fields; amounts are texts here, so that each digit shows."""
    shown = {name: record[name] for name in ("id", "status", "issue_date", "due_date", "total", "due")}
    return f"\nthe last of {SAMPLE}, in part: {json.dumps(shown)}"


def last_record(path: Path) -> dict[str, Any]:
    """The last record in a file."""
    *_, last = path.read_text(encoding="utf-8").splitlines()
    record: dict[str, Any] = json.loads(last, parse_float=str)
    return record


if __name__ == "__main__":
    sys.exit(main())
