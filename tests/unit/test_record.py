"""From the bytes that a provider sends to the message that the tap writes: exact, of one type, nothing lost."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from singer_sdk.singerlib.messages import RecordMessage

from tap_invoices.errors import BodyError
from tap_invoices.records.conform import Conformer
from tap_invoices.records.decode import decode, to_utf8
from tap_invoices.records.selection import Deselected
from tap_invoices.streams import maps
from tap_invoices.streams.writer import BufferedWriter
from tests.sync.test_every_stream import FORMATS

KINDS = {
    "number": {"type": ["number", "null"]},
    "integer": {"type": ["integer", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "text": {"type": ["string", "null"]},
    "moment": {"type": ["string", "null"], "format": "date-time"},
    "day": {"type": ["string", "null"], "format": "date"},
    "open": {"type": ["object", "null"], "additionalProperties": True},
    "list": {"type": ["array", "null"]},
}
NESTED = {
    "object": {"type": ["object", "null"], "properties": KINDS},
    "rows": {"type": ["array", "null"], "items": {"type": ["object", "null"], "properties": KINDS}},
}
ADDITIONAL = {"additional_properties": {"type": ["object", "null"], "additionalProperties": True}}
SCHEMA = {"type": "object", "properties": {**KINDS, **NESTED, **ADDITIONAL}}

digits = st.text("0123456789", min_size=1, max_size=25)
plain = st.builds("{}{}.{}".format, st.sampled_from(["", "-"]), digits, digits)
powers = st.builds("{}e{}".format, plain, st.integers(-400, 400))
amounts = st.one_of(plain, powers).map(lambda text: re.sub(r"^(-?)0+(?=\d)", r"\1", text))
"""Numbers as JSON writes them, with a point."""
whole = st.integers(-(10**30), 10**30).map(str)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), whole, amounts, amounts.map(Decimal))
values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3))
)


def fit(row, schema=None):
    """The record for one row."""
    return Conformer(schema or SCHEMA)(row)


def read(kind, value):
    """What one field becomes, and what is kept of it elsewhere."""
    record = fit({kind: value})
    return record[kind], record["additional_properties"]


def through(body):
    """The record in the message that a row's bytes lead to, its numbers as text."""
    message = BufferedWriter().serialize_message(RecordMessage(stream="s", record=fit(decode(body))))
    return json.loads(message, parse_float=str, parse_int=str)["record"]


def same_digits(one, other):
    return Decimal(one).as_tuple() == Decimal(other).as_tuple()


# Numbers


@given(amounts)
@example("110.00")
@example("0.30000000000000004")
@example("-0.00")
@example("999999999999.99")
def test_an_amount_keeps_its_digits_from_the_bytes_to_the_message(amount):
    assert same_digits(through(f'{{"number": {amount}}}'.encode())["number"], amount)


@given(amounts)
def test_an_amount_that_comes_as_text_becomes_a_number_with_its_digits(amount):
    body = json.dumps({"number": amount, "object": {"number": amount}, "rows": [{"number": amount}]}).encode()
    record = through(body)
    for number in (record["number"], record["object"]["number"], record["rows"][0]["number"]):
        assert same_digits(number, amount)
    assert record["additional_properties"] is None


@given(amounts)
def test_an_amount_nobody_knows_keeps_its_digits_too(amount):
    record = through(f'{{"new": {amount}, "object": {{"new": {amount}}}}}'.encode())
    assert same_digits(record["additional_properties"]["new"], amount)
    assert same_digits(record["object"]["new"], amount)


@given(st.integers(-(10**60), 10**60))
def test_a_whole_number_stays_one_however_long(number):
    assert through(f'{{"number": {number}, "integer": {number}}}'.encode())["integer"] == str(number)


def test_cents_stay_cents():
    assert read("number", "11000") == (Decimal(11000), None)


@pytest.mark.parametrize(
    "odd",
    [
        "1,234.50",
        "1.234,50",
        "12 EUR",
        "NaN",
        "Infinity",
        "0x1F",
        "1_0",
        "--1",
        ".",
        "\uff11\uff12",
        True,
        [1],
        {"a": 1},
    ],
)
def test_what_is_no_number_is_kept_elsewhere(odd):
    assert read("number", odd) == (None, {"number": odd})


@pytest.mark.parametrize("whole", ["3.0", Decimal("3.0"), Decimal("3E+0")])
def test_a_whole_number_with_a_point_loses_it(whole):
    value, kept = read("integer", whole)
    assert (type(value), value, kept) == (int, 3, None)


@pytest.mark.parametrize("odd", ["1.5", Decimal("1.5"), "1e400", Decimal("1e400"), "x", False])
def test_what_is_no_whole_number_is_kept_elsewhere(odd):
    assert read("integer", odd) == (None, {"integer": odd})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0E-7"), "0.0000000"),
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.00"), "-0.00"),
        (Decimal("1E+999999"), "1E+999999"),
        (12, "12"),
        (None, None),
    ],
)
def test_str_in_a_stream_map_writes_plain_digits(value, text):
    assert maps.text(value) == text


# Texts, booleans, nothing


@pytest.mark.parametrize(("value", "text"), [(4000000, "4000000"), (Decimal("1.50"), "1.50"), ("007", "007"), ("", "")])
def test_a_text_stays_as_it_came_and_a_number_becomes_one(value, text):
    assert read("text", value) == (text, None)


@pytest.mark.parametrize(
    ("value", "boolean"), [("true", True), ("false", False), ("TRUE", True), (1, True), (0, False)]
)
def test_booleans(value, boolean):
    assert read("boolean", value) == (boolean, None)
    assert isinstance(read("boolean", value)[0], bool)


@pytest.mark.parametrize("odd", ["yes", "1", 2, Decimal(1)])
def test_what_is_no_boolean_is_kept_elsewhere(odd):
    assert read("boolean", odd) == (None, {"boolean": odd})


@pytest.mark.parametrize("kind", sorted({*KINDS, *NESTED} - {"text"}))
def test_an_empty_text_is_nothing_where_no_text_should_be(kind):
    assert read(kind, "") == (None, None)


@pytest.mark.parametrize("kind", sorted({*KINDS, *NESTED}))
def test_null_stays_null(kind):
    assert read(kind, None) == (None, None)


# Dates

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=offsets)  # noqa: DTZ001


def instant(text):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text)
    return datetime.fromisoformat(text)


@given(moments, st.sampled_from(["T", " "]))
def test_a_date_time_is_told_in_utc(moment, separator):
    shown, kept = read("moment", moment.isoformat(separator))
    assert instant(shown) == moment
    assert kept is None


@given(moments)
def test_a_date_time_without_an_offset_counts_as_utc(moment):
    shown, _ = read("moment", moment.replace(tzinfo=None).isoformat())
    assert instant(shown) == moment.replace(tzinfo=UTC)


@given(st.integers(100_000_000, 4_000_000_000), st.booleans())
def test_seconds_since_1970_become_a_date_time(seconds, as_text):
    shown, _ = read("moment", str(seconds) if as_text else seconds)
    assert instant(shown).timestamp() == seconds


@given(st.integers(1_000_000_000_000, 4_000_000_000_000), st.booleans())
def test_milliseconds_since_1970_become_a_date_time_to_the_millisecond(milliseconds, as_text):
    shown, _ = read("moment", str(milliseconds) if as_text else milliseconds)
    assert (instant(shown) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1) == milliseconds


@pytest.mark.parametrize("nothing", [pytest.param(0, id="number"), "0", Decimal("0.0")])
def test_second_0_is_no_time(nothing):
    assert read("moment", nothing) == (None, None)


@pytest.mark.parametrize("digits", ["2025", "202501", "20250131", "99991231", "20250131120000"])
@pytest.mark.parametrize("kind", [str, int])
def test_a_year_or_a_date_without_hyphens_is_no_time_of_1970(digits, kind):
    assert read("moment", kind(digits)) == (None, {"moment": kind(digits)})


@pytest.mark.parametrize(
    "text", ["2022-01-01T23:00:00.000000Z", "2025-01-31T12:00:00Z", "2025-01-31T12:00:00.123456789Z"]
)
def test_a_date_time_in_utc_stays_as_it_came(text):
    assert read("moment", text) == (text, None)


@pytest.mark.parametrize(
    "text", ["2025-01-31T12Z", "2025-01-31T12:00Z", "2025-01-31T120000Z", "2025-01-31T12:00:00,5Z"]
)
def test_a_date_time_of_another_form_is_written_in_ours_or_kept_elsewhere(text):
    shown, kept = read("moment", text)
    assert kept == {"moment": text} if shown is None else instant(shown).hour == 12


@pytest.mark.parametrize(
    "odd",
    ["yesterday", "31.01.2025", "2025-02-30", "2025-W05", "20250131T120000Z", 17_300_000_000_000, True, ["2025-01-31"]],
)
def test_what_is_no_date_time_is_kept_elsewhere(odd):
    assert read("moment", odd) == (None, {"moment": odd})


@given(st.dates())
def test_a_plain_date_stays_one(day):
    assert read("day", day.isoformat()) == (day.isoformat(), None)


def test_midnight_in_utc_is_its_day():
    assert read("day", "2025-01-31T00:00:00.000Z") == ("2025-01-31", None)


@pytest.mark.parametrize("odd", ["2025-02-30", "31/01/2025", "20250131", "2025-W05-1", "2025-01-31T12:00:00Z", 1])
def test_what_is_no_date_is_kept_elsewhere(odd):
    assert read("day", odd) == (None, {"day": odd})


# Misfits and unknown fields


@given(st.dictionaries(st.sampled_from([*KINDS, *NESTED]), values))
def test_whatever_comes_the_record_fits_its_schema_and_nothing_is_lost(row):
    record = fit(row)
    kept = record["additional_properties"] or {}
    assert Draft202012Validator(SCHEMA, format_checker=FORMATS).is_valid(record)
    for name, value in row.items():
        is_nothing = value is None or (isinstance(value, str) and value.strip() == "")
        is_zero = name == "moment" and not isinstance(value, bool) and str(value).strip("0.") == ""
        assert record[name] is not None or is_nothing or is_zero or kept[name] is value


@given(st.dictionaries(st.text().filter(lambda name: name not in SCHEMA["properties"]), values))
def test_unknown_fields_go_whole_into_one_column(unknown):
    assert fit({"text": "x", **unknown}) == {"text": "x", "additional_properties": unknown or None}


def test_misfits_are_kept_under_their_path():
    row = {"object": {"number": "n/a"}, "rows": [{"day": "2025-01-31"}, {"day": "soon", "integer": 5}, "x"], "new": 1}
    record = fit(row)
    assert record == {
        "object": {"number": None},
        "rows": [{"day": "2025-01-31"}, {"day": None, "integer": 5}, None],
        "additional_properties": {"new": 1, "object.number": "n/a", "rows[1].day": "soon", "rows[2]": "x"},
    }


def test_unknown_nested_fields_stay_where_they_are():
    row = {"object": {"new": {"a": [1]}}, "rows": [{"new": ""}], "open": {"any": [{"thing": "goes"}]}}
    assert fit(row) == {**row, "additional_properties": None}


def test_a_provider_s_own_additional_properties_are_kept():
    assert fit({"additional_properties": {"a": 1}}) == {"additional_properties": {"additional_properties": {"a": 1}}}


def test_misfits_are_counted_without_their_place_in_a_list():
    conformer = Conformer(SCHEMA)
    for _ in range(2):
        conformer({"rows": [{"day": "soon"}, {"day": "later"}], "new": 1})
    assert conformer.misfits == {"rows[].day": 2}
    assert conformer.unknown == {"new": 2}


DESELECTED = {
    ("properties", "object"): True,
    ("properties", "object", "properties", "city"): False,
    ("properties", "number"): False,
    ("properties", "rows", "items", "properties", "day"): False,
    ("properties", "new"): False,
    ("properties", "properties"): False,
}


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        ({"number": "secret"}, None),
        ({"object": {"city": {"name": "secret"}}}, None),
        ({"object": "secret"}, None),
        ({"rows": [{"day": "secret"}]}, None),
        ({"rows": "secret"}, None),
        ({"new": "secret", "newer": 1}, {"newer": 1}),
        ({"properties": "secret"}, None),
        ({"numbers": "known"}, {"numbers": "known"}),
    ],
    ids=str,
)
def test_what_is_deselected_leaves_no_original_at_any_depth(row, kept):
    day = {"type": ["string", "null"], "format": "date"}
    conformer = Conformer(
        {
            "properties": {
                "number": {"type": ["number", "null"]},
                "numbers": {"type": ["number", "null"]},
                "object": {"type": ["object", "null"], "properties": {"city": {"type": ["string", "null"]}}},
                "rows": {"type": ["array", "null"], "items": {"type": ["object"], "properties": {"day": day}}},
                "additional_properties": {"type": ["object", "null"]},
            }
        },
        Deselected(DESELECTED),
    )
    record = conformer(row)
    assert record["additional_properties"] == kept
    assert "secret" not in json.dumps(record)
    assert conformer.dropped.total() == ("secret" in json.dumps(row))


@pytest.mark.parametrize(
    ("stream", "path"),
    [
        ("matas_invoice_details", ["lines", "description"]),
        ("ibana_invoices", ["lineItems", "title"]),
        ("invoices", ["tax_breakdown", "rate"]),
    ],
)
def test_a_field_that_is_deselected_in_an_arrays_objects_goes_out_in_none(box, sync, make_catalog, stream, path):
    config, (array, field) = box.config("exsited", "ibana", "matas"), path
    catalog = make_catalog(config, [stream])
    [entry] = (entry for entry in catalog["streams"] if entry["stream"] == stream)
    crumbs = ["properties", array, "items", "properties", field]
    entry["metadata"].append({"breadcrumb": crumbs, "metadata": {"selected": False}})

    def parts(**selection):
        records = sync(config, **selection).records[stream]
        return {str(record.get("id")): part for record in records for part in record[array] or ()}

    whole = parts(select=[stream])
    assert [part.pop(field) for part in whole.values()]
    assert parts(catalog=catalog) == whole


def test_a_deselected_field_whose_type_changes_is_not_in_the_messages(box, sync, make_catalog, caplog):
    key = list(box.book("matas").invoices)[3]
    book = box.book("matas")
    book.change(key, description={"canary": 1}, invoice_address="canary street")
    catalog = make_catalog(box.config("matas"), ["matas_invoices", "matas_invoice_details"])
    for entry in catalog["streams"]:
        for part in entry["metadata"]:
            if part["breadcrumb"][1:] in (["description"], ["invoice_address", "properties", "city"]):
                part["metadata"]["selected"] = False
    done = sync(box.config("matas"), catalog=catalog)
    assert len(done.records["matas_invoices"]) == 25
    assert "canary" not in json.dumps(done.messages, default=str)
    assert "`description`" in caplog.text
    assert "deselected" in caplog.text


def test_one_warning_for_each_stream_and_field_with_a_count_and_no_value(box, sync, caplog):
    book = box.book("matas")
    for key in list(book.invoices)[:3]:
        book.change(key, total="canary-total", phone="canary-phone")
    done = sync(box.config("matas"), select=["matas_invoices"])
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    [total] = [line for line in warnings if "`total`" in line]
    [phone] = [line for line in warnings if "`phone`" in line]
    assert "matas_invoices: 3 " in total
    assert "matas_invoices: 3 " in phone
    assert "canary" not in caplog.text
    kept = [r["additional_properties"] for r in done.records["matas_invoices"] if r["total"] is None]
    assert kept == [{"total": "canary-total", "phone": "canary-phone"}] * 3


# Bytes


@given(values)
@example(["half a face \ud83d here", {"a\x00b": "\x00"}, "\ud83d\ude00 whole: 😀", "\\ud83d is no escape"])
def test_json_is_read_without_nuls_and_lone_surrogates(value):
    def clean(item):
        if isinstance(item, dict):
            return {clean(name): clean(inner) for name, inner in item.items()}
        if isinstance(item, list):
            return [clean(inner) for inner in item]
        return (
            "".join(c for c in item if c != "\x00" and not "\ud800" <= c <= "\udfff") if isinstance(item, str) else item
        )

    body = json.dumps(value, default=str)
    assert decode(body.encode()) == clean(json.loads(body, parse_float=Decimal))


def test_a_lone_surrogate_costs_no_digits():
    assert str(decode(b'{"a": "\\ud83d", "b": 110.00}')["b"]) == "110.00"


def test_a_number_beyond_all_bounds_stays_its_text_and_costs_no_other_digits():
    assert decode(b'{"a": 1e9999999999999999999, "b": [-1E-9999999999999999999, 110.00]}') == {
        "a": "1e9999999999999999999",
        "b": ["-1E-9999999999999999999", Decimal("110.00")],
    }


@pytest.mark.parametrize(
    "body", [b"", b"{", b"<html>", b"[NaN]", b'["\xff"]', b'["\xed\xa0\xbd"]', b"[" * 100_000, b'{"a": 1} x']
)
def test_a_body_that_is_not_json_is_told(body):
    with pytest.raises(BodyError, match="not JSON"):
        decode(body)


TEXT = '["Façade réparée", "€", "ok"]'


@pytest.mark.parametrize("charset", ["windows-1252", "iso-8859-15", "utf-16", "utf-16-le", "utf-32-be", "cp1140"])
def test_json_in_the_charset_that_is_named_is_read_by_it(charset):
    for kind in (f"application/json; charset={charset}", f'text/json;Charset="{charset.upper()}"'):
        assert decode(to_utf8(TEXT.encode(charset), kind)) == ["Façade réparée", "€", "ok"]


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "iso-8859-1", "nonsense", "us-ascii"])
def test_json_in_utf_8_is_read_whatever_it_is_called(charset):
    body = TEXT.encode()
    assert to_utf8(body, f"application/json; charset={charset}") is body
    assert to_utf8(body, None) is body


@pytest.mark.parametrize("charset", ["nonsense", "zlib", "euc-jp", "ascii"])
def test_a_charset_that_does_not_help_is_named(charset):
    with pytest.raises(BodyError, match=charset if charset != "ascii" else "not JSON in UTF-8"):
        decode(to_utf8(TEXT.encode("windows-1252"), f"application/json; charset={charset}"))
