"""The tap as a process: its exit codes, its signals, what a target makes of it, and how it is packed."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tarfile
import threading
import tomllib
import zipfile
from decimal import Decimal

import pytest

from tap_invoices.sandbox import Sandbox
from tap_invoices.streams.schemas import SCHEMAS_DIR
from tests.conftest import NOW
from tests.support.run import COMMAND, PATIENCE, ROOT, STREAMS, UNIFIED, Run, command, environment
from tests.sync.test_every_stream import STREAMS as CONTRACT
from tests.sync.test_every_stream import differences, sent_invoices, wire

TARGET = ROOT / ".venv-target-jsonl" / "bin" / "target-jsonl"
STREAM = "exsited_invoice_details"


def settings(box, *providers):
    return {**box.config(*providers), "documents": {"mode": "inline"}}


def read(stdout):
    """What came out of a tap, each line of it a message."""
    assert stdout.endswith("\n")
    return Run(stdout.removesuffix("\n").split("\n"))


# Exit codes


def test_a_sync_that_is_whole_ends_with_0_and_writes_messages_alone(run_tap, box):
    done = run_tap("--config", box.config())
    types = {message["type"] for message in read(done.stdout).messages}
    assert done.returncode == 0
    assert types == {"SCHEMA", "RECORD", "STATE"}


def test_an_invoice_that_is_gone_is_no_reason_for_another_exit_code(run_tap, box):
    box.faults.add(path="/matas/api/invoice/I2", action={"status": 404})
    done = run_tap("--config", box.config("matas"))
    assert done.returncode == 0
    assert len(read(done.stdout).records["matas_invoice_details"]) == 24


def test_an_invoice_that_cannot_be_had_ends_with_1_and_the_rest_is_there(run_tap, box):
    box.faults.add(path="/matas/api/invoice/I2", action={"status": 400})
    done = run_tap("--config", box.config("matas"))
    run = read(done.stdout)
    assert done.returncode == 1
    assert len(run.records["matas_invoice_details"]) == 24
    assert len(run.bookmark("matas_invoice_details")["failed"]) == 1
    assert "matas_invoice_details" in done.stderr.splitlines()[-1]


def test_discover_writes_a_catalog_alone_and_asks_nobody(run_tap, box):
    done = run_tap("--config", settings(box), "--discover")
    catalog = json.loads(done.stdout)
    assert done.returncode == 0
    assert {entry["tap_stream_id"] for entry in catalog["streams"]} == {*STREAMS, *UNIFIED}
    assert box.requests == []


def test_version(run_tap):
    assert run_tap("--version").stdout.startswith("tap-invoices v")


# Signals


@pytest.fixture
def running(tmp_path):
    """A tap that has begun to write details, of which 40 are not answered before the gate opens."""
    gate = threading.Event()
    with Sandbox(invoices=100) as box:
        box.now = NOW
        box.on_request(lambda _: gate.wait(PATIENCE) if len(box.requests) > 60 else None)
        config = {**settings(box, "exsited"), "max_connections": 1}
        line = command(tmp_path, config, streams=[STREAM])
        with (
            (tmp_path / "log").open("wb") as log,
            subprocess.Popen(line, env=environment(), stdout=subprocess.PIPE, stderr=log, text=True) as process,  # noqa: S603
        ):
            yield process, config, box, gate
            gate.set()
            process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_whole_lines_and_the_state_of_what_was_emitted(running, sync, number, code, tmp_path):
    process, config, box, gate = running
    first_lines = "".join(process.stdout.readline() for _ in range(3))
    process.send_signal(number)
    run = read(first_lines + process.stdout.read())
    got = [record["id"] for record in run.records[STREAM]]
    gate.set()
    assert process.wait(PATIENCE) == code
    assert run.messages[-1]["type"] == "STATE"
    assert 0 < len(got) < 100
    assert "Traceback" not in (tmp_path / "log").read_text()
    after = sync({**config, "max_connections": 8}, run.state, select=[STREAM])
    assert {*got, *(record["id"] for record in after.records[STREAM])} == set(box.book("exsited").invoices)


SIGNAL_WHILE_THE_SDK_IS_IMPORTED = """
import importlib, os, sys
sys.addaudithook(lambda event, given: event == "import" and given[0] == "singer_sdk" and os.kill(os.getpid(), {number}))
importlib.import_module({module!r}).main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["tap-invoices", "source-invoices", "tap-invoices-accounts"])
def test_a_signal_while_a_command_imports_is_a_line(command, number):
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module = scripts[command].removesuffix(":main")
    script = SIGNAL_WHILE_THE_SDK_IS_IMPORTED.format(number=int(number), module=module)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603
    assert done.returncode == 128 + number
    assert done.stderr == f"stopped by {number.name}\n"


def test_a_reader_that_leaves_is_met_quietly(running, tmp_path):
    process, _, _, gate = running
    process.stdout.readline()
    process.stdout.close()
    gate.set()
    assert process.wait(PATIENCE) == 141
    said = (tmp_path / "log").read_text()
    assert not any(word in said for word in ("Traceback", "Error", "ERROR"))


# A target


@pytest.fixture
def load(tmp_path, run_tap):
    """Hand the tap's messages to target-jsonl; returns the state that it gives back."""
    if not TARGET.exists():
        pytest.skip("make test installs target-jsonl into .venv-target-jsonl; it is not there")
    target_config = tmp_path / "target.json"
    target_config.write_text(json.dumps({"destination_path": str(tmp_path / "out"), "do_timestamp_file": False}))

    def run(*arguments):
        messages = run_tap(*arguments)
        assert messages.returncode == 0, messages.stderr
        target = [str(TARGET), "--config", str(target_config)]
        done = subprocess.run(target, input=messages.stdout, capture_output=True, encoding="utf-8", check=True)  # noqa: S603
        return json.loads(done.stdout or "null")

    return run


def test_target_jsonl_holds_every_record_with_its_exact_amounts(load, box, make_catalog, tmp_path):
    config = settings(box)
    state = load("--config", config, "--catalog", make_catalog(config))
    for stream, (keys, _) in CONTRACT.items():
        lines = (tmp_path / "out" / f"{stream}.jsonl").read_text().splitlines()
        records = [json.loads(line, parse_float=Decimal) for line in lines]
        book = box.book(stream.partition("_")[0])
        invoices = sent_invoices(stream, book)
        assert sorted(tuple(record[key] for key in keys) for record in records) == sorted(invoices)
        schema = json.loads((SCHEMAS_DIR / f"{stream}.json").read_text(encoding="utf-8"))
        for record in [] if stream.endswith("_documents") else records:
            sent = wire(stream, book, invoices[tuple(record[key] for key in keys)][0])
            known = {name: value for name, value in sent.items() if name in schema["properties"]}
            got = {name: record[name] for name in known}
            assert differences({**schema, "type": ["object"]}, known, got) == []
    dated = {stream for stream, (_, replication) in CONTRACT.items() if replication}
    assert set(state["bookmarks"]) == {*dated, *UNIFIED}


def test_target_jsonl_holds_each_row_of_accounts_whose_invoices_have_the_same_ids(load, make_catalog, tmp_path):
    names = ["acme", "beta", "gamma"]
    with Sandbox(invoices=50, accounts=names) as box:
        config = box.accounts_config("ibana")
        load("--config", config, "--catalog", make_catalog(config, ["ibana_invoices"]))
        ids = set(box.book("ibana", "acme").invoices)
    rows = [json.loads(line) for line in (tmp_path / "out" / "ibana_invoices.jsonl").read_text().splitlines()]
    assert len(rows) == 150
    assert {(row["source_account"], row["id"]) for row in rows} == {(name, id_) for name in names for id_ in ids}


def test_a_second_load_takes_only_what_is_due(load, box, make_catalog, tmp_path):
    config = settings(box)
    catalog = make_catalog(config)
    state = load("--config", config, "--catalog", catalog)
    load("--config", config, "--catalog", catalog, "--state", state)
    lines = (tmp_path / "out" / f"{STREAM}.jsonl").read_text().splitlines()
    assert 25 < len(lines) < 35


# Packages


def build(folder, kind, source=ROOT):
    run = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder / kind)]
    subprocess.run(run, cwd=source, check=True, capture_output=True)  # noqa: S603
    [built] = (folder / kind).iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel as it is built from an sdist, unpacked."""
    folder = tmp_path_factory.mktemp("packages")
    with tarfile.open(build(folder, "sdist")) as archive:
        archive.extractall(folder / "source", filter="data")
    [source] = (folder / "source").iterdir()
    with zipfile.ZipFile(build(folder, "wheel", source)) as archive:
        archive.extractall(folder / "installed")  # noqa: S202  (we made it)
    return folder / "installed"


def test_the_wheel_carries_the_schemas_and_nothing_that_is_not_the_tap(wheel):
    schemas = {path.stem for path in (wheel / "tap_invoices" / "schemas").iterdir()}
    assert schemas == {*STREAMS, *UNIFIED}
    assert {path.name for path in wheel.iterdir()} - {"tap_invoices"} == {
        path.name for path in wheel.glob("tap_invoices-*.dist-info")
    }
    assert (wheel / "tap_invoices" / "py.typed").exists()


def test_the_wheel_needs_no_server_and_no_terminal_library_unless_asked_for(wheel):
    [metadata] = wheel.glob("*.dist-info/METADATA")
    needs = [line for line in metadata.read_text(encoding="utf-8").splitlines() if line.startswith("Requires-Dist")]
    plain = " ".join(line for line in needs if "extra ==" not in line)
    assert "singer-sdk" in plain
    assert not any(name in plain for name in ("aiohttp", "pypdf", "rich", "s3fs", "gcsfs", "adlfs", "pytest"))


def test_links_of_its_page_on_an_index_lead_to_the_repository_at_its_version(wheel):
    [metadata] = wheel.glob("*.dist-info/METADATA")
    page = metadata.read_text(encoding="utf-8")
    [repository] = re.findall("(?m)^Project-URL: Repository, (.+)$", page)
    [version] = re.findall("(?m)^Version: (.+)$", page)
    assert f"]({repository}/blob/v{version}/docs/settings.md)" in page
    assert not re.findall(r"\]\((?!https?:|#)[^)]*", page)


def test_the_wheel_has_its_commands(wheel):
    [entries] = wheel.glob("*.dist-info/entry_points.txt")
    assert "tap-invoices = tap_invoices.__main__:main" in entries.read_text()
    assert "tap-invoices-sandbox = tap_invoices.sandbox.cli:main" in entries.read_text()


def test_the_wheel_syncs_outside_the_checkout(wheel, box, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(box.config()))
    done = subprocess.run(  # noqa: S603
        [*COMMAND, "--config", str(config)],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(wheel)),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    counts = {stream: len(records) for stream, records in read(done.stdout).records.items()}
    assert {count for stream, count in counts.items() if stream not in UNIFIED and "unpaid" not in stream} == {25}
    assert counts["invoices"] == 125
