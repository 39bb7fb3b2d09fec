"""Hosts that answer nobody: not every account need find that out for itself."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tap_invoices.errors import ProviderDownError

_ENOUGH = 3
"""So many accounts in a row that used up their time at a host which answered nobody meanwhile make it doubtful."""

_TRIES = 5
"""So many accounts in a row that asked a doubtful host once, in vain, speak for the others; each may hang by itself."""

_VALID = 30.0
"""Seconds for which they do."""


class Hosts:
    """What the accounts of a run know of their hosts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}
        self._thread = threading.local()

    @contextmanager
    def trial(self, host: str) -> Iterator[bool]:
        """Enter to ask a host; gives whether to be patient. One account at a time asks a doubtful host, and once.

        A sign-in on the way is part of the trial: to wait for a turn of its own would be to wait for itself.

        Raises:
            ProviderDownError: If several did so a moment ago, in vain.
        """
        trials: dict[str, bool] = self._thread.__dict__
        if host in trials:
            yield trials[host]
            return
        with self._turn(host) as is_patient:
            trials[host] = is_patient
            try:
                yield is_patient
            finally:
                del trials[host]

    @contextmanager
    def _turn(self, host: str) -> Iterator[bool]:
        with self._lock:
            known = self._hosts.setdefault(host, _Host())
        if known.is_doubtful():
            with known.turn:
                if known.is_doubtful():
                    if known.in_vain >= _TRIES and time.monotonic() < known.failed_at + _VALID:
                        raise ProviderDownError(known.why)
                    try:
                        yield False
                    except ProviderDownError:
                        known.in_vain += 1
                        known.failed_at = time.monotonic()
                        raise
                    return
        yield True

    def answered(self, host: str) -> None:
        """Take note that a host has answered."""
        if known := self._hosts.get(host):
            known.failures, known.in_vain, known.answered_at = 0, 0, time.monotonic()

    def lost(self, host: str, why: str, since: float) -> None:
        """Take note that an account used up its time at a host, which it began to ask at a time."""
        with self._lock:
            known = self._hosts.setdefault(host, _Host())
            if known.answered_at < since:
                if not known.is_doubtful():
                    known.why = why
                known.failures += 1


class _Host:
    def __init__(self) -> None:
        self.failures = self.in_vain = 0
        self.answered_at = self.failed_at = -math.inf
        self.why = ""
        self.turn = threading.Lock()

    def is_doubtful(self) -> bool:
        """Tell whether account after account has asked in vain."""
        return self.failures >= _ENOUGH
