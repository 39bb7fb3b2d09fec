"""For any amounts at all: every digit is kept, nothing is a float, and zero has no sign."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from math import prod

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from tap_invoices.einvoice import columns, currency, exact, rules, tax
from tap_invoices.einvoice.model import invoice, invoice_lines, line

ENCODER = msgspec.json.Encoder(decimal_format="number")
"""As the tap's writer has it."""
MOST = 60
AMOUNT = st.builds(
    lambda digits, scale, sign: Decimal((sign, tuple(map(int, str(digits))), -scale)),
    st.integers(0, 10**6) | st.integers(10 ** (MOST - 1), 10**MOST - 1),
    st.integers(0, 12),
    st.integers(0, 1),
)
KNOWN = AMOUNT | st.integers(-(10**MOST), 10**MOST)
NUMBER = st.none() | KNOWN
CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD", "UYW"])
ENTRY = st.builds(tax.tax_entry, rate=NUMBER, base_amount=NUMBER, tax_amount=NUMBER)
INVOICE = st.fixed_dictionaries(
    dict.fromkeys(sorted(columns.AMOUNTS), NUMBER) | {"tax_breakdown": st.none() | st.lists(ENTRY, max_size=3)}
)
LINE = st.fixed_dictionaries(dict.fromkeys(["quantity", "unit_price", "net_amount", "tax_amount", "tax_rate"], NUMBER))


def true(amount):
    return None if amount is None else Fraction(amount)


def leaves(value):
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [value] if children is None else [leaf for child in children for leaf in leaves(child)]


def is_plain(amount):
    return amount is None or (type(amount) is Decimal and (bool(amount) or not amount.is_signed()))


@given(KNOWN)
def test_the_other_sign_is_exact(amount):
    assert true(exact.negate(amount)) == -true(amount)
    assert is_plain(exact.negate(amount))


@given(KNOWN, CURRENCIES, st.sampled_from([0, 2, 3, 4]))
def test_a_moved_point_keeps_every_digit(amount, code, places):
    moved = exact.shift(amount, places)
    assert true(moved) == true(amount) / 10**places
    assert moved.as_tuple().digits == exact.number(amount).as_tuple().digits
    assert is_plain(moved)
    decimals = {"EUR": 2, "JPY": 0, "KWD": 3, "UYW": 4}[code]
    assert true(currency.major(amount, code)) == true(amount) / 10**decimals


@given(st.lists(KNOWN, min_size=1, max_size=5))
def test_sums_and_products_are_exact(amounts):
    first, *others = map(true, amounts)
    assert true(exact.add(*amounts)) == first + sum(others)
    assert true(exact.subtract(*amounts)) == first - sum(others)
    assert true(exact.multiply(*amounts[:3])) == first * prod(others[:2])
    assert is_plain(exact.add(*amounts))
    assert is_plain(exact.multiply(*amounts[:3]))


@given(st.lists(KNOWN, max_size=3), st.lists(KNOWN, max_size=3))
def test_what_is_not_known_makes_the_whole_unknown(before, after):
    for operate in (exact.add, exact.subtract, exact.multiply):
        assert operate(*before, None, *after) is None
        assert operate() is None


@pytest.mark.parametrize("operate", [exact.add, exact.subtract])
def test_more_digits_than_can_be_kept_are_null(operate):
    assert operate(Decimal("1e200"), Decimal("1e-200")) is None
    assert operate(Decimal("1e999999999"), Decimal(1)) is None


@given(st.sampled_from(["381", "380", None]), NUMBER)
def test_a_credit_note_is_never_more_than_nothing(code, amount):
    owed = rules.signed(code, amount)
    assert true(owed) == (true(amount) if code != "381" or amount is None else -abs(true(amount)))
    assert is_plain(owed)


@given(KNOWN, KNOWN, KNOWN)
def test_a_rate_is_the_one_given_or_a_hundred_times_it(rate, base, amount):
    found = tax.rate(rate, base, amount)
    assert is_plain(found)
    assert true(found) in {None, true(rate), true(rate) * 100}


@given(INVOICE, st.lists(LINE, max_size=4), st.sampled_from(["381", "380", None]))
def test_no_row_loses_a_digit_or_has_a_float_or_a_negative_zero(amounts, lines, code):
    found = [line(**each) for each in lines]
    row = invoice(id="1", direction="payable", type_code=code, lines=found, **amounts)
    rows = [row, *invoice_lines(found, invoice_id="1", currency="EUR")]
    assert not [leaf for leaf in leaves(rows) if isinstance(leaf, float)]
    assert all(is_plain(leaf) for leaf in leaves(rows) if isinstance(leaf, Decimal))
    for name in columns.AMOUNTS:
        if amounts[name] is not None:
            assert true(row[name]) == true(amounts[name])
    for given_line, told in zip(lines, rows[1:], strict=True):
        assert {name: true(told[name]) for name in given_line} == {
            name: true(value) for name, value in given_line.items()
        }
    sent = json.loads(ENCODER.encode(row), parse_float=Fraction, parse_int=Fraction)
    assert {name: sent[name] for name in columns.AMOUNTS} == {name: true(row[name]) for name in columns.AMOUNTS}
    if row["net_amount"] is not None and row["checks"]["br_co_15"] is not None:
        off = true(row["gross_amount"]) - true(row["net_amount"]) - true(row["tax_amount"])
        assert true(row["checks"]["br_co_15"]) == off
