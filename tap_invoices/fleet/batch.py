"""What a worker does: a batch of accounts through ``tap | target``, from their state files and to them."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

from singer_sdk.exceptions import ConfigValidationError

from tap_invoices.counts import Outcome
from tap_invoices.fleet import accounts, log, pipe, states
from tap_invoices.fleet.states import State, States
from tap_invoices.streams.writer import READER_LEFT

TAP = (sys.executable, "-m", "tap_invoices")
_HAS_MEMORY_FILES = hasattr(os, "memfd_create")
_WHOLE = {Outcome.COMPLETE, Outcome.SHORT}
_NO_STATE = "the target has told no state, so that the next run reads all again"


@dataclass(frozen=True)
class Job:
    """What all batches of a run have in common; no secret is among it.

    Args:
        config: Path or URL of the settings.
        state_url: Where the state files are.
        target: The target's command.
    """

    config: str
    state_url: str
    target: tuple[str, ...]


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
    known, faults = files.read(names)
    results = {account: Result(0, fault) for account, fault in faults.items()}
    if usable := [account for account in names if account not in faults]:
        kept = _Kept(files, known, usable)
        results |= kept.judged(_synced(job, usable, data, kept.take, states.joined(known.values())))
    return results


def _synced(
    job: Job, names: Sequence[str], data: bytes, take: Callable[[bytes], None], state: State
) -> dict[str, Result]:
    """Run the tap for some accounts, which overrules what the settings say of parts, and return what came of each."""
    given = {
        "config": json.dumps({"only_accounts": list(names), "shard": None}).encode(),
        "state": states.dumped(state),
        "log": json.dumps(log.CONFIG).encode(),
    }
    with tempfile.TemporaryDirectory() as name, _settings_file() as settings, tempfile.TemporaryFile() as told:
        paths = {option: Path(name, f"{option}.json") for option in given}
        for option, path in paths.items():
            path.write_bytes(given[option])
        settings.write(data)
        settings.seek(0)
        config = job.config if Path(job.config).is_file() else "/dev/stdin"
        code = pipe.run(
            [*TAP, "--config", config, "--config", str(paths["config"]), "--state", str(paths["state"])],
            job.target,
            variables={"SINGER_SDK_LOG_CONFIG": str(paths["log"])},
            settings=settings,
            log=told,
            take=take,
            secrets=partial(accounts.secrets, data, names),
        )
        told.seek(0)
        return _results(accounts.streams(data), names, log.read(told), code)


def _settings_file() -> IO[bytes]:
    """Return a file for what holds secrets: in memory, where the system has such files."""
    return os.fdopen(os.memfd_create("settings"), "w+b") if _HAS_MEMORY_FILES else tempfile.TemporaryFile()


class _Kept:
    """What the target has taken of some accounts.

    Args:
        files: Where their states are kept.
        known: What these hold.
        names: Which accounts; a state of others is not kept.
    """

    def __init__(self, files: States, known: Mapping[str, State], names: Sequence[str]) -> None:
        self._files = files
        self._known = {account: known.get(account) for account in names}
        self._is_told = False

    def take(self, line: bytes) -> None:
        """Write the files of those accounts of which a line tells more; one that is no state tells nothing."""
        try:
            state = states.parsed(line, "a line of the target")
        except ConfigValidationError:
            return
        self._is_told = self._is_told or "bookmarks" in state
        own = {account: each for account, each in states.split(state).items() if account in self._known}
        new = {account: each for account, each in own.items() if self._known[account] != each}
        self._files.write(new)
        self._known |= new

    def judged(self, results: Mapping[str, Result]) -> dict[str, Result]:
        """Return what came of each account: it is not whole if the target has told no state at all."""
        reason = None if self._is_told else _NO_STATE
        return {account: replace(result, reason=result.reason or reason) for account, result in results.items()}


def _results(streams: Mapping[str, set[str]], names: Sequence[str], told: log.Log, code: int) -> dict[str, Result]:
    """Return what came of each account.

    Raises:
        LostBatchError: If the tap was killed, or refused to begin, or has not told of all streams.
    """
    results = {account: _result(told.ledger[account], told.reasons[account]) for account in names}
    lost = [account for account in names if not _has_ended(streams, account, told.ledger[account])]
    if code not in (0, 1) or lost or (code and not any(result.reason for result in results.values())):
        silent = f"no word of {', '.join(lost[:3])}" if lost else "it said no more"
        why = "the target had left before it had read all" if code == READER_LEFT else next(iter(told.errors), silent)
        msg = f"the tap ended with exit code {code}: {why}"
        raise LostBatchError(msg)
    return results


def _has_ended(streams: Mapping[str, set[str]], account: str, ledger: Sequence[Mapping[str, Any]]) -> bool:
    return streams[account.partition("/")[0]] <= {counts["stream"] for counts in ledger}


def _result(ledger: Sequence[Mapping[str, Any]], reasons: Sequence[str]) -> Result:
    rows = sum(counts["emitted"] for counts in ledger)
    unsound = [f"{counts['stream']}: {counts['outcome']}" for counts in ledger if counts["outcome"] not in _WHOLE]
    return Result(rows, next(iter([*reasons, *unsound]), None))
