"""Runs the tap against a sandbox, in this process or as one of its own, and reads what it says."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from tap_invoices.tap import TapInvoices
from tests.support import forked
from tests.support.forked import COMMAND

ROOT = Path(__file__).resolve().parents[2]

ACCOUNT = "default"
PROVIDERS = ("covage", "matas", "ibana", "exsited", "i3dnet")
LISTS = {
    "covage_invoices": "/covage/api/v1/invoice/$",
    "matas_invoices": "/matas/api/invoices$",
    "ibana_invoices": "/ibana/v1/invoice$",
    "exsited_invoices": "/exsited/api/v3/invoices$",
    "i3dnet_invoices": "/i3dnet/v3/account/invoice$",
    "i3dnet_unpaid_invoices": "/i3dnet/v3/account/invoice/unpaid$",
}
"""Stream → path of its requests, as a regular expression."""
CHILDREN = {
    "covage_invoice_documents": "/covage/api/v1/invoice/[^/]+/download/$",
    "matas_invoice_details": "/matas/api/invoice/[^/]+$",
    "exsited_invoice_details": "/exsited/api/v3/invoices/[^/]+$",
    "exsited_invoice_information": "/exsited/api/v2/invoices/[^/]+/information$",
    "exsited_order_invoices": "/exsited/api/v3/orders/[^/]+/invoices$",
    "exsited_account_invoices": "/exsited/api/v3/accounts/[^/]+/invoices$",
    "exsited_invoice_documents": "/exsited/api/v2/invoices/[^/]+/pdf$",
    "i3dnet_invoice_details": "/i3dnet/v3/account/invoice/[0-9]+$",
    "i3dnet_invoice_details_by_number": "/i3dnet/v3/account/invoice/number/[^/]+$",
    "i3dnet_invoice_documents": "/i3dnet/v3/account/invoice/[0-9]+/pdf$",
}
STREAMS = {**LISTS, **CHILDREN}
UNIFIED = ("invoices", "invoice_lines")
"""The streams of all providers, of which tests/sync/test_unified_streams.py says what holds."""
DOCUMENTS = tuple(name for name in CHILDREN if name.endswith("_documents"))
SUB_LISTS = ("exsited_order_invoices", "exsited_account_invoices")


PATIENCE = 120
"""Seconds for what takes a moment, and more on a loaded machine; nothing waits that long unless it is broken."""


def until(condition):
    """Wait for something to be so."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


class Clock:
    """Seconds that pass only when somebody sleeps."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def __call__(self):
        return self.now

    monotonic = __call__

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


SPAN = timedelta(days=5 * 365)
"""How far the dates of a shuffled book lie back: most of them before every lookback."""


def shuffle_dates(book, provider, dice):
    """Date a book's invoices over years in any order, and give Exsited's orders and accounts invoices of any age."""
    for key in list(book.invoices):
        at = book.now() - SPAN * dice.random()
        book.change(key, **_dated(provider, book.invoices[key], at, dice))


def _dated(provider, row, at, dice):
    stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if provider == "covage":
        return {"accounting_date": stamp[:10]}
    if provider == "matas":
        return {"invoice_date": stamp, "payment_date": row["payment_date"] and stamp}
    if provider == "ibana":
        return {"updatedAt": stamp}
    if provider == "i3dnet":
        return {"creationDate": int(at.timestamp()), "paymentDate": row["paymentDate"] and int(at.timestamp())}
    owners = {name: f"{name}-{dice.randrange(5)}" for name in ("order_id", "account_id") if row.get(name)}
    return {"last_updated_on": stamp, **owners}


def provider_of(stream):
    return stream.partition("_")[0]


def settings(box, *providers, **more):
    """Return settings that point at a sandbox; documents come inline."""
    return {"documents": {"mode": "inline"}, **box.config(*providers), **more}


@dataclass
class Run:
    """What came out of one sync."""

    lines: list[str]
    tap: TapInvoices | None = None

    @cached_property
    def messages(self):
        return [json.loads(line, parse_float=Decimal) for line in self.lines]

    @cached_property
    def records(self):
        """The records by stream, without the account; all must be of one."""
        found = defaultdict(list)
        for (stream, account), records in self.by_account.items():
            assert account == ACCOUNT
            found[stream] += [{n: value for n, value in record.items() if n != "source_account"} for record in records]
        return found

    @cached_property
    def by_account(self):
        """The records by stream and account."""
        found = defaultdict(list)
        for message in self.messages:
            if message["type"] == "RECORD":
                record = message["record"]
                found[message["stream"], record.get("source_account", ACCOUNT)].append(record)
        return found

    @property
    def state(self):
        states = [message["value"] for message in self.messages if message["type"] == "STATE"]
        return states[-1] if states else {}

    @property
    def failures(self):
        return {stream: why for each in self.tap.report.failures.values() for stream, why in each.items()}

    def bookmark(self, stream, account=None):
        return bookmark_in(self.state, stream, account)

    def account(self, stream):
        return self.tap.report.counts(stream)

    def client(self, provider):
        return next(tap.client for tap in self.tap.opened if tap.account.provider == provider)

    def stream(self, name):
        return next(tap.streams[name] for tap in self.tap.opened if name in tap.streams)

    def keys(self, stream):
        keys = self.key_names(stream)
        return [tuple(str(record[key]) for key in keys) for record in self.records[stream]]

    def key_names(self, stream):
        names = next(m["key_properties"] for m in self.messages if m["type"] == "SCHEMA" and m["stream"] == stream)
        return [name for name in names if name != "source_account"]


class Watched(TapInvoices):
    """A tap that keeps its accounts' taps, to look at."""

    def __init__(self, **given):
        self.opened = []
        super().__init__(**given)

    @cached_property
    def opener(self):
        opener = super().opener
        opens = opener.open

        def watch(*args, **kwargs):
            self.opened.append(opens(*args, **kwargs))
            return self.opened[-1]

        opener.open = watch
        return opener


def bookmark_in(state, stream, account=None):
    """Return an account's bookmark in a state."""
    return state.get("bookmarks", {}).get(stream, {}).get("accounts", {}).get(account or ACCOUNT, {})


def of_accounts(state):
    """Return a state in which bookmarks that name no account are those of the only one."""
    if not isinstance(state, dict) or not isinstance(state.get("bookmarks"), dict):
        return state
    known = {name: of_account(each) for name, each in state["bookmarks"].items() if name in STREAMS}
    return {**state, "bookmarks": {**state["bookmarks"], **known}}


def of_account(bookmark, account=None):
    """Return what the state holds for a stream of one account."""
    plain = isinstance(bookmark, dict) and bookmark and "accounts" not in bookmark
    return {"version": 2, "accounts": {account or ACCOUNT: bookmark}} if plain else bookmark


def tell_every_state(monkeypatch):
    """Let every batch be told with a state."""
    monkeypatch.setattr("tap_invoices.sync.output.STATE_SECONDS", 0)
    monkeypatch.setattr("tap_invoices.sync.output._STATE_SHARE", 0)


@contextlib.contextmanager
def own_signals():
    """The SDK takes the signals of the process that runs a tap: give them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def sync(config, state=None, *, catalog=None, streams=None, full_table=()):
    """Run one sync in this process, and wait for its threads: what is still in flight must not meet the next test."""
    before, out = threading.enumerate(), io.StringIO()
    if streams is not None:
        catalog = catalog_of(config, streams)
    with own_signals(), contextlib.redirect_stdout(out):
        tap = Watched(config=deepcopy(config), state=deepcopy(of_accounts(state)), catalog=catalog)
        for name in full_table:
            tap.streams[name].forced_replication_method = "FULL_TABLE"
        tap.sync_all()
        tap.message_writer.flush()
    _join("read-", before)  # while they go on, they begin threads of the pools
    _join(PROVIDERS, before)
    return Run(out.getvalue().removesuffix("\n").split("\n"), tap)


def _join(names, before):
    for thread in threading.enumerate():
        if thread not in before and thread.name.startswith(names):
            thread.join(PATIENCE)
            assert not thread.is_alive(), f"{thread.name} does not end"


_CATALOGS = {}


def catalog_of(config, select="*", **changes):
    """Return the discovered catalog with the named streams selected, and its entries for them changed."""
    given = frozenset(name for name, value in config.items() if value), config.get("decimals")
    if given not in _CATALOGS:
        with own_signals():
            _CATALOGS[given] = json.dumps(TapInvoices(config=deepcopy(config)).catalog_dict)
    found = json.loads(_CATALOGS[given])
    for entry in found["streams"]:
        selected = select == "*" or entry["tap_stream_id"] in select
        root = next(part["metadata"] for part in entry["metadata"] if not part["breadcrumb"])
        root["selected"] = selected
        if selected:
            entry.update(changes)
    return found


def command(folder, config, state=None, *, streams=None):
    """Write what a tap's process reads into a folder, and return its command line."""
    given = {"config": config, "state": state, "catalog": catalog_of(config, streams) if streams is not None else None}
    arguments = []
    for name, value in given.items():
        if value is not None:
            path = Path(folder, f"{name}.json")
            path.write_text(json.dumps(value, default=str), encoding="utf-8")
            arguments += [f"--{name}", str(path)]
    return [*COMMAND, *arguments]


def environment(**more):
    """Return what a tap's process sees: this one's variables but the screen's size, and the checkout on the path."""
    kept = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def process(folder, config, state=None, *, streams=None, **variables):
    """Run one sync as a process of its own."""
    arguments = command(folder, config, state, streams=streams)
    return forked.run(arguments, cwd=folder, env=environment(**variables), timeout=PATIENCE)


def fresh_seeds(count):
    """Return seeds that no run had before, and say which: what a long form finds can be found again."""
    first = int.from_bytes(os.urandom(5))
    sys.stdout.write(f"seeds {first} to {first + count - 1}\n")
    return range(first, first + count)


_WITH_PEAK = """
import atexit, pathlib, sys
from tap_invoices.__main__ import main
status = pathlib.Path("/proc/self/status")
atexit.register(lambda: sys.stderr.write(next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))))
main()
"""


def peak(folder, config, stream):
    """Return the most KiB of memory that a tap's process takes; Linux only."""
    arguments = command(folder, config, streams=[stream])[len(COMMAND) :]
    run = [sys.executable, "-c", _WITH_PEAK, *arguments]
    with Path(folder, "out.jsonl").open("w") as out:
        done = subprocess.run(run, env=environment(), stdout=out, stderr=subprocess.PIPE, text=True, check=True)  # noqa: S603
    return int(done.stderr.split()[-2])
