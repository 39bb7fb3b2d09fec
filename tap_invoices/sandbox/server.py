"""The local server: all providers on one port, in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl

from aiohttp import web

from tap_invoices.sandbox import faults as faulty
from tap_invoices.sandbox.accounts import Accounts, seeds_of
from tap_invoices.sandbox.provider import Call
from tap_invoices.sandbox.providers import PROVIDERS
from tap_invoices.sandbox.tokens import DEFAULT
from tap_invoices.sandbox.wire import Answer, Request

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from tap_invoices.sandbox.book import Book

HOST = "127.0.0.1"
_BY_NAME = {provider.name: provider for provider in PROVIDERS}
_BY_MOUNT = {mount: provider for provider in PROVIDERS for mount in provider.mounts}
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_STEPS_TO_CONNECT = 3
"""Rounds of the event loop from an accepted socket to a connection; a server closed in between leaves it open."""


class Sandbox:
    """A server that stands in for all providers' APIs; ``with`` starts it on a free port and stops it.

    Args:
        invoices: How many each provider has at the start.
        seed: The same seed gives the same invoices.
        latency: Seconds that every request takes at least.
        faults: Rules as in `tap_invoices.sandbox.faults`.
        accounts: Names of accounts that each provider has beside the default one. All have the same invoices; a mapping
            gives each a seed of its own: other invoices, many of them under the same ids.
        ssl_context: Serve https with it.
    """

    def __init__(  # noqa: PLR0913 - all by name
        self,
        *,
        invoices: int = 200,
        seed: int = 7,
        latency: float = 0.0,
        faults: Iterable[Mapping[str, Any]] = (),
        accounts: Iterable[str] | Mapping[str, int] = (),
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Set up; nothing is served yet, and no invoice invented."""
        self.latency = latency
        self.faults = faulty.Faults(faults)
        self.requests: list[Request] = []
        self.clock_offset = 0.0
        """Seconds by which the providers' clock is ahead."""
        self.port = 0
        self._invoices = invoices
        self._ssl_context = ssl_context
        self._lock = threading.RLock()
        seeds = seeds_of(accounts, seed)
        self.accounts = tuple(seeds)
        self._accounts = {
            name: Accounts(provider, {DEFAULT: seed, **seeds}, self._open_book, lambda: self.now)
            for name, provider in _BY_NAME.items()
        }
        self._callbacks: list[Callable[[Request], object]] = []
        self._errors: list[Exception] = []
        self._thread: threading.Thread | None = None
        self._stop: Callable[[], object] = bool

    @property
    def url(self) -> str:
        """Where it is served, without a slash at the end."""
        return f"{'https' if self._ssl_context else 'http'}://{HOST}:{self.port}"

    @property
    def now(self) -> datetime:
        """The providers' clock (UTC), as ``Date`` headers tell it and new change dates take it; it may be set."""
        return datetime.now(UTC) + timedelta(seconds=self.clock_offset)

    @now.setter
    def now(self, value: datetime) -> None:
        self.clock_offset = (value - datetime.now(UTC)).total_seconds()

    def config(self, *providers: str) -> dict[str, Any]:
        """Return the tap's settings that point here, for all providers or the named ones."""
        return {name: self._accounts[name].plain_config(self.url) for name in providers or _BY_NAME}

    def accounts_config(self, *providers: str, names: Iterable[str] = ()) -> dict[str, Any]:
        """Return the tap's settings with ``accounts``: the named ones, or all that were given."""
        names = tuple(names) or self.accounts
        return {name: self._accounts[name].config(self.url, names) for name in providers or _BY_NAME}

    def book(self, provider: str, account: str = DEFAULT) -> Book:
        """Return the invoices of an account, to look at and to change."""
        with self._lock:
            return self._accounts[provider][account].book

    def clear(self) -> None:
        """Forget the requests made so far."""
        self.requests.clear()

    def tokens_issued(self, provider: str, account: str = DEFAULT) -> int:
        """Return how many access tokens a provider has given out to an account."""
        return self._accounts[provider][account].tokens.issued

    def expire_tokens(self, provider: str, account: str = DEFAULT, *, refresh: bool = False) -> None:
        """End an account's access tokens, static ones too; with ``refresh`` also what renews them."""
        with self._lock:
            self._accounts[provider][account].tokens.expire(refresh=refresh)

    def on_request(self, callback: Callable[[Request], object]) -> None:
        """Have each request shown to ``callback``, in the server's thread, before it is answered."""
        self._callbacks.append(callback)

    def start(self, port: int = 0) -> None:
        """Serve in a thread; OSError if the port (0: any free one) cannot be had."""
        listener, ready = socket.create_server((HOST, port)), threading.Event()
        self.port = listener.getsockname()[1]
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(listener, ready)), daemon=True)
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """End serving; an error inside the sandbox, which its client took for a 500, is raised here."""
        self._stop()
        if self._thread:
            self._thread.join()
        if self._errors:
            raise self._errors[0]

    def __enter__(self) -> Self:
        """Start on a free port."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Stop; the test's own error comes before one of the sandbox."""
        try:
            self.stop()
        except Exception:
            if error is None:
                raise

    async def _serve(self, listener: socket.socket, ready: threading.Event) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        self._stop = lambda: None if loop.is_closed() else loop.call_soon_threadsafe(stop.set)
        server = web.Server(self._handle, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await runner.setup()
        await web.SockSite(runner, listener, ssl_context=self._ssl_context).start()
        ready.set()
        await stop.wait()
        await _hang_up(server, listener)
        await runner.cleanup()

    async def _handle(self, http: web.BaseRequest) -> web.StreamResponse:
        path, _, query = http.raw_path.partition("?")
        provider = _BY_MOUNT.get(path.split("/", 2)[1])
        if provider is None:
            return web.Response(status=404, text="No provider lives here.\n")
        body, pairs = await http.read(), parse_qsl(query, keep_blank_values=True)
        request = Request(provider.name, http.method, path, pairs, http.headers, body, time.monotonic())
        request.account = self._accounts[provider.name].asking(request)
        self.requests.append(request)
        await asyncio.sleep(self.latency)
        try:
            answer = self._answer(request)
        except Exception as error:  # noqa: BLE001 - kept for stop(): a bug here must not pass for a provider's error
            self._errors.append(error)
            answer = Answer(500, b"The sandbox failed.\n")
        await asyncio.sleep(answer.delay)
        request.status = 0 if answer.reset and not answer.cut else answer.status
        return await self._send(http, answer)

    def _answer(self, request: Request) -> Answer:
        for callback in self._callbacks:
            callback(request)
        account = self._accounts[request.provider][request.account or DEFAULT]
        with self._lock:
            tweaks = self.faults.pick(request)
            return faulty.answer(_BY_NAME[request.provider], Call(request, account, self.url, self.now, tweaks))

    def _open_book(self, kind: type[Book], seed: int) -> Book:
        return kind(self._invoices, seed, lambda: self.now, self._lock)

    async def _send(self, http: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        date = format_datetime(self.now, usegmt=True)
        headers = {"Server": "sandbox", **answer.headers, "Date": date, "Content-Length": str(len(answer.body))}
        response = web.StreamResponse(status=answer.status, headers=headers)
        if answer.cut != 0 or not answer.reset:
            with suppress(ConnectionError):  # the client has left
                await response.prepare(http)
                for piece in answer.pieces():
                    await response.write(piece)
                    await asyncio.sleep(answer.drip)
        if answer.cut is not None and (line := http.transport):
            if answer.reset:
                line.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            line.abort()
        return response


async def _hang_up(server: web.Server, listener: socket.socket) -> None:
    """Cut all connections; an orderly end of TLS would wait for the other side."""
    asyncio.get_running_loop().remove_reader(listener)
    for _ in range(_STEPS_TO_CONNECT):
        await asyncio.sleep(0)
    for connection in server.connections:
        if connection.transport:
            connection.transport.abort()


def serve(box: Sandbox, port: int) -> None:
    """Serve until SIGINT or SIGTERM, after one line on stdout: the configuration that points the tap here.

    Raises:
        OSError: If the port cannot be had.
    """
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    box.start(port)
    sys.stdout.write(json.dumps(box.accounts_config() if box.accounts else box.config()) + "\n")
    sys.stdout.flush()
    over.wait()
    box.stop()
