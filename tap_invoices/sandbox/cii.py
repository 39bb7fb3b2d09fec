"""Invoices as XML in CII, of several profiles, and in ZUGFeRD 1.0."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from tap_invoices.sandbox.einvoice import EInvoice, Line, Party

Profile = Literal["MINIMUM", "BASIC WL", "EN 16931", "XRechnung", "ZUGFeRD 1.0"]
GUIDELINES: dict[Profile, str] = {
    "MINIMUM": "urn:factur-x.eu:1p0:minimum",
    "BASIC WL": "urn:factur-x.eu:1p0:basicwl",
    "EN 16931": "urn:cen.eu:en16931:2017",
    "XRechnung": "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0",
    "ZUGFeRD 1.0": "urn:ferd:CrossIndustryDocument:invoice:1p0:comfort",
}


class _Dialect(NamedTuple):
    """What CII and ZUGFeRD 1.0 call the same things."""

    root: str
    namespace: str
    version: tuple[int, int]
    context: str
    document: str
    transaction: str
    header: str
    line: str
    header_totals: str
    line_totals: str
    percent: str
    reference: str


_CII = _Dialect(
    root="CrossIndustryInvoice",
    namespace="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    version=(100, 100),
    context="ExchangedDocumentContext",
    document="ExchangedDocument",
    transaction="SupplyChainTradeTransaction",
    header="ApplicableHeaderTrade",
    line="SpecifiedLineTrade",
    header_totals="SpecifiedTradeSettlementHeaderMonetarySummation",
    line_totals="SpecifiedTradeSettlementLineMonetarySummation",
    percent="RateApplicablePercent",
    reference="IssuerAssignedID",
)
_ZUGFERD_1 = _Dialect(
    root="CrossIndustryDocument",
    namespace="urn:ferd:CrossIndustryDocument:invoice:1p0",
    version=(12, 15),
    context="SpecifiedExchangedDocumentContext",
    document="HeaderExchangedDocument",
    transaction="SpecifiedSupplyChainTradeTransaction",
    header="ApplicableSupplyChainTrade",
    line="SpecifiedSupplyChainTrade",
    header_totals="SpecifiedTradeSettlementMonetarySummation",
    line_totals="SpecifiedTradeSettlementMonetarySummation",
    percent="ApplicablePercent",
    reference="ID",
)


def to_xml(invoice: EInvoice, profile: Profile = "EN 16931") -> bytes:
    """Return an invoice's XML."""
    names = _ZUGFERD_1 if profile == "ZUGFeRD 1.0" else _CII
    lines = [] if profile in {"MINIMUM", "BASIC WL"} else list(enumerate(invoice.lines, 1))
    items = "".join(_line(names, number, line) for number, line in lines)
    trade = (
        _tag(f"{names.header}Agreement", *_agreement(names, invoice, has_object=bool(lines)))
        + f"<ram:{names.header}Delivery/>"
        + _tag(f"{names.header}Settlement", *_settlement(names, invoice, is_minimum=profile == "MINIMUM"))
    )
    guideline = _tag("GuidelineSpecifiedDocumentContextParameter", _tag("ID", GUIDELINES[profile]))
    note = _tag("IncludedNote", _tag("Content", escape(invoice.note)))
    issued = _tag("IssueDateTime", _day(invoice.issued))
    document = _tag("ID", escape(invoice.number)) + _tag("TypeCode", invoice.type_code) + issued + note
    standard = "urn:un:unece:uncefact:data:standard"
    entities, types = names.version
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<rsm:{names.root} xmlns:rsm="{names.namespace}"'
        f' xmlns:ram="{standard}:ReusableAggregateBusinessInformationEntity:{entities}"'
        f' xmlns:udt="{standard}:UnqualifiedDataType:{types}">'
        f"<rsm:{names.context}>{guideline}</rsm:{names.context}>"
        f"<rsm:{names.document}>{document}</rsm:{names.document}>"
        f"<rsm:{names.transaction}>{items + trade if names is _CII else trade + items}</rsm:{names.transaction}>"
        f"</rsm:{names.root}>"
    ).encode()


def _agreement(names: _Dialect, invoice: EInvoice, *, has_object: bool) -> list[str]:
    order = _tag(names.reference, escape(invoice.order))
    site = _tag("IssuerAssignedID", escape(invoice.object)) + _tag("TypeCode", "130")
    return [
        _party("SellerTradeParty", invoice.seller),
        _party("BuyerTradeParty", invoice.buyer),
        _tag("BuyerOrderReferencedDocument", order),
        _tag("AdditionalReferencedDocument", site) if names is _CII and has_object else "",
    ]


def _settlement(names: _Dialect, invoice: EInvoice, *, is_minimum: bool) -> list[str]:
    due = _tag("DueDateDateTime", _day(invoice.due)) if invoice.due else ""
    currency = {"currencyID": invoice.currency} if names is _ZUGFERD_1 else {}
    preceding = _tag(names.reference, escape(invoice.preceding))
    taxes = [
        _tag(
            "ApplicableTradeTax",
            _tag("CalculatedAmount", f"{tax}", **currency),
            _tag("TypeCode", "VAT"),
            _tag("BasisAmount", f"{base}", **currency),
            _tag("CategoryCode", _category(rate)),
            _tag(names.percent, f"{rate:f}"),
        )
        for rate, (base, tax) in invoice.taxes.items()
    ]
    totals = {
        "LineTotalAmount": "" if is_minimum else f"{invoice.net}",
        "TaxBasisTotalAmount": f"{invoice.net}",
        "TaxTotalAmount": f"{invoice.tax}",
        "GrandTotalAmount": f"{invoice.gross}",
        "TotalPrepaidAmount": f"{invoice.paid}" if invoice.paid and not is_minimum else "",
        "DuePayableAmount": f"{invoice.gross - invoice.paid}",
    }
    of_tax = {"currencyID": invoice.currency}
    sums = [_tag(n, total, **(of_tax if n == "TaxTotalAmount" else currency)) for n, total in totals.items()]
    parts = [
        *taxes,
        _tag("SpecifiedTradePaymentTerms", _tag("Description", escape(invoice.terms)), due),
        _tag(names.header_totals, *sums),
        _tag("InvoiceReferencedDocument", preceding),
    ]
    code = _tag("InvoiceCurrencyCode", invoice.currency)
    return [code, _tag(names.header_totals, *sums)] if is_minimum else [code, *parts]


def _line(names: _Dialect, number: int, line: Line) -> str:
    product = _tag("SpecifiedTradeProduct", _tag("Name", escape(line.name)))
    tax = _tag("TypeCode", "VAT") + _tag("CategoryCode", _category(line.rate)) + _tag(names.percent, f"{line.rate:f}")
    trade = (
        _tag(f"{names.line}Agreement", _tag("NetPriceProductTradePrice", _tag("ChargeAmount", f"{line.price:f}")))
        + _tag(f"{names.line}Delivery", _tag("BilledQuantity", f"{line.quantity:f}", unitCode=line.unit))
        + _tag(
            f"{names.line}Settlement",
            _tag("ApplicableTradeTax", tax),
            _tag(names.line_totals, _tag("LineTotalAmount", f"{line.net}")),
        )
    )
    return _tag(
        "IncludedSupplyChainTradeLineItem",
        _tag("AssociatedDocumentLineDocument", _tag("LineID", f"{number}")),
        product + trade if names is _CII else trade + product,
    )


def _party(name: str, party: Party) -> str:
    return _tag(
        name,
        _tag("ID", escape(party.id)),
        _tag("Name", escape(party.name)),
        _tag("PostalTradeAddress", _tag("CountryID", party.country)),
        _tag("SpecifiedTaxRegistration", _tag("ID", party.vat_id, schemeID="VA")),
    )


def _category(rate: Decimal) -> str:
    return "S" if rate else "Z"


def _day(day: date) -> str:
    return f'<udt:DateTimeString format="102">{day:%Y%m%d}</udt:DateTimeString>'


def _tag(name: str, *content: str, **attributes: str) -> str:
    """Return an element, or nothing if there is nothing in it."""
    inner = "".join(content)
    given = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<ram:{name}{given}>{inner}</ram:{name}>" if inner else ""
