"""Stdout and the state, which all accounts share: whole lines, and the bookmarks that they bear out, in one step."""

from __future__ import annotations

import copy
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from singer_sdk.helpers._state import StateWriter
from typing_extensions import override

from tap_invoices.streams.bookmark import STATE_VERSION
from tap_invoices.streams.writer import BufferedWriter, LastStateWriter

if TYPE_CHECKING:
    from singer_sdk.singerlib.encoding.simple import Message

    from tap_invoices.http.account import Account

STATE_SECONDS = 10.0
"""A STATE message goes out no more often than this, but for the last."""

_STATE_SHARE = 100
"""A state that takes long to write waits so many times as long, and takes 1 % of the time at most."""

_PATIENCE = 2.0
"""Seconds for which whoever stops the tap waits for what is being written, and for the last state."""

Bookmarks = Mapping[str, Mapping[str, Any]]


class Output:
    """Takes each account's lines and bookmarks, and tells the state of all.

    Args:
        writer: What writes to stdout.
        state: The tap's state, which is written to.
    """

    def __init__(self, writer: BufferedWriter, state: dict[str, Any]) -> None:
        self._writer = writer
        self._state_writer = LastStateWriter(writer)
        self._state = state
        self._lock = threading.Lock()
        self._holder: int | None = None
        self._then: Callable[[], None] | None = None
        self._ended: BaseException | None = None
        self._due_at = time.monotonic() + STATE_SECONDS

    def is_state_due(self) -> bool:
        """Tell whether it is time to tell a state."""
        return time.monotonic() >= self._due_at

    def bookmarks_of(self, account: Account, streams: Iterable[str]) -> dict[str, Any]:
        """Return a copy of an account's bookmarks, by stream."""
        with self._lock:
            entries = self._state.get("bookmarks", {})
            found = {name: entries.get(name, {}).get("accounts", {}).get(account.key_in(name)) for name in streams}
            return {name: copy.deepcopy(bookmark) for name, bookmark in found.items() if bookmark}

    def take(self, account: Account, lines: list[bytes], bookmarks: Bookmarks) -> None:
        """Write an account's lines, and keep the bookmarks that these lines bear out."""
        with self.turn():
            self._writer.write_lines(lines)
            self._keep(account, bookmarks)
            if self.is_state_due():
                self._write_state()

    def write_state(self) -> None:
        """Write the state, if it is another than the last one, or anything came after that."""
        with self.turn():
            self._write_state()

    def finish(self) -> None:
        """Write the last state, which comes after all else, though it may be empty."""
        with self.turn():
            self._write_last()

    def stop(self, signum: int, logger: logging.Logger) -> None:
        """End the tap on a signal, with the state between two lines.

        Where the lines that are being written do not get away within a moment, no state can be told.
        """
        name = signal.Signals(signum).name

        is_out = threading.Event()

        def give_up() -> None:
            if not is_out.is_set():  # else it is the log that nobody reads
                logger.warning("Stopped by %s; the last lines did not get away, nor did a state", name)
                logging.shutdown()
            os._exit(128 + signum)  # a thread is writing to stdout, and holds what Python would wait for

        watch = threading.Timer(_PATIENCE, give_up)
        watch.daemon = True

        def leave() -> None:
            self._holder = threading.get_ident()
            self._write_last()
            is_out.set()
            logger.warning("Stopped by %s; what was emitted is in the state", name)
            watch.cancel()
            sys.exit(128 + signum)

        watch.start()
        self._ended = self._ended or SystemExit(128 + signum)  # so that none of those who wait for a turn writes before
        if self._holder == threading.get_ident():
            self._then = leave
        else:
            self._lock.acquire()  # and nobody gets it back: nothing may be written any more
            leave()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Let one thread write at a time, and none after what was to be written is lost."""
        with self._lock:
            self._holder = threading.get_ident()
            try:
                self._check()
                yield
            except BaseException as error:
                self._ended = error
                raise
            finally:
                self._holder = None
            if self._then:
                self._then()

    def _check(self) -> None:
        if self._ended is not None:
            raise self._ended

    def _keep(self, account: Account, bookmarks: Bookmarks) -> None:
        for stream, bookmark in bookmarks.items():
            if bookmark:
                entry = self._state.setdefault("bookmarks", {}).setdefault(stream, {})
                entry["version"] = STATE_VERSION
                entry.setdefault("accounts", {})[account.key_in(stream)] = dict(bookmark)

    def _write_last(self) -> None:
        self._state.setdefault("bookmarks", {})
        self._write_state()

    def _write_state(self) -> None:
        began = time.thread_time()
        if self._state:
            self._state_writer.write_state(self._state)
        self._due_at = time.monotonic() + max(STATE_SECONDS, _STATE_SHARE * (time.thread_time() - began))


class AccountWriter(BufferedWriter):
    """Collects an account's lines, and hands them over together with its bookmarks.

    Args:
        account: Whose lines.
        output: Who takes them.
    """

    def __init__(self, account: Account, output: Output) -> None:
        super().__init__()
        self._account = account
        self._output = output
        self.bookmarks: Bookmarks = {}
        """By stream, as the account's thread moves them."""

    def is_state_due(self) -> bool:
        """Tell whether it is time to tell a state."""
        return self._output.is_state_due()

    @override
    def write_message(self, message: Message) -> None:
        self.write_line(self.serialize_message(message))

    @override
    def flush(self) -> None:
        lines, self._lines, self._size = self._lines, [], 0
        self._output.take(self._account, lines, self.bookmarks)


class HandOver(StateWriter):
    """Hands over an account's lines and bookmarks where the SDK would write a state.

    Args:
        writer: The account's.
    """

    def __init__(self, writer: AccountWriter) -> None:
        super().__init__(writer)
        self._writer = writer

    @override
    def write_state(self, state: Any) -> None:
        self._writer.bookmarks = state.get("bookmarks", {})
        self._writer.flush()
