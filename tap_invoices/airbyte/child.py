"""Runs the tap as a child process; reads its messages from stdout and its failures from its log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import msgspec

from tap_invoices.airbyte.messages import FailureType, Output, SourceError, common

if TYPE_CHECKING:
    from tap_invoices.airbyte.stop import Stop

_STOPPED = 128
"""The tap exits with this and the number of the signal that it was told to stop by."""
_LEVELS = {"warning": "WARN", "critical": "FATAL"}
_FAILURE_TYPES: dict[object, FailureType] = {"config": "config_error", "transient": "transient_error"}
_LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"structured": {"()": "singer_sdk.logging.StructuredFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "loggers": {"tap-invoices.ledger": {"level": "DEBUG"}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
}


class _LogLine(msgspec.Struct):
    """What is of use in a line of the SDK's structured log."""

    level: str
    message: Any
    stream_name: str | None = None
    metric_info: Any = None
    extra: dict[str, Any] = {}


@dataclass(frozen=True)
class Complaint:
    """An error that the tap told."""

    text: str
    failure_type: FailureType
    stream: str | None


class TapProcess:
    """Runs the tap with one configuration.

    Args:
        config: The tap's settings.
        output: Where its log goes.
        stop: What ends it early.
    """

    def __init__(self, config: Mapping[str, Any], output: Output, stop: Stop) -> None:
        self._config = config
        self._output = output
        self._stop = stop
        self.exit_code = 0
        self.complaints: list[Complaint] = []
        self.ledger: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        """Stream → the ledger's entry of each account in which it has ended."""

    @contextmanager
    def run(self, *options: str, **files: Any) -> Iterator[IO[bytes]]:
        """Run the tap and hand out its lines; what went wrong is known once it has ended.

        Args:
            options: Of its command line.
            files: Values of those options that name a JSON file. They may be secret: only this user can read them.
        """
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            command = [sys.executable, "-m", "tap_invoices", *options]
            for option, value in {"config": self._config, **files}.items():
                command.append(f"--{option}={_write(folder, option, value)}")
            environment = {**os.environ, "SINGER_SDK_LOG_CONFIG": str(_write(folder, "logging", _LOGGING))}
            # In a group of its own, or Ctrl-C would reach it twice: from the terminal, and passed on.
            with subprocess.Popen(  # noqa: S603
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, process_group=0
            ) as child:
                self._stop.tells(child)
                with self._followed(child) as lines:
                    yield lines

    @contextmanager
    def _followed(self, child: subprocess.Popen[bytes]) -> Iterator[IO[bytes]]:
        lines = cast("IO[bytes]", child.stdout)
        log = threading.Thread(target=self._read_log, args=(child.stderr,), daemon=True)
        log.start()
        try:
            yield lines
        except BaseException:
            child.terminate()
            raise
        finally:
            lines.close()  # or a tap that waits to write what nobody reads would not end
            self.exit_code = child.wait()
            log.join()

    def check(self) -> None:
        """Say why the run failed.

        Raises:
            SourceError: If it did.
        """
        if self.signal:
            why = "; that often means that memory ran out" if self.signal == signal.SIGKILL.name else ""
            msg = f"the tap was ended by {self.signal} before it was done{why}"
            raise SourceError(msg, "system_error")
        if self.exit_code:
            raise SourceError(self.reason, common(complaint.failure_type for complaint in self.complaints))

    @property
    def names_streams(self) -> bool:
        """Whether it said of a stream why it is not whole."""
        return any(entry["failure"] for entries in self.ledger.values() for entry in entries)

    @property
    def reason(self) -> str:
        """All complaints in one line."""
        told = "; ".join(complaint.text for complaint in self.complaints)
        return told or f"the tap ended with exit code {self.exit_code}"

    @property
    def signal(self) -> str | None:
        """Name of the signal that ended the tap, whether it could still say its state or not."""
        number = -self.exit_code if self.exit_code < 0 else self.exit_code - _STOPPED
        return signal.Signals(number).name if number in set(signal.Signals) else None

    def _read_log(self, log: IO[bytes]) -> None:
        for line in log:
            with suppress(BrokenPipeError):  # the main thread meets it too; until then the log must not fill its pipe
                self._pass_on(line)

    def _pass_on(self, line: bytes) -> None:
        try:
            entry = msgspec.json.decode(line, type=_LogLine)
        except msgspec.DecodeError:
            self._output.log("INFO", line.decode(errors="replace").rstrip())
            return
        if entry.metric_info is None and entry.level != "debug":
            self._output.log(_LEVELS.get(entry.level, entry.level.upper()), str(entry.message))
        self._note(entry)

    def _note(self, entry: _LogLine) -> None:
        if told := entry.extra.get("ledger"):
            self.ledger[told["stream"]].append(told)
        if entry.level in {"error", "critical"}:
            self.complaints.append(Complaint(str(entry.message), failure_type_of(entry.extra), entry.stream_name))


def failure_type_of(told: Mapping[str, Any]) -> FailureType:
    """Return who can mend what the tap told, in Airbyte's words."""
    return _FAILURE_TYPES.get(told.get("failure_type"), "system_error")


def _write(folder: Path, name: str, value: Any) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path
