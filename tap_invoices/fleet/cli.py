"""The command: ``tap-invoices-accounts list | run | state``."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tap_invoices.fleet import accounts, engines, states
from tap_invoices.fleet.batch import TAP, Job
from tap_invoices.fleet.runner import Run

USAGE = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; whatever is wrong with what it was given is told in one line, and exit code 2."""
    options = _parser().parse_args(arguments)
    try:
        sys.exit(options.run(options))
    except (accounts.SettingsError, engines.EngineError, states.StateError) as error:
        _tell(str(error))
        sys.exit(USAGE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("tap-invoices-accounts", description="Sync many accounts in batches.")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="say which accounts the settings name; no secret is read")
    run = commands.add_parser("run", help="sync them, in batches of tap | target")
    state = commands.add_parser("state", help="write one Singer state of all accounts to stdout")
    for command, function in {listing: _list, run: _run, state: _state}.items():
        command.set_defaults(run=function)
    for command in (listing, run):
        command.add_argument("--config", required=True, help="file or URL of the settings, which all workers can read")
        command.add_argument("--shard", type=_shard, metavar="I/N", help="part of the accounts: 3/10 is the fourth")
    for command in (run, state):
        command.add_argument("--state-url", required=True, help="where each account's state file is, for fsspec")
    state.add_argument("--join", action="store_true", required=True, help="one state of all files")
    run.add_argument("--target", required=True, help="the target's command; its secrets are in its own file")
    run.add_argument("--batch", type=_count, default=50, help="accounts in a batch (default: %(default)s)")
    engine = run.add_mutually_exclusive_group()
    engine.add_argument("--jobs", type=_count, default=1, help="batches at once on this machine (default: 1)")
    engine.add_argument("--dask", metavar="ADDRESS", help="a Dask scheduler, whose workers run the batches")
    run.add_argument("--tls", metavar="DIR", help="with ca.pem, cert.pem and key.pem, for --dask")
    return parser


def _shard(text: str) -> str:
    part = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if not part or int(part[1]) >= int(part[2]):
        msg = "must be like 3/10: a part from 0 on, and how many there are"
        raise argparse.ArgumentTypeError(msg)
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        msg = "must be a number from 1 on"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _list(options: argparse.Namespace) -> int:
    for account in accounts.read(accounts.load(options.config), options.shard):
        sys.stdout.write(f"{account}\n")
    return 0


def _state(options: argparse.Namespace) -> int:
    files = states.States(options.state_url)
    sys.stdout.write(json.dumps(states.joined(files.read(files.accounts()).values())) + "\n")
    return 0


def _run(options: argparse.Namespace) -> int:
    if options.tls and not options.dask:
        msg = "--tls goes with --dask"
        raise engines.EngineError(msg)
    target = tuple(shlex.split(options.target, posix=sys.platform != "win32"))
    if not target or not (options.dask or shutil.which(target[0])):
        msg = f"no command {options.target!r} is there: check --target" if target else "--target is empty"
        raise engines.EngineError(msg)
    data = accounts.load(options.config)
    names = [str(account) for account in accounts.read(data, options.shard)]
    if not names:
        _tell("no account is read: all are disabled, or none is in this shard")
        return 0
    config, state_url = (_absolute(url) for url in (options.config, options.state_url))
    is_first = not states.States(state_url).accounts()
    job = Job(config, state_url, target, _streams(config, data))
    engine = engines.dask(options.dask, options.tls) if options.dask else engines.threads(options.jobs)
    with engine as executor:
        return Run(job, executor, _tell).all(names, options.batch, first_alone=is_first)


def _streams(config: str, data: bytes) -> tuple[str, ...]:
    """Return the names of the streams that a sync selects.

    Raises:
        SettingsError: If the tap refuses the settings.
    """
    path = config if Path(config).is_file() else "/dev/stdin"
    done = subprocess.run(  # noqa: S603
        [*TAP, "--config", path, "--discover"], input=data, capture_output=True, check=False
    )
    if done.returncode:
        raise accounts.SettingsError(done.stderr.decode(errors="replace").strip())
    found: list[dict[str, Any]] = json.loads(done.stdout)["streams"]
    return tuple(entry["tap_stream_id"] for entry in found if _is_selected(entry))


def _is_selected(entry: dict[str, Any]) -> bool:
    return any(part["metadata"].get("selected") for part in entry["metadata"] if not part["breadcrumb"])


def _absolute(url: str) -> str:
    """Return a path as every worker on this machine can use it; a URL as it is."""
    return url if "://" in url or "::" in url else str(Path(url).absolute())


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
