"""PyAirbyte over the console script: check, a full read, an incremental one, into its DuckDB cache, offline."""

from __future__ import annotations

import airbyte
import pytest
from airbyte.caches import DuckDBCache

from tests.airbyte.conftest import EXECUTABLE

BOOKS = {"covage": "covage_invoices", "exsited": "exsited_invoices", "i3dnet": "i3dnet_invoices"}
BOOKS |= {"ibana": "ibana_invoices", "matas": "matas_invoices"}
STREAMS = 18


def source_of(config):
    source = airbyte.get_source("source-invoices", local_executable=EXECUTABLE, config=config)
    source.select_all_streams()
    return source


def rows(cache, stream):
    return cache.get_pandas_dataframe(stream).to_dict("records")


def test_check(config):
    source_of(config).check()


def test_check_with_a_wrong_token(config):
    config["matas"]["token"] = "wrong"
    source = airbyte.get_source("source-invoices", local_executable=EXECUTABLE, config=config)
    with pytest.raises(airbyte.exceptions.AirbyteConnectorCheckFailedError) as caught:
        source.check()
    assert "matas" in str(caught.value).lower()


def test_full_and_incremental_reads(config, sandbox, tmp_path):
    cache = DuckDBCache(db_path=tmp_path / "cache.duckdb")
    first = source_of(config).read(cache=cache)
    assert len(first.streams) == STREAMS
    for provider, stream in BOOKS.items():
        keys = {str(row[sandbox.book(provider).key_field.lower()]) for row in rows(cache, stream)}
        assert keys == set(sandbox.book(provider).invoices), stream
    assert len(rows(cache, "invoices")) == sum(len(sandbox.book(provider).invoices) for provider in BOOKS)
    totals = {row["id"]: row["total"] for row in rows(cache, "exsited_invoices")}
    for key, invoice in sandbox.book("exsited").invoices.items():
        # PyAirbyte's cache takes amounts through a double.
        assert float(totals[key]) == pytest.approx(float(invoice["total"]), rel=1e-15), key

    key = sandbox.book("ibana").add()
    paid = next(iter(sandbox.book("exsited").invoices))
    sandbox.book("exsited").pay(paid)
    sandbox.clear()
    second = source_of(config).read(cache=cache)

    assert 0 < second.processed_records < first.processed_records
    assert any(request.query for request in sandbox.requests if request.path == "/ibana/v1/invoice")
    assert key in {row["id"] for row in rows(cache, "ibana_invoices")}
    assert {row["payment_status"] for row in rows(cache, "exsited_invoices") if row["id"] == paid} == {"PAID"}
    assert len(rows(cache, "exsited_invoices")) == len(sandbox.book("exsited").invoices)

    whole = source_of(config).read(cache=cache, force_full_refresh=True)
    assert whole.processed_records > second.processed_records
