"""What a record meets on its way through the tap ends its stream alone: by name, and with the bookmark held."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from singer_sdk.helpers._batch import StorageTarget

from tests.support.run import settings, sync

LIST, DETAILS = "matas_invoices", "matas_invoice_details"


@pytest.fixture
def nulled(box):
    """The key of an invoice in the middle, which lacks its description."""
    key = list(box.book("matas").invoices)[12]
    box.book("matas").change(key, description=None)
    return key


@pytest.mark.usefixtures("nulled")
@pytest.mark.parametrize(
    ("mapped", "field"),
    [
        ({"description": "description.upper()"}, "description"),
        ({"description": "md5(description)"}, "description"),
        ({"total": "total * 1.21"}, "total"),
        ({"short": "nowhere + 1"}, "short"),
        ({"__filter__": "len(description) > 0"}, "__filter__"),
        ({"__alias__": "purchases", "total": "total * 1.21"}, "total"),
    ],
    ids=str,
)
def test_a_map_that_cannot_be_applied_fails_its_stream_and_names_the_field(box, mapped, field):
    config = settings(box, "matas", "ibana", stream_maps={LIST: mapped})
    run = sync(config, streams=[LIST, DETAILS, "ibana_invoices"])
    assert set(run.failures) == {LIST}
    assert f"`{mapped.get('__alias__', LIST)}`" in run.failures[LIST]
    assert f"`{field}`" in run.failures[LIST]
    assert run.account(LIST).outcome == "failed"
    assert "replication_key_value" not in run.bookmark(LIST)
    assert {len(run.records[name]) for name in (DETAILS, "ibana_invoices")} == {25}


def test_a_row_of_all_providers_that_a_map_cannot_make_is_not_counted(box):
    run = sync(settings(box, "matas", stream_maps={"invoices": {"net": "net_amount * 1.21"}}), streams=["invoices"])
    assert run.records["invoices"] == []
    assert run.account("invoices (matas)").emitted == 0


@pytest.mark.usefixtures("nulled")
def test_followers_of_a_list_that_cannot_be_written_get_all_of_it(box):
    """Of a list in many pages, of which the first row meets the map's fault."""
    config = settings(box, "exsited", stream_maps={"exsited_invoices": {"total": "total * 1.21"}})
    config["exsited"]["page_size"] = 3
    run = sync(config, streams=["exsited_invoices", "exsited_invoice_details"])
    assert set(run.failures) == {"exsited_invoices"}
    assert len(run.records["exsited_invoice_details"]) == 25


@pytest.mark.usefixtures("nulled")
def test_a_map_that_fails_is_in_the_ledger_once_and_in_the_exit_code(box, run_tap, tmp_path):
    config = settings(
        box, "matas", stream_maps={LIST: {"description": "description.upper()"}}, ledger_url=str(tmp_path / "ledger")
    )
    done = run_tap("--config", config)
    lines = [json.loads(line) for line in (tmp_path / "ledger").read_text().splitlines()]
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert [line["outcome"] for line in lines if line["stream"] == LIST] == ["failed"]
    assert [line["outcome"] for line in lines if line["stream"] == DETAILS] == ["complete"]


@pytest.mark.parametrize("amount", ["1e99999999999999999999", "-1E-99999999999999999999", "9e9999999999999999999"])
def test_an_amount_beyond_all_bounds_is_kept_beside(box, amount):
    key = list(box.book("matas").invoices)[3]
    box.book("matas").change(key, total=amount)
    run = sync(settings(box, "matas"), streams=[LIST])
    assert not run.failures
    [odd] = [record for record in run.records[LIST] if record["invoice_number"] == key]
    assert odd["total"] is None
    assert odd["additional_properties"]["total"] == amount
    assert sum(isinstance(record["total"], (int, Decimal)) for record in run.records[LIST]) == 24


@pytest.mark.parametrize("amount", ["1e999999999", "1e9999999999999999999"])
def test_a_huge_amount_in_a_list_holds_up_no_other_row(box, amount):
    two = '{"invoice_number": "two", "total": 12100, "currency": "EUR"}'
    body = f'[{{"invoice_number": "one", "total": {amount}}}, {two}]'
    box.faults.add(provider="matas", path="/invoices", times=None, action={"status": 200, "body": body})
    config = settings(box, "matas", matas={**box.config()["matas"], "amounts_in": "cents"})
    run = sync(config, streams=[LIST, "invoices"])
    assert not run.failures
    assert [row["invoice_number"] for row in run.records[LIST]] == ["one", "two"]
    assert [str(row["gross_amount"]) for row in run.records["invoices"] if row["id"] == "two"] == ["121.00"]


def test_a_batch_file_that_cannot_be_written_fails_its_stream_and_holds_its_bookmark(box, monkeypatch, tmp_path):
    """The stream's third file; what the files before it hold may come again, and nothing is passed."""
    storage = {"root": tmp_path.as_uri(), "prefix": "x-"}
    batches = {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": storage, "batch_size": 10}
    config = settings(box, "matas", "ibana", batch_config=batches)
    first = sync(config, streams=[LIST, "ibana_invoices"])
    for key in list(box.book("matas").invoices):
        box.book("matas").change(key)
    real = StorageTarget.open

    def failing(storage, filename, mode):
        if LIST in filename and filename.endswith("-3.json.gz"):
            raise OSError(28, "No space left on device")
        return real(storage, filename, mode)

    monkeypatch.setattr(StorageTarget, "open", failing)
    run = sync(config, first.state, streams=[LIST, "ibana_invoices"])
    assert set(run.failures) == {LIST}
    assert run.account(LIST).outcome == "failed"
    assert run.bookmark(LIST) == first.bookmark(LIST)
    assert run.account("ibana_invoices").outcome == "complete"
