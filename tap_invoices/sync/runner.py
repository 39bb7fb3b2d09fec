"""Runs accounts side by side, each in a thread of its own: so many at once for each provider."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING

from tap_invoices import signals
from tap_invoices.concurrency.slots import Place, Slots

if TYPE_CHECKING:
    from tap_invoices.http.account import Account

Outcome = tuple["Account", BaseException | None]


def run_accounts(
    accounts: Sequence[Account], at_once: int, sync: Callable[[Account, Place], None]
) -> Iterator[Account]:
    """Sync all accounts, those of a provider in their order, and yield each when it has ended.

    Args:
        accounts: Of all providers, a provider's own together.
        at_once: How many of a provider at the same time.
        sync: Syncs one; what it raises ends the run.
    """
    ended: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def run(account: Account, slots: Slots) -> None:
        failure: BaseException | None = None
        try:
            sync(account, Place(slots))
        except BaseException as error:  # noqa: BLE001  (the main thread gets it)
            failure = error
        finally:
            slots.leave()
            ended.put((account, failure))

    def start_all(group: Sequence[Account]) -> None:
        slots = Slots(at_once)
        for account in group:
            slots.enter()
            thread = threading.Thread(target=run, args=(account, slots), name=f"account-{account}", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # this machine has no more threads
                run(account, slots)

    for _, group in groupby(accounts, key=lambda account: account.provider):
        threading.Thread(target=start_all, args=(list(group),), name="account-starter", daemon=True).start()
    for _ in accounts:
        account, failure = _next(ended)
        if failure is not None:
            raise failure
        yield account


def _next(ended: queue.SimpleQueue[Outcome]) -> Outcome:
    """Wait for an account, and wake now and then for signals."""
    while True:
        with suppress(queue.Empty):
            return ended.get(timeout=signals.WAKE_SECONDS)
