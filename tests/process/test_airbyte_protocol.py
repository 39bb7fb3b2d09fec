"""The source of Airbyte's protocol, command by command; `make test-airbyte` has Airbyte's own clients try it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from jsonschema import Draft7Validator

from tap_invoices.airbyte import child
from tap_invoices.airbyte.catalog import airbyte_stream, select, singer_state, sync_modes
from tap_invoices.airbyte.cli import main
from tap_invoices.airbyte.messages import SourceError
from tap_invoices.airbyte.spec import connection_specification, tap_config
from tap_invoices.config.settings import json_schema
from tap_invoices.providers import PROVIDERS
from tap_invoices.sandbox import Sandbox
from tests.support import forked
from tests.support.run import DOCUMENTS, STREAMS, UNIFIED, environment, settings

SOURCE = [sys.executable, "-m", "tap_invoices.airbyte"]
INCREMENTAL = {"full_refresh", "incremental"}


@pytest.fixture
def box():
    """A sandbox whose clock is right: a wrong one is what a check tells."""
    with Sandbox(invoices=25) as served:
        yield served


@pytest.fixture
def source(tmp_path, capfdbinary, monkeypatch):
    """Run a command with its files, and return what it says."""
    monkeypatch.setattr(child, "subprocess", SimpleNamespace(Popen=forked.Process, PIPE=subprocess.PIPE))

    def run(command, code=0, **files):
        with pytest.raises(SystemExit) as ended:
            main([command, *_written(tmp_path, files)])
        out, err = capfdbinary.readouterr()
        assert (ended.value.code, err) == (code, b""), out[-3000:]
        return Messages(out.splitlines())

    return run


def _written(folder, files):
    arguments = []
    for name, value in files.items():
        path = folder / f"{name}.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value, default=float), encoding="utf-8")
        arguments += [f"--{name}", str(path)]
    return arguments


class Messages:
    def __init__(self, lines):
        self.lines = lines
        self.all = [json.loads(line, parse_float=Decimal) for line in lines]

    def of(self, kind, field):
        return [message[field] for message in self.all if message["type"] == kind]

    @property
    def catalog(self):
        (catalog,) = self.of("CATALOG", "catalog")
        return {stream["name"]: stream for stream in catalog["streams"]}

    @property
    def status(self):
        (status,) = self.of("CONNECTION_STATUS", "connectionStatus")
        return status

    @property
    def records(self):
        return Counter(record["stream"] for record in self.of("RECORD", "record"))

    @property
    def states(self):
        return self.of("STATE", "state")

    @property
    def counted(self):
        found = Counter()
        for state in self.states:
            found[state["stream"]["stream_descriptor"]["name"]] += int(state["sourceStats"]["recordCount"])
        return found

    @property
    def bookmarks(self):
        """The last state of each stream."""
        return list({state["stream"]["stream_descriptor"]["name"]: state for state in self.states}.values())

    @property
    def errors(self):
        return [trace["error"] for trace in self.of("TRACE", "trace") if trace["type"] == "ERROR"]

    def statuses(self, stream):
        told = [trace["stream_status"] for trace in self.of("TRACE", "trace") if trace["type"] == "STREAM_STATUS"]
        return [one["status"] for one in told if one["stream_descriptor"]["name"] == stream]


def configured(streams, mode="incremental"):
    """A configured catalog, as the platform writes it."""
    modes = {name: mode if name not in FULL else "full_refresh" for name in streams}
    return {
        "streams": [
            {"stream": {"name": name, "json_schema": {}}, "sync_mode": mode, "destination_sync_mode": "append_dedup"}
            for name, mode in modes.items()
        ]
    }


FULL = {"matas_invoices", "i3dnet_invoices", "i3dnet_unpaid_invoices"}


# spec


def test_spec_is_draft_7_without_nulls(source):
    (spec,) = source("spec").of("SPEC", "spec")
    specification = spec["connectionSpecification"]
    Draft7Validator.check_schema(specification)
    assert specification["$schema"].endswith("draft-07/schema#")
    assert "null" not in json.dumps(specification)


def test_spec_leaves_out_what_is_of_singer_alone():
    properties = connection_specification(PROVIDERS)["properties"]
    assert not properties.keys() & {
        "stream_maps",
        "flattening_enabled",
        "batch_config",
        "emit_activate_version_messages",
    }
    assert [provider.name for provider in PROVIDERS] == list(properties)[: len(PROVIDERS)]
    assert [schema["order"] for schema in properties.values()] == list(range(len(properties)))


def test_spec_marks_each_secret_and_nothing_else():
    def secrets(schema, path=""):
        marked = {path} if schema.get("airbyte_secret") or schema.get("secret") else set()
        return marked.union(*(secrets(value, f"{path}.{name}") for name, value in schema.get("properties", {}).items()))

    specification = connection_specification(PROVIDERS)
    lists = {f".{provider.name}.accounts" for provider in PROVIDERS}
    assert secrets(specification) == secrets(json_schema(PROVIDERS)) | lists
    assert ".covage.password" in secrets(specification)
    assert ".documents.storage_options" in secrets(specification)


def test_spec_accepts_the_settings_that_work(box):
    validator = Draft7Validator(connection_specification(PROVIDERS))
    good = settings(box, documents={"mode": "files", "url": "s3://bucket", "storage_options": '{"key": "x"}'})
    assert list(validator.iter_errors(good)) == []
    del good["covage"]["password"]
    good["covage"]["accounts"] = '[{"name": "acme", "password": "x"}]'
    assert list(validator.iter_errors(good)) == []


def test_accounts_are_one_secret_text_and_what_airbyte_keeps_itself_is_hidden():
    properties = connection_specification(PROVIDERS)["properties"]
    own = properties["ibana"]["properties"]
    assert (own["accounts"]["type"], own["accounts"]["airbyte_secret"]) == ("string", True)
    assert own["accounts"]["description"].endswith("as a JSON array.")
    assert {"account", "token"} < own.keys()
    assert not {"token_env", "token_file", "accounts_url"} & own.keys()
    assert not {"only_accounts", "shard"} & properties.keys()


def test_accounts_as_text_become_a_list():
    given = {"ibana": {"accounts": '[{"name": "acme", "token": "x"}]'}}
    assert tap_config(given, PROVIDERS) == {"ibana": {"accounts": [{"name": "acme", "token": "x"}]}}
    for text in ("{}", "[" * 100_000):
        with pytest.raises(SourceError, match=r"`ibana\.accounts` must be a JSON array"):
            tap_config({"ibana": {"accounts": text}}, PROVIDERS)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"shard": "0/2"}, "`shard`"),
        ({"only_accounts": ["acme"]}, "`only_accounts`"),
        ({"ibana": {"accounts_url": "file:///x"}}, "`ibana.accounts_url`"),
        ({"ibana": {"token_file": "/run/x"}}, "`ibana.token_file`"),
        ({"ibana": {"accounts": '[{"name": "acme", "token_env": "X"}]'}}, "`ibana.accounts: token_env`"),
    ],
)
def test_what_is_hidden_is_refused_by_name(given, name):
    with pytest.raises(SourceError, match=name):
        tap_config(given, PROVIDERS)


def test_open_objects_are_given_as_text():
    given = {"documents": {"mode": "files", "storage_options": '{"key": "x"}'}}
    assert tap_config(given, PROVIDERS) == {"documents": {"mode": "files", "storage_options": {"key": "x"}}}
    for empty in ("", "null"):
        assert tap_config({"documents": {"storage_options": empty}}, PROVIDERS) == {
            "documents": {"storage_options": None}
        }
    with pytest.raises(SourceError, match="storage_options"):
        tap_config({"documents": {"storage_options": "key=x"}}, PROVIDERS)


# check


def test_check_succeeds(source, box):
    assert source("check", config=settings(box)).status == {"status": "SUCCEEDED"}


def test_check_tells_what_is_wrong_and_no_secret(source, box):
    config = settings(box, "ibana", "matas")
    config["ibana"]["token"] = "a-secret-that-is-wrong"
    messages = source("check", config=config)
    assert messages.status["status"] == "FAILED"
    assert "ibana" in messages.status["message"]
    assert "matas" not in messages.status["message"]
    assert b"a-secret-that-is-wrong" not in b"".join(messages.lines)


def test_check_tells_of_settings(source, box):
    config = settings(box, "ibana")
    config["ibana"]["tokne"] = config["ibana"].pop("token")
    assert "did you mean `token`?" in source("check", config=config).status["message"]


# discover


def test_discover(source, box):
    catalog = source("discover", config=settings(box)).catalog
    assert catalog.keys() == {*STREAMS, *UNIFIED}
    for name, stream in catalog.items():
        modes = set(stream["supported_sync_modes"])
        assert modes == ({"full_refresh"} if name in FULL else INCREMENTAL)
        properties = stream["json_schema"]["properties"]
        assert all(key in properties for (key,) in stream["source_defined_primary_key"])
        assert all(key in properties for key in stream.get("default_cursor_field", ()))
        Draft7Validator.check_schema(stream["json_schema"])
    assert catalog["exsited_order_invoices"]["source_defined_primary_key"] == [["source_account"], ["order_id"], ["id"]]
    changed = catalog["exsited_invoices"]["json_schema"]["properties"]["last_updated_on"]
    assert changed["airbyte_type"] == "timestamp_with_timezone"


def test_discover_without_documents(source, box):
    assert not source("discover", config=box.config()).catalog.keys() & set(DOCUMENTS)


def test_discover_with_bad_settings(source):
    (error,) = source("discover", code=1, config={"ibana": {"token": "x"}}).errors
    assert error["failure_type"] == "config_error"
    assert "ibana.api_url" in error["message"]


# read


def test_read_all(source, box):
    messages = source("read", config=settings(box), catalog=configured(STREAMS))
    assert messages.records.keys() == STREAMS.keys()
    assert messages.counted == messages.records
    assert messages.records["exsited_invoices"] == len(box.book("exsited").invoices)
    for stream in STREAMS:
        assert messages.statuses(stream) == ["STARTED", "RUNNING", "COMPLETE"]
    assert {m["type"] for m in messages.all} == {"LOG", "RECORD", "STATE", "TRACE"}


def test_records_keep_their_digits(source, box):
    messages = source("read", config=settings(box, "exsited"), catalog=configured(["exsited_invoices"]))
    totals = {record["data"]["id"]: str(record["data"]["total"]) for record in messages.of("RECORD", "record")}
    assert totals == {key: row["total"] for key, row in box.book("exsited").invoices.items()}


def test_incremental_read_asks_for_what_is_new(source, box):
    streams = ["ibana_invoices", "exsited_invoice_details", "matas_invoices"]
    config = settings(box, "ibana", "exsited", "matas")
    first = source("read", config=config, catalog=configured(streams))
    key = box.book("ibana").add()
    box.clear()
    second = source("read", config=config, catalog=configured(streams), state=first.bookmarks)
    assert key in {record["data"].get("id") for record in second.of("RECORD", "record")}
    assert second.records["ibana_invoices"] < first.records["ibana_invoices"]
    assert second.records["exsited_invoice_details"] < first.records["exsited_invoice_details"]
    assert second.records["matas_invoices"] == first.records["matas_invoices"]
    assert any(name == "updatedFrom" for request in box.requests for name, _ in request.query)


def test_full_refresh_takes_no_notice_of_a_state(source, box):
    config = settings(box, "ibana")
    first = source("read", config=config, catalog=configured(["ibana_invoices"]))
    again = source("read", config=config, catalog=configured(["ibana_invoices"], "full_refresh"), state=first.bookmarks)
    assert again.records == first.records
    assert again.bookmarks[0]["stream"]["stream_state"] == {"__ab_no_cursor_state_message": True}


def test_nothing_new_still_tells_the_state(source, box):
    streams = ["i3dnet_unpaid_invoices"]
    for key in list(box.book("i3dnet").invoices):
        box.book("i3dnet").delete(key)
    messages = source("read", config=settings(box, "i3dnet"), catalog=configured(streams))
    assert messages.statuses(*streams) == ["STARTED", "COMPLETE"]
    assert len(messages.states) == 1


def test_a_stream_of_all_providers_ends_well_where_it_is_whole_at_each(source, box):
    box.faults.add(provider="i3dnet", path="/account/invoice/[0-9]+$", times=1, action={"status": 403})
    streams = ["invoices", "i3dnet_invoice_details"]
    messages = source("read", code=1, config=settings(box, "ibana", "i3dnet"), catalog=configured(streams))
    (error,) = messages.errors
    assert error["stream_descriptor"] == {"name": "i3dnet_invoice_details"}
    assert [messages.statuses(stream)[-1] for stream in streams] == ["COMPLETE", "INCOMPLETE"]


@pytest.mark.parametrize(
    ("fault", "failure_type"),
    [
        ({"status": 403}, "config_error"),
        ({"status": 503}, "transient_error"),
        ({"status": 418}, "system_error"),
    ],
    ids=str,
)
def test_a_failed_stream_says_why_and_the_others_end_well(source, box, fault, failure_type):
    box.faults.add(provider="ibana", path="/v1/invoice$", times=None, action=fault)
    config = settings(box, "ibana", "matas", max_retry_seconds=0)
    messages = source("read", code=1, config=config, catalog=configured(["ibana_invoices", "matas_invoices"]))
    (error,) = messages.errors
    assert (error["stream_descriptor"], error["failure_type"]) == ({"name": "ibana_invoices"}, failure_type)
    assert messages.statuses("ibana_invoices")[-1] == "INCOMPLETE"
    assert messages.statuses("matas_invoices")[-1] == "COMPLETE"
    assert messages.records["matas_invoices"] == len(box.book("matas").invoices)


def test_a_stream_is_complete_only_where_all_accounts_are_whole(source):
    with Sandbox(invoices=25, accounts=["acme", "beta", "gamma"]) as box:
        box.faults.add(provider="ibana", account="beta", times=None, action={"status": 403})
        config = box.accounts_config("ibana", "matas")
        for given in config.values():
            given["accounts"] = json.dumps(given["accounts"])
        messages = source("read", code=1, config=config, catalog=configured(["ibana_invoices", "matas_invoices"]))
    (error,) = messages.errors
    assert error["message"].startswith("ibana_invoices is not whole in beta: 403 ")
    assert error["failure_type"] == "config_error"
    assert messages.statuses("ibana_invoices")[-1] == "INCOMPLETE"
    assert messages.statuses("matas_invoices")[-1] == "COMPLETE"
    assert messages.records == {"ibana_invoices": 50, "matas_invoices": 75}
    [state] = [s for s in messages.bookmarks if s["stream"]["stream_descriptor"]["name"] == "ibana_invoices"]
    assert state["stream"]["stream_state"]["accounts"].keys() == {"acme", "gamma"}


def test_a_stream_that_is_not_there(source, box):
    messages = source("read", code=1, config=settings(box, "ibana"), catalog=configured(["matas_invoices"]))
    (error,) = messages.errors
    assert error["failure_type"] == "config_error"
    assert "matas_invoices" in error["message"]


@pytest.mark.parametrize("whose", ["the user's", "the source's"])
def test_a_catalog_whose_key_does_not_tell_accounts_apart(source, box, whose):
    catalog = configured(["ibana_invoices"])
    [entry] = catalog["streams"]
    of, name = (entry, "primary_key") if whose == "the user's" else (entry["stream"], "source_defined_primary_key")
    of[name] = [["id"]]
    (error,) = source("read", code=1, config=settings(box, "ibana"), catalog=catalog).errors
    assert error["failure_type"] == "config_error"
    assert "ibana_invoices" in error["message"]
    assert "refresh" in error["message"]
    of[name] = [["source_account"], ["id"]]
    assert source("read", config=settings(box, "ibana"), catalog=catalog).records["ibana_invoices"]


def test_files_that_are_none(source, box):
    config, catalog = settings(box, "ibana"), configured(["ibana_invoices"])
    for files in (
        {"config": "no JSON", "catalog": catalog},
        {"config": [], "catalog": catalog},
        {"config": config, "catalog": {"streams": "none"}},
        {"config": config, "catalog": configured(["ibana_invoices"], "sideways")},
        {"config": config, "catalog": catalog, "state": [{"type": "GLOBAL"}]},
    ):
        (error,) = source("read", code=1, **files).errors
        assert error["failure_type"] == "config_error"


# Its end before time


STOPPED_AT_POPEN = """
import os, sys
from tap_invoices.airbyte.cli import main

number, *arguments = sys.argv[1:]
sys.addaudithook(lambda event, _: event == "subprocess.Popen" and os.kill(os.getpid(), int(number)))
main(arguments)
"""


KILLED_TAP = """
import subprocess, sys
from tap_invoices.airbyte import child
from tap_invoices.airbyte.cli import main

code, *arguments = sys.argv[1:]
begin = subprocess.Popen
child.subprocess.Popen = lambda command, **options: begin([sys.executable, "-c", code], **options)
main(arguments)
"""


@pytest.fixture
def start(tmp_path):
    """Start a command in a group of its own. It must leave no temporary file."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with ExitStack() as stack:

        def run(*command, **files):
            line, variables = [*command, *_written(tmp_path, files)], environment(TMPDIR=str(temporary))
            pipe = subprocess.PIPE
            process = subprocess.Popen(line, env=variables, stdout=pipe, stderr=pipe, start_new_session=True)  # noqa: S603
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield run
    assert not list(temporary.iterdir())


def until_still(box):
    """Wait until the tap asks for nothing more: what it has, it cannot write."""
    seen = None
    while seen != (seen := len(box.requests)):
        time.sleep(0.5)


@pytest.mark.parametrize(
    ("send", "number"),
    [
        pytest.param(os.kill, signal.SIGTERM, id="SIGTERM"),
        pytest.param(os.killpg, signal.SIGINT, id="Ctrl-C"),
        pytest.param(os.kill, signal.SIGINT, id="SIGINT", marks=pytest.mark.slow),
    ],
)
def test_stop_tells_the_state_of_what_was_read(box, start, send, number):
    """As the platform cancels a sync: what came is counted, and the stream is not called complete."""
    box.latency = 0.2
    box.book("exsited").max_page_size = 5
    catalog = configured(["exsited_invoices", "exsited_invoice_details"])
    process = start(*SOURCE, "read", config=settings(box, "exsited"), catalog=catalog)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if b'"RUNNING"' in line:
            send(process.pid, number)
    assert (process.wait(20), process.stderr.read()) == (128 + number, b"")
    messages = Messages(lines)
    assert messages.counted == messages.records
    assert messages.statuses("exsited_invoice_details")[-1] == "INCOMPLETE"
    told = [line["message"] for line in messages.of("LOG", "log") if "Stopped by" in line["message"]]
    assert [text.partition(";")[0] for text in told] == ["Stopped by SIGTERM"], (
        "the tap is told once, and by the source"
    )


@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("check", signal.SIGTERM),
        ("discover", signal.SIGINT),
        ("read", signal.SIGTERM),
        pytest.param("check", signal.SIGINT, marks=pytest.mark.slow),
        pytest.param("discover", signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param("read", signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_stop_before_there_is_a_tap_leaves_no_settings(box, start, command, number):
    """The settings are on the disk, and the process that is to read them is about to start."""
    files = {"config": settings(box, "matas")}
    if command == "read":
        files["catalog"] = configured(["matas_invoices"])
    process = start(sys.executable, "-c", STOPPED_AT_POPEN, str(int(number)), command, **files)
    assert process.communicate(timeout=20) == (b"", b"")
    assert process.returncode == 128 + number
    assert not box.requests


def test_a_reader_that_leaves_ends_it_quietly(start):
    """Also while the tap waits to write to the source, and the source to write to the reader."""
    with Sandbox(invoices=600) as box:
        catalog = configured(["exsited_invoices", "ibana_invoices"])
        process = start(*SOURCE, "read", config=settings(box, "exsited", "ibana"), catalog=catalog)
        assert any(b'"RECORD"' in line for line in process.stdout)
        until_still(box)
        process.stdout.close()
        assert (process.wait(20), process.stderr.read()) == (141, b"")


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param("ibana_invoices", id="another stream failed"),
        pytest.param(None, id="nothing else failed", marks=pytest.mark.slow),
    ],
)
def test_a_tap_that_is_killed_in_the_middle_of_a_line(start, refused):
    """As by a machine without memory: what was read is told, and what broke off, and why."""
    with Sandbox(invoices=600) as box:
        if refused:  # and told before the others' rows fill the pipe
            box.faults.add(provider="ibana", times=None, action={"status": 403})
            box.faults.add(provider="matas", action={"delay": 1})
        streams = ["ibana_invoices", "matas_invoices", "matas_invoice_details"]
        process = start(*SOURCE, "read", config=settings(box, "ibana", "matas"), catalog=configured(streams))
        lines = [next(line for line in process.stdout if b'"RECORD"' in line)]
        until_still(box)  # it is in the middle of a write that nobody takes
        (tap,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(tap), signal.SIGKILL)
        lines += process.stdout
        assert (process.wait(20), process.stderr.read()) == (1, b"")
    messages = Messages(lines)
    (broken,) = Messages(lines[:1]).records  # of two providers either may have been first
    assert broken != refused
    assert 0 < messages.records[broken] < 600
    assert messages.counted == messages.records
    assert [messages.statuses(name)[-1] for name in streams] == ["INCOMPLETE"] * 3
    assert messages.errors[-1]["failure_type"] == "system_error"
    assert "SIGKILL before it was done; that often means that memory ran out" in messages.errors[-1]["message"]
    assert [error.get("stream_descriptor") for error in messages.errors[:-1]] == [{"name": refused}] * bool(refused)


def test_a_tap_that_is_killed_while_it_discovers(start, box):
    code = "import os; os.kill(os.getpid(), 9)"
    process = start(sys.executable, "-c", KILLED_TAP, code, "discover", config=settings(box, "matas"))
    out, err = process.communicate(timeout=20)
    (error,) = Messages(out.splitlines()).errors
    assert (process.returncode, err, error["failure_type"]) == (1, b"", "system_error")


def test_a_log_that_nobody_reads_ends_it_quietly(box, start):
    process = start(*SOURCE, "check", config=settings(box, "matas"))
    process.stdout.close()
    assert (process.wait(20), process.stderr.read()) == (141, b"")


# Between the catalogs


def entry(name, key=None):
    return {
        "tap_stream_id": name,
        "key_properties": ["id"],
        "replication_key": key,
        "schema": {"properties": {"at": {"type": ["string"], "format": "date-time"}}},
        "metadata": [{"breadcrumb": [], "metadata": {}}],
    }


def test_stream_without_a_replication_key():
    stream = airbyte_stream(entry("one"))
    assert stream["supported_sync_modes"] == ["full_refresh"]
    assert "default_cursor_field" not in stream


def test_select():
    chosen = select(
        {"streams": [entry("one"), entry("two"), entry("three")]}, {"one": "incremental", "two": "full_refresh"}
    )
    found = [stream["metadata"][0]["metadata"] for stream in chosen["streams"]]
    assert found[:2] == [{"selected": True}, {"selected": True, "forced-replication-method": "FULL_TABLE"}]
    assert found[2] == {"selected": False}


def test_state_of_streams_that_are_read_incrementally():
    told = [
        {"stream": {"stream_descriptor": {"name": name}, "stream_state": state}}
        for name, state in {
            "one": {"a": 1},
            "two": {"b": 1},
            "three": None,
            "four": {"__ab_no_cursor_state_message": True},
        }.items()
    ]
    modes = {"one": "incremental", "two": "full_refresh", "three": "incremental", "four": "incremental"}
    assert singer_state(told, modes) == {"bookmarks": {"one": {"a": 1}}}
    assert singer_state(None, modes) == {"bookmarks": {}}


def test_sync_modes_of_no_catalog():
    with pytest.raises(SourceError, match="catalog"):
        sync_modes([])
