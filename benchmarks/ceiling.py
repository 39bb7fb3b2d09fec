"""How fast the server is when its client does nothing but receive."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from benchmarks.workloads import Workload

_SECONDS = 2.0
_AT_ONCE = 16
"""Requests on their way in one connection, so that the server never waits for its client."""
_LENGTH = re.compile(rb"Content-Length: ([0-9]+)\r\n\r\n")


def requests_a_second(urls: list[str], lines: int = 1, at_once: int = _AT_ONCE) -> float:
    """Ask for URLs over and over, in several connections, and return how many answers came in a second."""
    numbers = [0] * lines
    until = time.monotonic() + _SECONDS

    def ask(number: int) -> None:
        for answers in _answers(urls, at_once):
            numbers[number] += answers
            if time.monotonic() > until:
                return

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(lines)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(numbers) / (time.monotonic() - started)


def _answers(urls: list[str], at_once: int) -> Iterator[int]:
    """Send requests together and receive their answers, without end."""
    parts = urlsplit(urls[0])
    with socket.create_connection((str(parts.hostname), int(parts.port or 0))) as line:
        for turn in count():
            asked = [urls[(turn * at_once + number) % len(urls)] for number in range(at_once)]
            line.sendall(b"".join(f"GET {url.partition(parts.netloc)[2]} HTTP/1.1\r\n\r\n".encode() for url in asked))
            _receive(line, at_once)
            yield at_once


def _receive(line: socket.socket, answers: int) -> None:
    rest = b""
    room = bytearray(1 << 20)
    for _ in range(answers):
        while (found := _LENGTH.search(rest)) is None:
            rest += line.recv(1 << 16)
        missing = found.end() + int(found[1]) - len(rest)
        if missing <= 0:
            rest = rest[missing:] if missing else b""
            continue
        while missing > 0:
            missing -= line.recv_into(room, min(missing, len(room)))
        rest = b""


def show(root: str, workloads: dict[str, Workload]) -> dict[str, float]:
    """Return what the server does at most, by name."""
    pages = [f"{workloads['W1'].url(root)}/ibana/v1/invoice?take=100&page={number}" for number in range(1, 501)]
    keys = [f"INV-{number:08d}" for number in range(500)]
    plain = f"{root}/500-0-100/exsited/api"
    late = f"{root}/500-50-100/exsited/api"
    return {
        "W1: ibana invoices a second, in pages of 100": 100 * requests_a_second(pages, at_once=4),
        "W3: Exsited details a second": requests_a_second([f"{plain}/v3/invoices/{key}" for key in keys]),
        "W4: Exsited PDFs of 100 KB a second": requests_a_second([f"{plain}/v2/invoices/{key}/pdf" for key in keys]),
        "W3: the same at 50 ms, 16 connections (320 would be all)": requests_a_second(
            [f"{late}/v3/invoices/{key}" for key in keys], lines=16, at_once=1
        ),
    }
