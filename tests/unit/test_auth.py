"""Tokens: one for all threads, renewed in time and once, and ended by somebody else."""

from __future__ import annotations

import time
from itertools import count

import pytest
import requests

from tap_invoices.errors import SignInError
from tap_invoices.http.auth import TokenAuth
from tests.support.run import Clock, settings, sync
from tests.support.threads import at_once

STREAMS_OF = {
    "covage": ["covage_invoices", "covage_invoice_documents"],
    "exsited": ["exsited_invoices", "exsited_invoice_details", "exsited_order_invoices", "exsited_invoice_documents"],
}


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


def end_tokens(box, provider, answers):
    """The token ends before each of these requests for the provider's list, as where another program signs in."""
    asked = count()

    def end(request):
        if request.path.endswith(("/invoices", "/invoice/")) and next(asked) in answers:
            box.expire_tokens(provider)

    box.on_request(end)
    config = settings(box, provider, max_connections=1)
    config[provider]["page_size"] = 10
    return config


def test_a_second_token_that_is_ended_is_told_and_asked_for_again_with_pauses(box, clock, caplog):
    run = sync(end_tokens(box, "exsited", range(1, 5)), streams=["exsited_invoices"])
    assert not run.failures
    assert len(run.keys("exsited_invoices")) == 25
    assert len(clock.slept) == 2, "the first refusal costs no pause: tokens may end early"
    assert caplog.text.count("somebody else signs in with the same credentials") == 2


def test_another_program_that_never_stops_is_told_after_the_time_for_retries(box, clock):
    run = sync(end_tokens(box, "exsited", range(1, 10**6)), streams=["exsited_invoices"])
    assert 595 < sum(clock.slept) < 601
    assert "somebody else signs in with the same credentials" in run.failures["exsited_invoices"]
    assert "does not accept" not in run.failures["exsited_invoices"]
    assert not run.client("exsited").down


def test_a_second_token_that_ends_early_costs_a_pause_and_no_stream(box, clock, caplog):
    run = sync(end_tokens(box, "covage", {1, 2}), streams=["covage_invoices"])
    assert not run.failures
    assert len(run.keys("covage_invoices")) == 25
    assert len(clock.slept) == 1
    assert caplog.text.count("refuses a token that it has just given") == 1


def test_tokens_that_end_for_ever_are_told_after_the_time_for_retries(box, clock):
    run = sync(end_tokens(box, "covage", range(1, 10**6)), streams=["covage_invoices"])
    assert 595 < sum(clock.slept) < 601
    assert "refuses a token that it has just given" in run.failures["covage_invoices"]


def test_a_token_that_never_worked_is_not_told_as_ended_by_somebody(box, clock):
    run = sync(end_tokens(box, "exsited", range(10**6)), streams=["exsited_invoices"])
    assert clock.slept == []
    assert "does not accept the credentials" in run.failures["exsited_invoices"]
