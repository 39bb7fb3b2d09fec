"""A target for tests: one file of keys for each stream, and faults on demand.

``loader.py FOLDER [FAULT]``: ``once`` fails the first time that it meets a record, ``always`` each time one of the
account ``ACCOUNT`` in the environment comes.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main(folder, fault=""):
    rows = Path(folder, "rows")
    rows.mkdir(parents=True, exist_ok=True)
    Path(folder, f"{os.getpid()}.command").write_bytes(Path("/proc/self/cmdline").read_bytes())
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "STATE":
            sys.stdout.write(json.dumps(message["value"]) + "\n")
            sys.stdout.flush()
        if message["type"] == "RECORD":
            record = message["record"]
            if _fails(folder, fault, record):
                sys.exit(f"no room for {os.environ.get('LOADER_PASSWORD')} at https://me:pass-word@example.com")
            with (rows / message["stream"]).open("a", encoding="utf-8") as file:
                file.write(f"{record['source_account']} {record.get('id')}\n")


def _fails(folder, fault, record):
    if fault == "always":
        return record["source_account"] == os.environ["ACCOUNT"]
    marker = Path(folder, "failed")
    if fault != "once" or marker.exists():
        return False
    marker.touch()
    return True


if __name__ == "__main__":
    main(*sys.argv[1:])
