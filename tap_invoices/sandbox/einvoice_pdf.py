"""Invoices whose PDFs carry their XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tap_invoices.sandbox.cii import Profile, to_xml
from tap_invoices.sandbox.pdf import invoice_pdf

if TYPE_CHECKING:
    from tap_invoices.sandbox.einvoice import EInvoice

_FILES: dict[Profile, str] = {"XRechnung": "xrechnung.xml", "ZUGFeRD 1.0": "ZUGFeRD-invoice.xml"}


def einvoice_pdf(
    invoice: EInvoice,
    profile: Profile = "EN 16931",
    size: int | None = None,
    through: Literal["names", "af"] = "names",
) -> bytes:
    """Return an invoice's PDF with its XML."""
    attached = {_FILES.get(profile, "factur-x.xml"): to_xml(invoice, profile)}
    return invoice_pdf(invoice.number, size, attached, through)
