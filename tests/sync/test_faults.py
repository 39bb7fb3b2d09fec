"""Each fault, on each stream that it can hit: what comes out, what the state says, and how often is asked."""

from __future__ import annotations

import json
import logging
import re
from urllib.parse import quote

import pytest

from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW, crossed
from tests.support.run import (
    CHILDREN,
    DOCUMENTS,
    LISTS,
    PROVIDERS,
    STREAMS,
    SUB_LISTS,
    process,
    provider_of,
    settings,
    sync,
)

COUNT = 12
PAGE = 4
PAGED = tuple(name for name in LISTS if name != "matas_invoices")
COUNTED = ("covage_invoices", "ibana_invoices", "exsited_invoices")
BY_WINDOW = ("ibana_invoices", "exsited_invoices", "i3dnet_invoices")
SIGNED_IN = ("covage", "exsited")
"""Providers whose tokens can be renewed."""
EXPECTED = {
    "exsited_order_invoices": 10,
    "i3dnet_unpaid_invoices": 3,
}
ITEMS = tuple(name for name in CHILDREN if name not in SUB_LISTS)


@pytest.fixture
def box():
    with Sandbox(invoices=COUNT) as served:
        served.now = NOW
        yield served


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("tap_invoices.http.retry.FIRST_WAIT", 0.001)
    monkeypatch.setattr("tap_invoices.http.retry.LONGEST_WAIT", 0.02)


def config(box, stream, **more):
    """Return settings for the provider of a stream, with small pages."""
    found = settings(box, provider_of(stream), **more)
    if provider_of(stream) != "matas":
        found[provider_of(stream)]["page_size"] = PAGE
    return found


def before(stream):
    """Return the state of an earlier sync: a bookmark from before all invoices, or nothing."""
    if stream in CHILDREN or stream in {"covage_invoices", "ibana_invoices", "exsited_invoices"}:
        value = "2020-01-01" if stream.startswith("covage") else "2020-01-01T00:00:00.000000Z"
        return {"bookmarks": {stream: {"replication_key_value": value, "version": 1}}}
    return {}


def asked(box, stream):
    """Return the requests of one stream."""
    return [request for request in box.requests if re.search(STREAMS[stream], request.path)]


def hit(box, stream, times=1, after=0, path=None, **action):
    box.faults.add(provider=provider_of(stream), path=path or STREAMS[stream], times=times, after=after, action=action)


def whole(run, stream):
    """Tell that a stream came to its end, with each of its keys once."""
    keys = run.keys(stream)
    assert len(keys) == len(set(keys)) == EXPECTED.get(stream, COUNT)
    return True


def advanced(run, stream):
    """Tell that the bookmark is where a complete sync leaves it."""
    if not before(stream):
        return not run.bookmark(stream).get("replication_key_value")
    return run.bookmark(stream)["replication_key_value"] > "2025-09" and run.bookmark(stream)["version"] == 1


def stayed(run, stream):
    """Tell that the bookmark is where it was."""
    old = before(stream).get("bookmarks", {}).get(stream, {})
    return run.bookmark(stream).get("replication_key_value") == old.get("replication_key_value")


# Faults that pass

PASSING = {
    **{f"{status}": {"status": status} for status in (408, 425, 429, 500, 502, 503, 504, 507)},
    "Retry-After in seconds": {"retry_after": "0"},
    "Retry-After as a date": {"retry_after": "http-date", "seconds": 0},
    "reset before the body": {"reset": True},
    "reset in the body": {"cut": True},
    "closed in the body": {"end_early": True},
    "half of the body": {"half_json": True},
    "a web page": {"html": True},
    "a web page called PDF": {"pdf_html": True},
    "nothing": {"empty": True},
    "another shape": {"status": 200, "body": '{"data": 3}'},
    "an array of text": {"status": 200, "body": '["a", "b"]'},
}
ONLY_FOR = {
    "a web page called PDF": DOCUMENTS,
    "another shape": (*LISTS, *SUB_LISTS),
}


def streams_of(provider, names=STREAMS):
    return [name for name in names if provider_of(name) == provider]


@pytest.mark.parametrize(
    ("fault", "provider"),
    crossed(PASSING, PROVIDERS, 2, lambda fault, provider: streams_of(provider, ONLY_FOR.get(fault, STREAMS))),
)
def test_a_fault_that_passes_costs_nothing(box, provider, fault):
    """It hits each of the provider's streams twice."""
    streams = streams_of(provider, ONLY_FOR.get(fault, STREAMS))
    for stream in streams:
        hit(box, stream, times=2, **PASSING[fault])
    state = {"bookmarks": {name: before(name)["bookmarks"][name] for name in streams if before(name)}}
    run = sync(config(box, provider), state, streams=streams)
    assert not run.failures
    for stream in streams:
        assert whole(run, stream)
        assert advanced(run, stream)
        assert run.account(stream).outcome == "complete"
        assert run.account(stream).retries == 2


def test_an_answer_that_takes_too_long_is_asked_for_again(box):
    """All providers wait at the same time."""
    for stream in STREAMS:
        hit(box, stream, delay=60)
    run = sync(settings(box, request_timeout=0.7), streams=STREAMS)
    assert not run.failures
    for stream in STREAMS:
        assert whole(run, stream)
        assert run.account(stream).retries >= 1


def test_an_answer_that_hardly_comes_is_given_up(box):
    """Each byte is in time, and the last would come in an hour."""
    for stream in LISTS:
        hit(box, stream, times=None, drip=0.05)
    run = sync(settings(box, request_timeout=0.2, max_retry_seconds=1), streams=LISTS)
    assert not run.records
    for stream in LISTS:
        assert "no answer in time, tried for" in run.failures[stream]
        assert run.client(provider_of(stream)).down


@pytest.mark.parametrize("provider", SIGNED_IN)
def test_a_token_that_hardly_comes_is_told_as_the_sign_in_s(box, provider):
    box.faults.add(provider=provider, path="token$", times=None, action={"drip": 0.05})
    stream = f"{provider}_invoices"
    run = sync(settings(box, provider, request_timeout=0.2, max_retry_seconds=1), streams=[stream])
    assert run.failures[stream].startswith("at sign-in: no answer in time")


def test_an_answer_that_comes_slowly_is_read(box):
    """It takes longer than one wait for its next bytes, and than a request is tried again."""
    stream = "i3dnet_invoice_details"
    hit(box, stream, drip=0.0001)
    run = sync(config(box, stream, request_timeout=0.3, max_retry_seconds=0), streams=[stream])
    assert not run.failures
    assert run.account(stream).retries == 0


@pytest.mark.parametrize(
    ("fault", "provider"),
    crossed([name for name in PASSING if name not in {"an array of text", "a web page called PDF"}], SIGNED_IN),
)
def test_a_fault_at_sign_in_passes_too(box, provider, fault):
    box.faults.add(provider=provider, path="token$", times=2, action=PASSING[fault])
    run = sync(config(box, provider), streams=[f"{provider}_invoices"])
    assert not run.failures
    assert whole(run, f"{provider}_invoices")


@pytest.mark.parametrize("stream", [name for name in STREAMS if provider_of(name) in SIGNED_IN])
def test_a_token_that_ends_early_is_renewed_once(box, stream):
    hit(box, stream, expire_token=True)
    issued = box.tokens_issued(provider_of(stream))
    run = sync(config(box, stream), before(stream), streams=[stream])
    assert not run.failures
    assert whole(run, stream)
    assert box.tokens_issued(provider_of(stream)) == issued + 2
    assert advanced(run, stream)


@pytest.mark.parametrize("failure", [302, 401])
def test_exsited_says_that_a_token_has_ended_in_two_ways(box, failure):
    box.book("exsited").auth_failure = failure
    hit(box, "exsited_invoices", expire_token=True, after=1)
    run = sync(config(box, "exsited"), streams=["exsited_invoices"])
    assert not run.failures
    assert whole(run, "exsited_invoices")


# Faults that last, on lists

REFUSED = (400, 404, 405, 406, 409, 410, 415, 422, 451)


@pytest.mark.parametrize("action", [{"html": True}, {"status": 503}, {"reset": True}])
@pytest.mark.parametrize("provider", ["covage", "exsited"])
def test_what_keeps_a_sign_in_from_its_token_is_told_as_the_sign_in_s(box, provider, action):
    """The stream's own endpoint, which was not asked, is not to blame."""
    box.faults.add(provider=provider, path="token$", times=3, action=action)
    stream = f"{provider}_invoices"
    run = sync(settings(box, provider, max_retry_seconds=0), streams=[stream])
    assert run.failures[stream].startswith("at sign-in: ")


@pytest.mark.parametrize(("status", "stream"), crossed(REFUSED, LISTS, 2))
def test_a_refusal_is_not_tried_again(box, stream, status):
    hit(box, stream, times=None, status=status)
    run = sync(config(box, stream), before(stream), streams=[stream])
    assert str(status) in run.failures[stream]
    assert len(asked(box, stream)) == 1
    assert not run.records
    assert stayed(run, stream)
    assert run.account(stream).outcome == "failed"


@pytest.mark.parametrize("stream", LISTS)
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_sign_in_is_told_and_not_repeated(box, stream, status):
    """A 401 is asked for once more where the token can be renewed."""
    hit(box, stream, times=None, status=status)
    run = sync(config(box, stream), before(stream), streams=[stream])
    renewed = status == 401 and provider_of(stream) in SIGNED_IN
    assert len(asked(box, stream)) == 1 + renewed
    assert stayed(run, stream)
    permission = run.client(provider_of(stream)).portal.permission
    wanted = permission if status == 403 else f"`{provider_of(stream)}`"
    assert wanted in run.failures[stream]


@pytest.mark.parametrize("token", ["a\\r\\nX-Other: b", "a b", "\u20ac"])
@pytest.mark.parametrize("stream", ["covage_invoices", "exsited_invoices"])
def test_a_token_that_no_header_can_carry_is_told(box, stream, token):
    body = f'{{"access_token": "{token}", "expires_in": 300}}'
    box.faults.add(provider=provider_of(stream), path="/token", times=None, action={"status": 200, "body": body})
    run = sync(config(box, stream), streams=[stream])
    assert "access_token" in run.failures[stream]
    assert "no header can carry" in run.failures[stream]


@pytest.mark.parametrize("stream", LISTS)
def test_a_redirect_is_never_followed(box, stream):
    hit(box, stream, times=None, redirect=f"{box.url}/matas/login")
    run = sync(config(box, stream), before(stream), streams=[stream])
    assert len(asked(box, stream)) == 1 + (provider_of(stream) == "exsited")
    assert not [request for request in box.requests if request.path.endswith("/login")]
    by_redirect = provider_of(stream) in {"exsited", "matas"}
    assert ("sign-in page" if by_redirect else "redirect") in run.failures[stream]
    assert stayed(run, stream)


@pytest.mark.parametrize(
    ("stream", "fault"),
    crossed(LISTS, ["half of the body", "a web page", "nothing", "an array of text", "another shape"], 2),
)
def test_a_body_that_is_never_what_it_claims_is_asked_for_three_times(box, stream, fault):
    hit(box, stream, times=None, **PASSING[fault])
    run = sync(config(box, stream), before(stream), streams=[stream])
    assert len(asked(box, stream)) == 3
    assert stream in run.failures
    assert stayed(run, stream)


@pytest.mark.parametrize(
    ("stream", "fault"),
    crossed(LISTS, ["503", "reset before the body", "reset in the body", "closed in the body"], 2),
)
def test_what_never_passes_takes_the_provider_down(box, stream, fault):
    hit(box, stream, times=None, **PASSING[fault])
    run = sync(config(box, stream, max_retry_seconds=0), before(stream), streams=[stream])
    assert run.client(provider_of(stream)).down
    assert stream in run.failures
    assert stayed(run, stream)
    assert not run.records


@pytest.mark.parametrize("stream", LISTS)
def test_too_many_requests_for_ever_is_an_end_but_no_outage(box, stream):
    hit(box, stream, times=None, status=429)
    run = sync(config(box, stream, max_retry_seconds=0), before(stream), streams=[stream])
    assert not run.client(provider_of(stream)).down
    assert "429" in run.failures[stream]
    assert stayed(run, stream)


@pytest.mark.parametrize("stream", LISTS)
def test_a_retry_after_that_is_too_long_names_the_time(box, stream):
    hit(box, stream, times=None, retry_after="3600")
    run = sync(config(box, stream), before(stream), streams=[stream])
    assert re.search(r"until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", run.failures[stream])
    assert len(asked(box, stream)) == 1
    assert stayed(run, stream)


@pytest.mark.parametrize("stream", ITEMS)
def test_too_long_a_retry_after_on_an_item_ends_its_stream_and_names_the_time(box, stream):
    hit(box, stream, times=None, after=3, retry_after="3600")
    run = sync(config(box, stream, max_connections=1), before(stream), streams=[stream])
    assert re.search(r"until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", run.failures[stream])
    assert len(asked(box, stream)) <= 8
    box.faults.clear()
    rest = sync(config(box, stream), run.state, streams=[stream])
    assert not rest.failures
    whole = sync(config(box, stream), before(stream), streams=[stream])
    assert {*run.keys(stream), *rest.keys(stream)} == set(whole.keys(stream))


@pytest.mark.parametrize("stream", PAGED)
def test_a_failure_on_the_last_page_keeps_the_bookmark(box, stream):
    """What came before it was emitted, and comes again."""
    pages = -(-EXPECTED.get(stream, COUNT) // PAGE)
    hit(box, stream, times=None, after=pages - 1, status=400)
    run = sync(config(box, stream), before(stream), streams=[stream])
    assert stream in run.failures
    assert stayed(run, stream)
    assert run.keys(stream) or pages == 1


@pytest.mark.parametrize("stream", sorted({f"{provider_of(name)}_invoices" for name in CHILDREN}))
def test_followers_of_a_list_that_fails_fail_with_it(box, stream):
    children = streams_of(provider_of(stream), CHILDREN)
    hit(box, stream, times=None, after=1 if stream in PAGED else 0, status=400)
    run = sync(config(box, stream), streams=children)
    assert set(run.failures) == set(children)
    assert not run.records
    assert not any(run.bookmark(name).get("replication_key_value") for name in children)


# Paging


@pytest.mark.parametrize(
    ("cap", "stream"),  # page numbers count in the size that is asked for
    [(cap, name) for cap in (2, 3, 5, 100) for name in PAGED if cap >= PAGE or name != "ibana_invoices"],
)
def test_smaller_pages_than_asked_for_are_all_read(box, stream, cap):
    hit(box, stream, times=None, cap=cap)
    run = sync(config(box, stream), before(stream), streams=[stream])
    assert not run.failures
    assert whole(run, stream)


@pytest.mark.parametrize("stream", BY_WINDOW)
@pytest.mark.parametrize("turns", [1, 2])
def test_pages_in_turns_are_refused_soon(box, stream, turns):
    hit(box, stream, times=None, repeat_page=turns)
    run = sync(config(box, stream, max_connections=1), before(stream), streams=[stream])
    assert re.search(r"page|row", run.failures[stream])
    assert re.search(r"\d", run.failures[stream]), "it names the page"
    slack = 3 if stream == "ibana_invoices" else 0  # its windows are of several sizes: the turns begin later
    assert len(asked(box, stream)) <= turns + 1 + 3 + slack
    assert stayed(run, stream)


@pytest.mark.parametrize("turns", [1, 2])
def test_cursors_in_turns_are_refused_soon(box, turns):
    hit(box, "covage_invoices", times=None, repeat_cursor=turns)
    run = sync(config(box, "covage"), before("covage_invoices"), streams=["covage_invoices"])
    assert "cursor" in run.failures["covage_invoices"]
    assert len(asked(box, "covage_invoices")) <= turns + 3
    assert stayed(run, "covage_invoices")


@pytest.mark.parametrize("stream", PAGED)
def test_a_server_that_always_sends_all_rows(box, stream):
    """The list is whole, or refused: never a part of it, and never for ever."""
    hit(box, stream, times=None, ignore_range=True)
    run = sync(config(box, stream, max_connections=1), before(stream), streams=[stream])
    assert stream in run.failures or whole(run, stream)
    assert len(asked(box, stream)) <= 2 + 3
    if provider_of(stream) == "i3dnet":
        assert not run.failures


def test_i3dnet_with_its_default_range_for_ever_is_refused():
    with Sandbox(invoices=60) as box:
        hit(box, "i3dnet_invoices", times=None, ignore_range=True, rows=25)
        for page_size in (10, 25, 100):
            box.clear()
            wanted = settings(box, "i3dnet")
            wanted["i3dnet"]["page_size"] = page_size
            run = sync(wanted, streams=["i3dnet_invoices"])
            assert "RANGED-DATA" in run.failures["i3dnet_invoices"]
            assert len(box.requests) <= 1 + 3


def test_a_foreign_next_page_is_not_followed(box):
    hit(box, "covage_invoices", times=None, foreign_next=True)
    run = sync(config(box, "covage"), streams=["covage_invoices"])
    assert not run.failures
    assert whole(run, "covage_invoices")


# Totals


@pytest.mark.parametrize("stream", COUNTED)
def test_a_list_that_stays_short_is_read_three_times_and_refused(box, stream):
    hit(box, stream, times=None, total=2)
    run = sync(config(box, stream, max_connections=1), before(stream), streams=[stream])
    assert f"{COUNT} of {COUNT + 2}" in run.failures[stream]
    assert stayed(run, stream)
    passes = [request for request in asked(box, stream) if is_first(request)]
    assert len(passes) == 3
    assert whole(run, stream), "what came is emitted, once"


def is_first(request):
    query = dict(request.query)
    return query.get("page", "1") == "1" and query.get("offset", "0") == "0" and "cursor" not in query


@pytest.mark.parametrize("stream", COUNTED)
def test_a_list_with_more_than_its_total_is_fine(box, stream, caplog):
    hit(box, stream, times=None, total=-2)
    with caplog.at_level(logging.INFO):
        run = sync(config(box, stream), before(stream), streams=[stream])
    assert not run.failures
    assert whole(run, stream)
    assert advanced(run, stream)
    assert f"{COUNT} rows came where {COUNT - 2} were told" in caplog.text


@pytest.mark.parametrize("stream", COUNTED)
@pytest.mark.parametrize("row", [0, 1, -1])
def test_a_row_that_is_dropped_once_comes_with_the_second_reading(box, stream, row):
    hit(box, stream, after=1, drop_row=row)
    run = sync(config(box, stream, max_connections=1), before(stream), streams=[stream])
    assert not run.failures
    assert whole(run, stream)


@pytest.mark.parametrize(
    ("change", "stream"),  # Covage tells of no payments
    [(c, s) for c in ("insert", "delete", "change", "pay") for s in PAGED if c != "pay" or s != "covage_invoices"],
)
@pytest.mark.parametrize("index", [0, 2, 5, 11])
def test_what_stays_comes_out_whatever_moves(box, stream, change, index):
    book = box.book(provider_of(stream))
    at_start = set(book.invoices)
    action = {"insert": {"count": 1, "position": index}} if change == "insert" else {change: {"index": index}}
    hit(box, stream, after=1, **action)
    run = sync(config(box, stream), streams=[stream])
    assert not run.failures
    emitted = {key[0] for key in run.keys(stream)}
    if stream == "i3dnet_unpaid_invoices":
        at_start = set(sync(config(box, stream), streams=[stream]).keys(stream))
        assert {key[0] for key in at_start} - emitted <= set(list(book.invoices)[index : index + 1])
    else:
        assert at_start & set(book.invoices) <= emitted


# Items


def one_item(box, stream):
    """Return an item that a child asks for, and the expression that finds its requests."""
    sync(config(box, stream), streams=[stream])
    paths = [request.path for request in asked(box, stream)]
    box.clear()
    path = sorted(set(paths))[len(set(paths)) // 2]
    return f"^{re.escape(path)}$"


def followers_of(box, provider):
    """Return the provider's children with the path of one item of each."""
    streams = streams_of(provider, CHILDREN)
    return {stream: one_item(box, stream) for stream in streams}


FOLLOWED = ("covage", "matas", "exsited", "i3dnet")


@pytest.mark.parametrize("provider", FOLLOWED)
def test_an_item_that_is_gone_is_counted_and_all_is_well(box, provider, caplog):
    paths = followers_of(box, provider)
    for stream, path in paths.items():
        hit(box, stream, times=None, path=path, status=404)
    run = sync(config(box, provider), streams=paths)
    assert not run.failures
    assert caplog.text.count("gone") == len(paths)
    for stream in paths:
        assert run.account(stream).gone == 1
        assert len(run.keys(stream)) < EXPECTED.get(stream, COUNT)
        assert advanced(run, stream)
        assert not run.bookmark(stream).get("failed")


LASTING_ON_ITEMS = {
    "400": {"status": 400},
    "409": {"status": 409},
    "half of the body": {"half_json": True},
    "a web page": {"html": True},
    "nothing": {"empty": True},
    "an array of text": {"status": 200, "body": '["a", "b"]'},
}


@pytest.mark.parametrize(("fault", "provider"), crossed(LASTING_ON_ITEMS, FOLLOWED, 2))
def test_an_item_that_fails_is_kept_and_the_rest_goes_on(box, provider, fault):
    paths = followers_of(box, provider)
    for stream, path in paths.items():
        hit(box, stream, times=None, path=path, **LASTING_ON_ITEMS[fault])
    run = sync(config(box, provider), streams=paths)
    for stream, path in paths.items():
        assert "1 item could not be had (" in run.failures[stream]
        assert [quote(item, safe="") in path.replace("\\", "") for item in run.bookmark(stream)["failed"]] == [True]
        assert run.account(stream).outcome == "partial"
        assert advanced(run, stream)
        tries = [request for request in box.requests if re.search(path, request.path)]
        assert len(tries) == (1 if fault in {"400", "409"} else 3)
    box.faults.clear()
    again = sync(config(box, provider), run.state, streams=paths)
    assert not again.failures
    for stream in paths:
        assert not again.bookmark(stream).get("failed")
        assert len({*run.keys(stream), *again.keys(stream)}) == EXPECTED.get(stream, COUNT)


@pytest.mark.parametrize("stream", ["covage_invoice_documents", "matas_invoice_details"])
def test_an_item_that_hardly_comes_is_kept_and_the_rest_goes_on(box, stream):
    path = followers_of(box, provider_of(stream))[stream]
    box.faults.add(path=path, times=None, action={"drip": 0.05})
    run = sync(config(box, stream, request_timeout=0.2, max_retry_seconds=0), streams=[stream])
    assert "1 item could not be had (no answer in time, tried for" in run.failures[stream]
    assert run.account(stream).outcome == "partial"


@pytest.mark.parametrize("stream", CHILDREN)
@pytest.mark.parametrize("status", [401, 403])
def test_an_item_that_may_not_be_had_ends_the_stream(box, stream, status):
    """Permission is not a matter of one item."""
    hit(box, stream, times=None, status=status)
    run = sync(config(box, stream, max_connections=1), before(stream), streams=[stream])
    assert str(status) in run.failures[stream]
    assert len(asked(box, stream)) <= 8
    assert stayed(run, stream)
    assert not run.keys(stream)


@pytest.mark.parametrize("stream", ITEMS)
def test_items_for_which_the_provider_goes_down_end_the_stream(box, stream):
    """One broken item is not an outage; some in a row are."""
    hit(box, stream, times=None, after=1, status=503)
    run = sync(config(box, stream, max_retry_seconds=0), before(stream), streams=[stream])
    assert run.client(provider_of(stream)).down
    assert "503" in run.failures[stream]
    box.faults.clear()
    rest = sync(config(box, stream), run.state, streams=[stream])
    whole = sync(config(box, stream), before(stream), streams=[stream])
    assert {*run.keys(stream), *rest.keys(stream)} >= set(whole.keys(stream)), "the next sync brings what is missing"


@pytest.mark.parametrize("stream", SUB_LISTS)
@pytest.mark.parametrize("fault", [{"repeat_page": 1}, {"total": 3}])
def test_the_guards_hold_for_lists_within_a_list(box, stream, fault):
    wanted = config(box, stream)
    wanted["exsited"]["page_size"] = 1
    hit(box, stream, times=None, **fault)
    run = sync(wanted, before(stream), streams=[stream])
    assert stream in run.failures


# One provider, and the others


@pytest.mark.parametrize("provider", PROVIDERS)
def test_one_providers_failure_does_not_stop_the_others(box, provider):
    """The others are whole, and their state is written."""
    box.faults.add(provider=provider, times=None, action={"status": 400})
    run = sync(settings(box), streams=STREAMS)
    failed = {name for name in STREAMS if provider_of(name) == provider}
    assert set(run.failures) == failed
    for stream in STREAMS.keys() - failed:
        assert whole(run, stream)
        assert advanced(run, stream)
    assert not [stream for stream in failed if run.records[stream] or run.bookmark(stream).get("replication_key_value")]


def test_the_process_ends_with_1_and_a_summary(box, tmp_path):
    """Covage is first in line: what comes after it is there."""
    box.faults.add(provider="covage", times=None, action={"status": 400})
    done = process(tmp_path, settings(box))
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert set(LISTS) <= {message["stream"] for message in messages if message["type"] == "RECORD"} | {
        "covage_invoices"
    }
    state = [message["value"]["bookmarks"] for message in messages if message["type"] == "STATE"][-1]
    assert state["ibana_invoices"]["accounts"]["default"]["replication_key_value"]
    assert "covage_invoices" not in state
    [summary] = [line for line in done.stderr.splitlines() if "not whole" in line]
    assert "covage_invoices" in summary


def test_all_at_once_and_still_whole(box):
    """A fault of some kind on every fifth request of all providers: it takes longer, and nothing is missing."""
    kinds = [action for name, action in PASSING.items() if name != "a web page called PDF"]
    for number in range(300):
        box.faults.add(after=5 * number, times=1, action=kinds[number % len(kinds)])
    run = sync(settings(box), streams=STREAMS)
    assert not run.failures
    assert all(whole(run, stream) for stream in STREAMS)
    assert sum(run.account(stream).retries for stream in STREAMS) > 20
