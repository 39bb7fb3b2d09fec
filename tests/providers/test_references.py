"""What the providers' own pages show is read without a rest."""

from __future__ import annotations

import json

import pytest

from tap_invoices.streams.schemas import SCHEMAS_DIR
from tests.providers.conftest import EXAMPLES
from tests.support.run import CHILDREN, provider_of
from tests.sync.test_every_stream import differences

# Stream → the example of its list, its own if it follows that, and where its row is in there.
PAGES = {
    "covage_invoices": ("invoices", None, ["results", 0]),
    "matas_invoices": ("invoices", None, [0]),
    "matas_invoice_details": ("invoices", "invoice", []),
    "ibana_invoices": ("invoices", None, ["data", 0]),
    "exsited_invoices": ("invoices", None, ["invoices", 0]),
    "exsited_invoice_details": ("invoices", "invoice", ["invoice"]),
    "exsited_invoice_information": ("invoices", "information", ["invoice"]),
    "exsited_order_invoices": ("invoices", "order_invoices", ["order", "invoices", 0]),
    "exsited_account_invoices": ("invoices", "account_invoices", ["account", "invoices", 0]),
    "i3dnet_invoices": ("invoices", None, [0]),
    "i3dnet_unpaid_invoices": ("invoices", None, [0]),
    "i3dnet_invoice_details": ("invoices", "invoice", [0]),
    "i3dnet_invoice_details_by_number": ("invoices", "invoice", [0]),
}


def unknown(schema, value, path=""):
    """The fields of a value that its schema does not name."""
    if isinstance(value, list):
        return [name for item in value for name in unknown(schema.get("items", {}), item, f"{path}[]")]
    if not isinstance(value, dict) or not value:
        return []
    known = schema.get("properties", {})
    found = [f"{path}.{name}" for name in value if name not in known]
    return found + [
        name for field in known.keys() & value for name in unknown(known[field], value[field], f"{path}.{field}")
    ]


@pytest.mark.parametrize("stream", PAGES)
def test_the_page_s_example_is_read_field_by_field(box, read, example, stream):
    listing, own, place = PAGES[stream]
    provider = provider_of(stream)
    of_list = stream if own is None else f"{provider}_invoices"
    if own:
        example(stream, own, CHILDREN[stream])
    example(of_list, listing)
    if provider == "i3dnet":
        box.faults.add(path="/(invoice|unpaid)$", after=1, times=None, action={"status": 200, "body": "[]"})
    done = read(stream)
    row = json.loads((EXAMPLES / provider / f"{own or listing}.json").read_text(encoding="utf-8"))
    for step in place:
        row = row[step]
    schema = json.loads((SCHEMAS_DIR / f"{stream}.json").read_text(encoding="utf-8"))
    [record] = done.records[stream]
    assert done.failures == {}
    assert unknown(schema, row) == []
    assert record["additional_properties"] is None
    got = {name: record[name] for name in row}
    assert differences({**schema, "type": ["object"]}, row, got) == []
