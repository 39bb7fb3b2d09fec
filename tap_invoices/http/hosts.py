"""Hosts that answer nobody: not every account need find that out for itself."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from tap_invoices.errors import ProviderDownError

_ENOUGH = 3
"""So many accounts in a row that used up their time at a host which answered nobody meanwhile make it doubtful."""

_TRIES = 5
"""So many accounts in a row that asked a doubtful host once, in vain, speak for the others; each may hang by itself."""

_VALID = 30.0
"""Seconds for which they do."""

_PATIENT, _IMPATIENT = nullcontext(enter_result=True), nullcontext(enter_result=False)


class Hosts:
    """What the accounts of a run know of their hosts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}

    def trial(self, host: str, *, on_the_way: bool = False) -> AbstractContextManager[bool]:
        """Return what to enter to ask a host; it gives whether to be patient.

        One account at a time asks a doubtful host, and once. What is asked on the way of another request waits for no
        turn: it would wait for itself, or for whoever has the turn and waits for the same token.

        Raises:
            ProviderDownError: On entering, if several did so a moment ago, in vain.
        """
        known = self._known(host)
        if known.asker == threading.get_ident():
            return _IMPATIENT
        return _PATIENT if on_the_way or not known.is_doubtful() else known.trial()

    def answered(self, host: str) -> None:
        """Take note that a host has answered."""
        known = self._known(host)
        known.failures, known.in_vain, known.answered_at = 0, 0, time.monotonic()

    def lost(self, host: str, why: str, since: float) -> None:
        """Take note that an account used up its time at a host, which it began to ask at a time."""
        known = self._known(host)
        with self._lock:
            if known.answered_at < since:
                if not known.is_doubtful():
                    known.why = why
                known.failures += 1

    def _known(self, host: str) -> _Host:
        return self._hosts.get(host) or self._hosts.setdefault(host, _Host())


class _Host:
    def __init__(self) -> None:
        self.failures = self.in_vain = 0
        self.answered_at = self.failed_at = -math.inf
        self.why = ""
        self.asker: int | None = None
        """Thread whose turn it is."""
        self._turn = threading.Lock()

    def is_doubtful(self) -> bool:
        """Tell whether account after account has asked in vain."""
        return self.failures >= _ENOUGH

    @contextmanager
    def trial(self) -> Iterator[bool]:
        """Wait for a turn, in which a host that is still doubtful is asked without patience."""
        with self._turn:
            if self.is_doubtful():
                yield from self._ask()
                return
        yield True

    def _ask(self) -> Iterator[bool]:
        if self.in_vain >= _TRIES and time.monotonic() < self.failed_at + _VALID:
            raise ProviderDownError(self.why)
        self.asker = threading.get_ident()
        try:
            yield False
        except ProviderDownError:
            self.in_vain += 1
            self.failed_at = time.monotonic()
            raise
        finally:
            self.asker = None
