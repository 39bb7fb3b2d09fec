"""How fast a provider is asked: places, spacing and pauses, in virtual time and with threads."""

from __future__ import annotations

import heapq
import threading
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_invoices.concurrency.limiter import Limiter
from tests.support.run import PATIENCE, Clock
from tests.support.threads import at_once


def simulate(limiter, clock, latencies, pauses=()):
    """Send requests of these latencies as fast as the limiter lets them; return when each started, and most in flight.

    Pauses are (time, seconds).
    """
    waiting, flying, started, most = list(latencies), [], [], 0
    pauses = sorted(pauses)
    while waiting or flying:
        if pauses and pauses[0][0] <= clock.now:
            limiter.pause(pauses.pop(0)[1])
        wait = limiter.delay() if waiting else None
        if waiting and wait == 0:
            started.append(clock.now)
            heapq.heappush(flying, (clock.now + waiting.pop(0), len(started), limiter.start()))
            most = max(most, len(flying))
            continue
        moments = [clock.now + wait] if wait is not None else []
        moments += [flying[0][0]] if flying else []
        moments += [pauses[0][0]] if pauses else []
        clock.now = max(clock.now, min(moments))
        while flying and flying[0][0] <= clock.now:
            limiter.finish(heapq.heappop(flying)[2])
    return started, most


@given(
    latencies=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=60),
    connections=st.integers(1, 8),
    per_second=st.none() | st.floats(0.5, 50),
)
def test_never_more_at_once_nor_a_second_than_set(latencies, connections, per_second):
    clock = Clock()
    started, most = simulate(Limiter(connections, per_second, clock), clock, latencies)
    assert most <= connections
    if per_second:
        assert all(later - earlier >= 1 / per_second - 1e-6 for earlier, later in pairwise(started))


def test_the_allowed_rate_is_used():
    clock = Clock()
    started, _ = simulate(Limiter(8, 10, clock), clock, [0.2] * 200)
    assert len(started) / (started[-1] - started[0]) >= 9


@given(seconds=st.floats(0.1, 100), at=st.floats(1000.0, 1010.0), second=st.floats(0.1, 100))
def test_a_pause_holds_for_all(seconds, at, second):
    """Nothing starts in it, and a shorter one does not end a longer one."""
    clock = Clock()
    started, _ = simulate(Limiter(8, None, clock), clock, [0.5] * 200, [(at, seconds), (at, second)])
    assert not [moment for moment in started if at < moment < at + max(seconds, second) - 1e-6]


def test_after_a_pause_the_rate_climbs_by_steps():
    """One goes first; each of its answers lets one more go beside it."""
    clock = Clock()
    limiter = Limiter(8, None, clock)
    early = [limiter.start() for _ in range(5)]
    limiter.pause(10)
    clock.now += 10
    for ticket in early:
        limiter.finish(ticket)
    beside = []
    for _ in range(9):
        tickets = []
        while limiter.delay() == 0:
            tickets.append(limiter.start())
        beside.append(len(tickets))
        limiter.finish(tickets.pop())
        for ticket in tickets:
            limiter.finish(ticket)
    assert beside[0] == 1, "answers from before the pause do not count"
    assert beside[1] == 2
    assert beside == sorted(beside)
    assert beside[-1] == 8


def test_a_place_is_given_back_after_an_error():
    limiter = Limiter(1)
    for _ in range(3):
        with pytest.raises(OSError, match="gone"), limiter.slot():
            raise OSError("gone")  # noqa: EM101
    with limiter.slot():
        assert limiter.delay() is None


def test_threads_wait_for_their_place():
    """No more are inside than may be, and as many: each waits there for two others."""
    limiter, inside, most, lock, together = Limiter(3), [0], [0], threading.Lock(), threading.Barrier(3)

    def work():
        with limiter.slot():
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            together.wait(PATIENCE)
            time.sleep(0.002)
            with lock:
                inside[0] -= 1

    assert at_once(work, 33) == [None] * 33
    assert most[0] == 3
