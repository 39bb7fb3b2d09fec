"""Settings from the environment and from ``.env``: one JSON value for an object, or flat names."""

from __future__ import annotations

import difflib
import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from dotenv import find_dotenv
from dotenv.parser import parse_stream
from dotenv.variables import parse_variables
from singer_sdk.exceptions import ConfigValidationError

Config = dict[str, Any]

_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off")
_SINGLE_QUOTED = re.compile(r"[^=]*=\s*'")
_SAVE = "save the file as UTF-8"
_OF_THE_SDK = ("LOGLEVEL",)
_OF_MELTANO = "_"
"""Begins what Meltano adds to a plugin's prefix: ``TAP_INVOICES__SELECT``, and the variables of inherited plugins."""


class Environment:
    """The variables of this process, and those of the ``.env`` file here or above.

    Args:
        prefix: What the names of settings begin with.

    Raises:
        ConfigValidationError: If that file cannot be read.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._sources = (_dotenv(prefix), dict(os.environ))

    def sources(self, schema: Mapping[str, Any]) -> list[Config]:
        """Return the settings that ``.env`` gives, and those that the process's own variables lay over them.

        ``PREFIX_ACME='{"token": "…"}'`` and ``PREFIX_ACME_TOKEN=…`` are the same; the flat name wins.
        What cannot be read as its type is left as text, for the validation to name.
        """
        return [_read(schema, variables, self._prefix) for variables in self._sources]

    def unknown(self, schema: Mapping[str, Any]) -> list[str]:
        """Return a line for each variable that has the prefix and names no setting."""
        known = list(_names(schema, self._prefix))
        own = (f"{self._prefix}{_OF_MELTANO}", *(f"{self._prefix}{name}" for name in _OF_THE_SDK))
        given = {name for variables in self._sources for name in variables if name.startswith(self._prefix)}
        return [self._advice(name, known) for name in sorted(given - set(known)) if not name.startswith(own)]

    def _advice(self, name: str, known: list[str]) -> str:
        ends = [each.removeprefix(self._prefix) for each in known]
        close = difflib.get_close_matches(name.removeprefix(self._prefix).upper(), ends, n=1, cutoff=0.7)
        meant = f": did you mean `{self._prefix}{close[0]}`?" if close else ""
        return f"the variable `{name}` names no setting{meant}"


class Variables:
    """Any variable by its name: that of this process, or what ``.env`` says of it."""

    def get(self, name: str) -> str | None:
        """Return its value, if it is set."""
        return os.environ[name] if name in os.environ else self._of_file.get(name)

    @cached_property
    def _of_file(self) -> dict[str, str]:
        return _dotenv(None)


def _read(schema: Mapping[str, Any], variables: Mapping[str, str], prefix: str) -> Config:
    config: Config = {}
    for name, setting in schema["properties"].items():
        variable = f"{prefix}{name.upper()}"
        if variable in variables:
            config[name] = from_text(variables[variable], setting.get("type", "string"))
        if "properties" in setting:
            flat = _read(setting, variables, f"{variable}_")
            if flat and isinstance(config.get(name, {}), dict):
                config[name] = {**config.get(name, {}), **flat}
    return config


def _names(schema: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, setting in schema["properties"].items():
        yield f"{prefix}{name.upper()}"
        if "properties" in setting:
            yield from _names(setting, f"{prefix}{name.upper()}_")


def from_text(value: str, types: str | list[str]) -> Any:
    """Return a text as a setting's type; as it is, where it cannot be read so."""
    if "string" in types:
        return value
    if "boolean" in types:
        return {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}.get(value.strip().lower(), value)
    try:
        return json.loads(value)
    except ValueError:
        return value


def _dotenv(prefix: str | None) -> dict[str, str]:
    """Read ``.env`` as a shell does: single quotes keep what is in them, elsewhere ``${NAME}`` is replaced.

    Only what concerns variables with the prefix is refused.
    """
    path = find_dotenv(usecwd=True)
    if not path:
        return {}
    found: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(_text(path))):
        if binding.error and prefix and prefix in binding.original.string:
            raise _refusal(path, f"cannot be read from line {binding.original.line} on: a quote may be missing")
        if binding.key is None or binding.value is None:
            continue
        value = binding.value
        if not _SINGLE_QUOTED.match(binding.original.string):
            value = "".join(part.resolve({**os.environ, **found}) for part in parse_variables(value))
        if prefix and binding.key.startswith(prefix) and _is_no_text(value):
            raise _refusal(path, f"is not UTF-8 text, see `{binding.key}`: {_SAVE}")
        found[binding.key] = value
    return found


def _text(path: str) -> str:
    """Return the file's text, in which bytes that are not UTF-8 still show: only our own settings must be so."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror}") from error
    if b"\0" in data:
        raise _refusal(path, f"is not UTF-8 text: {_SAVE}")
    return data.decode("utf-8-sig", errors="surrogateescape")


def _is_no_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return True
    return False


def _refusal(path: str, fault: str) -> ConfigValidationError:
    return ConfigValidationError("Config validation failed", errors=[f"{path} {fault}"])
