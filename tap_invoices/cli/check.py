"""``--test``: one request for each selected stream, and a line for each that says what is wrong and what helps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from tap_invoices.cli.probe import UnusableError
from tap_invoices.concurrency.pool import Pool
from tap_invoices.errors import FatalAPIError, GoneError, SyncError
from tap_invoices.http.account import are_several
from tap_invoices.http.causes import TRANSPORT_ERRORS
from tap_invoices.streams.children import ChildStream
from tap_invoices.streams.documents import DocumentStream
from tap_invoices.streams.lists import ListStream, PagedStream
from tap_invoices.streams.pending import Pending
from tap_invoices.streams.unified import Unified, UnifiedInvoices

if TYPE_CHECKING:
    import logging

    from tap_invoices.cli.probe import Probe
    from tap_invoices.http.account import Account
    from tap_invoices.http.client import Client
    from tap_invoices.streams.base import InvoiceStream
    from tap_invoices.streams.services import Row

_MOST_SKEW = timedelta(minutes=5)
_MINUTE = timedelta(minutes=1)


class Verdict(NamedTuple):
    """One line of the outcome."""

    passed: bool
    line: str
    is_question: bool = False
    """Whether it asks the user for a setting."""


class Opened(Protocol):
    """An account, ready to be asked."""

    client: Client

    @property
    def streams(self) -> Mapping[str, InvoiceStream]:
        """Its streams."""


Open = Callable[["Account"], "Opened"]


def passes(accounts: Sequence[Account], at_once: int, open_account: Open, logger: logging.Logger) -> bool:
    """Try all selected streams of all accounts, log what came, and tell whether all is well.

    Where documents are kept is opened and tried, and none is left there. Of several accounts at a provider, only what
    is wrong has lines, and at most one for each; and one of them asks what none can tell.

    Args:
        accounts: Which ones.
        at_once: How many at the same time.
        open_account: Opens one, with a client that is a probe.
        logger: Where the lines go.
    """
    is_crowd = are_several(accounts)
    pool, failed, asking = Pool("check", min(at_once, len(accounts))), 0, set[str]()
    for account, verdicts in pool.in_order(partial(_verdicts, open_account), accounts):
        found = verdicts.result()
        wrong = [verdict for verdict in found if not verdict.passed]
        failed += bool(wrong)
        if is_crowd and wrong:
            logger.error("%s: %s", account, wrong[0].line.removeprefix(f"{account.provider}: "))
        question = next((verdict for verdict in found if verdict.is_question), None)
        if is_crowd and question and account.provider not in asking:
            asking.add(account.provider)
            logger.info("%s: %s", account, question.line)
        for verdict in () if is_crowd else found:
            (logger.info if verdict.passed else logger.error)("%s", verdict.line)
    pool.close()
    if is_crowd:
        logger.info("%d of %d accounts: ok", len(accounts) - failed, len(accounts))
    return not failed


def _verdicts(open_account: Open, account: Account) -> list[Verdict]:
    try:
        opened = open_account(account)
    except FatalAPIError as error:
        return [Verdict(passed=False, line=f"{account.provider}: {error}")]
    try:
        return AccountCheck(cast("Probe", opened.client), list(opened.streams.values())).verdicts()
    finally:
        opened.client.close()


class AccountCheck:
    """Tries one account.

    Args:
        probe: Its client.
        streams: All of its streams.
    """

    def __init__(self, probe: Probe, streams: Sequence[InvoiceStream]) -> None:
        self._probe = probe
        self._selected = [stream for stream in streams if stream.selected]
        self._lists: dict[type[InvoiceStream], _TriedList] = {
            type(s): _TriedList(s, probe) for s in streams if isinstance(s, ListStream) and not isinstance(s, Unified)
        }

    def verdicts(self) -> list[Verdict]:
        """Return a line for each selected stream, or one for all of them where none can be had."""
        return list(self._verdicts())

    def _verdicts(self) -> Iterator[Verdict]:
        name = self._probe.portal.name
        if not self._selected:
            yield Verdict(passed=True, line=f"{name}: none of its streams is selected")
        try:
            for stream in self._selected:
                if self._needs_a_line(stream):
                    yield self._verdict(stream)
        except UnusableError as error:
            yield Verdict(passed=False, line=f"{name}: {error}")
        if skew := self._skew():
            yield Verdict(passed=False, line=f"{name}: {skew}")

    def _verdict(self, stream: InvoiceStream) -> Verdict:
        title = f"{stream.name} ({stream.provider})" if isinstance(stream, Unified) else stream.name
        try:
            found, question = self._try(stream), self._question(stream)
            return Verdict(passed=True, line=f"{title}: ok, {found}{question}", is_question=bool(question))
        except UnusableError:
            raise
        except (SyncError, *TRANSPORT_ERRORS) as error:
            reason = self._probe.explain(error, stream.url_base)
        except Exception as error:
            stream.logger.debug("Unexpected error in %s", stream.name, exc_info=error)
            reason = f"unexpected {type(error).__name__}; TAP_INVOICES_LOGLEVEL=debug tells where"
        return Verdict(passed=False, line=f"{title}: {reason}")

    def _needs_a_line(self, stream: InvoiceStream) -> bool:
        """Tell whether no line of another stream stands for this one: where it alone asks, or lacks a setting."""
        if not isinstance(stream, Unified):
            return True
        of_rows = {each.source if isinstance(each, Unified) else type(each): each.name for each in self._selected[::-1]}
        lacks_units = isinstance(stream, UnifiedInvoices) and stream.lacks_units
        return lacks_units or of_rows[stream.source] == stream.name

    def _try(self, stream: InvoiceStream) -> str:
        """Ask for a little of a stream, and say what came."""
        if isinstance(stream, Unified) and isinstance(stream, ListStream):
            return self._lists[stream.source].count
        if not isinstance(stream, ChildStream):
            return self._lists[type(stream)].count
        if isinstance(stream, DocumentStream):
            stream.store.check()
        listing, field = self._lists[stream.parent], stream.parent_key
        item = next((str(row[field]) for row in listing.rows_for_children() if row.get(field) not in (None, "")), None)
        if item is None:
            return f"as far as can be told: {listing.name} names no {field} to ask for"
        found = ""
        try:
            if isinstance(stream, PagedStream):
                stream.fetch_page(stream.new_paginator().current_value, {field: item})
            elif isinstance(stream, DocumentStream):
                found = stream.try_item(Pending(item, None))
            else:
                stream.fetch_item(Pending(item, None))
        except GoneError:
            return f"though there is nothing for {field} {item}; a sync passes over it"
        return f"asked for {field} {item}{found}"

    def _question(self, stream: InvoiceStream) -> str:
        if not isinstance(stream, UnifiedInvoices) or not stream.lacks_units:
            return ""
        return stream.amounts_both_ways(self._lists[stream.source].rows_for_children())

    def _skew(self) -> str | None:
        ahead = self._probe.ahead
        if abs(ahead) <= _MOST_SKEW:
            return None
        side = "behind" if ahead > timedelta() else "ahead of"
        title = self._probe.portal.title
        return (
            f"the clock of this machine is {round(abs(ahead) / _MINUTE)} minutes {side} that of {title}: set it right"
        )


class _TriedList:
    """A list whose first page is asked for once, by whoever needs it first."""

    def __init__(self, listing: ListStream, probe: Probe) -> None:
        self.name = listing.name
        self._listing = listing
        self._probe = probe

    @property
    def count(self) -> str:
        """How many invoices there are, as far as the first page tells.

        Raises:
            FatalAPIError: If it cannot be had.
        """
        rows, total = self._outcome
        if isinstance(rows, str):
            raise FatalAPIError(rows)
        return f"{len(rows)} invoices or more" if total is None else f"{total} invoices"

    def rows_for_children(self) -> list[Row]:
        """Return the first rows.

        Raises:
            FatalAPIError: If they cannot be had.
        """
        rows, _ = self._outcome
        if isinstance(rows, str):
            msg = f"{self.name} could not be read: {rows}"
            raise FatalAPIError(msg)
        return rows

    @cached_property
    def _outcome(self) -> tuple[list[Row] | str, int | None]:
        """The first rows, or why there are none, and how many rows the list has, if that can be told."""
        is_paged = isinstance(self._listing, PagedStream)
        try:
            pages = list(islice(self._listing.read_list(), 1 if is_paged else None))
        except UnusableError:
            raise
        except (SyncError, *TRANSPORT_ERRORS) as error:
            return self._probe.explain(error, self._listing.url_base), None
        rows = [row for page in pages for row in page.rows]
        if is_paged and rows:
            return rows, pages[0].total
        return rows, len(rows)
