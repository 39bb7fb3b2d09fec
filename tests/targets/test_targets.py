"""What the tap reads, in real targets: PostgreSQL through Meltano, DuckDB, JSON lines; to the last digit."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import sys
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from tap_invoices.sandbox import Sandbox
from tap_invoices.streams.schemas import SCHEMAS_DIR
from tests.conftest import NOW
from tests.support.postgres import Postgres
from tests.support.run import DOCUMENTS, PROVIDERS, ROOT, STREAMS, UNIFIED, Run, process, provider_of, settings
from tests.support.targets import TARGET_JSONL, TARGETS, Project, duckdb_rows, jsonl_rows, pipe
from tests.sync.test_every_stream import STREAMS as KEYS
from tests.sync.test_every_stream import differences, sent_invoices, wire
from tools import targets

INVOICES = 20
STATE = "dev:tap-invoices-to-target-postgres"
ALL = set(STREAMS)


def table(stream):
    return json.loads((SCHEMAS_DIR / f"{stream}.json").read_text(encoding="utf-8"))


def typed(stream, format_):
    return {name for name, schema in table(stream)["properties"].items() if schema.get("format") == format_}


def faults(box, stream, rows):
    """How a stream's rows differ from what the sandbox holds: as many as there should be, each as it was sent."""
    book, names = box.book(provider_of(stream)), KEYS[stream][0]
    expected = sent_invoices(stream, book)
    found = Counter(tuple(row[name] for name in names) for row in rows)
    if found != Counter(expected.keys()):
        return [f"keys: {Counter(expected.keys()) - found} missing, {found - Counter(expected.keys())} too many"]
    compare = document_faults if stream in DOCUMENTS else record_faults
    return [x for row in rows for x in compare(stream, book, expected[tuple(row[name] for name in names)][0], row)]


def record_faults(stream, book, key, row):
    schema, sent = table(stream), wire(stream, book, key)
    known = schema["properties"]
    sent["additional_properties"] = {name: sent.pop(name) for name in list(sent) if name not in known} or None
    got = {name: utc(value) if name in typed(stream, "date-time") else value for name, value in row.items()}
    got = unsigned_zeros({name: value for name, value in got.items() if name in sent})
    return [f"{key} {path}" for path in differences({**schema, "type": ["object"]}, unsigned_zeros(sent), got)]


def unsigned_zeros(value):
    """No database tells -0.00 from 0.00."""
    if isinstance(value, dict):
        return {name: unsigned_zeros(item) for name, item in value.items()}
    if isinstance(value, list):
        return [unsigned_zeros(item) for item in value]
    return value.copy_abs() if isinstance(value, Decimal) and value.is_zero() else value


def document_faults(_stream, book, key, row):
    body = book.pdf(key)
    digest = hashlib.sha256(body).hexdigest()
    same = (row["sha256"], row["size"], base64.b64decode(row["content_base64"])) == (digest, len(body), body)
    return [] if same else [key]


def utc(time):
    """A time as a database without time zones gives it back."""
    return time if time is None or re.search(r"(Z|[+-]\d\d:\d\d)$", time) else f"{time}Z"


def change(box):
    """What happens between two syncs, at every provider."""
    box.now += timedelta(days=1)
    for provider in PROVIDERS:
        book = box.book(provider)
        book.add()
        book.change(next(key for key, row in book.invoices.items() if row.get("isCredit") is not True))
    for provider in ("exsited", "i3dnet", "matas"):
        book = box.book(provider)
        book.pay(list(book.invoices)[-2])


@pytest.fixture(scope="module")
def postgres():
    with Postgres() as server:
        yield server


@pytest.fixture(scope="module")
def history(postgres, tmp_path_factory):
    """Runs of Meltano into PostgreSQL: all, and what changed while one provider is out; what changed in between is
    piped, from the state that Meltano keeps.
    """
    runs, folder = {}, tmp_path_factory.mktemp("meltano")
    target = server_settings(postgres)
    with Sandbox(invoices=INVOICES) as box:
        box.now = NOW
        config = settings(box, emit_activate_version_messages=True)
        project = Project(folder, config, {"postgres": target})

        def through_meltano():
            done = project.run("tap-invoices", "target-postgres")
            return {"exit code": done.returncode, "log": done.stderr}

        def piped():
            schema = {"default_target_schema": "tap_invoices"}
            pipe(TARGETS / "target-postgres", folder / "piped", config, target | schema, kept, streams=ALL)
            return {"exit code": 0}

        def run(name, load, broken=()):
            box.clear()
            done = load()
            present = {stream: postgres.rows(present_rows(stream)) for stream in STREAMS}
            runs[name] = {
                **done,
                "requests": Counter(request.provider for request in box.requests),
                "parameters": {name for request in box.requests for name, _ in request.query},
                "rows": {stream: len(rows) for stream, rows in present.items()},
                "faults": {s: faults(box, s, rows) for s, rows in present.items() if provider_of(s) not in broken},
            }

        run("first", through_meltano)
        runs["before"] = project.bookmarks(STATE)
        kept = {"bookmarks": runs["before"]}
        change(box)
        run("second", piped)
        change(box)
        box.expire_tokens("matas")
        run("third", through_meltano, broken={"matas"})
        runs["after"] = project.bookmarks(STATE)
    return runs


def server_settings(server):
    names = ("host", "port", "user", "database")
    return {"password": "unused", **{name: getattr(server, name) for name in names}}


def present_rows(stream):
    return f"SELECT * FROM tap_invoices.{stream} WHERE _sdc_deleted_at IS NULL"  # noqa: S608


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("run", ["first", "second"])
def test_postgres_holds_what_the_provider_has(history, run, stream):
    assert history[run]["exit code"] == 0, history[run]
    assert history[run]["faults"][stream] == []
    assert history[run]["rows"][stream] > 0


def test_second_sync_asks_for_less(history):
    first, second = history["first"], history["second"]
    assert all(second["requests"][name] < first["requests"][name] for name in PROVIDERS if name != "ibana")
    # Of these, one page suffices for both syncs, but not the same one.
    for later in (second, history["third"]):
        assert later["parameters"] - first["parameters"] >= {"updatedFrom", "accounting_date_gt"}


@pytest.mark.usefixtures("history")
def test_columns_in_postgres(postgres):
    """Money is numeric without limits, nested values are jsonb, and no column is lost."""
    columns = postgres.columns("tap_invoices")
    assert set(columns) == ALL | set(UNIFIED)
    for stream, found in columns.items():
        properties = table(stream)["properties"]
        assert {name for name in found if not name.startswith("_sdc_")} == {"source_account", *properties}
        for name, schema in properties.items():
            array = "jsonb[]" if schema.get("items", {}).get("type") else "jsonb"
            wanted = {"number": "numeric", "object": "jsonb", "array": array}.get(schema["type"][0], found[name])
            assert found[name] == wanted, (stream, name)
        assert {found[name] for name in typed(stream, "date-time")} <= {"timestamp without time zone"}
        assert {found[name] for name in typed(stream, "date")} <= {"date"}


def test_partial_failure_keeps_what_succeeded(history):
    third = history["third"]
    assert third["exit code"] == 1
    assert not any(third["faults"].values())
    before, after = history["before"], history["after"]
    moved = {stream for stream in before if after[stream] != before[stream]}
    assert moved - set(UNIFIED) == {s for s, (_, key) in KEYS.items() if key and provider_of(s) != "matas"}
    assert moved >= set(UNIFIED), "of the other providers' accounts"
    assert third["rows"]["matas_invoices"] == history["second"]["rows"]["matas_invoices"]
    assert "sandbox-matas-token" not in third["log"]


@pytest.fixture(scope="module")
def source():
    with Sandbox(invoices=INVOICES) as box:
        box.now = NOW
        yield box


def test_json_lines(source, tmp_path):
    target = {"destination_path": str(tmp_path), "do_timestamp_file": False}
    config = settings(source)
    state = pipe(TARGET_JSONL, tmp_path / "first", config, target, streams=ALL)
    assert not any(faults(source, stream, jsonl_rows(tmp_path, stream)) for stream in STREAMS)

    before = {stream: len(jsonl_rows(tmp_path, stream)) for stream in STREAMS}
    change(source)
    pipe(TARGET_JSONL, tmp_path / "second", config, target, state, streams=ALL)
    for stream, (names, _) in KEYS.items():
        rows = jsonl_rows(tmp_path, stream)
        last = {tuple(row[name] for name in names): row for row in rows}
        if stream != "i3dnet_unpaid_invoices":  # a snapshot: here the last one is what counts
            assert faults(source, stream, last.values()) == [], stream
        assert before[stream] < len(rows) <= 2 * before[stream] + 1


@pytest.mark.parametrize("provider", ["covage", "i3dnet"])
def test_three_syncs_into_json_lines_keep_their_state(source, tmp_path, provider):
    """The last stream moves no bookmark: it is a snapshot, or what is within its lookback comes again."""
    config = settings(source, provider)
    streams = {s for s in STREAMS if provider_of(s) == provider}
    target = {"destination_path": str(tmp_path), "do_timestamp_file": False}
    kept, rows = None, []
    for number in range(3):
        kept = pipe(TARGET_JSONL, tmp_path / str(number), config, target, kept, streams=streams)
        rows.append({stream: len(jsonl_rows(tmp_path, stream)) for stream in streams})
    assert set(kept["bookmarks"]) >= {s for s in streams if KEYS[s][1]}
    for stream in (s for s in streams if KEYS[s][1]):
        assert rows[2][stream] - rows[1][stream] < rows[0][stream] / 2, stream


@pytest.mark.slow
def test_three_syncs_through_meltano_into_json_lines_keep_their_state(source, tmp_path):
    (tmp_path / "out").mkdir()
    target = {"jsonl": {"destination_path": str(tmp_path / "out")}}
    project = Project(tmp_path, settings(source, "i3dnet"), target)
    streams, rows = {s for s in STREAMS if provider_of(s) == "i3dnet"}, []
    for _ in range(3):
        done = project.run("tap-invoices", "target-jsonl")
        assert done.returncode == 0, done.stderr[-3000:]
        rows.append({stream: len(jsonl_rows(tmp_path / "out", stream)) for stream in streams})
    assert set(project.bookmarks("dev:tap-invoices-to-target-jsonl")) >= {s for s in streams if KEYS[s][1]}
    for stream in (s for s in streams if KEYS[s][1]):
        assert rows[2][stream] - rows[1][stream] < rows[0][stream] / 2, stream


@pytest.mark.skipif(
    sys.version_info >= (3, 14),
    reason="target-duckdb keeps every row only with DuckDB before 1.3, which has no wheel for Python 3.14",
)
def test_duckdb(source, tmp_path):
    """DuckDB's target keeps numbers as doubles: the nearest double of what was sent, and no further off."""
    target = {"filepath": str(tmp_path / "invoices.duckdb"), "default_target_schema": "main"}
    config = settings(source)
    state = pipe(TARGETS / "target-duckdb", tmp_path / "first", config, target, streams=ALL)
    change(source)
    pipe(TARGETS / "target-duckdb", tmp_path / "second", config, target, state, streams=ALL)
    for stream in ("exsited_invoices", "matas_invoices", "ibana_invoices", "covage_invoices"):
        names, book = KEYS[stream][0], source.book(provider_of(stream))
        expected, rows = sent_invoices(stream, book), duckdb_rows(target["filepath"], stream)
        assert {tuple(row[name.lower()] for name in names) for row in rows} == set(expected)
        assert len(rows) == len(expected)
        money = [name for name, schema in table(stream)["properties"].items() if schema["type"][0] == "number"]
        for row in rows:
            sent = wire(stream, book, expected[tuple(row[name.lower()] for name in names)][0])
            assert [row[name.lower()] for name in money] == [double(sent.get(name)) for name in money]


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="without target-duckdb, as above")
def test_duckdb_has_every_digit_of_amounts_as_text(tmp_path):
    """Nested ones too: this target keeps objects and lists as JSON, whose numbers DuckDB makes doubles of."""
    amounts = ["1234567890123456.789", "0.00000001", "-0.00", "121.00", None]
    target = {"filepath": str(tmp_path / "invoices.duckdb"), "default_target_schema": "main"}
    with Sandbox(invoices=len(amounts)) as box:
        book = box.book("exsited")
        for key, amount in zip(book.invoices, amounts, strict=True):
            book.change(key, due=amount, last_payment={"id": key, "amount": amount})
        config = settings(box, "exsited", decimals="text")
        pipe(TARGETS / "target-duckdb", tmp_path / "run", config, target, streams={"exsited_invoices"})
        keys = list(book.invoices)
    rows = {row["id"]: row for row in duckdb_rows(target["filepath"], "exsited_invoices")}
    assert [rows[key]["due"] for key in keys] == amounts
    assert [json.loads(rows[key]["last_payment"])["amount"] for key in keys] == amounts


def double(sent):
    return None if sent in {None, ""} else float(Decimal(str(sent)))


def test_single_fields(source, make_catalog, run_tap):
    catalog = make_catalog(source.config("exsited"), {"exsited_invoices"})
    (entry,) = (entry for entry in catalog["streams"] if entry["tap_stream_id"] == "exsited_invoices")
    for part in entry["metadata"]:
        if part["breadcrumb"]:
            part["metadata"]["selected"] = part["breadcrumb"][-1] == "total"
    done = run_tap("--config", source.config("exsited"), "--catalog", catalog)
    records = [json.loads(line)["record"] for line in done.stdout.splitlines() if '"RECORD"' in line]
    assert len(records) == len(source.book("exsited").invoices)
    # The key always comes, and so does what the bookmark is made of.
    assert {frozenset(record) for record in records} == {
        frozenset({"source_account", "id", "last_updated_on", "total"})
    }


def test_stream_maps_into_json_lines(source, tmp_path):
    maps = {"matas_invoices": {"__alias__": "purchases", "total": "str(total)", "invoice_address": "__NULL__"}}
    config = settings(source, "matas", stream_maps=maps)
    target = {"destination_path": str(tmp_path), "do_timestamp_file": False}
    pipe(TARGET_JSONL, tmp_path / "run", config, target, streams={"matas_invoices"})
    rows, book = jsonl_rows(tmp_path, "purchases"), source.book("matas")
    assert {row["invoice_number"]: row["total"] for row in rows} == {
        key: str(row["total"]) for key, row in book.invoices.items()
    }
    assert not any("invoice_address" in row for row in rows)


def test_a_stream_map_writes_amounts_as_their_digits_and_keeps_nulls(tmp_path):
    """The map that docs/targets.md gives, read from there."""
    page = (ROOT / "docs/targets.md").read_text(encoding="utf-8")
    config = yaml.safe_load(re.search(r"`(stream_maps: .*)`\.", page)[1])
    amounts = [None, "", "0.00000001", "0.0000000", "121.00", "-12.50", "999999999999.99"]
    with Sandbox(invoices=len(amounts)) as box:
        book = box.book("exsited")
        for key, amount in zip(book.invoices, amounts, strict=True):
            book.change(key, total=amount)
        done = process(tmp_path, settings(box, "exsited", **config), streams={"exsited_invoices"})
    run = Run(done.stdout.splitlines())
    [schema] = [message["schema"] for message in run.messages if message["type"] == "SCHEMA"]
    assert schema["properties"]["total"]["type"] == ["string", "null"]
    assert [row["total"] for row in run.records["exsited_invoices"]] == [amount or None for amount in amounts]


def test_flattening_into_json_lines(source, tmp_path):
    config = settings(source, "matas", flattening_enabled=True, flattening_max_depth=1)
    target = {"destination_path": str(tmp_path), "do_timestamp_file": False}
    pipe(TARGET_JSONL, tmp_path / "run", config, target, streams={"matas_invoices"})
    book = source.book("matas")
    for row in jsonl_rows(tmp_path, "matas_invoices"):
        address = book.invoices[row["invoice_number"]]["invoice_address"]
        assert "invoice_address" not in row
        assert row["invoice_address__city"] == address["city"]


BATCHES = {"encoding": {"format": "jsonl", "compression": "gzip"}}


def test_batch_files_hold_the_records(source, tmp_path):
    """BATCH messages point to files that hold what RECORD messages would, and the state goes on."""
    streams = {"exsited_invoices", "exsited_invoice_details", "matas_invoices"}
    (tmp_path / "files").mkdir()
    storage = {"root": (tmp_path / "files").as_uri(), "prefix": "invoices-"}
    plain = process(tmp_path, settings(source, "exsited", "matas"), streams=streams)
    config = settings(source, "exsited", "matas", batch_config={**BATCHES, "storage": storage})
    batched = process(tmp_path, config, streams=streams)
    assert batched.returncode == 0, batched.stderr
    messages = [json.loads(line) for line in batched.stdout.splitlines()]
    files = [path for message in messages if message["type"] == "BATCH" for path in message["manifest"]]
    texts = [gzip.decompress(Path(path.removeprefix("file://")).read_bytes()).decode() for path in files]
    batches = [json.loads(line) for text in texts for line in text.splitlines()]
    records = [json.loads(line)["record"] for line in plain.stdout.splitlines() if '"RECORD"' in line]
    assert sorted(map(json.dumps, batches)) == sorted(map(json.dumps, records))
    assert bookmarks(batched)["exsited_invoices"] == bookmarks(plain)["exsited_invoices"]


def bookmarks(run):
    return [json.loads(line)["value"]["bookmarks"] for line in run.stdout.splitlines() if '"STATE"' in line][-1]


@pytest.mark.parametrize(
    "more",
    [
        {"stream_maps": {"matas_invoices": {"description": "__NULL__"}}},
        {"flattening_enabled": True, "flattening_max_depth": 1},
    ],
    ids=["stream maps", "flattening"],
)
def test_batches_that_would_ignore_a_setting_are_refused(source, tmp_path, more):
    """The SDK writes batch files before maps and flattening: what a map is to hide would go out."""
    storage = {"root": tmp_path.as_uri(), "prefix": ""}
    config = settings(source, "matas", batch_config={**BATCHES, "storage": storage}, **more)
    source.clear()
    done = process(tmp_path, config)
    assert done.returncode == 1
    assert "batch_config" in done.stderr
    assert not source.requests


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info >= (3, 14), reason="without target-duckdb, as above")
def test_docs_show_what_a_run_gives(postgres):
    page = targets.PAGE.read_text(encoding="utf-8")
    assert targets.rendered(page, *targets.tables(postgres)) == page, "stale: run `python -m tools.targets`"
