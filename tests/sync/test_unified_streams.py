"""The streams `invoices` and `invoice_lines`, through the tap: what they share with others, and what is their own."""

from __future__ import annotations

import logging
import re
from collections import Counter
from copy import deepcopy
from datetime import date
from decimal import Decimal

import jsonschema
import pytest

from tap_invoices.sandbox.einvoice import EInvoice
from tap_invoices.sandbox.einvoice_pdf import einvoice_pdf
from tap_invoices.sandbox.pdf import invoice_pdf
from tap_invoices.streams.schemas import own_schema
from tests.support.run import CHILDREN, LISTS, PROVIDERS, UNIFIED

KEYS = {
    "invoices": ["provider", "source_account", "id"],
    "invoice_lines": ["provider", "source_account", "invoice_id", "position"],
}
RAW = [name for name in (*LISTS, *CHILDREN) if re.search(r"_invoices$|_invoice_details$", name)]
RAW = [name for name in RAW if name.count("_") < 3 and "unpaid" not in name]
"""The streams that rows are made from, and what they are read with."""
D = Decimal


def settings(box, *providers, **more):
    """No documents."""
    return {**box.config(*providers), **more}


def with_xml(box, *providers, **more):
    return settings(box, *providers, documents={"read_xml": True, **more})


def rows(done, stream, provider=None):
    """A stream's records by key, each once."""
    found = [row for row in done.by_account[stream, "default"] if provider in {None, row["provider"]}]
    by_key = {tuple(row[name] for name in KEYS[stream]): row for row in found}
    assert len(by_key) == len(found)
    return by_key


def asked(box):
    """What is asked for, but for sign-ins, and forget it."""
    found = Counter(request.path for request in box.requests if request.method == "GET")
    box.requests.clear()
    return found


def selected(*names):
    return [*names, *UNIFIED]


# Rows


def test_each_invoice_and_each_line_of_every_provider_is_one_row(box, sync):
    done = sync(with_xml(box), select=UNIFIED)
    assert done.failures == {}
    headers, lines = rows(done, "invoices"), rows(done, "invoice_lines")
    assert Counter(key[0] for key in headers) == {name: len(box.book(name).invoices) for name in PROVIDERS}
    assert {key[0] for key in lines} == set(PROVIDERS)
    assert {key[:3] for key in lines} <= set(headers)
    for key, row in lines.items():
        assert [(*key[:3], n) in lines for n in range(1, row["line_count"] + 1)] == [True] * row["line_count"]
        assert row["currency"] == headers[key[:3]]["currency"]
    for stream, found in (("invoices", headers), ("invoice_lines", lines)):
        schema = own_schema(stream)
        validator = jsonschema.Draft7Validator(schema)
        for row in found.values():
            validator.validate(row)
            assert list(row) == list(schema["properties"])
    assert [m["key_properties"] for m in done.messages if m["type"] == "SCHEMA"] == list(KEYS.values())


def test_they_come_last(box, sync):
    done = sync(settings(box))
    names = list(dict.fromkeys(m["stream"] for m in done.messages if m["type"] == "SCHEMA"))
    assert names[-2:] == list(UNIFIED)
    for provider in PROVIDERS:
        own = [
            m["stream"]
            for m in done.messages
            if m["type"] == "RECORD" and m["record"].get("provider", m["stream"].partition("_")[0]) == provider
        ]
        assert list(dict.fromkeys(own))[-2:] in ([*UNIFIED], [f"{provider}_invoices", "invoices"])


def test_a_row_is_beside_the_one_that_it_is_made_from(box, sync):
    done = sync(settings(box))
    for provider in PROVIDERS:
        raw = {row[0] for row in done.keys(f"{provider}_invoices")}
        assert {key[2] for key in rows(done, "invoices", provider)} == raw


def test_fields_that_are_deselected_are_left_out(box, sync, make_catalog):
    config = settings(box, "exsited")
    catalog = make_catalog(config, UNIFIED)
    for entry in catalog["streams"]:
        for part in entry["metadata"]:
            if part["breadcrumb"][-1:] in (["note"], ["checks"], ["unit_price"]):
                part["metadata"]["selected"] = False
    done = sync(config, catalog=catalog)
    assert done.records["invoices"]
    assert not any({"note", "checks", "unit_price"} & row.keys() for name in UNIFIED for row in done.records[name])


def test_amounts_can_go_out_as_text(box, sync):
    config = settings(box, "exsited", "matas")
    plain, text = (sync({**config, "decimals": decimals}, select=UNIFIED) for decimals in ("number", "text"))
    for key, row in rows(text, "invoices").items():
        number = rows(plain, "invoices")[key]
        assert [row[n] and D(row[n]) for n in ("net_amount", "gross_amount")] == [
            number[n] for n in ("net_amount", "gross_amount")
        ]
        assert isinstance(row["gross_amount"], str)


@pytest.mark.parametrize("extra", [None, {"odd": "x"}], ids=["verbatim", "general"])
def test_a_row_is_the_same_whichever_way_the_raw_one_goes(box, sync, extra):
    keys = list(box.book("ibana").invoices)
    box.book("ibana").change(keys[3], **(extra or {}))
    alone = sync(settings(box, "ibana"), select=["invoices"])
    beside = sync(settings(box, "ibana"), select=selected("ibana_invoices"))
    assert rows(alone, "invoices") == rows(beside, "invoices")


# Requests


@pytest.mark.parametrize("provider", PROVIDERS)
def test_beside_the_raw_streams_there_is_not_one_request_more(box, sync, provider):
    config = settings(box, provider)
    raw = [name for name in RAW if name.startswith(f"{provider}_")]
    state = both = None
    for _ in range(3):  # from nothing, and from the state of the sync before
        sync(config, state, select=raw)
        expected = asked(box)
        both = sync(config, state, select=selected(*raw))
        assert asked(box) == expected
        assert both.failures == {}
        state = both.state
        box.book(provider).add()


@pytest.mark.parametrize("mode", [{"mode": "inline"}, {}], ids=["kept", "not kept"])
def test_a_pdf_is_asked_for_once_whoever_wants_it(box, sync, mode):
    config = with_xml(box, "covage", **mode)
    select = selected("covage_invoices", *(["covage_invoice_documents"] if mode else []))
    done = sync(config, select=select)
    downloads = {path: count for path, count in asked(box).items() if "download" in path}
    assert set(downloads.values()) == {1}
    assert len(downloads) == len(box.book("covage").invoices)
    again = sync(config, done.state, select=select)
    assert {count for path, count in asked(box).items() if "download" in path} == {1}
    assert again.failures == {}


def test_alone_they_ask_only_for_what_they_need(box, sync):
    done = sync(settings(box), select=["invoices"])
    assert len(done.records["invoices"]) == sum(len(box.book(name).invoices) for name in PROVIDERS)
    paths = asked(box)
    assert all(any(re.search(pattern, path) for pattern in LISTS.values()) for path in paths)
    assert not any("unpaid" in path for path in paths)
    sync(settings(box), select=["invoice_lines"])
    paths = asked(box)
    assert {path.split("/")[1] for path in paths} == set(PROVIDERS) - {"covage"}


# State


def test_the_state_is_by_provider_and_account_and_goes_by_the_raw_field(box, sync):
    done = sync(settings(box), select=UNIFIED)
    found = done.state["bookmarks"]["invoices"]["accounts"]
    assert {key: each["replication_key"] for key, each in found.items()} == {
        "covage/default": "accounting_date",
        "exsited/default": "last_updated_on",
        "ibana/default": "updatedAt",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found["covage/default"]["replication_key_value"])
    lines = done.state["bookmarks"]["invoice_lines"]["accounts"]
    assert set(lines) == {f"{name}/default" for name in ("exsited", "i3dnet", "ibana", "matas")}
    again = sync(settings(box), done.state, select=UNIFIED)
    assert again.failures == {}
    counts = Counter(key[0] for key in rows(again, "invoices"))
    everything = len(box.book("matas").invoices)
    assert counts["matas"] == counts["i3dnet"] == everything  # lists without a filter
    assert all(counts[name] < everything for name in ("covage", "exsited", "ibana"))


@pytest.mark.parametrize(
    ("provider", "change"),
    [("ibana", {"amounts_in": "cents"}), ("ibana", {"time_zone": "UTC"}), ("exsited", {"time_zone": "Asia/Tokyo"})],
)
def test_another_shape_reads_all_again(box, sync, provider, change):
    config = settings(box, provider)
    done = sync(config, select=selected(f"{provider}_invoices"))
    config[provider] = {**config[provider], **change}
    again = sync(config, done.state, select=selected(f"{provider}_invoices"))
    everything = len(box.book(provider).invoices)
    assert len(again.records["invoices"]) == everything > len(again.records[f"{provider}_invoices"])
    third = sync(config, again.state, select=UNIFIED)
    assert len(third.records["invoices"]) < everything


def test_a_corrected_mapping_reads_all_again(box, sync):
    done = sync(settings(box, "exsited"), select=UNIFIED)
    state = deepcopy(done.state)
    for name in UNIFIED:
        state["bookmarks"][name]["accounts"]["exsited/default"]["shape"]["model"] = 0
    again = sync(settings(box, "exsited"), state, select=UNIFIED)
    assert [len(rows(again, name)) for name in UNIFIED] == [len(rows(done, name)) for name in UNIFIED]


def test_a_read_of_another_shape_that_fails_begins_again(box, sync):
    config = settings(box, "exsited", exsited={**box.config()["exsited"], "page_size": 10})
    done = sync(config, select=UNIFIED)
    changed = deepcopy(config)
    changed["exsited"]["time_zone"] = "Asia/Tokyo"
    box.faults.add(path=LISTS["exsited_invoices"], after=1, action={"status": 403})
    failed = sync(changed, done.state, select=UNIFIED)
    assert set(failed.failures) == {"invoices (exsited)", "invoice_lines (exsited)"}
    assert failed.state["bookmarks"] == done.state["bookmarks"]
    box.faults.clear()
    whole = sync(changed, failed.state, select=UNIFIED)
    assert len(whole.records["invoices"]) == len(box.book("exsited").invoices)
    assert whole.state["bookmarks"]["invoices"]["accounts"]["exsited/default"]["shape"]["time_zone"] == "Asia/Tokyo"


def test_one_provider_s_failure_leaves_the_others_alone(box, sync):
    config = settings(box)
    done = sync(config, select=UNIFIED)
    bad = {**config, "ibana": {**config["ibana"], "token": "wrong"}}
    for name in PROVIDERS:
        box.book(name).add()
    failed = sync(bad, done.state, select=UNIFIED)
    assert set(failed.failures) == {"invoices (ibana)", "invoice_lines (ibana)"}
    before, after = (each.state["bookmarks"]["invoices"]["accounts"] for each in (done, failed))
    assert after["ibana/default"] == before["ibana/default"]
    assert after["exsited/default"]["replication_key_value"] > before["exsited/default"]["replication_key_value"]
    assert {key[0] for key in rows(failed, "invoices")} == set(PROVIDERS) - {"ibana"}


def test_a_detail_that_cannot_be_had_is_due_again_to_all_who_want_it(box, sync):
    key = list(box.book("matas").invoices)[4]
    config = settings(box, "matas", max_retry_seconds=0)
    box.faults.add(path=f"/matas/api/invoice/{key}$", action={"status": 500})
    names = ("matas_invoice_details", "invoice_lines")
    done = sync(config, select=names)
    assert set(done.failures) == {"matas_invoice_details", "invoice_lines (matas)"}
    kept = done.state["bookmarks"]
    assert key in kept["matas_invoice_details"]["accounts"]["default"]["failed"]
    assert key in kept["invoice_lines"]["accounts"]["matas/default"]["failed"]
    box.faults.clear()
    asked(box)
    again = sync(config, done.state, select=names)
    assert again.failures == {}
    assert asked(box)[f"/matas/api/invoice/{key}"] == 1
    assert key in {row["invoice_id"] for row in again.records["invoice_lines"]}
    assert "failed" not in again.state["bookmarks"]["invoice_lines"]["accounts"]["matas/default"]


def test_lines_that_are_selected_later_come_whole_and_share_what_is_due(box, sync):
    config = settings(box, "i3dnet")
    done = sync(config, select=["i3dnet_invoice_details"])
    asked(box)
    later = sync(config, done.state, select=["i3dnet_invoice_details", "invoice_lines"])
    paths = {path: n for path, n in asked(box).items() if re.search(CHILDREN["i3dnet_invoice_details"], path)}
    assert len(paths) == len(box.book("i3dnet").invoices)
    assert set(paths.values()) == {1}
    assert len(later.records["i3dnet_invoice_details"]) < len(paths)
    assert len({row["invoice_id"] for row in later.records["invoice_lines"]}) == len(paths)


def test_an_invoice_of_covage_that_is_posted_late_is_found(box, sync):
    config = settings(box, "covage")
    done = sync(config, select=["invoices"])
    key = box.book("covage").add(accounting_date="2024-02-01", payment_deadline="2024-03-01")
    again = sync(config, done.state, select=["invoices"])
    assert key in {row["id"] for row in again.records["invoices"]}


def test_lines_are_counted_anew_when_an_invoice_shrinks(box, sync):
    book = box.book("ibana")
    done = sync(settings(box, "ibana"), select=["invoice_lines"])
    key = next(row["invoice_id"] for row in done.records["invoice_lines"] if row["line_count"] > 1)
    items = book.invoices[key]["lineItems"]
    book.change(key, lineItems=items[:-1])
    again = sync(settings(box, "ibana"), done.state, select=["invoice_lines"])
    counts = {row["position"]: row["line_count"] for row in again.records["invoice_lines"] if row["invoice_id"] == key}
    assert counts == dict.fromkeys(range(1, len(items)), len(items) - 1)


# What is told


@pytest.mark.parametrize("amounts_in", [None, "units", "cents"])
def test_amounts_of_an_unknown_unit_are_null_until_it_is_set(box, sync, caplog, amounts_in):
    config = settings(box, "matas", matas={**box.config()["matas"], "amounts_in": amounts_in})
    with caplog.at_level(logging.WARNING):
        done = sync(config, select=UNIFIED)
    told = [record.message for record in caplog.records if "amounts_in" in record.message]
    assert len(told) == {None: 1, "units": 0, "cents": 1}[amounts_in]  # the sandbox sends fractions: no cents
    assert all("`matas.amounts_in`" in line for line in told)
    assert {row["gross_amount"] is None for row in done.records["invoices"]} == {amounts_in is None}


@pytest.mark.parametrize("provider", ["matas", "ibana"])
def test_lines_alone_name_the_setting_that_lacks_too(box, sync, caplog, provider):
    config = {**box.config(provider)[provider], "amounts_in": None}
    with caplog.at_level(logging.WARNING):
        sync(settings(box, provider, **{provider: config}), select=["invoice_lines"])
    assert sum(f"`{provider}.amounts_in`" in record.message for record in caplog.records) == 1


def test_what_does_not_add_up_is_told_and_comes(box, sync, caplog):
    key = list(box.book("matas").invoices)[2]
    total = box.book("matas").invoices[key]["total"]
    box.book("matas").change(key, total=str(D(str(total)) + 1))
    with caplog.at_level(logging.WARNING):
        done = sync(settings(box, "matas"), select=["invoices"])
    [row] = [row for row in done.records["invoices"] if row["checks_ok"] is False]
    assert (row["id"], row["checks"]["br_co_15"]) == (key, 1)
    assert "invoices (matas): 1 rows that do not add up by br_co_15" in caplog.messages


# XML in PDFs


def test_what_the_xml_says_is_in_the_rows(box, sync):
    book = box.book("covage")
    keys = list(book.invoices)
    for key in keys:
        book.pdfs[key] = invoice_pdf(key)
    book.pdfs[keys[0]] = einvoice_pdf(EInvoice(keys[0], date(2026, 1, 2)))
    book.pdfs[keys[1]] = einvoice_pdf(EInvoice("another", date(2026, 1, 2)))
    book.pdfs[keys[2]] = b"%PDF-1.7\nbroken\n%%EOF"
    done = sync(with_xml(box, "covage"), select=UNIFIED)
    assert done.failures == {}
    found = {key[2]: row for key, row in rows(done, "invoices").items()}
    assert set(found) == set(keys)
    assert (found[keys[0]]["gross_amount"], found[keys[0]]["amounts_source"]) == (D("119.76"), "document")
    assert found[keys[0]]["buyer_name"] == "Example B.V."
    assert {row["amounts_source"] for key, row in found.items() if key != keys[0]} == {None}
    assert {row["invoice_id"] for row in done.records["invoice_lines"]} == {keys[0]}


def refuse_pdf(box, key, status):
    path = CHILDREN["covage_invoice_documents"].replace("[^/]+", re.escape(key))
    box.faults.add(path=path, times=None, action={"status": status})


def test_a_pdf_that_cannot_be_had_is_no_row_and_due_again(box, sync):
    book = box.book("covage")
    key = next(iter(book.invoices))  # long before every lookback
    book.pdfs[key] = einvoice_pdf(EInvoice(key, date(2026, 1, 2)))
    config = with_xml(box, "covage")
    config["max_retry_seconds"] = 0
    refuse_pdf(box, key, 500)
    done = sync(config, select=UNIFIED)
    assert set(done.failures) == {"invoices (covage)", "invoice_lines (covage)"}
    assert key not in {row["id"] for row in done.records["invoices"]}
    box.faults.clear()
    again = sync(config, done.state, select=UNIFIED)
    [row] = [row for row in again.records["invoices"] if row["id"] == key]
    assert row["gross_amount"] == D("119.76")
    assert row["provider_type"] is not None  # which only the list says


@pytest.mark.parametrize("gone", [3, 22])
def test_a_pdf_that_is_gone_is_a_row_once_that_is_believed(box, sync, gone):
    keys = list(box.book("covage").invoices)
    box.faults.add(path=CHILDREN["covage_invoice_documents"], times=gone, action={"status": 404})
    config = {**with_xml(box, "covage"), "max_connections": 1}
    done = sync(config, select=["invoices"])
    found = {row["id"]: row for row in done.records["invoices"]}
    believed = gone < 20
    assert set(found) == set(keys if believed else keys[gone:])
    if believed:
        assert all(found[key]["amounts_source"] is None for key in keys[:gone])
        assert "failed" not in done.state["bookmarks"]["invoices"]["accounts"]["covage/default"]
        return
    again = sync(config, done.state, select=["invoices"])
    assert set(keys[:gone]) <= {row["id"] for row in again.records["invoices"]}


@pytest.mark.parametrize("is_reshaped", [False, True])
def test_what_a_pdf_said_is_not_overwritten_where_it_goes(box, sync, is_reshaped):
    """Whether the next sync asks for the last weeks or, with another mapping, for all; what is new has its row."""
    book = box.book("covage")
    keys = list(book.invoices)
    for key in keys:
        book.pdfs[key] = einvoice_pdf(EInvoice(key, date(2026, 1, 2)))
    config = with_xml(box, "covage")
    first = sync(config, select=UNIFIED)
    assert len(rows(first, "invoices")) == len(keys)
    state = sync(config, first.state, select=UNIFIED).state  # which reads but the last of them
    latest = book.invoices[keys[-1]]["accounting_date"]
    new = [book.add(accounting_date=latest) for _ in range(2)]
    for key in (keys[0], keys[-1], *new):
        refuse_pdf(box, key, 404)
    state["bookmarks"]["invoices"]["accounts"]["covage/default"]["shape"]["model"] -= is_reshaped
    again = sync(config, state, select=UNIFIED)
    assert again.failures == {}
    found = {key[2]: row for key, row in rows(again, "invoices").items()}
    assert not {keys[0], keys[-1]} & set(found)
    assert [found[key]["amounts_source"] for key in new] == [None, None]
    assert (keys[1] in found) == is_reshaped
    third = sync(config, again.state, select=UNIFIED)
    assert keys[-1] not in {row["id"] for row in third.records["invoices"]}


def test_a_pdf_that_failed_and_then_is_gone_is_a_row_however_old(box, sync):
    book = box.book("covage")
    key = next(iter(book.invoices))
    config = {**with_xml(box, "covage"), "max_retry_seconds": 0}
    refuse_pdf(box, key, 500)
    done = sync(config, select=["invoices"])
    assert key not in {row["id"] for row in done.records["invoices"]}
    box.faults.clear()
    refuse_pdf(box, key, 404)
    again = sync(config, done.state, select=["invoices"])
    assert key in {row["id"] for row in again.records["invoices"]}


def test_switched_off_again_the_rows_lose_what_the_xml_said(box, sync):
    done = sync(with_xml(box, "covage"), select=["invoices"])
    assert any(row["gross_amount"] for row in done.records["invoices"])
    off = sync(settings(box, "covage"), done.state, select=["invoices"])
    assert len(off.records["invoices"]) == len(done.records["invoices"])
    assert not any(row["gross_amount"] for row in off.records["invoices"])
