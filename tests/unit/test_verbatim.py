"""The fast road and the general one lead to the same messages."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_invoices.records.conform import Conformer
from tap_invoices.records.decode import decode
from tap_invoices.records.verbatim import VerbatimDecoder, VerbatimRow, check_of
from tap_invoices.sandbox import Sandbox
from tap_invoices.streams.bookmark import Bookmark
from tap_invoices.streams.schemas import SCHEMAS_DIR
from tap_invoices.times import bookmark as bookmark_of
from tap_invoices.times import parse
from tests.conftest import NOW

SCHEMA = json.loads((SCHEMAS_DIR / "ibana_invoices.json").read_text())
ROW = {"id": "a", "updatedAt": "2025-01-31T12:00:00Z"}


def decoder():
    return VerbatimDecoder(check_of(SCHEMA), "data", "id", "updatedAt", around=lambda: (b'{"record":', b"}}"))


def page(*rows):
    return msgspec.json.Encoder(decimal_format="number").encode({"data": rows, "meta": {"itemCount": len(rows)}})


def is_verbatim(body):
    return decoder().decode(body) is not None


def fast(body):
    """Return the page's records by the fast road; None where it does not apply."""
    value = decoder().decode(body)
    return value and [row.record() for row in value["data"]]


def general(body):
    conformer = Conformer(SCHEMA)
    return [conformer(row) for row in decode(body)["data"]]


def test_a_row_that_fits_goes_out_as_it_came():
    body = b'{"data":[{"id":"a","updatedAt":"2025-01-31T12:00:00.500Z","totalAmount":110.00,"new":1}],"meta":{}}'
    assert not is_verbatim(body)
    body = body.replace(b',"new":1', b"")
    row = decoder().decode(body)["data"][0]
    assert row.line == (
        b'{"record":{"id":"a","updatedAt":"2025-01-31T12:00:00.500Z","totalAmount":110.00,"additional_properties":null}}'
    )
    assert row.key == "a"
    assert isinstance(row, VerbatimRow)


@pytest.mark.parametrize(
    "change",
    [
        {"totalAmount": "110.00"},
        {"id": 1},
        {"id": None},
        {"updatedAt": "2025-01-31T13:00:00+01:00"},
        {"updatedAt": "2025-01-31T07:00:00-05:00"},
        {"updatedAt": "2025-01-31T12:00:00"},
        {"updatedAt": "2025-01-31 12:00:00Z"},
        {"updatedAt": "2025-01-31t12:00:00Z"},
        {"updatedAt": "2025-01-31T12:00:00z"},
        {"updatedAt": "2025-02-30T12:00:00Z"},
        {"updatedAt": ""},
        {"updatedAt": 1728030905},
        {"archived": "true"},
        {"archived": 1},
        {"counterparty": "x"},
        {"counterparty": {"createdAt": "2025-01-31T13:00:00+01:00"}},
        {"lineItems": {}},
        {"lineItems": [{"unitPrice": "1.10"}]},
        {"unknown": 1},
        {"additional_properties": {"a": 1}},
        {"notes": "a NUL \0"},
    ],
)
def test_a_row_that_must_change_takes_the_general_road(change):
    assert is_verbatim(page(ROW))
    assert not is_verbatim(page(ROW, {**ROW, **change}))


@pytest.mark.parametrize("text", ["RE-2025-0001", "2025-0001", "+4312", "12z", "on 2025-01-31 12:00", "-05:00"])
def test_a_text_that_only_resembles_a_time_goes_out_as_it_came(text):
    assert is_verbatim(page({**ROW, "invoiceNumber": text}))


@pytest.mark.parametrize("row", [{}, {"updatedAt": "2025-01-31T12:00:00Z"}, {**ROW, "id": ""}])
def test_a_row_without_its_key_takes_the_general_road(row):
    assert not is_verbatim(page(ROW, row))


@pytest.mark.parametrize("time", ["2025-01-31T12:34:56.789+02:10", "2025-01-31t12:34:56z", "2025-01-31 12:34:56-05:00"])
@pytest.mark.parametrize("form", ["\\u{:04x}", "\\u{:04X}"])
def test_a_time_of_which_any_character_is_escaped_takes_the_general_road(time, form):
    for place, character in enumerate(time):
        escaped = f"{time[:place]}{form.format(ord(character))}{time[place + 1 :]}"
        assert not is_verbatim(page({**ROW, "updatedAt": "TIME"}).replace(b"TIME", escaped.encode()))


fractions = st.sampled_from(["", ".5", ".123456", ".9999994", ".9999999", ".999999999"])
times = st.builds(
    "2025-01-31{}12:34:56{}{}".format,
    st.sampled_from("Tt "),
    fractions,
    st.sampled_from(["Z", "z", "", "+02:10", "+0210", "-05:00"]),
)


@given(times, st.sets(st.integers(0, 30), max_size=2))
@example("2025-01-31T12:34:56.9999999Z", set())
@example("2025-01-31T12:34:56.5z", set())
def test_a_time_reads_the_same_on_both_roads_and_in_the_bookmark(time, escaped):
    text = "".join(f"\\u{ord(c):04x}" if place in escaped else c for place, c in enumerate(time))
    body = page({**ROW, "updatedAt": "TIME"}).replace(b"TIME", text.encode())
    [shown] = [row["updatedAt"] for row in general(body)]
    if (page_of_lines := decoder().decode(body)) is not None:
        [row] = page_of_lines["data"]
        assert row.record()["updatedAt"] == shown
        bookmark = Bookmark(
            key="updatedAt",
            properties=SCHEMA["properties"],
            state={},
            began=lambda: NOW,
            beside=lambda _: {},
            incremental=True,
        )
        bookmark.see([row])
        assert bookmark._largest == bookmark_of(parse(shown))


def test_bytes_that_are_no_text_take_the_general_road_wherever_they_stand():
    body = page({**ROW, "counterparty": {"street": "M#nchen"}})
    assert is_verbatim(body)
    assert not is_verbatim(body.replace(b"#", b"\xfc"))


def test_what_is_nested_too_deep_takes_the_general_road():
    deep = b"[" * 3000 + b"]" * 3000
    assert not is_verbatim(page({**ROW, "counterparty": {"new": "#"}}).replace(b'"#"', deep))


def test_a_total_beyond_all_bounds_takes_the_general_road():
    assert not is_verbatim(b'{"data": [], "meta": {"itemCount": 1e99999999999999999999}}')


def test_a_lone_surrogate_takes_the_general_road():
    assert not is_verbatim(page({**ROW, "notes": "NOTE"}).replace(b"NOTE", rb"\ud83d"))
    assert is_verbatim(page({**ROW, "notes": "NOTE"}).replace(b"NOTE", "é😀".encode()))


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_a_page_with_a_line_end_takes_the_general_road(line_end):
    body = page(ROW)
    assert is_verbatim(body.replace(b'":', b'": '))
    assert not is_verbatim(body.replace(b'"id":', b'"id":' + line_end))


def test_unknown_nested_fields_stay_where_they_are():
    body = page({**ROW, "counterparty": {"new": 1.10, "vat": "x"}})
    assert fast(body) == general(body)
    assert fast(body)[0]["counterparty"] == {"new": Decimal("1.1"), "vat": "x"}


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.decimals(allow_nan=False, allow_infinity=False, places=4),
    st.text(max_size=8),
    st.datetimes().map(lambda time: time.isoformat() + "Z"),
    st.datetimes().map(lambda time: time.isoformat(timespec="seconds") + "+02:00"),
    st.just({}),
    st.just([]),
    st.just([{"id": "x", "quantity": 1}]),
)


@given(st.lists(st.dictionaries(st.sampled_from(sorted(SCHEMA["properties"])[1:]), VALUES, max_size=6), max_size=4))
def test_where_both_roads_lead_they_meet(rows):
    body = page(*({**row, "id": f"k{number}"} for number, row in enumerate(rows)))
    found = fast(body)
    if found is not None:
        assert found == general(body)


@pytest.fixture(scope="module")
def large():
    with Sandbox(invoices=900) as box:
        box.now = NOW
        yield box


def records(run):
    found = [json.loads(line, parse_float=Decimal) for line in run.lines]
    return [m["record"] for m in found if m["type"] == "RECORD"], [m["value"] for m in found if m["type"] == "STATE"][
        -1
    ]


def test_a_whole_sync_is_the_same_on_both_roads(large, sync, monkeypatch):
    config, used = large.config("ibana"), []
    decode_page = VerbatimDecoder.decode

    def watched(self, body):  # in several threads at once
        value = decode_page(self, body)
        used.append(value)
        return value

    with monkeypatch.context() as patch:
        patch.setattr(VerbatimDecoder, "decode", watched)
        fast_run = records(sync(config))
    assert sum(value is not None for value in used) >= 3, "the fast road was used"
    monkeypatch.setattr(VerbatimDecoder, "decode", lambda *_: None)
    assert fast_run == records(sync(config))


@pytest.mark.parametrize(
    "plain",
    [
        {"stream_maps": {"ibana_invoices": {"notes": "__NULL__"}}},
        {"flattening_enabled": True, "flattening_max_depth": 1},
    ],
)
def test_maps_and_flattening_take_the_sdks_road(large, sync, make_catalog, monkeypatch, plain):
    monkeypatch.setattr(VerbatimDecoder, "decode", None)
    config = {**large.config("ibana"), **plain}
    assert len(records(sync(config, catalog=make_catalog(config, ["ibana_invoices"])))[0]) == 900


def test_a_deselected_field_takes_the_sdks_road(large, sync, make_catalog, monkeypatch):
    catalog = make_catalog(large.config("ibana"), ["ibana_invoices"])
    [listed] = [entry for entry in catalog["streams"] if entry["tap_stream_id"] == "ibana_invoices"]
    for entry in listed["metadata"]:
        if entry["breadcrumb"] == ["properties", "counterparty"]:
            entry["metadata"]["selected"] = False
    monkeypatch.setattr(VerbatimDecoder, "decode", None)
    found, _ = records(sync(large.config("ibana"), catalog=catalog))
    assert len(found) == 900
    assert not any("counterparty" in record for record in found)
