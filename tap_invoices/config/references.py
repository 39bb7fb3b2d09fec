"""Secrets by reference: the variable or the file that holds them, and what of them is good."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import fsspec
from singer_sdk.exceptions import ConfigValidationError

from tap_invoices.errors import LocalError
from tap_invoices.streams import storage

if TYPE_CHECKING:
    from tap_invoices.config.entries import Entry
    from tap_invoices.config.environment import Variables
    from tap_invoices.providers.base import Setting

_BRACES = re.compile(r"\{\{|\{name\}|\{NAME\}|\{")
_LONGEST = 64 * 1024
_NO_TEXT = re.compile("[\r\n\0]")


class BraceError(ValueError):
    """A reference has a brace that stands for nothing."""


def expanded(reference: str, name: str) -> str:
    """Return a reference with the account's name in it.

    Raises:
        BraceError: If a brace in it stands for nothing.
    """

    def replaced(found: re.Match[str]) -> str:
        match found[0]:
            case "{{":
                return "{"
            case "{name}":
                return name
            case "{NAME}":
                return in_capitals(name)
            case _:
                raise BraceError

    return _BRACES.sub(replaced, reference)


def in_capitals(name: str) -> str:
    """Return an account's name as it can stand in that of a variable."""
    return name.upper().replace("-", "_")


def uses_capitals(reference: str) -> bool:
    """Tell whether two names that differ in ``-``, ``_`` or case would be one in it."""
    return "{NAME}" in _BRACES.findall(reference)


def reader(entry: Entry, setting: Setting, variables: Variables) -> Callable[[], str]:
    """Return what reads a secret of an account when it is called; what is wrong then is that account's failure."""
    settings = entry.settings
    form = next((form for form in setting.forms if settings.get(form) is not None), setting.name)
    given, path = settings.get(form), f"`{entry.path_of(form)}` ({entry.name})"
    if form == setting.name:
        return lambda: _checked(path, setting, given, "is empty: is its variable set?")
    target = expanded(given or "", entry.name)
    if form.endswith("_env"):
        missing = "names a variable that is not set, or is empty"
        return lambda: _checked(path, setting, _of_environment(path, variables, target), missing)
    return lambda: _checked(path, setting, _of_file(path, target), "names a file that is empty")


def _of_environment(path: str, variables: Variables, name: str) -> str | None:
    try:
        return variables.get(name)
    except ConfigValidationError as error:
        msg = f"{path} names a variable that may stand in a file: {error.errors[0]}"
        raise LocalError(msg) from error


def _of_file(path: str, url: str) -> str:
    try:
        with fsspec.open(url, "rb") as file:
            data: bytes = file.read(_LONGEST + 1)
    except Exception as error:
        msg = f"{path} names a file that cannot be read: {storage.reason(error)}"
        raise LocalError(msg) from error
    if len(data) > _LONGEST:
        msg = f"{path} names a file of more than {_LONGEST // 1024} KiB, which holds no secret"
        raise LocalError(msg)
    return data.decode("utf-8-sig", errors="surrogateescape").removesuffix("\n").removesuffix("\r")


def _checked(path: str, setting: Setting, value: str | None, when_empty: str) -> str:
    """Return a secret that a request can be signed with.

    Raises:
        LocalError: If it is none.
    """
    value, fault = value or "", None
    if not value:
        fault = when_empty
    elif _NO_TEXT.search(value):
        fault = "has a line end in it"
    elif any("\ud800" <= character <= "\udfff" for character in value):
        fault = "is not UTF-8 text"
    elif setting.pattern and not re.search(setting.pattern, value):
        fault = "has characters that cannot stand in a header, such as a line end or an accent"
    if fault:
        msg = f"{path} {fault}"
        raise LocalError(msg)
    return value
