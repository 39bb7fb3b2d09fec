"""More accounts than anybody looks at: all is there once, and the log is as long as for a few."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW
from tests.support.run import Run, process

SCREENS = 60
"""Lines of two screens, and a few."""


@pytest.mark.slow
def test_a_thousand_accounts_are_whole_and_the_log_is_short(tmp_path):
    names = [f"account-{number}" for number in range(1000)]
    ledger = tmp_path / "ledger.jsonl"
    with Sandbox(invoices=3, accounts=names) as box:
        box.now = NOW
        config = {**box.accounts_config("ibana"), "accounts_at_once": 8, "ledger_url": str(ledger)}
        first = process(tmp_path, config, streams=["ibana_invoices"])
        assert first.returncode == 0, first.stderr
        rows = Counter(keys(first))
        assert len(rows) == 3000
        assert set(rows.values()) == {1}
        assert {account for account, _ in rows} == set(names)
        for name in names[:30]:
            box.faults.add(account=name, times=None, action={"status": 403})
        new = names[-1]
        box.book("ibana", new).add()
        state = Run(first.stdout.splitlines()).state
        second = process(tmp_path, config, state, streams=["ibana_invoices"])
    assert second.returncode == 1
    [added] = set(keys(second)) - set(rows)
    assert added[0] == new
    assert "970 of 1000 accounts are whole" in second.stderr
    marks = Run(second.stdout.splitlines()).state["bookmarks"]["ibana_invoices"]["accounts"]
    assert marks.keys() == set(names)
    assert max(len(done.stderr.splitlines()) for done in (first, second)) <= SCREENS
    entries = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert Counter(entry["account"] for entry in entries) == dict.fromkeys(names, 2)
    assert Counter(entry["outcome"] for entry in entries) == {"complete": 1970, "failed": 30}


def keys(done):
    messages = map(json.loads, done.stdout.splitlines())
    return [(m["record"]["source_account"], m["record"]["id"]) for m in messages if m["type"] == "RECORD"]
