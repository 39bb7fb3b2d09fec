"""JSON files that a command line names, of which only objects are taken; a fault names the file and the place in it."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, NoReturn

from singer_sdk.exceptions import ConfigValidationError


def read_config(path: str) -> dict[str, Any]:
    """Return the settings in a file.

    Raises:
        ConfigValidationError: If there are none.
    """
    name = f"the file given with --config, {path},"
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        _refuse(name, f"cannot be read: {error.strerror}")
    return to_object(data, name)


def read_json(file: IO[bytes] | None, option: str) -> dict[str, Any] | None:
    """Read a file that an option names; an empty state, as a target leaves it that had none, is none.

    Raises:
        ConfigValidationError: If it holds something else.
    """
    if file is None:
        return None
    with file:
        data = file.read()
    if option == "--state" and not data.removeprefix(BOM_UTF8).strip():
        return None
    return to_object(data, f"the file given with {option}")


def to_object(data: bytes, name: str) -> dict[str, Any]:
    """Return the JSON object in a file, which Windows may have begun with a byte order mark.

    Raises:
        ConfigValidationError: If there is none.
    """
    try:
        text = data.decode("utf-8-sig")
        value = json.loads(text, parse_float=Decimal)
    except UnicodeDecodeError:
        _refuse(name, "is not in UTF-8")
    except json.JSONDecodeError as error:
        where = f"{error.msg}, line {error.lineno}, column {error.colno}"
        _refuse(name, f"is not JSON: {where}" if text.strip() else "is empty")
    if not isinstance(value, dict):
        _refuse(name, "is not a JSON object")
    return value


def _refuse(name: str, fault: str) -> NoReturn:
    msg = f"{name} {fault}"
    raise ConfigValidationError(msg, errors=[msg]) from None
