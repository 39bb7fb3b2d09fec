"""Runs something in many threads at once."""

from __future__ import annotations

import threading

from tests.support.run import PATIENCE

THREADS = 32


def at_once(work, count=THREADS):
    """Run something in many threads that start together; return what came out, errors too."""
    barrier, came = threading.Barrier(count), []

    def run():
        barrier.wait()
        try:
            came.append(work())
        except Exception as error:  # noqa: BLE001
            came.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(came) == count
    return came
