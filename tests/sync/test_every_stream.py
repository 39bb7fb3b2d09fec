"""What holds for each of the sixteen streams, documents kept as files and in the records."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from jsonschema import Draft4Validator, FormatChecker
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

from tap_invoices.providers import PROVIDERS
from tap_invoices.sandbox import Sandbox
from tap_invoices.sandbox.wire import to_json
from tap_invoices.streams.lists import PagedListStream
from tap_invoices.streams.schemas import SCHEMAS_DIR
from tap_invoices.tap import TapInvoices
from tests.conftest import NOW
from tests.support.run import DOCUMENTS, UNIFIED, bookmark_in, own_signals, provider_of

INVOICES = 60
PAGE = 7
LISTS = {
    "covage_invoices": (["invoice_number"], "accounting_date"),
    "matas_invoices": (["invoice_number"], None),
    "ibana_invoices": (["id"], "updatedAt"),
    "exsited_invoices": (["id"], "last_updated_on"),
    "i3dnet_invoices": (["id"], None),
    "i3dnet_unpaid_invoices": (["id"], None),
}
CHILDREN = {
    "covage_invoice_documents": (["invoice_number"], "accounting_date"),
    "matas_invoice_details": (["invoice_number"], "changed_on"),
    "exsited_invoice_details": (["id"], "last_updated_on"),
    "exsited_invoice_information": (["id"], "last_updated_on"),
    "exsited_order_invoices": (["order_id", "id"], "last_updated_on"),
    "exsited_account_invoices": (["account_id", "id"], "last_updated_on"),
    "exsited_invoice_documents": (["id"], "last_updated_on"),
    "i3dnet_invoice_details": (["id"], "changed_on"),
    "i3dnet_invoice_details_by_number": (["invoiceNumber"], "changed_on"),
    "i3dnet_invoice_documents": (["id"], "changed_on"),
}
STREAMS = {**LISTS, **CHILDREN}
"""Stream → its key and its replication key."""
BY_DEFAULT = {*LISTS, "matas_invoice_details", "exsited_invoice_details", "i3dnet_invoice_details"}

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
BROKEN = re.compile("[\x00\ud800-\udfff]")
FORMATS = FormatChecker(())
FORMATS.checks("date", ValueError)(lambda value: not isinstance(value, str) or date.fromisoformat(value))
FORMATS.checks("date-time", ValueError)(
    lambda value: not isinstance(value, str) or (RFC3339.fullmatch(value) and datetime.fromisoformat(value))
)


@pytest.fixture(scope="module")
def box():
    with Sandbox(invoices=INVOICES) as served:
        served.now = NOW
        yield served


@pytest.fixture(scope="module", params=["files", "inline"])
def run(request, box, sync, tmp_path_factory):
    """All streams, read once in each mode, in pages of a few."""
    documents = {"mode": request.param}
    if request.param == "files":
        documents["url"] = tmp_path_factory.mktemp("documents").as_uri()
    config = {**box.config(), "documents": documents}
    for provider in ("covage", "ibana", "exsited", "i3dnet"):
        config[provider]["page_size"] = PAGE
    done = sync(config, select="*")
    assert not done.failures
    return done


@pytest.fixture(params=STREAMS)
def stream(request):
    return request.param


@pytest.fixture
def book(box, stream):
    return box.book(provider_of(stream))


@pytest.fixture
def schema(stream):
    return json.loads((SCHEMAS_DIR / f"{stream}.json").read_text(encoding="utf-8"))


def sent_invoices(stream, book):
    """What a whole read of a stream is to bring: the record's key → the sandbox's key of the invoice, and its row."""
    names = STREAMS[stream][0]
    found = {}
    for key, row in book.invoices.items():
        is_open = not row.get("isCredit") and not row.get("paymentDate")
        if all(row[name] for name in names) and (is_open or stream != "i3dnet_unpaid_invoices"):
            found[tuple(row[name] for name in names)] = (key, row)
    return found


def wire(stream, book, key):
    """An invoice as it went over the wire."""
    return json.loads(to_json(book.sent(stream, key)), parse_float=Decimal)


def differences(schema, sent, got, path="$"):
    """Where a value is not what was sent, by rules written down here once more, without the tap's own."""
    kind = schema.get("format") or next(iter(schema.get("type", [None])))
    if kind == "object" and isinstance(sent, dict):
        known = schema.get("properties", {})
        names = sent.keys() | got.keys()
        return [x for n in names for x in differences(known.get(n, {}), sent.get(n), got.get(n), f"{path}.{n}")]
    if kind == "array" and isinstance(sent, list):
        items = schema.get("items", {})
        return [x for one, other in zip(sent, got, strict=True) for x in differences(items, one, other, f"{path}[]")]
    if kind == "date-time":
        return [] if instant(got) == instant(read(kind, sent)) else [path]
    return [] if text(got) == text(read(kind, sent)) else [path]


def read(kind, sent):
    """What a value that was sent stands for."""
    if sent is None or (sent == "" and kind != "string"):
        return None
    if kind == "string":
        return BROKEN.sub("", str(sent))
    if kind in {"number", "integer"}:
        return Decimal(str(sent))
    if kind == "boolean":
        return {"true": True, "false": False}.get(sent, sent)
    if kind == "date-time" and isinstance(sent, int):
        return f"{datetime.fromtimestamp(sent, UTC):%Y-%m-%dT%H:%M:%SZ}" if sent else None
    return sent


def text(value):
    """A value with all the digits that it has."""
    return str(value) if isinstance(value, (int, Decimal)) else json.dumps(value, default=str, sort_keys=True)


def instant(value):
    return value and datetime.fromisoformat(value)


def changed_on(row):
    """The later of creation and payment; both are in one form, and text of one form sorts as time does."""
    if "invoice_date" in row:
        return max(row["invoice_date"], row["payment_date"] or "")
    return max(row["creationDate"], row["paymentDate"] or 0)


def test_streams_are_those_of_the_schemas():
    names = {stream.name for provider in PROVIDERS for stream in provider.streams}
    assert names == set(STREAMS) == {path.stem for path in SCHEMAS_DIR.glob("*.json")} - set(UNIFIED)


def test_a_paged_list_that_says_nothing_of_its_pages_cannot_be_made(box):
    class Forgetful(PagedListStream):
        provider, name, path, primary_keys = "matas", "matas_invoices", "/invoices", ("invoice_number",)

    with own_signals(), pytest.raises(TypeError, match="new_paginator"):
        Forgetful(TapInvoices(config=box.config()))


def test_every_key_comes_exactly_once(run, stream, book):
    assert sorted(run.keys(stream)) == sorted(sent_invoices(stream, book))


def test_keys_and_bookmark_are_the_contract(run, stream):
    [message] = [m for m in run.messages if m["type"] == "SCHEMA" and m["stream"] == stream]
    keys, replication = STREAMS[stream]
    assert message["key_properties"] == ["source_account", *keys]
    assert message.get("bookmark_properties", []) == ([replication] if replication else [])
    assert run.bookmark(stream).get("replication_key") == replication


def test_the_catalog_says_how_it_is_read_and_whether_by_default(run, stream):
    [entry] = [entry for entry in run.tap.catalog_dict["streams"] if entry["tap_stream_id"] == stream]
    [root] = [part["metadata"] for part in entry["metadata"] if not part["breadcrumb"]]
    replication = STREAMS[stream][1]
    assert entry["replication_method"] == ("INCREMENTAL" if replication else "FULL_TABLE")
    assert root["selected-by-default"] is (stream in BY_DEFAULT)


def test_schema_comes_before_the_first_record(run, stream):
    types = [message["type"] for message in run.messages if message.get("stream") == stream]
    assert types[0] == "SCHEMA"
    assert set(types[1:]) == {"RECORD"}


def test_schema_is_the_file(run, stream, schema):
    [message] = [m for m in run.messages if m["type"] == "SCHEMA" and m["stream"] == stream]
    account, *own = message["schema"]["properties"].items()
    assert dict(own) == schema["properties"]
    assert account == ("source_account", {"type": ["string"], "description": account[1]["description"]})


def test_records_fit_the_schema(run, stream, schema):
    validator = DEFAULT_JSONSCHEMA_VALIDATOR(schema, format_checker=FORMATS)
    assert [error.message for record in run.records[stream] for error in validator.iter_errors(record)] == []


def test_records_fit_the_schema_by_draft_4(run, stream, schema):
    validator = Draft4Validator(schema, format_checker=FormatChecker())
    assert [error.message for record in run.records[stream] for error in validator.iter_errors(record)] == []


def test_keys_are_text(run, stream):
    for record in run.records[stream]:
        assert all(isinstance(record[key], str) and record[key] for key in STREAMS[stream][0])


@pytest.mark.parametrize("stream", sorted(set(STREAMS) - set(DOCUMENTS)), indirect=True)
def test_records_are_what_was_sent(run, stream, book, schema):
    known, invoices = schema["properties"], sent_invoices(stream, book)
    for record in run.records[stream]:
        key, _ = invoices[tuple(record[name] for name in STREAMS[stream][0])]
        sent = wire(stream, book, key)
        sent["additional_properties"] = {name: sent.pop(name) for name in list(sent) if name not in known} or None
        assert record.keys() ^ sent.keys() <= {"changed_on"}
        got = {name: value for name, value in record.items() if name in sent}
        assert differences({**schema, "type": ["object"]}, sent, got) == [], key


@pytest.mark.parametrize("stream", CHILDREN, indirect=True)
def test_followers_tell_when_the_list_says_it_changed(run, stream, book):
    names, replication = STREAMS[stream]
    invoices = sent_invoices(stream, book)
    for record in run.records[stream]:
        _, row = invoices[tuple(record[name] for name in names)]
        kind = "date" if replication == "accounting_date" else "date-time"
        value = changed_on(row) if replication == "changed_on" else row[replication]
        assert instant(record[replication]) == instant(read(kind, value))


def test_state_is_last(run):
    assert run.messages[-1]["type"] == "STATE"


def test_a_state_follows_the_last_record_of_each_stream_though_it_is_the_same(box, sync, stream):
    """Some targets forget the state that they have seen when a record comes."""
    config = {**box.config(provider_of(stream)), "documents": {"mode": "inline"}, "lookback_days": 36500}
    first = sync(config, select=[stream])
    second = sync(config, first.state, select=[stream])
    assert second.records[stream]
    assert [message["value"] for message in second.messages[-1:]] == [first.state]


def test_no_state_is_ahead_of_its_records(run, stream):
    """A bookmark is never larger than the largest value that has gone out before it."""
    _, replication = STREAMS[stream]
    largest = ""
    for message in run.messages:
        if message["type"] == "RECORD" and message["stream"] == stream and replication:
            largest = max(largest, message["record"][replication] or "")
        elif message["type"] == "STATE" and replication:
            told = bookmark_in(message["value"], stream).get("replication_key_value")
            assert not told or instant(told) <= instant(largest)


def test_state_is_small(run):
    bookmarks = sum(len(stream["accounts"]) for stream in run.state["bookmarks"].values())
    assert len(json.dumps(run.state)) < 250 * bookmarks
    assert sum(message["type"] == "STATE" for message in run.messages) <= len(STREAMS) + 1


def test_bookmark_is_of_one_width(run, stream):
    _, replication = STREAMS[stream]
    form = r"\d{4}-\d\d-\d\d" if replication == "accounting_date" else r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
    assert not replication or re.fullmatch(form, run.bookmark(stream)["replication_key_value"])


def test_default_selection_leaves_out_what_is_heavy_or_told_twice(box, sync):
    done = sync({**box.config(), "documents": {"mode": "inline"}})
    assert {message["stream"] for message in done.messages if message["type"] == "RECORD"} == {
        *BY_DEFAULT,
        *UNIFIED,
    }


@pytest.mark.parametrize(("stream", "nothing"), [*((name, None) for name in LISTS), ("ibana_invoices", "")])
def test_a_row_without_its_key_costs_itself_alone_until_it_has_one(sync, stream, nothing):
    with Sandbox(invoices=25) as box:
        box.now = NOW
        provider, [key] = provider_of(stream), LISTS[stream][0]
        config, streams = box.config(provider), [name for name in STREAMS if provider_of(name) == provider]
        config["documents"] = {"mode": "inline"}
        config[provider] |= {"lookback_days": 0} if provider == "matas" else {"lookback_days": 0, "page_size": PAGE}
        book = box.book(provider)
        middle = next(name for name in list(book.invoices)[9:] if not book.invoices[name].get("paymentDate"))
        if provider == "i3dnet":
            book.change(middle, isCredit=0)
        names = {middle, str(book.invoices[middle].get("invoiceNumber"))}
        whole = sync(config, select=[*streams, *UNIFIED])
        book.change(middle, **{key: nothing})
        done = sync(config, select=[*streams, *UNIFIED])
        book.change(middle, **{key: middle})
        after = sync(config, done.state, select=[*streams, *UNIFIED])
    assert f"a record without its key `{key}` in {stream}, " in done.failures[stream]
    assert not whole.failures
    assert not after.failures
    for name in (*streams, *UNIFIED):
        wanted, came = set(whole.keys(name)), set(done.keys(name))
        lost = wanted - came
        assert all(names & set(map(str, each)) for each in lost), name
        assert wanted <= came | set(after.keys(name)), name
        assert not lost or {name, f"{name} ({provider})"} & set(done.failures)
