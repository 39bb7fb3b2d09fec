"""Amounts as text: each with its own digits, on whatever road a record goes."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_invoices.records.conform import Conformer
from tap_invoices.records.decimals import plain, text_schema, with_text
from tap_invoices.streams.schemas import SCHEMAS_DIR

NUMBER, INTEGER = {"type": ["number", "null"]}, {"type": ["integer", "null"]}
ROW = {"type": ["object", "null"], "properties": {"amount": NUMBER, "position": INTEGER}}
SCHEMA = {
    "type": "object",
    "properties": {
        "amount": NUMBER,
        "position": INTEGER,
        "paid": {"type": ["boolean", "null"]},
        "name": {"type": ["string", "null"]},
        "open": {"type": ["object", "null"], "additionalProperties": True},
        "list": {"type": ["array", "null"]},
        "object": ROW,
        "rows": {"type": ["array", "null"], "items": ROW},
        "additional_properties": {"type": ["object", "null"], "additionalProperties": True},
    },
}

numbers = st.one_of(st.integers(), st.decimals(allow_nan=False, allow_infinity=False))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.text(), numbers),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([*SCHEMA["properties"], "new"]), inner, max_size=4),
    ),
)


def types(schema, path="$"):
    """Path → type of each field of a schema."""
    found = {path: schema.get("type")}
    for name, each in schema.get("properties", {}).items():
        found |= types(each, f"{path}.{name}")
    return found | (types(schema["items"], f"{path}[]") if "items" in schema else {})


def leaves(value, path="$"):
    """Path → each value that is not an object or a list."""
    if isinstance(value, dict):
        return [leaf for name, each in value.items() for leaf in leaves(each, f"{path}.{name}")]
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves(each, f"{path}[]")]
    return [(path, value)]


@given(numbers)
@example(Decimal("0.00"))
@example(Decimal("-0.00"))
@example(Decimal("1E-8"))
@example(Decimal("1E+3"))
@example(Decimal("999999999999.99"))
@example(Decimal("1234567890123456.789"))
def test_a_number_as_text_has_all_its_digits_and_no_exponent(number):
    text = plain(number)
    assert re.fullmatch(r"-?\d+(\.\d+)?", text) or abs(Decimal(number).adjusted()) > 400
    back = Decimal(text)
    assert back == number
    assert back.is_signed() == Decimal(number).is_signed()
    assert len(text.partition(".")[2]) == max(-Decimal(number).as_tuple().exponent, 0) or "E" in text


@given(st.dictionaries(st.sampled_from([*SCHEMA["properties"], "new"]), values))
def test_all_but_integer_fields_become_text_and_nothing_else_changes(row):
    """One type for each field: also unknown ones, and the originals of what did not fit."""
    record = Conformer(SCHEMA)(row)
    before, after = leaves(record), leaves(with_text(record, text_schema(SCHEMA)))
    assert [path for path, _ in before] == [path for path, _ in after]
    integers = {path for path, kind in types(SCHEMA).items() if kind == INTEGER["type"]}
    for (path, one), (_, other) in zip(before, after, strict=True):
        is_number = isinstance(one, (int, Decimal)) and not isinstance(one, bool)
        if is_number and path not in integers:
            assert isinstance(other, str)
            assert Decimal(other) == one
        else:
            assert other is one


def test_what_does_not_fit_is_null_as_it_is_with_numbers():
    record = with_text(
        Conformer(SCHEMA)({"amount": "12 EUR", "position": Decimal("1.5"), "rows": [{"amount": ""}]}), SCHEMA
    )
    assert record["amount"] is record["position"] is record["rows"][0]["amount"] is None
    assert record["additional_properties"] == {"amount": "12 EUR", "position": "1.5"}


@pytest.mark.parametrize("file", sorted(path.stem for path in SCHEMAS_DIR.glob("*.json")))
def test_in_each_schema_numbers_are_text_and_the_rest_is_as_it_was(file):
    schema = json.loads((SCHEMAS_DIR / f"{file}.json").read_text(encoding="utf-8"))
    untouched = json.dumps(schema)
    found = text_schema(schema)
    assert json.dumps(schema) == untouched
    assert types(found) == {
        path: ["string", "null"] if kind == ["number", "null"] else kind for path, kind in types(schema).items()
    }
    assert "number" not in str(types(found).values())
    assert json.dumps(found).replace('["string", "null"]', "") == json.dumps(schema).replace(
        '["number", "null"]', ""
    ).replace('["string", "null"]', "")
