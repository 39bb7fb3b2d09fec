"""What is asked for again, how long is waited before, and when it ends, in virtual time."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
import requests
import urllib3

from tap_invoices.errors import BodyError, Cause, FatalAPIError, ProviderDownError, RetriableAPIError, SignInError
from tap_invoices.http import retry as retries
from tap_invoices.http.causes import describe


def answered(status, **headers):
    """Return the error for an answer that may be asked for again."""
    response = SimpleNamespace(status_code=status, headers=requests.structures.CaseInsensitiveDict(headers))
    return RetriableAPIError(f"{status} for GET /invoices", response)


def retry(clock, errors, seconds=600.0):
    """Run a request that fails with these errors, each after a tenth of a second; return tries, waits and outcome."""
    tries, waits, errors = [], [], iter(errors)

    def attempt(_watch):
        tries.append(clock.now)
        clock.now += 0.1
        if error := next(errors, None):
            raise error
        return "answer"

    try:
        outcome = retries.retry(attempt, seconds, lambda wait, reason, asked: waits.append((wait, reason, asked)))
    except FatalAPIError as error:
        outcome = error
    return tries, waits, outcome


def for_ever(error):
    while True:
        yield error


LOCAL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EROFS, errno.ENOENT)
"""What is wrong with this machine, and stays so."""

PASSING = [
    requests.ConnectTimeout(),
    requests.ReadTimeout(),
    requests.ConnectionError(),
    requests.exceptions.ChunkedEncodingError(),
    urllib3.exceptions.IncompleteRead(3, 5),
    urllib3.exceptions.ProtocolError(),
    urllib3.exceptions.ReadTimeoutError(None, "", ""),
    ConnectionResetError(),
    ConnectionRefusedError(),
    TimeoutError(),
    OSError(errno.EHOSTUNREACH, "No route to host"),
    OSError(errno.ENETUNREACH, "Network is unreachable"),
    OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"),
    socket.gaierror(2, "a number of the resolver's, which is the system's for a missing file"),
    ssl.SSLEOFError(1, "a number of OpenSSL's, which is the system's for a missing permission"),
    *(answered(status) for status in (408, 425, 429, 500, 502, 503, 504, 507, 520, 599)),
]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_may_pass_is_tried_again(clock, error):
    tries, waits, outcome = retry(clock, [error, error])
    assert outcome == "answer"
    assert len(tries) == 3
    assert [wait for wait, _, _ in waits] == clock.slept, "each wait is told once"


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_it_is_tried_for_its_time_and_no_longer(clock, error):
    tries, waits, outcome = retry(clock, for_ever(error))
    assert 595 < clock.now - 1000 < 601
    assert isinstance(outcome, FatalAPIError)
    status = getattr(getattr(error, "response", None), "status_code", 500)
    assert isinstance(outcome, ProviderDownError) is (status >= 500)
    assert len(waits) == len(tries) - 1


def test_waits_grow_and_jitter(clock):
    _, waits, _ = retry(clock, for_ever(answered(503)))
    plain = [0.5, 1, 2, 4, 8, 16, 32] + [60] * 50
    *told, last = [wait for wait, _, _ in waits]
    assert all(wait <= told_wait <= 1.25 * wait for wait, told_wait in zip(plain, told, strict=False))
    assert last <= 75
    assert len({round(told_wait / wait, 6) for wait, told_wait in zip(plain, told, strict=False)}) > 3


def test_no_time_at_all_means_no_second_try(clock):
    tries, waits, outcome = retry(clock, for_ever(answered(503)), seconds=0)
    assert (len(tries), waits) == (1, [])
    assert isinstance(outcome, ProviderDownError)


def in_seconds(seconds):
    return {"Retry-After": str(seconds)}


def as_http_date(seconds):
    now = datetime(2026, 5, 5, 5, 5, 5, tzinfo=UTC)  # the provider's clock, which need not be ours
    until = format_datetime(now + timedelta(seconds=seconds), usegmt=True)
    return {"Retry-After": until, "Date": format_datetime(now, usegmt=True)}


@pytest.mark.parametrize("form", [in_seconds, as_http_date])
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("seconds", [1, 30, 400])
def test_retry_after_is_obeyed(clock, form, status, seconds):
    _, waits, outcome = retry(clock, [answered(status, **form(seconds))])
    assert outcome == "answer"
    [(wait, _, asked)] = waits
    assert seconds <= wait <= seconds + 1
    assert asked, "it holds for all requests to the provider"


@pytest.mark.parametrize(("value", "seconds"), [("3.5", 3.5), ("3.", 3), ("0.25", 0.25), (" 30.000 ", 30)])
def test_retry_after_may_have_a_fraction(clock, value, seconds):
    _, [(wait, _, asked)], _ = retry(clock, [answered(429, **{"Retry-After": value})])
    assert seconds <= wait <= seconds + 1
    assert asked


def test_a_retry_after_date_without_a_date_header_counts_from_here(clock):
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=500), usegmt=True)
    _, [(wait, _, _)], _ = retry(clock, [answered(429, **{"Retry-After": until})])
    assert 300 <= wait <= 502


@pytest.mark.parametrize("form", [in_seconds, as_http_date])
def test_a_longer_retry_after_ends_it_and_names_the_time(clock, form):
    before = datetime.now(UTC)
    tries, waits, outcome = retry(clock, [answered(429, **form(7200))])
    assert (len(tries), waits) == (1, [])
    named = datetime.fromisoformat(re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(outcome))[0])
    wait = timedelta(seconds=7200)
    assert before + wait - timedelta(seconds=5) < named < datetime.now(UTC) + wait + timedelta(seconds=5)
    assert not isinstance(outcome, ProviderDownError)


def test_a_retry_after_longer_than_what_is_left_ends_it_too(clock):
    _, waits, outcome = retry(clock, [answered(503, **in_seconds(350)), answered(503, **in_seconds(350))])
    assert len(waits) == 1
    assert "asks to wait until" in str(outcome)


NO_DATES = [
    "Thu, 01 Jan 99999999999 00:00:00 GMT",
    "Thu, 99999999999 Jan 2025 00:00:00 GMT",
    "Thu, 01 Jan 2025 99999999999:00:00 GMT",
    "Thu, 01 Jan 2025 00:00:00 +99999999999",
    "Thu, 01 Jan 0000 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 -2300",
    "Mon, 01 Jan 0001 00:00:00 +2300",
    " , ",
    "Thu,,,",
]
"""HTTP dates whose numbers no date has; the standard library's parser lets some of them fail, others pass."""


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5.0", "1e400", "Wed, 99 Foo 2026", "²", *NO_DATES])
def test_a_retry_after_that_says_nothing_is_passed_over(clock, value):
    _, [(wait, _, _)], outcome = retry(clock, [answered(503, **{"Retry-After": value})])
    assert outcome == "answer"
    assert wait <= 1


def test_a_retry_after_in_the_past_is_now(clock):
    past = as_http_date(-3600)
    _, [(wait, _, _)], outcome = retry(clock, [answered(503, **past)])
    assert outcome == "answer"
    assert wait <= 1


def test_a_body_that_is_not_what_it_claims_is_asked_for_three_times(clock):
    tries, waits, outcome = retry(clock, for_ever(BodyError("the body is not JSON")))
    assert (len(tries), len(waits)) == (3, 2)
    assert "not JSON" in str(outcome)
    assert not isinstance(outcome, ProviderDownError)


def test_three_times_in_all_whatever_comes_between(clock):
    errors = [BodyError("b"), answered(503), BodyError("b"), TimeoutError(), BodyError("b"), BodyError("b")]
    tries, _, outcome = retry(clock, errors)
    assert len(tries) == 5
    assert isinstance(outcome, FatalAPIError)


@pytest.mark.parametrize(
    "error",
    [
        FatalAPIError("400"),
        SignInError("403"),
        requests.exceptions.SSLError(),
        requests.exceptions.InvalidHeader(),
        *(OSError(number, os.strerror(number)) for number in LOCAL),
    ],
    ids=repr,
)
def test_what_cannot_pass_is_not_tried_again(clock, error):
    tries, waits, outcome = retry(clock, for_ever(error))
    assert (len(tries), waits) == (1, [])
    assert isinstance(outcome, FatalAPIError)


def test_reasons_hold_no_address_and_no_data(clock):
    url = "https://example.com/secret?token=hidden"
    pool = urllib3.exceptions.NewConnectionError(None, f"Failed for {url}")
    for error in (requests.ConnectionError(f"Max retries exceeded with url: {url}"), pool, OSError(url)):
        _, [(_, reason, _)], _ = retry(clock, [error])
        assert "hidden" not in reason
        assert "example.com" not in reason


def test_the_words_for_errors_are_for_people():
    for error in (TimeoutError(), ConnectionResetError(), requests.exceptions.SSLError()):
        assert " " in describe(error)


@pytest.mark.parametrize("cause", Cause)
def test_each_cause_is_told_in_full(cause):
    """Its words and its cure name nothing that nobody fills in."""
    names = ("urls", "name", "title", "permission", "credentials", "status", "phrase", "reason")
    assert "{" not in cause.tell(**dict.fromkeys(names, "a word"))
