"""The proof of completeness: what each stream expected, read and emitted, and what happens where these do not agree."""

from __future__ import annotations

import json
import logging
import sys
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tap_invoices.counts import Counts, Outcome
from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW
from tests.support.run import CHILDREN, LISTS, STREAMS, SUB_LISTS, Clock, peak, process, provider_of, settings, sync

COUNTED = ("covage_invoices", "ibana_invoices", "exsited_invoices")
FIELDS = {
    "expected",
    "read",
    "emitted",
    "unchanged",
    "failed",
    "gone",
    "requests",
    "retries",
    "seconds",
    "outcome",
    "stream",
    "sync",
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("tap_invoices.http.retry.FIRST_WAIT", 0.001)


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "ledger.jsonl"


def entries(ledger):
    return [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]


def small_pages(box, stream, size=5, **more):
    config = settings(box, provider_of(stream), **more)
    if provider_of(stream) != "matas":
        config[provider_of(stream)]["page_size"] = size
    return config


def test_each_stream_tells_one_structured_and_one_human_line(box, caplog):
    with caplog.at_level(logging.INFO):
        sync(settings(box), streams=STREAMS)
    structured = [record.ledger for record in caplog.records if hasattr(record, "ledger")]
    assert sorted(entry["stream"] for entry in structured) == sorted(STREAMS)
    assert all(set(entry) >= FIELDS for entry in structured)
    for stream in STREAMS:
        [human] = [
            record.getMessage()
            for record in caplog.records
            if record.getMessage().startswith((f"{stream} complete", f"{stream}: complete"))
        ]
        assert all(word in human for word in ("expected", "read", "emitted", "unchanged", "failed", "gone", "requests"))


def test_the_ledger_file_has_the_same_lines_and_adds_up(box, ledger, caplog):
    config = settings(box, ledger_url=ledger.as_uri())
    with caplog.at_level(logging.INFO):
        first = sync(config, streams=STREAMS)
        sync(config, first.state, streams=STREAMS)
    told = [dict(record.ledger) for record in caplog.records if hasattr(record, "ledger")]
    for entry in told:  # which an adapter reads, and no line has
        del entry["failure"], entry["failure_type"], entry["of"]
    assert sorted(entries(ledger), key=str) == sorted(json.loads(json.dumps(told, default=str)), key=str)
    assert len(told) == 2 * len(STREAMS), "the second sync's lines come behind the first one's"
    for entry in told:
        assert entry["outcome"] == "complete"
        if entry["stream"] in COUNTED:
            assert entry["expected"] == entry["read"] == entry["emitted"] + entry["unchanged"]
        if entry["stream"] in CHILDREN:
            assert entry["expected"] == entry["read"] + entry["failed"] + entry["gone"]
    for entry in told[: len(STREAMS)]:
        if entry["stream"] in LISTS:
            assert entry["emitted"] == len(first.records[entry["stream"]])


def test_the_ledger_counts_the_requests_that_were_made(box, ledger):
    box.faults.add(provider="exsited", path="/pdf$", times=3, action={"status": 503})
    sync(settings(box, "exsited", ledger_url=ledger.as_uri()), streams=STREAMS)
    made = [request for request in box.requests if not request.path.endswith("token")]
    assert sum(entry["requests"] for entry in entries(ledger)) == len(made)
    assert sum(entry["retries"] for entry in entries(ledger)) == 3


def test_a_list_that_only_unified_rows_are_made_from_is_counted_with_them(box, ledger):
    box.faults.add(provider="ibana", path=LISTS["ibana_invoices"], times=None, action={"total": 1})
    sync(settings(box, on_short="warn", ledger_url=ledger.as_uri()), streams=["invoices"])
    told = {entry["provider"]: entry for entry in entries(ledger)}
    assert sum(entry["requests"] for entry in told.values()) == sum(not r.path.endswith("token") for r in box.requests)
    assert all(entry["read"] == entry["emitted"] > 0 for entry in told.values())
    assert [name for name, entry in told.items() if entry["outcome"] == "short"] == ["ibana"]


def test_a_ledger_that_cannot_be_written_is_told_and_shows_in_the_exit_code(box, tmp_path):
    """The records are out, and the bookmarks stand: only the auditors' file is not whole."""
    (tmp_path / "taken").write_text("no folder")
    config = settings(box, "matas", "ibana", ledger_url=(tmp_path / "taken" / "ledger.jsonl").as_uri())
    done = process(tmp_path, config, streams=["matas_invoices", "ibana_invoices"])
    assert done.returncode == 1
    assert done.stdout.count('"type":"RECORD"') == 50
    assert '"replication_key_value"' in done.stdout
    assert done.stderr.count("`ledger_url` cannot be written") >= 2
    assert "LEDGER: {" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_ledger_goes_to_any_file_system(box):
    """Here one in memory, which cannot append to what it has not got."""
    url = "memory://audit/ledger.jsonl"
    for _ in range(2):
        sync(settings(box, "matas", ledger_url=url), streams=["matas_invoices"])
    with fsspec.open(url, "r") as file:
        lines = [json.loads(line) for line in file]
    assert [line["emitted"] for line in lines] == [25, 25]


class Overwriting(MemoryFileSystem):
    """As those of some buckets, it takes "append" for "write anew"."""

    protocol = "overwriting"
    store: ClassVar = {}
    pseudo_dirs: ClassVar = [""]

    def _open(self, path, mode="rb", **options):
        return super()._open(path, mode.replace("a", "w"), **options)


def test_the_ledger_keeps_all_lines_where_append_writes_anew(box):
    fsspec.register_implementation("overwriting", Overwriting, clobber=True)
    url = "overwriting://audit/ledger.jsonl"
    names = ["matas_invoices", "ibana_invoices", "i3dnet_invoices"]
    for _ in range(2):
        assert not sync(settings(box, ledger_url=url), streams=names).failures
    with fsspec.open(url, "r") as file:
        lines = [json.loads(line) for line in file]
    assert sorted(line["stream"] for line in lines) == sorted(2 * names)


def test_the_seconds_are_those_from_the_first_request_to_the_end(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("tap_invoices.counts.time", clock)
    account = Counts("a_stream")
    clock.sleep(3)
    account.count(read=1)
    for _ in range(2):
        account.count(requests=1)
        clock.sleep(5)
    account.end(Outcome.COMPLETE)
    assert account.seconds == 10


def test_the_ledger_tells_what_failed_and_what_is_gone(box, ledger):
    paths = [f"/matas/api/invoice/{key}$" for key in list(box.book("matas").invoices)[1:4]]
    for path, status in zip(paths, (400, 404, 404), strict=True):
        box.faults.add(path=path, times=None, action={"status": status})
    sync(settings(box, "matas", ledger_url=ledger.as_uri()), streams=["matas_invoice_details"])
    [entry] = entries(ledger)
    assert (entry["failed"], entry["gone"], entry["read"], entry["expected"]) == (1, 2, 22, 25)
    assert entry["outcome"] == "partial"


@pytest.mark.parametrize("stream", COUNTED)
def test_a_short_list_fails_and_says_so_in_the_ledger(box, ledger, stream):
    box.faults.add(provider=provider_of(stream), path=LISTS[stream], times=None, action={"total": 1})
    run = sync(small_pages(box, stream, ledger_url=ledger.as_uri()), streams=[stream])
    assert stream in run.failures
    [entry] = entries(ledger)
    assert (entry["outcome"], entry["expected"], entry["read"], entry["emitted"]) == ("failed", 26, 25, 25)
    assert not run.bookmark(stream).get("replication_key_value")


@pytest.mark.parametrize("stream", COUNTED)
@pytest.mark.parametrize("total", [None, -1000], ids=["left out", "below zero"])
def test_a_total_that_is_left_out_is_unknown_and_the_list_is_read_to_its_end(box, ledger, stream, total):
    box.faults.add(provider=provider_of(stream), times=None, action={"total": total})
    run = sync(small_pages(box, stream, ledger_url=ledger.as_uri()), streams=[stream])
    assert not run.failures
    assert run.bookmark(stream)["replication_key_value"]
    [entry] = entries(ledger)
    assert (entry["outcome"], entry["expected"], entry["read"], entry["emitted"]) == ("complete", None, 25, 25)


@pytest.mark.parametrize("stream", SUB_LISTS)
def test_a_sub_list_without_totals_is_read_to_its_end(box, stream):
    whole = sync(small_pages(box, stream, size=2), streams=[stream])
    box.faults.add(provider=provider_of(stream), times=None, action={"total": None})
    run = sync(small_pages(box, stream, size=2), streams=[stream])
    assert not run.failures
    assert sorted(run.keys(stream)) == sorted(whole.keys(stream))


@pytest.mark.parametrize("told", [0, 1], ids=["on the first page", "on the second page"])
@pytest.mark.parametrize("stream", COUNTED)
def test_a_total_that_only_some_pages_tell_still_counts(box, ledger, stream, told):
    hit = {"provider": provider_of(stream), "path": LISTS[stream]}
    if told:
        box.faults.add(**hit, action={"total": None})
    box.faults.add(**hit, after=1 + told, times=None, action={"total": None})
    run = sync(small_pages(box, stream, ledger_url=ledger.as_uri(), max_connections=1), streams=[stream])
    assert not run.failures
    [entry] = entries(ledger)
    assert (entry["expected"], entry["read"], entry["emitted"]) == (25, 25, 25)


def test_a_page_that_does_not_show_its_end_is_refused(box):
    body = '{"data": [], "meta": {"page": 1, "take": 5, "itemCount": null, "hasNextPage": null}}'
    box.faults.add(path=LISTS["ibana_invoices"], times=None, action={"status": 200, "body": body})
    assert "not of the shape" in sync(settings(box, "ibana"), streams=["ibana_invoices"]).failures["ibana_invoices"]
    box.faults.clear()
    box.faults.add(
        path=LISTS["ibana_invoices"], times=None, action={"status": 200, "body": body.replace(": null}}", ": false}}")}
    )
    assert not sync(settings(box, "ibana"), streams=["ibana_invoices"]).failures


@pytest.mark.parametrize(
    ("stream", "body", "place"),
    [
        ("covage_invoices", '{"results": [{"customer_name": "x"}], "next_page": null}', "the first page"),
        ("ibana_invoices", '{"data": [{"id": null}], "meta": {"hasNextPage": false}}', "page from row 1 on"),
    ],
)
def test_a_row_without_its_key_is_told_with_its_place(box, stream, body, place):
    box.faults.add(path=LISTS[stream], times=None, action={"status": 200, "body": body})
    assert f" in {stream}, {place})" in sync(settings(box, provider_of(stream)), streams=[stream]).failures[stream]


@pytest.mark.parametrize("stream", COUNTED)
def test_on_short_warn_goes_on(box, ledger, stream, caplog):
    box.faults.add(provider=provider_of(stream), path=LISTS[stream], times=None, action={"total": 1})
    run = sync(small_pages(box, stream, ledger_url=ledger.as_uri(), on_short="warn"), streams=[stream])
    assert not run.failures
    assert run.bookmark(stream)["replication_key_value"]
    assert entries(ledger)[0]["outcome"] == "short"
    assert "25 of 26" in caplog.text


@pytest.mark.parametrize("stream", COUNTED)
def test_a_list_is_read_again_twice_at_most(box, stream):
    def firsts():
        queries = [dict(r.query) for r in box.requests if not r.path.endswith("token")]
        return sum(q.get("page", "1") == "1" and q.get("offset", "0") == "0" and "cursor" not in q for q in queries)

    box.faults.add(provider=provider_of(stream), path=LISTS[stream], times=None, action={"total": 1})
    sync(small_pages(box, stream), streams=[stream])
    assert firsts() == 3
    box.clear()
    box.faults.clear()
    sync(small_pages(box, stream), streams=[stream])
    assert firsts() == (2 if stream == "covage_invoices" else 1), (
        "cursors need a second pass to show that nothing moved"
    )


def test_no_version_is_activated_where_rows_may_lack(box):
    """Neither for a list that is short, nor for its details, nor for details of which one failed."""
    more = {"emit_activate_version_messages": True, "on_short": "warn"}
    rule = box.faults.add
    rule(provider="ibana", times=None, action={"total": 1})
    rule(path=f"/matas/api/invoice/{list(box.book('matas').invoices)[1]}$", times=None, action={"status": 400})
    rule(path="/i3dnet/v3/account/invoice/unpaid$", after=1, times=None, action={"status": 400})
    rule(provider="exsited", path=LISTS["exsited_invoices"], times=None, action={"total": 1})
    streams = ["ibana_invoices", "matas_invoice_details", "exsited_invoice_details", "i3dnet_unpaid_invoices"]
    config = settings(box, **more)
    config["i3dnet"]["page_size"] = 3
    run = sync(config, streams=streams, full_table=streams)
    assert not [message for message in run.messages if message["type"] == "ACTIVATE_VERSION"]
    assert {run.account(stream).outcome for stream in ("ibana_invoices", "exsited_invoice_details")} == {"short"}
    box.faults.clear()
    run = sync(config, streams=streams, full_table=streams)
    activated = [message["stream"] for message in run.messages if message["type"] == "ACTIVATE_VERSION"]
    assert sorted(activated) == sorted(streams)


@pytest.mark.parametrize("invoices", [5, 60])
def test_no_version_is_activated_after_404s_that_are_not_believed(invoices):
    """All details are 404, twice over: the provider is ill, and the target keeps its rows."""
    stream = "matas_invoice_details"
    with Sandbox(invoices=invoices) as box:
        box.now = NOW
        config = settings(box, "matas", emit_activate_version_messages=True)
        run = sync(config, streams=[stream], full_table=[stream])
        box.faults.add(path="/matas/api/invoice/", times=None, action={"status": 404})
        for _ in range(3):
            run = sync(config, run.state, streams=[stream], full_table=[stream])
            assert not [message for message in run.messages if message["type"] == "ACTIVATE_VERSION"]
        box.faults.clear()
        run = sync(config, run.state, streams=[stream], full_table=[stream])
    assert [message["stream"] for message in run.messages if message["type"] == "ACTIVATE_VERSION"] == [stream]


def test_an_item_that_is_gone_holds_back_no_version(box):
    stream = "matas_invoice_details"
    box.faults.add(path=f"/matas/api/invoice/{list(box.book('matas').invoices)[1]}$", action={"status": 404})
    run = sync(settings(box, "matas", emit_activate_version_messages=True), streams=[stream], full_table=[stream])
    assert run.account(stream).gone == 1
    assert [message["stream"] for message in run.messages if message["type"] == "ACTIVATE_VERSION"] == [stream]


def test_a_version_is_activated_after_the_last_batch_of_its_rows(box, tmp_path):
    storage = {"root": tmp_path.as_uri(), "prefix": "x-"}
    batches = {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": storage, "batch_size": 10}
    config = settings(box, "matas", emit_activate_version_messages=True, batch_config=batches)
    run = sync(config, streams=["matas_invoices"])
    types = [message["type"] for message in run.messages if message["type"] != "STATE"]
    assert types == ["SCHEMA", "BATCH", "BATCH", "BATCH", "ACTIVATE_VERSION"]
    assert run.messages[-1]["type"] == "STATE"


@pytest.mark.parametrize("stream", COUNTED)
def test_one_dropped_row_is_caught(stream, caplog):
    with Sandbox(invoices=1000) as box:
        box.now = NOW
        box.faults.add(provider=provider_of(stream), path=LISTS[stream], after=5, times=1, action={"drop_row": 50})
        run = sync(settings(box, provider_of(stream), max_connections=1), streams=[stream])
        assert not run.failures
        assert len(set(run.keys(stream))) == 1000
        assert "reading the list again" in caplog.text


def test_one_row_that_is_always_dropped_fails_the_stream(box):
    """Each page of Covage's lacks one whenever it is asked for."""
    box.faults.add(path=LISTS["covage_invoices"], times=None, action={"drop_row": 2})
    run = sync(small_pages(box, "covage_invoices"), streams=["covage_invoices"])
    assert "of 25" in run.failures["covage_invoices"]


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(
    ("stream", "few", "many", "share"),
    [
        ("ibana_invoices", 1_000, 6_000, 0.5),
        pytest.param("exsited_invoices", 1_500, 8_000, 0.5, marks=pytest.mark.slow),
        ("matas_invoices", 3_000, 12_000, 2),
    ],
)
def test_memory_stays_flat_however_long_a_list_is(stream, few, many, share, tmp_path):
    """Once what may wait is waiting, more pages take no more. An array without pages is there as the bytes that came,
    and for a moment once more without its odd characters; as rows, it would take six times as much."""

    def measure(invoices):
        with Sandbox(invoices=invoices) as box:
            box.now = NOW
            most = peak(tmp_path, settings(box, provider_of(stream)), stream)
            return most, (tmp_path / "out.jsonl").stat().st_size // 1024

    (least, size), (most, larger) = measure(few), measure(many)
    assert most - least < share * (larger - size)


@pytest.mark.slow
@pytest.mark.parametrize("stream", COUNTED)
def test_one_row_dropped_in_a_hundred_thousand_is_caught(stream, caplog):
    with Sandbox(invoices=100_000) as box:
        box.now = NOW
        box.faults.add(provider=provider_of(stream), path=LISTS[stream], after=500, times=1, action={"drop_row": 50})
        run = sync(settings(box, provider_of(stream), request_timeout=60, max_connections=1), streams=[stream])
        assert not run.failures
        assert sum('"type":"RECORD"' in line for line in run.lines) == 100_000
        assert run.account(stream).read == 100_000
        assert "reading the list again" in caplog.text
