"""Messages of the Airbyte protocol, a line of JSON each."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import IO, Any, Literal

import msgspec

FailureType = Literal["config_error", "transient_error", "system_error"]
Status = Literal["STARTED", "RUNNING", "COMPLETE", "INCOMPLETE"]


def common(kinds: Iterable[FailureType]) -> FailureType:
    """Return the type that all of some failures have, or else the general one."""
    found = set(kinds)
    return found.pop() if len(found) == 1 else "system_error"


class SourceError(Exception):
    """What ends a command, as its user reads it.

    Args:
        text: What is wrong and what to do.
        failure_type: Who can mend it: the user, time, or neither.
    """

    def __init__(self, text: str, failure_type: FailureType = "config_error") -> None:
        super().__init__(text)
        self.failure_type: FailureType = failure_type


class Output:
    """Writes messages, whole lines whichever thread they come from."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._encoder = msgspec.json.Encoder()

    def write(self, kind: str, field: str, body: dict[str, Any], *, flush: bool = True) -> None:
        """Write one message, whose body stands under a field of its own."""
        line = self._encoder.encode({"type": kind, field: body}) + b"\n"
        with self._lock:
            self._file.write(line)
            if flush:
                self._file.flush()

    def log(self, level: str, text: str) -> None:
        """Pass a line of the tap's log on; the levels are the protocol's."""
        self.write("LOG", "log", {"level": level, "message": text})

    def record(self, stream: str, data: msgspec.Raw) -> None:
        """Pass a record on, with every digit as it came."""
        body = {"stream": stream, "data": data, "emitted_at": int(time.time() * 1000)}
        self.write("RECORD", "record", body, flush=False)

    def state(self, stream: str, value: msgspec.Raw, records: int) -> None:
        """Tell a stream's state, which covers the records since the one before."""
        body = {"stream_descriptor": {"name": stream}, "stream_state": value}
        stats = {"recordCount": float(records)}
        self.write("STATE", "state", {"type": "STREAM", "stream": body, "sourceStats": stats})

    def status(self, stream: str, status: Status) -> None:
        """Tell how far a stream is."""
        self._trace("STREAM_STATUS", {"stream_descriptor": {"name": stream}, "status": status})

    def error(self, text: str, failure_type: FailureType, stream: str | None = None) -> None:
        """Tell why a stream, or all of them, failed."""
        error: dict[str, Any] = {"message": text, "internal_message": text, "failure_type": failure_type}
        if stream is not None:
            error["stream_descriptor"] = {"name": stream}
        self._trace("ERROR", error)

    def _trace(self, kind: str, body: dict[str, Any]) -> None:
        self.write("TRACE", "trace", {"type": kind, "emitted_at": time.time() * 1000, kind.lower(): body})
