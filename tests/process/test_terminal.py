"""What people see: live lines on a terminal, and logs that stay short elsewhere."""

import fcntl
import io
import json
import logging
import os
import pty
import re
import signal
import struct
import sys
import termios
import threading
import time
from contextlib import nullcontext, redirect_stdout
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from tap_invoices.cli import live, logs
from tap_invoices.cli import progress as terminal
from tap_invoices.counts import Counts, Doubling, Outcome
from tap_invoices.http.account import Account
from tap_invoices.sandbox import Sandbox
from tap_invoices.streams.ledger import Ledger
from tap_invoices.sync.report import Report
from tap_invoices.tap import TapInvoices
from tests.support import forked
from tests.support.run import (
    CHILDREN,
    DOCUMENTS,
    STREAMS,
    Clock,
    catalog_of,
    command,
    environment,
    own_signals,
    process,
    settings,
    tell_every_state,
    until,
)
from tests.sync.test_every_stream import BY_DEFAULT

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,.*\|")
"""What begins a line of the log."""
HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"
"""What hides the cursor, and shows it again."""


class Terminal:
    """A terminal of its own, with all that was written to it."""

    def __init__(self, columns=120, rows=40):
        self._ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._bytes = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # nobody writes any more
                return
            self._bytes += data

    def close(self):
        """Wait for all that was written."""
        os.close(self.theirs)
        self._reader.join()
        os.close(self._ours)

    def draw(self):
        """Wait until all lines have been drawn anew."""
        before = len(self.frames)
        until(lambda: len(self.frames) > before + 1)

    @property
    def raw(self):
        return self._bytes.decode(errors="replace")  # half a character, while more comes

    @property
    def text(self):
        return ESCAPES.sub("", self.raw)

    @property
    def frames(self):
        """All that was drawn: for each time, stream → line. A log may follow in the same line, from another thread."""
        return [
            {line.split()[0]: line for each in frame.splitlines()[1:] if (line := LOGGED.split(each)[0]).strip()}
            for frame in re.split(r"stream +records", self.text)[1:]
        ]

    @property
    def last(self):
        """The lines that stay."""
        return self.frames[-1]


@pytest.fixture
def show(tmp_path):
    """Run a sync as a process with stderr on a terminal, and return exit code, terminal and what went to stdout."""

    def run(config, streams=None, then=lambda _process: None, stdout=None, **variables):
        screen, out = Terminal(), tmp_path / "out"
        variables = environment(**{"TERM": "xterm-256color", **variables})
        words = command(tmp_path, config, streams=streams)
        with (
            out.open("wb") as file,
            forked.Process(
                words, stdout=screen.theirs if stdout == "terminal" else file, stderr=screen.theirs, env=variables
            ) as process,
        ):
            then(process)
        screen.close()
        return process.returncode, screen, [json.loads(line) for line in out.read_text("utf-8").splitlines()]

    return run


@pytest.fixture
def watch(monkeypatch):
    """Run a sync in this process with stderr on a terminal, and return the terminal; it is `watch.screen` before."""
    monkeypatch.setattr(live, "_REFRESHES_PER_SECOND", 40)

    def run(config, streams=None, **size):
        run.screen = screen = Terminal(**size)
        fd_2 = os.dup(2)
        monkeypatch.setenv("TERM", "xterm-256color")
        for name in ("COLUMNS", "LINES"):  # as a worker of a parallel test run has them
            monkeypatch.delenv(name, raising=False)
        os.dup2(screen.theirs, 2)
        with os.fdopen(2, "w", encoding="utf-8", closefd=False) as stderr, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stderr)
            handler = logging.StreamHandler(stderr)
            logging.getLogger().addHandler(handler)
            with own_signals(), redirect_stdout(io.StringIO()):
                tap = TapInvoices(config=config, catalog=streams and catalog_of(config, streams))
                with tap.shown():
                    tap.sync_all()
            assert handler.stream is stderr
            logging.getLogger().removeHandler(handler)
        os.dup2(fd_2, 2)
        os.close(fd_2)
        screen.close()
        return screen

    return run


# Live lines


def test_each_selected_stream_has_a_line(box, show):
    code, screen, messages = show(settings(box), STREAMS)
    assert code == 0
    assert list(screen.last) == [message["stream"] for message in messages if message["type"] == "SCHEMA"]
    assert all("complete" in line for line in screen.last.values())
    emitted = [message["stream"] for message in messages if message["type"] == "RECORD"]
    for name, line in screen.last.items():
        assert int(line.split()[1]) == emitted.count(name)


def test_streams_of_all_providers_have_a_line_for_each_and_none_that_stays_queued(watch):
    with Sandbox(invoices=25) as box:
        screen = watch(box.config("ibana", "covage"), ["ibana_invoices", "invoices"])
    stays = screen.text.rpartition("stream ")[2]
    assert re.findall(r"^\w+_\w+|^invoices \(\w+\)|^invoices", stays, re.MULTILINE) == [
        "invoices (covage)",
        "ibana_invoices",
        "invoices (ibana)",
    ]
    assert "queued" not in stays


def test_of_many_accounts_the_streams_in_flight_have_a_line(watch):
    with Sandbox(invoices=25, accounts=["acme", "beta"]) as box:
        box.on_request(lambda _: watch.screen.draw())
        screen = watch({**box.accounts_config("ibana"), "accounts_at_once": 1}, ["ibana_invoices"])
    assert next({*frame} for frame in screen.frames if frame) == {"acme"}
    assert "beta ibana_invoices" in screen.text
    assert not any(screen.frames[-1])


def test_an_account_that_has_ended_takes_only_its_own_lines_away():
    """One of the same name at another provider is in flight."""
    accounts = [Account("ibana", "acme", {}), Account("covage", "acme", {}), Account("ibana", "beta", {})]
    report = Report(accounts, logging.getLogger("tap-invoices"), Ledger(None), lambda _: ())
    for account in accounts[:2]:
        streams = (f"{account.provider}_invoices", "invoices")
        report.watch(account, {stream: (Counts(stream), None) for stream in streams})
    assert len(report.board()) == 4
    report.log_end(accounts[0])
    assert list(report.board()) == ["acme covage_invoices", "acme invoices (covage)"]


def test_a_signal_leaves_terminal_and_messages_in_order(show):
    with Sandbox(invoices=2000, latency=0.3) as slow:

        def stop(process):
            until(lambda: len(slow.requests) >= 5 or process.poll() is not None)
            process.send_signal(signal.SIGTERM)

        code, screen, messages = show(settings(slow), then=stop)
    assert code == 128 + signal.SIGTERM
    assert screen.raw.count(HIDDEN) == screen.raw.count(SHOWN) == 1
    assert "Stopped by SIGTERM" in screen.text
    assert messages[-1]["type"] == "STATE"


def test_a_failure_is_told_in_its_line_and_after_all_of_them(box, show):
    box.faults.add(provider="matas", path="/invoice/", times=None, action={"status": 403})
    streams = ["matas_invoices", "matas_invoice_details"]
    code, screen, _ = show(settings(box, "matas"), streams, TAP_INVOICES_LOGLEVEL="debug")
    assert code == 1
    assert re.search(r"failed, \d+\.\d s", screen.last["matas_invoice_details"])
    assert "complete" in screen.last["matas_invoices"]
    assert screen.text.rindex("1 of 2 streams are not whole") > screen.text.rindex("failed, ")
    assert screen.raw.index(HIDDEN) < screen.raw.index(SHOWN)
    assert "sandbox-matas" not in screen.text  # nor any other secret


def test_pages_and_items_are_told_of_how_many(box, watch):
    config = settings(box, "covage", "i3dnet")
    config["covage"]["page_size"] = config["i3dnet"]["page_size"] = 10
    last = watch(config).last
    assert "page 3 of 3 " in last["covage_invoices"]
    assert "page 3 " in last["i3dnet_invoices"]  # which tells no total
    assert " 25 of 25 " in last["i3dnet_invoice_details"]


def test_warnings_stand_above_the_lines_and_are_whole_and_what_the_lines_tell_is_not_logged(
    box,
    watch,
    caplog,
    no_waits,  # noqa: ARG001
):
    caplog.set_level(logging.INFO)
    box.faults.add(provider="ibana", action={"status": 503})
    screen = watch(settings(box, "ibana"), columns=60)
    (told,) = re.findall(r"ibana_invoices: 503 .*\n", screen.text)
    assert told.rstrip().endswith(" s")
    assert screen.text.rindex(told) < screen.text.rindex("complete, ")
    assert "LEDGER" not in screen.text


def test_retries_and_waits_are_told(box, watch, monkeypatch):
    """It waits until that is to be seen."""
    told = re.compile(r"ibana_invoices .* waits [3-6]\d s, 1 retries")
    sleep = Mock(side_effect=lambda _: until(lambda: told.search(watch.screen.text)))
    monkeypatch.setattr("tap_invoices.http.retry.FIRST_WAIT", 50)
    monkeypatch.setattr("tap_invoices.http.retry.time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))
    box.faults.add(provider="ibana", action={"status": 503})
    screen = watch(settings(box, "ibana"))
    assert sleep.call_count == 1
    assert re.search(r"complete, \d+\.\d s, 1 retries", screen.last["ibana_invoices"])


def test_a_rate_is_told_while_rows_come(watch):
    with Sandbox(invoices=40) as slow:
        slow.on_request(lambda _: watch.screen.draw())
        config = settings(slow, "covage", max_retry_seconds=0)
        config["covage"]["page_size"] = 10
        screen = watch(config)
    assert re.search(r"covage_invoices .* [1-9]\d*/s reading", screen.text)
    assert "/s" not in screen.last["covage_invoices"]


@pytest.mark.parametrize("columns", [100, 80, 40, 20])
def test_lines_are_never_longer_than_the_terminal(box, watch, columns):
    screen = watch(settings(box), STREAMS, columns=columns)
    lines = ESCAPES.sub("", screen.raw.rpartition("records")[2]).splitlines()[1:]
    assert len(lines) == len(STREAMS)
    assert all(len(line) <= columns for line in lines)
    assert all(line.split()[1].isdecimal() for line in lines)


def test_no_more_lines_are_drawn_than_the_terminal_has(watch):
    with Sandbox(invoices=25) as slow:
        slow.on_request(lambda request: request.path.endswith("s") and watch.screen.draw())
        screen = watch(settings(slow, max_retry_seconds=0), BY_DEFAULT - set(DOCUMENTS), rows=6)
    *before, last = screen.frames
    assert {len(frame) for frame in before} == {5}
    assert len(last) == 9


def test_lines_of_streams_that_have_ended_make_room_first(box, watch):
    """The last provider does not answer before its lines are there."""

    def are_shown():
        return any({"matas_invoices", "matas_invoice_details"} <= frame.keys() for frame in watch.screen.frames)

    with Sandbox(invoices=25) as last:
        last.on_request(lambda _: until(are_shown))
        watch({**settings(box, max_retry_seconds=0), **last.config("matas")}, rows=6)
    assert are_shown()


# Where there are none


def test_a_terminal_that_gets_the_messages_too_is_left_to_the_logs(box, show):
    code, screen, _ = show(settings(box, "ibana"), stdout="terminal")
    assert code == 0
    assert HIDDEN not in screen.raw
    assert "LEDGER" in screen.text


@pytest.mark.parametrize(
    ("terminals", "name", "rich", "expected"),
    [
        (("stderr",), "xterm", "there", live.LiveLines),
        ((), "xterm", "there", nullcontext),
        (("stderr", "stdout"), "xterm", "there", nullcontext),
        (("stderr",), "dumb", "there", nullcontext),
        (("stderr",), "xterm", None, nullcontext),
    ],
)
def test_when_there_are_lines(monkeypatch, terminals, name, rich, expected):
    for stream in ("stderr", "stdout"):
        monkeypatch.setattr(sys, stream, Mock(isatty=lambda stream=stream: stream in terminals))
    monkeypatch.setenv("TERM", name)
    monkeypatch.setattr(terminal, "find_spec", lambda _: rich)
    assert isinstance(terminal.shown(dict), expected)


# One line


@pytest.fixture
def line():
    """A line of a list with pages, and its counts."""
    counts = Counts("covage_invoices")
    return live.Line(counts.stream, counts, 100), counts


def test_a_stream_that_has_not_begun_is_queued(line):
    told, _ = line
    assert told.cells() == {"records": "0", "read": "", "rate": ""}
    assert told.state().plain == "queued"


def test_counts_are_told(line):
    told, account = line
    account.count(requests=13, read=1250)
    account.expected, account.emitted = 100_000, 1200
    assert told.cells() | {"rate": ""} == {"records": "1,200", "read": "page 13 of 1,000", "rate": ""}
    assert told.state().plain == "reading"
    account.count(read=98_750)
    assert told.state().plain == "writing"
    account.emitted = 0
    assert told.state().plain == "read, waits"
    account.count(failed=2, gone=1)
    account.end(Outcome.PARTIAL)
    assert told.state().plain == "partial, 0.0 s, 2 failed, 1 gone"
    assert told.cells()["rate"] == ""


def test_the_rate_is_that_of_the_last_seconds(line, monkeypatch):
    told, account = line
    clock = iter([0.0, 1.0, 2.0, 8.0])
    monkeypatch.setattr("tap_invoices.cli.live.time.monotonic", lambda: next(clock))
    rates = []
    for rows in (0, 100, 100, 0):
        account.read += rows
        rates.append(told.cells()["rate"])
    assert rates == ["", "100/s", "100/s", ""]


def test_a_wait_is_told_until_it_is_over(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("tap_invoices.counts.time", clock)
    account = Counts("a_stream")
    account.wait(5)
    account.wait(1)
    assert account.waiting == 5
    assert account.retries == 2
    clock.sleep(4)
    assert account.waiting == 1
    clock.sleep(1.5)
    assert account.waiting == 0


# Logs


@pytest.mark.parametrize("invoices", [25, 100])
def test_a_sync_of_all_streams_fits_on_two_screens_however_much_there_is(tmp_path, invoices):
    with Sandbox(invoices=invoices) as served:
        done = process(tmp_path, settings(served), streams=STREAMS)
    lines = done.stderr.splitlines()
    assert done.returncode == 0
    assert len(lines) < 80
    assert "METRIC" not in done.stderr
    assert "\x1b" not in done.stderr
    for name in STREAMS:
        assert sum(f" {name} complete: " in line for line in lines) == 1
        assert sum('LEDGER: {"sync"' in line and f'"stream": "{name}"' in line for line in lines) == 1


def test_metrics_go_where_a_log_configuration_sends_them(box, tmp_path):
    given = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "console": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"},
            "file": {"class": "logging.FileHandler", "filename": str(tmp_path / "metrics.log")},
        },
        "loggers": {"singer_sdk.metrics": {"level": "INFO", "handlers": ["file"], "propagate": False}},
        "root": {"level": "INFO", "handlers": ["console"]},
    }
    path = tmp_path / "logs.yaml"
    path.write_text(json.dumps(given), encoding="utf-8")
    done = process(tmp_path, settings(box, "ibana"), streams=["ibana_invoices"], SINGER_SDK_LOG_CONFIG=str(path))
    assert "LEDGER" in done.stderr
    assert "METRIC" not in done.stderr
    assert (tmp_path / "metrics.log").read_text("utf-8").count("METRIC: ") == 2


@pytest.mark.parametrize(("level", "told"), [(logging.INFO, False), (logging.DEBUG, True)])
def test_metrics_are_on_stderr_at_debug_alone(monkeypatch, level, told):
    stderr, elsewhere = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    root, metrics = logging.getLogger(), logging.getLogger("singer_sdk.metrics")
    monkeypatch.setattr(root, "handlers", [logging.StreamHandler(stderr), logging.StreamHandler(elsewhere)])
    before = metrics.level
    metrics.setLevel(level)
    logs.quieten()
    metrics.info("METRIC: %s", 1)
    metrics.setLevel(before)
    assert ("METRIC" in stderr.getvalue()) is told
    assert "METRIC" in elsewhere.getvalue()


def test_items_that_are_gone_do_not_flood(sync, caplog):
    with Sandbox(invoices=60) as served:
        served.faults.add(path=CHILDREN["matas_invoice_details"], times=None, action={"status": 404})
        run = sync(settings(served, "matas"))
    told = [message for message in caplog.messages if message.startswith("matas_invoice_details: ")]
    assert len(told) == 22
    assert "left out, for it is gone" in told[19]
    assert told[20] == "matas_invoice_details: 20 items in a row seem gone; the next sync asks for them again"
    assert told[21] == "matas_invoice_details: more items could not be had; from here on they are only counted"
    assert run.account("matas_invoice_details").gone == 60


def test_a_long_sync_says_ever_more_seldom_how_far_it_is(sync, caplog, monkeypatch):
    tell_every_state(monkeypatch)
    caplog.set_level(logging.INFO)
    with Sandbox(invoices=100) as served:
        config = settings(served, "covage")
        config["covage"]["page_size"] = 1
        sync(config)
    told = [message for message in caplog.messages if message.startswith("covage_invoices so far: ")]
    assert [int(message.split()[-2]) for message in told] == [1, 2, 4, 8, 16, 32, 64, 100]
    assert told[-1] == "covage_invoices so far: 100 expected, 100 read, 100 emitted"


def test_doubling():
    is_due = Doubling()
    assert [number for number in range(1, 20) if is_due()] == [1, 2, 4, 8, 16]
