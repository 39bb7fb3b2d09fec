"""XML in PDFs: every profile is read, what is broken or hostile is not, and nothing of it is believed or told."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
import zlib
from datetime import date
from decimal import Decimal
from functools import cache
from weakref import WeakSet

import pypdf
import pytest

from tap_invoices.einvoice import cii, pdf, xml
from tap_invoices.einvoice.model import invoice, invoice_lines
from tap_invoices.einvoice.reading import Outcome, Reading, read
from tap_invoices.sandbox.cii import GUIDELINES, to_xml
from tap_invoices.sandbox.einvoice import EInvoice, Line
from tap_invoices.sandbox.einvoice_pdf import einvoice_pdf
from tap_invoices.sandbox.pdf import assemble, invoice_pdf, page, stream
from tests.support.run import PATIENCE, ROOT

D = Decimal
ISSUED = EInvoice(
    "INV 7",
    date(2026, 1, 2),
    date(2026, 2, 1),
    lines=(Line("Fibre", D(3), D("0.337"), D(20)), Line("Port", D(1), D("10.00"), D(0), unit="MON")),
    paid=D("1.21"),
    note="Thank you.",
    preceding="INV 6",
)
PLAIN = to_xml(ISSUED).decode()
TOTALS = {
    "net_amount": "11.01",
    "tax_amount": "0.20",
    "gross_amount": "11.21",
    "paid_amount": "1.21",
    "due_amount": "10.00",
}


def reading(file, number="INV 7"):
    return read(io.BytesIO(file), number)


def carrying(*contents, **named):
    files = {f"{count}.xml": content for count, content in enumerate(contents)} | named
    return invoice_pdf("INV 7", None, {name: as_bytes(content) for name, content in files.items()})


def as_bytes(content):
    return content.encode() if isinstance(content, str) else content


def row_of(found):
    return invoice(id="1", direction="payable", document=found.document)


def totals(row):
    return {name: None if row[name] is None else str(row[name]) for name in TOTALS}


def changed(old, new, text=PLAIN):
    assert old in text
    return text.replace(old, new)


# Profiles


@pytest.mark.parametrize("through", ["names", "af"])
@pytest.mark.parametrize("profile", GUIDELINES)
def test_every_profile_is_read(profile, through):
    found = reading(einvoice_pdf(ISSUED, profile, through=through))
    assert (found.outcome, found.fault, found.profile) == (Outcome.READ, None, GUIDELINES[profile])
    assert found.xml == to_xml(ISSUED, profile).decode()
    row = row_of(found)
    has_paid = profile != "MINIMUM"
    assert totals(row) == TOTALS | ({} if has_paid else {"paid_amount": None})
    assert (row["document_profile"], row["amounts_source"], row["checks_ok"]) == (found.profile, "document", True)
    assert (row["checks"]["br_co_16"] is None) is not has_paid
    assert len(found.document.lines) == (0 if profile in {"MINIMUM", "BASIC WL"} else 2)


def test_all_that_is_said_is_in_the_columns():
    row = row_of(reading(einvoice_pdf(ISSUED)))
    assert {name: value for name, value in row.items() if isinstance(value, str) and name != "id"} == {
        "direction": "payable",
        "invoice_number": "INV 7",
        "type_code": "380",
        "issue_date": "2026-01-02",
        "due_date": "2026-02-01",
        "currency": "EUR",
        "seller_name": "Réseau & Fils SARL",
        "seller_id": "S-1",
        "seller_vat_id": "FR00123456789",
        "seller_country": "FR",
        "buyer_name": "Example B.V.",
        "buyer_id": "B-7",
        "buyer_vat_id": "NL001234567B01",
        "buyer_country": "NL",
        "purchase_order": "PO-1",
        "invoiced_object": "SITE-9",
        "preceding_invoice": "INV 6",
        "payment_terms": "30 days",
        "note": "Thank you.",
        "amounts_source": "document",
        "document_profile": "urn:cen.eu:en16931:2017",
    }
    assert [[str(value) for value in entry.values()] for entry in row["tax_breakdown"]] == [
        ["S", "20", "1.01", "0.20", "None"],
        ["Z", "0", "10.00", "0.00", "None"],
    ]
    assert {D(off) for off in row["checks"].values()} == {D(0), D("-0.002")}
    assert str(row["lines_net_amount"]) == "11.01"


def test_lines_are_in_their_columns():
    found = reading(einvoice_pdf(ISSUED)).document
    first, second = invoice_lines(found.lines, invoice_id="1", currency=found.columns["currency"])
    assert {name: str(value) for name, value in first.items() if value is not None} == {
        "invoice_id": "1",
        "position": "1",
        "line_count": "2",
        "line_id": "1",
        "item_name": "Fibre",
        "quantity": "3",
        "unit": "C62",
        "unit_price": "0.337",
        "net_amount": "1.01",
        "tax_category": "S",
        "tax_rate": "20",
        "currency": "EUR",
    }
    assert (second["position"], second["unit"]) == (2, "MON")


def test_what_the_document_says_wins_and_what_it_leaves_out_stays():
    found = reading(einvoice_pdf(ISSUED, "MINIMUM")).document
    row = invoice(id="1", direction="payable", document=found, issue_date="2020-01-01", due_date="2020-02-02")
    assert (row["issue_date"], row["due_date"]) == ("2026-01-02", "2020-02-02")


def test_a_total_that_is_off_is_told_and_kept():
    row = row_of(reading(einvoice_pdf(EInvoice("INV 7", date(2026, 1, 2), off=D("0.01")))))
    assert (str(row["checks"]["br_co_15"]), row["checks_ok"], str(row["gross_amount"])) == ("0.01", False, "119.77")


# Credit notes


def test_a_credit_note_is_negative_in_both_styles():
    positive, negative = Line("Fibre", D(2), D("49.90"), D(20)), Line("Fibre", D(-2), D("49.90"), D(20))
    as_381 = reading(einvoice_pdf(EInvoice("INV 7", date(2026, 1, 2), type_code="381", lines=[positive]))).document
    as_380 = reading(einvoice_pdf(EInvoice("INV 7", date(2026, 1, 2), lines=[negative]))).document
    assert as_381.columns == as_380.columns | {"type_code": "381"}
    assert as_381.lines == as_380.lines
    row = invoice(id="1", direction="payable", document=as_381)
    assert list(totals(row).values()) == ["-99.80", "-19.96", "-119.76", None, "-119.76"]
    assert (str(as_381.lines[0]["quantity"]), str(as_381.lines[0]["unit_price"])) == ("-2", "49.90")
    assert row["checks_ok"] is True


def test_a_credit_note_that_is_negative_already_stays_so():
    lines = [Line("Fibre", D(-2), D("49.90"), D(20))]
    found = reading(einvoice_pdf(EInvoice("INV 7", date(2026, 1, 2), type_code="381", lines=lines)))
    assert str(row_of(found)["gross_amount"]) == "-119.76"


@pytest.mark.parametrize("price", ["49.90", "-49.90"])
def test_the_lines_of_a_negative_credit_note_are_signed_as_one(price):
    """Its issuer has negated some of the amounts."""
    lines = [Line("Fibre", D(-2), D("49.90"), D(20))]
    text = to_xml(EInvoice("INV 7", date(2026, 1, 2), type_code="381", lines=lines)).decode()
    text = changed('unitCode="C62">-2<', 'unitCode="C62">2<', text)
    text = changed("<ram:ChargeAmount>49.90<", f"<ram:ChargeAmount>{price}<", text)
    [line] = reading(carrying(text)).document.lines
    assert [str(line[name]) for name in ("quantity", "unit_price", "net_amount")] == ["-2", "49.90", "-99.80"]


def test_a_credit_note_still_adds_up_when_its_amounts_have_both_signs():
    lines = [Line("Fibre", D(2), D("49.90"), D(20)), Line("Fee kept", D(-1), D("10.00"), D(20))]
    issued = EInvoice("INV 7", date(2026, 1, 2), type_code="381", lines=lines, paid=D("150.00"))
    found = reading(einvoice_pdf(issued)).document
    row = invoice(id="1", direction="payable", document=found)
    assert [str(line["net_amount"]) for line in found.lines] == ["-99.80", "10.00"]
    assert list(totals(row).values()) == ["-89.80", "-17.96", "-107.76", "-150.00", "42.24"]
    assert row["checks_ok"] is True


def test_zero_has_no_sign_on_a_credit_note():
    issued = EInvoice("INV 7", date(2026, 1, 2), type_code="381", paid=D("119.76"))
    assert str(row_of(reading(einvoice_pdf(issued)))["due_amount"]) == "0.00"


# Which XML


@pytest.mark.parametrize(
    ("number", "outcome"),
    [("INV 7", "read"), ("inv7 ", "read"), (None, "read"), ("INV 8", "other_invoice"), ("", "other_invoice")],
)
def test_only_the_invoice_that_was_asked_for_is_believed(number, outcome):
    found = reading(einvoice_pdf(ISSUED), number)
    assert found.outcome == outcome
    assert outcome == "read" or found == Reading(Outcome.OTHER_INVOICE)


def test_of_two_invoices_the_one_that_was_asked_for_is_read():
    other = changed("INV 7", "INV 8")
    assert reading(carrying(other, PLAIN)).document.columns["invoice_number"] == "INV 7"
    assert reading(carrying(PLAIN, other), "INV 8").document.columns["invoice_number"] == "INV 8"


def test_of_two_versions_the_newer_is_read():
    old, new = to_xml(ISSUED, "ZUGFeRD 1.0"), to_xml(ISSUED)
    for file in (carrying(old, new), carrying(new, old)):
        assert reading(file).profile == GUIDELINES["EN 16931"]


def test_the_root_decides_and_not_the_name_of_the_file():
    pre_release = '<Invoice xmlns="urn:un:unece:uncefact:data:standard:CBFBUY:5"/>'
    ubl = '<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>'
    order = changed(GUIDELINES["EN 16931"], "urn:order-x.eu:1p0:order:comfort".replace(":1p0:", ":1p0:order:"))
    for content in ("<invoice/>", pre_release, ubl, order):
        assert reading(carrying(**{"factur-x.xml": content})) == Reading(Outcome.NO_XML)
    assert reading(carrying("<metadata/>", **{"anything.XML": PLAIN})).outcome == Outcome.READ


def test_what_is_no_xml_is_not_looked_at():
    assert reading(invoice_pdf("INV 7")) == Reading(Outcome.NO_XML)
    assert reading(carrying(**{"terms.pdf": b"%PDF", "data.csv": PLAIN})) == Reading(Outcome.NO_XML)


def test_one_tree_at_a_time_is_in_memory(monkeypatch):
    """One of 5 MB takes up to 130 MB."""
    trees, alive, parse = WeakSet(), [], xml.parse

    def watched(content):
        alive.append(len(trees))
        root = parse(content)
        trees.add(root)
        return root

    monkeypatch.setattr(xml, "parse", watched)
    other = changed("INV 7", "INV 8")
    assert reading(carrying(other, PLAIN, other, other)).outcome is Outcome.READ
    assert alive == [0, 0, 0, 0]


def test_a_broken_attachment_beside_the_invoice_does_no_harm():
    assert reading(carrying("<broken", PLAIN, b"\xff\xfe<")).outcome == Outcome.READ
    assert reading(carrying("<broken")) == Reading(Outcome.UNREADABLE, fault="ParseError")


# Oddities of real files


def test_of_two_taxes_the_one_in_the_invoice_s_currency_counts():
    tax = '<ram:TaxTotalAmount currencyID="EUR">0.20</ram:TaxTotalAmount>'
    other = '<ram:TaxTotalAmount currencyID="GBP">0.17</ram:TaxTotalAmount>'
    for both in (tax + other, other + tax):
        assert str(row_of(reading(carrying(changed(tax, both))))["tax_amount"]) == "0.20"


def test_an_empty_currency_is_null_and_its_amounts_are_read():
    code = "<ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>"
    row = row_of(reading(carrying(changed(code, "<ram:InvoiceCurrencyCode/>"))))
    assert (row["currency"], totals(row)) == (None, TOTALS)


def test_notes_and_subtotals_are_no_lines():
    document = "<ram:AssociatedDocumentLineDocument><ram:LineID>2</ram:LineID>"
    for reason in ("GROUP", "INFORMATION"):
        status = f"<ram:LineStatusReasonCode>{reason}</ram:LineStatusReasonCode>"
        assert len(reading(carrying(changed(document, document + status))).document.lines) == 1
    total = "<ram:LineTotalAmount>10.00</ram:LineTotalAmount>"
    for profile in ("EN 16931", "ZUGFeRD 1.0"):
        assert len(reading(carrying(changed(total, "", to_xml(ISSUED, profile).decode()))).document.lines) == 1


def test_a_line_whose_amount_cannot_be_read_stays_a_line():
    total = "<ram:LineTotalAmount>10.00</ram:LineTotalAmount>"
    document = reading(carrying(changed(total, total.replace("10.00", "1,234.56")))).document
    assert [line["net_amount"] and str(line["net_amount"]) for line in document.lines] == ["1.01", None]
    row = invoice(id="1", direction="payable", document=document)
    assert row["checks"]["br_co_10"] is None


def test_several_due_dates_are_none():
    term = "<ram:SpecifiedTradePaymentTerms>"
    day = '<udt:DateTimeString format="102">20260301</udt:DateTimeString>'
    more = f"{term}<ram:DueDateDateTime>{day}</ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>{term}"
    assert reading(carrying(changed(term, more))).document.columns["due_date"] is None


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1"])
def test_encodings_are_those_of_xml(encoding):
    text = PLAIN.replace("UTF-8", re.sub("-(sig|le|be)$", "", encoding).upper())
    found = reading(carrying(text.encode(encoding)))
    assert found.document.columns["seller_name"] == "Réseau & Fils SARL"
    assert found.xml == text


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("11.2100", "11.2100"),
        (" +011.21\n", "11.21"),
        (".5", "0.5"),
        ("0.00000548", "0.00000548"),
        ("-0.00", "0.00"),
        ("1" * 60, "1" * 60),
        ("1" * 61, None),
        ("9" * 4_000_000, None),
        ("1e999999999", None),
        ("NaN", None),
        ("Infinity", None),
        ("1,5", None),
        ("1_000", None),
        ("\u0661", None),
        ("", None),
    ],
)
def test_numbers_are_plain_digits(text, amount):
    content = changed("<ram:GrandTotalAmount>11.21<", f"<ram:GrandTotalAmount>{text}<")
    found = row_of(reading(carrying(content)))["gross_amount"]
    assert (None if found is None else f"{found:f}") == amount


# Broken and hostile files


def flate(content, times=1):
    for _ in range(times):
        content = zlib.compress(content, 9)
    return content


@cache
def zeros(mebibytes):
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(mebibytes)) + packer.flush()


def raw(content, entries, *more):
    """A PDF with one attachment whose stream is written as it stands."""
    return assemble([*page(tree(b"(a.xml) 6 0 R")), SPEC, stream(content, entries), *more])


def tree(names):
    return b"/Names<</EmbeddedFiles<</Names[%b]>>>>" % names


def doctype(inside, encoding="utf-8"):
    body = changed("?>\n", f"?>\n<!DOCTYPE x {inside}>").replace("INV 7", "&e;").replace("UTF-8", encoding.upper())
    return body.encode(encoding)


SPEC = b"<</Type/Filespec/F(a.xml)/EF<</F 7 0 R>>>>"
FLATE = b"/Filter/FlateDecode"
LAUGHS = "".join(f'<!ENTITY e{n or ""} "{f"&e{n + 1};" * 10}">' for n in range(9)) + '<!ENTITY e9 "ha">'
DEEP = [b"<</Kids[%d 0 R]>>" % number for number in range(7, 5007)] + [b"<</Names[]>>"]
HOSTILE = {
    # What makes it, and the outcome or the error.
    "bomb": (lambda: raw(zeros(50), FLATE), "LimitReachedError"),
    "bomb in a bomb": (lambda: raw(flate(zeros(50)), b"/Filter[/FlateDecode/FlateDecode]"), "LimitReachedError"),
    "run lengths": (lambda: raw(b"\x81a" * 800_000, b"/Filter/RunLengthDecode"), "LimitReachedError"),
    "many filters": (lambda: raw(flate(b"<a/>", 200), b"/Filter[%b]" % (b"/FlateDecode" * 200)), "LimitReachedError"),
    "wide rows": (
        lambda: raw(flate(b"x"), FLATE + b"/DecodeParms<</Predictor 12/Columns 2000000000>>"),
        "LimitReachedError",
    ),
    "many bombs": (
        lambda: assemble(
            [*page(tree(b"".join(b"(a.xml) %d 0 R " % n for n in range(8, 5008)))), SPEC, stream(zeros(10), FLATE)]
            + [SPEC] * 5000
        ),
        "XmlError",
    ),
    "unknown filter": (lambda: raw(b"x", b"/Filter/Magic"), "unreadable"),
    "own length": (lambda: raw(b"x", b"/Length 7 0 R"), "unreadable"),
    "names in a circle": (
        lambda: assemble([*page(b"/Names<</EmbeddedFiles 6 0 R>>"), b"<</Kids[6 0 R 7 0 R]>>", b"<</Kids[6 0 R]>>"]),
        "no_xml",
    ),
    "names 5,000 deep": (lambda: assemble([*page(b"/Names<</EmbeddedFiles 6 0 R>>"), *DEEP]), "no_xml"),
    "names that are no names": (lambda: assemble(page(b"/Names<</EmbeddedFiles 4 0 R>>/AF 3 0 R")), "no_xml"),
    "100,000 names": (lambda: assemble([*page(tree(b"(a.xml) 6 0 R " * 100_000)), SPEC]), "LimitReachedError"),
    "100,000 files": (
        lambda: assemble([*page(tree(b"(a) <</F(a.txt)/EF<<>>>>" * 100_000))]),
        "LimitReachedError",
    ),
    "file that holds itself": (lambda: assemble([*page(tree(b"(a.xml) 6 0 R")), SPEC, b"<</F 7 0 R>>"]), "unreadable"),
    "file that is nowhere": (lambda: assemble([*page(tree(b"(a.xml) 6 0 R")), SPEC]), "unreadable"),
    "tables in a circle": (lambda: assemble(page(), b"/Prev 15"), "no_xml"),
    "cut off": (lambda: einvoice_pdf(ISSUED)[:900], "unreadable"),
    "nothing": (lambda: b"", "unreadable"),
    "no PDF": (lambda: b"<html>" * 1000, "unreadable"),
    "entity of a file": (lambda: carrying(doctype('[<!ENTITY e SYSTEM "file:///etc/passwd">]')), "XmlError"),
    "entity of a server": (lambda: carrying(doctype('[<!ENTITY e SYSTEM "http://127.0.0.1:1/">]')), "XmlError"),
    "external DTD": (lambda: carrying(doctype('SYSTEM "http://127.0.0.1:1/x.dtd"')), "XmlError"),
    "DTD without entities": (lambda: carrying(changed("?>\n", "?>\n<!DOCTYPE x>")), "XmlError"),
    "entity in UTF-16": (
        lambda: carrying(doctype('[<!ENTITY e SYSTEM "file:///etc/passwd">]', "utf-16")),
        "XmlError",
    ),
    "laughs": (lambda: carrying(doctype(f"[{LAUGHS}]")), "XmlError"),
    "quadratic": (lambda: carrying(doctype(f'[<!ENTITY e "{"a" * 100_000}">]')), "XmlError"),
    "deep": (lambda: carrying("<a>" * 1_000_000), "XmlError"),
    "wide": (lambda: carrying(f"<a>{'<b/>' * 2_400_000}</a>"), "LimitReachedError"),
    "attributes": (lambda: carrying("<a " + " ".join(f"a{n}=''" for n in range(300_000)) + "/>"), "no_xml"),
    "path": (lambda: carrying(**{"../../../etc/cron.d/x.xml": PLAIN}), "read"),
    "NUL": (lambda: carrying(**{"a.xml\0": PLAIN}), "read"),
    "encoding that is none": (lambda: carrying(changed("UTF-8", "UTF-7")), "unreadable"),
}
CHILD = """
import io, json, pathlib, resource, sys, time, logging
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
logging.basicConfig()
from tap_invoices.einvoice.reading import read
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    start = time.process_time()
    with path.open("rb") as file:
        found = read(file, "INV 7")
    print(json.dumps([path.name, found.outcome, found.fault, time.process_time() - start]), flush=True)
peak = next(line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(peak.split()[1])  # getrusage would count the parent, as it was when this began
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """What came of each hostile file, in a child that has little memory; and that, and what the child said besides."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, (make, _) in HOSTILE.items():
        (folder / name).write_bytes(make())
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", CHILD, str(folder)],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *found, kibibytes = map(json.loads, done.stdout.splitlines())
    return {name: rest for name, *rest in found}, kibibytes, done.stderr


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_outcome_in_little_time(hostile, name):
    outcome, fault, seconds = hostile[0][name]
    expected = HOSTILE[name][1]
    assert expected in {outcome, fault}
    assert (fault is not None) is (outcome == "unreadable")
    assert seconds < 10


def test_hostile_files_take_little_memory_and_leave_nothing_in_the_log(hostile):
    _, kibibytes, log = hostile
    assert kibibytes < 400 * 1024
    assert log == ""


@pytest.mark.parametrize(("password", "outcome"), [("", "read"), ("secret", "unreadable")])
def test_an_encrypted_file_is_read_if_it_needs_no_password(password, outcome):
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(einvoice_pdf(ISSUED)))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")  # noqa: S106
    file = io.BytesIO()
    writer.write(file)
    assert reading(file.getvalue()).outcome == outcome


def test_the_log_says_nothing_of_a_file(caplog):
    with caplog.at_level(logging.DEBUG):
        reading(einvoice_pdf(ISSUED).replace(b"startxref\n", b"startxref\n9"))
        reading(carrying("<broken"))
    assert caplog.text == ""


def test_the_limits_end_with_the_reading():
    before = pypdf.get_configuration()
    reading(einvoice_pdf(ISSUED))
    assert pypdf.get_configuration() == before


def test_a_very_large_pdf_is_not_searched(monkeypatch):
    issued = einvoice_pdf(ISSUED)
    monkeypatch.setattr(pdf, "LARGEST", len(issued))
    assert reading(issued).outcome == Outcome.READ
    assert reading(issued + b"\n") == Reading(Outcome.TOO_LARGE)


def test_pypdf_is_imported_only_when_a_pdf_is_read():
    code = "import sys; from tap_invoices.einvoice import reading; print('pypdf' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)  # noqa: S603
    assert done.stdout.strip() == b"False"


def test_elements_may_be_fifty_deep():
    assert xml.parse(b"<a>" * 50 + b"</a>" * 50).tag == "a"
    with pytest.raises(xml.XmlError):
        xml.parse(b"<a>" * 51 + b"</a>" * 51)
    assert xml.parse(b"<a>" + b"<b/>" * 60 + b"</a>").tag == "a"


def test_xml_may_be_five_million_bytes():
    assert xml.parse(b"<a>" + b" " * (xml.MOST_BYTES - 7) + b"</a>").tag == "a"
    with pytest.raises(xml.XmlError):
        xml.parse(b"<a>" + b" " * (xml.MOST_BYTES - 6) + b"</a>")


def test_only_an_invoice_is_recognised():
    assert cii.recognise(xml.parse(PLAIN.encode())) == cii.CII
    assert cii.recognise(xml.parse(to_xml(ISSUED, "ZUGFeRD 1.0"))) == cii.ZUGFERD_1
    assert cii.recognise(xml.parse(b"<CrossIndustryInvoice/>")) == 0
