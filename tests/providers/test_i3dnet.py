"""i3D.net: ranges in a header that a server may ignore, no totals, single answers of two shapes, cents."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tap_invoices.sandbox import Sandbox

LIST = "i3dnet_invoices"
UNPAID = "i3dnet_unpaid_invoices"
DETAILS = "i3dnet_invoice_details"
ROOT = "/i3dnet/v3/account/invoice"


def ranges(box):
    return [request.headers["RANGED-DATA"] for request in box.requests if request.path == ROOT]


def test_the_key_is_in_a_header_and_nothing_else_signs_in(box, read):
    read(LIST, DETAILS)
    assert {request.headers["PRIVATE-TOKEN"] for request in box.requests} == {"sandbox-i3dnet-token"}
    assert not any("Authorization" in request.headers for request in box.requests)


def test_a_range_is_asked_for_by_a_header(box, read):
    read(LIST, page_size=10)
    assert ranges(box)[0] == "start=0,results=10"
    assert all(not request.query for request in box.requests)


def test_a_refused_key_is_told_with_what_may_be_wrong(read):
    failure = read(LIST, token="wrong").failures[LIST]  # noqa: S106
    assert "403" in failure
    assert "API key" in failure


# Pages


@pytest.mark.parametrize("invoices", [0, 1, 9, 10, 11, 20, 25, 26, 50])
@pytest.mark.parametrize("page_size", [5, 10, 25, 100])
def test_pages_hold_every_invoice_once(sync, invoices, page_size):
    with Sandbox(invoices=invoices) as box:
        config = box.config("i3dnet")
        config["i3dnet"]["page_size"] = page_size
        done = sync(config, select=[LIST])
    assert done.failures == {}
    assert len(set(done.keys(LIST))) == len(done.keys(LIST) if invoices else []) == invoices


@pytest.mark.parametrize("cap", [2, 3, 7])
def test_a_short_page_is_not_the_end(box, read, cap):
    box.faults.add(path=f"{ROOT}$", times=None, action={"cap": cap})
    done = read(LIST, page_size=10)
    assert done.failures == {}
    assert len(set(done.keys(LIST))) == 25


@pytest.mark.parametrize("page_size", [3, 10, 28, 31, 100])
def test_a_server_that_ignores_the_range_and_sends_all_is_read_once(sync, page_size):
    with Sandbox(invoices=30) as box:
        box.faults.add(path=f"{ROOT}$", times=None, action={"ignore_range": True})
        config = box.config("i3dnet")
        config["i3dnet"]["page_size"] = page_size
        done = sync(config, select=[LIST])
        assert len(box.requests) < 6
    assert done.failures == {}
    assert len(set(done.keys(LIST))) == len(done.keys(LIST)) == 30


@pytest.mark.parametrize("page_size", [3, 24, 25, 100])
def test_25_rows_over_and_over_may_be_the_first_of_many_and_are_an_error(box, read, page_size):
    box.faults.add(path=f"{ROOT}$", times=None, action={"ignore_range": True})
    done = read(LIST, page_size=page_size)
    assert "RANGED-DATA" in done.failures[LIST]
    assert len(box.requests) < 6


def test_a_server_that_always_sends_its_first_rows_is_an_error(read, box):
    box.faults.add(path=f"{ROOT}$", times=None, action={"ignore_range": True, "rows": 20})
    done = read(LIST, page_size=20)
    assert "RANGED-DATA" in done.failures[LIST]
    assert len(box.requests) < 6


@pytest.mark.parametrize("turns", [1, 2])
def test_a_page_that_comes_again_is_an_error(box, read, turns):
    box.faults.add(path=f"{ROOT}$", times=None, action={"repeat_page": turns})
    done = read(LIST, page_size=5)
    assert LIST in done.failures
    assert len(box.requests) < 30


# Details


@pytest.mark.parametrize("as_object", [True, False])
@pytest.mark.parametrize("stream", [DETAILS, "i3dnet_invoice_details_by_number"])
def test_a_single_answer_is_an_object_or_an_array_of_one(box, read, stream, as_object):
    box.book("i3dnet").single_as_object = as_object
    done = read(stream)
    assert done.failures == {}
    assert len(done.records[stream]) == 25


def test_an_empty_array_is_an_invoice_that_is_gone(box, read):
    key = next(iter(box.book("i3dnet").invoices))
    box.faults.add(path=f"/{key}$", times=None, action={"status": 200, "body": "[]"})
    done = read(DETAILS)
    assert done.failures == {}
    assert done.account(DETAILS).gone == 1


@pytest.mark.parametrize("body", ['[{"id": 1}, {"id": 2}]', '"text"', "[1]", "null"])
def test_another_shape_is_a_failure_of_that_invoice(box, read, no_waits, body):  # noqa: ARG001
    key = next(iter(box.book("i3dnet").invoices))
    box.faults.add(path=f"/{key}$", times=None, action={"status": 200, "body": body})
    done = read(DETAILS)
    assert list(done.bookmark(DETAILS)["failed"]) == [key]
    assert len(done.records[DETAILS]) == 24


# Records


def test_ids_are_text_on_both_sides(read):
    done = read(LIST, DETAILS)
    ids = [record["id"] for record in done.records[LIST]]
    assert all(isinstance(identity, str) for identity in ids)
    assert sorted(ids) == sorted(record["id"] for record in done.records[DETAILS])


def test_amounts_are_numbers_and_stay_in_cents(box, read):
    done = read(LIST, DETAILS)
    for record in done.records[LIST]:
        assert str(record["amountIncVAT"]) == box.book("i3dnet").invoices[record["id"]]["amountIncVAT"]
    for record in done.records[DETAILS]:
        assert str(record["amountIncVat"]) == box.book("i3dnet").invoices[record["id"]]["amountIncVAT"]
        assert isinstance(record["items"][0]["unitPrice"], (int, Decimal))


def test_dates_of_the_list_are_times_and_those_of_the_details_stay_text(box, read):
    answer = [{"id": 4000000, "creationDate": "04/10/2024", "dueDate": "soon", "paymentDate": 1728030905}]
    box.faults.add(path=f"{ROOT}/4000000$", action={"status": 200, "body": json.dumps(answer)})
    done = read(LIST, DETAILS)
    [record] = [record for record in done.records[DETAILS] if record["id"] == "4000000"]
    assert (record["creationDate"], record["dueDate"]) == ("04/10/2024", "soon")
    assert record["paymentDate"] == "2024-10-04T08:35:05Z"
    assert all(record["creationDate"].endswith("Z") for record in done.records[LIST])


@pytest.mark.parametrize("unpaid", [pytest.param(0, id="number"), None, "0", ""])
def test_no_payment_is_null_however_it_is_told(box, read, unpaid):
    key = box.book("i3dnet").add(paymentDate=unpaid)
    [record] = [record for record in read(LIST).records[LIST] if record["id"] == key]
    assert record["paymentDate"] is None
    assert record["additional_properties"] is None


def test_the_unpaid_list_is_what_is_unpaid_now(box, read):
    book = box.book("i3dnet")
    open_keys = [key for key, row in book.invoices.items() if not row["isCredit"] and not row["paymentDate"]]
    first = read(UNPAID)
    book.pay(open_keys[0])
    second = read(UNPAID, state=first.state)
    assert sorted(first.keys(UNPAID)) == sorted((key,) for key in open_keys)
    assert sorted(second.keys(UNPAID)) == sorted((key,) for key in open_keys[1:])
