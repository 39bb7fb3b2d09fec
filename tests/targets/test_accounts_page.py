"""The queries of docs/accounts.md, over what target-postgres has of three accounts with the same ids."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW
from tests.support.postgres import Postgres
from tests.support.run import ROOT
from tests.support.targets import TARGETS, pipe

JOIN, VIEW, FROM_BEFORE = re.findall(
    r"```sql\n(.*?)```", (ROOT / "docs/accounts.md").read_text(encoding="utf-8"), re.DOTALL
)
STREAMS = {"i3dnet_invoices", "i3dnet_invoice_details", "i3dnet_unpaid_invoices", "ibana_invoices"}
NAMES = ("acme", "beta", "gamma")
INVOICES = 20


@pytest.fixture
def server():
    with Postgres() as server:
        server.sql(f"alter database {server.database} set search_path to books")
        yield server


def test_the_queries_of_the_page(server, tmp_path):
    target = {name: getattr(server, name) for name in ("host", "port", "user", "database")}
    target |= {"password": "unused", "default_target_schema": "books"}

    def load(**more):
        pipe(TARGETS / "target-postgres", tmp_path, {**config, **more}, target, streams=STREAMS)

    with Sandbox(invoices=INVOICES, accounts=NAMES) as box:
        box.now = NOW
        config = {name: box.accounts_config(name)[name] for name in ("i3dnet", "ibana")}
        load(only_accounts=["acme"])
        server.sql("alter table ibana_invoices drop constraint ibana_invoices_pkey, drop column source_account")
        server.sql("alter table ibana_invoices add primary key (id)")
        server.sql(FROM_BEFORE)
        load()
        counts = server.rows("select source_account, count(*) from ibana_invoices group by 1 order by 1")
        assert {row["source_account"]: row["count"] for row in counts} == dict.fromkeys(NAMES, INVOICES)
        assert server.rows("select count(distinct id) from ibana_invoices")[0]["count"] == INVOICES

        joined = server.rows(JOIN)
        assert len(joined) == server.rows("select count(*) from i3dnet_invoice_details")[0]["count"] == 3 * INVOICES
        assert all(row["listed"] for row in joined)

        server.sql(VIEW)
        book = box.book("i3dnet", "acme")
        before = server.rows("select source_account, id from i3dnet_unpaid_now")
        paid = next(row["id"] for row in before if row["source_account"] == "acme")
        box.now += timedelta(days=1)
        book.pay(next(key for key in book.invoices if str(key) == str(paid)))
        load(only_accounts=["acme"])
        after = server.rows("select source_account, id from i3dnet_unpaid_now")
        assert [row for row in before if row not in after] == [{"source_account": "acme", "id": paid}]
        assert len(after) == len(before) - 1
