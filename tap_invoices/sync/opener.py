"""Opens accounts: each gets a client, a logger, stream maps and bookmarks, and is synced with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_invoices.errors import failure_type
from tap_invoices.http.account import Identities
from tap_invoices.http.causes import describe
from tap_invoices.http.client import Client
from tap_invoices.http.hosts import Hosts
from tap_invoices.sync.account import AccountTap, Front
from tap_invoices.sync.output import AccountWriter, Output

if TYPE_CHECKING:
    from singer_sdk.mapper import PluginMapper

    from tap_invoices.concurrency.slots import Place
    from tap_invoices.http.account import Account
    from tap_invoices.http.answers import Portal
    from tap_invoices.http.auth import SignIn
    from tap_invoices.sync.report import Report


class Opener:
    """Makes the tap of each account, out of what is its own and what it shares with others.

    Args:
        front: What the accounts share.
        portals: Each provider's portal, and what signs requests there.
        new_mapper: Returns the stream maps for one account.
        output: Stdout and the state.
        report: Takes what comes of each account.
        keep: Takes each tap, so that none of its secrets shows.
    """

    def __init__(  # noqa: PLR0913  (each by its name)
        self,
        *,
        front: Front,
        portals: Mapping[str, tuple[Portal, SignIn]],
        new_mapper: Callable[[], PluginMapper],
        output: Output,
        report: Report,
        keep: Callable[[AccountTap], None],
    ) -> None:
        self._front = front
        self._portals = portals
        self._new_mapper = new_mapper
        self._output = output
        self._report = report
        self._keep = keep
        self._hosts = Hosts()
        self._identities = Identities()

    def open(self, account: Account, client_class: type[Client] = Client, away: Any = nullcontext) -> AccountTap:
        """Return the tap of one account.

        Raises:
            LocalError: If its secrets cannot be had, or are another account's too.
        """
        config = account.settings()
        self._identities.claim(account, config)
        portal, sign_in = self._portals[account.provider]
        portal = replace(portal, credentials=account.place)
        logger = self._report.logger_of(account)
        tap = AccountTap(
            account,
            client=client_class(portal, config, sign_in, logger, away=away, hosts=self._hosts),
            front=self._front,
            mapper=self._new_mapper(),
            logger=logger,
            writer=AccountWriter(account, self._output),
            close=partial(self._report.close, account),
            note=partial(self._report.note, account),
            bookmarks=self._output.bookmarks_of(account, self._front.names(account)),
        )
        self._keep(tap)
        return tap

    def sync(self, account: Account, place: Place) -> None:
        """Sync one account. Whatever it meets is its own failure."""
        try:
            tap = self.open(account, away=place.away)
        except Exception as error:  # noqa: BLE001  (whatever it is, the other accounts must go on)
            self._report.logger_of(account).debug("%s cannot begin", account, exc_info=error)
            self._report.fail(account, self._front.selected(account), describe(error), failure_type(error))
            return
        self._report.watch(account, {s.name: (s.counts, s.page_size) for s in tap.streams.values() if s.selected})
        try:
            tap.run()
        finally:
            tap.client.close()
