"""Runs a command and measures it with all the processes that it starts."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LIMIT = 900.0
"""Seconds after which a run is ended."""
_FIELD = re.compile(r"Vm(RSS|HWM):\s+([0-9]+) kB")
_GLANCE = 0.02
_LOOK_ROUND = 0.2


@dataclass(frozen=True)
class Cost:
    """What a run took."""

    seconds: float
    cpu: float
    """Seconds of all processes."""
    peak: int
    """Most bytes resident in all processes together; pages that they share count for each."""
    exit_code: int


def run(command: Sequence[str], stdout: int | IO[bytes], log: Path, variables: Mapping[str, str]) -> Cost:
    """Run a command to its end; what it says on stderr goes to ``log``."""
    with log.open("wb") as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603
            command, stdout=stdout, stderr=stderr, env=dict(variables), start_new_session=True
        )
        watch = _Watch(process.pid)
        guard = threading.Timer(LIMIT, process.kill)
        guard.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        guard.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(seconds, usage.ru_utime + usage.ru_stime, watch.stop(), process.returncode)


class _Watch:
    """Looks at the memory of a process and its descendants, many times a second."""

    def __init__(self, pid: int) -> None:
        self._session = pid
        self._peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Return the most bytes that were seen."""
        self._over.set()
        self._thread.join()
        return self._peak

    def _look(self) -> None:
        members, look_round = [self._session], 0.0
        while not self._over.wait(_GLANCE):
            if time.monotonic() > look_round:
                members = list(_members(self._session))
                look_round = time.monotonic() + _LOOK_ROUND
            now_and_most = [_resident(member) for member in members]
            self._peak = max(self._peak, sum(now for now, _ in now_and_most), *(most for _, most in now_and_most))


def _members(session: int) -> Iterator[int]:
    """Yield the processes of a session."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session:
                yield int(entry.name)


def _resident(pid: int) -> tuple[int, int]:
    """Return the bytes that a process has in memory, and the most that it has had; the kernel keeps count."""
    try:
        fields = dict(_FIELD.findall(Path(f"/proc/{pid}/status").read_text()))
    except OSError:
        return 0, 0
    return int(fields.get("RSS", 0)) * 1024, int(fields.get("HWM", 0)) * 1024
