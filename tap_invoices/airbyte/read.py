"""The command ``read``: Singer messages in, Airbyte messages out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tap_invoices.airbyte.catalog import NO_CURSOR
from tap_invoices.airbyte.child import failure_type_of
from tap_invoices.airbyte.messages import common

if TYPE_CHECKING:
    from tap_invoices.airbyte.child import TapProcess
    from tap_invoices.airbyte.messages import Output

_NO_BOOKMARK = msgspec.Raw(msgspec.json.encode({NO_CURSOR: True}))

_WHOLE = ("complete", "short")
_NAMED = 20
"""So many accounts are told by name."""


class _State(msgspec.Struct):
    bookmarks: dict[str, msgspec.Raw] = {}


class _Message(msgspec.Struct):
    """A Singer message; what only passes through stays the bytes that came."""

    type: str
    stream: str = ""
    record: msgspec.Raw = msgspec.Raw(b"null")
    value: _State | None = None


@dataclass
class _Stream:
    mode: str
    started: bool = False
    running: bool = False
    records: int = 0
    """Since the last state."""
    passed_on: int = 0
    """Records in all."""
    told: bytes = b""
    """The last state."""
    bookmark: bytes = b""


class Reader:
    """Reads one sync.

    Args:
        modes: Sync mode of each stream that is read.
        output: Where the messages go.
    """

    def __init__(self, modes: Mapping[str, str], output: Output) -> None:
        self._streams = {name: _Stream(mode) for name, mode in modes.items()}
        self._output = output
        self._decoder = msgspec.json.Decoder(_Message)

    def read(self, lines: Iterable[bytes]) -> None:
        """Pass on all that the tap says."""
        for line in lines:
            if not line.endswith(b"\n"):  # the tap was killed while it wrote; its exit code says so
                break
            message = self._decoder.decode(line)
            if message.type == "RECORD":
                self._record(message)
            elif message.type == "SCHEMA":
                self._start(message.stream)
            elif message.type == "STATE" and message.value is not None:
                self._state(message.value)

    def _start(self, name: str) -> None:
        stream = self._streams[name]
        if not stream.started:
            stream.started = True
            self._output.status(name, "STARTED")

    def _record(self, message: _Message) -> None:
        stream = self._streams[message.stream]
        if not stream.running:
            self._start(message.stream)
            stream.running = True
            self._output.status(message.stream, "RUNNING")
        stream.records += 1
        stream.passed_on += 1
        self._output.record(message.stream, message.record)

    def _state(self, state: _State) -> None:
        for name, raw in state.bookmarks.items():
            stream = self._streams.get(name)
            if stream is None or stream.mode == "full_refresh":
                continue
            stream.bookmark = bytes(raw)
            if stream.records and stream.bookmark != stream.told:
                self._tell(name, stream)

    def _tell(self, name: str, stream: _Stream) -> None:
        stream.told = stream.bookmark
        self._output.state(name, msgspec.Raw(stream.bookmark) if stream.bookmark else _NO_BOOKMARK, stream.records)
        stream.records = 0

    def finish(self, tap: TapProcess) -> list[str]:
        """Tell each stream's last state and how it ended, once the tap has; return those that broke off unexplained."""
        unexplained: list[str] = []
        reasons = {complaint.stream: complaint for complaint in tap.complaints if complaint.stream}
        for name, stream in self._streams.items():
            self._start(name)
            whole = tap.exit_code == 0 or _is_whole(stream, tap.ledger[name])
            if stream.records or stream.bookmark != stream.told or (whole and not stream.told):
                self._tell(name, stream)
            if reason := reasons.get(name):
                self._output.error(reason.text, reason.failure_type, name)
            elif failed := [entry for entry in tap.ledger[name] if entry["failure"]]:
                self._output.error(_of_accounts(failed), common(map(failure_type_of, failed)), name)
            elif not whole:
                unexplained.append(name)
            self._output.status(name, "COMPLETE" if whole else "INCOMPLETE")
        return unexplained


def _is_whole(stream: _Stream, entries: list[dict[str, Any]]) -> bool:
    """Tell whether a tap that failed had ended this stream well in all accounts, and all its records have come."""
    return (
        len(entries) == next((entry["of"] for entry in entries), 1)
        and all(entry["outcome"] in _WHOLE for entry in entries)
        and sum(entry["emitted"] for entry in entries) == stream.passed_on
    )


def _of_accounts(failed: list[dict[str, Any]]) -> str:
    """Say in which accounts a stream is not whole, and why in the first."""
    names = ", ".join(entry["account"] for entry in failed[:_NAMED])
    more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    return f"{failed[0]['stream']} is not whole in {names}{more}: {failed[0]['failure']}"
