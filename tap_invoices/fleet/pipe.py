"""``tap | target``, of which the worker reads what the target says it has taken."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
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


class TargetError(Exception):
    """The target failed; the message is masked."""


def run(  # noqa: PLR0913  (by name)
    tap: Sequence[str],
    target: Sequence[str],
    *,
    variables: Mapping[str, str],
    log: IO[bytes],
    take: Callable[[bytes], None],
    secrets: Callable[[], Iterable[str]],
) -> int:
    """Run both, hand out each line that the target prints, and return the tap's exit code.

    Raises:
        TargetError: If the target's is not 0.
    """
    with (
        tempfile.TemporaryFile() as told,
        _started(tap, stdout=subprocess.PIPE, stderr=log, env={**os.environ, **variables}) as left,
        _started(target, stdin=left.stdout, stdout=subprocess.PIPE, stderr=told) as right,
    ):
        _part(left.stdout)
        try:
            for line in right.stdout or ():
                take(line)
            right.wait()
            left.wait()
        except BaseException:
            left.kill()
            right.kill()
            raise
        if right.returncode:
            msg = f"the target ended with exit code {right.returncode}: {_last_words(told, secrets())}"
            raise TargetError(msg)
        return left.returncode


def _started(command: Sequence[str], **given: object) -> subprocess.Popen[bytes]:
    """Start a command that does not outlive this process, where the system can see to it."""
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", str(Path(tether.__file__)), str(os.getpid()), *command]
    return subprocess.Popen(command, **given)  # type: ignore[call-overload,no-any-return]  # noqa: S603


def _part(pipe: IO[bytes] | None) -> None:
    """Let go of the tap's end, or it would never see that the target has gone."""
    if pipe:
        pipe.close()


def _last_words(told: IO[bytes], secrets: Iterable[str]) -> str:
    """Return the end of what the target said, without secrets: masked first, so that none is cut in two."""
    told.seek(0, os.SEEK_END)
    told.seek(max(0, told.tell() - _READ))
    text = told.read().decode(errors="replace").strip()
    own = {value for name, value in os.environ.items() if _SECRET.search(name)}
    masked = _USER.sub("***@", redact.mask(text, {*secrets, *own}))
    return masked.encode()[-_TOLD:].decode(errors="ignore")
