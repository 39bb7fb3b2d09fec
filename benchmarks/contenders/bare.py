"""Bare loops: the same requests and JSON lines, and nothing else.

``bare.py URL KIND THREADS LIBRARY``: KIND is list, details or documents, LIBRARY requests (and json) or orjson.
"""

from __future__ import annotations

import base64
import http.client
import json
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

Row = dict[str, Any]

_PAGE = 100
_own = threading.local()


class Client:
    """Fetches in threads, in order; as many answers as threads wait at most.

    Args:
        threads: 1 for none.
        library: What fetches and parses; the other one is not imported.
    """

    def __init__(self, threads: int, library: str) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self.loads: Callable[[bytes], Any] = json.loads
        self.dumps: Callable[[Any], bytes] = lambda row: json.dumps(row).encode()
        self.get: Callable[[str], bytes] = get_by_socket
        if library == "requests":
            import requests  # noqa: PLC0415

            session = requests.Session()
            self.get = lambda url: session.get(url).content
        else:
            import orjson  # noqa: PLC0415

            self.loads, self.dumps = orjson.loads, orjson.dumps

    def bodies(self, urls: Iterable[str]) -> Iterator[bytes]:
        """Yield the bodies of URLs."""
        if self._pool is None:
            yield from map(self.get, urls)
            return
        ahead: deque[Future[bytes]] = deque()
        for url in urls:
            ahead.append(self._pool.submit(self.get, url))
            if len(ahead) >= 2 * self._threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def get_by_socket(url: str) -> bytes:
    """Return a URL's body, over the thread's own connection."""
    parts = urlsplit(url)
    if not hasattr(_own, "line"):
        _own.line = http.client.HTTPConnection(parts.netloc)
    _own.line.request("GET", f"{parts.path}?{parts.query}")
    body: bytes = _own.line.getresponse().read()
    return body


def invoices(client: Client, url: str) -> Iterator[Row]:
    """Yield ibana's invoices; the first page tells how many pages there are."""
    page = f"{url}/ibana/v1/invoice?take={_PAGE}&page="
    first = client.loads(client.get(f"{page}1"))
    yield from first["data"]
    for body in client.bodies(f"{page}{number}" for number in range(2, first["meta"]["pageCount"] + 1)):
        yield from client.loads(body)["data"]


def exsited_ids(client: Client, url: str) -> list[str]:
    """Return the ids of Exsited's invoices."""
    page = f"{url}/exsited/api/v3/invoices?limit={_PAGE}&offset="
    first = client.loads(client.get(f"{page}0"))
    rows = list(first["invoices"])
    for body in client.bodies(f"{page}{offset}" for offset in range(_PAGE, first["pagination"]["records"], _PAGE)):
        rows += client.loads(body)["invoices"]
    return [row["id"] for row in rows]


def details(client: Client, url: str) -> Iterator[Row]:
    """Yield Exsited's invoices one by one."""
    urls = (f"{url}/exsited/api/v3/invoices/{key}" for key in exsited_ids(client, url))
    return (client.loads(body)["invoice"] for body in client.bodies(urls))


def documents(client: Client, url: str) -> Iterator[Row]:
    """Yield Exsited's PDFs as base64."""
    ids = exsited_ids(client, url)
    bodies = client.bodies(f"{url}/exsited/api/v2/invoices/{key}/pdf" for key in ids)
    for key, body in zip(ids, bodies, strict=True):
        yield {"id": key, "content_base64": base64.b64encode(body).decode()}


KINDS = {"list": invoices, "details": details, "documents": documents}


def main() -> None:
    """Write all rows to stdout."""
    url, kind, threads, library = sys.argv[1:]
    client = Client(int(threads), library)
    write = sys.stdout.buffer.write
    for row in KINDS[kind](client, url):
        write(client.dumps(row))
        write(b"\n")


if __name__ == "__main__":
    main()
