"""Exsited: one token at a time, redirects for errors, errors at 200, and an end of the list that has three names."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

LIST = "exsited_invoices"
DETAILS = "exsited_invoice_details"
ORDERS = "exsited_order_invoices"
DOCUMENTS = "exsited_invoice_documents"
ALL = [
    LIST,
    DETAILS,
    "exsited_invoice_information",
    ORDERS,
    "exsited_account_invoices",
    DOCUMENTS,
]
TOKEN = "/exsited/api/v1/oauth2/token"


def of_list(box):
    return [dict(request.query) for request in box.requests if request.path == "/exsited/api/v3/invoices"]


def page(box, *indexes, **pagination):
    """A page of the list with some of the sandbox's invoices."""
    keys = list(box.book("exsited").invoices)
    rows = [{"id": keys[index], "total": "12.00", "order_id": ""} for index in indexes]
    told = {"records": 25, "limit": 20, "offset": 0, "previous_page": "", "next_page": "NULL", **pagination}
    return json.dumps({"invoices": rows, "pagination": told})


# Sign-in


def test_one_token_serves_all_streams_and_threads_for_a_new_one_would_end_it(box, read):
    done = read(*ALL)
    assert done.failures == {}
    assert box.tokens_issued("exsited") == 1


def test_the_sign_in_is_a_json_body_with_the_redirect_uri(box, read):
    read(LIST)
    [request] = [request for request in box.requests if request.path == TOKEN]
    given = {name: value for name, value in box.config("exsited")["exsited"].items() if name != "api_url"}
    assert json.loads(request.body) == {"grant_type": "client_credentials", **given}
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [302, 401])
def test_a_token_that_another_process_ended_is_renewed_and_the_sync_is_whole(box, read, status):
    box.book("exsited").auth_failure = status
    box.faults.add(path="/api/v3/invoices/", after=10, action={"expire_token": True})
    done = read(LIST, DETAILS)
    assert done.failures == {}
    assert len(done.records[DETAILS]) == 25
    assert box.tokens_issued("exsited") == 2


def test_an_error_at_200_that_says_401_is_a_token_that_ended(box, read):
    box.faults.add(
        path="/api/v3/invoices$", action={"status": 200, "body": '{"errors": [{"code": 401, "message": "x"}]}'}
    )
    done = read(LIST)
    assert done.failures == {}
    assert len(done.records[LIST]) == 25
    assert box.tokens_issued("exsited") == 2


def test_an_error_at_200_instead_of_a_pdf_says_the_same(box, read):
    box.faults.add(path="/pdf$", action={"status": 200, "body": '{"errors": [{"code": 401, "message": "x"}]}'})
    done = read(DOCUMENTS)
    assert done.failures == {}
    assert len(done.records[DOCUMENTS]) == 25
    assert box.tokens_issued("exsited") == 2
    box.faults.add(path="/pdf$", times=None, action={"status": 200, "body": '{"errors": [{"code": 400}]}'})
    assert "an error at 200, with code 400" in read(DOCUMENTS).failures[DOCUMENTS]
    box.faults.clear()
    box.faults.add(path="/pdf$", times=None, action={"status": 200, "body": "[1"})
    assert "is not a PDF" in read(DOCUMENTS).failures[DOCUMENTS]


def test_another_error_at_200_is_an_error_and_no_empty_list(box, read):
    body = '{"errors": [{"code": 400, "message": "canary"}]}'
    box.faults.add(path="/api/v3/invoices$", times=None, action={"status": 200, "body": body})
    done = read(LIST)
    assert "400" in done.failures[LIST]
    assert "canary" not in done.failures[LIST]


def test_a_redirect_to_the_sign_in_page_means_wrong_credentials(box, read):
    box.faults.add(path="/api/v3/", times=None, action={"redirect": f"{box.url}/exsited/login"})
    done = read(LIST)
    assert "does not accept the credentials in `exsited`" in done.failures[LIST]
    assert "sign-in page" in done.failures[LIST]
    assert not [request for request in box.requests if "login" in request.path]
    assert len(of_list(box)) == 2


def test_wrong_credentials_are_told_at_the_sign_in(box, read):
    done = read(LIST, DETAILS, client_secret="wrong")  # noqa: S106
    assert "credentials in `exsited`" in done.failures[LIST]
    assert len([request for request in box.requests if request.path == TOKEN]) <= 2


# Pages


def test_the_order_does_not_move_and_links_are_not_followed(box, read):
    done = read(LIST, page_size=10)
    assert len(done.records[LIST]) == 25
    assert {(query["order_by"], query["direction"]) for query in of_list(box)} == {("created_on", "asc")}
    assert not [request for request in box.requests if "/v2/" in request.path]


@pytest.mark.parametrize("end", ["NULL", "", None])
def test_the_list_ends_where_all_rows_are_there_and_no_page_is_named(box, read, end):
    box.faults.add(
        path="/invoices$", times=None, action={"status": 200, "body": page(box, 0, 1, records=2, next_page=end)}
    )
    assert len(read(LIST).records[LIST]) == 2
    assert len(of_list(box)) == 1


def test_a_page_that_is_named_is_asked_for_whatever_the_count_says(box, read):
    box.faults.add(path="/invoices$", times=None, action={"total": -6})
    assert len(read(LIST, page_size=5).records[LIST]) == 25


def test_an_empty_page_ends_the_list_whatever_it_names(box, read):
    more = {"records": 2, "next_page": "https://api-stage.exsited.com/api/v2/invoices?offset=2"}
    box.faults.add(path="/invoices$", times=None, action={"status": 200, "body": page(box, **more)})
    box.faults.add(path="/invoices$", action={"status": 200, "body": page(box, 0, 1, **more)})
    box.faults.add(path="/invoices$", after=1, action={"status": 200, "body": page(box, **more)})
    done = read(LIST)
    assert done.failures == {}
    assert len(done.records[LIST]) == 2


def test_figures_may_come_as_text(box, read):
    body = page(box, 0, records="1", limit="20", offset="0")
    box.faults.add(path="/invoices$", times=None, action={"status": 200, "body": body})
    assert len(read(LIST).records[LIST]) == 1


HUGE = "1e99999999999999999999"


def test_a_number_beyond_all_bounds_is_kept_as_its_text_and_holds_up_no_row(box, read):
    answer = json.loads(page(box, 0, 1, records=2))
    answer["invoices"][0]["total"] = "HUGE"
    body = json.dumps(answer).replace('"HUGE"', HUGE)
    box.faults.add(path="/invoices$", times=None, action={"status": 200, "body": body})
    first, second = read(LIST).records[LIST]
    assert (first["total"], first["additional_properties"]["total"]) == (None, HUGE)
    assert isinstance(second["total"], Decimal)


@pytest.mark.parametrize("count", [HUGE, "1e999999"])
def test_a_count_beyond_all_bounds_is_none(box, read, count, no_waits):  # noqa: ARG001
    body = page(box, 0, records="HUGE").replace('"HUGE"', count)
    box.faults.add(path="/invoices$", times=None, action={"status": 200, "body": body})
    assert "not of the shape" in read(LIST).failures[LIST]


@pytest.mark.parametrize("cap", [2, 7])
def test_a_server_that_sends_fewer_than_asked_for_is_read_whole(box, read, cap):
    box.faults.add(path="/invoices$", times=None, action={"cap": cap})
    done = read(LIST, page_size=10)
    assert done.failures == {}
    assert len(set(done.keys(LIST))) == 25


@pytest.mark.parametrize("turns", [1, 2])
def test_a_server_that_ignores_the_offset_is_an_error(box, read, turns):
    box.faults.add(path="/invoices$", times=None, action={"repeat_page": turns})
    done = read(LIST, page_size=5)
    assert LIST in done.failures
    assert len(of_list(box)) < 30


# Orders and accounts


def test_an_invoice_without_an_order_is_asked_for_at_no_order(box, read):
    done = read(ORDERS)
    alone = [key for key, row in box.book("exsited").invoices.items() if not row["order_id"]]
    assert alone
    assert done.failures == {}
    assert not {(key,) for key in alone} & {key[1:] for key in done.keys(ORDERS)}


def test_the_order_is_copied_into_rows_that_lack_it(box, read):
    order = next(row["order_id"] for row in box.book("exsited").invoices.values() if row["order_id"].isascii())
    answer = json.loads(page(box, 0, records=1))
    del answer["invoices"][0]["order_id"]
    box.faults.add(path=f"/orders/{order}/", action={"status": 200, "body": json.dumps({"order": answer})})
    assert order in {record["order_id"] for record in read(ORDERS).records[ORDERS]}


def test_an_order_s_list_that_is_not_wrapped_is_an_error(box, read, no_waits):  # noqa: ARG001
    order = next(row["order_id"] for row in box.book("exsited").invoices.values() if row["order_id"].isascii())
    box.faults.add(path=f"/orders/{order}/", times=None, action={"status": 200, "body": page(box, 0)})
    done = read(ORDERS)
    assert list(done.bookmark(ORDERS)["failed"]) == [order]


# Records


def test_texts_become_what_they_are(box, read):
    rows = {record["id"]: record for record in read(LIST).records[LIST]}
    for key, sent in box.book("exsited").invoices.items():
        got = rows[key]
        assert got["price_tax_inclusive"] is (sent["price_tax_inclusive"] == "true")
        assert (got["version"], got["kpis"]["voided_on"]) == (sent["version"], None)
        assert str(got["total"]) == sent["total"]
        assert isinstance(got["kpis"]["outstanding"], (int, Decimal))
        assert got["last_updated_on"] == (sent["last_updated_on"] or None)
        assert got["lines"][0]["item_order_quantity"] == Decimal(sent["lines"][0]["item_order_quantity"])
