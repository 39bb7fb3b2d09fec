"""What stands at the other end of a pipe: ``reader.py RATE`` takes lines, at most so many a second (0: all it can).

At the end it says how many lines held an invoice of ibana, and how many of these were different ones.
"""

from __future__ import annotations

import sys
import time

from benchmarks.check import Distinct

_BURST = 50


def main() -> None:
    """Read stdin to its end."""
    rate = int(sys.argv[1])
    distinct = Distinct("list")
    due = time.monotonic()
    for line in sys.stdin.buffer:
        distinct.see(line)
        if rate and distinct.records % _BURST == 0:
            due += _BURST / rate
            time.sleep(max(0.0, due - time.monotonic()))
    print(distinct.records, len(distinct))


if __name__ == "__main__":
    main()
