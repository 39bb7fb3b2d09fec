"""Fetching ahead changes how long a sync takes, and nothing else: same messages, same order, bounded, and soon over."""

from __future__ import annotations

import errno
import io
import json
import pickle
import re
import subprocess
import threading
import time
from collections import defaultdict
from random import Random
from unittest.mock import Mock, patch
from uuid import uuid4

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_invoices.concurrency.limiter import Limiter
from tap_invoices.concurrency.pool import Pool
from tap_invoices.concurrency.spill_queue import LEAST, MEMORY, SHARED, AbandonedError, BatchQueue, Memory
from tap_invoices.http.client import Client
from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW
from tests.support import forked
from tests.support.run import CHILDREN, COMMAND, PATIENCE, PROVIDERS, STREAMS, environment, settings, sync, until


@pytest.fixture
def shaky(no_waits):  # noqa: ARG001
    """A sandbox whose answers take their time, each another one, and sometimes fail first."""
    die, lock = Random(5), threading.Lock()

    def dawdle(_request):
        with lock:
            seconds = die.choice((0, 0, 0.002, 0.01))
        time.sleep(seconds)

    with Sandbox(invoices=60) as served:
        served.now = NOW
        served.on_request(dawdle)
        served.faults.add(path="/invoices?/|/pdf", after=9, times=6, action={"status": 503})
        served.faults.add(path="/invoice", after=30, times=3, action={"reset": True})
        yield served


def messages(run):
    """Return all messages but for what depends on the moment."""
    found = [json.loads(line) for line in run.lines]
    return [{name: value for name, value in one.items() if name != "time_extracted"} for one in found]


def by_account(run):
    """Return the records of each stream, those of all providers apart: between accounts, their order is free."""
    found = defaultdict(list)
    for stream, records in run.records.items():
        for record in records:
            found[stream, record.get("provider")].append(record)
    return found


def test_one_connection_and_sixteen_give_the_same_messages_in_the_same_order(shaky, sync):
    config = {**shaky.config(), "documents": {"mode": "inline"}}
    for name in ("covage", "ibana", "exsited", "i3dnet"):
        config[name]["page_size"] = 7
    runs = [sync({**config, "max_connections": count}, select="*") for count in (1, 16)]
    assert runs[0].failures == runs[1].failures == {}
    one, sixteen = map(messages, runs)
    for stream in STREAMS:
        assert [m for m in one if m.get("stream") == stream] == [m for m in sixteen if m.get("stream") == stream]
    assert one[-1] == sixteen[-1], "the state in the end"


def test_no_more_requests_are_in_flight_than_allowed(sync, monkeypatch):
    in_flight, start = [], Limiter.start

    def watched(limiter):
        before = start(limiter)
        in_flight.append(limiter._in_flight)
        return before

    def hold(request):
        if re.search(CHILDREN["i3dnet_invoice_details"], request.path):
            until(lambda: max(in_flight) >= 3)

    monkeypatch.setattr(Limiter, "start", watched)
    with Sandbox(invoices=40) as box:
        box.now = NOW
        box.on_request(hold)
        own = {**box.config("i3dnet")["i3dnet"], "max_connections": 3}
        assert not sync({"i3dnet": own, "max_connections": 16, "max_retry_seconds": 0}).failures
    assert max(in_flight) == 3


def test_all_providers_are_asked_at_the_same_time(box):
    """The first answer of each takes longer than it takes to ask them all."""
    for provider in PROVIDERS:
        box.faults.add(provider=provider, action={"delay": 1})
    assert not sync(box.config()).failures
    first = {}
    for request in box.requests:
        first.setdefault(request.provider, request.time)
    assert first.keys() == set(PROVIDERS)
    assert max(first.values()) - min(first.values()) < 1


def test_a_client_is_made_once_and_in_its_accounts_thread(box, monkeypatch):
    """With session and sign-in: what two threads make at the same time has two tokens, and a pace of its own."""
    made, make = [], Client.__init__

    def noted(client, portal, *rest, **more):
        made.append((portal.name, threading.current_thread().name))
        make(client, portal, *rest, **more)
        assert {"session", "auth"} <= vars(client).keys()

    monkeypatch.setattr(Client, "__init__", noted)
    run = sync(settings(box))
    assert not run.failures
    assert sorted(made) == sorted((name, f"account-{name}/default") for name in PROVIDERS)


def test_a_slow_reader_gets_whole_lines(tmp_path):
    with Sandbox(invoices=300) as box:
        config = tmp_path / "config.json"
        config.write_text(json.dumps(box.config()))
        process = forked.Process(
            [*COMMAND, "--config", str(config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        received = b""
        while chunk := process.stdout.read1(50_000):
            received += chunk
            time.sleep(0.002)
        process.stdout.close()
        assert process.wait(PATIENCE) == 0
    lines = received.decode().splitlines()
    records = [m for m in map(json.loads, lines) if m["type"] == "RECORD"]
    assert len(records) > 300 * 5
    assert received.endswith(b"\n")


# The queue


def fill(queue, items, size=10):
    for item in items:
        queue.put(item, size)
    queue.close()


@given(items=st.lists(st.integers(), max_size=60), memory=st.integers(0, 300), read_first=st.integers(0, 20))
def test_a_spool_gives_back_what_went_in_in_order(items, memory, read_first):
    queue = BatchQueue(memory)
    for item in items:
        queue.put(item, 10)
    reader = iter(queue)
    taken = [next(reader) for _ in range(min(read_first, len(items)))]
    queue.close()
    assert taken + list(reader) == items


def test_what_nobody_reads_yet_goes_to_a_file_beyond_the_memory():
    queue = BatchQueue(memory=100)
    fill(queue, range(1000))
    assert len(queue._items) == 10
    assert queue._in_file == 990
    assert list(queue) == list(range(1000))
    assert queue._file is None


def test_queues_share_their_memory_and_each_may_hold_a_little():
    memory, size = Memory(4 * LEAST), LEAST // 4
    greedy, modest = BatchQueue(shared=memory), BatchQueue(shared=memory)
    fill(greedy, range(40), size)
    fill(modest, range(10), size)
    assert (len(greedy._items), greedy._in_file) == (16, 24)
    assert (len(modest._items), modest._in_file) == (4, 6)
    greedy.abandon()
    assert list(modest) == list(range(10))
    assert memory.has(4 * LEAST)
    assert not memory.has(4 * LEAST + 1)


def test_a_sync_gives_its_memory_back(box, sync):
    done = sync(box.config("ibana", "matas"), select="*")
    assert done.tap.front.memory.has(SHARED)


def test_rows_of_the_unified_streams_wait_in_a_file_for_all_that_is_written_before_them(box, sync, monkeypatch):
    monkeypatch.setattr("tap_invoices.sync.reader.LEAST", 0)
    with patch.object(BatchQueue, "_write", autospec=True, side_effect=BatchQueue._write) as write:
        done = sync(box.config("exsited"), select=["exsited_invoices", "invoices", "invoice_lines"])
    waited = [len(call.args[1].rows) for call in write.call_args_list]
    assert sum(waited) == 2 * len(done.records["exsited_invoices"]) == 2 * len(done.records["invoices"])


def test_a_writer_waits_for_a_reader_once_there_is_one():
    queue = BatchQueue(memory=400)
    queue._write = Mock()
    queue.put(0, 10)
    reader = iter(queue)
    assert next(reader) == 0
    thread = threading.Thread(target=fill, args=(queue, range(1, 1000)), daemon=True)
    thread.start()
    until(lambda: queue._held == 100)
    for number in range(1, 1000):
        assert queue._held <= 100
        assert next(reader) == number
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert not queue._write.called, "nothing went to the file"


def taking(queue):
    """Take all items in a thread, and return that with what it has so far."""
    taken = []
    thread = threading.Thread(target=lambda: taken.extend(queue), daemon=True)
    thread.start()
    until(lambda: queue._reading)
    return thread, taken


@pytest.mark.parametrize("last", ["large", "full", "closed"])
def test_a_reader_who_waits_leaves_small_items_to_gather(last, monkeypatch):
    monkeypatch.setattr("tap_invoices.concurrency.spill_queue._LINGER", 10 * PATIENCE)
    queue = BatchQueue()
    thread, taken = taking(queue)
    for number in range(3):
        queue.put(number, 10)
        time.sleep(0.02)
        assert not taken
    if last == "full":
        queue._memory = 100
    if last != "closed":
        queue.put(3, MEMORY if last == "large" else 10)
        until(lambda: taken[:3] == [0, 1, 2])
    queue.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert taken[:3] == [0, 1, 2]


def test_a_reader_who_waits_leaves_small_items_only_for_a_moment():
    queue = BatchQueue()
    _, taken = taking(queue)
    for number in range(3):
        queue.put(number, 10)
        until(lambda: taken and taken[-1] == number)  # noqa: B023


class SmallDisk(io.FileIO):
    """A temporary file on a disk that takes a few bytes, and of the last write only a part."""

    room = 300

    def write(self, data):
        if not (taken := min(len(data), self.room - self.tell())):
            raise OSError(errno.ENOSPC, "full")
        return super().write(data[:taken])


@pytest.fixture(params=["small", "none"])
def no_room(request, tmp_path, monkeypatch):
    def temporary_file(**_options):
        if request.param == "none":
            raise FileNotFoundError
        return SmallDisk(tmp_path / uuid4().hex, "w+b")

    monkeypatch.setattr("tap_invoices.concurrency.spill_queue.tempfile.TemporaryFile", temporary_file)


@given(items=st.lists(st.binary(max_size=60), max_size=40), memory=st.integers(0, 100))
@pytest.mark.usefixtures("no_room")
@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_where_the_file_cannot_grow_memory_takes_all_if_the_writer_must_not_wait(items, memory):
    queue = BatchQueue(memory, may_wait=False)
    fill(queue, items)
    assert list(queue) == items


@pytest.mark.usefixtures("no_room")
def test_where_the_file_cannot_grow_the_writer_waits():
    queue = BatchQueue(memory=100)
    thread = threading.Thread(target=fill, args=(queue, range(1000)), daemon=True)
    thread.start()
    until(lambda: not queue._overflow)
    assert queue._held <= 100
    assert list(queue) == list(range(1000))
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.mark.usefixtures("no_room")
def test_a_sync_is_whole_without_room_for_temporary_files(box, sync, monkeypatch):
    config = {**box.config(), "documents": {"mode": "inline"}}
    usual = sync(config, select="*")
    monkeypatch.setattr(BatchQueue.__init__, "__defaults__", (1000,))
    for name in ("pending._MEMORY", "children._MEMORY", "documents._IN_MEMORY"):
        monkeypatch.setattr(f"tap_invoices.streams.{name}", 1000)
    monkeypatch.setattr("tap_invoices.streams.documents.tempfile.SpooledTemporaryFile", lambda _: io.BytesIO())
    done = sync(config, select="*")
    assert not done.failures
    assert by_account(done) == by_account(usual)


def test_a_writer_is_let_go_when_the_reader_leaves():
    queue = BatchQueue(memory=10, overflow=False)
    caught = []

    def write():
        with pytest.raises(AbandonedError) as left:
            fill(queue, range(1000))
        caught.append(left)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    assert next(iter(queue)) == 0
    queue.abandon()
    thread.join(PATIENCE)
    assert caught


def test_an_error_comes_after_what_was_there_before_it():
    queue = BatchQueue(memory=10)
    queue.put("one", 10)
    queue.put("two", 10)
    queue.close(ValueError("the end"))
    reader = iter(queue)
    assert [next(reader), next(reader)] == ["one", "two"]
    with pytest.raises(ValueError, match="the end"):
        next(reader)


# The pool


def test_a_pool_keeps_the_order_of_the_items():
    die = Random(3)
    waits = [die.random() / 200 for _ in range(60)]
    pool = Pool("test", 8)
    outcomes = pool.in_order(lambda number: (time.sleep(waits[number]), number)[1], range(60))
    assert [future.result() for _, future in outcomes] == list(range(60))
    pool.close()


def test_a_pool_runs_only_a_little_ahead():
    started = []
    pool = Pool("test", 4)
    outcomes = pool.in_order(lambda number: started.append(number) or number, range(1000))
    next(outcomes)
    time.sleep(0.05)
    assert len(started) <= 2 * 4 + 1
    outcomes.close()
    pool.close()


def test_what_fails_in_a_pool_is_raised_where_it_is_read():
    pool = Pool("test", 2)
    outcomes = list(pool.in_order(lambda number: 1 // number, (1, 0, 2)))
    assert outcomes[0][1].result() == 1
    with pytest.raises(ZeroDivisionError):
        outcomes[1][1].result()
    pool.close()


def test_a_batch_can_wait_in_a_file(box, sync):
    """Whatever a stream emits can be pickled, verbatim rows too."""
    run = sync(box.config("ibana"))
    stream = run.stream("ibana_invoices")
    page = stream.fetch_page(stream.new_paginator().current_value)
    assert pickle.loads(pickle.dumps(page)).keys == page.keys  # noqa: S301
