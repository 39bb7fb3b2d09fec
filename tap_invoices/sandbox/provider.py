"""What the providers' stand-ins share: routes, strict parameters, pages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote

from tap_invoices.sandbox.tokens import labelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tap_invoices.sandbox.book import Book, Record
    from tap_invoices.sandbox.checks import Check
    from tap_invoices.sandbox.tokens import Tokens
    from tap_invoices.sandbox.wire import Answer, Request


class RefusalError(Exception):
    """A request that gets an error: status, message, the parameter at fault, or a whole answer of its own."""

    def __init__(self, status: int, message: str = "", name: str = "", answer: Answer | None = None) -> None:
        """Say why."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.name = name
        self.answer = answer


class Account:
    """One customer at a provider: credentials, tokens and a book of its own."""

    def __init__(self, name: str, secrets: Mapping[str, str], tokens: Tokens, open_book: Callable[[], Book]) -> None:
        """Hold the credentials, by the names of the tap's settings; the book waits until it is asked for."""
        self.name = name
        self.secrets = secrets
        self.tokens = tokens
        self._open_book = open_book

    @cached_property
    def book(self) -> Book:
        """The invoices; the sandbox's lock is held where it may be made."""
        return self._open_book()


@dataclass
class Call:
    """One request with all that is needed to answer it."""

    request: Request
    account: Account
    """Whose request it is; the default account's if nobody's."""
    base: str
    """URL of the sandbox, without a slash at the end."""
    now: datetime
    tweaks: Mapping[str, Any] = field(default_factory=dict)
    """What a fault wants to be different in the page that is made."""

    @property
    def book(self) -> Any:
        """The account's invoices, as the provider's own kind of book."""
        return self.account.book

    @property
    def tokens(self) -> Tokens:
        """The account's tokens."""
        return self.account.tokens

    def params(self, checks: Mapping[str, Check]) -> dict[str, Any]:
        """Return the query's parameters as their checks read them; names with ``[]`` may come often, as a list.

        Raises:
            RefusalError: 400 for an unknown parameter, one given twice, and a bad value.
        """
        found: dict[str, Any] = {}
        for name, value in self.request.query:
            if name not in checks:
                raise RefusalError(400, f"{name} is not a parameter of this endpoint", name)
            if name in found and not name.endswith("[]"):
                raise RefusalError(400, f"{name} is given twice", name)
            try:
                read = checks[name](value)
            except ValueError as error:
                raise RefusalError(400, f"{name} {error}", name) from error
            found[name] = [*found.get(name, ()), read] if name.endswith("[]") else read
        return found

    def page_size(self, asked: int) -> int:
        """Return the size that the page may have."""
        size: int = min(asked, self.book.max_page_size, self.tweaks.get("cap", asked))
        return size

    def page(self, stream: str, keys: list[str], start: int, size: int) -> Page:
        """Return the rows of one page as a stream's endpoint sends them."""
        first, last = start, start + size
        if "ignore_range" in self.tweaks:
            first, last = 0, self.tweaks.get("rows", len(keys))
        elif turns := self.tweaks.get("repeat_page"):
            first = start // size % turns * size
            last = first + size
        rows = [self.book.sent(stream, key) for key in keys[first:last]]
        if rows and "drop_row" in self.tweaks:
            del rows[self.tweaks["drop_row"]]
        added = self.tweaks.get("total", 0)
        total = None if added is None else len(keys) + added
        return Page(rows, total, more=start + size < len(keys))

    def known(self, key: str, missing: str) -> str:
        """Return a key that the book holds.

        Raises:
            RefusalError: 404 for one that it does not.
        """
        if key not in self.book.invoices:
            raise RefusalError(404, missing)
        return key


@dataclass
class Page:
    """Rows of one page, what their list counts in all, and whether more of it follow."""

    rows: list[Record]
    total: int | None
    more: bool

    def told(self, name: str) -> dict[str, int]:
        """Return the total under the name that a provider has for it, nothing if it leaves it out."""
        return {} if self.total is None else {name: self.total}


@dataclass(frozen=True)
class Route:
    """A method and a path; each ``{}`` in it stands for one quoted segment, which the handler gets unquoted."""

    method: str
    path: str
    handler: Callable[..., Answer]
    is_open: bool = False
    """Whether it answers without a token."""


class Provider:
    """A stand-in for one provider's API; it keeps nothing itself."""

    name: ClassVar[str]
    mounts: ClassVar[tuple[str, ...]]
    """First segments of its paths."""
    book: ClassVar[type[Book]]
    secrets: ClassVar[Mapping[str, str]]
    """The default account's credentials, by the names of the tap's settings."""
    identity: ClassVar[str] = "token"
    """The one of them that tells whose they are."""
    not_found: ClassVar[str] = "Not found."
    not_signed_in: ClassVar[str] = "Unauthorized"

    def __init__(self) -> None:
        """Read the routes."""
        self._routes = [(re.compile(route.path.replace("{}", "([^/]+)")), route) for route in self.routes()]

    def routes(self) -> tuple[Route, ...]:
        """Return all endpoints, a fixed segment before one that may be anything."""
        raise NotImplementedError

    def urls(self, base: str) -> dict[str, str]:
        """Return the tap's settings that point at this stand-in; ``base`` is the sandbox's URL."""
        raise NotImplementedError

    def secrets_of(self, account: str) -> dict[str, str]:
        """Return the credentials of an account."""
        return {name: labelled(text, account) for name, text in self.secrets.items()}

    def shown(self, request: Request) -> str:
        """Return what tells whose request it is: a token, or at sign-in the identity among the credentials."""
        return request.bearer

    def authorise(self, call: Call) -> None:
        """Let a request with a good bearer token pass.

        Raises:
            RefusalError: 401 for one without.
        """
        if not call.tokens.good(call.request.bearer):
            raise RefusalError(401, self.not_signed_in)

    def error(self, refusal: RefusalError) -> Answer:
        """Return the provider's error for a refusal."""
        raise NotImplementedError

    def answer(self, call: Call) -> Answer:
        """Answer a request as the provider would."""
        try:
            return self._dispatch(call)
        except RefusalError as refusal:
            return refusal.answer or self.error(refusal)

    def _dispatch(self, call: Call) -> Answer:
        if not call.request.path.isascii():
            raise RefusalError(400, "The path is not quoted.")
        known = False
        for pattern, route in self._routes:
            if not (found := pattern.fullmatch(call.request.path)):
                continue
            known = True
            if route.method == call.request.method:
                if not route.is_open:
                    self.authorise(call)
                return route.handler(call, *map(unquote, found.groups()))
        method = call.request.method
        raise RefusalError(405, f"Method {method} is not allowed.") if known else RefusalError(404, self.not_found)
