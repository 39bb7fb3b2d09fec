"""Writes Singer messages to stdout: buffered, never half a line, nothing held back while the tap waits."""

from __future__ import annotations

import logging
import os
import sys
from typing import IO, Any

import msgspec
from singer_sdk.helpers._state import StateWriter
from singer_sdk.singerlib.encoding.base import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message, RecordMessage, StateMessage
from singer_sdk.singerlib.json import serialize_json
from typing_extensions import override

_BUFFER = 64 * 1024
READER_LEFT = 141
"""Exit code, as the shell has it for a process that a closed pipe has ended."""
_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


class BufferedWriter(GenericSingerWriter[bytes, Message]):
    """Collects records and writes them together; any other message goes out at once, with what is before it."""

    def __init__(self) -> None:
        self.ends_with_state = False
        """Whether nothing has been written after the last STATE."""
        self._lines: list[bytes] = []
        self._size = 0

    @override
    def serialize_message(self, message: Message) -> bytes:
        content = message.to_dict()
        try:
            return _ENCODER.encode(content) + b"\n"
        except (UnicodeEncodeError, OverflowError):  # a stream map may make what only the SDK's encoder takes
            return serialize_json(content).encode() + b"\n"

    @override
    def write_message(self, message: Message) -> None:
        self.write_line(self.serialize_message(message))
        self.ends_with_state = isinstance(message, StateMessage)
        if not isinstance(message, RecordMessage):
            self.flush()

    def write_line(self, line: bytes) -> None:
        """Add a line, and write all when there is enough."""
        self.ends_with_state = False
        self._lines.append(line)
        self._size += len(line)
        if self._size >= _BUFFER:
            self.flush()

    def write_lines(self, lines: list[bytes]) -> None:
        """Write lines at once."""
        if lines:
            self.flush()
            self.ends_with_state = False
            _write(b"".join(lines))

    def flush(self) -> None:
        """Write what is there."""
        if self._lines:
            lines, self._lines, self._size = self._lines, [], 0
            _write(b"".join(lines))


class LastStateWriter(StateWriter):
    """Writes a state if it is another one, or if something came after the last: some targets forget it then.

    Args:
        writer: What writes the messages.
    """

    def __init__(self, writer: BufferedWriter) -> None:
        super().__init__(writer)
        self._writer = writer
        self._line = b""

    @override
    def write_state(self, state: Any) -> None:
        line = self._writer.serialize_message(StateMessage(value=state))
        if line != self._line or not self._writer.ends_with_state:
            self._line = line
            self._writer.write_line(line)
            self._writer.flush()
            self._writer.ends_with_state = True


def _write(data: bytes) -> None:
    stdout: Any = sys.stdout
    if stdout is None:  # so Python has it where none was given
        logging.getLogger("tap-invoices").error("stdout cannot be written: it is closed")
        sys.exit(1)
    binary: IO[bytes] | None = getattr(stdout, "buffer", None)
    try:
        if binary is None:  # a text stream that stands in for stdout
            stdout.write(data.decode())
        else:
            rest = memoryview(data)
            while rest:  # unbuffered, a signal may cut a write short
                rest = rest[binary.write(rest) :]
        stdout.flush()
    except BrokenPipeError:
        logging.getLogger("tap-invoices").warning("The reader of stdout has left: the sync ends here")
        discard_stdout()
        sys.exit(READER_LEFT)
    except OSError as error:  # no stream's failure: what was to be written is lost, and no state may follow it
        logging.getLogger("tap-invoices").error("stdout cannot be written: %s", error.strerror)  # noqa: TRY400
        discard_stdout()
        sys.exit(1)


def discard_stdout() -> None:
    """Let the rest go nowhere: the reader has left, and the interpreter must not stumble over that at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
