"""Faults in the settings that their JSON schema sees, each as a line that names the setting and never its value."""

from __future__ import annotations

import difflib
import functools
import math
from collections.abc import Collection, Container, Mapping
from typing import Any

from jsonschema import Draft202012Validator, TypeChecker
from jsonschema.validators import extend

Faults = dict[str, str]
"""Path of a setting, as people write it → what is wrong there, as a line."""

_NOUNS = {"object": "an object", "array": "an array", "integer": "a whole number", "number": "a number"}


def faults(schema: Mapping[str, Any], config: Mapping[str, Any], root: str = "") -> Faults:
    """Return what the schema sees, one line for each path: a wrong type comes before a limit that is passed."""
    found: Faults = {}
    for error in _Validator(schema).iter_errors(config):
        path = functools.reduce(below, error.absolute_path, root)
        if error.validator == "additionalProperties":
            known = error.schema["properties"]
            for name in sorted(set(error.instance) - set(known)):
                full = below(path, name)
                found[full] = f"unknown setting `{full}`: {meant(name, known)}"
        else:
            found.setdefault(path, f"`{path}` {_what(error)}")
    return found


def without(faulty: Container[str], value: Any, path: str = "") -> Any:
    """Return settings without those at some paths; in a list, nothing takes their places."""
    if isinstance(value, Mapping):
        named = {name: below(path, name) for name in value}
        return {name: without(faulty, item, named[name]) for name, item in value.items() if named[name] not in faulty}
    if isinstance(value, list):
        items = [(below(path, number), item) for number, item in enumerate(value)]
        return [None if full in faulty else without(faulty, item, full) for full, item in items]
    return value


def below(path: str, part: str | int) -> str:
    """Return a path one step on, as people write it: ``PROVIDER.accounts[1].token``."""
    return f"{path}[{part}]" if isinstance(part, int) else f"{path}.{part}".removeprefix(".")


def meant(name: str, known: Collection[str]) -> str:
    """Return what may have been meant by a name that there is not."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"known are {', '.join(sorted(known))}"


def _is_finite(_checker: TypeChecker, value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_TYPES = Draft202012Validator.TYPE_CHECKER.redefine("number", _is_finite)
_Validator = extend(Draft202012Validator, type_checker=_TYPES)  # type: ignore[no-untyped-call]
"""Takes no NaN, which lies within all limits."""


def _what(error: Any) -> str:
    value, limits = error.validator_value, error.schema
    if error.validator == "type":
        wanted = [kind for kind in ([value] if isinstance(value, str) else value) if kind != "null"]
        return f"must be {' or '.join(_NOUNS.get(kind, f'a {kind}') for kind in wanted)}"
    if error.validator == "enum":
        return f"must be one of {', '.join(value)}"
    if "exclusiveMinimum" in limits:
        return f"must be more than {limits['exclusiveMinimum']}, and no more than {limits['maximum']}"
    return {
        "minimum": f"must be at least {value}",
        "maximum": f"must be at most {value}",
        "pattern": "has characters that cannot stand in a header, such as a line end or an accent",
    }.get(error.validator, f"is not valid ({error.validator})")
