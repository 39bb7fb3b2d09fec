"""Second and third syncs, and the streams that follow a list: what is asked for, and what comes of failures."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

import pytest

from tap_invoices.records.decode import decode
from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW, crossed
from tests.support.run import CHILDREN, DOCUMENTS, LISTS, SUB_LISTS, bookmark_in, provider_of

LIST_OF = {
    "covage": "covage_invoices",
    "matas": "matas_invoices",
    "exsited": "exsited_invoices",
    "i3dnet": "i3dnet_invoices",
}
LOOKBACK = {"covage": 40, "matas": 40, "ibana": 1, "exsited": 1, "i3dnet": 40}
ITEM = {"covage": "invoice_number", "matas": "invoice_number", "exsited": "id", "i3dnet": "id"} | {
    "exsited_order_invoices": "order_id",
    "exsited_account_invoices": "account_id",
    "i3dnet_invoice_details_by_number": "invoiceNumber",
}
"""Field of the list's rows that a provider's streams, or one of them, ask for."""
ONE_EACH = sorted(set(CHILDREN) - set(SUB_LISTS))
DETAILS = "i3dnet_invoice_details"
ALL_DETAILS = sorted(set(ONE_EACH) - set(DOCUMENTS))


def settings(box, stream, **more):
    return {**box.config(provider_of(stream)), "documents": {"mode": "inline"}, **more}


def one_by_one(box, stream, **more):
    """Settings with which requests come in the order in which they are made."""
    return settings(box, stream, max_connections=1, **more)


def asked(box, stream):
    """The ids that a stream has asked for since the requests were cleared."""
    pattern = re.compile(re.sub(r"(\[\S+?\]\+)", r"(\1)", CHILDREN[stream]))
    return [unquote(found[1]) for request in box.requests if (found := pattern.fullmatch(request.path))]


def item(stream, row):
    return row[ITEM.get(stream) or ITEM[provider_of(stream)]]


def moment(value):
    """A time as any of the providers writes it."""
    if isinstance(value, int):
        return datetime.fromtimestamp(value, UTC) if value else None
    at = datetime.fromisoformat(value) if value else None
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


def changed(stream, row):
    """When a row of the list says that its invoice changed; None if it does not."""
    names = {
        "covage": ["accounting_date"],
        "matas": ["invoice_date", "payment_date"],
        "exsited": ["last_updated_on"],
        "i3dnet": ["creationDate", "paymentDate"],
    }[provider_of(stream)]
    return max((at for name in names if (at := moment(row[name]))), default=None)


def is_open(stream, row):
    """Whether an invoice may yet be paid, where nothing tells a change but the payment."""
    if provider_of(stream) == "matas":
        return not row["payment_date"] and row["total"] >= 0
    return provider_of(stream) == "i3dnet" and not row["paymentDate"] and not row["isCredit"]


def due(stream, book, bookmark=None):
    """The ids that a sync is to ask for, by the rules of the streams' documentation."""
    since = bookmark and moment(bookmark) - timedelta(days=LOOKBACK[provider_of(stream)])
    rows = [
        row
        for row in book.invoices.values()
        if since is None or (at := changed(stream, row)) is None or at >= since or is_open(stream, row)
    ]
    return sorted({item(stream, row) for row in rows} - {""})


def bookmark(run, stream):
    return run.bookmark(stream)["replication_key_value"]


@pytest.fixture(params=CHILDREN)
def stream(request):
    return request.param


@pytest.fixture
def book(box, stream):
    return box.book(provider_of(stream))


# What is due


def test_three_syncs_ask_for_exactly_what_is_due(box, sync, stream, book):
    config = settings(box, stream)
    first = sync(config, select=[stream])
    assert sorted(asked(box, stream)) == due(stream, book)

    keys = list(book.invoices)
    box.now += timedelta(days=3)
    unpaid = next(
        key for key in keys if is_open(stream, book.invoices[key]) or provider_of(stream) in {"covage", "exsited"}
    )
    if provider_of(stream) != "covage":
        book.pay(unpaid)
    book.change(keys[3])
    book.delete(keys[4])
    new = book.add()
    box.clear()
    second = sync(config, first.state, select=[stream])
    assert sorted(asked(box, stream)) == due(stream, book, bookmark(first, stream))
    assert item(stream, book.invoices[new]) in asked(box, stream) or stream == "exsited_order_invoices"
    assert bookmark(second, stream) > bookmark(first, stream)

    box.now += timedelta(days=3)
    box.clear()
    third = sync(config, second.state, select=[stream])
    expected = due(stream, book, bookmark(second, stream))
    assert sorted(asked(box, stream)) == expected
    assert len(expected) < len(book.invoices) / 2
    assert [run.failures for run in (first, second, third)] == [{}, {}, {}]


@pytest.mark.parametrize("stream", ["matas_invoice_details", DETAILS], indirect=True)
def test_an_open_invoice_is_asked_for_until_it_is_paid(box, sync, stream, book):
    old = next(key for key, row in book.invoices.items() if is_open(stream, row))

    def is_asked_for():
        nonlocal state
        box.clear()
        state = sync(settings(box, stream, lookback_days=5), state, select=[stream]).state
        return item(stream, book.invoices[old]) in asked(box, stream)

    state = {}
    assert [is_asked_for(), is_asked_for(), is_asked_for()] == [True, True, True]
    book.pay(old)
    assert is_asked_for()
    box.now += timedelta(days=20)  # to no time that is still to come on this machine
    book.add()
    assert [is_asked_for(), is_asked_for()] == [True, False]


@pytest.mark.parametrize("stream", ["matas_invoice_details", DETAILS], indirect=True)
def test_an_old_credit_note_counts_as_settled(box, sync, stream, book):
    notes = [key for key, row in book.invoices.items() if row.get("isCredit") or row.get("total", 0) < 0]
    assert notes
    first = sync(settings(box, stream), select=[stream])
    box.clear()
    sync(settings(box, stream), first.state, select=[stream])
    assert not set(notes) & set(asked(box, stream))


def test_an_exsited_invoice_without_a_change_date_is_due_at_every_sync(box, sync):
    stream, state = "exsited_invoice_details", {}
    [undated] = [key for key, row in box.book("exsited").invoices.items() if not row["last_updated_on"]]
    for _ in range(3):
        box.clear()
        state = sync(settings(box, stream), state, select=[stream]).state
        assert undated in asked(box, stream)


@pytest.mark.parametrize("stream", SUB_LISTS, indirect=True)
def test_an_order_or_account_is_asked_for_once_and_read_to_its_end(box, sync, stream, book):
    config = settings(box, stream)
    config["exsited"]["page_size"] = 2
    done = sync(config, select=[stream])
    offsets = Counter(
        (request.path, dict(request.query)["offset"]) for request in box.requests if "/v3/" in request.path
    )
    of_owners = {
        key: count for key, count in offsets.items() if key[0].endswith(("/invoices",)) and key[0].count("/") > 4
    }
    assert set(of_owners.values()) == {1}
    assert max(Counter(path for path, _ in of_owners).values()) > 1
    names = done.key_names(stream)
    rows = [row for row in book.invoices.values() if row[names[0]]]
    assert sorted(done.keys(stream)) == sorted(tuple(row[name] for name in names) for row in rows)


@pytest.mark.parametrize("stream", SUB_LISTS, indirect=True)
def test_of_an_order_or_account_only_what_is_due_is_emitted(box, sync, stream, book):
    first = sync(settings(box, stream), select=[stream])
    box.now += timedelta(days=3)
    key = next(key for key, row in book.invoices.items() if row["order_id"])
    book.change(key)
    second = sync(settings(box, stream), first.state, select=[stream])
    since = moment(bookmark(first, stream)) - timedelta(days=1)
    assert key in {record["id"] for record in second.records[stream]}
    assert all(not at or moment(at) >= since for record in second.records[stream] for at in [record["last_updated_on"]])


@pytest.mark.parametrize("listing", sorted(LIST_OF.values()))
def test_a_list_that_several_streams_need_is_fetched_once(box, sync, listing):
    children = [name for name in CHILDREN if provider_of(name) == provider_of(listing)]
    requests = []
    for select in ([listing], [listing, *children], children):
        box.clear()
        sync(settings(box, listing), select=select)
        requests.append(sum(re.search(LISTS[listing], request.path) is not None for request in box.requests))
    assert requests[0] == requests[1] == requests[2] > 0


# Where one starts


@pytest.mark.parametrize("stream", ONE_EACH, indirect=True)
def test_a_stream_that_is_selected_later_gets_all_history(box, sync, stream, book):
    listing = LIST_OF[provider_of(stream)]
    config = settings(box, stream)
    state = sync(config, sync(config, select=[listing]).state, select=[listing]).state
    box.clear()
    done = sync(config, state, select=[listing, stream])
    assert sorted(asked(box, stream)) == due(stream, book)
    if listing in {"covage_invoices", "exsited_invoices"}:
        assert 0 < len(done.records[listing]) < len(book.invoices)


def test_a_full_table_that_the_catalog_forces_reads_everything(box, sync, make_catalog, stream, book):
    config = settings(box, stream)
    first = sync(config, select=[stream])
    box.clear()
    done = sync(config, first.state, catalog=make_catalog(config, [stream], replication_method="FULL_TABLE"))
    assert sorted(asked(box, stream)) == due(stream, book)
    assert not done.failures
    assert bookmark(done, stream) == bookmark(first, stream)


def test_the_list_is_read_from_the_earliest_bookmark_and_each_takes_its_part(box, sync):
    state = {
        "bookmarks": {
            "covage_invoices": {"replication_key": "accounting_date", "replication_key_value": "2026-06-10"},
            "covage_invoice_documents": {"replication_key": "accounting_date", "replication_key_value": "2025-02-10"},
        }
    }
    done = sync(settings(box, "covage"), state, select=["covage_invoices", "covage_invoice_documents"])
    asked_from = [
        dict(request.query).get("accounting_date_gt") for request in box.requests if request.path.endswith("/invoice/")
    ]
    assert asked_from[0] == "2024-12-31", "a day earlier, for the bound may be exclusive"
    assert min(record["accounting_date"] for record in done.records["covage_invoices"]) >= "2026-05-01"
    assert min(record["accounting_date"] for record in done.records["covage_invoice_documents"]) < "2025-06-01"


@pytest.mark.parametrize("stream", sorted({*CHILDREN} - {*SUB_LISTS}), indirect=True)
def test_details_start_at_the_start_date(box, sync, stream, book):
    start = datetime(2025, 6, 1, tzinfo=UTC)
    done = sync(settings(box, stream, start_date="2025-06-01"), select=[stream, LIST_OF[provider_of(stream)]])
    rows = book.invoices.values()
    later = [row for row in rows if (at := changed(stream, row)) is None or at >= start or is_open(stream, row)]
    assert sorted(asked(box, stream)) == sorted(item(stream, row) for row in later)
    if provider_of(stream) != "covage":
        assert len(done.records[LIST_OF[provider_of(stream)]]) == len(book.invoices)


def test_what_is_exactly_at_the_bookmark_is_due(box, sync, stream, book):
    first = sync(settings(box, stream, lookback_days=0), select=[stream])
    box.clear()
    sync(settings(box, stream, lookback_days=0), first.state, select=[stream])
    at = moment(bookmark(first, stream))
    newest = {item(stream, row) for row in book.invoices.values() if changed(stream, row) == at} - {""}
    assert newest
    assert newest <= set(asked(box, stream))


def test_lookback_days_says_how_far_before_the_bookmark(box, sync):
    stream, book = "covage_invoice_documents", box.book("covage")
    first = sync(settings(box, stream), select=[stream])
    box.clear()
    sync(settings(box, stream, lookback_days=400), first.state, select=[stream])
    since = moment(bookmark(first, stream)) - timedelta(days=400)
    assert sorted(asked(box, stream)) == sorted(
        key for key, row in book.invoices.items() if changed(stream, row) >= since
    )


# Whatever happens to the list


def test_a_list_that_is_not_selected_is_read_but_not_told(box, sync, stream, book):
    done = sync(settings(box, stream), select=[stream])
    assert sorted(asked(box, stream)) == due(stream, book)
    assert {message["stream"] for message in done.messages if "stream" in message} == {stream}


@pytest.mark.parametrize(
    ("stream", "mapping"),
    crossed(ONE_EACH, [{"__filter__": "False"}, "__NULL__", {"__else__": None, "__key_properties__": []}]),
    indirect=["stream"],
)
def test_a_stream_map_on_the_list_loses_no_detail(box, sync, stream, book, mapping):
    listing = LIST_OF[provider_of(stream)]
    done = sync(settings(box, stream, stream_maps={listing: mapping}), select=[listing, stream])
    assert not done.failures
    assert sorted(asked(box, stream)) == due(stream, book)


@pytest.mark.parametrize("stream", ONE_EACH, indirect=True)
def test_a_deselected_field_of_the_list_loses_no_detail(box, sync, make_catalog, stream, book):
    config, listing = settings(box, stream), LIST_OF[provider_of(stream)]
    catalog = make_catalog(config, [listing, stream])
    for entry in catalog["streams"]:
        for part in entry["metadata"]:
            if entry["tap_stream_id"] == listing and part["breadcrumb"]:
                part["metadata"]["selected"] = False
    first = sync(config, catalog=catalog)
    assert sorted(asked(box, stream)) == due(stream, book)
    box.clear()
    sync(config, first.state, catalog=catalog)
    assert sorted(asked(box, stream)) == due(stream, book, bookmark(first, stream))


@pytest.mark.parametrize("invoices", [1, 6, 7, 8, 14])
@pytest.mark.parametrize("stream", ["covage_invoice_documents", "exsited_invoice_details", DETAILS])
def test_no_page_boundary_loses_a_detail(sync, invoices, stream):
    with Sandbox(invoices=invoices) as box:
        config = settings(box, stream)
        config[provider_of(stream)]["page_size"] = 7
        done = sync(config, select=[stream])
        assert len(set(done.keys(stream))) == len(done.keys(stream)) == invoices


def test_no_invoices_are_no_failure(sync):
    with Sandbox(invoices=0) as box:
        done = sync({**box.config(), "documents": {"mode": "inline"}}, select="*")
    assert not done.failures
    assert not done.records


# Ids


def test_ids_are_quoted_whole_into_the_path(box, sync, stream, book):
    sync(settings(box, stream), select=[stream])
    paths = " ".join(request.path for request in box.requests)
    odd = [identity for identity in due(stream, book) if quote(identity, safe="") != identity]
    assert odd or stream in {DETAILS, "i3dnet_invoice_documents"}
    assert all(f"/{quote(identity, safe='')}" in paths for identity in odd)


@pytest.mark.parametrize("dots", [".", ".."])
def test_an_id_that_no_url_can_carry_fails_alone(box, sync, dots):
    stream = "matas_invoice_details"
    box.book("matas").add(invoice_number=dots)
    done = sync(settings(box, stream), select=[stream])
    assert len(done.records[stream]) == len(box.book("matas").invoices) - 1
    assert list(done.bookmark(stream)["failed"]) == [dots]
    assert stream in done.failures


def test_the_key_is_copied_into_a_record_that_lacks_it(box, sync):
    key = next(iter(box.book("i3dnet").invoices))
    box.faults.add(path=f"/invoice/{key}$", action={"status": 200, "body": '[{"invoiceNumber": "x"}]'})
    done = sync(settings(box, DETAILS), select=[DETAILS])
    [record] = [record for record in done.records[DETAILS] if record["invoiceNumber"] == "x"]
    assert record["id"] == key
    assert record["changed_on"]


# Failures


@pytest.fixture
def first_item(stream, book):
    return due(stream, book)[0] if stream in SUB_LISTS else item(stream, next(iter(book.invoices.values())))


def hit(stream, identity):
    """The path of one item, as a pattern."""
    return re.sub(r"\[\S+?\]\+", lambda _: re.escape(quote(identity, safe="")), CHILDREN[stream])


@pytest.mark.parametrize("status", [404, 410])
def test_an_item_that_is_gone_is_counted_and_told_and_no_failure(box, sync, caplog, stream, first_item, status):  # noqa: PLR0913, PLR0917
    box.faults.add(path=hit(stream, first_item), times=None, action={"status": status})
    done = sync(settings(box, stream), select=[stream])
    assert not done.failures
    assert done.account(stream).gone == 1
    assert any(first_item in record.getMessage() for record in caplog.records if record.levelname == "WARNING")
    assert "failed" not in done.bookmark(stream)
    assert done.records[stream]


def test_items_that_seem_gone_in_a_long_row_are_asked_for_once_more(sync):
    """A provider that is being deployed may answer 404 to all; what is 404 again is gone."""
    with Sandbox(invoices=60) as box:
        path = CHILDREN["matas_invoice_details"]
        box.faults.add(path=path, after=5, times=50, action={"status": 404})
        first = sync({**settings(box, "matas"), "max_connections": 1}, select=["matas_invoice_details"])
        assert not first.failures
        assert first.account("matas_invoice_details").gone == 50
        lost = next(iter(first.bookmark("matas_invoice_details")["failed"]))
        box.faults.clear()
        box.faults.add(path=f"/invoice/{quote(lost, safe='')}$", times=None, action={"status": 404})
        second = sync(settings(box, "matas"), first.state, select=["matas_invoice_details"])
        every = {*first.keys("matas_invoice_details"), *second.keys("matas_invoice_details"), (lost,)}
        assert every == {(key,) for key in box.book("matas").invoices}
    assert second.account("matas_invoice_details").gone == 1
    assert "failed" not in second.bookmark("matas_invoice_details")


def test_404s_that_are_not_in_a_row_are_believed(sync):
    with Sandbox(invoices=60) as box:
        for number in range(3):
            box.faults.add(path=CHILDREN[DETAILS], after=20 * number, times=19, action={"status": 404})
        done = sync(one_by_one(box, DETAILS), select=[DETAILS])
    assert done.account(DETAILS).gone == 57
    assert not done.failures
    assert "failed" not in done.bookmark(DETAILS)


def test_a_long_row_of_404s_is_asked_for_once_more_and_then_believed(sync):
    with Sandbox(invoices=60) as box:
        box.now = NOW
        box.faults.add(path=CHILDREN[DETAILS], after=5, times=None, action={"status": 404})
        first = sync(one_by_one(box, DETAILS), select=[DETAILS])
        assert len(first.bookmark(DETAILS)["failed"]) == 55
        second = sync(one_by_one(box, DETAILS), first.state, select=[DETAILS])
    assert second.account(DETAILS).gone >= 55
    assert first.bookmark(DETAILS)["failed"].keys().isdisjoint(second.bookmark(DETAILS).get("failed", {}))


def answer_with(box, stream, identity, row, **numbers):
    """Have one item answered with a row, wrapped as its provider wraps it; words may stand for odd numbers in it."""
    wrapped = {"exsited": {"invoice": row}, "i3dnet": [row]}.get(provider_of(stream), row)
    body = json.dumps(wrapped, default=str)
    for word, number in numbers.items():
        body = body.replace(f'"{word}"', number)
    action = {"status": 200, "body": body}
    box.faults.add(path=hit(stream, identity), times=None, action=action)


@pytest.mark.parametrize("stream", ALL_DETAILS, indirect=True)
def test_another_invoice_is_never_the_one_that_was_asked_for(box, sync, no_waits, stream, book, first_item):  # noqa: ARG001, PLR0913, PLR0917
    """Nor is one that this sync does not ask for."""
    key = next(iter(book.invoices))
    name = ITEM.get(stream) or ITEM[provider_of(stream)]
    answer_with(box, stream, first_item, {**book.sent(stream, key), name: "4711"})
    done = sync(settings(box, stream), select=[stream])
    assert list(done.bookmark(stream)["failed"]) == [first_item]
    assert list(done.failures) == [stream]
    assert {item(stream, record) for record in done.records[stream]} == set(due(stream, book)) - {first_item}


@pytest.mark.parametrize("stream", ALL_DETAILS, indirect=True)
@pytest.mark.parametrize("none", ["absent", None, ""])
def test_an_answer_without_an_id_that_came_for_another_item_is_none(box, sync, stream, book, none):
    """Whether or not it had an id then."""
    name = ITEM.get(stream) or ITEM[provider_of(stream)]
    keys = [key for key, row in book.invoices.items() if row[name]]
    row = json.loads(json.dumps(book.sent(stream, keys[0]), default=str))
    without = row | {name: none}
    if none == "absent":
        del without[name]
    answer_with(box, stream, item(stream, book.invoices[keys[0]]), row)
    for key in keys[1:3]:
        answer_with(box, stream, item(stream, book.invoices[key]), without)
    done = sync(settings(box, stream), select=[stream])
    wrong = [str(item(stream, book.invoices[key])) for key in keys[1:3]]
    assert list(done.bookmark(stream)["failed"]) == wrong
    assert {str(item(stream, record)) for record in done.records[stream]} == set(map(str, due(stream, book))) - {*wrong}


@pytest.mark.parametrize("stream", SUB_LISTS, indirect=True)
def test_the_list_of_another_order_or_account_is_none(box, sync, stream, book, first_item):
    other = next(row for row in book.invoices.values() if item(stream, row) not in {first_item, ""})
    body = {"invoices": [other], "pagination": {"records": 1, "limit": 100, "offset": 0, "next_page": "NULL"}}
    action = {"status": 200, "body": json.dumps({stream.split("_")[1]: body}, default=str)}
    box.faults.add(path=hit(stream, first_item), times=None, action=action)
    done = sync(settings(box, stream), select=[stream])
    assert list(done.bookmark(stream)["failed"]) == [first_item]
    assert {item(stream, record) for record in done.records[stream]} == set(due(stream, book)) - {first_item}


@pytest.mark.parametrize("body", ['{"message": "Too Many Attempts."}', "{}", "another"])
def test_an_answer_that_is_not_the_invoice_that_was_asked_for_is_none(box, sync, no_waits, body):  # noqa: ARG001
    stream = "matas_invoice_details"
    wrong, other, *_ = box.book("matas").invoices
    answer = json.dumps({"invoice_number": other, "total": "1.00"}) if body == "another" else body
    action = {"status": 200, "body": answer}
    box.faults.add(path=f"/invoice/{quote(wrong, safe='')}$", times=None, action=action)
    done = sync(settings(box, stream), select=[stream])
    assert list(done.bookmark(stream)["failed"]) == [wrong]
    assert done.account(stream).emitted == len(box.book("matas").invoices) - 1
    assert len(done.keys(stream)) == len(set(done.keys(stream)))


def test_lines_are_made_of_what_is_the_provider_s_invoice(box, sync, no_waits):  # noqa: ARG001
    """`description` is a field of `invoice_lines`, and none of i3D.net's invoice."""
    wrong, *_ = box.book("i3dnet").invoices
    body = '[{"description": "try later"}]'
    box.faults.add(path=f"/account/invoice/{wrong}$", times=None, action={"status": 200, "body": body})
    done = sync(settings(box, DETAILS), select=["invoice_lines"])
    assert list(bookmark_in(done.state, "invoice_lines", "i3dnet/default")["failed"]) == [wrong]


def test_failures_that_differ_in_size_are_alike(sync, no_waits):  # noqa: ARG001
    with Sandbox(invoices=60) as box:
        path = CHILDREN["matas_invoice_details"]
        for length in range(60):
            action = {"status": 200, "body": "<" * (length + 9)}
            box.faults.add(path=path, after=length * 3, times=3, action=action)
        done = sync({**settings(box, "matas"), "max_connections": 1}, select=["matas_invoice_details"])
    assert "the last 20 items failed alike" in done.failures["matas_invoice_details"]


def test_rows_that_cannot_be_asked_for_are_told(box, sync, caplog):
    book, stream = box.book("i3dnet"), "i3dnet_invoice_details_by_number"
    for odd in ("", None):
        book.add(invoiceNumber=odd)
    done = sync(settings(box, stream), select=[stream])
    assert done.failures == {}
    assert f"{stream}: 2 rows of the list have no `invoiceNumber` to ask by" in caplog.messages


def test_a_payment_date_of_zeros_is_no_payment(box, sync):
    book = box.book("matas")
    unpaid = book.add(payment_date="0000-00-00 00:00:00", invoice_date="2020-01-01 00:00:00", total="5.00")
    first = sync(settings(box, "matas"), select=["matas_invoice_details"])
    second = sync(settings(box, "matas"), first.state, select=["matas_invoice_details"])
    assert (unpaid,) in second.keys("matas_invoice_details")


def test_an_item_that_fails_is_kept_and_asked_for_first_next_time(box, sync, stream, book, first_item):
    box.faults.add(path=hit(stream, first_item), times=None, action={"status": 400})
    config = one_by_one(box, stream)
    first = sync(config, select=[stream])
    assert list(first.bookmark(stream)["failed"]) == [first_item]
    assert list(first.failures) == [stream]

    box.clear()
    second = sync(config, first.state, select=[stream])
    assert asked(box, stream)[0] == first_item
    assert sorted(asked(box, stream)) == sorted({first_item, *due(stream, book, bookmark(first, stream))})
    assert list(second.bookmark(stream)["failed"]) == [first_item]

    box.faults.clear()
    box.clear()
    third = sync(config, second.state, select=[stream])
    assert asked(box, stream)[0] == first_item
    assert "failed" not in third.bookmark(stream)
    assert not third.failures
    ids = [item(stream, record) for run in (first, second, third) for record in run.records[stream]]
    assert first_item in ids


def test_an_item_that_failed_and_then_is_gone_is_forgotten(box, sync, stream, first_item):
    box.faults.add(path=hit(stream, first_item), action={"status": 400})
    box.faults.add(path=hit(stream, first_item), after=1, times=None, action={"status": 404})
    first = sync(settings(box, stream), select=[stream])
    second = sync(settings(box, stream), first.state, select=[stream])
    assert first_item in first.bookmark(stream)["failed"]
    assert "failed" not in second.bookmark(stream)
    assert not second.failures


@pytest.mark.parametrize(("stream", "status"), crossed(CHILDREN, [400, 403]), indirect=["stream"])
def test_the_other_items_of_a_failing_one_come(box, sync, stream, first_item, book, status):  # noqa: PLR0913, PLR0917
    box.faults.add(path=hit(stream, first_item), times=None, action={"status": status})
    done = sync(settings(box, stream), select=[stream])
    assert list(done.failures) == [stream]
    assert list(done.bookmark(stream)["failed"]) == [first_item]
    assert {item(stream, record) for record in done.records[stream]} == set(due(stream, book)) - {first_item}


@pytest.mark.parametrize("module", ["details", "lists"])
def test_what_nobody_thought_of_in_one_item_fails_alone_and_tells_no_data(box, sync, caplog, monkeypatch, module):
    def fail(body):
        if b"iban" in body:
            raise LookupError(body)
        return decode(body)

    caplog.set_level("DEBUG")
    monkeypatch.setattr(f"tap_invoices.streams.{module}.decode", fail)
    stream = {"details": "exsited_invoice_details", "lists": "exsited_order_invoices"}[module]
    first_item, *others = due(stream, box.book("exsited"))
    box.faults.add(path=hit(stream, first_item), times=None, action={"status": 200, "body": '{"iban": "NL02"}'})
    done = sync(settings(box, stream), select=[stream])
    assert list(done.bookmark(stream)["failed"]) == [first_item]
    assert {item(stream, record) for record in done.records[stream]} == {*others}
    assert any(f"{first_item}: unexpected LookupError" in message for message in caplog.messages)
    assert "NL02" not in caplog.text


@pytest.mark.parametrize("stream", ALL_DETAILS, indirect=True)
def test_a_number_beyond_all_bounds_blocks_no_other_item(box, sync, stream, book, first_item):
    row = {ITEM.get(stream) or ITEM[provider_of(stream)]: first_item}
    answer_with(box, stream, first_item, {**row, "total": "HUGE"}, HUGE="1e99999999999999999999")
    done = sync(settings(box, stream), select=[stream])
    assert {item(stream, record) for record in done.records[stream]} >= set(due(stream, book)) - {first_item}
    assert bookmark(done, stream)


def test_a_failing_item_is_told_with_its_id(box, sync, caplog, stream, first_item):
    box.faults.add(path=hit(stream, first_item), times=None, action={"status": 400})
    sync(settings(box, stream), select=[stream])
    assert any(first_item in record.getMessage() for record in caplog.records if record.levelname == "WARNING")


@pytest.mark.parametrize(("stream", "status"), crossed(CHILDREN, [401, 403]), indirect=["stream"])
def test_a_refusal_on_an_item_ends_its_stream_at_once(box, sync, stream, book, status):
    listing = LIST_OF[provider_of(stream)]
    box.faults.add(path=CHILDREN[stream], times=None, action={"status": status})
    done = sync(one_by_one(box, stream), select=[listing, stream])
    assert list(done.failures) == [stream]
    assert str(status) in done.failures[stream]
    assert len(asked(box, stream)) < 10
    assert len(done.records[listing]) == len(book.invoices)
    assert not done.bookmark(stream).get("replication_key_value")


def test_a_refusal_says_which_permission_is_needed(box, sync):
    box.faults.add(path=CHILDREN["matas_invoice_details"], times=None, action={"status": 403})
    done = sync(settings(box, "matas"))
    assert "scope `Invoices`" in done.failures["matas_invoice_details"]


@pytest.mark.parametrize("connections", [1, 8])
def test_the_first_three_that_are_refused_end_a_stream(box, sync, caplog, connections):
    box.faults.add(path=CHILDREN[DETAILS], times=None, action={"status": 403})
    done = sync(settings(box, DETAILS, max_connections=connections), select=[DETAILS])
    assert done.failures[DETAILS].startswith("403 for GET /v3/account/invoice/{id}: permission denied")
    assert "config" in [getattr(record, "failure_type", None) for record in caplog.records]
    box.faults.clear()
    again = sync(settings(box, DETAILS), done.state, select=[DETAILS])
    assert len(again.keys(DETAILS)) == 25


@pytest.mark.parametrize(("after", "times"), [(0, 2), (1, 19), (1, 3)])
def test_fewer_refusals_end_nothing(box, sync, after, times):
    box.faults.add(path=CHILDREN[DETAILS], after=after, times=times, action={"status": 403})
    done = sync(one_by_one(box, DETAILS), select=[DETAILS])
    assert len(done.bookmark(DETAILS)["failed"]) == times
    assert len(done.keys(DETAILS)) == 25 - times


def test_three_refusals_of_which_the_first_is_something_else_end_nothing(box, sync):
    box.faults.add(path=CHILDREN[DETAILS], action={"status": 404})
    box.faults.add(path=CHILDREN[DETAILS], after=1, times=3, action={"status": 403})
    done = sync(one_by_one(box, DETAILS), select=[DETAILS])
    assert len(done.keys(DETAILS)) == 21


def test_twenty_refused_in_a_row_end_a_stream(box, sync):
    box.faults.add(path=CHILDREN[DETAILS], after=1, times=None, action={"status": 403})
    done = sync(one_by_one(box, DETAILS), select=[DETAILS])
    assert "20" in done.failures[DETAILS]
    assert "permission denied" in done.failures[DETAILS]
    assert len(asked(box, DETAILS)) < 25


def test_lost_items_that_are_not_in_a_row_are_no_outage(box, sync):
    for after, status in ((1, 503), (2, 503), (3, 400), (4, 503), (6, 503)):
        box.faults.add(path=CHILDREN[DETAILS], after=after, action={"status": status})
    done = sync(one_by_one(box, DETAILS, max_retry_seconds=0), select=[DETAILS, "i3dnet_unpaid_invoices"])
    assert list(done.failures) == [DETAILS]
    assert len(done.bookmark(DETAILS)["failed"]) == 5
    assert len(done.keys(DETAILS)) == 20
    assert not done.client("i3dnet").down


@pytest.mark.parametrize("status", [400, 403, 503])
def test_items_that_fail_at_every_sync_hold_up_no_others(box, sync, status):
    """They are asked for first, one after the other."""
    keys = list(box.book("i3dnet").invoices)
    broken, state = [key for number, key in enumerate(keys) if number not in {0, 12}], {}
    if status == 503:
        broken = keys[2::3]
    for key in broken:
        box.faults.add(path=hit(DETAILS, key), times=None, action={"status": status})
    config = one_by_one(box, DETAILS, max_retry_seconds=0, lookback_days=4000)
    for _ in range(3):
        done = sync(config, state, select=[DETAILS, "i3dnet_unpaid_invoices"])
        state = done.state
        assert {*done.keys(DETAILS)} == {(key,) for key in keys} - {(key,) for key in broken}
        assert sorted(done.bookmark(DETAILS)["failed"]) == sorted(broken)
        assert list(done.failures) == [DETAILS]


def test_twenty_failures_alike_in_a_row_end_a_stream(box, sync):
    box.faults.add(path=CHILDREN[DETAILS], times=None, action={"status": 400})
    done = sync(one_by_one(box, DETAILS), select=[DETAILS])
    assert "20" in done.failures[DETAILS]
    assert 20 <= len(asked(box, DETAILS)) < 25
    box.faults.clear()
    again = sync(settings(box, DETAILS), done.state, select=[DETAILS])
    assert sorted(again.keys(DETAILS)) == sorted((key,) for key in box.book("i3dnet").invoices)


def test_nineteen_failures_alike_end_nothing(box, sync):
    box.faults.add(path=CHILDREN[DETAILS], times=19, action={"status": 400})
    done = sync(one_by_one(box, DETAILS), select=[DETAILS])
    assert len(done.records[DETAILS]) == 6
    assert len(done.bookmark(DETAILS)["failed"]) == 19


def test_failures_alike_that_are_not_in_a_row_end_nothing(box, sync):
    box.faults.add(path=CHILDREN[DETAILS], times=12, action={"status": 400})
    box.faults.add(path=CHILDREN[DETAILS], after=13, times=12, action={"status": 400})
    done = sync(one_by_one(box, DETAILS), select=[DETAILS])
    assert len(done.records[DETAILS]) == 1
    assert len(done.bookmark(DETAILS)["failed"]) == 24


def test_failures_of_two_kinds_end_nothing(box, sync):
    box.faults.add(path="/invoice/[0-9]*[02468]$", times=None, action={"status": 400})
    box.faults.add(path="/invoice/[0-9]*[13579]$", times=None, action={"status": 409})
    done = sync(settings(box, DETAILS), select=[DETAILS])
    assert len(done.bookmark(DETAILS)["failed"]) == 25


@pytest.mark.slow
def test_beyond_500_failed_ids_the_bookmark_stays_before_the_earliest(sync):
    with Sandbox(invoices=540) as box:
        box.now = NOW
        keys = list(box.book("i3dnet").invoices)
        for odd, status in (("[02468]", 400), ("[13579]", 409)):
            box.faults.add(path=f"/invoice/[0-9]*{odd}$", times=265, action={"status": status})
        first = sync(one_by_one(box, DETAILS), select=[DETAILS])
        got = {record["id"] for record in first.records[DETAILS]}
        assert len(got) == 10
        assert len(first.bookmark(DETAILS)["failed"]) == 500
        box.faults.clear()
        second = sync(settings(box, DETAILS), first.state, select=[DETAILS])
        assert got | {record["id"] for record in second.records[DETAILS]} == set(keys)
        assert "failed" not in second.bookmark(DETAILS)


def test_when_the_list_cannot_be_read_its_followers_say_so(box, sync):
    box.faults.add(path=LISTS["i3dnet_invoices"], times=None, action={"status": 400})
    done = sync(settings(box, DETAILS), select=[DETAILS, "i3dnet_unpaid_invoices"])
    assert list(done.failures) == [DETAILS]
    assert "i3dnet_invoices" in done.failures[DETAILS]


# Size


def test_lines_do_not_grow_with_the_details(sync, caplog):
    caplog.set_level("INFO")
    with Sandbox(invoices=300) as box:
        done = sync(settings(box, DETAILS), select=[DETAILS])
    types = Counter(message["type"] for message in done.messages)
    assert types["RECORD"] == 300
    assert types["SCHEMA"] == 1
    assert types["STATE"] < 5
    assert len(caplog.records) < 30


# Lists


@pytest.mark.parametrize(
    ("stream", "parameter", "sent"),
    [
        ("covage_invoices", "accounting_date_gt", "2025-05-31"),
        ("ibana_invoices", "updatedFrom", "2025-05-31T21:59:59Z"),
    ],
)
def test_a_filter_goes_out_from_the_start_date_and_none_without(box, sync, stream, parameter, sent):
    sync(settings(box, stream), select=[stream])
    assert not any(parameter in dict(request.query) for request in box.requests)
    box.clear()
    sync(settings(box, stream, start_date="2025-06-01"), select=[stream])
    assert {value for request in box.requests for name, value in request.query if name == parameter} == {sent}


@pytest.mark.parametrize(
    ("stream", "parameter"), [("covage_invoices", "accounting_date_gt"), ("ibana_invoices", "updatedFrom")]
)
def test_a_list_with_a_filter_is_asked_for_from_the_bookmark_less_the_lookback(box, sync, stream, parameter):
    first = sync(settings(box, stream), select=[stream])
    box.clear()
    sync(settings(box, stream), first.state, select=[stream])
    wider = timedelta(days=1) if stream == "covage_invoices" else timedelta(seconds=1)
    since = moment(bookmark(first, stream)) - timedelta(days=LOOKBACK[provider_of(stream)]) - wider
    [value] = {value for request in box.requests for name, value in request.query if name == parameter}
    assert moment(value) == since


def test_exsited_s_list_is_read_whole_and_emitted_from_the_bookmark(box, sync):
    stream, book = "exsited_invoices", box.book("exsited")
    first = sync(settings(box, stream), select=[stream])
    box.now += timedelta(days=3)
    book.change(next(iter(book.invoices)))
    second = sync(settings(box, stream), first.state, select=[stream])
    assert len(first.records[stream]) == 25
    assert sorted(record["id"] for record in second.records[stream]) == due(stream, book, bookmark(first, stream))
    assert second.account(stream).read == 25


@pytest.mark.parametrize("stream", ["matas_invoices", "i3dnet_invoices", "i3dnet_unpaid_invoices"])
def test_a_list_without_a_date_gives_all_its_rows_at_every_sync(box, sync, stream):
    first = sync(settings(box, stream, start_date="2026-01-01"), select=[stream])
    second = sync(settings(box, stream), first.state, select=[stream])
    assert first.keys(stream) == second.keys(stream) != []


@pytest.mark.parametrize("stream", [*CHILDREN, "covage_invoices", "ibana_invoices", "exsited_invoices"])
def test_a_bookmark_does_not_go_back(box, sync, stream):
    """What it stood for is gone from the source, and what the lookback brings is older."""
    config = settings(box, stream, lookback_days=36500)
    state = sync(config, select=[stream]).state
    mark = state["bookmarks"][stream]["accounts"]["default"]
    later = {10: "2026-11-01", 27: "2026-11-01T00:00:00.000000Z"}[len(mark["replication_key_value"])]
    mark["replication_key_value"] = later
    again = sync(config, state, select=[stream])
    assert again.records[stream]
    assert bookmark(again, stream) == later


@pytest.mark.parametrize(
    ("stream", "field"),
    [("covage_invoices", "accounting_date"), ("ibana_invoices", "updatedAt"), ("exsited_invoices", "last_updated_on")],
)
def test_a_date_to_come_does_not_take_the_bookmark_past_the_provider_s_clock(box, sync, stream, field):
    book = box.book(provider_of(stream))
    book.change(
        next(iter(book.invoices)), **{field: "2099-01-01" if field == "accounting_date" else "2099-01-01T00:00:00Z"}
    )
    box.now = datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC)
    told = moment(bookmark(sync(settings(box, stream), select=[stream]), stream))
    assert told.date() == box.now.date()
    assert told <= box.now


@pytest.mark.parametrize(
    ("stream", "field"),
    [("covage_invoices", "accounting_date"), ("ibana_invoices", "updatedAt"), ("exsited_invoices", "last_updated_on")],
)
def test_the_clock_of_the_first_answer_bounds_the_bookmark(box, sync, stream, field):
    """What changes while the list is read may be on a page that has been read."""
    clocks = []

    def a_day_later(request):
        box.clock_offset += 86400
        if request.method == "GET":
            clocks.append(box.now)

    book = box.book(provider_of(stream))
    book.token_seconds = 365 * 86400
    book.change(
        next(iter(book.invoices)), **{field: "2099-01-01" if field == "accounting_date" else "2099-01-01T00:00:00Z"}
    )
    box.on_request(a_day_later)
    config = settings(box, stream)
    config[provider_of(stream)]["page_size"] = 10
    told = moment(bookmark(sync(config, select=[stream]), stream))
    assert len(clocks) > 2
    assert told.date() == clocks[0].date()
