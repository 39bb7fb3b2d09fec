"""The benchmark's server: all five APIs as far as the workloads need them, as fast as Python answers.

What it serves stands in the URL: ``/<invoices>-<milliseconds a request>-<KB a PDF>/<provider>/…``. It asks for no
credentials and takes nothing amiss: its clients are the benchmark's own.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache, partial
from urllib.parse import parse_qsl

import uvloop

from benchmarks import invoices
from benchmarks.invoices import pdfs

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")
_RANGE = re.compile(rb"(?i)\r\nranged-data: *start=([0-9]+),results=([0-9]+)")


@dataclass(frozen=True)
class Call:
    """A request to an API that has ``count`` invoices."""

    count: int
    kilobytes: int
    key: str
    """What the path names, if it does."""
    query: dict[str, str]
    head: bytes

    def number(self, name: str, default: int) -> int:
        """Return a number from the query."""
        return int(self.query.get(name, default))

    @property
    def index(self) -> int:
        """The digits of the key."""
        return int(re.sub("[^0-9]", "", self.key))


Handler = Callable[[Call], bytes]


def ibana_page(call: Call) -> bytes:
    """A numbered page."""
    page, take = call.number("page", 1), call.number("take", 10)
    found = invoices.changed(call.count, call.query.get("updatedFrom"), call.query.get("updatedTo"))
    pages = -(-len(found) // take)
    rows = invoices.IBANA.some(found[(page - 1) * take : page * take])
    meta = b'{"page":%d,"take":%d,"itemCount":%d,"pageCount":%d,' % (page, take, len(found), pages)
    turns = b'"hasPreviousPage":%b,"hasNextPage":%b}' % (_bool(page > 1), _bool(page < pages))
    return b'{"data":[%b],"meta":%b%b}' % (rows, meta, turns)


def exsited_page(call: Call) -> bytes:
    """All invoices, by offset."""
    return _exsited_page(call, range(call.count))


def exsited_owned(owner: bytes, size: int, call: Call) -> bytes:
    """The invoices of an order or an account, by offset."""
    first = call.index * size
    return b'{"%b":%b}' % (owner, _exsited_page(call, range(call.count)[first : first + size]))


def _exsited_page(call: Call, found: range) -> bytes:
    limit, offset = call.number("limit", 20), call.number("offset", 0)
    rows = invoices.EXSITED.some(found[offset : offset + limit])
    numbers = b'{"records":%d,"limit":%d,"offset":%d,' % (len(found), limit, offset)
    following = b"/?offset=%d" % (offset + limit) if offset + limit < len(found) else b"NULL"
    return b'{"invoices":[%b],"pagination":%b"previous_page":"","next_page":"%b"}}' % (rows, numbers, following)


def covage_page(call: Call) -> bytes:
    """A page whose cursor is a position."""
    size, start = call.number("page_size", 20), call.number("cursor", 0)
    rows = invoices.COVAGE.some(range(call.count)[start : start + size])
    following = b'"http://127.0.0.1/?cursor=%d"' % (start + size) if start + size < call.count else b"null"
    return b'{"page_size":%d,"count":%d,"next_page":%b,"results":[%b]}' % (size, call.count, following, rows)


def i3dnet_range(call: Call) -> bytes:
    """A range of rows."""
    found = _RANGE.search(call.head)
    start, size = (int(found[1]), int(found[2])) if found else (0, 25)
    return b"[%b]" % invoices.I3DNET.some(range(call.count)[start : start + size])


def pdf(call: Call) -> bytes:
    """A PDF in name, of the size that the URL asks for."""
    title = b"%%PDF-1.4\n%% %b\n" % call.key.encode()
    return title + pdfs.NOISE[: call.kilobytes * 1000 - len(title) - 6] + b"\n%%EOF"


def pdf_with_xml(call: Call) -> bytes:
    """A PDF that carries its invoice."""
    return pdfs.with_xml(call.key, call.kilobytes)


def token(_call: Call) -> bytes:
    """Sign anyone in."""
    return b'{"access_token":"benchmark","expires_in":86400,"refresh_token":"benchmark"}'


def _bool(value: bool) -> bytes:  # noqa: FBT001
    return b"true" if value else b"false"


_KEY = "([^/]+)"
_ROUTES: tuple[tuple[str, Handler], ...] = (
    ("ibana/v1/invoice", ibana_page),
    ("exsited/api/v1/oauth2/token", token),
    ("exsited/api/v3/invoices", exsited_page),
    (f"exsited/api/v3/invoices/{_KEY}", lambda call: b'{"invoice":%b}' % invoices.EXSITED.one(call.index)),
    (
        f"exsited/api/v2/invoices/{_KEY}/information",
        lambda call: b'{"invoice":%b}' % invoices.EXSITED_SHORT.one(call.index),
    ),
    (f"exsited/api/v3/orders/{_KEY}/invoices", partial(exsited_owned, b"order", invoices.PER_ORDER)),
    (f"exsited/api/v3/accounts/{_KEY}/invoices", partial(exsited_owned, b"account", invoices.PER_ACCOUNT)),
    (f"exsited/api/v2/invoices/{_KEY}/pdf", pdf),
    ("covage/auth/realms/covage/protocol/openid-connect/token", token),
    ("covage/api/v1/invoice/", covage_page),
    (f"covage/api/v1/invoice/{_KEY}/download/", pdf_with_xml),
    ("matas/invoices", lambda call: b"[%b]" % invoices.MATAS.some(range(call.count))),
    (f"matas/invoice/{_KEY}", lambda call: invoices.MATAS_WHOLE.one(call.index)),
    ("i3dnet/v3/account/invoice", i3dnet_range),
    ("i3dnet/v3/account/invoice/unpaid", i3dnet_range),
    (f"i3dnet/v3/account/invoice/number/{_KEY}", lambda call: b"[%b]" % invoices.I3DNET_WHOLE.one(call.index)),
    (f"i3dnet/v3/account/invoice/{_KEY}", lambda call: b"[%b]" % invoices.I3DNET_WHOLE.one(call.index)),
    (f"i3dnet/v3/account/invoice/{_KEY}/pdf", pdf),
)
_COMPILED = [(re.compile(path), handler) for path, handler in _ROUTES]


@lru_cache(1 << 16)
def _route(path: str) -> tuple[int, float, int, str, Handler]:
    """Return what a path asks for: invoices, seconds, KB, key, and who answers."""
    _, numbers, rest = path.split("/", 2)
    count, milliseconds, kilobytes = map(int, numbers.split("-"))
    for pattern, handler in _COMPILED:
        if found := pattern.fullmatch(rest):
            return count, milliseconds / 1000, kilobytes, "".join(found.groups()), handler
    raise LookupError(path)


def _answer(head: bytes) -> tuple[bytes, float]:
    """Return the answer to a request, and the seconds after which it is due."""
    path, _, query = head.split(b" ", 2)[1].decode().partition("?")
    try:
        count, seconds, kilobytes, key, handler = _route(path)
    except (LookupError, ValueError):
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0.0
    body = handler(Call(count, kilobytes, key, dict(parse_qsl(query)), head))
    kind = b"application/pdf" if handler in {pdf, pdf_with_xml} else b"application/json"
    return _head(int(time.time()), kind) + b"%d\r\n\r\n%b" % (len(body), body), seconds


@lru_cache(2)
def _head(second: int, kind: bytes) -> bytes:
    date = formatdate(second, usegmt=True).encode()
    return b"HTTP/1.1 200 OK\r\nDate: %b\r\nContent-Type: %b\r\nContent-Length: " % (date, kind)


class Line(asyncio.Protocol):
    """One kept-alive connection; the event loop has set TCP_NODELAY."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < whole:
                return
            self._received = self._received[whole:]
            body, seconds = _answer(head)
            if seconds:
                asyncio.get_running_loop().call_later(seconds, self._transport.write, body)
            else:
                self._transport.write(body)


async def serve() -> None:
    """Serve on a free port of this machine until killed; the port is the one line on stdout."""
    server = await asyncio.get_running_loop().create_server(Line, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
