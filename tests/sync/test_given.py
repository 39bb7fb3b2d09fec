"""What a sync is given, a catalog and a state: what they say is heeded or refused by name, and never passed over."""

from __future__ import annotations

import json

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_invoices.config.state import read_state
from tap_invoices.streams.schemas import SCHEMAS_DIR
from tests.support.run import STREAMS, UNIFIED, catalog_of, settings
from tests.sync.test_every_stream import STREAMS as KEYS

LIST, DETAILS = "matas_invoices", "matas_invoice_details"


@pytest.fixture
def refused(box, sync):
    """Run a sync that is refused before any request; returns what is said."""

    def run(*arguments, **more):
        box.clear()
        with pytest.raises(ConfigValidationError) as caught:
            sync(*arguments, **more)
        assert not box.requests
        return "\n".join(caught.value.errors)

    return run


def entry_of(catalog, stream):
    return next(entry for entry in catalog["streams"] if entry["tap_stream_id"] == stream)


def root_of(entry):
    return next(part["metadata"] for part in entry["metadata"] if not part["breadcrumb"])


# Catalog


def as_of_old(entry):
    """An entry as an earlier version had it: another key, a field that went, others not known yet, other types."""
    entry["key_properties"] = ["old_key"]
    entry["replication_key"] = "old_date"
    root_of(entry).update({"table-key-properties": ["old_key"], "replication-key": "old_date"})
    known = list(entry["schema"]["properties"])[:3]
    entry["schema"] = {"type": "object", "properties": {name: {"type": ["string", "null"]} for name in known}}
    entry["schema"]["properties"]["old_key"] = {"type": ["string"]}
    entry["metadata"] = [
        part for part in entry["metadata"] if not part["breadcrumb"] or part["breadcrumb"][-1] in known
    ]
    entry["metadata"].append({"breadcrumb": ["properties", "old_key"], "metadata": {"inclusion": "automatic"}})


def without_keys(entry):
    entry["key_properties"] = []
    root_of(entry).pop("table-key-properties")


def without_schema(entry):
    del entry["schema"], entry["key_properties"]
    entry["metadata"] = [{"breadcrumb": [], "metadata": {"selected": True}}]


@pytest.mark.parametrize("age", [as_of_old, without_keys, without_schema])
def test_names_types_and_keys_are_the_tap_s_whatever_the_catalog_says(box, sync, age):
    config = settings(box)
    catalog = catalog_of(config)
    for entry in catalog["streams"]:
        age(entry)
    run = sync(config, catalog=catalog)
    schemas = {message["stream"]: message for message in run.messages if message["type"] == "SCHEMA"}
    assert set(schemas) == {*STREAMS, *UNIFIED}
    for stream in STREAMS:
        message = schemas[stream]
        file = json.loads((SCHEMAS_DIR / f"{stream}.json").read_text(encoding="utf-8"))
        assert {n: p for n, p in message["schema"]["properties"].items() if n != "source_account"} == file["properties"]
        assert message["key_properties"] == ["source_account", *KEYS[stream][0]]
        assert run.records[stream]
        assert all(record.keys() <= file["properties"].keys() for record in run.records[stream])


def test_a_catalog_that_lists_one_stream_alone_is_enough(box, sync):
    config = settings(box, "exsited")
    catalog = catalog_of(config)
    catalog["streams"] = [entry_of(catalog, "exsited_invoice_details")]
    run = sync(config, catalog=catalog)
    assert not run.failures
    assert set(run.records) == {"exsited_invoice_details"}
    assert len(run.records["exsited_invoice_details"]) == 25


def test_an_old_catalog_still_deselects_and_forces_full_tables(box, sync):
    config = settings(box, "matas")
    catalog = catalog_of(config, {LIST})
    entry = entry_of(catalog, LIST)
    as_of_old(entry)
    entry["replication_method"] = "FULL_TABLE"
    entry["metadata"].append({"breadcrumb": ["properties", "description"], "metadata": {"selected": False}})
    run = sync(config, state=sync(config, select=[LIST]).state, catalog=catalog)
    assert len(run.records[LIST]) == 25
    assert not any("description" in record for record in run.records[LIST])


@pytest.mark.parametrize("wrong", [{}, {"streams": 5}, {"streams": [{"stream": LIST}]}, {"streams": ["x"]}])
def test_what_is_no_catalog_is_refused(refused, box, wrong):
    assert "the catalog is not one" in refused(box.config("matas"), catalog=wrong)


def test_a_replication_method_that_is_none_is_refused_by_name(refused, box):
    config = box.config("matas")
    said = refused(config, catalog=catalog_of(config, {LIST}, replication_method="LOG_BASED"))
    assert LIST in said
    assert "FULL_TABLE" in said


@pytest.mark.parametrize(("name", "advice"), [("matas_invoice", "`matas_invoices`"), ("orders", "--discover")])
def test_a_selected_stream_that_the_tap_does_not_know_is_refused(refused, sync, box, name, advice):
    config = box.config("matas")
    catalog = catalog_of(config, {LIST})
    entry_of(catalog, LIST)["tap_stream_id"] = name
    said = refused(config, catalog=catalog)
    assert f"`{name}`" in said
    assert advice in said
    root_of(entry_of(catalog, name))["selected"] = False
    assert not sync(config, catalog=catalog).failures


def test_a_selected_stream_of_a_provider_whose_secret_came_empty_is_refused(run_tap, box):
    config = box.config("matas", "ibana")
    catalog = catalog_of(config)
    config["matas"]["token"] = ""
    done = run_tap("--config", config, "--catalog", catalog)
    [error] = [line for line in done.stderr.splitlines() if "`matas.token`" in line]
    assert done.returncode == 1
    assert LIST in error
    assert not box.requests


@pytest.mark.parametrize("nothing", [{}, {"matas": {}}, {"matas": {"token": None}}])
def test_a_selected_stream_of_a_provider_without_settings_is_a_warning(sync, box, caplog, nothing):
    config = box.config("matas", "ibana")
    catalog = catalog_of(config)
    del config["matas"]
    run = sync({**config, **nothing}, catalog=catalog)
    assert not run.failures
    assert set(run.records) == {"ibana_invoices", *UNIFIED}
    assert {row["provider"] for name in UNIFIED for row in run.records[name]} == {"ibana"}
    assert f"selects {LIST}, {DETAILS}" in caplog.text


def test_a_catalog_that_selects_nothing_is_told(sync, box, caplog):
    config = box.config("matas")
    sync(config, catalog=catalog_of(config, {LIST}))
    assert "selects no stream" not in caplog.text
    assert not sync(config, catalog=catalog_of(config, ())).failures
    assert "selects no stream" in caplog.text


# State


@pytest.fixture
def state(box, sync):
    """The state after a first sync of Covage and Matas."""
    return sync(settings(box, "covage", "matas"), select="*").state


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"type": "STATE", "value": state},
        lambda state: {"value": state},
        lambda state: {"singer_state": state},
        lambda state: {"type": "STATE", "value": {"singer_state": state}},
    ],
    ids=["message", "value", "meltano", "both"],
)
def test_a_state_is_taken_out_of_its_wrappings(box, sync, state, wrap):
    config = settings(box, "covage", "matas")
    bare, wrapped = (sync(config, given, select=STREAMS) for given in (state, wrap(state)))
    assert wrapped.records == bare.records
    assert len(wrapped.records[DETAILS]) < 25


@pytest.mark.parametrize("nothing", [{}, {"singer_state": {}}, {"type": "STATE", "value": None}])
def test_an_empty_state_is_none(sync, box, nothing):
    assert len(sync(box.config("ibana"), nothing).records["ibana_invoices"]) == 25


@pytest.mark.parametrize("nothing", [b"\n", b"\xef\xbb\xbf\r\n"])
def test_an_empty_state_file_is_none(run_tap, box, tmp_path, nothing):
    (tmp_path / "state.json").write_bytes(nothing)
    done = run_tap("--config", box.config("ibana"), "--state", str(tmp_path / "state.json"))
    assert done.returncode == 0
    assert done.stdout.count('"RECORD","stream":"ibana_invoices"') == 25


@pytest.mark.parametrize(
    "wrong",
    [
        {"completed": {}},
        {"bookmarks": None},
        {"bookmarks": {LIST: None}},
        {"matas_invoices": {"replication_key_value": "2026-01-01"}},
        {"value": [1]},
        {"type": "RECORD", "record": {}},
    ],
)
def test_an_object_that_is_no_state_is_refused(refused, box, wrong):
    assert "the state is not one" in refused(box.config("matas"), wrong)


ODD_TIMES = (5, 1.5, True, [1], {"a": 1}, "", "31-01-2026", "2026-13-01", "yesterday")


@pytest.mark.parametrize(
    ("stream", "odd"),
    [
        *((stream, {"replication_key_value": value}) for stream in (DETAILS, "covage_invoices") for value in ODD_TIMES),
        *((DETAILS, {"failed": {"I1": value}}) for value in ODD_TIMES),
        *(
            (stream, {"before": value})
            for stream in ("covage_invoices", DETAILS)
            for value in (
                [1],
                "x",
                {"until": "2026-08-02"},
                {"count": 5},
                {"until": 5, "count": 5},
                {"until": "2026-08-02", "count": "58", "ids": 58},
                {"until": "2026-13-77", "count": 1, "ids": "1"},
                {"until": "2026-08-02", "count": 5, "ids": "5", "since": 5},
                {"until": "2026-08-02", "count": 5, "ids": "5", "since": "2025-13-01"},
            )
        ),
        (DETAILS, {"failed": ["I1"]}),
        (DETAILS, {"shape": 3}),
        (DETAILS, {"replication_key": "another"}),
        (DETAILS, {"partitions": [{"context": {"id": 1}}]}),
        (DETAILS, {"version": "one"}),
    ],
    ids=str,
)
def test_a_bookmark_of_another_form_is_refused_by_name(box, refused, stream, odd):
    before = {"until": "2026-08-01", "count": 5, "ids": "5"}
    mark = {"replication_key_value": "2026-08-02", "version": 1, "before": before}
    said = refused(settings(box, "covage", "matas"), {"bookmarks": {stream: {**mark, **odd}}})
    assert stream in said or odd.keys() <= {"failed", "shape"}


def test_bookmarks_of_streams_that_the_tap_does_not_know_are_kept(box, sync):
    other = {"gone_stream": {"replication_key_value": 5, "partitions": [{"context": {}}]}}
    assert read_state({"bookmarks": other}, ()) == {"bookmarks": other}
    run = sync(box.config("ibana"), {"bookmarks": other}, select=["ibana_invoices"])
    assert run.state["bookmarks"]["gone_stream"] == other["gone_stream"]


@pytest.mark.parametrize(
    ("stream", "later"),
    [
        (DETAILS, "2099-01-01T00:00:00.000000Z"),
        ("exsited_invoices", "9999-12-31T23:59:59Z"),
        ("covage_invoices", "2099-01-01"),
    ],
)
def test_a_bookmark_of_the_future_is_clamped_with_a_warning(box, sync, caplog, stream, later):
    config = settings(box, stream.partition("_")[0], lookback_days=36500)
    given = sync(config, select=[stream]).state
    given["bookmarks"][stream]["accounts"]["default"]["replication_key_value"] = later
    run = sync(config, given, select=[stream])
    assert f"{stream}: 1 bookmarks of the future in the state" in caplog.text
    assert len(run.records[stream]) == 25
    value = run.bookmark(stream)["replication_key_value"]
    assert value < later
    assert ("T" in value) == ("T" in later)
    caplog.clear()
    sync(config, given | {"bookmarks": {}}, select=[stream])
    assert "of the future" not in caplog.text
