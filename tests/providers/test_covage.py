"""Covage: a shared token, cursors out of foreign links, and invoices that are posted with an earlier date."""

from __future__ import annotations

from datetime import date, timedelta
from urllib.parse import parse_qsl

import pytest

from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW

LIST = "covage_invoices"
DOCUMENTS = "covage_invoice_documents"
TOKEN = "/keycloak/auth/realms/covage/protocol/openid-connect/token"


@pytest.fixture
def large():
    """A sandbox with enough invoices for many pages."""
    with Sandbox(invoices=400) as served:
        served.now = NOW
        yield served


READINGS = [frozenset(), frozenset({"accounting_date_gt"}), frozenset({"accounting_date_lt"})]
READINGS.append(READINGS[1] | READINGS[2])
"""Which bounds may leave their own day out: none by their description, both by their names."""


def shifted(day, days):
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def of_list(box):
    """The queries that the list was asked with."""
    return [dict(request.query) for request in box.requests if request.path == "/covage/api/v1/invoice/"]


def sign_ins(box):
    return [request for request in box.requests if request.path == TOKEN]


# Sign-in


def test_one_token_serves_all_streams_and_threads(box, read):
    done = read(LIST, DOCUMENTS)
    assert len(done.records[DOCUMENTS]) == 25
    assert box.tokens_issued("covage") == 1


def test_the_sign_in_is_keycloak_s_password_grant(box, read):
    read(LIST)
    [request] = sign_ins(box)
    given = box.config("covage")["covage"]
    assert request.method == "POST"
    assert dict(parse_qsl(request.body.decode())) == {
        "grant_type": "password",
        "client_id": "api-client",
        "username": given["username"],
        "password": given["password"],
    }


def test_another_realm_and_client_can_be_set(box, read):
    done = read(LIST, realm="other", client_id="us")
    path = "/keycloak/auth/realms/other/protocol/openid-connect/token"
    [request] = [request for request in box.requests if request.method == "POST"]
    assert request.path == path
    assert dict(parse_qsl(request.body.decode()))["client_id"] == "us"
    assert "URLs in `covage`" in done.failures[LIST]


def test_wrong_credentials_are_told_and_not_tried_over_and_over(box, read):
    done = read(LIST, DOCUMENTS, password="wrong")  # noqa: S106
    assert set(done.failures) == {LIST, DOCUMENTS}
    assert "credentials in `covage`" in done.failures[LIST]
    assert len(sign_ins(box)) <= 2


def test_a_token_that_ended_is_renewed_once_and_the_sync_is_whole(box, read):
    box.faults.add(path="/download/$", after=10, action={"expire_token": True})
    done = read(LIST, DOCUMENTS)
    assert done.failures == {}
    assert len(done.records[DOCUMENTS]) == 25
    assert box.tokens_issued("covage") == 2


def test_a_token_is_renewed_before_it_ends(box, read, hurry):  # noqa: ARG001
    box.book("covage").token_seconds = 70
    done = read(LIST, page_size=3)
    assert len(done.records[LIST]) == 25
    assert box.tokens_issued("covage") > 1
    assert not [request for request in box.requests if request.status == 401]


def test_a_new_token_that_is_refused_too_is_an_error(box, read):
    box.faults.add(path="/invoice/$", times=None, action={"status": 401})
    done = read(LIST)
    assert "credentials in `covage`" in done.failures[LIST]
    assert len(of_list(box)) == 2


# Pages


@pytest.mark.parametrize("host", [True, "http://api.example.com", "https://evil.example:444/x"])
def test_only_the_cursor_is_taken_out_of_a_link(box, read, host):
    box.faults.add(path="/invoice/$", times=None, action={"foreign_next": host})
    done = read(LIST, page_size=4)
    assert done.failures == {}
    assert len(done.records[LIST]) == 25
    assert [query["page_size"] for query in of_list(box)] == ["4"] * 14
    assert ["cursor" in query for query in of_list(box)] == 2 * ([False] + [True] * 6)


def test_a_link_without_a_cursor_is_an_error_and_no_end(box, read, no_waits):  # noqa: ARG001
    body = '{"page_size": 1, "count": 2, "next_page": "http://api.example.com/?page=2", "results": []}'
    box.faults.add(path="/invoice/$", times=None, action={"status": 200, "body": body})
    assert LIST in read(LIST).failures


def test_a_last_page_may_lack_the_next_one_where_a_count_tells_whether_all_came(box, read, no_waits):  # noqa: ARG001
    row = '{"invoice_number": "A-1", "accounting_date": "2026-01-31"}'
    answer = {"path": "/invoice/$", "times": None}
    box.faults.add(**answer, action={"status": 200, "body": f'{{"count": 1, "results": [{row}]}}'})
    assert read(LIST).keys(LIST) == [("A-1",)]
    for body in (f'{{"count": 2, "results": [{row}]}}', f'{{"results": [{row}]}}'):
        box.faults.clear()
        box.faults.add(**answer, action={"status": 200, "body": body})
        assert LIST in read(LIST).failures


@pytest.mark.parametrize("turns", [1, 2])
def test_a_cursor_that_comes_again_is_an_error_that_names_it(box, read, turns):
    box.faults.add(path="/invoice/$", times=None, action={"repeat_cursor": turns})
    done = read(LIST, page_size=4)
    assert "cursor" in done.failures[LIST] or "page" in done.failures[LIST]
    assert len(of_list(box)) <= turns + 3
    assert "replication_key_value" not in done.bookmark(LIST)


def test_paths_end_with_a_slash_and_redirects_are_not_followed(box, read):
    box.faults.add(path="/invoice/$", times=None, action={"redirect": f"{box.url}/covage/elsewhere"})
    done = read(LIST)
    assert "redirect" in done.failures[LIST]
    assert not [request for request in box.requests if "elsewhere" in request.path]


def test_a_row_that_slips_to_a_page_before_is_found_though_the_count_agrees(box, read):
    """One invoice goes and another comes between the same two pages: the cursors cannot show it, nor can the count."""
    book = box.book("covage")
    first, *_, last = book.invoices

    def swap(_request):
        if len(of_list(box)) == 3 and first in book.invoices:
            book.delete(first)
            book.add(len(book.invoices), accounting_date=book.invoices[last]["accounting_date"])

    box.on_request(swap)
    done = read(LIST, page_size=4)
    assert done.failures == {}
    assert set(book.invoices) <= {key for (key,) in done.keys(LIST)}


def test_a_window_that_shrinks_while_it_is_read_is_read_again(box, read):
    book = box.book("covage")
    first = read(LIST)
    box.clear()
    gone, *_ = book.invoices

    def delete(_request):
        if len(of_list(box)) == 3 and gone in book.invoices:
            book.delete(gone)

    box.on_request(delete)
    second = read(LIST, page_size=4, state=first.state, lookback_days=3650)
    assert set(book.invoices) <= {key for (key,) in second.keys(LIST)}


@pytest.mark.parametrize("first_gone", [1, 2])
def test_each_reading_in_which_the_list_shrinks_is_followed_by_another(box, read, first_gone):
    """One invoice slips over an edge in both of the first readings; where two go at first, the second brings a row."""
    book = box.book("covage")
    gone, edges = list(book.invoices), {6: first_gone, 17 if first_gone == 2 else 18: 3 - first_gone}
    # Pages of two: the edge of the second reading lies where the tenth invoice has come to by then.

    def shrink(_request):
        for _ in range(edges.pop(len(of_list(box)), 0)):
            book.delete(gone.pop(0))

    box.on_request(shrink)
    done = read(LIST, page_size=2)
    assert not edges
    assert done.failures == {}
    assert set(book.invoices) <= {key for (key,) in done.keys(LIST)}


def test_a_list_that_shrinks_in_every_reading_is_refused(box, read):
    book = box.book("covage")

    def shrink(_request):
        if len(of_list(box)) % 6 == 3:
            book.delete(next(iter(book.invoices)))

    box.on_request(shrink)
    assert "did not hold still" in read(LIST, page_size=4).failures[LIST]


def test_without_a_count_a_list_is_read_until_two_readings_agree(box, read):
    """One goes, and the row behind an edge slips over it, though no count can show it."""
    book = box.book("covage")
    box.faults.add(path="/invoice/$", times=None, action={"total": None})
    first, *_ = book.invoices
    box.on_request(lambda _: book.delete(first) if len(of_list(box)) == 3 and first in book.invoices else None)
    done = read(LIST, page_size=4)
    assert done.failures == {}
    assert set(book.invoices) <= {key for (key,) in done.keys(LIST)}
    assert len(of_list(box)) == 3 * 6
    assert done.account(LIST).expected is None


def test_only_a_list_that_no_later_sync_reads_again_is_read_twice(box, read):
    first = read(LIST, page_size=4)
    assert len(of_list(box)) == 14
    assert len(first.records[LIST]) == 25
    box.clear()
    read(LIST, page_size=4, state=first.state, lookback_days=3650)
    assert len(of_list(box)) == 7 + 1
    box.clear()
    read(LIST, page_size=25)
    assert len(of_list(box)) == 1


def test_a_page_may_be_smaller_than_asked_for(box, read):
    box.faults.add(path="/invoice/$", times=None, action={"cap": 3})
    assert len(read(LIST, page_size=10).records[LIST]) == 25


# Dates


def test_the_last_day_is_read_again(box, read):
    first = read(LIST)
    day = first.bookmark(LIST)["replication_key_value"]
    box.book("covage").add(accounting_date=day)
    second = read(LIST, state=first.state, lookback_days=0)
    assert {record["accounting_date"] for record in second.records[LIST]} == {day}
    assert len(second.records[LIST]) == 2


def test_an_invoice_posted_with_a_date_long_ago_is_found(box, read):
    first = read(LIST, DOCUMENTS)
    late = box.book("covage").add(accounting_date="2024-01-15")
    second = read(LIST, DOCUMENTS, state=first.state)
    for stream in (LIST, DOCUMENTS):
        assert (late,) in second.keys(stream)
    box.clear()
    third = read(LIST, DOCUMENTS, state=second.state)
    assert (late,) not in third.keys(LIST) + third.keys(DOCUMENTS)


@pytest.mark.parametrize(
    ("from_day", "told"),
    [
        pytest.param(None, True, id="all-count"),
        pytest.param(5, False, id="start date-no count"),
        pytest.param(None, False, id="all-no count", marks=pytest.mark.slow),
        pytest.param(5, True, id="start date-count", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("exclusive", READINGS, ids=["inclusive", "gt excludes", "lt excludes", "exclusive"])
def test_no_day_is_lost_whether_bounds_are_inclusive_or_exclusive(box, sync, exclusive, from_day, told):
    """At first the start date's own day; then what is posted late on each day at which a bound may lie."""
    book, config = box.book("covage"), {**box.config("covage"), "documents": {"mode": "inline"}}
    book.exclusive = exclusive
    if not told:
        box.faults.add(path="/invoice/$", times=None, action={"total": None})
    days = sorted(invoice["accounting_date"] for invoice in book.invoices.values())
    start = days[from_day or 0]
    if from_day is not None:
        config["start_date"] = start
        book.add(accounting_date=shifted(start, -1))
    wanted = {key for key, invoice in book.invoices.items() if invoice["accounting_date"] >= start}
    run = sync(config, select=[LIST, DOCUMENTS])
    for stream in (LIST, DOCUMENTS):
        assert {key for (key,) in run.keys(stream)} == wanted
    until = run.bookmark(LIST)["before"]["until"]
    assert run.bookmark(LIST)["before"]["count"] == sum(start <= day <= until for day in days)
    for day in (start, shifted(start, 1), *(shifted(until, days) for days in (-1, 0, 1, 2)), until):
        outside = book.add(accounting_date=shifted(start, -1)) if from_day is not None else None
        late = book.add(accounting_date=day)
        run = sync(config, run.state, select=[LIST, DOCUMENTS])
        assert run.failures == {}
        for stream in (LIST, DOCUMENTS):
            assert (late,) in run.keys(stream), f"posted on {day}, known until {until}"
            assert (outside,) not in run.keys(stream)
        assert run.bookmark(LIST)["before"]["until"] == until
        count = sum(start <= invoice["accounting_date"] <= until for invoice in book.invoices.values())
        assert run.bookmark(LIST)["before"]["count"] == run.bookmark(DOCUMENTS)["before"]["count"] == count
    quiet = sync(config, run.state, select=[LIST, DOCUMENTS])
    assert min(record["accounting_date"] for record in quiet.records[LIST]) > until


def test_an_invoice_without_a_date_does_not_hide_a_late_one(box, read):
    """It lies on no day, so it is not one of those before the window."""
    book = box.book("covage")
    undated = book.add(accounting_date=None)
    first = read(LIST, DOCUMENTS)
    late = book.add(accounting_date="2020-01-15")
    second = read(LIST, DOCUMENTS, state=first.state)
    for stream in (LIST, DOCUMENTS):
        assert (undated,) in first.keys(stream)
        assert (late,) in second.keys(stream)


def test_without_a_count_the_invoices_before_the_window_are_counted_here(box, read):
    box.faults.add(path="/invoice/$", times=None, action={"total": None})
    first = read(LIST)
    late = box.book("covage").add(accounting_date="2020-01-15")
    second = read(LIST, state=first.state)
    third = read(LIST, state=second.state)
    for run in (first, second, third):
        assert run.failures == {}
        assert run.account(LIST).expected is None
    assert (late,) in second.keys(LIST)
    assert (late,) not in third.keys(LIST)


def test_that_nothing_was_posted_long_ago_costs_one_request(box, read):
    first = read(LIST)
    box.clear()
    read(LIST, state=first.state)
    assert len(of_list(box)) == 2


def test_a_shorter_lookback_sends_nobody_back_to_the_start(large, sync):
    config = large.config("covage")
    config["covage"]["lookback_days"] = 60
    first = sync(config, select=[LIST])
    config["covage"]["lookback_days"] = 10
    second = sync(config, first.state, select=[LIST])
    assert len(second.records[LIST]) < len(first.records[LIST]) / 2


def test_a_shorter_lookback_leaves_no_days_between_the_window_and_the_proof(box, read):
    first = read(LIST, lookback_days=120)
    last = date.fromisoformat(first.bookmark(LIST)["replication_key_value"])
    late = box.book("covage").add(accounting_date=(last - timedelta(days=60)).isoformat())
    second = read(LIST, state=first.state, lookback_days=2)
    assert (late,) in second.keys(LIST)


@pytest.mark.parametrize("status", [403, 503])
@pytest.mark.parametrize("streams", [(DOCUMENTS,), (LIST, DOCUMENTS)])
def test_a_late_document_comes_though_the_sync_that_saw_it_first_broke_off(box, sync, streams, status):
    """Bookmarks on the way pass the new invoices of the window, and not the late one, which is still to come."""
    book, config = box.book("covage"), {**box.config("covage"), "documents": {"mode": "inline"}}
    config |= {"max_retry_seconds": 0}
    config["covage"] |= {"page_size": 5, "max_connections": 1}
    first = sync(config, select=streams)
    last = first.bookmark(DOCUMENTS)["replication_key_value"]
    for _ in range(12):
        book.add(accounting_date=last)
    late = book.add(accounting_date="2020-01-15")
    box.faults.add(path=f"/{late}/download/$", times=None, action={"status": status})
    if status == 503:
        box.faults.add(path="/download/$", after=8, times=None, action={"status": status})
    broken = sync(config, first.state, select=streams)
    states = [
        message["value"]["bookmarks"][DOCUMENTS]["accounts"]["default"]
        for message in broken.messages
        if message["type"] == "STATE"
    ]
    assert all(
        mark.get("before") == first.bookmark(DOCUMENTS)["before"] or late in mark.get("failed", {}) for mark in states
    )
    box.faults.clear()
    second = sync(config, broken.state, select=streams)
    assert second.failures == {}
    assert (late,) in second.keys(DOCUMENTS)
    assert {(key,) for key in book.invoices} <= {k for run in (first, broken, second) for k in run.keys(DOCUMENTS)}
    known = {(key,) for key, invoice in book.invoices.items() if invoice["accounting_date"] < "2026-01-01"} - {(late,)}
    if LIST in streams:
        assert known.isdisjoint(second.keys(LIST)), "the list has all of them, only documents lack one"
    quiet = sync(config, second.state, select=streams)
    assert known.isdisjoint(quiet.keys(DOCUMENTS)), "and then all is known"


def test_progress_after_a_long_break_is_kept_with_its_proof(large, sync):
    """Syncs that break off again and again get on, for a bookmark that passes all that was due renews its proof."""
    book, config = large.book("covage"), {**large.config("covage"), "documents": {"mode": "inline"}}
    config |= {"max_retry_seconds": 0}
    config["covage"] |= {"page_size": 20, "lookback_days": 5, "max_connections": 1}
    days = sorted(invoice["accounting_date"] for invoice in book.invoices.values())
    until = shifted(days[50], -6)
    proof = {"until": until, "count": sum(day <= until for day in days)}
    mark = {"replication_key": "accounting_date", "replication_key_value": days[50], "before": proof}
    state = {"bookmarks": {DOCUMENTS: mark}}
    large.faults.add(path="/download/$", after=200, times=None, action={"status": 503})
    broken = sync(config, state, select=[DOCUMENTS])
    large.faults.clear()
    rest = sync(config, broken.state, select=[DOCUMENTS])
    assert broken.bookmark(DOCUMENTS)["before"]["until"] > until
    assert len(rest.records[DOCUMENTS]) < len(broken.records[DOCUMENTS])
    expected = {(key,) for key, invoice in book.invoices.items() if invoice["accounting_date"] >= days[50]}
    assert expected <= {*broken.keys(DOCUMENTS), *rest.keys(DOCUMENTS)}


@pytest.mark.parametrize("streams", [(DOCUMENTS,), (LIST, DOCUMENTS)])
def test_an_invoice_that_went_hides_no_late_document_where_the_bookmark_stopped_on_the_way(large, sync, streams):
    """Its day lies between the bookmark of the documents and that of the list."""
    book, config = large.book("covage"), {**large.config("covage"), "documents": {"mode": "inline"}}
    config |= {"max_retry_seconds": 0}
    config["covage"] |= {"page_size": 20, "lookback_days": 5, "max_connections": 1}
    gone = next(iter(book.invoices))
    large.on_request(lambda _: book.delete(gone) if len(of_list(large)) == 3 and gone in book.invoices else None)
    large.faults.add(path="/download/$", after=200, times=None, action={"status": 503})
    broken = sync(config, select=streams)
    assert gone not in book.invoices
    large.faults.clear()
    late = book.add(accounting_date="2020-01-15")
    rest = sync(config, broken.state, select=streams)
    assert (late,) in rest.keys(DOCUMENTS)


@pytest.mark.parametrize("streams", [(DOCUMENTS,), (LIST, DOCUMENTS)])
def test_an_invoice_posted_late_is_found_after_a_sync_that_broke_off(large, sync, streams):
    """Documents have bookmarks on the way, and each must come with its proof."""
    config = {**large.config("covage"), "documents": {"mode": "inline"}, "max_retry_seconds": 0}
    config["covage"] |= {"page_size": 20, "lookback_days": 5}
    large.faults.add(path="/download/$", after=200, times=None, action={"status": 503})
    broken = sync(config, select=streams)
    assert DOCUMENTS in broken.failures
    reached = date.fromisoformat(broken.bookmark(DOCUMENTS)["replication_key_value"])
    large.faults.clear()
    late = large.book("covage").add(accounting_date=(reached - timedelta(days=20)).isoformat())
    large.clear()
    rest = sync(config, broken.state, select=streams)
    assert (late,) in rest.keys(DOCUMENTS)
    everything = {*broken.keys(DOCUMENTS), *rest.keys(DOCUMENTS)}
    assert {(key,) for key in large.book("covage").invoices} <= everything


def test_what_came_before_a_sync_broke_off_is_not_fetched_again(large, sync):
    config = {**large.config("covage"), "documents": {"mode": "inline"}, "max_retry_seconds": 0}
    config["covage"] |= {"page_size": 20, "lookback_days": 5}
    large.faults.add(path="/download/$", after=200, times=None, action={"status": 503})
    broken = sync(config, select=[DOCUMENTS])
    large.faults.clear()
    rest = sync(config, broken.state, select=[DOCUMENTS])
    assert len(rest.records[DOCUMENTS]) < len(large.book("covage").invoices) - 100


def test_an_invoice_that_went_during_the_first_sync_hides_no_late_one(box, read):
    book = box.book("covage")
    gone, *_ = book.invoices
    box.on_request(lambda _: book.delete(gone) if len(of_list(box)) == 3 and gone in book.invoices else None)
    first = read(LIST, page_size=4)
    late = book.add(accounting_date="2020-01-15")
    assert (late,) in read(LIST, state=first.state, page_size=4).keys(LIST)


@pytest.mark.parametrize("years_later", [False, True])
def test_a_row_that_slips_is_found_wherever_the_next_window_does_not_reach(large, sync, years_later):
    """With a start date, and after a long break, the window holds more than the next one."""
    book, config = large.book("covage"), large.config("covage")
    config["covage"]["page_size"] = 50
    days = sorted(invoice["accounting_date"] for invoice in book.invoices.values())
    state = None
    if years_later:
        mark = {"replication_key": "accounting_date", "replication_key_value": days[60]}
        state = {"bookmarks": {LIST: mark}}
    else:
        config["start_date"] = days[0]
    expected = {key for key, invoice in book.invoices.items() if invoice["accounting_date"] >= days[60]}
    first = next(key for key, invoice in book.invoices.items() if invoice["accounting_date"] == days[60])

    def swap(_request):
        if len(of_list(large)) == 2 and first in book.invoices:
            book.delete(first)
            book.add(len(book.invoices), accounting_date=days[-1])

    large.on_request(swap)
    done = sync(config, state, select=[LIST])
    assert done.failures == {}
    assert expected - {first} <= {key for (key,) in done.keys(LIST)}


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(("before", "after"), [(None, 10), (10, None), (10, 20), (20, 10)])
def test_a_changed_start_date_hides_no_late_invoice_and_has_nothing_read_again(box, sync, before, after, told):
    book, config = box.book("covage"), box.config("covage")
    config["covage"]["lookback_days"] = 5
    days = sorted(invoice["accounting_date"] for invoice in book.invoices.values())
    if not told:
        box.faults.add(path="/invoice/$", times=None, action={"total": None})

    def sync_from(place, state):
        start = {} if place is None else {"start_date": days[place]}
        return sync({**config, **start}, state, select=[LIST])

    first = sync_from(before, None)
    quiet = sync_from(after, first.state)
    assert len(quiet.records[LIST]) < 3
    late = book.add(accounting_date=days[20])
    assert (late,) in sync_from(after, first.state).keys(LIST)
    assert (late,) in sync_from(after, quiet.state).keys(LIST)


def test_what_is_posted_while_only_documents_are_read_anew_is_not_taken_for_known(box, sync):
    """The list's own stream, which does not take part in that reading, gets it at the next sync."""
    book, config = box.book("covage"), {**box.config("covage"), "documents": {"mode": "inline"}}
    config["covage"]["lookback_days"] = 5
    first = sync(config, select=[LIST, DOCUMENTS])
    book.add(accounting_date="2020-01-15")
    second = sync(config, first.state, select=[LIST, DOCUMENTS])
    state = {"bookmarks": {**second.state["bookmarks"], DOCUMENTS: first.state["bookmarks"][DOCUMENTS]}}
    whole, posted = [], []

    def post_one(request):
        if request.path.endswith("/invoice/") and "accounting_date_gt" not in dict(request.query):
            whole.append(request)
            if len(whole) == 2:  # the first asks for the count alone
                posted.append(book.add(accounting_date="2020-01-16"))

    box.on_request(post_one)
    third = sync(config, state, select=[LIST, DOCUMENTS])
    assert (posted[0],) in third.keys(DOCUMENTS)
    assert (posted[0],) not in third.keys(LIST)
    fourth = sync(config, third.state, select=[LIST, DOCUMENTS])
    assert (posted[0],) in fourth.keys(LIST)


@pytest.mark.parametrize("time", ["", "T02:30:00+02:00"])
def test_no_late_invoice_brings_what_lies_before_the_start_date(box, sync, time):
    book, config = box.book("covage"), box.config("covage")
    days = sorted(invoice["accounting_date"] for invoice in book.invoices.values())
    config["start_date"] = days[10] + time
    first = sync(config, select=[LIST])
    book.add(accounting_date="2020-01-15")
    late = book.add(accounting_date=days[10])
    second = sync(config, first.state, select=[LIST])
    assert (late,) in second.keys(LIST)
    for run in (first, second):
        assert min(record["accounting_date"] for record in run.records[LIST]) >= days[10]


def test_a_day_begins_where_the_start_date_s_does_in_utc(box, sync):
    book, config = box.book("covage"), box.config("covage")
    config["start_date"] = "2025-01-10T00:30:00+02:00"
    book.add(accounting_date="2025-01-09")
    first = sync(config, select=[LIST])
    late = book.add(accounting_date="2025-01-09")
    assert (late,) in sync(config, first.state, select=[LIST]).keys(LIST)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_date_at_the_end_of_time_fails_nothing(box, read, day):
    odd = box.book("covage").add(accounting_date=day)
    first = read(LIST)
    second = read(LIST, state=first.state, lookback_days=800_000)
    for run in (first, second):
        assert run.failures == {}
        assert (odd,) in run.keys(LIST)


def test_a_count_may_be_text_but_must_be_a_number(box, read, no_waits):  # noqa: ARG001
    body = '{"page_size": 1, "count": "0", "next_page": null, "results": []}'
    box.faults.add(path="/invoice/$", action={"status": 200, "body": body})
    assert read(LIST).failures == {}
    box.faults.add(path="/invoice/$", times=None, action={"status": 200, "body": body.replace('"0"', '"many"')})
    assert "not of the shape" in read(LIST).failures[LIST]
