"""Each state that a sync can tell, at any moment, is one to go on from: nothing that the source holds is left out.

A sync is watched step by step; for each state that a signal could have told, the next sync starts from it. What had
been emitted until then and what the next sync brings are the source together, over books whose dates span years in any
order, while items fail or the stream breaks off.
"""

from __future__ import annotations

import json
import sys
import threading
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

import tap_invoices
from tap_invoices.sandbox import Sandbox
from tap_invoices.streams import writer
from tap_invoices.tap import TapInvoices
from tests.conftest import NOW
from tests.support.run import LISTS, SPAN, STREAMS, Run, fresh_seeds, provider_of, settings, shuffle_dates, sync
from tests.sync.test_every_stream import sent_invoices

PACKAGE = str(Path(tap_invoices.__file__).parent)
FAILS = {"status": 400}
BREAKS_OFF = {"retry_after": "86400"}

pytestmark = pytest.mark.usefixtures("no_waits")


@dataclass
class Moment:
    """A state that could have been told, and how much had been written by then."""

    state: dict
    length: int


class Watch:
    """Looks at the tap's state after each line of the main thread and the account's, where a signal could tell it."""

    def __init__(self, tap):
        self._tap = tap
        self._last = deepcopy(tap.state)
        self.moments = []

    def __call__(self, frame, _event, _argument):
        """Follow the package's own steps, but those of the writer, which is asked to write what it holds."""
        file, thread = frame.f_code.co_filename, threading.current_thread()
        if thread is not threading.main_thread() and not thread.name.startswith("account-"):
            return None
        return self._step if file.startswith(PACKAGE) and file != writer.__file__ else None

    def _step(self, _frame, _event, _argument):
        if not self._tap.output._lock.locked() and self._tap.state != self._last:
            self._last = deepcopy(self._tap.state)
            self._tap.message_writer.flush()
            self.moments.append(Moment(self._last, len(sys.stdout.getvalue())))
        return self._step


@contextmanager
def watching(monkeypatch):
    """Collect the moments of the syncs that run meanwhile."""
    moments, sync_all = [], TapInvoices.sync_all

    def watched(tap):
        watch, before = Watch(tap), sys.gettrace()
        sys.settrace(watch)
        threading.settrace(watch)
        try:
            sync_all(tap)
        finally:
            sys.settrace(before)
            threading.settrace(None)
        moments.extend(watch.moments)

    with monkeypatch.context() as patch:
        patch.setattr(TapInvoices, "sync_all", watched)
        patch.setattr(writer, "_BUFFER", 1)  # each row is handed over at once, with the bookmarks of that moment
        yield moments


class History:
    """One stream, and a book of which nothing can be told by the order in which it is listed.

    Args:
        box: A sandbox.
        stream: Name of the stream.
        seed: Of the dates, and of what happens.
        page_size: Rows of a page, where they can be asked for.
        at_once: Requests in flight.
    """

    def __init__(self, box, stream, seed, *, page_size, at_once=1):
        self.stream, self.provider, self._box = stream, provider_of(stream), box
        self.dice = Random(seed)
        self.book = box.book(self.provider)
        box.now = NOW
        self.config = settings(box, self.provider)
        self.config["max_retry_seconds"] = 0
        self.config[self.provider]["max_connections"] = at_once
        if self.provider != "matas":
            self.config[self.provider]["page_size"] = page_size
        shuffle_dates(self.book, self.provider, self.dice)

    def go_on(self):
        """Let the source change as providers do: a new invoice, and one of long ago, posted, paid or changed now."""
        self._box.now += timedelta(hours=1)
        self.book.add(self.dice.randrange(len(self.book.invoices)))
        if self.provider == "covage":
            self.book.add(0, accounting_date=(self._box.now - SPAN / 2).date().isoformat())
        elif self.provider in {"matas", "i3dnet"}:
            paid = {"matas": "payment_date", "i3dnet": "paymentDate"}[self.provider]
            self.book.pay(next(key for key in self.book.invoices if not self.book.invoices.peek(key)[paid]))
            self.post_long_ago(paid)
        else:
            self.book.change(self.dice.choice(list(self.book.invoices)))

    def post_long_ago(self, paid):
        """Add an invoice that has been created and paid long ago."""
        at = self._box.now - SPAN / 2
        stamp = int(at.timestamp()) if self.provider == "i3dnet" else at.isoformat().replace("+00:00", "Z")
        created = {"matas": "invoice_date", "i3dnet": "creationDate"}[self.provider]
        self.book.add(1, **{created: stamp, paid: stamp})

    def sync(self, state=None):
        return sync(self.config, state, streams=[self.stream])

    def troubled(self, state, fault):
        """Sync while some of the stream's own requests come to grief, if there is a fault."""
        if fault:
            self._box.faults.add(path=STREAMS[self.stream], **fault)
        try:
            return self.sync(state)
        finally:
            self._box.faults.clear()

    def rows(self, *runs):
        """Return what a target holds after these runs: key → record."""
        names = runs[0].key_names(self.stream)
        records = (record for run in runs for record in run.records[self.stream])
        return {tuple(str(record[name]) for name in names): record for record in records}

    def check(self, monkeypatch, before, fault, *, moves):
        """Cut a sync at every state that it can tell, and go on from each; return the number of states.

        Where the source moves, it does so after the cut; else it has done so before.
        """
        state = before[-1].state if before else None
        with watching(monkeypatch) as moments:
            cut = self.troubled(state, fault)
        if moves:
            self.go_on()
        source = self.rows(self.sync())
        assert source.keys() == sent_invoices(self.stream, self.book).keys()
        text = "\n".join(cut.lines)
        for moment in moments:
            told = Run(text[: moment.length].splitlines())
            rows = self.rows(*before, told, self.sync(moment.state))
            lost = sorted(source.keys() - rows.keys())
            old = [key for key, row in source.items() if rows.get(key, row) != row]
            assert (lost, old) == ([], []), f"{fault}, then from {json.dumps(moment.state)}"
        return len(moments)


@pytest.mark.parametrize("stream", STREAMS)
def test_every_state_is_one_to_go_on_from(stream, monkeypatch):
    with Sandbox(invoices=12) as box:
        history = History(box, stream, seed=2026, page_size=2)
        breaks_off = {"after": 4, "times": None, "action": BREAKS_OFF}
        assert history.check(monkeypatch, [], breaks_off, moves=True)
        first = history.sync()
        history.go_on()
        fails = None if stream in LISTS else {"times": 2, "action": FAILS}  # a list that fails once more tells no state
        assert history.check(monkeypatch, [first], fails, moves=False)


@pytest.mark.slow
@pytest.mark.parametrize("most_failed", [500, 1])
@pytest.mark.parametrize("stream", STREAMS)
def test_every_state_is_one_to_go_on_from_at_length(stream, most_failed, monkeypatch):
    monkeypatch.setattr("tap_invoices.streams.bookmark.MOST_FAILED", most_failed)
    for seed in fresh_seeds(8):
        dice = Random(seed)
        with Sandbox(invoices=dice.randrange(8, 30)) as box:
            history = History(box, stream, seed, page_size=dice.randrange(1, 6), at_once=dice.choice([1, 3]))
            before = []
            for action, times in ((FAILS, dice.randrange(1, 6)), (BREAKS_OFF, None)):
                fault = {"after": dice.randrange(8), "times": times, "action": action}
                history.check(monkeypatch, before, fault, moves=dice.choice([False, True]))
                before = [*before, history.sync(before[-1].state if before else None)]
                history.go_on()
