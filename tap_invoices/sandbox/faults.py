"""Faults on demand: which requests they hit, and what they do to them.

A rule is an object::

    {"provider": "ibana", "account": "acme", "path": "/v1/invoice$", "query": {"page": "3"},
     "after": 1, "times": 2, "action": {"status": 503}}

All but ``action`` may be left out. ``account`` is the name of the account whose credentials or token the request shows
("default" is there always). ``path`` is a regular expression, searched in the path as it came (still quoted); ``query``
names parameters that the request must have; the first ``after`` matches pass, the next ``times`` (1; null: all) are
hit. Requests for a token count too. An action has one or more of the names in the tables below, the details of its
value are beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from tap_invoices.sandbox.provider import RefusalError
from tap_invoices.sandbox.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from decimal import Decimal

    from tap_invoices.sandbox.book import Book
    from tap_invoices.sandbox.provider import Call, Provider
    from tap_invoices.sandbox.wire import Request

Action = dict[str, Any]


def _error(provider: Provider, call: Call, action: Action) -> Answer:
    status = action.get("status", 429)
    answer = provider.error(RefusalError(status, "This error was asked for."))
    if "body" in action:
        answer.body = action["body"].encode()
    if "retry_after" in action:
        wait = action["retry_after"]
        until = call.now + timedelta(seconds=action.get("seconds", 1))
        answer.headers["Retry-After"] = format_datetime(until, usegmt=True) if wait == "http-date" else str(wait)
    answer.headers |= action.get("headers", {})
    return answer


def _web_page(_provider: Provider, _call: Call, action: Action) -> Answer:
    answer = Answer.html("We are busy." if action.get("html", True) is True else action["html"])
    if "pdf_html" in action:
        answer.headers["Content-Type"] = "application/pdf"
    return answer


def _empty(_provider: Provider, _call: Call, _action: Action) -> Answer:
    return Answer(headers={"Content-Type": "application/json"})


def _redirect(_provider: Provider, _call: Call, action: Action) -> Answer:
    return Answer.redirect(action["redirect"], action.get("status", 302))


def _reset(_provider: Provider, _call: Call, _action: Action) -> Answer:
    return Answer(reset=True, cut=0)


INSTEAD: dict[str, Callable[[Provider, Call, Action], Answer]] = {
    "redirect": _redirect,  # to this URL; beside it: status (302)
    "html": _web_page,  # 200 with a web page: true, or its text
    "pdf_html": _web_page,  # the same, called a PDF
    "empty": _empty,  # 200 without a body
    "reset": _reset,  # connection reset before the first byte
    "retry_after": _error,  # seconds, or "http-date" so many "seconds" ahead; beside it: status (429)
    "status": _error,  # this status; beside it: body, headers
}
"""Actions that take the place of the answer, the first one named here before the others."""


def _insert(book: Book, value: Any) -> None:
    wanted = value if isinstance(value, dict) else {"count": value}
    for _ in range(wanted.get("count", 1)):
        book.add(wanted.get("position"), **wanted.get("fields", {}))


def _change(book: Book, value: Any) -> None:
    for key in _keys(book, value):
        book.change(key, **(value.get("fields", {}) if isinstance(value, dict) else {}))


def _delete(book: Book, value: Any) -> None:
    for key in _keys(book, value):
        book.delete(key)


def _pay(book: Book, value: Any) -> None:
    for key in _keys(book, value):
        book.pay(key)


def _keys(book: Book, value: Any) -> list[str]:
    wanted = value if isinstance(value, dict) else {"index": value}
    if "key" in wanted:
        return [wanted["key"]]
    keys = list(book.invoices)
    first = wanted.get("index", 0) % len(keys) if keys else 0
    return keys[first : first + wanted.get("count", 1)]


MUTATIONS: dict[str, Callable[[Book, Any], None]] = {
    "insert": _insert,  # how many, or {"count", "position", "fields"}
    "change": _change,  # the index, or {"index" or "key", "count", "fields"}
    "delete": _delete,  # the index, or {"index" or "key", "count"}
    "pay": _pay,  # the same
}
"""Actions that change the book right before the answer."""


def _delay(answer: Answer, value: float | Decimal) -> None:
    answer.delay = float(value)


def _drip(answer: Answer, value: float | Decimal) -> None:
    answer.drip = float(value)


def _half(answer: Answer, _value: object) -> None:
    answer.body = answer.body[: len(answer.body) // 2]


def _cut(answer: Answer, value: bool | int) -> None:  # noqa: FBT001
    answer.cut = len(answer.body) // 2 if value is True else value
    answer.reset = True


def _end_early(answer: Answer, value: bool | int) -> None:  # noqa: FBT001
    answer.cut = len(answer.body) // 2 if value is True else value


AFTERWARDS: dict[str, Callable[[Answer, Any], None]] = {
    "half_json": _half,  # half of the body, sent as if it were all
    "delay": _delay,  # seconds before the first byte
    "drip": _drip,  # seconds between one byte of the body and the next
    "cut": _cut,  # connection reset in the middle of the body: true, or after so many bytes
    "end_early": _end_early,  # connection closed there
}
"""Actions on the finished answer."""

PAGES = {
    "cap": "largest page size",
    "ignore_range": "all rows whatever was asked for; with rows: always the first so many",
    "repeat_page": "1: the first page again and again, 2: the first two in turn, and so on (offsets and page numbers)",
    "repeat_cursor": "the same for cursors: 1: A, A, A; 2: A, B, A, B",
    "foreign_next": "host of next_page: true, or its URL without a path",
    "total": "added to the list's total; null: no total is told",
    "drop_row": "index of a row that is left out of the page",
}
"""Actions on the making of a page; the provider's stand-in looks at those that it can follow."""

_DETAILS = {"body", "headers", "seconds", "rows"}
_NAMES = {"expire_token", *INSTEAD, *MUTATIONS, *AFTERWARDS, *PAGES, *_DETAILS}
_RULE = {"provider", "account", "path", "query", "after", "times", "action"}


@dataclass
class Fault:
    """One rule, and how many requests it has matched."""

    action: Action
    provider: str | None = None
    account: str | None = None
    path: str = ""
    query: Mapping[str, object] = field(default_factory=dict)
    after: int = 0
    times: int | None = 1
    matched: int = 0

    @classmethod
    def of(cls, rule: Mapping[str, Any]) -> Fault:
        """Return a rule from its JSON form; ValueError for what it does not know."""
        if not rule.get("action"):
            msg = f"a fault needs an action: {rule}"
            raise ValueError(msg)
        if unknown := (set(rule) - _RULE) | (set(rule["action"]) - _NAMES):
            msg = f"unknown in a fault: {', '.join(sorted(unknown))}"
            raise ValueError(msg)
        return cls(**rule)

    def hits(self, request: Request) -> bool:
        """Tell whether this request is hit, and count it if it matches."""
        given = dict(request.query)
        if (
            self.provider not in {None, request.provider}
            or self.account not in {None, request.account}
            or not re.search(self.path, request.path)
            or any(given.get(name) != str(value) for name, value in self.query.items())
        ):
            return False
        self.matched += 1
        return self.after < self.matched and (self.times is None or self.matched <= self.after + self.times)


class Faults:
    """The rules of a sandbox."""

    def __init__(self, rules: Iterable[Mapping[str, Any]]) -> None:
        """Read the rules; ValueError for a wrong one."""
        self._rules = [Fault.of(rule) for rule in rules]

    def add(self, **rule: Any) -> None:
        """Add a rule while the sandbox runs; its matches count from now on."""
        self._rules.append(Fault.of(rule))

    def clear(self) -> None:
        """Take all rules out."""
        self._rules.clear()

    def pick(self, request: Request) -> Action:
        """Return all that is to happen to a request."""
        action: Action = {}
        for rule in self._rules:
            if rule.hits(request):
                action |= rule.action
        return action


def answer(provider: Provider, call: Call) -> Answer:
    """Answer a call, with its tweaks as the faults to have."""
    action = dict(call.tweaks)
    if action.get("expire_token"):
        call.tokens.expire()
    for name in (name for name in MUTATIONS if name in action):
        MUTATIONS[name](call.book, action[name])
    instead = next((act for name, act in INSTEAD.items() if name in action), None)
    result = instead(provider, call, action) if instead else provider.answer(call)
    for name in (name for name in AFTERWARDS if name in action):
        AFTERWARDS[name](result, action[name])
    return result
