"""What a worker does: a batch of accounts through ``tap | target``, from their state files and to them."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tap_invoices.counts import Outcome
from tap_invoices.fleet import accounts, log, pipe, states
from tap_invoices.fleet.states import State, States

TAP = (sys.executable, "-m", "tap_invoices")
_WHOLE = {Outcome.COMPLETE, Outcome.SHORT}


@dataclass(frozen=True)
class Job:
    """What all batches of a run have in common; no secret is among it.

    Args:
        config: Path or URL of the settings.
        state_url: Where the state files are.
        target: The target's command.
        streams: The streams that each account's ledger must have a line of, if they are its provider's.
    """

    config: str
    state_url: str
    target: tuple[str, ...]
    streams: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """What came of an account.

    Args:
        rows: How many went to the target.
        reason: Why it is not whole; None if it is.
    """

    rows: int
    reason: str | None = None


class LostBatchError(Exception):
    """Nobody knows what came of some accounts of a batch, which is to be run again."""


def run_batch(job: Job, names: Sequence[str]) -> dict[str, Result]:
    """Sync accounts, and return what came of each.

    Raises:
        LostBatchError: If that is not known.
    """
    try:
        return _run(job, names)
    except (accounts.SettingsError, states.StateError, pipe.TargetError) as error:
        raise LostBatchError(str(error)) from None  # a worker that reads the error need not know more


def _run(job: Job, names: Sequence[str]) -> dict[str, Result]:
    data, files = accounts.load(job.config), States(job.state_url)
    known = files.read(names)
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryFile() as told:
        folder = Path(name)
        given = {
            "config": {"only_accounts": list(names)},
            "state": states.joined(known.values()),
            "log": log.CONFIG,
        }
        paths = {option: _write(folder, option, json.dumps(value).encode()) for option, value in given.items()}
        settings = job.config if Path(job.config).is_file() else _write(folder, "settings", data)
        code = pipe.run(
            [*TAP, "--config", settings, "--config", paths["config"], "--state", paths["state"]],
            job.target,
            variables={"SINGER_SDK_LOG_CONFIG": paths["log"]},
            log=told,
            take=partial(_keep, files, known),
            secrets=partial(accounts.secrets, data, names),
        )
        told.seek(0)
        return _results(job, names, log.read(told), code)


def _write(folder: Path, name: str, data: bytes) -> str:
    path = folder / f"{name}.json"
    path.write_bytes(data)
    return os.fspath(path)


def _keep(files: States, known: dict[str, State], line: bytes) -> None:
    """Write the files of those accounts of which the target has taken more."""
    try:
        state = json.loads(line)
    except ValueError:
        return
    if not isinstance(state, dict) or "bookmarks" not in state:
        return
    new = {account: own for account, own in states.split(state, accounts.NAMES).items() if known.get(account) != own}
    files.write(new)
    known |= new


def _results(job: Job, names: Sequence[str], told: log.Log, code: int) -> dict[str, Result]:
    """Return what came of each account.

    Raises:
        LostBatchError: If the tap was killed, or refused to begin, or has not told of all streams.
    """
    results = {account: _result(told.ledger[account], told.reasons[account]) for account in names}
    lost = [account for account in names if not _has_ended(job.streams, account, told.ledger[account])]
    if code not in (0, 1) or lost or (code and not any(result.reason for result in results.values())):
        why = told.errors[-1] if told.errors else f"no word of {', '.join(lost[:3])}" if lost else "it said no more"
        msg = f"the tap ended with exit code {code}: {why}"
        raise LostBatchError(msg)
    return results


def _has_ended(streams: Sequence[str], account: str, ledger: Sequence[Mapping[str, Any]]) -> bool:
    provider = account.partition("/")[0]
    own = {stream for stream in streams if states.provider_of(stream, accounts.NAMES) == provider}
    return own <= {counts["stream"] for counts in ledger}


def _result(ledger: Sequence[Mapping[str, Any]], reasons: Sequence[str]) -> Result:
    rows = sum(counts["emitted"] for counts in ledger)
    unsound = [f"{counts['stream']}: {counts['outcome']}" for counts in ledger if counts["outcome"] not in _WHOLE]
    return Result(rows, next(iter([*reasons, *unsound]), None))
