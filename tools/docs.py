"""Writes the generated parts of the documents, which stand between ``<!-- generated: … -->`` and ``<!-- end -->``.

``python -m tools.docs`` writes them; with ``--check`` it writes nothing and exits 1 if any is not what it should be.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from tools import examples, rooms, tables

ROOT = Path(__file__).resolve().parent.parent
PAGES = (*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *sorted(ROOT.glob("docs/**/*.md")))

_PARTS: dict[str, Callable[..., str]] = {
    "demo": examples.demo_end,
    "fields": tables.fields,
    "joins": tables.joins,
    "layers": rooms.layers,
    "ledger": examples.ledger,
    "lookbacks": tables.lookbacks,
    "picture": tables.picture,
    "providers": tables.providers,
    "rooms": rooms.rooms,
    "settings": tables.settings_of,
    "singer": examples.singer_lines,
    "state": examples.state,
    "streams": tables.streams,
}
_BLOCK = re.compile(r"(?P<open><!-- generated: (?P<what>[\w ]+) -->\n).*?(?P<close><!-- end -->)", re.DOTALL)


def rendered(text: str) -> str:
    """Return a page with its generated parts as they should be."""
    return _BLOCK.sub(_part, text)


def _part(match: re.Match[str]) -> str:
    name, *arguments = match["what"].split()
    return f"{match['open']}{_PARTS[name](*arguments)}\n{match['close']}"


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or only compare them; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description="Write the documents' generated parts.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if something is stale")
    is_check = parser.parse_args(arguments).check
    stale = [page for page in PAGES if rendered(old := page.read_text(encoding="utf-8")) != old]
    for page in stale:
        sys.stderr.write(f"{page.relative_to(ROOT)} {'is stale: run `make docs`' if is_check else 'written'}\n")
        if not is_check:
            page.write_text(rendered(page.read_text(encoding="utf-8")), encoding="utf-8")
    return 1 if stale and is_check else 0


if __name__ == "__main__":
    sys.exit(main())
