"""The unified invoice: its columns are the schemas', and its rules give what is proven, or null."""

from __future__ import annotations

import json
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from tap_invoices.einvoice import columns, currency, days, rules, tax
from tap_invoices.einvoice.exact import negate, subtract
from tap_invoices.einvoice.model import invoice, invoice_lines, line
from tap_invoices.streams.schemas import SCHEMAS_DIR

D = Decimal
AMSTERDAM, SYDNEY, UTC = (ZoneInfo(name) for name in ("Europe/Amsterdam", "Australia/Sydney", "UTC"))


def schema(name):
    return json.loads((SCHEMAS_DIR / f"{name}.json").read_text(encoding="utf-8"))["properties"]


def exactly(value):
    """An amount as it is written: 1.10 is not 1.1 here."""
    return None if value is None else str(value)


def amounts(row):
    return {
        name: exactly(row[name]) for name in ("net_amount", "tax_amount", "gross_amount", "paid_amount", "due_amount")
    }


def priced(net=None, tax=None, **more):
    return line(net_amount=net, tax_amount=tax, **more)


# Columns


def test_an_invoice_has_the_columns_of_its_schema_in_their_order():
    row = invoice(id="1", direction="payable")
    assert ["provider", "source_account", *row] == list(schema("invoices"))
    assert {name for name, value in row.items() if value is not None} == {"id", "direction", "checks"}
    assert list(row["checks"]) == list(schema("invoices")["checks"]["properties"])
    assert list(tax.tax_entry()) == list(schema("invoices")["tax_breakdown"]["items"]["properties"])


def test_a_line_has_the_columns_of_its_schema_in_their_order():
    [row] = invoice_lines([line()], invoice_id="1", currency="EUR", changed_at=None)
    assert ["provider", "source_account", *row] == list(schema("invoice_lines"))
    assert {name: value for name, value in row.items() if value is not None} == {
        "invoice_id": "1",
        "position": 1,
        "line_count": 1,
        "currency": "EUR",
    }


@pytest.mark.parametrize(
    ("name", "given"), [("invoices", columns.InvoiceColumns), ("invoice_lines", columns.LineColumns)]
)
def test_a_mapping_gives_numbers_where_the_schema_has_numbers(name, given):
    numbers = {column for column, kind in given.__annotations__.items() if "Number" in str(kind)}
    known = {column for column, node in schema(name).items() if node["type"][0] == "number"}
    assert numbers == known
    assert {column for column in schema("invoices") if column.endswith("_amount")} == columns.AMOUNTS


def test_blank_is_null_and_the_rest_is_left_alone():
    row = invoice(id=" 7 ", direction="payable", note="", payment_terms=" \n", seller_name=" A  B ")
    assert (row["id"], row["note"], row["payment_terms"], row["seller_name"]) == (" 7 ", None, None, " A  B ")
    assert line(item_name="", unit=" ", description="x ") == {"item_name": None, "unit": None, "description": "x "}


def test_lines_are_counted_so_that_what_lies_beyond_is_known():
    three, two = (invoice_lines([line()] * count, invoice_id="1", currency=None) for count in (3, 2))
    assert [(row["position"], row["line_count"]) for row in three] == [(1, 3), (2, 3), (3, 3)]
    assert [(row["position"], row["line_count"]) for row in two] == [(1, 2), (2, 2)]
    assert invoice_lines([], invoice_id="1", currency=None) == []


def test_there_is_no_source_without_amounts():
    assert invoice(id="1", direction="payable")["amounts_source"] is None
    assert invoice(id="1", direction="payable", due_amount=0)["amounts_source"] == "api"


# Texts, currencies, countries, days, numbers


@pytest.mark.parametrize(
    ("code", "sign", "found"),
    [
        ("EUR", None, "EUR"),
        (" eur ", "€", "EUR"),
        ("USD", "€", "USD"),
        ("€", None, "EUR"),
        (None, "€", "EUR"),
        ("", " € ", "EUR"),
        ("Euro", "€", "EUR"),
        ("Euro", None, None),
        ("Euro", "$", None),
        ("Credits", "€", None),
        ("Credits", None, None),
        ("XYZ", None, None),
        (None, "$", None),
        (None, None, None),
    ],
)
def test_currency_is_iso_letters_or_the_euro_sign_alone(code, sign, found):
    assert currency.currency(code, sign) == found


def test_iso_4217_decimals():
    assert {exactly(currency.major(1234, code)) for code in ("JPY", "KRW", "UYI")} == {"1234"}
    assert {exactly(currency.major(1234, code)) for code in ("KWD", "BHD", "TND")} == {"1.234"}
    assert {exactly(currency.major(1234, code)) for code in ("CLF", "UYW")} == {"0.1234"}
    assert {exactly(currency.major(1234, code)) for code in ("EUR", "USD", "CHE", "HRK")} == {"12.34"}
    assert len(currency._DECIMALS) == sum(map(len, map(str.split, currency._OTHER_DECIMALS.values()))) + len(
        currency._TWO_DECIMALS.split()
    )


@pytest.mark.parametrize(
    ("cents", "code", "units"),
    [
        (D(110), "EUR", "1.10"),
        (110, "EUR", "1.10"),
        (D("10.5"), "EUR", "0.105"),
        (D("110.00"), "EUR", "1.1000"),
        (D("123456789012345678901234567890"), "EUR", "1234567890123456789012345678.90"),
        (D(110), "JPY", "110"),
        (D(1234), "KWD", "1.234"),
        (D("-0"), "EUR", "0.00"),
        (D(110), None, None),
        (None, "EUR", None),
    ],
)
def test_cents_become_units_with_all_their_digits(cents, code, units):
    assert exactly(currency.major(cents, code)) == units


@pytest.mark.parametrize(
    ("amounts_in", "units"), [(None, [None, None]), ("units", ["12100", "12100"]), ("cents", ["121.00", None])]
)
def test_amounts_are_null_until_the_user_says_what_they_are_in(amounts_in, units):
    assert [exactly(currency.amount_in(amounts_in, 12100, code)) for code in ("EUR", None)] == units


@pytest.mark.parametrize(
    ("text", "found"), [("NL", "NL"), (" NL ", "NL"), ("nl", None), ("Netherlands", None), (None, None)]
)
def test_country_is_two_capital_letters(text, found):
    assert rules.country(text) == found
    assert invoice(id="1", direction="payable", buyer_country=text)["buyer_country"] == found


@pytest.mark.parametrize(
    ("time", "day"),
    [
        ("2022-12-31T23:00:00.000000Z", "2023-01-01"),
        ("2023-06-30T22:00:00Z", "2023-07-01"),
        ("2023-03-26T22:00Z", "2023-03-27"),
        ("2023-01-01T00:00Z", "2023-01-01"),
        ("2023-01-01T00:00:00+02:00", "2022-12-31"),
        ("2023-01-01", "2023-01-01"),
        ("0001-01-01T00:00:00Z", "0001-01-01"),
        ("9999-12-31T23:30:00Z", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_the_day_is_that_of_the_zone(time, day):
    assert days.day(time, AMSTERDAM) == day


def test_the_zone_of_a_day_is_the_provider_s():
    assert [days.day("2023-06-30T22:00:00Z", zone) for zone in (UTC, SYDNEY)] == ["2023-06-30", "2023-07-01"]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2023-07-11", "2023-07-11"),
        ("11.07.2023", "2023-07-11"),
        ("1.7.2023", "2023-07-01"),
        ("31.02.2023", None),
        ("2023-02-30", None),
        ("11/07/2023", None),
        ("07-11-2023", None),
        ("20230711", None),
        ("2023-07-11 23:30:00", "2023-07-11"),
        ("2023-07-11T23:30:00", "2023-07-11"),
        ("2023-07-11T23:30:00Z", "2023-07-12"),
        ("2023-07-11T23:30:00+0200", "2023-07-11"),
        (" 2023-07-11 ", "2023-07-11"),
        ("0000-00-00", None),
        ("", None),
        (None, None),
    ],
)
def test_text_is_a_day_only_if_it_can_be_read_in_one_way(text, day):
    assert days.text_day(text, AMSTERDAM) == day


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("A-1", " a - 1", True), ("A-1", "A-2", False), ("", "", False), (None, None, False), ("1", None, False)],
)
def test_a_number_is_the_same_but_for_case_and_spaces(one, other, same):
    assert rules.is_same_number(one, other) is same


# Signs and status


@pytest.mark.parametrize("code", sorted(rules.CREDIT_NOTES))
def test_a_credit_note_is_owed_to_the_buyer_whichever_sign_it_comes_with(code):
    assert [exactly(rules.signed(code, D(text))) for text in ("1.21", "-1.21", "0.00", "-0.00")] == [
        "-1.21", "-1.21", "0.00", "0.00",
    ]  # fmt: skip


@pytest.mark.parametrize("code", ["380", "384", "389", None])
def test_what_no_type_calls_a_credit_keeps_its_sign(code):
    assert [exactly(rules.signed(code, D(text))) for text in ("1.21", "-1.21", "-0.00")] == ["1.21", "-1.21", "0.00"]
    assert rules.signed("381", None) is None


def signs(type_code, *lines):
    """Quantity, price, amount and tax of lines, once they are signed."""
    names = ("quantity", "unit_price", "net_amount", "tax_amount")
    given = [line(**{name: D(text) for name, text in zip(names, each.split(), strict=False)}) for each in lines]
    found = rules.signed_lines(type_code, given)
    return [" ".join(exactly(each[name]) for name in names if each.get(name) is not None) for each in found]


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (["2 50 100 21"], ["-2 50 -100 -21"]),
        (["2 -50 -100 -21"], ["-2 50 -100 -21"]),
        (["-2 50 -100 -21"], ["-2 50 -100 -21"]),
        (["2 50 -100 21"], ["-2 50 -100 -21"]),
        (["2 50 100 21", "1 -10 -10 -2"], ["-2 50 -100 -21", "1 10 10 2"]),
        (["2 -50 -100 -21", "1 10 10 2"], ["-2 50 -100 -21", "1 10 10 2"]),
        (["1 0 0 0", "3"], ["-1 0 0 0", "-3"]),
        (["1 10 10", "1 -10 -10"], ["1 10 10", "-1 10 -10"]),
    ],
)
def test_a_credit_note_s_lines_are_signed_as_one(sent, found):
    assert signs("381", *sent) == found
    assert signs("380", *sent) == signs(None, *sent) == sent


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"is_deleted": "2024-01-01", "is_void": "2024-01-01", "is_paid": True}, "deleted"),
        ({"is_void": "2024-01-01", "is_draft": True, "due_amount": 0}, "void"),
        ({"is_draft": True, "due_amount": D(5)}, "draft"),
        ({"is_paid": True, "due_amount": D(5)}, "paid"),
        ({"due_amount": D("0.00")}, "paid"),
        ({"due_amount": D(5), "paid_amount": D(1)}, "partially_paid"),
        ({"due_amount": D(5), "paid_amount": D(0)}, "open"),
        ({"due_amount": D(-5)}, "open"),
        ({"is_paid": False}, "open"),
        ({"is_deleted": "", "is_void": None}, None),
        ({"paid_amount": D(5)}, None),
        ({}, None),
    ],
)
def test_status_is_what_facts_prove(facts, found):
    assert rules.status(**facts) == found


# Tax


@pytest.mark.parametrize(
    ("rate", "base", "amount", "found"),
    [
        (D(20), D(50), D(10), "20"),
        (D("0.20"), D(50), D(10), "20.00"),
        (D("0.2"), D(-50), D(-10), "20.0"),
        (21, 100, 21, "21"),
        (D(0), None, None, "0"),
        (D("-0"), D(1), D(0), "0"),
        (D(20), D(50), D(0), None),
        (D(20), D(50), D(9), None),
        (D(20), D("0.01"), D("0.002"), "20"),
        (D("0.20"), D("0.01"), D("0.001"), None),
        (D(20), None, D(10), None),
        (D(20), D(50), None, None),
        (None, D(50), D(10), None),
    ],
)
def test_a_rate_is_percent_or_a_fraction_as_base_and_tax_prove(rate, base, amount, found):
    assert exactly(tax.rate(rate, base, amount)) == found


@pytest.mark.parametrize(
    ("totals", "taxes", "gross", "found"),
    [
        ([D(60), D(60)], [D(10), D(10)], D(120), "gross"),
        ([D(50), D(50)], [D(10), D(10)], D(120), "net"),
        ([D(60), D(60)], [D(10), D(10)], D(118), None),
        ([D("50.00"), D(50)], [D(10), 10], 120, "net"),
        ([D(120)], [D(0)], D(120), None),
        ([D(50), None], [D(10), D(10)], D(70), None),
        ([D(50)], [None], D(60), None),
        ([D(50)], [D(10)], None, None),
        ([], [], D(0), None),
    ],
)
def test_line_totals_are_net_or_gross_as_the_invoice_proves(totals, taxes, gross, found):
    assert tax.totals_are(totals, taxes, gross) == found


def test_line_totals_count_only_if_they_are_net():
    assert [exactly(net) for net in tax.net_totals([D("50.00"), 50], [D(10), D(10)], D(120))] == ["50.00", "50"]
    assert tax.net_totals([D(60), D(60)], [D(10), D(10)], D(120)) == [None, None]
    assert tax.net_totals([D(50), None], [D(10), D(10)], None) == [None, None]


def test_tax_is_grouped_by_category_and_rate():
    lines = [
        priced(D("10.00"), D("2.00"), tax_rate=D(20), tax_category="S"),
        priced(D(5), D(1), tax_rate=D("20.0"), tax_category="S"),
        priced(D(7), D(0), tax_rate=D(0), tax_category="Z"),
    ]
    assert [[exactly(value) for value in entry.values()] for entry in tax.breakdown(lines)] == [
        ["S", "20", "15.00", "3.00", None],
        ["Z", "0", "7", "0", None],
    ]
    for unknown in (priced(D(1), D(1)), priced(D(1), tax_rate=D(1)), priced(tax=D(1), tax_rate=D(1))):
        assert tax.breakdown([*lines, unknown]) is None
    assert tax.breakdown([]) is None
    far_apart = [priced(D(net), D(1), tax_rate=D(20)) for net in ("1e300", "1", "5")]
    assert [entry["base_amount"] for entry in tax.breakdown(far_apart)] == [None]  # not a sum that begins anew


# Checks


WHOLE = {
    "net_amount": D("100.00"),
    "tax_amount": D("20.00"),
    "gross_amount": D("120.00"),
    "paid_amount": D("50.00"),
    "due_amount": D("70.00"),
    "lines_net_amount": D("103.00"),
    "allowances_amount": D("5.00"),
    "charges_amount": D("2.00"),
    "tax_breakdown": [tax.tax_entry(category="S", rate=20, base_amount=100, tax_amount=D("20.00"))],
}
LINES = [priced(D("100.00"), tax_category="S", tax_rate=D(20)), priced(D("3.00"), tax_category="S", tax_rate=D(20))]


def checked(lines=LINES, untested=(), **changes):
    row = invoice(id="1", direction="payable", lines=lines, untested=untested, **{**WHOLE, **changes})
    return {rule: exactly(off) for rule, off in row["checks"].items()}, row["checks_ok"]


def test_what_adds_up_passes_all_six():
    differences, is_ok = checked()
    assert {D(off) for off in differences.values()} == {D(0)}
    assert is_ok is True


@pytest.mark.parametrize(
    ("change", "off"),
    [
        ({"lines_net_amount": D("103.01")}, {"br_co_10": "0.01", "br_co_13": "-0.01"}),
        ({"allowances_amount": D("5.5")}, {"br_co_13": "0.50"}),
        ({"charges_amount": None}, {"br_co_13": "2.00"}),
        ({"gross_amount": D("120.01")}, {"br_co_15": "0.01", "br_co_16": "-0.01"}),
        ({"tax_amount": D("19.99")}, {"br_co_14": "-0.01", "br_co_15": "0.01"}),
        ({"due_amount": D("70.001")}, {"br_co_16": "0.001"}),
        ({"rounding_amount": D("0.05")}, {"br_co_16": "-0.05"}),
        (
            {"tax_breakdown": [tax.tax_entry(category="S", rate=20, base_amount=100, tax_amount=D("20.03"))]},
            {"br_co_14": "-0.03", "br_co_17": "0.03"},
        ),
    ],
)
def test_what_does_not_add_up_is_told_as_a_difference(change, off):
    differences, is_ok = checked(**change)
    assert {rule: value for rule, value in differences.items() if value and D(value)} == off
    assert is_ok is False


@pytest.mark.parametrize(
    ("count", "off", "is_ok"), [(0, "0.01", True), (0, "0.02", False), (3, "0.03", True), (3, "0.04", False)]
)
def test_a_rate_s_tax_may_be_off_by_a_cent_for_each_of_its_lines(count, off, is_ok):
    at_rate = [priced(D(1), tax_category="S", tax_rate=D(20))] * count
    others = [priced(D(1), tax_category="S", tax_rate=D(10)), priced(D(1), tax_category="Z", tax_rate=D(20))]
    entries = [
        tax.tax_entry(category="S", rate=20, base_amount=10, tax_amount=2 - D(off)),
        tax.tax_entry(category="Z", rate=0, base_amount=10, tax_amount=0),
        tax.tax_entry(category="E", base_amount=10, tax_amount=0),
    ]
    row = invoice(id="1", direction="payable", tax_breakdown=entries, lines=at_rate + others)
    assert row["checks"]["br_co_17"] == -D(off)
    assert row["checks_ok"] is is_ok


def test_each_rate_has_its_own_tolerance():
    entries = [
        tax.tax_entry(category="S", rate=20, base_amount=10, tax_amount=D("2.03")),
        tax.tax_entry(category="S", rate=10, base_amount=10, tax_amount=D("1.02")),
    ]
    row = invoice(
        id="1", direction="payable", tax_breakdown=entries, lines=[priced(D(1), tax_category="S", tax_rate=D(20))] * 5
    )
    assert (row["checks"]["br_co_17"], row["checks_ok"]) == (D("0.03"), False)


def test_what_cannot_be_computed_is_null_and_no_verdict():
    differences, is_ok = checked(lines=[], **dict.fromkeys(WHOLE))
    assert set(differences.values()) == {None}
    assert is_ok is None
    assert checked(paid_amount=None)[0]["br_co_16"] is None
    assert checked(lines=[LINES[0], priced()])[0]["br_co_10"] is None


def test_what_the_mapping_has_derived_is_not_tested():
    differences, is_ok = checked(untested=("br_co_10", "br_co_13"), lines_net_amount=D(1))
    assert (differences["br_co_10"], differences["br_co_13"], is_ok) == (None, None, True)


@pytest.mark.parametrize("missing", ["net_amount", "tax_amount"])
def test_net_or_tax_follows_from_the_other_and_proves_nothing(missing):
    row = invoice(id="1", direction="payable", **{**WHOLE, missing: None})
    assert exactly(row[missing]) == exactly(WHOLE[missing])
    assert row["checks"]["br_co_15"] is None


def test_nothing_else_follows():
    known = {"net_amount": D(100), "tax_amount": D(20)}
    assert amounts(invoice(id="1", direction="payable", **known))["gross_amount"] is None
    assert amounts(invoice(id="1", direction="payable", gross_amount=D(120)))["net_amount"] is None
    assert amounts(invoice(id="1", direction="payable", gross_amount=D(120), paid_amount=D(20)))["due_amount"] is None


# Nasty cases, as a mapping would write them


@pytest.mark.parametrize(("gross", "net"), [("121", "100"), ("-121", "-100"), ("121", "-100")])
def test_a_credit_note_in_cents_of_unknown_sign(gross, net):
    def amount(cents):
        return rules.signed("381", currency.major(D(cents), "EUR"))

    due = amount("0")
    row = invoice(
        id="1",
        direction="payable",
        type_code="381",
        status=rules.status(due_amount=due),
        net_amount=amount(net),
        gross_amount=amount(gross),
        due_amount=due,
    )
    assert list(amounts(row).values()) == ["-1.00", "-0.21", "-1.21", None, "0.00"]
    assert row["status"] == "paid"
    assert row["checks_ok"] is None


def test_amounts_of_an_unknown_currency_are_null():
    code = currency.currency("Credits", "C")
    row = invoice(id="1", direction="payable", currency=code, gross_amount=currency.major(110, code))
    assert (row["currency"], row["gross_amount"], row["checks_ok"], row["amounts_source"]) == (None, None, None, None)


@pytest.mark.parametrize(
    ("amounts_in", "gross", "is_ok", "off"),
    [(None, None, None, None), ("units", "12100", True, "0"), ("cents", "121.00", True, "0.00")],
)
def test_a_whole_invoice_of_unknown_unit(amounts_in, gross, is_ok, off):
    net, vat, total = (currency.amount_in(amounts_in, each, "EUR") for each in (10000, 2100, 12100))
    row = invoice(id="1", direction="payable", net_amount=net, tax_amount=vat, gross_amount=total)
    assert exactly(row["gross_amount"]) == gross
    assert (exactly(row["checks"]["br_co_15"]), row["checks_ok"]) == (off, is_ok)


def test_prices_that_include_tax_give_net_and_no_more():
    row = invoice(
        id="1",
        direction="receivable",
        status=rules.status(is_void="2024-01-01T00:00:00Z", due_amount=D("0.000000")),
        tax_amount=D("1.090909"),
        gross_amount=D("12.000000"),
    )
    assert list(amounts(row).values()) == ["10.909091", "1.090909", "12.000000", None, None]
    assert (row["status"], row["lines_net_amount"]) == ("void", None)
    assert (row["checks"]["br_co_13"], row["checks"]["br_co_15"]) == (None, None)


def test_digits_that_do_not_fit_are_null_and_not_rounded():
    assert subtract(D("1e300"), D("1e-300")) is None
    assert exactly(negate(D("1" * 60 + ".5"))) == "-" + "1" * 60 + ".5"
