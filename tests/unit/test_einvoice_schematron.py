"""Written as UBL 2.1, a unified invoice passes CEN's own rules for EN 16931, and breaks those that its checks name."""

from __future__ import annotations

import io
import json
import subprocess
from datetime import date
from decimal import Decimal
from operator import or_

import pytest

from tap_invoices.einvoice import tax
from tap_invoices.einvoice.model import invoice, invoice_lines, line
from tap_invoices.einvoice.reading import read
from tap_invoices.sandbox.einvoice import EInvoice, Line
from tap_invoices.sandbox.einvoice_pdf import einvoice_pdf
from tests.providers.conftest import EXAMPLES
from tests.providers.test_unified import golden
from tests.support.run import PATIENCE, ROOT
from tests.support.ubl import to_ubl

PYTHON = ROOT / ".venv-einvoice" / "bin" / "python"
D = Decimal
CENT = D("0.01")
ISSUED = EInvoice(
    "INV 7",
    date(2026, 1, 2),
    date(2026, 2, 1),
    lines=(Line("Fibre", D(3), D("0.337"), D(20)), Line("Port", D(1), D("10.00"), D(0), unit="MON")),
    paid=D("1.21"),
    note="Thank you.",
)
LINES = [
    line(item_name="Port", quantity=D(2), unit_price=D("50.00"), net_amount=D("100.00"), tax_category="S", tax_rate=20)
]
WHOLE = {
    "invoice_number": "INV 7",
    "type_code": "380",
    "issue_date": "2026-01-02",
    "due_date": "2026-02-01",
    "currency": "EUR",
    "seller_name": "Example B.V.",
    "seller_country": "NL",
    "seller_vat_id": "NL001234567B01",
    "buyer_name": "Réseau & Fils SARL",
    "buyer_country": "FR",
    "lines_net_amount": D("100.00"),
    "net_amount": D("100.00"),
    "tax_amount": D("20.00"),
    "gross_amount": D("120.00"),
    "paid_amount": D("50.00"),
    "due_amount": D("70.00"),
    "tax_breakdown": [tax.tax_entry(category="S", rate=20, base_amount=D("100.00"), tax_amount=D("20.00"))],
}
TURNED = {name: -value for name, value in WHOLE.items() if isinstance(value, Decimal)}
CREDIT = {
    **WHOLE,
    **TURNED,
    "type_code": "381",
    "tax_breakdown": [tax.tax_entry(category="S", rate=20, base_amount=-100, tax_amount=-20)],
}
CREDIT_LINES = [LINES[0] | {"quantity": D(-2), "net_amount": D("-100.00")}]
TINY_LINES = [LINES[0] | {"quantity": D(18248175), "unit_price": D("0.00000548")}]


def entries(**changes):
    return {"tax_breakdown": [WHOLE["tax_breakdown"][0] | changes]}


def told(columns, lines=LINES):
    row = invoice(id="1", direction="payable", lines=lines, **columns)
    return row, invoice_lines(lines, invoice_id="1", currency=row["currency"])


def embedded(profile, **changes):
    issued = EInvoice(**{**vars(ISSUED), **changes})
    found = read(io.BytesIO(einvoice_pdf(issued, profile)), "INV 7").document
    row = invoice(id="1", direction="payable", document=found)
    return row, invoice_lines(found.lines, invoice_id="1", currency=row["currency"])


PASS = {
    "invoice": told(WHOLE),
    "credit note": told(CREDIT, CREDIT_LINES),
    "yen": told(WHOLE | {"currency": "JPY"}),
    "tiny price": told(WHOLE, TINY_LINES),
    "no due date": told(WHOLE | {"due_date": None}),
    "not paid": told(WHOLE | {"paid_amount": None, "due_amount": D("120.00")}),
    **{profile: embedded(profile) for profile in ("EN 16931", "XRechnung", "ZUGFeRD 1.0")},
    "embedded credit note": embedded("EN 16931", type_code="381"),
}
WRONG = {
    "br_co_10": told(WHOLE, [LINES[0] | {"net_amount": D("99.99")}]),
    "br_co_13": told(WHOLE | {"net_amount": D("100.01"), "gross_amount": D("120.01"), "due_amount": D("70.01")}),
    "br_co_14": told(WHOLE | {"tax_amount": D("20.01"), "gross_amount": D("120.01"), "due_amount": D("70.01")}),
    "br_co_15": told(WHOLE | {"gross_amount": D("120.01"), "due_amount": D("70.01")}),
    "br_co_16": told(WHOLE | {"due_amount": D("70.01")}),
    "br_co_17": told(
        WHOLE
        | entries(tax_amount=D("25.00"))
        | {"tax_amount": D("25.00"), "gross_amount": D("125.00"), "due_amount": D("75.00")}
    ),
    "embedded br_co_15": embedded("EN 16931", off=D("0.01")),
}
LACKING = {
    name: told({column: value for column, value in WHOLE.items() if column != name})
    for name in WHOLE
    if name not in {"due_date", "paid_amount", "net_amount", "tax_amount"}
}
LACKING |= {f"line {name}": told(WHOLE, [LINES[0] | {name: None}]) for name in LINES[0] if name != "quantity"}
OTHER = {
    "no lines": (embedded("BASIC WL"), "BR-16"),
    "no breakdown": (told(WHOLE | {"tax_breakdown": None}), "BR-CO-18"),
    "three decimals": (told(WHOLE | {"currency": "KWD", "gross_amount": D("120.000")}), "BR-DEC-14"),
}
NAME = {"seller_name": "Example Ltd"}
SELLER = {"seller_country": "NL", "seller_vat_id": "NL001234567B01"}
BUYER = {"buyer_name": "Réseau & Fils SARL", "buyer_country": "FR"}
STANDARD = {"tax_category": "S", "tax_rate": 21}
PRICED = {"item_name": "Port", "quantity": D(1)}
UNTOLD = {
    "exsited/adds_up": (
        NAME | SELLER | BUYER,
        [PRICED | {"unit_price": D(price), "tax_category": kind} for price, kind in ((100, "S"), (50, "S"), (7, "Z"))],
    ),
    "i3dnet/credit_positive": (
        {
            **NAME,
            **SELLER,
            **BUYER,
            "lines_net_amount": D("-1.00"),
            "paid_amount": D("-1.21"),
            **entries(rate=21, base_amount=D(-1), tax_amount=D("-0.21")),
        },
        [{"tax_category": "S"}, {"tax_category": "S"}, STANDARD],
    ),
    "ibana/net_lines": (
        {**SELLER, **BUYER, "due_amount": D("120.00")},
        [{"tax_category": "S"}] * 2,
    ),
    "matas/cents": (NAME | SELLER | {"lines_net_amount": D("100.00"), "due_amount": D("121.00")}, [STANDARD] * 2),
}
"""What a provider does not say of an invoice, and the standard asks for, by golden file."""


def complete(name):
    """A provider's rows with what they lack, and nothing else, filled in."""
    columns, of_lines = UNTOLD[name]
    provider, case = name.split("/")
    row, lines = golden(EXAMPLES / provider / "unified" / f"{case}.json")
    taxes = [entry | {"category": "S" if entry["rate"] else "Z"} for entry in row["tax_breakdown"] or ()]
    filled = [row | columns | ({"tax_breakdown": taxes} if taxes else {}), *map(or_, lines, of_lines)]
    for before, after in zip([row, *lines], [columns, *of_lines], strict=True):
        assert {name for name in after if before[name] is not None} == set()
    return filled[0], filled[1:]


COMPLETE = {name: complete(name) for name in UNTOLD}
ALL = {**PASS, **WRONG, **LACKING, **COMPLETE, **{name: told_ for name, (told_, _) in OTHER.items()}}


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Which of CEN's rules each invoice breaks."""
    folder = tmp_path_factory.mktemp("ubl")
    for name, (row, lines) in ALL.items():
        (folder / name.replace("/", " ")).write_bytes(to_ubl(row, lines))
    done = subprocess.run(  # noqa: S603
        [PYTHON, ROOT / "tests" / "support" / "schematron.py", *(folder / name.replace("/", " ") for name in ALL)],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = list(map(json.loads, done.stdout.splitlines()))
    assert all(fired > 10 for _, fired, _ in found)
    return {name: rules for name, (_, _, rules) in zip(ALL, found, strict=True)}


@pytest.mark.parametrize("name", PASS)
def test_an_invoice_passes(broken, name):
    assert broken[name] == []
    assert PASS[name][0]["checks_ok"] is True


@pytest.mark.parametrize("name", COMPLETE)
def test_a_provider_s_invoice_passes_with_what_it_lacks(broken, name):
    assert broken[name] == []


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_sum_breaks_the_rule_that_the_checks_name(broken, name):
    rule = name.removeprefix("embedded ")
    row, _ = WRONG[name]
    assert [check for check, off in row["checks"].items() if abs(off) >= CENT] == [rule]
    assert row["checks_ok"] is False
    assert rule.upper().replace("_", "-") in broken[name]


@pytest.mark.parametrize("name", LACKING)
def test_no_column_could_be_left_out(broken, name):
    assert broken[name]


@pytest.mark.parametrize("name", OTHER)
def test_what_the_standard_refuses(broken, name):
    assert OTHER[name][1] in broken[name]
