"""Covage's PDFs: some carry the invoice as XML, of several profiles, some none, some a broken or a strange one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zlib import crc32

from tap_invoices.sandbox import invent
from tap_invoices.sandbox.cii import GUIDELINES, Profile
from tap_invoices.sandbox.einvoice import EInvoice, Line, Party
from tap_invoices.sandbox.einvoice_pdf import einvoice_pdf
from tap_invoices.sandbox.pdf import invoice_pdf

if TYPE_CHECKING:
    from random import Random

    from tap_invoices.sandbox.book import Record

SELLER = Party("Covage Sandbox SAS", "S-1", "FR00123456789", "FR")
_CREDIT = 2
_KINDS = 10


def document(record: Record, size: int | None) -> bytes:
    """Return an invoice's PDF: of ten, six carry its XML, two none, one another invoice's, and one a broken one."""
    number = str(record["invoice_number"])
    code = crc32(number.encode())
    kind, die = code % _KINDS, invent.dice(code, 0)
    issued, due = _day(record.get("accounting_date")), _day(record.get("payment_deadline"))
    if kind in {0, 1} or issued is None:
        return invoice_pdf(number, size)
    if kind == 2:  # noqa: PLR2004
        return invoice_pdf(number, size, {"factur-x.xml": b"<rsm:CrossIndustryInvoice"})
    invoice = EInvoice(
        f"{number}-OTHER" if kind == 3 else number,  # noqa: PLR2004
        issued,
        due,
        type_code="381" if record.get("invoice_type") == _CREDIT else "380",
        seller=SELLER,
        buyer=Party(str(record.get("customer_name") or "?"), "B-7", country="FR"),
        lines=tuple(_line(die) for _ in range(die.randint(1, 4))),
        object=str(record.get("billing_site_ref") or ""),
    )
    profiles: list[Profile] = list(GUIDELINES)
    return einvoice_pdf(invoice, profiles[kind % len(profiles)], size, "af" if kind == 4 else "names")  # noqa: PLR2004


def _line(die: Random) -> Line:
    price = Decimal(die.randrange(100, 90_000)).scaleb(-2)
    return Line(die.choice(invent.THINGS), Decimal(die.randint(1, 5)), price, Decimal(die.choice((20, 20, 10, 0))))


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        return None
