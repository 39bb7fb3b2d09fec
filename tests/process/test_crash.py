"""State and crashes: what a target holds after kill -9, a signal or a closed pipe, and after the sync that follows."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import logging
import os
import random
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from datetime import timedelta
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import pytest

from tap_invoices.http.account import Account
from tap_invoices.sandbox import Sandbox
from tap_invoices.streams import bookmark as states
from tap_invoices.streams.base import InvoiceStream
from tap_invoices.streams.bookmark import Bookmark
from tap_invoices.streams.writer import BufferedWriter
from tap_invoices.sync import output
from tap_invoices.tap import TapInvoices
from tests.conftest import NOW
from tests.support import forked
from tests.support.run import (
    ACCOUNT,
    CHILDREN,
    PATIENCE,
    STREAMS,
    SUB_LISTS,
    bookmark_in,
    command,
    environment,
    own_signals,
    process,
    settings,
    shuffle_dates,
    sync,
    tell_every_state,
    until,
)
from tests.sync.test_moving import Target

SELECTED = (
    "covage_invoices",
    "matas_invoices",
    "matas_invoice_details",
    "ibana_invoices",
    "exsited_invoices",
    "exsited_invoice_details",
    "exsited_order_invoices",
    "i3dnet_invoices",
    "i3dnet_invoice_details",
    "i3dnet_invoice_documents",
)
PDF_END = b"%%EOF\n"
STATE = b'{"type":"STATE"'
COUNT = 20


@pytest.fixture
def box():
    with Sandbox(invoices=40) as served:
        served.now = NOW
        yield served


class Tap:
    """A tap as a process, with a reader that takes its lines as they come."""

    def __init__(self, folder, config, state=None, *, streams=SELECTED, reads=True, start=forked.Process):  # noqa: PLR0913
        folder.mkdir(exist_ok=True)
        arguments = command(folder, config, state or None, streams=streams)
        self.process = start(arguments, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines, self.errors = [], []
        self.on_line = lambda _number: None
        read = [(self.process.stderr, self.errors), *([(self.process.stdout, self.lines)] if reads else [])]
        self.threads = [threading.Thread(target=self._collect, args=each, daemon=True) for each in read]
        for thread in self.threads:
            thread.start()

    def _collect(self, stream, into):
        with stream:
            for line in stream:
                into.append(line)
                if into is self.lines:
                    self.on_line(len(into))

    def wait(self, seconds=PATIENCE):
        try:
            code = self.process.wait(seconds)
        finally:
            self.process.kill()
        for thread in self.threads:
            thread.join(PATIENCE)
        return code

    @property
    def log(self):
        return b"".join(self.errors).decode()


def acknowledged(lines):
    """Return what a target has for good of these lines: what came before the last whole STATE."""
    whole = [number for number, line in enumerate(lines, 1) if line.startswith(STATE) and line.endswith(b"\n")]
    return lines[: whole[-1]] if whole else []


# kill -9


def run_and_kill(box, start, target, die, requests):
    """Run the tap and kill it at a random request, or with its target at a random line; tell whether it was in time."""
    tap = start(target.state)
    kill = tap.process.kill
    requests, line = die.choice([requests, requests // 3, requests // 10]), None
    if die.random() < 0.5:
        at = len(box.requests) + die.randint(1, requests)
        box.on_request(lambda _: kill() if len(box.requests) == at else None)
    else:
        line = die.randint(1, requests * 2)
        tap.on_line = lambda number: kill() if number == line else None
    code = tap.wait()
    assert code in {0, -signal.SIGKILL}, tap.log
    target.take(acknowledged(tap.lines[:line]) if code else tap.lines)
    return code != 0


def survive(tmp_path, seed, points, *, accounts=(), streams=SELECTED, count=COUNT):  # noqa: PLR0913
    """Kill the tap at so many points, in syncs that go on from one another; then let it finish.

    It tells a state with all that it writes, and no target has more than what came before the last.
    """
    die, left = random.Random(seed), points
    while left:
        with Sandbox(invoices=count, accounts=accounts, latency=0.001) as box:
            box.now = NOW
            folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            config = spread(box, sorted({stream.partition("_")[0] for stream in streams}), random.Random(seed))
            config["documents"] = {"mode": "files", "url": (folder / "pdf").as_uri()}
            process = partial(forked.Process, first="tests.support.many_states")
            start = partial(Tap, folder / "tap", config, streams=streams, start=process)
            source = Target()
            source.take(sync(config, streams=streams).lines)
            requests = len(box.requests)
            box.clear()
            target, in_a_row = Target(), min(left, 6)
            left -= in_a_row
            while in_a_row:
                if run_and_kill(box, start, target, die, requests):
                    in_a_row -= 1
                else:  # it was through before, and begins anew
                    assert_same_keys(target, source, seed)
                    target = Target()
            last = start(target.state)
            assert last.wait() == 0, last.log
            target.take(last.lines)
            assert_same_keys(target, source, seed)
            documents = [stream for stream in streams if stream.endswith("_documents")]
            files = list((folder / "pdf").rglob("*.pdf"))
            assert len(files) == count * len(documents) * max(1, len(accounts))
            assert all(file.read_bytes().endswith(PDF_END) for file in files), "half a file under its last name"


def assert_same_keys(target, source, seed):
    for stream, rows in source.rows.items():
        assert target.rows[stream].keys() == rows.keys(), f"{stream}, seed {seed}"


def spread(box, providers, die):
    """Return the settings for a sandbox's accounts, whose invoices are dated over years: few are in a lookback."""
    for provider in providers:
        for account in box.accounts or ("default",):
            shuffle_dates(box.book(provider, account), provider, die)
    return box.accounts_config(*providers) if box.accounts else box.config(*providers)


def test_after_kill_9_the_union_of_the_runs_is_whole(tmp_path):
    survive(tmp_path, seed=4, points=6)


TWENTY = tuple(f"account-{number}" for number in range(20))
OF_TWENTY = ("ibana_invoices", "i3dnet_invoice_details")


def test_after_kill_9_each_of_twenty_accounts_is_whole(tmp_path):
    survive(tmp_path, seed=2958, points=3, accounts=TWENTY, streams=OF_TWENTY, count=5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("points", "of"),
    [(200, {}), (100, {"accounts": TWENTY, "streams": (*OF_TWENTY, "i3dnet_invoice_documents"), "count": 5})],
    ids=["one account", "twenty"],
)
def test_after_kill_9_the_union_of_the_runs_is_whole_at_length(tmp_path, points, of):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    survive(tmp_path, seed, points, **of)


# Signals and pipes


SOON = 20
"""Seconds for what takes less than one where the machine is free; who waits for an answer or a retry takes minutes."""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_within_a_second_with_requests_in_flight(box, tmp_path, number, code):
    """Eight details are under way, and are never answered."""
    box.faults.add(path=CHILDREN["matas_invoice_details"], times=None, action={"delay": 600})
    config = settings(box, "matas", request_timeout=600)
    tap = Tap(tmp_path, config, streams=["matas_invoices", "matas_invoice_details"])
    until(lambda: len(box.requests) >= 9)
    tap.process.send_signal(number)
    assert tap.wait(SOON) == code
    target = Target()
    target.take(tap.lines)
    assert tap.lines[-1].startswith(b'{"type":"STATE"'), "the state of what was emitted"
    assert "Traceback" not in tap.log
    assert signal.Signals(number).name in tap.log


@pytest.mark.parametrize(
    ("number", "code", "at"), [(signal.SIGTERM, 143, 1), (signal.SIGTERM, 143, 90), (signal.SIGINT, 130, 30)]
)
def test_a_signal_leaves_no_half_line_and_a_state_to_go_on_from(tmp_path, number, code, at):
    """Also when it comes while lines are being written, and the reader is slow."""
    with Sandbox(invoices=150, latency=0.002) as box:
        box.now = NOW
        config = settings(box, "exsited")
        streams = ["exsited_invoices", "exsited_invoice_details"]
        tap = Tap(tmp_path, config, streams=streams)

        def stop(line):
            if line == at:
                tap.process.send_signal(number)
            if line >= at:
                time.sleep(0.001)

        tap.on_line = stop
        assert tap.wait() == code, tap.log
        assert all(line.endswith(b"\n") for line in tap.lines)
        assert tap.lines[-1].startswith(b'{"type":"STATE"')
        target = Target()
        target.take(tap.lines)
        target.take(sync(config, target.state, streams=streams).lines)
        for stream in streams:
            assert len(target.rows[stream]) == 150


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_signal_while_the_pipe_is_full_tears_no_line(tmp_path, monkeypatch, unbuffered):
    """Unbuffered, as containers have it, a signal cuts a write short."""
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with Sandbox(invoices=400) as box:
        box.now = NOW
        start = subprocess.Popen if unbuffered else forked.Process
        tap = Tap(tmp_path, settings(box, "ibana"), streams=["ibana_invoices"], reads=False, start=start)
        stdout = tap.process.stdout
        until(lambda: in_pipe(stdout) >= 60_000)
        time.sleep(0.5)  # now it waits to write; on a slow machine it may not, and all is well
        tap.process.terminate()
        lines = stdout.readlines()
        stdout.close()
        assert tap.wait() == 143
    assert [json.loads(line)["type"] for line in lines][-1] == "STATE"


def test_a_signal_with_many_accounts_and_a_slow_reader_tears_no_line_and_tells_a_state(tmp_path):
    streams = ["ibana_invoices", "covage_invoices", "matas_invoices", "i3dnet_invoices"]
    with Sandbox(invoices=60, accounts=TWENTY[:5]) as box:
        config = spread(box, [stream.partition("_")[0] for stream in streams], random.Random(1))
        tap = Tap(tmp_path, {**config, "accounts_at_once": 5}, streams=streams)

        def read_slowly(line):
            time.sleep(len(tap.lines[-1]) / 400_000)
            if line == 300:
                tap.process.terminate()

        tap.on_line = read_slowly
        assert tap.wait() == 143, tap.log
        assert all(line.endswith(b"\n") for line in tap.lines)
        assert tap.lines[-1].startswith(STATE)
        target, source = Target(), Target()
        target.take(tap.lines)
        assert any(target.state["bookmarks"].values())
        source.take(sync(config, streams=streams).lines)
        assert sum(map(len, target.rows.values())) < sum(map(len, source.rows.values()))
        target.take(sync(config, target.state, streams=streams).lines)
        assert_same_keys(target, source, seed=1)


class Slow(io.BytesIO):
    """Takes the first line when the tap has been stopped, or after half a second."""

    def write(self, data):
        end = time.monotonic() + 0.5
        while not self.tell() and self.output._ended is None and time.monotonic() < end:
            time.sleep(0.01)
        return super().write(data)


def test_who_stops_the_tap_goes_before_those_who_wait_for_their_turn_to_write(monkeypatch):
    stdout = SimpleNamespace(buffer=Slow(), flush=lambda: None)
    monkeypatch.setattr(sys, "stdout", stdout)
    stdout.buffer.output = out = output.Output(BufferedWriter(), {"bookmarks": {}})
    accounts = [Account("ibana", f"account-{number}", {}) for number in range(5)]
    line = b'{"type":"RECORD"}\n'

    def take(account):
        with contextlib.suppress(SystemExit):
            out.take(account, [line], {})

    threads = [threading.Thread(target=take, args=(account,)) for account in accounts]
    for thread in threads:
        thread.start()
        until(out._lock.locked)
    with pytest.raises(SystemExit, match="143"):
        out.stop(signal.SIGTERM, logging.getLogger())
    assert stdout.buffer.getvalue() == line + b'{"type":"STATE","value":{"bookmarks":{}}}\n'
    out._lock.release()
    for thread in threads:
        thread.join(PATIENCE)


def test_a_signal_while_the_reader_takes_nothing_ends_it_without_a_state(tmp_path):
    with Sandbox(invoices=400) as box:
        tap = Tap(tmp_path, settings(box, "ibana"), streams=["ibana_invoices"], reads=False)
        until(lambda: in_pipe(tap.process.stdout) >= 60_000)
        tap.process.terminate()
        assert tap.wait(SOON) == 143
        with tap.process.stdout as stdout:
            told = [line for line in stdout if line.startswith(STATE)]  # one, if the pipe had just so much room
    assert ("the last lines did not get away, nor did a state" in tap.log) is not bool(told)


def test_a_signal_ends_it_though_the_thread_that_takes_it_waits_for_the_reader(box, tmp_path):
    """The main thread writes all schemas, which are more than a pipe holds."""
    tap = Tap(tmp_path, settings(box), streams=STREAMS, reads=False)
    until(lambda: in_pipe(tap.process.stdout) >= 30_000)
    tap.process.terminate()
    assert tap.wait(SOON) == 143
    tap.process.stdout.close()


def test_a_write_that_is_cut_short_is_gone_on_with(monkeypatch):
    class Short(io.BytesIO):
        def write(self, data):
            return super().write(bytes(data)[:7])

    stdout = SimpleNamespace(buffer=Short(), flush=lambda: None)
    monkeypatch.setattr(sys, "stdout", stdout)
    writer = BufferedWriter()
    writer.write_line(b"a line of more than seven bytes\n")
    writer.flush()
    assert stdout.buffer.getvalue() == b"a line of more than seven bytes\n"


def in_pipe(stream):
    """How many bytes wait in a pipe."""
    return struct.unpack("i", fcntl.ioctl(stream, termios.FIONREAD, b"\0" * 4))[0]


SIGNAL_WHILE_THE_STATE_IS_READ = """
import os
from tap_invoices import __main__, tap
tap.read_state = lambda *_: os.kill(os.getpid(), {number})
__main__.main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_before_the_sync_begins_tells_no_state(box, tmp_path, number, code):
    """What would be told then is empty, and would take the place of the user's."""
    first = sync(settings(box, "matas"), streams=["matas_invoice_details"])
    script = SIGNAL_WHILE_THE_STATE_IS_READ.format(number=int(number))
    arguments = command(tmp_path, settings(box, "matas"), first.state, streams=["matas_invoice_details"])
    given = arguments[arguments.index("tap_invoices") + 1 :]
    done = subprocess.run([sys.executable, "-c", script, *given], env=environment(), capture_output=True, check=False)  # noqa: S603
    assert done.returncode == code
    assert done.stdout == b""
    assert b"Traceback" not in done.stderr


def test_a_signal_tells_no_state_of_rows_whose_batch_file_is_still_to_come(tmp_path, monkeypatch):
    finish = Bookmark.finish
    monkeypatch.setattr(Bookmark, "finish", lambda self: (finish(self), os.kill(os.getpid(), signal.SIGTERM)))
    storage = {"root": tmp_path.as_uri(), "prefix": ""}
    batches = {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": storage}
    with Sandbox(invoices=60) as box, own_signals():
        out = io.StringIO()
        with contextlib.redirect_stdout(out), pytest.raises(SystemExit, match="143"):
            TapInvoices(config=settings(box, "ibana", batch_config=batches)).run()
    assert '"BATCH"' not in out.getvalue()
    assert out.getvalue().splitlines()[-1] == '{"type":"STATE","value":{"bookmarks":{}}}'


def test_a_full_disk_ends_it_at_once(box, tmp_path):
    """A stream that went on after rows were lost would write a state that has passed them."""
    arguments = command(tmp_path, settings(box, "ibana", "matas"), streams=["ibana_invoices", "matas_invoices"])
    with (
        open("/dev/full", "wb") as full,  # noqa: PTH123
        forked.Process(arguments, env=environment(), stdout=full, stderr=subprocess.PIPE) as process,
    ):
        log = process.stderr.read()
    assert process.returncode == 1
    assert log.count(b"stdout cannot be written: No space left on device") == 1
    assert b"Traceback" not in log
    assert b"matas_invoices" not in log


def test_a_stdout_that_is_closed_is_told(box, tmp_path):
    arguments = command(tmp_path, settings(box, "ibana"), streams=["ibana_invoices"])
    shell = ["/bin/sh", "-c", '"$@" >&-', "sh", *arguments]
    done = subprocess.run(shell, env=environment(), stderr=subprocess.PIPE, check=False)  # noqa: S603  (of our own making)
    assert done.returncode == 1
    assert done.stderr.count(b"stdout cannot be written: it is closed") == 1
    assert b"nexpected" not in done.stderr


class Watched(dict):
    """A state that remembers what it was after each change."""

    def __init__(self):
        super().__init__()
        self.was = []

    def __setitem__(self, name, value):
        super().__setitem__(name, value)
        self.was.append(dict(self))

    def update(self, *given):
        super().update(*given)
        self.was.append(dict(self))


def test_no_moment_shows_a_bookmark_without_the_failed_items_that_it_has_passed():
    """A signal may tell the state between any two steps."""
    state = Watched()
    bookmark = Bookmark(
        key="at",
        properties={"at": {"format": "date-time"}},
        state=state,
        began=lambda: NOW,
        beside=lambda _: {"proof": 1},
        incremental=True,
    )
    bookmark.see([{"at": "2025-02-01T00:00:00Z"}])
    bookmark.settle({"broken": "2025-01-01T00:00:00.000000Z"}, [])
    bookmark.finish()
    moved = [state for state in state.was if "replication_key_value" in state]
    assert moved
    assert all(state["failed"] and state["proof"] for state in moved)


@pytest.mark.parametrize("bookmarks", [None, [], {"ibana_invoices": None}, {"x": {"failed": ["a"]}}])
def test_a_state_of_another_shape_is_refused(box, tmp_path, bookmarks):
    tap = Tap(tmp_path, settings(box, "ibana"), {"bookmarks": bookmarks}, streams=["ibana_invoices"])
    assert tap.wait() == 1
    assert "the state is not one that this tap has written" in tap.log
    assert "Unexpected" not in tap.log


def test_a_full_table_keeps_what_it_could_not_get(box):
    stream = "exsited_invoice_details"
    first = sync(settings(box, "exsited"), streams=[stream])
    item = next(iter(box.book("exsited").invoices))
    box.faults.add(path=f"/invoices/{item}$", times=None, action={"status": 400})
    whole = sync(settings(box, "exsited"), first.state, streams=[stream], full_table=[stream])
    assert list(whole.bookmark(stream)["failed"]) == [item]
    assert bookmark_of(whole, stream) == bookmark_of(first, stream)
    box.faults.clear()
    assert (item,) in sync(settings(box, "exsited"), whole.state, streams=[stream]).keys(stream)


def bookmark_of(run, stream):
    return run.bookmark(stream)["replication_key_value"]


def test_a_signal_while_it_waits_to_ask_again(box, tmp_path):
    box.faults.add(times=None, action={"retry_after": "500"})
    tap = Tap(tmp_path, settings(box, "ibana", max_retry_seconds=600), streams=["ibana_invoices"])
    until(lambda: "asking again in" in tap.log)
    tap.process.terminate()
    assert tap.wait(SOON) == 143


def test_a_reader_that_leaves_ends_it_quietly(tmp_path):
    with Sandbox(invoices=400) as box:
        config = settings(box, "ibana", "exsited")
        tap = Tap(tmp_path, config, streams=["ibana_invoices", "exsited_invoices"], reads=False)
        assert tap.process.stdout.readline().startswith(b"{")
        tap.process.stdout.close()
        assert tap.wait() == 141
    assert "Traceback" not in tap.log
    assert "ERROR" not in tap.log
    assert "BrokenPipe" not in tap.log
    assert tap.log.count("The reader of stdout has left") == 1


# State


def emitted_before_state(run, stream):
    """Yield each STATE's bookmark of a stream with the keys that were emitted before it."""
    names, before = run.key_names(stream), set()
    for message in run.messages:
        if message["type"] == "RECORD" and message["stream"] == stream:
            before.add(tuple(str(message["record"][name]) for name in names))
        elif message["type"] == "STATE":
            mark = bookmark_in(message["value"], stream)
            if value := mark.get("replication_key_value"):
                yield value, set(before), mark


INCREMENTAL = {
    "covage_invoices": "accounting_date",
    "covage_invoice_documents": "accounting_date",
    "matas_invoice_details": "changed_on",
    "ibana_invoices": "updatedAt",
    "exsited_invoices": "last_updated_on",
    "exsited_invoice_details": "last_updated_on",
    "exsited_invoice_information": "last_updated_on",
    "exsited_order_invoices": "last_updated_on",
    "exsited_account_invoices": "last_updated_on",
    "exsited_invoice_documents": "last_updated_on",
    "i3dnet_invoice_details": "changed_on",
    "i3dnet_invoice_details_by_number": "changed_on",
    "i3dnet_invoice_documents": "changed_on",
}


def comparable(value):
    return value if value is None or len(value) == 10 else value.replace("Z", "").ljust(26, "0")


def date_all(book, die):
    """Date the last changes within six years, and so the invoices of an order or account in any order."""
    for key in book.invoices:
        changed = NOW - timedelta(minutes=die.randrange(6 * 365 * 24 * 60))
        book.change(key, last_updated_on=f"{changed:%Y-%m-%dT%H:%M:%SZ}")


@pytest.mark.parametrize("stream", INCREMENTAL)
@pytest.mark.parametrize("newest_first", [False, True])
def test_no_state_covers_what_was_not_emitted(stream, newest_first, monkeypatch):
    """A STATE after every record: all that lies before its bookmark went out before it."""
    tell_every_state(monkeypatch)
    monkeypatch.setattr(InvoiceStream, "STATE_MSG_FREQUENCY", 1)
    with Sandbox(invoices=60) as box:
        box.now = NOW
        provider = stream.partition("_")[0]
        box.book(provider).newest_first = newest_first
        if stream in SUB_LISTS:
            date_all(box.book(provider), random.Random(1))
        config = settings(box, provider)
        if provider != "matas":
            config[provider]["page_size"] = 7
        run = sync(config, streams=[stream])
    name, keys = INCREMENTAL[stream], run.key_names(stream)
    values = {tuple(str(r[key]) for key in keys): r[name] for r in run.records[stream]}
    states = list(emitted_before_state(run, stream))
    assert states
    for bookmark, before, mark in states:
        covered = {key for key, value in values.items() if value and comparable(value) < comparable(bookmark)}
        assert covered <= before
        assert mark["version"] == 1


@pytest.mark.parametrize("stream", SUB_LISTS)
@pytest.mark.parametrize("seed", range(4))
def test_from_any_state_the_rest_of_orders_and_accounts_comes(stream, seed, monkeypatch):
    """Each sync breaks off right after a state; one of the owners could not be had until then."""
    tell_every_state(monkeypatch)
    die, owner = random.Random(seed), stream.split("_")[1]
    with Sandbox(invoices=0) as box:
        box.now = NOW
        book = box.book("exsited")
        for number in range(30):
            owners = {f"{owner}_id": f"O{min(number, die.randrange(12))}" for owner in ("order", "account")}
            book.add(created_on=f"20{20 + number // 6}-0{number % 6 + 1}-01T00:00:00Z", **owners)
        date_all(book, die)
        config = settings(box, "exsited")
        config["exsited"]["page_size"] = 3
        box.faults.add(path=f"/{owner}s/O{die.randrange(6)}/", times=None, action={"status": 400})
        whole = sync(config, streams=[stream])
        box.faults.clear()
        states = list(emitted_before_state(whole, stream))
        first_of_each = {value: (before, mark) for value, before, mark in reversed(states)}
        for before, mark in first_of_each.values():
            rest = sync(config, {"bookmarks": {stream: mark}}, streams=[stream])
            assert {key for _, key in before} | {record["id"] for record in rest.records[stream]} == {*book.invoices}
    assert len(first_of_each) > 1, "it moves while the stream runs"


def test_no_state_covers_what_its_batch_file_does_not_tell_of_yet(monkeypatch, tmp_path):
    tell_every_state(monkeypatch)
    stream = "exsited_invoice_details"
    storage = {"root": tmp_path.as_uri(), "prefix": ""}
    batches = {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": storage, "batch_size": 60}
    with Sandbox(invoices=240) as box:
        box.now = NOW
        run = sync(settings(box, "exsited", batch_config=batches), streams=[stream])
    kinds = [json.loads(line)["type"] for line in run.lines if '"SCHEMA"' not in line]
    assert kinds.count("BATCH") == 4
    assert kinds.count("STATE") > 2, "it comes on the way"
    assert all(before == "BATCH" for before, kind in pairwise(kinds[1:-2]) if kind == "STATE")


@pytest.mark.parametrize("stream", ["exsited_invoice_details", "matas_invoice_details", "i3dnet_invoice_details"])
def test_where_the_order_allows_state_comes_on_the_way(stream, monkeypatch):
    tell_every_state(monkeypatch)
    with Sandbox(invoices=600) as box:
        box.now = NOW
        config = settings(box, stream.partition("_")[0])
        run = sync(config, streams=[stream])
        marks = [mark for mark, _, _ in emitted_before_state(run, stream)]
        assert marks == sorted(marks)
        assert run.account(stream).emitted == 600
        if stream == "exsited_invoice_details":
            assert len(set(marks)) >= 4, "it moves while the stream runs"


def test_state_comes_at_least_every_ten_thousand_records_or_sixty_seconds():
    assert InvoiceStream.STATE_MSG_FREQUENCY <= 10_000
    assert output.STATE_SECONDS <= 60


def test_the_state_does_not_grow_with_the_invoices():
    sizes = []
    for count in (30, 200):
        with Sandbox(invoices=count) as box:
            box.now = NOW
            streams = ["matas_invoice_details", "exsited_order_invoices", "i3dnet_invoice_details", *STREAMS][:6]
            sizes.append(max(len(json.dumps(m)) for m in sync(settings(box), streams=streams).messages if "value" in m))
    assert abs(sizes[0] - sizes[1]) < 50
    assert max(sizes) < 4096


@pytest.mark.usefixtures("no_waits")
def test_so_many_failed_items_are_kept_and_the_bookmark_stays_before_the_others(monkeypatch):
    """Every other detail of 120 fails, of which 50 are kept; the next sync, when all is well again, gets them all."""
    assert states.MOST_FAILED == 500
    monkeypatch.setattr(states, "MOST_FAILED", 50)
    with Sandbox(invoices=120) as box:
        box.now = NOW
        box.faults.add(path="/matas/api/invoice/.*[02468]$", times=None, action={"status": 400})
        config = settings(box, "matas")
        run = sync(config, streams=["matas_invoice_details"])
        mark = run.bookmark("matas_invoice_details")
        assert len(mark["failed"]) == 50
        assert len(json.dumps(run.state)) < 64 * 1024
        came = set(run.keys("matas_invoice_details"))
        box.faults.clear()
        again = sync(config, run.state, streams=["matas_invoice_details"])
        assert not again.failures
        assert len(came | set(again.keys("matas_invoice_details"))) == 120
        assert "failed" not in again.bookmark("matas_invoice_details")


def test_of_failed_orders_that_are_not_kept_the_bookmark_stays_before_the_earliest_row(monkeypatch):
    monkeypatch.setattr(states, "MOST_FAILED", 1)
    stream = "exsited_order_invoices"
    with Sandbox(invoices=0) as box:
        box.now = NOW
        book, config = box.book("exsited"), settings(box, "exsited")
        for order, month in (("A", 6), ("B", 5), ("C", 5), ("C", 2), ("C", 4)):
            book.add(order_id=order, last_updated_on=f"2026-0{month}-01T00:00:00Z")
        for order, status in (("B", 400), ("C", 409)):
            box.faults.add(path=f"/orders/{order}/", action={"status": status})
        first = sync(config, streams=[stream])
        assert list(first.bookmark(stream)["failed"]) == ["B"]
        second = sync(config, first.state, streams=[stream])
        assert {*first.keys(stream), *second.keys(stream)} == {
            (row["order_id"], row["id"]) for row in book.invoices.values()
        }


@pytest.mark.parametrize("entry", [{"version": 3}, {"version": 2, "accounts": {ACCOUNT: {"version": 3}}}])
def test_a_state_from_the_future_is_refused_by_name(box, tmp_path, entry):
    done = process(tmp_path, settings(box, "ibana"), {"bookmarks": {"ibana_invoices": entry}})
    assert done.returncode == 1
    assert "ibana_invoices" in done.stderr
    assert "version 3" in done.stderr
    assert not done.stdout
    assert not box.requests


@pytest.mark.parametrize(
    "mark",
    [
        {"replication_key": "updatedAt", "replication_key_value": "2026-09-01T00:00:00+00:00"},
        {"replication_key": "updatedAt", "replication_key_value": "2026-09-01T02:00:00.000+02:00"},
        {"replication_key_value": "2026-09-01", "version": 0},
        {"replication_key_value": "2026-09-01T00:00:00.000000Z", "version": 1},
    ],
)
def test_an_older_state_is_understood(box, mark):
    run = sync(settings(box, "ibana"), {"bookmarks": {"ibana_invoices": mark}}, streams=["ibana_invoices"])
    assert not run.failures
    assert dict(box.requests[0].query)["updatedFrom"] == "2026-08-30T23:59:59Z"
    assert run.bookmark("ibana_invoices")["version"] == 1


def test_what_was_listed_but_not_fetched_is_fetched_next_time(box):
    """The list is through and its bookmark moved; its children ended early."""
    config = settings(box, "exsited", max_retry_seconds=0)
    box.faults.add(path="/exsited/api/v3/invoices/[^/]+$", after=10, times=None, action={"status": 503})
    streams = ["exsited_invoices", "exsited_invoice_details"]
    run = sync(config, streams=streams)
    assert set(run.failures) == {"exsited_invoice_details"}
    assert run.bookmark("exsited_invoices")["replication_key_value"]
    box.faults.clear()
    again = sync(config, run.state, streams=streams)
    assert len({*run.keys(streams[1]), *again.keys(streams[1])}) == 40
