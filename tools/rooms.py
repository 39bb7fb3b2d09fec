"""Writes the package's layers, rooms and files, with the first line of each file's docstring."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "tap_invoices"
_CONTRACTS = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
LAYERS = next(
    tuple(tuple(layer.split(" | ")) for layer in contract["layers"])
    for contract in _CONTRACTS["contracts"]
    if contract["id"] == "rooms"
)
"""From top to bottom, as `make lint` checks them: a room imports from those below it, never from above or beside."""
_CLOSED = {"airbyte", "sandbox"}
"""Rooms that the tap itself does without: their files are not listed."""


def layers() -> str:
    """Return the layers, from top to bottom."""
    return "\n".join(f"{number}. {', '.join(map(_link, layer))}" for number, layer in enumerate(LAYERS, 1))


def rooms() -> str:
    """Return every room and its files, from top to bottom."""
    return "\n".join(line for layer in LAYERS for name in layer for line in _lines(name))


def _lines(name: str) -> Iterator[str]:
    path = _path(name)
    yield f"- **{_link(name)}** {_headline(path)}"
    if path.name == "__init__.py" and name not in _CLOSED:
        for each in sorted(path.parent.iterdir()):
            file = each / "__init__.py" if each.is_dir() else each
            if file.exists() and file.suffix == ".py" and file != path:
                shown = f"{each.name}/" if each.is_dir() else each.name
                yield f"  - [`{shown}`]({_address(file)}) {_headline(file)}"


def _link(name: str) -> str:
    path = _path(name)
    shown = f"{name}/" if path.name == "__init__.py" else path.name
    return f"[`{shown}`]({_address(path)})"


def _path(name: str) -> Path:
    folder = PACKAGE / name / "__init__.py"
    return folder if folder.exists() else PACKAGE / f"{name}.py"


def _address(path: Path) -> str:
    return f"../{path.relative_to(PACKAGE.parent).as_posix()}"


def _headline(path: Path) -> str:
    """Return the first line of a module's docstring, as Markdown."""
    told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return re.sub(r"``(.+?)``", r"`\1`", told.partition("\n\n")[0].replace("\n", " "))
