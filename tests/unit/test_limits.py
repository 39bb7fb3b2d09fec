"""How fast, how often and how long the tap asks: limiter, tokens, retries and bodies, most of it in virtual time."""

from __future__ import annotations

import errno
import gzip
import heapq
import io
import logging
import os
import re
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count, pairwise
from types import SimpleNamespace

import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from tap_invoices.concurrency.limiter import Limiter
from tap_invoices.errors import BodyError, FatalAPIError, ProviderDownError, RetriableAPIError, SignInError
from tap_invoices.http import retry as retries
from tap_invoices.http.auth import TokenAuth
from tap_invoices.http.client import Client
from tap_invoices.http.session import PAGE_LIMIT, read_body
from tests.support.run import PATIENCE, Clock, provider_of, settings, sync

THREADS = 32


# Limiter


def simulate(limiter, clock, latencies, pauses=()):
    """Send requests of these latencies as fast as the limiter lets them; return when each started, and most in flight.

    Pauses are (time, seconds).
    """
    waiting, flying, started, most = list(latencies), [], [], 0
    pauses = sorted(pauses)
    while waiting or flying:
        if pauses and pauses[0][0] <= clock.now:
            limiter.pause(pauses.pop(0)[1])
        wait = limiter.delay() if waiting else None
        if waiting and wait == 0:
            started.append(clock.now)
            heapq.heappush(flying, (clock.now + waiting.pop(0), len(started), limiter.start()))
            most = max(most, len(flying))
            continue
        moments = [clock.now + wait] if wait is not None else []
        moments += [flying[0][0]] if flying else []
        moments += [pauses[0][0]] if pauses else []
        clock.now = max(clock.now, min(moments))
        while flying and flying[0][0] <= clock.now:
            limiter.finish(heapq.heappop(flying)[2])
    return started, most


@given(
    latencies=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=60),
    connections=st.integers(1, 8),
    per_second=st.none() | st.floats(0.5, 50),
)
def test_never_more_at_once_nor_a_second_than_set(latencies, connections, per_second):
    clock = Clock()
    started, most = simulate(Limiter(connections, per_second, clock), clock, latencies)
    assert most <= connections
    if per_second:
        assert all(later - earlier >= 1 / per_second - 1e-6 for earlier, later in pairwise(started))


def test_the_allowed_rate_is_used():
    clock = Clock()
    started, _ = simulate(Limiter(8, 10, clock), clock, [0.2] * 200)
    assert len(started) / (started[-1] - started[0]) >= 9


@given(seconds=st.floats(0.1, 100), at=st.floats(1000.0, 1010.0), second=st.floats(0.1, 100))
def test_a_pause_holds_for_all(seconds, at, second):
    """Nothing starts in it, and a shorter one does not end a longer one."""
    clock = Clock()
    started, _ = simulate(Limiter(8, None, clock), clock, [0.5] * 200, [(at, seconds), (at, second)])
    assert not [moment for moment in started if at < moment < at + max(seconds, second) - 1e-6]


def test_after_a_pause_the_rate_climbs_by_steps():
    """One goes first; each of its answers lets one more go beside it."""
    clock = Clock()
    limiter = Limiter(8, None, clock)
    early = [limiter.start() for _ in range(5)]
    limiter.pause(10)
    clock.now += 10
    for ticket in early:
        limiter.finish(ticket)
    beside = []
    for _ in range(9):
        tickets = []
        while limiter.delay() == 0:
            tickets.append(limiter.start())
        beside.append(len(tickets))
        limiter.finish(tickets.pop())
        for ticket in tickets:
            limiter.finish(ticket)
    assert beside[0] == 1, "answers from before the pause do not count"
    assert beside[1] == 2
    assert beside == sorted(beside)
    assert beside[-1] == 8


def test_a_place_is_given_back_after_an_error():
    limiter = Limiter(1)
    for _ in range(3):
        with pytest.raises(OSError, match="gone"), limiter.slot():
            raise OSError("gone")  # noqa: EM101
    with limiter.slot():
        assert limiter.delay() is None


def test_threads_wait_for_their_place():
    """No more are inside than may be, and as many: each waits there for two others."""
    limiter, inside, most, lock, together = Limiter(3), [0], [0], threading.Lock(), threading.Barrier(3)

    def work():
        with limiter.slot():
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            together.wait(PATIENCE)
            time.sleep(0.002)
            with lock:
                inside[0] -= 1

    assert at_once(work, 33) == [None] * 33
    assert most[0] == 3


def at_once(work, count=THREADS):
    """Run something in many threads that start together; return what came out, errors too."""
    barrier, came = threading.Barrier(count), []

    def run():
        barrier.wait()
        try:
            came.append(work())
        except Exception as error:  # noqa: BLE001
            came.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(came) == count
    return came


# Tokens


def request():
    return requests.Request("GET", "https://example.com/").prepare()


def signed(auth):
    return auth(request()).headers["Authorization"]


class Keycloak:
    """Counts its tokens; takes a moment for each."""

    def __init__(self, life=300):
        self.issued = 0
        self.life = life

    def __call__(self):
        time.sleep(0.01)
        self.issued += 1
        return {"access_token": f"token-{self.issued}", "expires_in": self.life}


def test_many_threads_fetch_one_token():
    keycloak = Keycloak()
    auth = TokenAuth(keycloak)
    assert set(at_once(lambda: signed(auth))) == {"Bearer token-1"}
    assert keycloak.issued == 1


def test_many_threads_renew_a_refused_token_once():
    keycloak = Keycloak()
    auth = TokenAuth(keycloak)
    refused = auth(request())
    at_once(lambda: auth.renew(refused) and signed(auth))
    assert keycloak.issued == 2
    auth.renew(refused)
    assert signed(auth) == "Bearer token-2", "a refusal of the old token does not end the new one"


@pytest.mark.parametrize(("life", "used_for"), [(300, 270), (40, 20), (1, 0.5)])
def test_a_token_is_renewed_before_it_ends(life, used_for):
    clock, keycloak = Clock(), Keycloak(life)
    auth = TokenAuth(keycloak, clock)
    signed(auth)
    clock.now += used_for - 0.01
    assert signed(auth) == "Bearer token-1"
    clock.now += 0.02
    assert signed(auth) == "Bearer token-2"


@pytest.mark.parametrize("life", [None, "soon"])
def test_a_token_without_an_end_lasts_until_it_is_refused(life):
    clock, keycloak = Clock(), Keycloak(life)
    auth = TokenAuth(keycloak, clock)
    signed(auth)
    clock.now += 10**9
    assert signed(auth) == "Bearer token-1"


def test_a_failed_sign_in_is_tried_again_by_the_next():
    answers = iter([SignInError("no"), {"access_token": "one"}])

    def sign_in():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    auth = TokenAuth(sign_in)
    with pytest.raises(SignInError):
        signed(auth)
    assert signed(auth) == "Bearer one"


@pytest.mark.parametrize("provider", ["covage", "exsited"])
def test_all_streams_of_a_provider_share_one_token(box, provider):
    run = sync(settings(box, provider), streams=STREAMS_OF[provider])
    assert not run.failures
    assert box.tokens_issued(provider) == 1


@pytest.mark.parametrize("provider", ["covage", "exsited"])
def test_many_threads_of_a_client_sign_in_once(box, provider):
    """Also where the first of its requests are many at once."""
    auth = sync(settings(box, provider), streams=()).client(provider).auth
    assert len(set(at_once(lambda: signed(auth)))) == 1
    assert box.tokens_issued(provider) == 1


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("provider", ["covage", "exsited"])
def test_short_tokens_are_renewed_on_the_way(box, provider):
    """Tokens that last for fourteen requests: none is refused."""
    box.book(provider).token_seconds = 70
    run = sync(settings(box, provider, max_connections=1), streams=STREAMS_OF[provider][:2])
    assert not run.failures
    assert box.tokens_issued(provider) > 1
    assert {request.status for request in box.requests} == {200}


def sign_in_beside(box, answers):
    """Another program signs in before each of these requests to Exsited's list, which ends the tap's token."""
    asked = count()

    def elsewhere(request):
        if request.path.endswith("/invoices") and next(asked) in answers:
            box.expire_tokens("exsited")

    box.on_request(elsewhere)
    config = settings(box, "exsited", max_connections=1)
    config["exsited"]["page_size"] = 10
    return config


def test_a_second_token_that_is_ended_is_told_and_asked_for_again_with_pauses(box, clock, caplog):
    run = sync(sign_in_beside(box, range(1, 5)), streams=["exsited_invoices"])
    assert not run.failures
    assert len(run.keys("exsited_invoices")) == 25
    assert len(clock.slept) == 2, "the first refusal costs no pause: tokens may end early"
    assert caplog.text.count("somebody else signs in with the same credentials") == 2


def test_another_program_that_never_stops_is_told_after_the_time_for_retries(box, clock):
    run = sync(sign_in_beside(box, range(1, 10**6)), streams=["exsited_invoices"])
    assert 595 < sum(clock.slept) < 601
    assert "somebody else signs in with the same credentials" in run.failures["exsited_invoices"]
    assert "does not accept" not in run.failures["exsited_invoices"]
    assert not run.client("exsited").down


def test_a_token_that_never_worked_is_not_told_as_ended_by_somebody(box, clock):
    run = sync(sign_in_beside(box, range(10**6)), streams=["exsited_invoices"])
    assert clock.slept == []
    assert "does not accept the credentials" in run.failures["exsited_invoices"]


STREAMS_OF = {
    "covage": ["covage_invoices", "covage_invoice_documents"],
    "exsited": ["exsited_invoices", "exsited_invoice_details", "exsited_order_invoices", "exsited_invoice_documents"],
}


# Retries, in virtual time


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


def test_the_clock_stands_until_a_request_is_sent_and_while_it_waits_for_its_turn(box, clock, monkeypatch):
    """Each time, more than the time for retries passes in the queue."""

    @contextmanager
    def slot(_limiter):
        clock.now += 1000
        yield

    monkeypatch.setattr(Limiter, "slot", slot)
    box.faults.add(provider="ibana", times=3, action={"status": 503})
    run = sync(settings(box, "ibana", max_retry_seconds=600), streams=["ibana_invoices"])
    assert not run.failures
    assert len(clock.slept) == 3


def test_the_clock_stands_while_others_sign_in(box, clock, monkeypatch):
    """Who signs in has a time of its own for that."""
    signed_in = Client.fetch_token

    def slow(self, *arguments, **named):
        clock.now += 1000
        return signed_in(self, *arguments, **named)

    monkeypatch.setattr(Client, "fetch_token", slow)
    box.faults.add(provider="covage", path="invoice", times=2, action={"status": 503})
    assert not sync(settings(box, "covage", max_retry_seconds=600), streams=["covage_invoices"]).failures


# Over the wire


@pytest.fixture
def refused():
    """An address where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def test_a_provider_that_is_down_costs_its_time_once(box, refused, clock, caplog):
    """Its first stream tries as long as it may; its others fail at once; the other providers are whole."""
    config = settings(box, max_retry_seconds=600)
    config["exsited"]["api_url"] = refused
    with caplog.at_level(logging.INFO):
        run = sync(config)
    assert 595 < sum(clock.slept) < 601
    down = {name for name in run.tap.streams if provider_of(name) == "exsited" and run.tap.streams[name].selected}
    assert set(run.failures) == down
    assert all("refused" in reason for reason in run.failures.values())
    assert run.keys("i3dnet_invoices")
    waits = [record for record in caplog.records if "again in" in record.getMessage()]
    assert len(waits) == len(clock.slept)


def test_once_down_nothing_more_is_sent(box):
    """Unpaid invoices are another list of the same provider."""
    box.faults.add(provider="i3dnet", times=None, action={"status": 503})
    run = sync(settings(box, "i3dnet", max_retry_seconds=0), streams=["i3dnet_invoices", "i3dnet_unpaid_invoices"])
    assert set(run.failures) == {"i3dnet_invoices", "i3dnet_unpaid_invoices"}
    assert run.account("i3dnet_unpaid_invoices").requests == 0
    assert "down" in run.failures["i3dnet_unpaid_invoices"]


@pytest.fixture
def starts(monkeypatch):
    """When each request was let go, to the moment; when it arrives hangs on the machine too."""
    told, start = [], Limiter.start

    def watched(limiter):
        told.append(time.monotonic())
        return start(limiter)

    monkeypatch.setattr(Limiter, "start", watched)
    return told


@pytest.mark.usefixtures("no_waits")
def test_retry_after_holds_back_the_other_requests_too(box, starts, monkeypatch):
    """The details are asked for many at once; one is told to wait a second, and all do."""
    pauses, pause = [], Limiter.pause

    def watched(limiter, seconds):
        least = time.monotonic() + seconds
        pause(limiter, seconds)
        pauses.append((time.monotonic(), least))

    monkeypatch.setattr(Limiter, "pause", watched)
    box.faults.add(path="/matas/api/invoice/", after=6, action={"retry_after": 1})
    run = sync(settings(box, "matas"), streams=["matas_invoice_details"])
    assert not run.failures
    [(told, least)] = pauses
    assert not [moment for moment in starts if told < moment < least]
    assert len([moment for moment in starts if moment >= least]) > 5, "those behind it waited too"
    assert len(starts) == len(box.requests)


def test_requests_per_second_is_kept(box, starts):
    sync(settings(box, "matas", requests_per_second=50), streams=["matas_invoice_details"])
    assert len(starts) == len(box.requests) == 26
    assert all(later - earlier >= 1 / 50 - 1e-6 for earlier, later in pairwise(starts))


def test_requests_in_flight_are_as_set(box):
    box.latency = 0.05
    began = time.monotonic()
    sync(settings(box, "matas", max_connections=4), streams=["matas_invoice_details"])
    assert time.monotonic() - began > 0.05 * (1 + 25 / 4)


# Bodies


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


def test_the_words_for_errors_are_for_people():
    for error in (TimeoutError(), ConnectionResetError(), requests.exceptions.SSLError()):
        assert " " in retries.describe(error)
