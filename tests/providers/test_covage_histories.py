"""Covage through random histories: late invoices, either reading of the bounds, breaks, and cuts at any message."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW
from tests.support.run import fresh_seeds, sync, tell_every_state

LIST = "covage_invoices"
DOCUMENTS = "covage_invoice_documents"
UNIFIED = "invoices"
BOUNDS = ("accounting_date_gt", "accounting_date_lt")
START = "2024-11-01"
EDGES = ("2020-01-15", "2024-10-31", START, "2026-09-20", "2026-11-02")
"""Long ago, about the start date, about the window's first day, and today."""


class History:
    """What happens at Covage and to the tap, all of it from one seed; what has been written is kept."""

    def __init__(self, box, seed):
        self.die = Random(seed)
        self.box, self.book = box, box.book("covage")
        self.book.exclusive = frozenset(bound for bound in BOUNDS if self.die.random() < 0.5)
        self.tells_totals = self.die.random() < 0.7
        self.streams = self.die.choice([(LIST, DOCUMENTS), (DOCUMENTS,), (LIST, DOCUMENTS, UNIFIED), (UNIFIED,)])
        self.config = {**box.config("covage"), "documents": {"mode": "inline"}, "max_retry_seconds": 0}
        self.start = self.die.choice([None, START])
        if self.start:
            self.config["start_date"] = self.start
        self.state, self.written = None, {stream: set() for stream in self.streams}
        self.asked, self.posted_at = 0, None
        box.on_request(self.post_while_it_is_read)

    def post(self):
        some_day = (NOW - timedelta(days=self.die.randint(0, 760))).date().isoformat()
        day = self.die.choice([*EDGES, some_day, some_day])
        self.book.add(self.die.randint(0, len(self.book.invoices)), accounting_date=day)

    def post_while_it_is_read(self, _request):
        self.asked += 1
        if self.asked == self.posted_at:
            self.post()

    def step(self):
        """Post some, and sync with new settings until a fault, a cut or the end; then time passes."""
        die = self.die
        for _ in range(die.randint(0, 3)):
            self.post()
        self.posted_at = self.asked + die.choice([0, die.randint(1, 12)])
        fault = {
            "after": die.randint(0, 10),
            "times": die.choice([1, None]),
            "action": {"status": die.choice([400, 503])},
        }
        run = self.sync(**(fault if die.random() < 0.4 else {}))
        self.take(run.messages[: die.choice([len(run.messages), die.randint(0, len(run.messages))])])
        self.box.clock_offset += 86_400 * die.choice([0, 0, 1, 30, 200])

    def sync(self, **fault):
        die, faults = self.die, self.box.faults
        self.config["covage"] |= {"page_size": die.randint(1, 8), "lookback_days": die.choice([0, 5, 40, 200])}
        faults.clear()
        if not self.tells_totals:
            faults.add(path="/invoice/$", times=None, action={"total": None})
        if fault:
            faults.add(path="/download/$", **fault)
        return sync(self.config, self.state, streams=self.streams)

    def take(self, messages):
        for message in messages:
            if message["type"] == "RECORD":
                self.written[message["stream"]].add(message["record"]["invoice_number"])
            elif message["type"] == "STATE":
                self.state = message["value"]


def check(seed):
    with Sandbox(invoices=seed % 30) as box:
        box.now = NOW
        history = History(box, seed)
        for _ in range(history.die.randint(1, 5)):
            history.step()
        history.posted_at = None
        last = history.sync()
        assert last.failures == {}
        history.take(last.messages)
        start = history.start or ""
        wanted = {key for key, invoice in history.book.invoices.items() if invoice["accounting_date"] >= start}
        assert history.written == dict.fromkeys(history.streams, wanted), f"seed {seed}"


@pytest.fixture(autouse=True)
def _states_everywhere(monkeypatch, no_waits):  # noqa: ARG001
    """A STATE goes out after each batch, so that a cut finds one on the way."""
    tell_every_state(monkeypatch)


def test_what_was_written_is_what_was_posted():
    for seed in range(100, 110):
        check(seed)


@pytest.mark.slow
def test_what_was_written_is_what_was_posted_at_length():
    for seed in fresh_seeds(500):
        check(seed)
