"""Many accounts of one provider in one run: each on its own, and none loses a row to another."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import threading
import time
from copy import deepcopy
from random import Random

import pytest
from simpleeval import SimpleEval
from singer_sdk.exceptions import ConfigValidationError

from tap_invoices.http.client import Client
from tap_invoices.http.hosts import Hosts
from tap_invoices.records.verbatim import check_of
from tap_invoices.sandbox import Sandbox
from tap_invoices.streams import maps, schemas
from tap_invoices.sync.output import AccountWriter
from tap_invoices.tap import TapInvoices
from tests.support.run import STREAMS, bookmark_in, catalog_of, own_signals, shuffle_dates, sync, tell_every_state

NAMES = ("acme", "beta", "gamma")
STREAM = "ibana_invoices"


@pytest.fixture
def box():
    with Sandbox(invoices=25, accounts=NAMES) as served:
        yield served


def marks(state, stream=STREAM):
    return state["bookmarks"][stream]["accounts"]


def rows(run, stream=STREAM):
    return {account: len(found) for (name, account), found in run.by_account.items() if name == stream}


# Rows


def test_every_stream_of_every_account_is_whole_under_equal_ids(box):
    config = {**box.accounts_config(), "documents": {"mode": "inline"}}
    run = sync(config, streams=STREAMS)
    assert not run.failures
    for stream in STREAMS:
        [schema] = [m for m in run.messages if m["type"] == "SCHEMA" and m["stream"] == stream]
        key = schema["key_properties"]
        assert key[0] == "source_account"
        own = {account: run.by_account[stream, account] for account in NAMES}
        keys = {account: [tuple(row[name] for name in key[1:]) for row in found] for account, found in own.items()}
        assert keys["acme"]
        assert sorted(keys["acme"]) == sorted(keys["beta"]) == sorted(keys["gamma"])
        assert len(set(keys["acme"])) == len(keys["acme"])


def test_rows_of_a_stream_keep_their_order(box):
    run = sync({**box.accounts_config("ibana"), "ibana": {**box.accounts_config("ibana")["ibana"], "page_size": 5}})
    orders = [[row["id"] for row in run.by_account[STREAM, name]] for name in NAMES]
    assert orders[0] == orders[1] == orders[2]


def test_the_check_of_rows_is_made_once_for_all_accounts(box, monkeypatch):
    """To make it costs more than to sync an account that has nothing new."""
    made = []
    monkeypatch.setattr(schemas, "check_of", lambda schema: made.append(schema) or check_of(schema))
    schemas.verbatim_check.cache_clear()
    run = sync({**box.accounts_config("ibana"), "accounts_at_once": 1}, streams=[STREAM])
    assert rows(run) == dict.fromkeys(NAMES, 25)
    assert len(made) == 1


@pytest.mark.parametrize("text", ['"', "é", "x"])
def test_a_field_of_that_name_from_a_provider_is_an_unknown_one(box, text):
    """Once on the road of rows that go out as they came, and once on the general one."""
    book = box.book("ibana", "acme")
    book.change(next(iter(book.invoices)), source_account=text)
    run = sync(box.accounts_config("ibana"))
    kept = [row["additional_properties"] for row in run.by_account[STREAM, "acme"] if row["additional_properties"]]
    assert {"source_account": text} in [{n: v for n, v in extra.items() if n == "source_account"} for extra in kept]
    assert all(row["source_account"] == "acme" for row in run.by_account[STREAM, "acme"])


def test_a_catalog_from_before_takes_neither_column_nor_key_away(box):
    config = box.accounts_config("ibana")
    before = catalog_of(config, [STREAM])
    [entry] = [entry for entry in before["streams"] if entry["tap_stream_id"] == STREAM]
    del entry["schema"]["properties"]["source_account"]
    entry["key_properties"] = ["id"]
    entry["metadata"] = [part for part in entry["metadata"] if part["breadcrumb"] != ["properties", "source_account"]]
    for part in entry["metadata"]:
        part["metadata"].pop("table-key-properties", None)
    entry["metadata"].append({"breadcrumb": ["properties", "source_account"], "metadata": {"selected": False}})
    run = sync(config, catalog=before)
    [schema] = [m for m in run.messages if m["type"] == "SCHEMA"]
    assert schema["key_properties"] == ["source_account", "id"]
    assert schema["schema"]["properties"]["source_account"]["type"] == ["string"]
    assert rows(run) == dict.fromkeys(NAMES, 25)


def test_documents_of_equal_names_are_files_of_their_own(box, tmp_path):
    config = {**box.accounts_config("i3dnet"), "documents": {"mode": "files", "url": str(tmp_path)}}
    run = sync(config, streams=["i3dnet_invoice_documents"])
    assert not run.failures
    for name in NAMES:
        stored = {file.name for file in (tmp_path / "i3dnet_invoice_documents" / name).iterdir()}
        assert stored == {row["file_name"] for row in run.by_account["i3dnet_invoice_documents", name]}
        assert len(stored) == 25


@pytest.mark.parametrize(("one", "times"), [({"copied": "id"}, len(NAMES)), (None, 0)], ids=["fields", "left out"])
def test_each_account_has_maps_of_its_own_only_where_it_must(box, monkeypatch, one, times):
    """And then no copy of the settings of all others."""
    made, mapper = [], maps.PluginMapper
    monkeypatch.setattr(maps, "PluginMapper", lambda config, logger: made.append(config) or mapper(config, logger))
    config = {**box.accounts_config("ibana"), "stream_maps": {STREAM: one}}
    run = sync(config, streams=[STREAM, "invoices"])
    assert rows(run) == (dict.fromkeys(NAMES, 25) if one else {})
    assert rows(run, "invoices") == dict.fromkeys(NAMES, 25)
    assert [list(given) for given in made] == [["stream_maps"]] * times


def test_a_map_of_the_users_never_sees_another_accounts_values(box, monkeypatch):
    """The SDK's map holds the record that it works on; here others have their turn then."""
    evaluate = SimpleEval.eval

    def after_a_moment(*args, **kwargs):
        time.sleep(0.001)
        return evaluate(*args, **kwargs)

    monkeypatch.setattr(SimpleEval, "eval", after_a_moment)
    maps = {STREAM: {"whose": "source_account", "which": "source_account + '-' + id"}}
    run = sync({**box.accounts_config("ibana"), "stream_maps": maps}, streams=[STREAM])
    assert rows(run) == dict.fromkeys(NAMES, 25)
    for (_, account), found in run.by_account.items():
        assert {row["whose"] for row in found} == {account}
        assert all(row["which"] == f"{account}-{row['id']}" for row in found)


# State


def test_a_second_sync_goes_on_for_each_account_and_a_new_one_gets_all(box):
    two = box.accounts_config("ibana", names=NAMES[:2])
    first = sync(two)
    assert set(marks(first.state)) == set(NAMES[:2])
    second = sync(box.accounts_config("ibana"), first.state)
    assert rows(second)["gamma"] == 25
    assert rows(second)["acme"] == rows(second)["beta"] < 25
    assert set(marks(second.state)) == set(NAMES)


def test_accounts_that_are_not_in_the_run_keep_their_bookmarks(box, caplog):
    first = sync(box.accounts_config("ibana"))
    again = sync({**box.accounts_config("ibana"), "only_accounts": ["beta"]}, first.state)
    assert set(rows(again)) == {"beta"}
    assert marks(again.state) | {"beta": None} == marks(first.state) | {"beta": None}
    with caplog.at_level(logging.INFO):
        alone = sync(box.accounts_config("ibana", names=["gamma"]), first.state)
    assert set(marks(alone.state)) == set(NAMES)
    assert [line for line in caplog.messages if "passes on" in line] == [
        "The state passes on bookmarks of 2 accounts that the settings do not name"
    ]


def test_the_only_account_goes_on_when_it_becomes_one_of_many(box):
    config = box.accounts_config("ibana")
    [acme] = [account for account in config["ibana"]["accounts"] if account["name"] == "acme"]
    only = {n: v for n, v in acme.items() if n != "name"} | {"account": "acme", "api_url": config["ibana"]["api_url"]}
    first = sync({"ibana": only})
    assert rows(first) == {"acme": 25}
    many = sync(config, first.state)
    assert rows(many)["acme"] < rows(many)["beta"] == 25


def test_a_bookmark_of_before_accounts_is_refused_by_name(box):
    state = {"bookmarks": {STREAM: {"replication_key": "updatedAt", "replication_key_value": "2026-01-01T00:00:00Z"}}}
    with pytest.raises(ConfigValidationError) as refused:
        TapInvoices(config=box.config("ibana"), state=state)
    [line] = refused.value.errors
    assert STREAM in line


def test_removal_of_rows_is_refused_where_the_state_holds_another_account(box):
    state = {"bookmarks": {STREAM: {"version": 2, "accounts": {"default": {}, "acme": {}}}}}
    config = {**box.config("ibana"), "emit_activate_version_messages": True}
    with pytest.raises(ConfigValidationError) as refused:
        TapInvoices(config=config, state=state)
    [line] = refused.value.errors
    assert line.startswith("`emit_activate_version_messages`")
    assert f"`{STREAM}` holds `acme`" in line
    assert not box.requests
    del state["bookmarks"][STREAM]["accounts"]["acme"]
    state["bookmarks"]["i3dnet_invoices"] = {"version": 2, "accounts": {"acme": {}}}  # which is not read
    TapInvoices(config=config, state=state)


def test_no_state_is_ahead_of_any_accounts_rows(box, monkeypatch):
    tell_every_state(monkeypatch)
    stream = "i3dnet_invoice_details"  # whose bookmark moves on the way
    run = sync(box.accounts_config("i3dnet"), streams=[stream])
    seen, states = {}, 0
    for message in run.messages:
        if message["type"] == "RECORD":
            row = message["record"]
            seen[row["source_account"]] = max(seen.get(row["source_account"], ""), row["changed_on"])
        elif message["type"] == "STATE":
            states += 1
            for account in NAMES:
                told = bookmark_in(message["value"], stream, account).get("replication_key_value", "")
                assert told[:19] <= seen.get(account, "")[:19]
    assert states >= len(NAMES)  # one at least for each, whose rows may have gone out together
    assert run.messages[-1]["type"] == "STATE"


def test_every_state_of_several_accounts_is_one_to_go_on_from(monkeypatch):
    """Each comes with rows that are handed over in one step with the bookmarks that they bear out."""
    dice, streams = Random(7), ["i3dnet_invoices", "i3dnet_invoice_details"]
    tell_every_state(monkeypatch)
    monkeypatch.setattr(AccountWriter, "is_state_due", lambda _: False)
    with Sandbox(invoices=6, accounts=NAMES) as box:
        for name in NAMES:
            shuffle_dates(box.book("i3dnet", name), "i3dnet", dice)
        config = box.accounts_config("i3dnet")
        whole = sync(config, streams=streams)
        states = [at for at, message in enumerate(whole.messages) if message["type"] == "STATE"]
        for at in states:
            rest = sync(config, whole.messages[at]["value"], streams=streams)
            assert keys_of(whole.messages[:at]) | keys_of(rest.messages) == keys_of(whole.messages)
    assert len(states) >= len(NAMES)


def keys_of(messages):
    rows = [(message["stream"], message["record"]) for message in messages if message["type"] == "RECORD"]
    return {(stream, row["source_account"], row["id"]) for stream, row in rows}


def test_a_state_is_told_seldom_and_at_the_end(box):
    run = sync(box.accounts_config("ibana"))
    assert [message["type"] for message in run.messages].count("STATE") == 1
    assert run.messages[-1]["type"] == "STATE"


# Faults of one


@pytest.mark.parametrize(("status", "reason"), [(401, "401"), (403, "403")])
def test_an_account_that_is_refused_ends_alone(box, status, reason):
    box.faults.add(provider="ibana", account="beta", times=None, action={"status": status})
    config = box.accounts_config("ibana")
    run = sync(config)
    assert list(run.tap.report.failures) == ["ibana/beta"]
    assert reason in run.tap.report.failures["ibana/beta"][STREAM]
    assert rows(run) == {"acme": 25, "gamma": 25}
    assert set(marks(run.state)) == {"acme", "gamma"}


@pytest.mark.parametrize(
    ("form", "place"),
    [("list", "`ibana.accounts` (beta)"), ("file", "`ibana.accounts_url` (beta)"), ("shared", "`ibana` (beta)")],
)
def test_an_account_that_is_refused_is_told_where_its_credentials_stand(box, tmp_path, form, place):
    box.faults.add(provider="ibana", account="beta", times=None, action={"status": 401})
    config = box.accounts_config("ibana")
    accounts = config["ibana"]["accounts"]
    if form == "file":
        config["ibana"] = {"api_url": config["ibana"]["api_url"], "accounts_url": str(tmp_path / "accounts.jsonl")}
        (tmp_path / "accounts.jsonl").write_text("\n".join(map(json.dumps, accounts)))
    elif form == "shared":
        for account in accounts:
            (tmp_path / account["name"]).write_text(account.pop("token"))
        config["ibana"]["token_file"] = f"{tmp_path}/{{name}}"
    run = sync(config)
    assert f"does not accept the credentials in {place}" in run.tap.report.failures["ibana/beta"][STREAM]


def test_accounts_that_fail_for_one_reason_are_told_together(box, caplog):
    box.faults.add(provider="ibana", times=None, action={"status": 401})
    with caplog.at_level(logging.INFO), own_signals():
        assert not _run({**box.accounts_config("ibana"), "accounts_at_once": 1})
    told = caplog.messages[-1]
    assert "ibana/acme, ibana/beta, ibana/gamma: 401" in told
    assert told.endswith("does not accept the credentials in `ibana.accounts`")


@pytest.mark.parametrize("text", ["A=1\n".encode("utf-16"), None])
def test_an_env_file_that_cannot_be_read_is_the_failure_of_those_that_may_need_it(box, tmp_path, monkeypatch, text):
    path = tmp_path / ".env"
    path.write_bytes(text) if text else path.mkdir()
    monkeypatch.chdir(tmp_path)
    config = box.accounts_config("ibana")
    for number, account in enumerate(config["ibana"]["accounts"]):
        monkeypatch.setenv(f"TOKEN_{number}", account.pop("token"))
        account["token_env"] = f"TOKEN_{number}" if number else "TOKEN_OF_NOBODY"
    run = sync(config, streams=[STREAM])
    assert list(run.tap.report.failures) == ["ibana/acme"]
    assert ("not UTF-8" in run.failures[STREAM]) is bool(text)
    assert rows(run) == {"beta": 25, "gamma": 25}


@pytest.mark.parametrize("given", ["token_file", "token_env", "empty"])
def test_a_secret_that_lacks_is_its_accounts_failure(box, tmp_path, given):
    config = box.accounts_config("ibana")
    beta = config["ibana"]["accounts"][1]
    token = beta.pop("token")
    beta |= {"token_file": {"token_file": str(tmp_path / "none")}, "token_env": {"token_env": "NOBODY_SETS_IT"}}.get(
        given, {"token": ""}
    )
    run = sync(config)
    assert list(run.tap.report.failures) == ["ibana/beta"]
    assert token not in str(run.tap.report.failures)
    assert rows(run) == {"acme": 25, "gamma": 25}


def test_the_bookmark_of_a_failed_account_stays(box):
    config = box.accounts_config("ibana")
    first = sync(config)
    box.book("ibana", "beta").add()
    box.faults.add(provider="ibana", account="beta", times=None, action={"status": 403})
    again = sync(config, first.state)
    assert marks(again.state)["beta"] == marks(first.state)["beta"]


def test_two_accounts_that_turn_out_to_be_one_are_told(box, tmp_path):
    """Their references differ, and lead to one secret."""
    config = box.accounts_config("ibana")
    acme, beta, _ = config["ibana"]["accounts"]
    token = acme.pop("token")
    beta.pop("token")
    for account in (acme, beta):
        path = tmp_path / account["name"]
        path.write_text(token)
        account["token_file"] = str(path)
    run = sync({**config, "accounts_at_once": 1})
    assert list(run.tap.report.failures) == ["ibana/beta"]
    assert rows(run) == {"acme": 25, "gamma": 25}


# Side by side


def test_so_many_are_read_at_the_same_time(box):
    """The third is asked when one of the first two, which take a second, is done."""
    for name in NAMES[:2]:
        box.faults.add(provider="ibana", account=name, action={"delay": 1})
    run = sync({**box.accounts_config("ibana"), "accounts_at_once": 2})
    assert not run.failures
    first = {}
    for request in box.requests:
        first.setdefault(request.account, request.time)
    assert list(first)[2] == "gamma"
    assert abs(first["acme"] - first["beta"]) < 1 <= first["gamma"] - first["acme"]


def test_one_at_a_time_comes_in_the_order_of_the_settings(box):
    run = sync({**box.accounts_config("ibana"), "accounts_at_once": 1})
    order = [m["record"]["source_account"] for m in run.messages if m["type"] == "RECORD"]
    assert list(dict.fromkeys(order)) == list(NAMES)


def test_an_account_that_waits_gives_its_place_to_others(box):
    """It is told to come back after the others are done."""
    box.faults.add(provider="ibana", account="acme", action={"retry_after": 2})
    run = sync({**box.accounts_config("ibana"), "accounts_at_once": 1})
    assert not run.failures
    order = [m["record"]["source_account"] for m in run.messages if m["type"] == "RECORD"]
    assert next(iter(dict.fromkeys(order))) == "beta"
    assert rows(run) == dict.fromkeys(NAMES, 25)


def test_a_host_that_answers_nobody_is_not_waited_for_by_every_account():
    """Three find out, each in a second, and five ask once more; that holds for the rest, but two began meanwhile."""
    names = [f"account-{number}" for number in range(20)]
    with Sandbox(invoices=25, accounts=names) as box:
        box.faults.add(provider="ibana", times=None, action={"status": 503})
        run = sync({**box.accounts_config("ibana"), "max_retry_seconds": 1, "accounts_at_once": 3})
    assert len(run.tap.report.failures) == 20
    asked = {request.account for request in box.requests}
    assert 8 <= len(asked) <= 10
    assert all("503" in reason for each in run.tap.report.failures.values() for reason in each.values())


def test_a_host_that_answered_nobody_is_asked_once_more():
    """Those whose turn comes first are down, and all others are well."""
    names = [f"account-{number}" for number in range(10)]
    with Sandbox(invoices=25, accounts=names) as box:
        for name in names[:3]:
            box.faults.add(provider="ibana", account=name, times=None, action={"status": 503})
        run = sync({**box.accounts_config("ibana"), "max_retry_seconds": 1, "accounts_at_once": 3})
    assert sorted(run.tap.report.failures) == [f"ibana/{name}" for name in names[:3]]
    assert rows(run) == dict.fromkeys(names[3:], 25)


def test_accounts_that_hang_do_not_hide_those_behind_them():
    """More of them than there are places, and they come first."""
    names = [f"account-{number}" for number in range(12)]
    with Sandbox(invoices=25, accounts=names) as box:
        for name in names[:7]:
            box.faults.add(provider="ibana", account=name, times=None, action={"delay": 60})
        config = {**box.accounts_config("ibana"), "max_retry_seconds": 2, "request_timeout": 1}
        run = sync({**config, "accounts_at_once": 3})
    assert sorted(run.tap.report.failures) == [f"ibana/{name}" for name in names[:7]]
    assert rows(run) == dict.fromkeys(names[7:], 25)


def test_accounts_that_are_down_say_nothing_of_a_host_that_answers_others():
    """The fourth is answered while the first three are tried again; when these end, three come that are down too."""
    names = [f"account-{number}" for number in range(10)]
    down = [*names[:3], *names[5:8]]
    with Sandbox(invoices=25, accounts=names) as box:
        for name in down:
            box.faults.add(provider="ibana", account=name, times=None, action={"status": 503})
        for name, seconds in ((names[3], 0.3), (names[4], 3)):
            box.faults.add(provider="ibana", account=name, action={"delay": seconds})
        run = sync({**box.accounts_config("ibana"), "max_retry_seconds": 1, "accounts_at_once": 4})
    assert sorted(run.tap.report.failures) == [f"ibana/{name}" for name in down]


def test_a_sign_in_at_a_doubtful_host_does_not_wait_for_itself():
    """Exsited's sign-in is at the host of its lists, and an account holds the turn there while it signs in."""
    hosts = Hosts()
    for _ in range(3):
        hosts.lost("host", "down", time.monotonic())
    entered = []

    def sign_in_on_the_way():
        with hosts.trial("host") as outer, hosts.trial("host") as inner:
            entered.append((outer, inner))

    thread = threading.Thread(target=sign_in_on_the_way, daemon=True)
    thread.start()
    thread.join(5)
    assert entered == [(False, False)]


def test_a_sign_in_on_the_way_waits_for_nobody_s_turn(box, monkeypatch):
    """Who has the turn may wait for the very token that the sign-in brings."""
    signed_in, waits = Client.fetch_token, []

    def late(client, request):
        """Sign in while the host has become doubtful, and another asks it just now."""
        host, taken, done = request.url.split("/")[2], threading.Event(), threading.Event()
        for _ in range(3):
            client._hosts.lost(host, "down", time.monotonic())

        def hold():
            with client._hosts.trial(host):
                taken.set()
                waits.append(done.wait(5))

        threading.Thread(target=hold, daemon=True).start()
        assert taken.wait(5)
        try:
            return signed_in(client, request)
        finally:
            done.set()

    monkeypatch.setattr(Client, "fetch_token", late)
    run = sync(box.accounts_config("exsited", names=["acme"]), streams=["exsited_invoices"])
    assert not run.failures
    assert waits == [True]


def test_a_host_that_comes_back_is_asked_again(monkeypatch):
    monkeypatch.setattr("tap_invoices.http.hosts._VALID", 0)
    names = [f"account-{number}" for number in range(10)]
    with Sandbox(invoices=25, accounts=names) as box:
        for name in names[:4]:
            box.faults.add(provider="ibana", account=name, times=None, action={"status": 503})
        run = sync({**box.accounts_config("ibana"), "max_retry_seconds": 1})
    assert sorted(run.tap.report.failures) == [f"ibana/{name}" for name in names[:4]]
    assert rows(run) == dict.fromkeys(names[4:], 25)


# What is told


def test_the_log_names_who_is_not_whole_once(box, caplog):
    box.faults.add(provider="ibana", account="beta", times=None, action={"status": 403})
    with caplog.at_level(logging.INFO), own_signals():
        assert not _run(box.accounts_config("ibana"))
    told = [record.getMessage() for record in caplog.records if "ibana/beta" in record.getMessage()]
    assert len(told) == 2, "when it ends, and in the summary"
    assert re.fullmatch(r"2 of 3 accounts are whole; the bookmarks .* stay: ibana/beta: 403 .*", told[-1])


def test_an_account_that_lacks_items_says_why(box, caplog):
    box.faults.add(provider="matas", account="beta", path="/invoice/", times=1, action={"status": 403})
    with caplog.at_level(logging.INFO), own_signals():
        assert not _run(box.accounts_config("matas"))
    told = [record.getMessage() for record in caplog.records if "matas/beta" in record.getMessage()]
    assert [("1 item could not be had (403 for GET /invoice/" in line) for line in told] == [True, True]


def test_that_all_of_an_account_s_items_seem_gone_is_told(box, caplog):
    box.faults.add(provider="matas", account="beta", path="/invoice/", times=None, action={"status": 404})
    with caplog.at_level(logging.INFO), own_signals():
        assert _run(box.accounts_config("matas"))
    told = {record.getMessage(): record.levelno for record in caplog.records}
    what = "matas_invoice_details: 20 items in a row seem gone; the next sync asks for them again (1 accounts)"
    assert told[what] == logging.WARNING


def test_a_setting_that_all_accounts_lack_is_asked_for_once(box, caplog):
    config = box.accounts_config("ibana")
    del config["ibana"]["amounts_in"]
    with caplog.at_level(logging.INFO), own_signals():
        assert _run(config)
        told = [record for record in caplog.records if "`ibana.amounts_in`" in record.getMessage()]
        assert [record.levelname for record in told] == ["WARNING"]
        caplog.clear()
        TapInvoices(config=deepcopy(config)).check()
    [told] = [record.getMessage() for record in caplog.records if "`ibana.amounts_in`" in record.getMessage()]
    assert "(units), or" in told


def test_the_log_does_not_grow_with_the_accounts(box, caplog):
    with caplog.at_level(logging.INFO), own_signals():
        assert _run(box.accounts_config())
    told = [record.getMessage() for record in caplog.records if record.name.startswith("tap-invoices")]
    assert not [
        line
        for line in told
        if not ("documents" in line or line.endswith(" (3 accounts)"))
        and any(stream in line for stream in ("ibana_invoices", "covage_invoices"))
    ]
    assert told[-1] == "15 of 15 accounts are whole"


def test_what_accounts_have_in_common_is_told_once_with_its_counts(box, caplog):
    """No unit of amounts is set for any; two send a field that the schema does not know."""
    for name in NAMES[:2]:
        book = box.book("ibana", name)
        for key in list(book.invoices)[:2]:
            book.change(key, colour="red")
    config = box.accounts_config("ibana")
    del config["ibana"]["amounts_in"]
    with caplog.at_level(logging.INFO), own_signals():
        assert _run(config)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [line for line in told if "colour" in line] == [
        "ibana_invoices: 4 records with an unknown field `colour`; it is kept in additional_properties (2 accounts)"
    ]
    [line] = [line for line in told if "amounts_in" in line]
    assert line.startswith("invoices (ibana): 75 rows without amounts, ")
    assert line.endswith(" set `ibana.amounts_in` to units or cents (3 accounts)")


def test_what_is_not_as_it_should_be_is_told_with_several_accounts_too(box, caplog):
    """Some of the sandbox's PDFs have the XML of another invoice."""
    box.faults.add(provider="ibana", account="beta", path="/v1/invoice$", times=None, action={"total": 1})
    config = {**box.accounts_config("covage", "ibana"), "documents": {"read_xml": True}, "on_short": "warn"}
    with caplog.at_level(logging.INFO), own_signals():
        assert _run(config)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert sorted(line for line in told if "shorter" in line) == [
        f"{stream}: 1 lists that stayed shorter than their provider says (1 accounts)"
        for stream in ("ibana_invoices", "invoice_lines (ibana)", "invoices (ibana)")
    ]
    [line] = [line for line in told if "another invoice" in line]
    assert re.fullmatch(r"invoices \(covage\): \d+ PDFs with .*, which is not used \(3 accounts\)", line)


def test_bookmarks_of_the_future_are_told_with_several_accounts_too(box, caplog):
    config = {**box.accounts_config("ibana"), "stream_maps": {"invoices": None, "invoice_lines": None}}
    state = sync(config, streams=[STREAM]).state
    for name in NAMES[:2]:
        marks(state)[name]["replication_key_value"] = "2099-01-01T00:00:00Z"
    with caplog.at_level(logging.INFO), own_signals():
        assert _run(config, state)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == [f"{STREAM}: 2 bookmarks of the future in the state; this sync's start is taken (2 accounts)"]


def _run(config, state=None):
    with contextlib.redirect_stdout(io.StringIO()):
        return TapInvoices(config=deepcopy(config), state=state).run()


def test_the_ledger_says_whose_counts_they_are(box, tmp_path):
    url = tmp_path / "ledger.jsonl"
    sync({**box.accounts_config("ibana"), "ledger_url": str(url)}, streams=[STREAM])
    entries = [json.loads(line) for line in url.read_text().splitlines()]
    assert sorted((entry["provider"], entry["account"]) for entry in entries) == [("ibana", name) for name in NAMES]
    assert {entry["emitted"] for entry in entries} == {25}
