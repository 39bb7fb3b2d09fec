"""The streams' schemas: the form they share, and the facts on which each stream's records turn."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[2] / "schemas"
KEYWORDS: dict[str, set[str]] = {
    "string": {"format"},
    "object": {"properties", "additionalProperties"},
    "array": {"items"},
    "integer": set(),
    "number": set(),
    "boolean": set(),
}

KEYS = {
    "covage_invoices": ["invoice_number"],
    "covage_invoice_documents": ["invoice_number"],
    "matas_invoices": ["invoice_number"],
    "matas_invoice_details": ["invoice_number"],
    "ibana_invoices": ["id"],
    "exsited_invoices": ["id"],
    "exsited_invoice_details": ["id"],
    "exsited_invoice_information": ["id"],
    "exsited_order_invoices": ["order_id", "id"],
    "exsited_account_invoices": ["account_id", "id"],
    "exsited_invoice_documents": ["id"],
    "i3dnet_invoices": ["id"],
    "i3dnet_unpaid_invoices": ["id"],
    "i3dnet_invoice_details": ["id"],
    "i3dnet_invoice_details_by_number": ["invoiceNumber"],
    "i3dnet_invoice_documents": ["id"],
}
UNIFIED = {
    "invoices": ["provider", "source_account", "id"],
    "invoice_lines": ["provider", "source_account", "invoice_id", "position"],
}
"""The model of all providers' invoices, which tests/unit/test_einvoice_model.py holds against the code."""
ALL = KEYS | UNIFIED


def facts(*earlier: dict[str, str], **fields: str) -> dict[str, str]:
    """The kind of each field: its format where it has one, else its type; "open" is an object without known fields."""
    table = {path: kind for known in earlier for path, kind in known.items()}
    return table | {path: kind.replace("_", "-") for kind, paths in fields.items() for path in paths.split()}


DOCUMENT = facts(
    string="file_name media_type sha256 url content_base64 embedded_xml embedded_xml_profile", integer="size"
)
MATAS = facts(
    date_time="invoice_date expire_date payment_date",
    number="vat_percentage subtotal vat total",
    string="payment_term.term invoice_address.address_3",
)
EXSITED = facts(
    date_time="issue_date alternate_due_date last_updated_on last_payment.created_at kpis.last_payment_date",
    number="tax total paid due last_payment.amount kpis.outstanding kpis.overdue",
    boolean="price_tax_inclusive",
    string="version order_id account_id currency.link custom_attributes[].value",
    array="custom_objects",
    absent="custom_objects[] tax_total shipping_cost account_name",
)
EXSITED_LINES = facts(
    EXSITED,
    number="lines[].subtotal lines[].tax.amount lines[].tax.rate lines[].item_order_quantity",
    date_time="lines[].charging_start_date lines[].alternate_charging_end_date",
    string="lines[].version lines[].accounting_code.sales_revenue",
    absent="lines[].item_name",
)
I3DNET_LIST = facts(
    number="amountIncVAT amountExclVAT remainingAmount totalPaidAmount",
    date_time="creationDate dueDate paymentDate",
    integer="paymentStatus isCredit",
    absent="amountIncVat amountExclVat changed_on items",
)
I3DNET_DETAILS = facts(
    string="id invoiceNumber creationDate dueDate items[].periodFrom items[].periodTo",
    number="amountIncVat amountExclVat vatAmount vatPercentage items[].quantity items[].setupCosts items[].unitPrice",
    date_time="paymentDate changed_on",
    integer="paymentStatus paymentTerm isCredit",
    object="clientDetails companyDetails",
    absent="amountIncVAT amountExclVAT remainingAmount",
)

FACTS = {
    "covage_invoices": facts(integer="invoice_type", date="accounting_date payment_deadline", absent="total"),
    "covage_invoice_documents": facts(DOCUMENT, date="accounting_date"),
    "matas_invoices": facts(MATAS, absent="lines changed_on"),
    "matas_invoice_details": facts(
        MATAS,
        integer="lines[].line_number",
        number="lines[].amount lines[].qty lines[].unit_price",
        string="lines[].sales_order_line",
        date_time="changed_on",
    ),
    "ibana_invoices": facts(
        date_time="createdAt updatedAt purchaseOrder.orderDate purchaseOrder.counterparty.transactions.skontoDate",
        string="date dueDate billingPeriodStart billingPeriodEnd skontoDate alreadyPaidDate archivedDate "
        "counterparty.bankAccount.iban splits[].costCenter2.code",
        boolean="alreadyPaid splits[].taxKey.isSystemKey",
        number="totalAmount skontoRate export.invoiceCount purchaseOrder.lineItems[].invoicedPercentage "
        "splits[].partialAmount lineItems[].productCode lineItems[].purchaseOrderLineItem.deliveredQuantity",
        open="organization.featureFlags[] purchaseOrder.counterparty.markedTrustedUser.organization "
        "purchaseOrder.counterparty.bankAccountVerification.bankAccount "
        "purchaseOrder.counterparty.transactions.paymentRun",
        absent="counterparty.name counterparty.markedTrustedUser.organization lineItems[].deliveredQuantity",
    ),
    "exsited_invoices": facts(EXSITED_LINES, number="tax_total"),
    "exsited_invoice_details": facts(EXSITED_LINES, number="tax_total"),
    "exsited_invoice_information": facts(EXSITED, absent="lines"),
    "exsited_order_invoices": EXSITED_LINES,
    "exsited_account_invoices": facts(EXSITED_LINES, number="shipping_cost", string="account_name lines[].item_name"),
    "exsited_invoice_documents": facts(DOCUMENT, date_time="last_updated_on"),
    "i3dnet_invoices": I3DNET_LIST,
    "i3dnet_unpaid_invoices": I3DNET_LIST,
    "i3dnet_invoice_details": I3DNET_DETAILS,
    "i3dnet_invoice_details_by_number": I3DNET_DETAILS,
    "i3dnet_invoice_documents": facts(DOCUMENT, date_time="changed_on"),
}

# What a field's name gives away, whoever the provider.
BY_NAME = {
    r".*([Aa]mount|[Pp]rice|[Tt]otal|[Rr]ate|[Pp]ercentage|[Qq]uantity|[Cc]osts?)": "number",
    r"amount(Inc|Excl)V(AT|at)": "number",
    r"id|uuid|.*_uuid|.*_id|.+Id": "string",
    r".*_on|.*_at|.*[a-z]At": "date-time",
}


def load(stream: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / f"{stream}.json").read_text(encoding="utf-8"))
    return schema


def nodes(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node below a schema's root, with its path as in `lines[].tax.amount`."""
    children = {f"{path}.{name}".lstrip("."): child for name, child in node.get("properties", {}).items()}
    if "items" in node:
        children[f"{path}[]"] = node["items"]
    for name, child in children.items():
        yield name, child
        yield from nodes(child, name)


def kind(node: dict[str, Any] | None) -> str:
    if node is None:
        return "absent"
    if node.get("additionalProperties"):
        return "open"
    return str(node.get("format", node["type"][0]))


def test_one_schema_per_stream() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{stream}.json" for stream in ALL}
    assert set(FACTS) == set(KEYS)


@pytest.mark.parametrize("stream", KEYS)
def test_root(stream: str) -> None:
    schema = load(stream)
    properties = schema["properties"]
    Draft202012Validator.check_schema(schema)
    assert set(schema) == {"type", "description", "required", "properties"}
    assert schema["type"] == "object"
    assert re.search(r", from GET /\S+\.$", schema["description"])
    assert schema["required"] == KEYS[stream]
    assert all(properties[key]["type"] == ["string"] for key in KEYS[stream])
    assert list(properties)[-1] == "additional_properties"
    assert kind(properties["additional_properties"]) == "open"


@pytest.mark.parametrize("stream", UNIFIED)
def test_root_of_the_unified(stream: str) -> None:
    schema = load(stream)
    Draft202012Validator.check_schema(schema)
    assert set(schema) == {"type", "description", "required", "properties"}
    assert (
        schema["required"]
        == UNIFIED[stream]
        == [name for name, node in schema["properties"].items() if "null" not in node["type"]]
    )


@pytest.mark.parametrize("stream", ALL)
def test_every_node(stream: str) -> None:
    for path, node in nodes(load(stream)):
        only, *null = node["type"]
        assert only in KEYWORDS, path
        assert null == ([] if path in ALL[stream] else ["null"]), path
        assert set(node) <= KEYWORDS[only] | {"type", "description"}, path
        assert node.get("format") in {None, "date", "date-time"}, path
        assert node.get("additionalProperties", True) is True, path
        assert only != "object" or ("properties" in node) != ("additionalProperties" in node), path
        assert len(path.rpartition(".")[2]) < 64, path


@pytest.mark.parametrize("stream", ALL)
def test_descriptions(stream: str) -> None:
    for path, node in nodes(load(stream)):
        assert re.fullmatch(r"\S.+\.", node["description"]), path
        assert ("UTC, RFC 3339" in node["description"]) == (kind(node) == "date-time"), path
        assert ("YYYY-MM-DD" in node["description"]) == (kind(node) == "date"), path


@pytest.mark.parametrize("stream", KEYS)
def test_facts(stream: str) -> None:
    found = dict(nodes(load(stream)))
    assert {path: kind(found.get(path)) for path in FACTS[stream]} == FACTS[stream]


@pytest.mark.parametrize("stream", ALL)
def test_names_and_kinds_agree(stream: str) -> None:
    for path, node in nodes(load(stream)):
        for pattern, expected in BY_NAME.items():
            if re.fullmatch(pattern, path.rpartition(".")[2]):
                assert kind(node) == expected, path
