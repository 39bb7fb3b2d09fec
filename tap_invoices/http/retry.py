"""What is asked for again, how long to wait before, and when to give up."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TypeVar

import backoff
import requests

from tap_invoices import times
from tap_invoices.errors import (
    BodyError,
    BusyError,
    ContestedError,
    FatalAPIError,
    ProviderDownError,
    RetriableAPIError,
)
from tap_invoices.http import machine
from tap_invoices.http.causes import TRANSPORT_ERRORS, cause_of, class_names, describe

R = TypeVar("R")

RETRIED = (RetriableAPIError, *TRANSPORT_ERRORS)
_NEVER_PASS = (requests.exceptions.SSLError, requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader)
_HANDSHAKE_CUT_SHORT = {"SSLEOFError", "SSLZeroReturnError"}
"""TLS errors that are no refusal: the other side hung up."""

BODY_TRIES = 3
LONGEST_ASKED = 10 * 365 * 86400.0
"""Seconds; a provider that asks to wait longer is taken to mean this."""
FIRST_WAIT = 0.5
LONGEST_WAIT = 60.0
_LONG_WAIT = 1.0
_SECONDS = re.compile(r"\d+(?:\.\d*)?", re.ASCII)


Attempt = Callable[["Stopwatch"], R]
OnWait = Callable[[float, str, bool], None]
"""Called before each wait, with the seconds, the reason, and whether the provider asked for it."""


class Stopwatch:
    """For how long a request has been tried; time in which it waits to be sent, and nobody is asked, is not used up."""

    def __init__(self) -> None:
        self._started = self._stopped = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the start, less those for which it stood."""
        return time.monotonic() - self._started

    def stop(self) -> None:
        """Stand from now on."""
        self._stopped = time.monotonic()

    def go_on(self) -> None:
        """Go again."""
        self._started += time.monotonic() - self._stopped


def retry(
    attempt: Attempt[R],
    max_seconds: float,
    on_wait: OnWait,
    away: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> R:
    """Repeat a request until it succeeds, its time is used up, or trying again makes no sense.

    Args:
        attempt: Sends it once.
        max_seconds: Seconds for which it is tried again.
        on_wait: Called before each wait, with the seconds, the reason, and whether the provider asked for it.
        away: Entered for a wait of a second or more: others may work meanwhile.

    Raises:
        FatalAPIError: As the attempt does, or for a last failure that could have passed.
        ProviderDownError: If its time was used up on connection errors or 5xx.
    """
    watch, broken_bodies = Stopwatch(), 0
    waits = backoff.expo(factor=FIRST_WAIT, max_value=LONGEST_WAIT)
    next(waits)  # the first is no wait, but where the generator starts
    while True:
        try:
            return attempt(watch)
        except RETRIED as error:
            left = max_seconds - watch.seconds
            asked = retry_after(error)
            if isinstance(error, BodyError):
                broken_bodies += 1
                if broken_bodies >= BODY_TRIES:
                    raise _broken(error) from None
            elif _is_lasting(error) or left <= 0 or (asked or 0) > left:
                raise _last(error, watch.seconds, left) from None
            wait = next(waits)
            jitter = wait * random.random() / 4  # noqa: S311  (no secret)
            seconds = max(0.0, min((wait if asked is None else asked) + jitter, left))
            on_wait(seconds, describe(error), asked is not None or _status(error) == HTTPStatus.TOO_MANY_REQUESTS)
        with away() if seconds >= _LONG_WAIT else nullcontext():
            time.sleep(seconds)


def _is_lasting(error: Exception) -> bool:
    """Tell whether waiting does not help."""
    if machine.fault(error):
        return True
    return isinstance(error, _NEVER_PASS) and _HANDSHAKE_CUT_SHORT.isdisjoint(class_names(error))


def _broken(error: BodyError) -> FatalAPIError:
    return FatalAPIError(f"{error}, {BODY_TRIES} times", error.cause)


def _last(error: Exception, tried_for: float, left: float) -> FatalAPIError:
    """Return what a failure means that is not tried again."""
    if fault := machine.fault(error):
        return fault
    reason, cause, status = describe(error), cause_of(error), _status(error)
    asked = retry_after(error)
    if asked is not None and asked > left:
        until = times.rfc3339((datetime.now(UTC) + timedelta(seconds=asked)).replace(microsecond=0))
        asks = f"the provider asks to wait until {until}, longer than `max_retry_seconds` allows: sync again then"
        return BusyError(f"{reason}; {asks}", cause, status)
    message = f"{reason}, tried for {tried_for:.0f} seconds"
    is_down = status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    kind = ProviderDownError if is_down and not isinstance(error, ContestedError) else BusyError
    return kind(message, cause, status)


def retry_after(error: Exception) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, as number or HTTP date; None without."""
    response = getattr(error, "response", None)
    if response is None or (value := response.headers.get("Retry-After")) is None:
        return None
    if _SECONDS.fullmatch(value.strip()):
        seconds = float(value)
    elif at := times.from_http(value):
        now = times.from_http(response.headers.get("Date")) or datetime.now(UTC)
        seconds = (at - now).total_seconds()
    else:
        return None
    return min(max(0.0, seconds), LONGEST_ASKED)


def _status(error: Exception) -> int | None:
    response = getattr(error, "response", None)
    return None if response is None else response.status_code
