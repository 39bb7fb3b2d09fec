"""Invoices in CII (Factur-X, ZUGFeRD 2, XRechnung) and in ZUGFeRD 1.0, read into the model's columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element

from tap_invoices.einvoice.columns import AMOUNTS, InvoiceColumns, LineColumns, TaxEntry
from tap_invoices.einvoice.currency import currency
from tap_invoices.einvoice.days import basic_day
from tap_invoices.einvoice.exact import Amount, negate, number
from tap_invoices.einvoice.model import Document, line
from tap_invoices.einvoice.rules import CREDIT_NOTES, credited
from tap_invoices.einvoice.tax import tax_entry

CII, ZUGFERD_1 = 2, 1
"""Ranks: where a PDF holds both, the newer one counts."""
_ROOTS = {
    "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}CrossIndustryInvoice": CII,
    "{urn:ferd:CrossIndustryDocument:invoice:1p0}CrossIndustryDocument": ZUGFERD_1,
    "{urn:ferd:CrossIndustryDocument:invoice:1p0:rc}CrossIndustryDocument": ZUGFERD_1,
}
_OWN = re.compile(r"\{urn:(?:un:unece:uncefact:data|ferd:CrossIndustryDocument):[^}]*\}(.+)")
_NAMES = {
    # ZUGFeRD 1.0 has other names for the same.
    "SpecifiedExchangedDocumentContext": "ExchangedDocumentContext",
    "HeaderExchangedDocument": "ExchangedDocument",
    "SpecifiedSupplyChainTradeTransaction": "SupplyChainTradeTransaction",
    "ApplicableSupplyChainTradeAgreement": "Agreement",
    "ApplicableSupplyChainTradeSettlement": "Settlement",
    "SpecifiedSupplyChainTradeAgreement": "Agreement",
    "SpecifiedSupplyChainTradeDelivery": "Delivery",
    "SpecifiedSupplyChainTradeSettlement": "Settlement",
    "SpecifiedTradeSettlementMonetarySummation": "Summation",
    "ApplicablePercent": "RateApplicablePercent",
    # CII tells header from line by its names; their place does, too.
    "ApplicableHeaderTradeAgreement": "Agreement",
    "ApplicableHeaderTradeSettlement": "Settlement",
    "SpecifiedLineTradeAgreement": "Agreement",
    "SpecifiedLineTradeDelivery": "Delivery",
    "SpecifiedLineTradeSettlement": "Settlement",
    "SpecifiedTradeSettlementHeaderMonetarySummation": "Summation",
    "SpecifiedTradeSettlementLineMonetarySummation": "Summation",
}
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)", re.ASCII)
_MOST_DIGITS = 60
_NOT_COUNTED = {"GROUP", "INFORMATION"}
"""Lines of the profile EXTENDED that repeat, or only explain, other lines."""


def recognise(root: Element) -> int:
    """Return which kind of invoice this is, 0 for anything else, and give an invoice's elements their plain names."""
    kind = _ROOTS.get(root.tag, 0)
    if not kind:
        return 0
    for each in root.iter():
        if own := _OWN.fullmatch(each.tag):
            each.tag = _NAMES.get(own[1], own[1])
    return 0 if ":order:" in (profile(root) or "") else kind


def profile(root: Element) -> str | None:
    """Return what a recognised invoice calls itself (BT-24)."""
    return _text(root, "ExchangedDocumentContext/GuidelineSpecifiedDocumentContextParameter/ID")


def number_of(root: Element) -> str | None:
    """Return a recognised invoice's number (BT-1)."""
    return _text(root, "ExchangedDocument/ID")


def read(root: Element) -> Document:
    """Return what a recognised invoice says, signed."""
    columns = _header(root)
    items = map(_line, root.iterfind("SupplyChainTradeTransaction/IncludedSupplyChainTradeLineItem"))
    lines = [item for item in items if item is not None]
    _sign(columns, lines)
    is_minimum = (columns["document_profile"] or "").lower().endswith(":minimum")
    return Document(columns, lines, states_all=not is_minimum)


def _header(root: Element) -> InvoiceColumns:
    agreement, settlement = (
        _child(root, f"SupplyChainTradeTransaction/{name}") for name in ("Agreement", "Settlement")
    )
    code = _text(settlement, "InvoiceCurrencyCode")

    def total(name: str) -> Amount:
        """Return a total; of two, the one in the invoice's currency."""
        found = settlement.iterfind(f"Summation/{name}")
        return next((_number(each.text) for each in found if not code or each.get("currencyID", code) == code), None)

    return {
        "invoice_number": number_of(root),
        "type_code": _text(root, "ExchangedDocument/TypeCode"),
        "issue_date": _day(root, "ExchangedDocument/IssueDateTime"),
        "due_date": _only_day(settlement, "SpecifiedTradePaymentTerms/DueDateDateTime"),
        "seller_name": _text(agreement, "SellerTradeParty/Name"),
        "buyer_name": _text(agreement, "BuyerTradeParty/Name"),
        "currency": currency(code),
        "net_amount": total("TaxBasisTotalAmount"),
        "tax_amount": total("TaxTotalAmount"),
        "gross_amount": total("GrandTotalAmount"),
        "paid_amount": total("TotalPrepaidAmount"),
        "due_amount": total("DuePayableAmount"),
        "seller_id": _party_id(agreement, "SellerTradeParty"),
        "seller_vat_id": _text(agreement, "SellerTradeParty/SpecifiedTaxRegistration/ID[@schemeID='VA']"),
        "seller_country": _text(agreement, "SellerTradeParty/PostalTradeAddress/CountryID"),
        "buyer_id": _party_id(agreement, "BuyerTradeParty"),
        "buyer_vat_id": _text(agreement, "BuyerTradeParty/SpecifiedTaxRegistration/ID[@schemeID='VA']"),
        "buyer_country": _text(agreement, "BuyerTradeParty/PostalTradeAddress/CountryID"),
        "purchase_order": _references(agreement, "BuyerOrderReferencedDocument"),
        "invoiced_object": _references(agreement, "AdditionalReferencedDocument[TypeCode='130']"),
        "preceding_invoice": _references(settlement, "InvoiceReferencedDocument"),
        "period_start": _day(settlement, "BillingSpecifiedPeriod/StartDateTime"),
        "period_end": _day(settlement, "BillingSpecifiedPeriod/EndDateTime"),
        "payment_terms": _joined(settlement, "SpecifiedTradePaymentTerms/Description"),
        "note": _joined(root, "ExchangedDocument/IncludedNote/Content"),
        "lines_net_amount": total("LineTotalAmount"),
        "allowances_amount": total("AllowanceTotalAmount"),
        "charges_amount": total("ChargeTotalAmount"),
        "rounding_amount": total("RoundingAmount"),
        "tax_breakdown": [_tax(each) for each in settlement.iterfind("ApplicableTradeTax")] or None,
        "document_profile": profile(root),
    }


def _tax(entry: Element) -> TaxEntry:
    return tax_entry(
        category=_text(entry, "CategoryCode"),
        rate=_amount(entry, "RateApplicablePercent"),
        base_amount=_amount(entry, "BasisAmount"),
        tax_amount=_amount(entry, "CalculatedAmount"),
        exemption_reason=_text(entry, "ExemptionReason"),
    )


def _line(item: Element) -> LineColumns | None:
    """Return a line; None for a note, and for what only sums up or explains other lines."""
    net = _text(item, "Settlement/Summation/LineTotalAmount")
    if net is None or _text(item, "AssociatedDocumentLineDocument/LineStatusReasonCode") in _NOT_COUNTED:
        return None
    quantity = item.find("Delivery/BilledQuantity")
    price = "Agreement/NetPriceProductTradePrice"
    return line(
        line_id=_text(item, "AssociatedDocumentLineDocument/LineID"),
        item_name=_text(item, "SpecifiedTradeProduct/Name"),
        description=_text(item, "SpecifiedTradeProduct/Description"),
        seller_item_id=_text(item, "SpecifiedTradeProduct/SellerAssignedID"),
        buyer_item_id=_text(item, "SpecifiedTradeProduct/BuyerAssignedID"),
        quantity=None if quantity is None else _number(quantity.text),
        unit=None if quantity is None else quantity.get("unitCode"),
        unit_price=_amount(item, f"{price}/ChargeAmount"),
        price_base_quantity=_amount(item, f"{price}/BasisQuantity"),
        net_amount=_number(net),
        tax_amount=_amount(item, "Settlement/ApplicableTradeTax/CalculatedAmount"),
        tax_category=_text(item, "Settlement/ApplicableTradeTax/CategoryCode"),
        tax_rate=_amount(item, "Settlement/ApplicableTradeTax/RateApplicablePercent"),
        period_start=_day(item, "Settlement/BillingSpecifiedPeriod/StartDateTime"),
        period_end=_day(item, "Settlement/BillingSpecifiedPeriod/EndDateTime"),
        order_reference=_references(item, "Agreement/BuyerOrderReferencedDocument")
        or _text(item, "Agreement/BuyerOrderReferencedDocument/LineID"),
    )


def _sign(columns: InvoiceColumns, lines: list[LineColumns]) -> None:
    """Have a credit note's amounts say what is owed: totals turn round, all or none, so that all still adds up."""
    totals = (columns[name] for name in ("gross_amount", "net_amount", "due_amount"))
    first = next((number(total) for total in totals if total), None)
    if columns["type_code"] not in CREDIT_NOTES or first is None:
        return
    lines[:] = [credited(each, turned=first > 0) for each in lines]
    if first > 0:
        _turn(columns, AMOUNTS)
        for entry in columns["tax_breakdown"] or []:
            _turn(entry, ("base_amount", "tax_amount"))


def _turn(columns: Any, names: Iterable[str]) -> None:
    for name in names:
        columns[name] = negate(columns[name])


def _child(node: Element, path: str) -> Element:
    found = node.find(path)
    return Element("nothing") if found is None else found


def _text(node: Element, path: str) -> str | None:
    return (node.findtext(path) or "").strip() or None


def _texts(node: Element, path: str) -> list[str]:
    return [found for each in node.iterfind(path) if (found := (each.text or "").strip())]


def _joined(node: Element, path: str) -> str | None:
    return "\n".join(_texts(node, path)) or None


def _party_id(node: Element, party: str) -> str | None:
    return _text(node, f"{party}/ID") or _text(node, f"{party}/GlobalID")


def _references(node: Element, document: str) -> str | None:
    """Return the numbers of the documents that are referred to; ZUGFeRD 1.0 has them as plain ids."""
    return ", ".join(_texts(node, f"{document}/IssuerAssignedID") or _texts(node, f"{document}/ID")) or None


def _day(node: Element, path: str) -> str | None:
    return basic_day(_text(node, f"{path}/DateTimeString"))


def _only_day(node: Element, path: str) -> str | None:
    """Return the day; None if there are several, as with instalments."""
    days = {basic_day(found) for found in _texts(node, f"{path}/DateTimeString")}
    return days.pop() if len(days) == 1 else None


def _amount(node: Element, path: str) -> Amount:
    return _number(node.findtext(path))


def _number(found: str | None) -> Amount:
    """Return a number of plain digits, and not endless ones."""
    digits = (found or "").strip()
    if len(digits) > _MOST_DIGITS + 2 or not _NUMBER.fullmatch(digits):
        return None
    return number(Decimal(digits)) if sum(map(str.isdigit, digits)) <= _MOST_DIGITS else None
