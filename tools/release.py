"""What a release says: ``python -m tools.release v0.1.0`` prints the section of CHANGELOG.md for that tag.

It refuses a tag that is not the version in pyproject.toml, and a section without a date or without a word.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def notes(tag: str) -> str:
    """Return the changelog's section for a tag.

    Raises:
        ValueError: If this tag is not one to release.
    """
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if tag != f"v{version}":
        msg = f"the tag is {tag}, but the version in pyproject.toml is {version}"
        raise ValueError(msg)
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    section = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(?P<text>.*?)(?=^## |\Z)"
    found = re.search(section, changelog, re.MULTILINE | re.DOTALL)
    if not found or not found["text"].strip():
        msg = f"CHANGELOG.md has no section `## [{version}] - <date>` with a word in it"
        raise ValueError(msg)
    return found["text"].strip()


if __name__ == "__main__":
    try:
        print(notes(*sys.argv[1:]))
    except (TypeError, ValueError) as error:
        sys.exit(f"No release: {error}")
