"""What is wrong with the accounts that the settings name: with each, and between them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from tap_invoices.config import references, rules
from tap_invoices.config.accounts import credentials, is_chosen

if TYPE_CHECKING:
    from tap_invoices.config.entries import Entry
    from tap_invoices.config.rules import Told
    from tap_invoices.providers.base import Provider

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?")
_RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]", re.IGNORECASE)
"""Names that no file can have on Windows."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ALIKE = "with case left aside (and, where {NAME} is used, `-` and `_`)"
_SHARD = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


def faults(config: Mapping[str, Any], providers: Iterable[Provider], entries: list[Entry], told: Iterable[str]) -> Told:
    """Yield the path of a setting and what is wrong there; what was told already may come again."""
    for _, group in groupby(entries, key=lambda entry: entry.provider.name):
        of_provider = list(group)
        yield from _names(of_provider)
        for entry in of_provider:
            yield from _entry(entry, config)
        yield from _same_credentials(of_provider)
        yield from _deletions(of_provider, config)
    for provider in providers:
        yield from _lists(provider.name, config.get(provider.name) or {}, entries, told)
    yield from _choice(config, entries)


def _lists(provider: str, given: Mapping[str, Any], entries: Iterable[Entry], told: Iterable[str]) -> Told:
    if not given.keys() & {"accounts", "accounts_url"}:
        return
    if "accounts" in given and "accounts_url" in given:
        yield f"{provider}.accounts_url", "cannot stand beside `accounts`: give one of them"
    if "account" in given:
        yield f"{provider}.account", "names a provider's only account, and cannot stand beside `accounts`"
    for name in ("accounts", "accounts_url"):
        path = f"{provider}.{name}"
        is_read = any(entry.path.startswith(path) for entry in entries) or any(each.startswith(path) for each in told)
        if name in given and not is_read:
            yield path, "names no account"


# One account


def _entry(entry: Entry, config: Mapping[str, Any]) -> Told:
    if not entry.is_only:
        yield from rules.texts(f"{entry.path}.", entry.given)
        yield from rules.start_date(f"{entry.path}.start_date", entry.given.get("start_date"))
    for path, given in ((entry.provider.name, entry.shared), (entry.path, entry.given)):
        yield from _forms(path, given, entry.provider)
    yield from _references(entry)
    settings = entry.settings
    for setting in entry.provider.settings if entry.is_enabled else ():
        value, path = settings.get(setting.name), entry.path_of(setting.name)
        is_given = any(settings.get(form) for form in setting.forms)
        if setting.required and not is_given and (entry.is_only or not setting.secret):
            yield path, f"is required for {entry.provider.title}"
        elif value and setting.name.endswith("_url"):
            yield from rules.url(path, value, allow_http=bool(config.get("allow_http")))
            if setting.name == "api_url":
                yield from rules.doubled_version(path, value, entry.provider)
        elif value and setting.name == "time_zone" and value not in available_timezones():
            yield path, "must be a time zone such as Europe/Amsterdam"


def _forms(path: str, given: Mapping[str, Any], provider: Provider) -> Told:
    for setting in provider.settings:
        first, *others = [form for form in setting.forms if form in given] or [""]
        for other in others:
            yield f"{path}.{other}", f"cannot stand beside `{path}.{first}`: give one of them"


def _references(entry: Entry) -> Told:
    settings = entry.settings
    for form in (form for setting in entry.provider.settings for form in setting.forms[1:]):
        if not settings.get(form):
            continue
        path = entry.path_of(form)
        try:
            target = references.expanded(settings[form], entry.name)
        except references.BraceError:
            yield path, "has a brace: {name} and {NAME} stand for the account's name, and {{ for a brace"
            continue
        if form.endswith("_file"):
            yield from rules.storage(path, target)
        elif entry.name and not _VARIABLE.fullmatch(target):
            yield path, "must be the name of a variable: letters, digits and underscores"


# Between accounts


def _names(entries: Iterable[Entry]) -> Told:
    seen: dict[str, Entry] = {}
    for entry in entries:
        path = f"{entry.path}.{'account' if entry.is_only else 'name'}"
        if not entry.name:
            yield path, "is required: the state and each row know an account by it"
        elif not _NAME.fullmatch(entry.name):
            yield path, "must be letters, digits, `-` and `_`, 64 at most, and begin and end with a letter or a digit"
        elif _RESERVED.fullmatch(entry.name):
            yield path, "is a name that Windows keeps for itself, and no file can have"
        else:
            for key in _keys(entry):
                if (other := seen.setdefault(key, entry)) is not entry:
                    yield path, f"is that of `{other.path}`, {_ALIKE}: give it another"


def _keys(entry: Entry) -> list[str]:
    """Return what no two accounts have in common: the name without case, and as it stands in references."""
    settings = entry.settings
    forms = [form for setting in entry.provider.settings for form in setting.forms[1:]]
    capitals = any(references.uses_capitals(settings[form]) for form in forms if settings.get(form))
    return [entry.name.lower(), *([references.in_capitals(entry.name)] if capitals else [])]


def _same_credentials(entries: Iterable[Entry]) -> Told:
    seen: dict[tuple[Any, ...], Entry] = {}
    for entry in entries:
        signs_in_by = _credentials(entry) if entry.is_enabled else None
        if signs_in_by and (other := seen.setdefault(signs_in_by, entry)) is not entry:
            yield entry.path, f"has the same credentials as `{other.path}`, whose invoices would come twice"


def _credentials(entry: Entry) -> tuple[Any, ...] | None:
    """Return what an account signs in with, references by what they lead to; nothing where something lacks."""
    settings, found = entry.settings, list[Any]()
    by_name = {setting.name: setting for setting in entry.provider.settings}
    for name in credentials(entry.provider):
        form = next((form for form in by_name[name].forms if settings.get(form)), name)
        value = str(settings.get(form) or by_name[name].default or "")
        try:
            value = references.expanded(value, entry.name) if form != name else value
        except references.BraceError:
            return None
        if not value:
            return None
        found.append((form, value.rstrip("/") if name.endswith("_url") else value))
    return tuple(found)


def _deletions(entries: list[Entry], config: Mapping[str, Any]) -> Told:
    title = entries[0].provider.title
    if len(entries) > 1 and config.get("batch_config"):
        yield "batch_config", f"cannot be used with more than one account of {title}"
    is_part = config.get("only_accounts") is not None or config.get("shard") is not None
    is_part = is_part or any(".accounts_url" in entry.path for entry in entries)
    if config.get("emit_activate_version_messages") and (len(entries) > 1 or is_part):
        yield (
            "emit_activate_version_messages",
            f"would let the target remove the rows of the other accounts of {title}: leave it out",
        )


def _choice(config: Mapping[str, Any], entries: Iterable[Entry]) -> Told:
    only: list[Any] | None = config.get("only_accounts")
    names = [entry for entry in entries if _NAME.fullmatch(entry.name)]
    known = {name for entry in names for name in (entry.name, f"{entry.provider.name}/{entry.name}")}
    for number, name in enumerate(only or ()):
        if isinstance(name, str) and name not in known:  # another type has been refused
            close = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean `{close[0]}`?" if close else "give its name, or `provider/name`"
            yield f"only_accounts[{number}]", f"names no account: {advice}"
    if only is not None and not any(entry.is_enabled and is_chosen(entry, only) for entry in entries):
        yield "only_accounts", "leaves no account to read"
    if (shard := config.get("shard")) is not None:
        match = _SHARD.fullmatch(shard)
        if not match or not int(match[1]) < int(match[2]):
            yield "shard", "must be a part and how many there are, such as 3/10, where the parts are 0 to 9"
