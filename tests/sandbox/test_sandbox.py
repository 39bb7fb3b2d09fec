"""The sandbox is as strict as the providers' pages, and breaks on demand."""

from __future__ import annotations

import gc
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests
import trustme

from tap_invoices.sandbox import Sandbox, cli
from tests.support.run import PATIENCE, ROOT

COVAGE_TOKEN = "/keycloak/auth/realms/covage/protocol/openid-connect/token"
EXSITED_TOKEN = "/exsited/api/v1/oauth2/token"
LISTS = {
    "covage": "/covage/api/v1/invoice/",
    "matas": "/matas/api/invoices",
    "ibana": "/ibana/v1/invoice",
    "exsited": "/exsited/api/v3/invoices",
    "i3dnet": "/i3dnet/v3/account/invoice",
}
ALL = {"matas": {"filter[status]": "all"}}
# Stream -> path of what it asks for one invoice; the field in braces is the invoice's.
SINGLES = {
    "covage_invoice_documents": "/covage/api/v1/invoice/{invoice_number}/download/",
    "matas_invoice_details": "/matas/api/invoice/{invoice_number}",
    "exsited_invoice_details": "/exsited/api/v3/invoices/{id}",
    "exsited_invoice_information": "/exsited/api/v2/invoices/{id}/information",
    "exsited_order_invoices": "/exsited/api/v3/orders/{order_id}/invoices",
    "exsited_account_invoices": "/exsited/api/v3/accounts/{account_id}/invoices",
    "exsited_invoice_documents": "/exsited/api/v2/invoices/{id}/pdf",
    "i3dnet_invoice_details": "/i3dnet/v3/account/invoice/{id}",
    "i3dnet_invoice_details_by_number": "/i3dnet/v3/account/invoice/number/{invoiceNumber}",
    "i3dnet_invoice_documents": "/i3dnet/v3/account/invoice/{id}/pdf",
}


class Client:
    """Signs in and asks."""

    def __init__(self, box, session):
        self.box = box
        self.session = session
        self.headers = {
            "matas": {"Authorization": "Bearer sandbox-matas-token", "Accept": "application/json"},
            "ibana": {"Authorization": "Bearer sandbox-ibana-token"},
            "i3dnet": {"PRIVATE-TOKEN": "sandbox-i3dnet-token"},
        }

    def raw(self, method, path, **rest):
        return self.session.request(method, self.box.url + path, allow_redirects=False, timeout=PATIENCE, **rest)

    def get(self, path, params=None, headers=None, method="GET"):
        provider = path.split("/")[1]
        if provider not in self.headers and "Authorization" not in (headers or {}):
            self.headers[provider] = {"Authorization": f"Bearer {self.sign_in(provider).json()['access_token']}"}
        return self.raw(method, path, params=params, headers={**self.headers.get(provider, {}), **(headers or {})})

    def rows(self, provider):
        return rows_of(self.get(LISTS[provider], ALL.get(provider)))

    def sign_in(self, provider, **changed):
        given = {name: value for name, value in self.box.config()[provider].items() if "url" not in name}
        given |= self.box.config()["exsited"] if provider == "exsited" else {"client_id": "api-client"}
        given.pop("api_url", None)
        grant = {"covage": "password", "exsited": "client_credentials"}[provider]
        body = {"grant_type": grant, **given, **changed}
        body = {name: value for name, value in body.items() if value is not None}
        if provider == "covage":
            return self.raw("POST", COVAGE_TOKEN, data=body)
        return self.raw("POST", EXSITED_TOKEN, json=body)


def rows_of(response):
    assert response.status_code == 200, response.text
    body = json.loads(response.content, parse_float=Decimal)
    body = body.get("order", body.get("account", body)) if isinstance(body, dict) else body
    return body if isinstance(body, list) else next(value for value in body.values() if isinstance(value, list))


@pytest.fixture
def box():
    with Sandbox(invoices=25) as served:
        yield served


@pytest.fixture
def client(box):
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Accept"] = "*/*"
        yield Client(box, session)


def pages(client, provider, size):
    """Read a list to its end, as its page says."""
    read, more = [], 0
    while more is not None:
        params = {
            "covage": {"page_size": size, **({"cursor": more} if more else {})},
            "ibana": {"take": size, "page": len(read) // size + 1},
            "exsited": {"limit": size, "offset": len(read)},
        }.get(provider)
        response = client.get(LISTS[provider], params, {"RANGED-DATA": f"start={len(read)},results={size}"})
        rows, body = rows_of(response), response.json()
        read += rows
        if provider == "covage":
            more = cursor_of(body["next_page"])
        elif provider == "ibana":
            more = 1 if body["meta"]["hasNextPage"] else None
        elif provider == "exsited":
            more = 1 if body["pagination"]["next_page"] != "NULL" else None
        else:
            more = 1 if len(rows) == size else None
    return read


def cursor_of(link):
    assert link is None or link.startswith("http://api.example.com/api/v1/invoice/?")
    return parse_qs(urlsplit(link).query)["cursor"][0] if link else None


@pytest.mark.parametrize("provider", ["covage", "ibana", "exsited", "i3dnet"])
@pytest.mark.parametrize("size", [1, 7, 25, 100])
def test_pages_hold_every_invoice_once(client, box, provider, size):
    book = box.book(provider)
    assert pages(client, provider, size) == list(book.invoices.values())


def test_matas_sends_all_at_once(client, box):
    assert client.rows("matas") == list(box.book("matas").invoices.values())


@pytest.mark.parametrize("stream", SINGLES)
def test_every_invoice_is_found_by_its_quoted_id(client, box, stream):
    book = box.book(stream.split("_")[0])
    for key, invoice in book.invoices.items():
        path = re.sub("{(.*?)}", lambda found: quote(invoice[found[1]], safe=""), SINGLES[stream])  # noqa: B023
        if "//" in path:
            continue  # an invoice without an order
        response = client.get(path)
        assert response.status_code == 200, path
        if stream.endswith("documents"):
            assert response.headers["Content-Type"] == "application/pdf"
            assert response.content == book.pdf(key)
        else:
            body = json.loads(response.content, parse_float=Decimal)
            if stream in {"exsited_order_invoices", "exsited_account_invoices"}:
                body = rows_of(response)
            elif isinstance(body, dict):
                body = [body.get("invoice", body)]
            assert book.sent(stream, key) in body


def test_every_path_needs_its_id_quoted(client, box):
    odd = next(key for key in box.book("covage").invoices if "/" in key)
    assert client.get(f"/covage/api/v1/invoice/{quote(odd)}/download/").status_code == 404
    assert client.get(f"/covage/api/v1/invoice/{quote(quote(odd, safe=''), safe='')}/download/").status_code == 404


BAD = [
    ("/covage/api/v1/invoice/", {"page": 1}, 400),
    ("/covage/api/v1/invoice/", {"accounting_date_gt": "2026-1-1"}, 400),
    ("/covage/api/v1/invoice/", {"page_size": 0}, 400),
    ("/covage/api/v1/invoice/", {"cursor": "2"}, 404),
    ("/covage/api/v1/invoice", None, 301),
    ("/covage/api/v1/invoice/NONE/download/", None, 404),
    ("/covage/api/v1/invoices/", None, 404),
    ("/matas/api/invoices", {"filter[status]": "open"}, 400),
    ("/matas/api/invoices", {"page": 1}, 400),
    ("/matas/api/invoices", {"sort": "nothing"}, 400),
    ("/matas/api/invoice/NONE", None, 404),
    ("/ibana/v1/invoice", {"page": 0}, 400),
    ("/ibana/v1/invoice", {"take": 101}, 400),
    ("/ibana/v1/invoice", {"take": "1.0"}, 400),
    ("/ibana/v1/invoice", {"updatedTo": "2026-01-01"}, 400),
    ("/ibana/v1/invoice", {"updatedFrom": "2026-01-01T00:00:00"}, 400),
    ("/ibana/v1/invoice", {"order": "ASC", "orderDir": "DESC"}, 400),
    ("/ibana/v1/invoice", {"orderField": "colour"}, 400),
    ("/ibana/v1/invoice", [("page", 1), ("page", 2)], 400),
    ("/exsited/api/v3/invoices", {"limit": 0}, 400),
    ("/exsited/api/v3/invoices", {"filter": "x"}, 400),
    ("/exsited/api/v3/invoices", {"order_by": "colour"}, 400),
    ("/exsited/api/v3/invoices/NONE", None, 404),
    ("/exsited/api/v3/orders/NONE/invoices", None, 404),
    ("/exsited/api/v2/invoices", None, 404),
    ("/i3dnet/v3/account/invoice", {"page": 1}, 400),
    ("/i3dnet/v3/account/invoice/1", None, 404),
    ("/i3dnet/v3/account/invoice/number/1", None, 404),
]


@pytest.mark.parametrize(("path", "params", "status"), BAD)
def test_a_wrong_request_gets_the_providers_error(client, path, params, status):
    response = client.get(path, params)
    assert response.status_code == status
    provider = path.split("/")[1]
    if status != 301:
        field = {"covage": "detail", "i3dnet": "errorMessage", "exsited": "errors"}.get(provider, "message")
        assert response.json()[field]
    assert client.box.requests[-1].status == status


@pytest.mark.parametrize("provider", LISTS)
def test_only_get_is_allowed(client, provider):
    assert client.get(LISTS[provider], method="POST").status_code == 405


@pytest.mark.parametrize("range_", ["start=0", "start=0,results=0", "start=-1,results=5", "0-25", ""])
def test_i3dnet_refuses_a_malformed_range(client, range_):
    response = client.get(LISTS["i3dnet"], headers={"RANGED-DATA": range_})
    assert response.status_code == 400
    assert response.json()["errors"][0]["property"] == "RANGED-DATA"


@pytest.mark.parametrize(
    ("provider", "headers", "status"),
    [
        ("covage", {"Authorization": "Bearer x"}, 401),
        ("covage", {"Authorization": None}, 401),
        ("matas", {"Authorization": "Bearer x"}, 401),
        ("matas", {"Accept": "*/*"}, 302),
        ("ibana", {"Authorization": "sandbox-ibana-token"}, 401),
        ("exsited", {"Authorization": "Bearer x"}, 302),
        ("exsited", {"Authorization": None}, 401),
        ("i3dnet", {"PRIVATE-TOKEN": "x"}, 403),
        ("i3dnet", {"PRIVATE-TOKEN": None, "Authorization": "Bearer sandbox-i3dnet-token"}, 403),
    ],
)
def test_a_wrong_token_gets_no_answer(client, provider, headers, status):
    response = client.get(LISTS[provider], headers=headers)
    assert response.status_code == status
    if status == 302:
        page = requests.get(response.headers["Location"], timeout=PATIENCE)
        assert page.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("provider", "changed", "status", "error"),
    [
        ("covage", {"password": "x"}, 401, "invalid_grant"),
        ("covage", {"client_id": "x"}, 401, "invalid_client"),
        ("covage", {"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ("covage", {"grant_type": None}, 400, "invalid_request"),
        ("covage", {"scope": "openid"}, 400, "invalid_request"),
        ("exsited", {"redirect_uri": None}, 400, 400),
        ("exsited", {"client_secret": "x"}, 401, 401),
        ("exsited", {"grant_type": "password"}, 400, 400),
        ("exsited", {"scope": "x"}, 400, 400),
    ],
)
def test_wrong_credentials_get_no_token(client, provider, changed, status, error):
    response = client.sign_in(provider, **changed)
    assert response.status_code == status
    body = response.json()
    assert error in {body.get("error"), body.get("errors", [{}])[0].get("code")}
    assert client.box.tokens_issued(provider) == 0


def test_a_token_request_has_the_documented_form(client, box):
    exsited = {"grant_type": "client_credentials", **box.config("exsited")["exsited"]}
    del exsited["api_url"]
    assert client.raw("POST", EXSITED_TOKEN, data=exsited).status_code == 400
    assert client.raw("POST", COVAGE_TOKEN, json={"grant_type": "password"}).status_code == 415
    assert client.raw("GET", COVAGE_TOKEN).status_code == 405


@pytest.mark.parametrize("provider", ["covage", "exsited"])
def test_tokens_end_and_are_renewed(client, box, provider):
    box.book(provider).token_seconds = 60
    first = client.sign_in(provider).json()
    assert first["expires_in"] == 60
    header = {"Authorization": f"Bearer {first['access_token']}"}
    assert client.get(LISTS[provider], headers=header).status_code == 200
    box.clock_offset = 61
    assert client.get(LISTS[provider], headers=header).status_code in {302, 401}
    renewal = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    if provider == "covage":
        renewal |= {"username": None, "password": None}
    second = client.sign_in(provider, **renewal).json()
    header = {"Authorization": f"Bearer {second['access_token']}"}
    assert client.get(LISTS[provider], headers=header).status_code == 200
    box.expire_tokens(provider, refresh=True)
    assert client.get(LISTS[provider], headers=header).status_code in {302, 401}
    assert client.sign_in(provider, **renewal).status_code == 400


def test_a_new_exsited_token_ends_the_one_before(client, box):
    tokens = [client.sign_in("exsited").json()["access_token"] for _ in range(2)]
    box.book("exsited").auth_failure = 401
    statuses = [client.get(LISTS["exsited"], headers={"Authorization": f"Bearer {t}"}).status_code for t in tokens]
    assert statuses == [401, 200]
    both = [client.sign_in("covage").json()["access_token"] for _ in range(2)]
    statuses = [client.get(LISTS["covage"], headers={"Authorization": f"Bearer {t}"}).status_code for t in both]
    assert statuses == [200, 200]


def test_twenty_five_invoices_hold_all_oddities(client, box):
    matas, ibana = client.get(LISTS["matas"], ALL["matas"]).text, client.get(LISTS["ibana"], {"take": 100}).text
    for body in (matas, ibana):
        for number in ("110.00,", "0.30000000000000004,", "999999999999.99,", "0.0001,", "-12.50,"):
            assert f":{number}" in body
        assert "\\u0000" in body
        assert body.count("\\ud83d h") == 1
    assert "\\ud83c\\udf89" in matas  # an emoji, escaped as PHP does
    assert "🎉" in ibana
    for provider, field in [("covage", "invoice_number"), ("matas", "invoice_number"), ("ibana", "id"),
                            ("exsited", "id"), ("exsited", "order_id"), ("exsited", "account_id"),
                            ("i3dnet", "invoiceNumber")]:  # fmt: skip
        assert any(set("/#%+é ") <= set(invoice[field]) for invoice in box.book(provider).invoices.values())
    assert "" in {invoice["last_updated_on"] for invoice in box.book("exsited").invoices.values()}
    assert {"latest_update", "fileUrl", "shipping_profile", "poNumber", "purchase_order"} <= {
        name for provider in LISTS for invoice in box.book(provider).invoices.values() for name in invoice
    }


def test_answers_leave_the_book_as_it_is(client, box):
    book = box.book("i3dnet")
    key = list(book.invoices)[4]
    version = book.invoices.version
    assert client.get(f"{LISTS['i3dnet']}/{key}").status_code == 200
    assert client.get(f"{LISTS['i3dnet']}/1").status_code == 404
    assert book.invoices.version == version


def test_i3dnet_types_differ_between_list_and_details(client, box):
    first = client.rows("i3dnet")[0]
    details = client.get(f"{LISTS['i3dnet']}/{first['id']}").json()
    assert (type(first["id"]), type(first["creationDate"])) == (str, int)
    assert (type(details[0]["id"]), details[0]["creationDate"]) == (int, "2023-10-02 00:00:00")
    box.book("i3dnet").single_as_object = True
    assert client.get(f"{LISTS['i3dnet']}/{first['id']}").json() == details[0]


def test_i3dnet_unpaid_leaves_out_credit_and_paid(client, box):
    unpaid = client.get(f"{LISTS['i3dnet']}/unpaid").json()
    assert {row["isCredit"] for row in unpaid} == {0}
    key = unpaid[0]["id"]
    box.book("i3dnet").pay(key)
    assert client.get(f"{LISTS['i3dnet']}/unpaid").json() == unpaid[1:]


def test_filters_include_their_bounds(client, box):
    day = list(box.book("covage").invoices.values())[12]["accounting_date"]
    for bounds in ({"accounting_date_gt": day}, {"accounting_date_lt": day}):
        assert day in {row["accounting_date"] for row in rows_of(client.get(LISTS["covage"], bounds))}
    at = list(box.book("ibana").invoices.values())[12]["updatedAt"]
    both = rows_of(client.get(LISTS["ibana"], {"updatedFrom": at, "updatedTo": at}))
    assert [row["updatedAt"] for row in both] == [at]
    found = [client.get(LISTS["matas"], {"filter[status]": status}).json() for status in ("paid", "outstanding")]
    assert len(found[0]) + len(found[1]) == 25


@pytest.mark.parametrize("bound", ["accounting_date_gt", "accounting_date_lt"])
def test_covage_s_bounds_can_leave_their_own_day_out(client, box, bound):
    book = box.book("covage")
    day = list(book.invoices.values())[12]["accounting_date"]
    included = rows_of(client.get(LISTS["covage"], {bound: day}))
    book.exclusive = frozenset({bound})
    excluded = rows_of(client.get(LISTS["covage"], {bound: day}))
    assert excluded == [row for row in included if row["accounting_date"] != day] != included


@pytest.mark.parametrize(
    ("provider", "path"),
    [("covage", ("count",)), ("ibana", ("meta", "itemCount")), ("exsited", ("pagination", "records"))],
)
def test_a_total_can_be_left_out(client, box, provider, path):
    *parents, name = path
    for total, is_told in ((0, True), (None, False)):
        fault(box, provider, total=total)
        page = client.get(LISTS[provider]).json()
        for parent in parents:
            page = page[parent]
        assert (name in page) == is_told


def test_a_cursor_holds_for_its_own_filters_only(client):
    page = client.get(LISTS["covage"], {"page_size": 2, "accounting_date_gt": "2024-01-01"}).json()
    asked = parse_qs(urlsplit(page["next_page"]).query)
    assert asked["accounting_date_gt"] == ["2024-01-01"]
    assert client.get(LISTS["covage"], asked).status_code == 200
    assert client.get(LISTS["covage"], {"cursor": asked["cursor"]}).status_code == 404


def test_exsited_orders_both_ways(client):
    def ids(**params):
        return [row["id"] for row in rows_of(client.get(LISTS["exsited"], {"limit": 100, **params}))]

    assert ids(order_by="asc") == ids(order_by="created_on", direction="SortDirection.ASC") == ids()
    assert ids(order_by="desc") == ids(order_by="created_on", direction="desc") != ids()


def test_the_book_can_be_changed_between_pages(client, box):
    book = box.book("ibana")
    box.on_request(lambda request: book.delete(next(iter(book.invoices))) if ("page", "2") in request.query else None)
    first = client.get(LISTS["ibana"], {"page": 1}).json()
    second = client.get(LISTS["ibana"], {"page": 2}).json()
    assert (first["meta"]["itemCount"], second["meta"]["itemCount"]) == (25, 24)


@pytest.mark.parametrize("provider", LISTS)
def test_what_is_new_changed_paid_or_gone_shows(client, box, provider):
    book = box.book(provider)
    gone, changed = list(book.invoices)[:2]
    book.delete(gone)
    book.change(changed, remark="seen")
    if provider == "covage":
        with pytest.raises(NotImplementedError):
            book.pay(changed)
    else:
        book.pay(changed)
    added = book.add()
    book.max_page_size = 100
    size = {"covage": {"page_size": 50}, "ibana": {"take": 50}, "exsited": {"limit": 50}, **ALL}
    rows = rows_of(client.get(LISTS[provider], size.get(provider)))
    keys = [row[book.key_field] for row in rows]
    assert gone not in keys
    assert keys[-1] == added
    assert rows[keys.index(changed)]["remark"] == "seen"
    with pytest.raises(ValueError, match="there already"):
        book.add(**{book.key_field: added})


def test_fields_may_be_set_to_nonsense(client, box):
    nonsense = {
        "covage": {"accounting_date": None, "customer_name": 5},
        "matas": {"invoice_date": "soon", "subtotal": "much"},
        "ibana": {"createdAt": "once upon a time", "updatedAt": None, "totalAmount": "much"},
        "exsited": {"created_on": None, "total": "much", "account_id": None},
        "i3dnet": {"description": None, "creationDate": None, "amountIncVAT": "much"},
    }
    for provider, fields in nonsense.items():
        key = list(box.book(provider).invoices)[2]
        box.book(provider).change(key, **fields)
        params = {"take": 25} if provider == "ibana" else ALL.get(provider)
        assert any(fields.items() <= row.items() for row in rows_of(client.get(LISTS[provider], params)))
    assert client.get(LISTS["covage"], {"accounting_date_gt": "2020-01-01"}).json()["count"] == 24
    assert client.get(LISTS["ibana"], {"updatedFrom": "2020-01-01", "orderField": "updatedAt"}).status_code == 200
    for provider in ("matas", "i3dnet", "exsited"):
        key = list(box.book(provider).invoices)[2]
        stream = f"{provider}_invoice_details"
        assert client.get(re.sub("{.*?}", key, SINGLES[stream])).status_code == 200


def test_the_clock_dates_answers_and_changes(client, box):
    box.now = datetime(2031, 5, 1, tzinfo=UTC)
    response = client.get(LISTS["ibana"])
    assert parsedate_to_datetime(response.headers["Date"]) - box.now < timedelta(seconds=5)
    key = box.book("ibana").add()
    assert box.book("ibana").invoices[key]["updatedAt"].startswith("2031-05-01T00:00:0")


def test_requests_are_logged_as_they_came(client, box):
    client.get("/matas/api/invoice/a%2Fb", {"search": "ü"})
    request = box.requests[-1]
    assert (request.provider, request.method, request.path) == ("matas", "GET", "/matas/api/invoice/a%2Fb")
    assert request.query == [("search", "ü")]
    assert request.headers.get("accept") == "application/json"
    box.clear()
    assert box.requests == []


def test_the_same_seed_gives_the_same_bodies():
    def bodies(seed):
        with Sandbox(invoices=25, seed=seed) as served, requests.Session() as session:
            client = Client(served, session)
            return [client.get(path, ALL.get(provider)).content for provider, path in LISTS.items()]

    assert bodies(7) == bodies(7)
    assert all(one != other for one, other in zip(bodies(7), bodies(8), strict=True))


def test_documents_have_the_size_that_is_set(client, box):
    book = box.book("i3dnet")
    key = next(iter(book.invoices))
    path = f"{LISTS['i3dnet']}/{key}/pdf"
    invented = client.get(path).content
    assert invented.startswith(b"%PDF-")
    assert invented.endswith(b"%%EOF\n")
    book.pdf_size = 100_000
    assert len(client.get(path).content) == 100_000
    book.pdfs[key] = b"not a PDF"
    assert client.get(path).content == b"not a PDF"


def test_a_bug_in_the_sandbox_does_not_pass_for_a_providers_error():
    def fail(_):
        msg = "a bug"
        raise RuntimeError(msg)

    served = Sandbox(invoices=1)
    served.on_request(fail)
    served.start()
    assert requests.get(served.url + LISTS["ibana"], timeout=PATIENCE).status_code == 500
    with pytest.raises(RuntimeError, match="a bug"):
        served.stop()


def test_it_stops_in_a_storm_of_connections_and_leaves_none_open(capfd):
    for _ in range(10):
        over = threading.Event()
        with Sandbox(invoices=1) as served:
            storm = [threading.Thread(target=_connect_and_leave, args=(served.port, over)) for _ in range(4)]
            for thread in storm:
                thread.start()
            time.sleep(0.02)
        over.set()
        for thread in storm:
            thread.join()
        gc.collect()  # an open socket warns when it is collected
    assert capfd.readouterr().err == ""


def _connect_and_leave(port, over):
    while not over.is_set():
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1) as line:
            line.sendall(b"GET /ibana/ HTTP/1.1\r\nHost: sandbox\r\n\r\n")


def test_it_speaks_tls(tmp_path):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with Sandbox(invoices=1, ssl_context=context) as served:
        assert served.config("ibana")["ibana"]["api_url"].startswith("https://")
        headers = {"Authorization": "Bearer sandbox-ibana-token"}
        url = served.url + LISTS["ibana"]
        response = requests.get(url, headers=headers, timeout=PATIENCE, verify=tmp_path / "ca.pem")
        assert response.status_code == 200


def fault(box, provider="ibana", **action):
    rest = {name: action.pop(name) for name in ("after", "times", "query") if name in action}
    box.faults.add(provider=provider, path=f"{LISTS[provider]}$", action=action, **rest)


JSON, PAGE = {"Content-Type": "application/json"}, b"<!DOCTYPE html>"
INSTEAD = [
    ({"status": 503}, 503, JSON, b'{"statusCode":503,'),
    ({"status": 418, "body": "tea", "headers": {"X-A": "b"}}, 418, {"X-A": "b"}, b"tea"),
    ({"retry_after": 7}, 429, {"Retry-After": "7"}, b"{"),
    ({"retry_after": 7, "status": 503}, 503, {"Retry-After": "7"}, b"{"),
    ({"html": True}, 200, {"Content-Type": "text/html; charset=utf-8"}, PAGE),
    ({"pdf_html": True}, 200, {"Content-Type": "application/pdf"}, PAGE),
    ({"empty": True}, 200, {"Content-Length": "0"}, b""),
    ({"redirect": "https://evil.example/"}, 302, {"Location": "https://evil.example/"}, b""),
    ({"expire_token": True}, 401, JSON, b'{"statusCode":401,'),
]


@pytest.mark.parametrize("case", INSTEAD)
def test_faults_that_answer_something_else(client, box, case):
    action, status, headers, body = case
    fault(box, **action)
    response = client.get(LISTS["ibana"])
    assert response.status_code == status
    assert headers.items() <= dict(response.headers).items()
    assert response.content.startswith(body)
    assert "expire_token" in action or client.get(LISTS["ibana"]).status_code == 200


def test_retry_after_as_a_date_follows_the_providers_clock(client, box):
    box.clock_offset = 86_400
    fault(box, retry_after="http-date", seconds=30)
    headers = client.get(LISTS["ibana"]).headers
    wait = parsedate_to_datetime(headers["Retry-After"]) - parsedate_to_datetime(headers["Date"])
    assert wait == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ({"reset": True}, requests.ConnectionError),
        ({"cut": True}, (requests.exceptions.ChunkedEncodingError, requests.ConnectionError)),
        ({"end_early": 10}, requests.exceptions.ChunkedEncodingError),
        ({"half_json": True}, requests.exceptions.JSONDecodeError),
    ],
)
def test_faults_that_break_off(client, box, action, error):
    fault(box, times=None, **action)
    with pytest.raises(error):
        client.get(LISTS["ibana"]).json()
    assert box.requests[-1].status == (0 if "reset" in action else 200)
    box.faults.clear()
    assert client.get(LISTS["ibana"]).status_code == 200


def test_delay_and_latency(client, box):
    fault(box, delay=Decimal("0.2"))
    box.latency = 0.1
    start = time.monotonic()
    client.get(LISTS["ibana"])
    assert time.monotonic() - start >= 0.3


def test_a_rule_hits_what_it_describes_after_and_so_often(client, box):
    fault(box, status=500, after=1, times=2, query={"page": 2})
    statuses = [client.get(LISTS["ibana"], {"page": page}).status_code for page in (2, 1, 2, 2, 2)]
    assert statuses == [200, 200, 500, 500, 200]


@pytest.mark.parametrize("turns", [1, 2])
def test_cursors_and_pages_in_a_circle(client, box, turns):
    fault(box, "covage", repeat_cursor=turns, times=None)
    fault(box, "exsited", repeat_page=turns, times=None)
    seen, params = [], {"page_size": 5}
    for _ in range(6):
        page = client.get(LISTS["covage"], params).json()
        seen.append(page["results"][0]["invoice_number"])
        params["cursor"] = parse_qs(urlsplit(page["next_page"]).query)["cursor"][0]
    assert len(set(seen)) == turns + 1
    assert seen[2:4] == seen[4:6]
    starts = [rows_of(client.get(LISTS["exsited"], {"limit": 5, "offset": at}))[0]["id"] for at in (0, 5, 10, 15)]
    assert len(set(starts)) == turns
    assert starts[:2] == starts[2:]


def test_faults_of_pages(client, box):
    fault(box, "covage", foreign_next=True, total=3)
    page = client.get(LISTS["covage"]).json()
    assert page["next_page"].startswith("https://evil.example/api")
    assert page["count"] == 28
    fault(box, "i3dnet", ignore_range=True)
    fault(box, "i3dnet", ignore_range=True, rows=3, after=1)
    header = {"RANGED-DATA": "start=20,results=10"}
    assert [len(client.get(LISTS["i3dnet"], headers=header).json()) for _ in range(3)] == [25, 3, 5]
    fault(box, "exsited", cap=4, total=-1)
    page = client.get(LISTS["exsited"], {"limit": 10}).json()
    assert (len(page["invoices"]), page["pagination"]["limit"], page["pagination"]["records"]) == (4, 4, 24)
    for provider in LISTS:
        whole = client.rows(provider)
        fault(box, provider, drop_row=1)
        assert client.rows(provider) == [whole[0], *whole[2:]]


def test_faults_that_move_the_source(client, box):
    book = box.book("ibana")
    before = list(book.invoices)
    fault(box, insert={"count": 2, "position": 0, "fields": {"totalAmount": Decimal("1.10")}})
    fault(box, delete={"index": 3, "count": 2})
    fault(box, change={"key": before[7], "fields": {"notes": "moved"}}, pay=8)
    client.get(LISTS["ibana"])
    after = list(book.invoices)
    assert after[2:] == [*before[:1], *before[3:]]
    assert book.invoices[before[7]]["notes"] == "moved"
    assert book.invoices[after[8]]["alreadyPaid"] is True


@pytest.mark.parametrize("rule", [{"action": {"explode": True}}, {"when": 1, "action": {"status": 500}}, {}])
def test_an_unknown_fault_is_refused(rule):
    with pytest.raises(ValueError, match="fault"):
        Sandbox(faults=[rule])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_its_config_and_stops_quietly(tmp_path, number):
    rules = tmp_path / "faults.json"
    rules.write_text(json.dumps([{"provider": "ibana", "action": {"status": 503}}]))
    command = [sys.executable, "-m", "tap_invoices.sandbox", "--port", "0", "--invoices", "3", "--faults", str(rules)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603
    try:
        config = json.loads(process.stdout.readline())
        assert set(config) == set(LISTS)
        headers = {"Authorization": f"Bearer {config['ibana']['token']}"}
        url = config["ibana"]["api_url"] + "/v1/invoice"
        answers = [requests.get(url, headers=headers, timeout=PATIENCE) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [503, 200]
        assert answers[1].json()["meta"]["itemCount"] == 3
        process.send_signal(number)
        assert process.communicate(timeout=PATIENCE) == (b"", b"")
        assert process.returncode == 0
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


def test_the_command_says_what_is_wrong(tmp_path):
    rules = tmp_path / "faults.json"
    rules.write_text('[{"action": {"explode": 1}}]')
    command = [sys.executable, "-m", "tap_invoices.sandbox", "--faults", str(rules)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603
    assert result.returncode == 1
    assert result.stderr == "tap-invoices-sandbox: unknown in a fault: explode\n"


def test_a_port_in_use_is_told_in_one_line(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["--port", str(port)]) == 1
    told = capsys.readouterr().err
    assert told == f"tap-invoices-sandbox: port {port} is in use: name another one with --port, or 0 for any free one\n"


def test_without_its_extra_the_command_says_what_to_install():
    code = "import sys; sys.modules['aiohttp'] = None; from tap_invoices.sandbox.cli import main; sys.exit(main([]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1
    assert done.stderr.strip().endswith("pip install 'tap-invoices[sandbox]'")
    assert len(done.stderr.splitlines()) == 1
