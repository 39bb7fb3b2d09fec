"""Each provider's rows as rows of `invoices` and `invoice_lines`: golden files by hand, and what holds for all rows."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from threading import RLock
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_invoices.einvoice import rules
from tap_invoices.einvoice.mapping import MappingContext
from tap_invoices.einvoice.reading import Outcome
from tap_invoices.einvoice.reading import read as read_pdf
from tap_invoices.providers import PROVIDERS
from tap_invoices.records.conform import Conformer
from tap_invoices.records.decode import decode
from tap_invoices.sandbox.einvoice import EInvoice, Line
from tap_invoices.sandbox.einvoice_pdf import einvoice_pdf
from tap_invoices.sandbox.providers import PROVIDERS as STAND_INS
from tap_invoices.sandbox.wire import to_json
from tap_invoices.streams.schemas import SCHEMAS_DIR
from tests.providers.conftest import EXAMPLES

D = Decimal
MAPPINGS = {provider.name: provider.mapping for provider in PROVIDERS}
STREAMS = {stream.name: stream for provider in PROVIDERS for stream in provider.streams}
GOLDEN = sorted(EXAMPLES.glob("*/unified/*.json"))
STREAM_S = {"provider": "matas", "source_account": "default"}
"""Columns that are the stream's."""
AMOUNTS = ("net_amount", "tax_amount", "gross_amount", "paid_amount", "due_amount")


def schema(stream):
    return json.loads((SCHEMAS_DIR / f"{stream}.json").read_text(encoding="utf-8"))


VALIDATORS = {
    name: jsonschema.Draft202012Validator(schema(name), format_checker=jsonschema.FormatChecker())
    for name in ("invoices", "invoice_lines")
}
CONFORMERS = {name: Conformer(schema(name)) for name in STREAMS}


def context(mapping, settings=None):
    settings = settings or {}
    zone = ZoneInfo(settings.get("time_zone") or mapping.time_zone or "UTC")
    return MappingContext(zone, settings.get("amounts_in"))


def unify(provider, row, details=None, settings=None, **beside):
    """The unified rows of a row as it is sent, and of its details, where the lines are in those."""
    mapping = MAPPINGS[provider]
    given = replace(context(mapping, settings), **beside)
    header = mapping.invoice(CONFORMERS[mapping.headers.stream](row), given)
    source = mapping.details or mapping.headers
    item = row if source == mapping.headers else details
    return header, [] if item is None else mapping.lines(CONFORMERS[source.stream](item), given)


def exactly(value):
    """A row with its amounts as they are written, for 1.10 is not 1.1 here; differences are numbers."""
    if isinstance(value, dict):
        return {
            name: {rule: each and D(each) for rule, each in item.items()} if name == "checks" else exactly(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [exactly(item) for item in value]
    is_number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    return f"{D(value):f}" if is_number else value


def whole(name, said):
    """A row of which only what is known is written down."""
    known = schema(name)["properties"]
    row = {column: said.get(column) for column in known if column not in STREAM_S}
    if name == "invoices":
        taxes, rules_ = known["tax_breakdown"]["items"]["properties"], known["checks"]["properties"]
        row["tax_breakdown"] = [dict.fromkeys(taxes) | entry for entry in row["tax_breakdown"] or ()] or None
        row["checks"] = dict.fromkeys(rules_) | (row["checks"] or {})
    return row


def golden(path):
    """The unified rows of a golden file's row."""
    case = decode(path.read_bytes())
    return unify(path.parts[-3], case["row"], case.get("details"), case.get("settings"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_a_row_becomes_what_is_written_down(path):
    case = decode(path.read_bytes())
    header, lines = golden(path)
    assert exactly(header) == exactly(whole("invoices", case["invoice"]))
    assert exactly(lines) == exactly([whole("invoice_lines", line) for line in case["lines"]])


@pytest.mark.parametrize("settings", [{}, {"amounts_in": "units"}, {"amounts_in": "cents"}], ids=str)
@pytest.mark.parametrize(
    ("prices", "total", "taxes"),
    [((100, -10), 108, ["-20", "2"]), ((120, -12), 108, ["-20", "2"]), ((-100, 10), -108, ["-20", "2"])],
    ids=["net", "gross", "negative"],
)
def test_the_lines_of_a_credit_note_have_the_same_signs_whatever_is_known_of_its_amounts(
    settings, prices, total, taxes
):
    items = [
        {"quantity": quantity, "unitPrice": 10, "totalPrice": price, "taxRate": 20, "taxAmount": tax}
        for quantity, price, tax in zip((10, -1), prices, (20, -2), strict=True)
    ]
    row = {"id": "1", "type": "CREDIT_NOTE", "currency": "EUR", "totalAmount": total, "lineItems": items}
    _, lines = unify("ibana", row, settings=settings)
    assert [str(line["quantity"]) for line in lines] == ["-10", "1"]
    if settings == {"amounts_in": "units"}:
        assert [str(line["tax_amount"]) for line in lines] == taxes


def test_every_provider_has_golden_files():
    assert {path.parts[-3] for path in GOLDEN} == set(MAPPINGS)


@pytest.mark.parametrize("provider", MAPPINGS)
def test_a_mapping_names_streams_and_their_bookmarks_fields(provider):
    mapping = MAPPINGS[provider]
    for source in (mapping.headers, mapping.details, mapping.documents):
        if source:
            assert (STREAMS[source.stream].provider, STREAMS[source.stream].replication_key) == (provider, source[1])
    assert set(mapping.unknown_units) <= set(schema(mapping.headers.stream)["properties"])


# What holds for all rows


def values(row):
    """All values in a row, at any depth."""
    for value in row.values() if isinstance(row, dict) else row:
        yield value
        if isinstance(value, (dict, list)):
            yield from values(value)


def faults(header, lines):
    """What is wrong with an invoice's rows, whatever is in them."""
    rows = [("invoices", header), *(("invoice_lines", line) for line in lines)]
    found = [error.message for name, row in rows for error in VALIDATORS[name].iter_errors(STREAM_S | row)]
    for value in values([row for _, row in rows]):
        if isinstance(value, float) or (isinstance(value, Decimal) and value.is_zero() and value.is_signed()):
            found.append(f"{value!r}")
        if isinstance(value, str) and not value.strip():
            found.append("a blank text")
    if [line["position"] for line in lines] != list(range(1, len(lines) + 1)):
        found.append("positions")
    if any(line["line_count"] != len(lines) or line["invoice_id"] != header["id"] for line in lines):
        found.append("a line of another invoice")
    return found


def positive(header):
    """Amounts of a credit note that are not owed to the buyer."""
    return [name for name in AMOUNTS if header["type_code"] in rules.CREDIT_NOTES and (header[name] or 0) > 0]


def sandbox_rows(provider):
    """A provider's invoices as its stand-in sends them: odd texts, dates, signs and fields that nobody knows."""
    [stand_in] = [each for each in STAND_INS if each.name == provider]
    book = stand_in.book(120, 7, lambda: datetime(2026, 1, 2, tzinfo=UTC), RLock())
    mapping = MAPPINGS[provider]
    for key in book.invoices:
        sources = (mapping.headers, mapping.details or mapping.headers)
        yield [decode(bytes(to_json(book.sent(source.stream, key)))) for source in sources]


@pytest.mark.parametrize(
    ("provider", "place", "details"),
    [
        ("covage", ("results", 0), None),
        ("exsited", ("invoices", 0), None),
        ("i3dnet", (0,), (0,)),
        ("ibana", ("data", 0), None),
        ("matas", (0,), ()),
    ],
)
@pytest.mark.parametrize("amounts_in", [None, "units", "cents"])
def test_the_example_of_a_provider_s_page_is_one_of_the_schema(provider, place, details, amounts_in):
    rows = []
    for file, steps in (("invoices", place), ("invoice", details)):
        if steps is not None:
            found = decode((EXAMPLES / provider / f"{file}.json").read_bytes())
            for step in steps:
                found = found[step]
            rows.append(found)
    header, lines = unify(provider, *rows, settings={"amounts_in": amounts_in})
    assert faults(header, lines) == []
    assert len(lines) == (provider != "covage")


@pytest.mark.parametrize("settings", [{}, {"amounts_in": "units"}, {"amounts_in": "cents"}], ids=str)
@pytest.mark.parametrize("provider", MAPPINGS)
def test_every_row_of_the_sandbox_is_one_of_the_schema(provider, settings):
    rows = [unify(provider, row, details, settings) for row, details in sandbox_rows(provider)]
    assert [fault for header, lines in rows for fault in [*faults(header, lines), *positive(header)]] == []
    assert len({header["id"] for header, _ in rows}) == len(rows) == 120
    has_amounts = settings or not MAPPINGS[provider].unknown_units
    assert any(header["gross_amount"] for header, _ in rows) == bool(has_amounts and provider != "covage")
    assert any(lines for _, lines in rows) == (provider != "covage")


DIGITS = st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{1,30})?", fullmatch=True)


KEPT = [
    ("exsited", "total", "gross_amount", None),
    ("exsited", "paid", "paid_amount", None),
    ("exsited", "discount_amount", "allowances_amount", None),
    ("i3dnet", "amountIncVAT", "gross_amount", None),
    ("i3dnet", "amountExclVAT", "net_amount", None),
    ("i3dnet", "remainingAmount", "due_amount", None),
    ("ibana", "totalAmount", "gross_amount", "cents"),
    ("ibana", "totalAmount", "gross_amount", "units"),
    ("matas", "subtotal", "net_amount", "cents"),
    ("matas", "total", "gross_amount", "units"),
]


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: f"{kept[0]}-{kept[1]}-{kept[3]}")
@given(digits=DIGITS, is_credit=st.booleans())
def test_no_digit_of_sixty_is_lost(kept, digits, is_credit):
    provider, sent, column, amounts_in = kept
    row = decode((EXAMPLES / provider / "unified" / "page.json").read_bytes())["row"] | {sent: digits}
    if provider == "i3dnet":
        row["isCredit"] = int(is_credit)
    header, _ = unify(provider, row, settings={"amounts_in": amounts_in})
    sign, figures, exponent = D(digits).as_tuple()
    is_negative = any(figures) and (sign or (provider == "i3dnet" and is_credit))
    places = 2 if provider == "i3dnet" or amounts_in == "cents" else 0
    assert header[column].as_tuple() == (is_negative, figures, exponent - places)
    assert faults(header, []) == []


ANYTHING = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just([]) | st.just({}) | st.just([None])


@pytest.mark.parametrize("provider", MAPPINGS)
@given(data=st.data())
def test_whatever_is_sent_in_a_field_gives_a_row_of_the_schema(provider, data):
    mapping = MAPPINGS[provider]
    case = decode((EXAMPLES / provider / "unified" / "page.json").read_bytes())
    key = STREAMS[mapping.headers.stream].primary_keys[0]
    row, details = (
        each | data.draw(st.dictionaries(st.sampled_from([name for name in each if name != key]), ANYTHING))
        for each in (case["row"], case.get("details", case["row"]))
    )
    details[key] = row[key]
    header, lines = unify(provider, row, details, {"amounts_in": "units"})
    assert faults(header, lines) == []


# Oddities


@pytest.mark.parametrize(
    ("code", "sign", "sent", "amount", "known"),
    [
        ("JPY", "¥", "110", "110", "JPY"),
        ("KWD", None, "1234", "1.234", "KWD"),
        ("Euro", "€", "110", "1.10", "EUR"),
        ("Credits", "¢", "110", None, None),
    ],
)
def test_cents_are_the_smallest_unit_of_the_currency(code, sign, sent, amount, known):
    row = {"id": "1", "currency": code, "currencySign": sign, "amountIncVAT": sent, "isCredit": 0}
    header, _ = unify("i3dnet", row)
    assert (exactly(header["gross_amount"]), header["currency"], header["checks_ok"]) == (amount, known, None)


@pytest.mark.parametrize(
    ("time", "day"),
    [
        ("2022-12-31T23:00:00.000000Z", "2023-01-01"),
        ("2023-06-30T22:00:00Z", "2023-07-01"),
        ("2023-03-26T22:00:00Z", "2023-03-27"),
        ("2023-01-01T00:00:00Z", "2023-01-01"),
    ],
)
@pytest.mark.parametrize(
    ("provider", "key", "sent"),
    [
        ("matas", "invoice_number", "invoice_date"),
        ("i3dnet", "id", "creationDate"),
        ("ibana", "id", "date"),
    ],
)
def test_a_day_is_the_provider_s_own(provider, key, sent, time, day):
    assert unify(provider, {key: "1", sent: time})[0]["issue_date"] == day


def test_another_time_zone_can_be_set():
    row = {"id": "1", "issue_date": "2024-05-16T14:30:57Z"}
    zones = ("UTC", "Australia/Sydney")
    assert [unify("exsited", row, settings={"time_zone": zone})[0]["issue_date"] for zone in zones] == [
        "2024-05-16",
        "2024-05-17",
    ]


@pytest.mark.parametrize(
    ("amounts_in", "gross", "is_ok"), [(None, None, None), ("units", "12100", True), ("cents", "121.00", True)]
)
def test_amounts_are_null_until_their_unit_is_set(amounts_in, gross, is_ok):
    row = decode((EXAMPLES / "matas" / "invoices.json").read_bytes())[0]
    header, _ = unify("matas", row, settings={"amounts_in": amounts_in})
    assert (exactly(header["gross_amount"]), header["checks_ok"]) == (gross, is_ok)
    assert header["checks"]["br_co_15"] == (None if gross is None else 0)
    assert header["status"] == "paid"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"payment_date": "2023-01-01T00:00:00Z"}, "paid"),
        ({"payment_date": None}, "open"),
        ({"payment_date": ""}, "open"),
        ({"payment_date": "last week"}, None),
        ({}, None),
    ],
)
def test_matas_is_unpaid_only_if_it_says_so(sent, status):
    header, _ = unify("matas", {"invoice_number": "1", **sent})
    assert header["status"] == status


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"status": "DRAFT", "due": "5"}, "draft"),
        ({"status": "VOID", "due": "5"}, "void"),
        ({"status": "DRAFT", "kpis": {"deleted_on": "2024-01-01T00:00:00Z"}}, "deleted"),
        ({"status": "ACTIVE", "due": "5", "paid": "0.00"}, "open"),
        ({"status": "ACTIVE", "due": "5", "paid": "1"}, "partially_paid"),
        ({"status": "ACTIVE", "due": "0.00", "kpis": None}, "paid"),
        ({"status": "ACTIVE"}, None),
    ],
)
def test_the_status_of_an_exsited_invoice(sent, status):
    header, _ = unify("exsited", {"id": "1", **sent})
    assert header["status"] == status
    assert header["provider_status"] == sent["status"]


def test_two_codes_of_one_rate_are_two_taxes_of_exsited():
    codes = {"FREE": ["7.00"], "EXPORT": ["8.00", "9.00"]}
    lines = [
        {"subtotal": amount, "tax": {"amount": "0.00", "code": code, "rate": "0"}}
        for code, amounts in codes.items()
        for amount in amounts
    ]
    lines.append({"subtotal": "100.00", "tax": {"amount": "10.00", "code": "GST", "rate": "10"}})
    header, _ = unify("exsited", {"id": "1", "total": "134.00", "tax_total": "10.00", "lines": lines})
    found = [(entry["rate"], entry["base_amount"]) for entry in header["tax_breakdown"]]
    assert found == [(0, Decimal("7.00")), (0, Decimal("17.00")), (10, Decimal("100.00"))]


def test_whether_the_subtotal_is_without_tax_must_be_said():
    row = {"id": "1", "subtotal": "10.00", "total": "12.00"}
    said = [unify("exsited", row | {"price_tax_inclusive": flag})[0] for flag in ("false", "true", "", None)]
    assert [exactly(header["lines_net_amount"]) for header in said] == ["10.00", None, None, None]


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        ({"purchaseOrderNumber": "A", "purchaseOrder": "B"}, "A"),
        ({"purchaseOrderNumber": "", "purchaseOrder": "B"}, "B"),
        ({"purchaseOrder": {"purchaseOrderNumber": "C"}}, "C"),
        ({"purchaseOrder": {"purchaseOrderNumber": 7}}, "7"),
        ({"purchaseOrder": ["D"]}, None),
        ({"purchaseOrder": None}, None),
    ],
)
def test_ibana_has_the_order_as_a_text_or_as_an_object(sent, number):
    assert unify("ibana", {"id": "1", **sent})[0]["purchase_order"] == number


@pytest.mark.parametrize(
    ("kind", "code"),
    [("INVOICE", "380"), ("credit note", "381"), ("CREDIT_NOTE", "381"), ("OTHER", None), (None, None)],
)
def test_the_type_of_an_ibana_invoice(kind, code):
    header, _ = unify("ibana", {"id": "1", "type": kind, "totalAmount": 5}, settings={"amounts_in": "units"})
    assert (header["type_code"], header["gross_amount"]) == (code, D(-5) if code == "381" else D(5))
    assert (header["checks_ok"], set(header["checks"].values())) == (None, {None})


# XML in Covage's PDFs

ROW = {
    "invoice_number": "FACT 7",
    "customer_name": "CLIENT",
    "billing_site_ref": "SITE001",
    "invoice_type": 1,
    "invoice_type_label": "Standard Invoice",
    "accounting_date": "2026-01-31",
    "payment_deadline": "2026-03-02",
}
ISSUED = EInvoice(
    "fact7",
    date(2026, 1, 2),
    date(2026, 2, 1),
    lines=(Line("Fibre", D(3), D("0.337"), D(20)), Line("Port", D(1), D("10.00"), D(0), unit="MON")),
    paid=D("1.21"),
)


def read_xml(profile="EN 16931", row=ROW, **changes):
    """The rows of a Covage invoice whose PDF has been read."""
    reading = read_pdf(io.BytesIO(einvoice_pdf(replace(ISSUED, **changes), profile)), row["invoice_number"])
    assert reading.outcome is Outcome.READ
    return unify("covage", row, document=reading.document, document_sha256="0" * 64)


def test_what_the_xml_says_wins_over_the_list():
    header, lines = read_xml()
    assert exactly({name: header[name] for name in ("id", "invoice_number", "issue_date", "due_date", *AMOUNTS)}) == {
        "id": "FACT 7",
        "invoice_number": "fact7",
        "issue_date": "2026-01-02",
        "due_date": "2026-02-01",
        "net_amount": "11.01",
        "tax_amount": "0.20",
        "gross_amount": "11.21",
        "paid_amount": "1.21",
        "due_amount": "10.00",
    }
    assert (header["checks_ok"], header["amounts_source"], header["document_sha256"]) == (True, "document", "0" * 64)
    assert (header["changed_at"], header["provider_type"]) == ("2026-01-31T00:00:00Z", "Standard Invoice")
    assert [(line["invoice_id"], line["item_name"], exactly(line["net_amount"])) for line in lines] == [
        ("FACT 7", "Fibre", "1.01"),
        ("FACT 7", "Port", "10.00"),
    ]
    assert {(line["currency"], line["changed_at"], line["line_count"]) for line in lines} == {
        ("EUR", "2026-01-31T00:00:00Z", 2)
    }
    assert faults(header, lines) == []


def test_a_credit_note_of_the_xml_is_negative():
    header, lines = read_xml(type_code="381")
    assert (header["type_code"], exactly(header["gross_amount"])) == ("381", "-11.21")
    assert exactly([line["net_amount"] for line in lines]) == ["-1.01", "-10.00"]
    assert faults(header, lines) == positive(header) == []


def test_the_profile_minimum_has_no_lines_and_proves_little():
    header, lines = read_xml("MINIMUM")
    assert (exactly(header["gross_amount"]), exactly(header["due_amount"]), header["paid_amount"]) == (
        "11.21", "10.00", None,
    )  # fmt: skip
    assert (header["checks"]["br_co_15"], header["checks"]["br_co_16"], header["checks_ok"]) == (0, None, True)
    assert lines == []


def test_a_wrong_total_is_told_and_not_mended():
    header, _ = read_xml(off=D("0.01"))
    assert exactly(header["gross_amount"]) == "11.22"
    assert (header["checks"]["br_co_15"], header["checks_ok"]) == (D("0.01"), False)
