"""``tap | target``, of which the worker reads what the target says it has taken."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tap_invoices.cli import redact
from tap_invoices.fleet import tether

_TOLD = 400
"""Bytes of what a failed target said."""
_READ = 64 * 1024
_SECRET = re.compile("pass|pwd|secret|token|key|url|uri|dsn|credential", re.IGNORECASE)
"""In the name of a variable whose value no log should hold."""
_USER = re.compile(r"(?<=://)[^/\s@]+@")
_RUNNING: set[subprocess.Popen[bytes]] = set()
_LOCK = threading.Lock()
_IS_OVER = threading.Event()


class TargetError(Exception):
    """The target failed; the message is masked."""


def run(  # noqa: PLR0913  (by name)
    tap: Sequence[str],
    target: Sequence[str],
    *,
    variables: Mapping[str, str],
    settings: IO[bytes],
    log: IO[bytes],
    take: Callable[[bytes], None],
    secrets: Callable[[], Iterable[str]],
) -> int:
    """Run both, hand out each line that the target prints, and return the tap's exit code.

    Args:
        tap: Its command, which reads its settings from stdin.
        target: The command that reads what it writes.
        variables: What the tap has in its environment beside those of this process.
        settings: The tap's.
        log: Where it writes what it says.
        take: Takes each line.
        secrets: Returns what must not show of what a failed target has said.

    Raises:
        TargetError: If the target's is not 0.
    """
    with (
        tempfile.TemporaryFile() as told,
        _running(tap, stdin=settings, stdout=subprocess.PIPE, stderr=log, env={**os.environ, **variables}) as left,
        _running(target, stdin=left.stdout, stdout=subprocess.PIPE, stderr=told) as right,
    ):
        _part(left.stdout)
        for line in right.stdout or ():
            take(line)
        right.wait()
        left.wait()
        if right.returncode:
            msg = f"the target ended with exit code {right.returncode}: {_last_words(told, secrets())}"
            raise TargetError(msg)
        return left.returncode


def stop() -> None:
    """Kill the taps and targets of this process, and let none begin."""
    with _LOCK:
        _IS_OVER.set()
        for process in _RUNNING:
            _kill(process)


@contextmanager
def _running(command: Sequence[str], **given: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command for as long as a block lasts, and kill it if that fails."""
    with _LOCK:
        if _IS_OVER.is_set():
            msg = "it was stopped"
            raise TargetError(msg)
        process = _started(command, **given)
        _RUNNING.add(process)
    with process:
        try:
            yield process
        except BaseException:
            _kill(process)
            raise
        finally:
            with _LOCK:
                _RUNNING.discard(process)


def _started(command: Sequence[str], **given: object) -> subprocess.Popen[bytes]:
    """Start a command that does not outlive this process, where the system can see to it."""
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", str(Path(tether.__file__)), str(os.getpid()), *command]
    group = {"process_group": 0} if os.name == "posix" else {}
    return subprocess.Popen(command, **group, **given)  # type: ignore[call-overload,no-any-return]  # noqa: S603


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a command with all that it has started, such as the target behind a shell or a ``timeout``."""
    if os.name == "posix":
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _part(pipe: IO[bytes] | None) -> None:
    """Let go of the tap's end, or it would never see that the target has gone."""
    if pipe:
        pipe.close()


def _last_words(told: IO[bytes], secrets: Iterable[str]) -> str:
    """Return the end of what the target said, in a line without secrets: masked first, so that none is cut in two."""
    told.seek(0, os.SEEK_END)
    told.seek(max(0, told.tell() - _READ))
    text = told.read().decode(errors="replace").strip()
    own = {value for name, value in os.environ.items() if _SECRET.search(name)}
    masked = _USER.sub("***@", redact.mask(text, {*secrets, *own}))
    return " ".join(masked.encode()[-_TOLD:].decode(errors="ignore").split()) or "it said nothing"
