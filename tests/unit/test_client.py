"""One client for each provider: its pace and its time hold for all requests, and what is down is asked no more."""

from __future__ import annotations

import logging
import socket
import time
from contextlib import contextmanager
from itertools import pairwise

import pytest

from tap_invoices.concurrency.limiter import Limiter
from tap_invoices.http.client import Client
from tests.support.run import UNIFIED, provider_of, settings, sync


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
    assert set(run.failures) == {*down, *(f"{name} (exsited)" for name in UNIFIED)}
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
