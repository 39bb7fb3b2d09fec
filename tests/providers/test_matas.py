"""Matas: one array, no dates of change, and an Accept header without which nothing works."""

from __future__ import annotations

import json

import pytest

from tap_invoices.sandbox import Sandbox

LIST = "matas_invoices"
DETAILS = "matas_invoice_details"


def test_every_request_wants_json_and_the_list_wants_all(box, read):
    read(LIST, DETAILS)
    assert {request.headers["Accept"] for request in box.requests} == {"application/json"}
    assert {request.headers["Authorization"] for request in box.requests} == {"Bearer sandbox-matas-token"}
    assert [request.query for request in box.requests if request.path.endswith("/invoices")] == [
        [("filter[status]", "all")]
    ]


@pytest.mark.parametrize("answer", [{"status": 204, "body": ""}, {"status": 200, "body": "[]"}], ids=["204", "empty"])
def test_no_invoices_are_no_failure(box, read, answer):
    box.faults.add(path="/invoices$", action=answer)
    done = read(LIST, DETAILS)
    assert done.failures == {}
    assert not done.records


@pytest.mark.parametrize("streams", [[LIST], [LIST, DETAILS]])
def test_a_redirect_to_the_sign_in_page_means_wrong_credentials(box, read, streams):
    box.faults.add(path="/matas/api/", times=None, action={"redirect": f"{box.url}/matas/login"})
    done = read(*streams)
    assert "does not accept the credentials in `matas`" in done.failures[LIST]
    assert not [request for request in box.requests if "login" in request.path]


def test_a_wrong_token_is_told_as_such(read):
    done = read(LIST, token="wrong")  # noqa: S106
    assert "does not accept the credentials in `matas`" in done.failures[LIST]


def test_a_missing_scope_is_named(box, read):
    box.faults.add(path="/invoices$", times=None, action={"status": 403})
    assert "scope `Invoices`" in read(LIST).failures[LIST]


@pytest.mark.parametrize(
    ("start_date", "first"),
    [
        ("0001-01-01", "31 December"),
        ("2025-01-01", "1 January"),
        ("2024-12-31T23:00:00Z", "1 January"),
        ("2025-01-01T00:00:00Z", "1 July"),
        ("2025-07-01", "1 July"),
    ],
)
def test_a_start_date_begins_at_midnight_in_amsterdam(box, sync, start_date, first):
    days = {"31 December": "2024-12-30T23:00", "1 January": "2024-12-31T23:00", "1 July": "2025-06-30T22:00"}
    book = box.book("matas")
    for key in list(book.invoices):
        book.delete(key)
    for day, at in days.items():
        book.add(invoice_number=day, invoice_date=f"{at}:00.000000Z", payment_date=f"{at}:00.000000Z")
    done = sync({**box.config("matas"), "start_date": start_date}, select=[DETAILS])
    assert [key for (key,) in done.keys(DETAILS)] == list(days)[list(days).index(first) :]


def test_a_start_date_begins_where_the_time_zone_is_set(box, sync):
    book = box.book("matas")
    for key in list(book.invoices):
        book.delete(key)
    for key, at in (("Amsterdam", "2024-12-31T23:00"), ("London", "2025-01-01T00:00")):
        book.add(invoice_number=key, invoice_date=f"{at}:00.000000Z", payment_date=f"{at}:00.000000Z")
    config = box.config("matas")
    config["matas"]["time_zone"] = "Europe/London"
    assert sync({**config, "start_date": "2025-01-01"}, select=[DETAILS]).keys(DETAILS) == [("London",)]


@pytest.mark.parametrize("body", ['{"data": []}', '["I220001"]', "null", '"text"'])
def test_another_shape_is_an_error_and_no_end(box, read, no_waits, body):  # noqa: ARG001
    box.faults.add(path="/invoices$", times=None, action={"status": 200, "body": body})
    assert LIST in read(LIST).failures


def test_an_invoice_that_comes_twice_is_emitted_once(box, read):
    row = {"invoice_number": "I220001", "total": 1}
    box.faults.add(path="/invoices$", action={"status": 200, "body": json.dumps([row, row])})
    assert read(LIST).keys(LIST) == [("I220001",)]


def test_a_lone_surrogate_and_a_nul_are_taken_out_and_nothing_else(box, read):
    rows = box.book("matas").invoices
    sent = {
        key: row["description"] for key, row in rows.items() if row["description"] and "\ud83d" in row["description"]
    }
    sent |= {
        key: row["description"] for key, row in rows.items() if row["description"] and "\x00" in row["description"]
    }
    got = {record["invoice_number"]: record["description"] for record in read(LIST).records[LIST]}
    assert len(sent) == 2
    assert {key: got[key] for key in sent} == {
        key: text.replace("\x00", "").replace("\ud83d", "") for key, text in sent.items()
    }


@pytest.mark.parametrize("paid", ["2022-01-05T23:00:00.000000Z", "2021-12-24T23:00:00.000000Z", "", None])
def test_changed_on_is_the_later_of_creation_and_payment(box, read, paid):
    number = box.book("matas").add(invoice_date="2022-01-01T23:00:00.000000Z", payment_date=paid)
    [record] = [record for record in read(DETAILS).records[DETAILS] if record["invoice_number"] == number]
    assert record["changed_on"][:10] == max(paid or "", "2022-01-01T23:00:00.000000Z")[:10]


def test_a_list_of_many_is_whole(sync):
    with Sandbox(invoices=1200) as box:
        done = sync(box.config("matas"), select=[LIST])
    assert len(set(done.keys(LIST))) == len(done.keys(LIST)) == 1200
