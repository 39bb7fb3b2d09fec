"""Requests: each to its own host, or its proxy. Bodies: limited after decompression, read by their charset."""

from __future__ import annotations

import gzip
import io
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
import urllib3
from urllib3.connection import HTTPConnection

from tap_invoices.errors import FatalAPIError
from tap_invoices.http import retry as retries
from tap_invoices.http.request import Request
from tap_invoices.http.session import PAGE_LIMIT, Session, read_body


class Asked(BaseHTTPRequestHandler):
    """Answers with its port, who connected, and what it was asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"{self.server.server_port} {self.client_address[1]} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def ports():
    """Two hosts."""
    with ExitStack() as stack:
        servers = [stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Asked)) for _ in range(2)]
        for server in servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            stack.callback(server.shutdown)
        yield [server.server_port for server in servers]


@pytest.fixture
def ask():
    """Return port, connection and target of a request, as the server saw them."""
    session = Session({"request_timeout": 5, "max_connections": 2})

    def send(url):
        with session.send(Request(url, "/", {}).prepare(session.headers)) as answer:
            port, connection, target = read_body(answer).decode().split(" ")
        return int(port), connection, target

    yield send
    session.close()


def test_each_host_is_asked_itself_over_one_connection(ports, ask):
    asked = [ask(f"http://127.0.0.1:{port}/v1/a%2Fb?x=1/2&y=é") for port in ports * 2]
    assert [(port, target) for port, _, target in asked] == [(port, "/v1/a%2Fb?x=1/2&y=%C3%A9") for port in ports * 2]
    assert len({connection for _, connection, _ in asked}) == 2


def test_connections_end_with_their_session(monkeypatch, ports):
    """A thousand accounts in one run would leave none to open."""
    sockets, connect = [], HTTPConnection.connect

    def watched(connection):
        connect(connection)
        sockets.append(connection.sock)

    monkeypatch.setattr(HTTPConnection, "connect", watched)
    session = Session({"request_timeout": 5, "max_connections": 2})
    with session.send(Request(f"http://127.0.0.1:{ports[0]}/", "/", {}).prepare(session.headers)) as answer:
        read_body(answer)
    assert [each.fileno() >= 0 for each in sockets] == [True]
    del answer
    session.close()
    assert [each.fileno() for each in sockets] == [-1]


def test_a_proxy_gets_the_whole_url(ports, ask, monkeypatch):
    """A host that NO_PROXY excepts is asked itself."""
    proxy, host = ports
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    assert [ask("http://portal.test/v1?x=1")[::2] for _ in range(2)] == [(proxy, "http://portal.test/v1?x=1")] * 2
    assert ask("http://other.test:81/")[::2] == (proxy, "http://other.test:81/")
    assert ask(f"http://127.0.0.1:{host}/v1")[::2] == (host, "/v1")


def response(body, **headers):
    raw = urllib3.HTTPResponse(io.BytesIO(body), headers, preload_content=False, decode_content=False)
    found = requests.Response()
    found.raw, found.status_code = raw, 200
    return found


def test_a_body_is_limited_after_decompression():
    """A megabyte of zeros takes a kilobyte on the wire."""
    packed = gzip.compress(bytes(2**20))
    assert len(packed) < 2**12
    unpacked = {"Content-Encoding": "gzip"}
    assert len(read_body(response(packed, **unpacked), 2**20)) == 2**20
    with pytest.raises(FatalAPIError, match="larger than 0 MiB"):
        read_body(response(packed, **unpacked), 2**20 - 1)


def test_a_body_is_read_by_the_charset_that_it_names():
    answer = response("façade".encode("iso-8859-1"))
    answer.headers["Content-Type"] = "application/json; charset=iso-8859-1"
    assert read_body(answer).decode() == "façade"


def test_the_limit_of_a_page_is_256_mib():
    assert PAGE_LIMIT == 256 * 2**20


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_broken_compression_is_a_broken_body(coding):
    def attempt(_watch):
        return read_body(response(b"not at all", **{"Content-Encoding": coding}))

    with pytest.raises(FatalAPIError) as caught:
        retries.retry(attempt, 5, lambda *_: None)
    assert "not at all" not in str(caught.value)
