"""`decimals: text` in whole syncs: the same values, as text, in every stream."""

from __future__ import annotations

from decimal import Decimal

import pytest
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

from tap_invoices.records.verbatim import VerbatimDecoder
from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW
from tests.support.run import STREAMS, catalog_of, settings
from tests.unit.test_decimals import leaves, types

LONG = "1234567890123456.789"
TINY = "0.00000001"


@pytest.fixture(scope="module")
def box():
    with Sandbox(invoices=20) as served:
        served.now = NOW
        for provider, name in (("matas", "total"), ("ibana", "totalAmount"), ("exsited", "total")):
            book = served.book(provider)
            first, second, *_ = book.invoices
            book.change(first, **{name: Decimal(LONG), "of_no_schema": Decimal("1.50")})
            book.change(second, **{name: Decimal(TINY), "of_no_schema": 2})
        yield served


@pytest.fixture(scope="module")
def runs(box, sync):
    found = {kind: sync(settings(box, decimals=kind), select="*") for kind in ("number", "text")}
    assert not any(run.failures for run in found.values())
    return found


def schema(run, stream):
    [message] = [m for m in run.messages if m["type"] == "SCHEMA" and m["stream"] == stream]
    return message


@pytest.mark.parametrize("stream", STREAMS)
def test_every_stream_brings_the_same_values_as_text(runs, stream):
    integers = {path for path, kind in types(schema(runs["number"], stream)["schema"]).items() if "integer" in kind}
    numbers, texts = (runs[kind].records[stream] for kind in ("number", "text"))
    assert len(numbers) == len(texts) > 0
    for one, other in zip(numbers, texts, strict=True):
        for (path, before), (same_path, after) in zip(leaves(one), leaves(other), strict=True):
            assert path == same_path
            is_number = isinstance(before, (int, Decimal)) and not isinstance(before, bool)
            expected = f"{Decimal(before):f}" if is_number and path not in integers else before
            assert (after, type(after)) == (expected, type(expected)), path


@pytest.mark.parametrize("stream", STREAMS)
def test_records_fit_their_schema_and_keys_and_bookmarks_are_the_same(runs, stream):
    number, text = (schema(runs[kind], stream) for kind in ("number", "text"))
    assert "number" not in str(list(types(text["schema"]).values()))
    validator = DEFAULT_JSONSCHEMA_VALIDATOR(text["schema"])
    assert [e.message for record in runs["text"].records[stream] for e in validator.iter_errors(record)] == []
    assert text["key_properties"] == number["key_properties"]
    assert runs["text"].keys(stream) == runs["number"].keys(stream)
    one, other = (runs[kind].bookmark(stream) for kind in ("number", "text"))
    assert one.keys() == other.keys()
    to_the_second = slice(19)  # where a bookmark is the sync's start, the sandbox's clock has gone on
    assert [str(value)[to_the_second] for value in one.values()] == [str(v)[to_the_second] for v in other.values()]


@pytest.mark.parametrize(
    ("stream", "name"),
    [("matas_invoices", "total"), ("ibana_invoices", "totalAmount"), ("exsited_invoices", "total")],
)
def test_long_and_small_amounts_are_whole(runs, stream, name):
    amounts = {record[name] for record in runs["text"].records[stream]}
    assert {LONG, TINY} <= amounts


def test_a_list_that_could_go_out_as_it_came_is_written_anew(box, sync, monkeypatch):
    monkeypatch.setattr(VerbatimDecoder, "decode", None)
    run = sync(settings(box, "ibana", decimals="text"), select=["ibana_invoices"])
    assert not run.failures
    assert len(run.records["ibana_invoices"]) == 20


def test_the_catalog_tells_the_types_that_come_and_an_older_one_changes_none(box, sync):
    catalog = catalog_of(settings(box, "matas", decimals="text"), {"matas_invoices"})
    old = catalog_of(settings(box, "matas"), {"matas_invoices"})
    for given in (catalog, old):
        run = sync(settings(box, "matas", decimals="text"), catalog=given)
        assert schema(run, "matas_invoices")["schema"]["properties"]["total"]["type"] == ["string", "null"]
        assert {type(record["total"]) for record in run.records["matas_invoices"]} == {str}
    [entry] = [each for each in catalog["streams"] if each["tap_stream_id"] == "matas_invoices"]
    assert entry["schema"]["properties"]["total"]["type"] == ["string", "null"]


def test_stream_maps_work_on_text(box, sync):
    maps = {"matas_invoices": {"gross": "total", "same": "str(total)"}}
    run = sync(settings(box, "matas", decimals="text", stream_maps=maps), select=["matas_invoices"])
    assert not run.failures
    sent = {key: f"{row['total']:f}" for key, row in box.book("matas").invoices.items()}
    rows = run.records["matas_invoices"]
    assert sorted(row["gross"] for row in rows) == sorted(row["same"] for row in rows) == sorted(sent.values())


def test_flattened_amounts_are_text_too(box, sync):
    config = settings(box, "exsited", decimals="text", flattening_enabled=True, flattening_max_depth=1)
    run = sync(config, select=["exsited_invoices"])
    amounts = [record["last_payment__amount"] for record in run.records["exsited_invoices"]]
    assert {type(amount) for amount in amounts} <= {str, type(None)}
    assert str in {type(amount) for amount in amounts}
