"""The tap as a child process: its messages are read from stdout, and from its log what went wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from tap_invoices.airbyte.messages import FailureType, Output, SourceError

_LEVELS = {"warning": "WARN", "critical": "FATAL"}
_FAILURE_TYPES: dict[str, FailureType] = {"config": "config_error", "transient": "transient_error"}
_LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"structured": {"()": "singer_sdk.logging.StructuredFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
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
    """

    def __init__(self, config: Mapping[str, Any], output: Output) -> None:
        self._config = config
        self._output = output
        self.exit_code = 0
        self.complaints: list[Complaint] = []
        self.outcomes: dict[str, str] = {}
        """How each stream's account was closed."""

    def run(self, *options: str, **files: Any) -> Iterator[bytes]:
        """Run the tap and yield its lines; what went wrong is known once they are over.

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
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as child:  # noqa: S603
                yield from self._follow(child)

    def _follow(self, child: subprocess.Popen[bytes]) -> Iterator[bytes]:
        # Told to stop, the tap says its state before it ends, and all that it said is still passed on.
        before = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        log = threading.Thread(target=self._read_log, args=(child.stderr,), daemon=True)
        log.start()
        try:
            if child.stdout is not None:
                yield from child.stdout
        except BaseException:
            child.terminate()
            raise
        finally:
            self.exit_code = child.wait()
            log.join()
            signal.signal(signal.SIGTERM, before)

    def check(self) -> None:
        """Say why the run failed.

        Raises:
            SourceError: If it did.
        """
        if self.exit_code:
            kinds = {complaint.failure_type for complaint in self.complaints}
            raise SourceError(self.reason, kinds.pop() if len(kinds) == 1 else "system_error")

    @property
    def reason(self) -> str:
        """All complaints in one line."""
        told = "; ".join(complaint.text for complaint in self.complaints)
        return told or f"the tap ended with exit code {self.exit_code}"

    def _read_log(self, log: IO[bytes]) -> None:
        for line in log:
            try:
                entry = msgspec.json.decode(line, type=_LogLine)
            except msgspec.DecodeError:
                self._output.log("INFO", line.decode(errors="replace").rstrip())
                continue
            if entry.metric_info is None:
                self._output.log(_LEVELS.get(entry.level, entry.level.upper()), str(entry.message))
            self._note(entry)

    def _note(self, entry: _LogLine) -> None:
        if account := entry.extra.get("ledger"):
            self.outcomes[account["stream"]] = account["outcome"]
        if entry.level in {"error", "critical"}:
            failure_type = _FAILURE_TYPES.get(str(entry.extra.get("failure_type")), "system_error")
            self.complaints.append(Complaint(str(entry.message), failure_type, entry.stream_name))


def _write(folder: Path, name: str, value: Any) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path
