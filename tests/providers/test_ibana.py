"""ibana: numbered pages whose size is limited, and times of change whose bounds nobody tells."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from tap_invoices.sandbox import Sandbox

LIST = "ibana_invoices"


def queries(box):
    return [dict(request.query) for request in box.requests]


GRIDS = [
    (size, count) for size in (1, 2, 10, 100) for count in (1, 9, 10, 11, 20, 99, 100, 101, 250) if count / size < 30
]


@pytest.mark.parametrize(("page_size", "invoices"), GRIDS)
def test_grids_of_pages_hold_every_invoice_once(sync, invoices, page_size):
    with Sandbox(invoices=invoices) as box:
        config = box.config("ibana")
        config["ibana"]["page_size"] = page_size
        done = sync(config, select=[LIST])
        asked = queries(box)
    assert done.failures == {}
    assert len(set(done.keys(LIST))) == len(done.keys(LIST)) == invoices
    assert all(1 <= int(query["take"]) <= 100 and int(query["page"]) >= 1 for query in asked)


@pytest.mark.parametrize("cap", [1, 4, 7])
def test_a_server_that_sends_fewer_than_asked_for_is_read_whole(box, read, cap):
    box.faults.add(provider="ibana", times=None, action={"cap": cap})
    done = read(LIST, page_size=10)
    assert done.failures == {}
    assert len(set(done.keys(LIST))) == 25


def test_the_order_is_one_that_does_not_move(box, read):
    read(LIST, page_size=10)
    assert {(query["orderField"], query["orderDir"], query["order"]) for query in queries(box)} == {
        ("createdAt", "ASC", "ASC")
    }


def test_there_is_no_upper_bound_without_a_lower_one(box, read):
    read(LIST)
    assert not {name for query in queries(box) for name in query if name.startswith(("updated", "created"))}


@pytest.mark.parametrize(("lookback", "slack"), [(0, timedelta()), (1, timedelta(days=1)), (3, timedelta(days=3))])
def test_a_bound_that_may_be_exclusive_loses_nothing(box, read, lookback, slack):
    first = read(LIST)
    box.clear()
    second = read(LIST, state=first.state, lookback_days=lookback)
    since = datetime.fromisoformat(first.bookmark(LIST)["replication_key_value"]) - slack - timedelta(seconds=1)
    assert {datetime.fromisoformat(query["updatedFrom"]) for query in queries(box)} == {since}
    newest = max(record["updatedAt"] for record in first.records[LIST])
    assert newest in {record["updatedAt"] for record in second.records[LIST]}


def test_a_start_date_at_the_beginning_of_time_asks_for_all(box, sync):
    run = sync({**box.config("ibana"), "start_date": "0001-01-01T00:00:00Z"}, select=[LIST])
    assert run.failures == {}
    assert len(run.records[LIST]) == 25
    assert not [query for query in queries(box) if "updatedFrom" in query]


def test_the_start_date_s_own_moment_is_asked_for_and_nothing_before_it(box, sync):
    at = "2026-03-01T07:00:00.000Z"
    book = box.book("ibana")
    on_time, early = book.add(updatedAt=at), book.add(updatedAt="2026-03-01T06:59:59.999Z")
    box.clear()
    run = sync({**box.config("ibana"), "start_date": at}, select=[LIST])
    assert {query["updatedFrom"] for query in queries(box)} == {"2026-03-01T06:59:59Z"}
    assert (on_time,) in run.keys(LIST)
    assert (early,) not in run.keys(LIST)


@pytest.mark.parametrize("turns", [1, 2])
def test_a_server_that_ignores_the_page_is_an_error_that_names_it(box, read, turns):
    box.faults.add(provider="ibana", times=None, action={"repeat_page": turns})
    done = read(LIST, page_size=5)
    assert "page" in done.failures[LIST] or "row" in done.failures[LIST]
    assert len(box.requests) < 40


def test_has_next_page_with_nothing_on_it_is_no_endless_loop(box, read):
    meta = {"page": 1, "take": 100, "itemCount": 0, "pageCount": 0, "hasPreviousPage": False, "hasNextPage": True}
    box.faults.add(provider="ibana", times=None, action={"status": 200, "body": json.dumps({"data": [], "meta": meta})})
    read(LIST)
    assert len(box.requests) < 10


def test_dates_whose_format_nobody_tells_stay_as_they_came(box, read):
    odd = {"date": "31.12.2025", "dueDate": "2026-01-30T00:00:00+01:00", "skontoDate": "", "billingPeriodStart": "Q4"}
    identity = box.book("ibana").add(**odd)
    [record] = [record for record in read(LIST).records[LIST] if record["id"] == identity]
    assert {name: record[name] for name in odd} == odd
    assert record["additional_properties"] is None


def test_a_purchase_order_of_the_older_shape_is_kept(box, read):
    identity = box.book("ibana").add(purchaseOrder="PO 17")
    [record] = [record for record in read(LIST).records[LIST] if record["id"] == identity]
    assert record["purchaseOrder"] is None
    assert record["additional_properties"] == {"purchaseOrder": "PO 17"}


def test_a_changed_invoice_comes_again(box, read):
    first = read(LIST)
    oldest = next(iter(box.book("ibana").invoices))
    box.book("ibana").change(oldest, notes="changed")
    second = read(LIST, state=first.state)
    [record] = [record for record in second.records[LIST] if record["id"] == oldest]
    assert record["notes"] == "changed"
    assert len(second.records[LIST]) < 5
