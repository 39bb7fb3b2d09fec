"""Writes what the tap writes, from real runs against a sandbox whose clock stands still."""

from __future__ import annotations

import io
import json
import logging
import re
from collections import Counter
from contextlib import redirect_stdout
from datetime import UTC, datetime
from functools import cache
from typing import Any

from demo import run as demo
from tap_invoices import times
from tap_invoices.sandbox import Sandbox
from tap_invoices.tap import TapInvoices
from tools.tables import name_of, provider_named

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
_WIDTH = 118


@cache
def first_sync(
    invoices: int, provider: str | None = None, accounts: tuple[str, ...] = ()
) -> tuple[list[str], TapInvoices]:
    """Sync all streams of all providers, or those of one that are selected by default; return the lines and the tap.

    With accounts, as the demo chooses them.
    """
    with Sandbox(invoices=invoices, accounts=accounts) as box:
        box.now = NOW
        config: dict[str, Any] = demo.chosen(box.accounts_config()) if accounts else box.config()
        if provider:
            config = {provider: config[provider]}
        else:
            config["documents"] = {"mode": "inline"}
        out = io.StringIO()
        logging.disable(logging.WARNING)
        with redirect_stdout(out):
            tap = TapInvoices(config=config)
            for stream in () if provider else tap.streams.values():
                stream.selected = True
            tap.sync_all()
            tap.message_writer.flush()
        logging.disable(logging.NOTSET)
    if tap.report.failures:
        raise RuntimeError(tap.report.failures)
    return _timeless(out.getvalue()).splitlines(), tap


def _timeless(text: str) -> str:
    return re.sub(r'"time_extracted":"[^"]*"', f'"time_extracted":"{times.rfc3339(NOW)}"', text)


def demo_end() -> str:
    """Return what `make demo` prints at its end, of its table the first lines only."""
    lines, _ = first_sync(demo.INVOICES, accounts=demo.ACCOUNTS)
    rows = [message for line in lines if (message := json.loads(line, parse_float=str))["type"] == "RECORD"]
    after = dict(sorted(Counter(row["stream"] for row in rows).items()))
    *_, last = (row["record"] for row in rows if row["stream"] == demo.SAMPLE)
    table = "\n".join(demo.table({}, after).strip().splitlines()[:4])
    several = demo.by_account(json.dumps(row["record"]) for row in rows if row["stream"] == f"{demo.SEVERAL}_invoices")
    return f"```console\n$ make demo\n…\n{table}\n…\n{several.strip()}\n\n{demo.sample(last).strip()}\n```"


def singer_lines(provider: str) -> str:
    """Return the three messages of a sync of one invoice; what is too long for a page is cut."""
    lines, _ = first_sync(1, provider)
    shown = [line if json.loads(line)["type"] != "SCHEMA" else f"{line[: _WIDTH - 1]}…" for line in lines]
    return "```json\n" + "\n".join(shown) + "\n```"


def state(provider: str) -> str:
    """Return the state after a first sync of one provider."""
    lines, _ = first_sync(demo.INVOICES, provider)
    value = json.loads(lines[-1])["value"]
    names = [name_of(stream) for stream in provider_named(provider).streams]
    value["bookmarks"] = {name: value["bookmarks"][name] for name in names if name in value["bookmarks"]}
    return f"```json\n{json.dumps(value, indent=2)}\n```"


def ledger(stream: str) -> str:
    """Return both of a stream's lines at its end: the one for people and the one for machines."""
    provider = stream.partition("_")[0]
    _, tap = first_sync(demo.INVOICES, provider)
    account = tap.report.counts(stream)
    account.seconds = 0.2
    entry = {
        "sync": times.rfc3339(NOW),
        "provider": provider,
        "account": "default",
        **account.to_dict(),
    }
    return f"```text\n{stream} {account.sentence()}\nLEDGER: {json.dumps(entry)}\n```"
