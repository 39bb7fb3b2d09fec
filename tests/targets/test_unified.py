"""The two tables of all invoices in real targets, and what docs/unified.md says of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from datetime import datetime
from decimal import Decimal, InvalidOperation

import msgspec
import pytest

from tap_invoices.einvoice.exact import add
from tap_invoices.sandbox import Sandbox
from tap_invoices.streams.schemas import SCHEMAS_DIR
from tests.conftest import NOW
from tests.providers.test_unified import GOLDEN, golden
from tests.support.postgres import Postgres
from tests.support.run import PROVIDERS, ROOT, sync
from tests.support.targets import TARGET_JSONL, TARGETS, duckdb_rows, jsonl_rows
from tools import targets

PAGE = (ROOT / "docs" / "unified.md").read_text(encoding="utf-8")
OPEN_ITEMS, LINES_CURRENT, VAT_IN_POSTGRES, VAT_IN_DUCKDB = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
KEYS = {
    "invoices": ["provider", "source_account", "id"],
    "invoice_lines": ["provider", "source_account", "invoice_id", "position"],
}
SHRUNK = ("ibana", "i-2", 2)
"""An invoice that comes again with its first line alone."""
D = Decimal
SYNCED = "synced_"
"""Before the names of the tables that hold a sync of the sandbox."""
TO_PAY = """
select provider, seller_name, invoice_number, due_date, gross_amount, due_amount, status from invoices
where direction = 'payable' and (due_amount <> 0 or status in ('open', 'partially_paid') or status is null)
"""


def rows():
    """The rows of all golden files, and then those of an invoice that has lost its second line."""
    found = {name: [] for name in KEYS}
    for path in GOLDEN:
        header, lines = golden(path)
        account = {"provider": path.parts[-3], "source_account": path.stem}
        found["invoices"].append(account | header)
        found["invoice_lines"] += [account | line for line in lines]
    again = next(row for row in found["invoice_lines"] if is_line(row, *SHRUNK[:2], 1))
    found["invoice_lines"].append(again | {"line_count": 1})
    return found


def is_line(row, provider, invoice_id, position):
    return (row["provider"], row["invoice_id"], row["position"]) == (provider, invoice_id, position)


def messages():
    for name, records in rows().items():
        schema = json.loads((SCHEMAS_DIR / f"{name}.json").read_text(encoding="utf-8"))
        yield {"type": "SCHEMA", "stream": name, "schema": schema, "key_properties": KEYS[name]}
        yield from ({"type": "RECORD", "stream": name, "record": record} for record in records)


@pytest.fixture(scope="module")
def synced():
    """What the tap says of all of the sandbox's invoices, as messages."""
    with Sandbox(invoices=20) as box:
        box.now = NOW
        config = {**box.config(), "documents": {"read_xml": True}}
        config["ibana"]["amounts_in"], config["matas"]["amounts_in"] = "units", "cents"
        said = sync(config, streams=set(KEYS)).messages
    return [message | {"stream": SYNCED + message["stream"]} for message in said if message["type"] != "STATE"]


def load(target, folder, config, synced):
    settings = folder / "target.json"
    settings.write_text(json.dumps(config), encoding="utf-8")
    encoder = msgspec.json.Encoder(decimal_format="number")
    done = subprocess.run(  # noqa: S603
        [str(TARGETS / target), "--config", str(settings)],
        cwd=folder,
        input=b"".join(encoder.encode(message) + b"\n" for message in [*messages(), *synced]),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def postgres(tmp_path_factory, synced):
    with Postgres() as server:
        address = {name: getattr(server, name) for name in ("host", "port", "user", "database")}
        config = {**address, "password": "unused", "default_target_schema": "books"}
        load("target-postgres", tmp_path_factory.mktemp("postgres"), config, synced)
        server.sql(f"alter database {server.database} set search_path to books")
        for view in (OPEN_ITEMS, LINES_CURRENT, VAT_IN_POSTGRES):
            server.sql(view)
        yield server


_RUN_IN_DUCKDB = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
for statement in sys.argv[2:]:
    connection.execute(statement)
"""


@pytest.fixture(scope="module")
def duckdb(tmp_path_factory, synced):
    if sys.version_info >= (3, 14):
        pytest.skip("target-duckdb keeps every row only with DuckDB before 1.3, which has no wheel for Python 3.14")
    folder = tmp_path_factory.mktemp("duckdb")
    path = str(folder / "invoices.duckdb")
    load("target-duckdb", folder, {"filepath": path, "default_target_schema": "main"}, synced)
    command = [str(TARGETS / "python"), "-c", _RUN_IN_DUCKDB, path, OPEN_ITEMS, LINES_CURRENT, VAT_IN_DUCKDB]
    subprocess.run(command, check=True)  # noqa: S603
    return lambda query: duckdb_rows(path, f"({query})")


@pytest.fixture(scope="module")
def jsonl(tmp_path_factory, synced):
    folder = tmp_path_factory.mktemp("jsonl")
    load(TARGET_JSONL, folder, {"destination_path": str(folder), "do_timestamp_file": False}, synced)
    return lambda table: jsonl_rows(folder, table)


@pytest.fixture(params=["postgres", "duckdb"])
def read(request):
    found = request.getfixturevalue(request.param)
    return found.rows if request.param == "postgres" else found


def test_both_tables_load_whole(read):
    sent = rows()
    for name, keys in KEYS.items():
        last = {tuple(row[key] for key in keys): row for row in sent[name]}
        found = {tuple(row[key] for key in keys): row for row in read(f"select * from {name}")}  # noqa: S608
        assert set(found) == set(last)
        for key, row in last.items():
            for column, value in row.items():
                if isinstance(value, Decimal):
                    assert D(str(found[key][column])) == pytest.approx(value, rel=D("1e-15")), (key, column)
                elif not isinstance(value, (dict, list)) and column != "changed_at":
                    assert found[key][column] == value, (key, column)


def records(synced, table):
    return [
        message["record"] for message in synced if message == message | {"type": "RECORD", "stream": SYNCED + table}
    ]


@pytest.mark.parametrize("table", KEYS)
@pytest.mark.parametrize("target", ["postgres", "duckdb", "jsonl"])
def test_a_sync_of_all_providers_is_held_as_it_was_sent(request, synced, target, table):
    sent = {tuple(row[key] for key in KEYS[table]): dict(row) for row in records(synced, table)}
    held = request.getfixturevalue(target)
    found = {
        "postgres": lambda: held.rows(f"select * from {SYNCED}{table}"),  # noqa: S608
        "duckdb": lambda: held(f"select * from {SYNCED}{table}"),  # noqa: S608
        "jsonl": lambda: held(f"{SYNCED}{table}"),
    }[target]()
    assert {key[0] for key in sent} == set(PROVIDERS)
    assert len(found) == len(sent)
    for row in found:
        key = tuple(row[name] for name in KEYS[table])
        assert moment(row.pop("changed_at")) == moment(sent[key].pop("changed_at"))
        for column, value in sent[key].items():
            assert same(value, row[column], is_exact=target != "duckdb"), (key, column)


def same(sent, found, *, is_exact):
    """Whether a value is held as it was sent; DuckDB's target keeps the nearest double, and JSON as text."""
    if isinstance(sent, (dict, list)) and isinstance(found, str):
        return same(sent, json.loads(found), is_exact=is_exact)
    if isinstance(sent, dict):
        return sent.keys() == found.keys() and all(same(sent[n], found[n], is_exact=is_exact) for n in sent)
    if isinstance(sent, list):
        return len(sent) == len(found) and all(
            same(one, other, is_exact=is_exact) for one, other in zip(sent, found, strict=True)
        )
    if isinstance(sent, (int, Decimal)) and not isinstance(sent, bool):
        return (D(str(found)) == sent) if is_exact else (float(found) == float(sent))
    return sent == found


def moment(time):
    """A time as it is, whether its target keeps the zone or not."""
    return time and datetime.fromisoformat(f"{time.removesuffix('Z')}Z")


def test_sums_in_postgres_are_exact(postgres, synced):
    for table, columns in (("invoices", ("gross_amount", "due_amount")), ("invoice_lines", ("net_amount",))):
        for column in columns:
            amounts = [row[column] for row in records(synced, table) if row[column] is not None]
            [row] = postgres.rows(f"select sum({column}) as total from {SYNCED}{table}")  # noqa: S608
            assert D(str(row["total"])) == add(*amounts), column


def test_what_is_to_pay(read, synced):
    wanted = Counter(
        (row["provider"], row["seller_name"], row["invoice_number"], row["due_date"], row["status"])
        for row in records(synced, "invoices")
        if row["direction"] == "payable" and (row["due_amount"] or row["status"] in {"open", "partially_paid", None})
    )
    found = read(TO_PAY.replace("from invoices", f"from {SYNCED}invoices"))
    names = ("provider", "seller_name", "invoice_number", "due_date", "status")
    assert Counter(tuple(row[name] for name in names) for row in found) == wanted
    assert {provider for provider, *_ in wanted} == set(PROVIDERS) - {"exsited"}


def test_the_page_of_targets_shows_both_tables(postgres, duckdb):
    held = postgres.columns("books")
    described = {name: duckdb(f"(describe {name})") for name in KEYS}
    types = {
        "PostgreSQL": held,
        "DuckDB": {n: {row["column_name"]: row["column_type"].lower() for row in described[n]} for n in KEYS},
    }
    assert targets.columns(types) in targets.PAGE.read_text(encoding="utf-8"), "stale: run `python -m tools.targets`"


def test_postgres_keeps_every_digit(postgres):
    [row] = postgres.rows("select gross_amount, tax_amount from invoices where source_account = 'partly_paid'")
    assert (str(row["gross_amount"]), str(row["tax_amount"])) == (
        "1234567890123456789012345678.90",
        "1234567890123456789012345678.795",
    )


def test_open_items(read):
    found = {(row["provider"], row["source_account"]): row for row in read("select * from open_items")}
    known_as_open = {
        ("matas", "cents"),
        ("matas", "credit_note"),
        ("i3dnet", "partly_paid"),
        ("exsited", "off_by_a_cent"),
    }
    unknown = {
        ("covage", "page"),
        ("covage", "another_type"),
        ("i3dnet", "unknown_currency"),
        ("ibana", "page"),
        ("ibana", "net_lines"),
        ("ibana", "neither"),
        ("ibana", "credit_note"),
    }
    assert set(found) == known_as_open | unknown
    assert found["covage", "page"]["is_overdue"] is True
    assert found["covage", "another_type"]["is_overdue"] is None
    assert found["exsited", "off_by_a_cent"]["status"] == "partially_paid"


def test_lines_current_leaves_out_what_an_invoice_has_no_more(read):
    def lines(table):
        return Counter(
            (row["provider"], row["source_account"], row["invoice_id"], row["position"])
            for row in read(f"select * from {table}")  # noqa: S608
        )

    assert list((lines("invoice_lines") - lines("lines_current")).items()) == [(("ibana", "net_lines", "i-2", 2), 1)]


def test_vat_by_rate(read):
    names = ("direction", "currency", "rate", "base_amount", "tax_amount", "entries")
    found = {
        (row["month"] and row["month"][:7], *(plain(row[name]) for name in names))
        for row in read("select * from vat_by_rate where month is null or month <> date '2023-01-01'")
    }
    assert {row for row in found if row[2]} == {
        ("2022-01", "payable", "EUR", "21", None, None, "1"),
        ("2023-03", "payable", "EUR", "21", "-100", "-21.01", "1"),
        ("2023-07", "payable", "EUR", "21", "100", "21", "1"),
        ("2024-05", "receivable", "AUD", "10", "150", "15", "1"),
        ("2024-05", "receivable", "AUD", "0", "7", "0", "1"),
        ("2024-10", "payable", "EUR", None, "119", "-0.42", "3"),
        ("2025-03", "payable", "EUR", None, None, None, "1"),
        ("2025-03", "payable", "EUR", "20", "100", "20", "1"),
        (None, "payable", "EUR", "20", "-90", "-18", "1"),
        (None, "payable", "EUR", None, None, None, "2"),
        (None, "receivable", "EUR", None, "95.01", "10", "1"),
    }
    assert {row[:2] for row in found if not row[2]} == {
        ("2024-10", "payable"),
        ("2025-10", "payable"),
        (None, "payable"),
    }


def plain(value):
    """A number in plain digits; a text as it is."""
    try:
        return f"{D(str(value)).normalize():f}"
    except InvalidOperation:
        return value


def test_the_page_begins_with_the_first_nineteen_columns():
    first = re.findall(r"^\| (`.*?) \| ", PAGE, re.MULTILINE)
    named = [name for cell in first for name in re.findall(r"`(\w+)`", cell)]
    columns = list(json.loads((SCHEMAS_DIR / "invoices.json").read_text(encoding="utf-8"))["properties"])
    assert named == columns[:19]
    assert f"{len(columns) - len(named)} more columns" in PAGE
