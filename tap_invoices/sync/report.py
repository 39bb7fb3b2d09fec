"""What came of each account: to the log, to the ledger, and to the summary at the end."""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_invoices.counts import Counts, Doubling, Outcome
from tap_invoices.errors import FailureType
from tap_invoices.http.account import are_several
from tap_invoices.streams.ledger import Ledger, LedgerError

if TYPE_CHECKING:
    from tap_invoices.http.account import Account

_TOLD = 20
"""So many accounts that are not whole are told by name."""


class Report:
    """Takes each stream's counts at its end, and tells at the end of the run which accounts are not whole.

    With several accounts at a provider, each account's own lines are at DEBUG: the ledger is the full record.

    Args:
        accounts: All accounts of the run.
        logger: The tap's.
        ledger: Where counts are kept.
        streams_of: Tells which streams of an account are selected.
    """

    def __init__(
        self,
        accounts: Sequence[Account],
        logger: logging.Logger,
        ledger: Ledger,
        streams_of: Callable[[Account], Iterable[str]],
    ) -> None:
        self.is_crowd = are_several(accounts)
        self.failures: defaultdict[str, dict[str, str]] = defaultdict(dict)
        """Account → stream → why it is not whole."""
        self._accounts = accounts
        self._streams_of = streams_of
        self._logger = logger
        self._ledger = ledger
        self._lock = threading.Lock()
        self._shown: dict[str, tuple[Counts, int | None]] = {}
        self._titles: dict[str, list[str]] = {}
        """Account → what of it is shown."""
        self._notes: dict[tuple[str, str], tuple[int, int]] = {}
        """Stream and what so many of its rows have in common → rows and accounts, where there are several."""
        self._ended = 0
        self._told = 0
        self._is_progress_due = Doubling()

    @cached_property
    def _of(self) -> Counter[str]:
        """Stream → accounts that have it."""
        return Counter(stream for account in self._accounts for stream in self._streams_of(account))

    def announce(self) -> None:
        """Show streams that have not begun, where there is one account at each provider."""
        if not self.is_crowd:
            titles = (account.title_of(stream) for account in self._accounts for stream in self._streams_of(account))
            self._shown = {title: (Counts(title), None) for title in titles}

    def watch(self, account: Account, streams: Mapping[str, tuple[Counts, int | None]]) -> None:
        """Show the counts of an account's streams from now on, each with how many rows its pages have."""
        with self._lock:
            shown = {self._title(account, name): each for name, each in streams.items()}
            self._titles[str(account)] = list(shown)
            self._shown.update(shown)

    def board(self) -> dict[str, tuple[Counts, int | None]]:
        """Return what there is to show."""
        with self._lock:
            return dict(self._shown)

    def counts(self, stream: str) -> Counts:
        """Return the counts of a stream, where there is one account at each provider."""
        return self._shown[stream][0]

    def _title(self, account: Account, stream: str) -> str:
        title = account.title_of(stream)
        return f"{account.name} {title}" if self.is_crowd else title

    def logger_of(self, account: Account) -> Any:
        """Return where an account tells what happens."""
        return AccountLogger(self._logger, account) if self.is_crowd else self._logger

    def close(
        self,
        account: Account,
        counts: Counts,
        outcome: Outcome,
        failure: str | None = None,
        failure_type: FailureType = FailureType.SYSTEM,
    ) -> None:
        """Write a stream's counts down, and remember its failure for the end."""
        counts.end(outcome)
        logger, level = self.logger_of(account), logging.DEBUG if self.is_crowd else logging.INFO
        if failure:
            logger.error("%s: %s", counts.stream, failure, extra=_beside(account, counts, failure, failure_type))
        if outcome is Outcome.SHORT:
            self._note_at_end(account.title_of(counts.stream), 1, "lists that stayed shorter than their provider says")
        with self._lock:
            if failure:
                self.failures[str(account)][account.title_of(counts.stream)] = failure
            try:
                told = {"failure": failure, "failure_type": failure_type, "of": self._of[counts.stream]}
                self._ledger.close(counts, account, level, **told)
            except LedgerError as error:
                extra = _beside(account, counts, str(error), FailureType.CONFIG)
                self._logger.error("%s", error, extra=extra)  # noqa: TRY400  (a traceback tells a user nothing)
                self.failures[str(account)].setdefault(account.title_of(counts.stream), str(error))

    def note(self, account: Account, stream: str, count: int, what: str) -> None:
        """Warn of what so many rows have in common: at once, or at the end of the run for all accounts together."""
        self.logger_of(account).warning("%s: %d %s", stream, count, what)
        self._note_at_end(stream, count, what)

    def _note_at_end(self, stream: str, count: int, what: str) -> None:
        if self.is_crowd:
            with self._lock:
                rows, accounts = self._notes.get((stream, what), (0, 0))
                self._notes[stream, what] = (rows + count, accounts + 1)

    def fail(self, account: Account, streams: Iterable[str], reason: str, failure_type: FailureType) -> None:
        """Take note of an account that could not even begin."""
        for stream in streams:
            self.close(account, Counts(stream), Outcome.FAILED, reason, failure_type)

    def log_end(self, account: Account) -> None:
        """Tell of an account that has ended, where there are several: if it is not whole, and now and then how many."""
        if not self.is_crowd:
            return
        self._ended += 1
        with self._lock:
            for title in self._titles.pop(str(account), ()):
                self._shown.pop(title)
        failures = self.failures.get(str(account))
        if failures and self._told < _TOLD:
            self._told += 1
            stream, reason = next(iter(failures.items()))
            more = f", and {len(failures) - 1} more of its streams" if len(failures) > 1 else ""
            self._logger.error("%s is not whole: %s: %s%s", account, stream, reason, more)
        if self._is_progress_due():
            self._logger.info("%d of %d accounts have ended", self._ended, len(self._accounts))

    def summarise(self) -> bool:
        """Tell what is not whole, and whether all is."""
        self._log_notes()
        accounts, whole = len(self._accounts), len(self._accounts) - len(self.failures)
        if self.failures and self.is_crowd:
            reasons = "; ".join(self._reasons())
            msg = "%d of %d accounts are whole; the bookmarks of what is not whole stay: %s"
            self._logger.error(msg, whole, accounts, reasons)
        elif self.is_crowd:
            self._logger.info("%d of %d accounts are whole", whole, accounts)
        elif self.failures:
            found = {stream: reason for each in self.failures.values() for stream, reason in each.items()}
            self._logger.error(
                "%d of %d streams are not whole, and their bookmarks stay: %s",
                len(found),
                self._of.total(),
                "; ".join(f"{name} ({reason})" for name, reason in found.items()),
            )
        return not self.failures

    def _log_notes(self) -> None:
        for (stream, what), (rows, accounts) in list(self._notes.items())[:_TOLD]:
            self._logger.warning("%s: %d %s (%d accounts)", stream, rows, what, accounts)
        if len(self._notes) > _TOLD:
            self._logger.warning(
                "%d more of that kind; TAP_INVOICES_LOGLEVEL=debug tells them", len(self._notes) - _TOLD
            )

    def _reasons(self) -> Iterable[str]:
        """Yield each reason with the accounts that have it, so many in all."""
        by_reason: defaultdict[str, list[str]] = defaultdict(list)
        for account, failures in list(self.failures.items())[:_TOLD]:
            name = account.partition("/")[2]
            by_reason[next(iter(failures.values())).replace(f" ({name})", "")].append(account)
        for reason, names in by_reason.items():
            yield f"{', '.join(names)}: {reason}"
        if len(self.failures) > _TOLD:
            yield f"and {len(self.failures) - _TOLD} more"


def _beside(account: Account, counts: Counts, reason: str, failure_type: FailureType) -> dict[str, str]:
    """Return what programs read of a line that tells a failure."""
    return {
        "stream_name": counts.stream,
        "failure_type": failure_type,
        "account": str(account),
        "reason": reason,
    }


class AccountLogger(logging.LoggerAdapter[logging.Logger]):
    """Tells at DEBUG what happens in an account, and whose it is.

    Args:
        logger: The tap's.
        account: Which one.
    """

    def __init__(self, logger: logging.Logger, account: Account) -> None:
        super().__init__(logger, {})
        self._account = account

    def getChild(self, _suffix: str) -> AccountLogger:  # noqa: N802  (as loggers have it)
        """Return itself: loggers are never let go, and a thousand accounts would have many."""
        return self

    @override
    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        super().log(logging.DEBUG, msg, *args, **kwargs)

    @override
    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return f"account={self._account} {msg}", kwargs
