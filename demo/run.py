"""Sync every stream of all five providers from a local sandbox to JSON lines, through Meltano, and say what came."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "output" / "demo"
MELTANO = ROOT / ".venv-meltano" / "bin" / "meltano"
INVOICES = 200
STOP_SECONDS = 10
FIRST = f"""
The PDFs are in {OUTPUT.relative_to(ROOT)}/documents. That was the first sync; the next takes only what is due."""
AGAIN = f"""
Only what was due came. Remove {OUTPUT.relative_to(ROOT)} to start over."""


def main() -> int:
    """Run the demo; returns Meltano's exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    OUTPUT.mkdir(parents=True, exist_ok=True)
    first = not any(OUTPUT.glob("*.jsonl"))
    before = lines()
    with sandbox() as config:
        exit_code = meltano_run({**config, "documents": documents()}, full_refresh=first)
    print(table(before, lines()))
    if exit_code == 0:
        print(FIRST if first else AGAIN)
    return exit_code


@contextmanager
def sandbox() -> Iterator[dict[str, Any]]:
    """A sandbox on a free port, for as long as the block lasts; gives the tap's config for it."""
    command = [sys.executable, "-m", "tap_invoices.sandbox", "--port", "0", "--invoices", str(INVOICES)]
    with running(command, stdout=subprocess.PIPE) as server:
        first_line = server.stdout.readline() if server.stdout else b""
        if not first_line:
            sys.exit("The sandbox did not start.")
        yield json.loads(first_line)


def meltano_run(config: Mapping[str, Any], *, full_refresh: bool) -> int:
    """Run tap and target with Meltano; returns its exit code."""
    command = [str(MELTANO), "--environment=demo", "run", "--no-install"]
    command += ["--full-refresh"] if full_refresh else []
    # A demo sends nobody's real password anywhere, and asks no proxy for this machine.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TAP_INVOICES_", "TARGET_JSONL_"))}
    env |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    env |= variables("TAP_INVOICES", config)
    try:
        with running([*command, "tap-invoices", "target-jsonl"], env=env) as process:
            return process.wait()
    finally:  # the catalog of this run selects documents, and would be taken for that of any other
        shutil.rmtree(ROOT / ".meltano" / "run" / "tap-invoices", ignore_errors=True)


@contextmanager
def running(
    command: list[str],
    *,
    stdout: int | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has ended, whatever happens, when the block does."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=stdout, env=env)
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
    streams = sorted(path.stem for path in (ROOT / "schemas").glob("*.json"))
    return {stream: count(OUTPUT / f"{stream}.jsonl") for stream in streams}


def count(path: Path) -> int:
    """How many lines a file has; none if it isn't there."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(1 for _ in file)


def table(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """Each stream with the records of this sync and its file."""
    width = max(map(len, after))
    rows = [f"\n{'stream':{width}}  records  file"]
    for stream, total in after.items():
        file = (OUTPUT / f"{stream}.jsonl").relative_to(ROOT)
        rows.append(f"{stream:{width}}  {total - before[stream]:7}  {file if total else '-'}")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
