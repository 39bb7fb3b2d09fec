"""The command: ``tap-invoices-accounts list | run | state``."""

from __future__ import annotations

import argparse
import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tap_invoices.fleet import accounts, engines, states
from tap_invoices.fleet.batch import Job
from tap_invoices.fleet.runner import Run
from tap_invoices.streams.writer import READER_LEFT, discard_stdout

USAGE = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; whatever is wrong with what it was given is told in one line, and exit code 2."""
    options = _parser().parse_args(arguments)
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        sys.exit(options.run(options))
    except (accounts.SettingsError, engines.EngineError, states.StateError) as error:
        _tell(str(error))
        sys.exit(USAGE)
    except KeyboardInterrupt as error:
        number = signal.Signals(error.args[0])
        _tell(f"stopped by {number.name}: what the target has taken is kept; run again")
        sys.exit(128 + number)
    except BrokenPipeError:
        discard_stdout()
        sys.exit(READER_LEFT)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _interrupt(number: int, _frame: object) -> None:
    """End what runs, and tell which signal it was."""
    raise KeyboardInterrupt(number)


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
        command.add_argument("--shard", metavar="I/N", help="part of the accounts: 3/10 is the fourth")
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


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        msg = "must be a number from 1 on"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _list(options: argparse.Namespace) -> int:
    _write("".join(f"{account}\n" for account in accounts.read(accounts.load(options.config), options.shard)))
    return 0


def _state(options: argparse.Namespace) -> int:
    files = states.States(options.state_url)
    found, faults = files.read(files.accounts())
    for account, fault in faults.items():
        msg = f"{account}: {fault}"
        raise states.StateError(msg)
    _write(states.dumped(states.joined(found.values())).decode() + "\n")
    return 0


def _run(options: argparse.Namespace) -> int:
    if options.tls and not options.dask:
        msg = "--tls goes with --dask"
        raise engines.EngineError(msg)
    config, state_url = (_absolute(url) for url in (options.config, options.state_url))
    target = _command(options.target, is_here=not options.dask)
    names = [str(account) for account in accounts.read(accounts.load(config), options.shard)]
    if not names:
        _tell("no account is read: all are disabled, or none is in this shard")
        return 0
    files = states.States(state_url)
    files.check(names)
    engine = engines.dask(options.dask, options.tls) if options.dask else engines.threads(options.jobs)
    with engine as executor:
        run = Run(Job(config, state_url, target), executor, _tell)
        return run.all(names, options.batch, first_alone=not files.accounts())


def _command(text: str, *, is_here: bool) -> tuple[str, ...]:
    """Return the target's command.

    Raises:
        EngineError: If there is none, here or at all.
    """
    try:
        command = tuple(shlex.split(text, posix=sys.platform != "win32"))
    except ValueError as error:
        msg = f"--target cannot be read ({error})"
        raise engines.EngineError(msg) from error
    if not command:
        msg = "--target is empty"
        raise engines.EngineError(msg)
    if is_here and not shutil.which(command[0]):
        msg = f"no command {command[0]!r} is there: check --target"
        raise engines.EngineError(msg)
    return command


def _absolute(url: str) -> str:
    """Return a path as every worker on this machine can use it; a URL as it is, and nothing as nothing."""
    return url if not url or "://" in url or "::" in url else str(Path(url).absolute())


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
