"""A source that changes while it is read, faults, crashes: after a quiet last sync the target holds what it holds."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW
from tests.support.run import PROVIDERS, Run, settings, shuffle_dates, sync, tell_every_state

STREAMS = {
    "covage": ("covage_invoices", "covage_invoice_documents"),
    "matas": ("matas_invoices", "matas_invoice_details"),
    "ibana": ("ibana_invoices",),
    "exsited": ("exsited_invoices", "exsited_invoice_details", "exsited_order_invoices", "exsited_account_invoices"),
    "i3dnet": (
        "i3dnet_invoices",
        "i3dnet_unpaid_invoices",
        "i3dnet_invoice_details",
        "i3dnet_invoice_details_by_number",
    ),
}
LISTS = tuple(f"{provider}_invoices" for provider in PROVIDERS)
SNAPSHOTS = ("matas_invoices", "i3dnet_invoices", "i3dnet_unpaid_invoices")
"""Full tables: what has gone at the source goes in the target too."""

LATE = {"covage": 3000, "matas": 39, "ibana": 0.9, "exsited": 0.9, "i3dnet": 39}
"""Days by which an invoice may be dated back and still must be found: within the lookback, at Covage any time."""

FAULTS = [
    {"status": 503},
    {"status": 429},
    {"status": 400},
    {"reset": True},
    {"cut": True},
    {"end_early": True},
    {"half_json": True},
    {"html": True},
    {"empty": True},
    {"retry_after": "0"},
    {"cap": 2},
    {"total": 1},
    {"repeat_page": 1},
    {"repeat_cursor": 2},
]

PASSES = {"half_json", "html", "empty", "cap", "total", "repeat_page", "repeat_cursor"}
"""Faults that cost no waiting when they last."""

moments = st.sampled_from(["now", "late", "ahead", "equal", "null"])
changes = st.one_of(
    st.tuples(st.just("insert"), st.integers(0, 30), moments),
    st.tuples(st.just("delete"), st.integers(0, 30), st.none()),
    st.tuples(st.just("change"), st.integers(0, 30), st.none()),
    st.tuples(st.just("pay"), st.integers(0, 30), st.none()),
)


class Target:
    """Holds rows as a target does: upserts by key, and removal of what an ACTIVATE_VERSION leaves behind."""

    def __init__(self):
        self.rows = {}
        self.state = {}

    def take(self, lines):
        keys = {}
        for message in map(parse, lines):
            stream = message.get("stream")
            if message["type"] == "SCHEMA":
                keys[stream] = message["key_properties"]
                self.rows.setdefault(stream, {})
            elif message["type"] == "RECORD":
                record = message["record"]
                key = tuple(str(record[name]) for name in keys[stream])
                self.rows[stream][key] = (record, message.get("version"))
            elif message["type"] == "ACTIVATE_VERSION":
                rows = self.rows[stream]
                self.rows[stream] = {key: row for key, row in rows.items() if row[1] == message["version"]}
            elif message["type"] == "STATE":
                self.state = message["value"]


def parse(line):
    return json.loads(line, parse_float=Decimal)


class Moving(RuleBasedStateMachine):
    """One provider, its book, and a target that is fed by sync after sync."""

    provider: str

    def __init__(self):
        super().__init__()
        self.target = Target()
        self.deleted = set()
        self.due = {}
        self.answered = 0

    @initialize(
        count=st.integers(0, 14),
        page_size=st.integers(1, 5),
        at_once=st.sampled_from([1, 1, 3]),
        patience=st.sampled_from([1, 1, 0]),
        dates=st.integers(),
    )
    def start(self, count, page_size, at_once, patience, dates):
        self.box = Sandbox(invoices=count)
        self.box.start()
        self.box.now = NOW
        shuffle_dates(self.book, self.provider, Random(dates))
        self.box.on_request(self.between)
        self.config = settings(self.box, self.provider, emit_activate_version_messages=True)
        self.config["max_retry_seconds"] = self.patience = patience
        self.config[self.provider]["max_connections"] = at_once
        if self.provider != "matas":
            self.config[self.provider]["page_size"] = page_size

    def teardown(self):
        if hasattr(self, "box"):
            try:
                self.settle()
            finally:
                self.box.stop()

    @property
    def book(self):
        return self.box.book(self.provider)

    # What happens at the source

    def between(self, _request):
        """Do what is due at this request, before it is answered."""
        self.answered += 1
        for change in self.due.pop(self.answered, ()):
            self.apply(change)

    def apply(self, change):
        kind, place, detail = change
        keys = list(self.book.invoices)
        if kind == "insert":
            self.insert(place % (len(keys) + 1), detail)
        elif not keys:
            return
        elif kind == "delete":
            self.delete(keys[place % len(keys)])
        elif kind == "pay":
            self.pay(keys[place % len(keys)])
        else:
            self.change(keys[place % len(keys)])

    def insert(self, place, when):
        self.book.add(place, **self.dated(when))

    def dated(self, when):
        """Return fields that date an invoice: its change, or where nothing else is told its creation."""
        days = {"now": 0.0, "late": -LATE[self.provider], "ahead": 30.0, "equal": -1 / 24}.get(when, 0.0)
        at = self.box.now + timedelta(days=days)
        if when == "equal":
            at = at.replace(minute=0, second=0, microsecond=0)
        if self.provider == "covage":
            return {"accounting_date": at.date().isoformat()}
        if self.provider == "matas":
            return {"invoice_date": at.isoformat().replace("+00:00", "Z"), "payment_date": None}
        if self.provider == "i3dnet":
            return {"creationDate": int(at.timestamp())}
        name = {"ibana": "updatedAt", "exsited": "last_updated_on"}[self.provider]
        if when == "null" and self.provider == "exsited":
            return {name: None}
        return {name: at.isoformat(timespec="milliseconds").replace("+00:00", "Z")}

    def delete(self, key):
        record = self.book.invoices[key]
        if self.provider == "covage" and record["accounting_date"] < (self.box.now - timedelta(40)).date().isoformat():
            return  # an old one that goes and one that is dated back leave the count as it was
        self.deleted.add(key)
        self.deleted.add(record.get("invoiceNumber", key))
        self.book.delete(key)

    def pay(self, key):
        if self.provider != "covage":
            self.book.pay(key)

    def change(self, key):
        """Change an invoice where a change can be noticed: it has a date of change, or is still open."""
        record = self.book.invoices[key]
        is_open = {
            "ibana": lambda: True,
            "exsited": lambda: True,
            "matas": lambda: not record["payment_date"] and record["total"] >= 0,
            "i3dnet": lambda: not record["paymentDate"] and not record["isCredit"],
            "covage": lambda: False,
        }[self.provider]
        if is_open():
            name = {"ibana": "notes", "exsited": "customer_notes"}.get(self.provider, "description")
            self.book.change(key, **{name: f"changed {self.answered}"})

    # Rules

    @rule(change=changes)
    def source_changes(self, change):
        self.apply(change)

    @rule(changes=st.lists(st.tuples(st.integers(1, 12), changes), min_size=1, max_size=4))
    def source_will_change_while_it_is_read(self, changes):
        for request, change in changes:
            self.due.setdefault(self.answered + request, []).append(change)

    @rule(hours=st.sampled_from([1, 30, 24 * 50]))
    def time_passes(self, hours):
        self.box.clock_offset += 3600 * hours

    @rule(fault=st.sampled_from(FAULTS), after=st.integers(0, 10), times=st.sampled_from([1, 1, 2, None]))
    def source_will_fail(self, fault, after, times):
        """Soon, and for ever only where that is told at once."""
        lasts = times or (None if self.patience == 0 or not PASSES.isdisjoint(fault) else 6)
        self.box.faults.add(after=after, times=lasts, action=fault)

    @rule()
    def token_ends(self):
        if self.provider in {"covage", "exsited"}:
            self.box.faults.add(after=2, times=1, action={"expire_token": True})

    @rule()
    def sync_runs(self):
        self.target.take(self.run().lines)

    @rule(part=st.floats(0, 1))
    def sync_is_killed(self, part):
        lines = self.run().lines
        self.target.take(lines[: int(len(lines) * part)])

    def run(self) -> Run:
        try:
            return sync(self.config, self.target.state, streams=STREAMS[self.provider])
        finally:
            self.box.faults.clear()
            self.due.clear()

    @invariant()
    def bookmarks_lie_not_ahead(self):
        """No bookmark is later than the provider's clock, whatever dates the records bear."""
        for mark in self.target.state.get("bookmarks", {}).values():
            if value := mark.get("replication_key_value"):
                at = datetime.fromisoformat(value)
                assert (at if at.tzinfo else at.replace(tzinfo=UTC)) <= self.box.now

    # The end

    def settle(self):
        """Sync once more while nothing moves, and compare the target with the source."""
        self.box.faults.clear()
        self.due.clear()
        last = self.run()
        assert not last.failures, last.failures
        self.target.take(last.lines)
        source = Target()
        source.take(sync(self.config, streams=STREAMS[self.provider]).lines)
        for stream in STREAMS[self.provider]:
            self.compare(stream, self.target.rows[stream], source.rows[stream])

    def compare(self, stream, target, source):
        missing = source.keys() - target.keys()
        assert not missing, f"{stream} lacks {missing}"
        left = {key for key in target.keys() - source.keys() if key[-1] not in self.deleted}
        assert not left, f"{stream} still has {left}"
        if stream in SNAPSHOTS:
            assert target.keys() == source.keys()
        for key, (record, _) in source.items():
            assert target[key][0] == record, f"{stream} holds {key} as it was"


def check(provider, examples, steps, first_seed):
    """Run histories of a provider; the seed that the run prints starts them again, given as TEST_SEED."""
    number = int(os.environ.get("TEST_SEED") or first_seed)
    sys.stdout.write(f"{provider}: TEST_SEED={number}\n")
    machine = seed(number)(type(f"Moving{provider.title()}", (Moving,), {"provider": provider}))
    how = hypothesis_settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=False,
        database=None,
        print_blob=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=how)


@pytest.fixture(autouse=True)
def _states_on_the_way(monkeypatch):
    """A STATE after each batch: a sync that is killed leaves any of them."""
    tell_every_state(monkeypatch)


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_target_holds_what_the_source_holds(provider):
    check(provider, examples=10, steps=12, first_seed=2026)


@pytest.mark.slow
@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_target_holds_what_the_source_holds_at_length(provider):
    check(provider, examples=200, steps=25, first_seed=int.from_bytes(os.urandom(4)))
