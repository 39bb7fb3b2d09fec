"""What a signal does to a command until it has handlers of its own, and how long a wait may hide one from those."""

import os
import signal

WAKE_SECONDS = 1.0
"""So long a main thread waits at once: Python handles a signal that came as a wait began only when that ends."""


def end_at_once() -> None:
    """Let SIGINT and SIGTERM end this process at once, with one line."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)


def _leave(number: int, _frame: object) -> None:
    try:
        os.write(2, f"stopped by {signal.Signals(number).name}\n".encode())
    finally:
        os._exit(128 + number)
