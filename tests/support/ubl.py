"""A unified invoice and its lines as UBL 2.1: what the official rules of EN 16931 can be run on."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from tap_invoices.einvoice.exact import negate
from tap_invoices.einvoice.rules import CREDIT_NOTES

URN = "urn:oasis:names:specification:ubl:schema:xsd:"
NAMESPACES = {"cac": f"{URN}CommonAggregateComponents-2", "cbc": f"{URN}CommonBasicComponents-2"}
NOT_DEFINED = 1
"""Means of payment, UNTDID 4461: which, no unified row says."""
for prefix, namespace in NAMESPACES.items():
    register_namespace(prefix, namespace)


class Writer:
    """Writes an invoice, or a credit note with its signs turned back.

    Args:
        row: A row of `invoices`.
        lines: Its rows of `invoice_lines`.
    """

    def __init__(self, row, lines):
        self.row, self.lines = row, lines
        self.is_credit_note = row["type_code"] in CREDIT_NOTES
        self.kind = "CreditNote" if self.is_credit_note else "Invoice"
        self.root = Element(f"{{{URN}{self.kind}-2}}{self.kind}")

    def put(self, parent, path, value, **attributes):
        """Put a value at the end of a path, whose other elements are made where they are not yet."""
        if value is None:
            return
        *above, name = path.split("/")
        given = {key: text for key, text in attributes.items() if text is not None}
        for each in above:
            found = parent.find(f"cac:{each}", NAMESPACES)
            parent = SubElement(parent, f"{{{NAMESPACES['cac']}}}{each}") if found is None else found
        SubElement(parent, f"{{{NAMESPACES['cbc']}}}{name}", given).text = f"{value}"

    def amount(self, parent, path, value):
        turned = negate(value) if self.is_credit_note else value
        self.put(parent, path, None if turned is None else f"{turned:f}", currencyID=self.row["currency"])

    def add(self, parent, name):
        return SubElement(parent, f"{{{NAMESPACES['cac']}}}{name}")

    def write(self):
        row, root = self.row, self.root
        self.put(root, "CustomizationID", "urn:cen.eu:en16931:2017")
        self.put(root, "ID", row["invoice_number"])
        self.put(root, "IssueDate", row["issue_date"])
        if self.is_credit_note and row["due_date"]:
            self.put(root, "PaymentMeans/PaymentMeansCode", NOT_DEFINED)
        self.put(root, "PaymentMeans/PaymentDueDate" if self.is_credit_note else "DueDate", row["due_date"])
        self.put(root, f"{self.kind}TypeCode", row["type_code"])
        self.put(root, "Note", row["note"])
        self.put(root, "DocumentCurrencyCode", row["currency"])
        self.put(root, "InvoicePeriod/StartDate", row["period_start"])
        self.put(root, "InvoicePeriod/EndDate", row["period_end"])
        self.put(root, "OrderReference/ID", row["purchase_order"])
        self.put(root, "BillingReference/InvoiceDocumentReference/ID", row["preceding_invoice"])
        if row["invoiced_object"]:
            reference = self.add(root, "AdditionalDocumentReference")
            self.put(reference, "ID", row["invoiced_object"])
            self.put(reference, "DocumentTypeCode", 130)
        self.party("AccountingSupplierParty/Party", "seller")
        self.party("AccountingCustomerParty/Party", "buyer")
        self.put(root, "PaymentTerms/Note", row["payment_terms"])
        self.taxes()
        for name, column in (
            ("LineExtensionAmount", "lines_net_amount"),
            ("TaxExclusiveAmount", "net_amount"),
            ("TaxInclusiveAmount", "gross_amount"),
            ("PrepaidAmount", "paid_amount"),
            ("PayableRoundingAmount", "rounding_amount"),
            ("PayableAmount", "due_amount"),
        ):
            self.amount(root, f"LegalMonetaryTotal/{name}", row[column])
        for line in self.lines:
            self.line(line)
        return tostring(root, encoding="utf-8", xml_declaration=True)

    def party(self, path, who):
        row = self.row
        self.put(self.root, f"{path}/PartyIdentification/ID", row[f"{who}_id"])
        self.put(self.root, f"{path}/PostalAddress/Country/IdentificationCode", row[f"{who}_country"])
        if row[f"{who}_vat_id"]:
            self.put(self.root, f"{path}/PartyTaxScheme/CompanyID", row[f"{who}_vat_id"])
            self.put(self.root, f"{path}/PartyTaxScheme/TaxScheme/ID", "VAT")
        self.put(self.root, f"{path}/PartyLegalEntity/RegistrationName", row[f"{who}_name"])

    def taxes(self):
        self.amount(self.root, "TaxTotal/TaxAmount", self.row["tax_amount"])
        for entry in self.row["tax_breakdown"] or []:
            subtotal = self.add(self.root.find("cac:TaxTotal", NAMESPACES), "TaxSubtotal")
            self.amount(subtotal, "TaxableAmount", entry["base_amount"])
            self.amount(subtotal, "TaxAmount", entry["tax_amount"])
            self.category(subtotal, "TaxCategory", entry["category"], entry["rate"])
            self.put(subtotal, "TaxCategory/TaxExemptionReason", entry["exemption_reason"])

    def category(self, parent, name, category, rate):
        self.put(parent, f"{name}/ID", category)
        self.put(parent, f"{name}/Percent", rate)
        self.put(parent, f"{name}/TaxScheme/ID", "VAT")

    def line(self, line):
        element = self.add(self.root, f"{self.kind}Line")
        self.put(element, "ID", line["line_id"] or line["position"])
        quantity = negate(line["quantity"]) if self.is_credit_note else line["quantity"]
        name = "CreditedQuantity" if self.is_credit_note else "InvoicedQuantity"
        self.put(element, name, None if quantity is None else f"{quantity:f}", unitCode=line["unit"] or "C62")
        self.amount(element, "LineExtensionAmount", line["net_amount"])
        self.put(element, "Item/Description", line["description"])
        self.put(element, "Item/Name", line["item_name"])
        self.category(element, "Item/ClassifiedTaxCategory", line["tax_category"], line["tax_rate"])
        price = line["unit_price"]
        self.put(element, "Price/PriceAmount", None if price is None else f"{price:f}", currencyID=self.row["currency"])
        self.put(element, "Price/BaseQuantity", line["price_base_quantity"])


def to_ubl(row, lines):
    return Writer(row, lines).write()
