"""Accounts: which the settings name, what each goes by, which run, and what is refused before any request."""

# ruff: noqa: S106  (no password here is one)

from __future__ import annotations

import csv
import json
import zlib
from copy import deepcopy

import pytest

from tap_invoices.config import values
from tap_invoices.config.accounts import expand
from tap_invoices.config.environment import Variables
from tap_invoices.config.validation import check, doubts
from tap_invoices.errors import LocalError
from tap_invoices.providers import PROVIDERS
from tap_invoices.tap import TapInvoices

SCHEMA = TapInvoices.config_jsonschema
TapInvoices.append_builtin_config(SCHEMA)
API = "https://api.example.com"


def ibana(*accounts, **shared):
    return {"ibana": {"api_url": API, "accounts": list(accounts), **shared}}


def faults(config):
    return check(SCHEMA, values.tidy(SCHEMA, config), PROVIDERS)[0]


def accounts(config):
    given = values.tidy(SCHEMA, deepcopy(config))
    lines, entries = check(SCHEMA, given, PROVIDERS)
    assert lines == []
    return expand(given, entries, Variables())


def account(config):
    [only] = accounts(config)
    return only


ACME = {"name": "acme", "token": "acme-token"}
BETA = {"name": "beta", "token": "beta-token"}


# What an account goes by


def test_without_accounts_the_provider_s_object_is_one():
    given = {"ibana": {"api_url": API, "token": "t0ken"}}
    only = account(given)
    assert (only.provider, only.name, str(only)) == ("ibana", "default", "ibana/default")
    assert "token" not in only.config
    assert only.settings() == {**only.config, "token": "t0ken"}
    given["ibana"]["account"] = "acme"
    assert account(given).name == "acme"


def test_with_accounts_the_provider_s_object_is_their_default_and_none_itself():
    config = ibana(ACME, {**BETA, "page_size": 5, "start_date": "2024-01-01", "api_url": f"{API}/b"}, page_size=50)
    acme, beta = accounts({**config, "lookback_days": 3, "start_date": "2020-01-01"})
    assert [each.settings()["token"] for each in (acme, beta)] == ["acme-token", "beta-token"]
    names = ("api_url", "page_size", "start_date", "lookback_days", "max_connections")
    assert [acme.config[name] for name in names] == [API, 50, "2020-01-01", 3, 8]
    assert [beta.config[name] for name in names] == [f"{API}/b", 5, "2024-01-01", 3, 8]


def test_a_provider_s_root_holds_for_its_accounts_before_the_built_in_one():
    config = {"matas": {"api_url": API, "accounts": [{"name": "acme", "token": "t0ken"}]}}
    with_defaults = TapInvoices(config=config).accounts[0]
    assert with_defaults.config["api_url"] == API
    entries = SCHEMA["properties"]["matas"]["properties"]["accounts"]["items"]["properties"]
    assert not [name for name, setting in entries.items() if "default" in setting]


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_accounts_from_a_file(tmp_path, ending):
    """A path has a separator of Unicode in it, which ends no line."""
    secret = tmp_path / "a\u2028b"
    secret.write_text("123")
    last = {"name": "gamma", "token_file": str(secret), "max_connections": 2}
    rows = [ACME, {**BETA, "page_size": 5, "enabled": False}, last]
    file = tmp_path / f"accounts.{ending}"
    if ending == "csv":
        with file.open("w", newline="", encoding="utf-8") as text:
            writer = csv.DictWriter(text, ["name", "token", "token_file", "page_size", "enabled", "max_connections"])
            writer.writeheader()
            writer.writerows(rows)
    else:
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        file.write_text("\r\n".join(lines) + "\n\n", encoding="utf-8", newline="")
    for url in (str(file), file.as_uri()):
        acme, gamma = accounts({"ibana": {"api_url": API, "accounts_url": url, "page_size": 7}})
        assert (acme.name, acme.config["page_size"], acme.config["max_connections"]) == ("acme", 7, 8)
        assert (gamma.settings()["token"], gamma.config["max_connections"]) == ("123", 2)


# Secrets


@pytest.mark.parametrize("form", ["token_env", "token_file"])
def test_a_secret_by_reference_with_the_account_s_name(monkeypatch, tmp_path, form):
    monkeypatch.setenv("IBANA_ACME_NORTH_TOKEN", "by-variable")
    (tmp_path / "acme-north").write_text("by-file\r\n")
    reference = {"token_env": "IBANA_{NAME}_TOKEN", "token_file": f"{tmp_path}/{{name}}"}[form]
    value = {"token_env": "by-variable", "token_file": "by-file"}[form]
    for config in (
        ibana({"name": "acme-north"}, **{form: reference}),
        ibana({"name": "acme-north", form: reference}, token="shared"),
        {"ibana": {"api_url": API, "account": "acme-north", form: reference}},
    ):
        assert account(config).settings()["token"] == value


def test_two_braces_are_one(tmp_path):
    (tmp_path / "{name}-acme").write_text("t0ken")
    assert account(ibana({"name": "acme"}, token_file=f"{tmp_path}/{{{{name}}-{{name}}")).settings()["token"] == "t0ken"


def test_a_secret_s_variable_may_stand_in_the_dotenv_file(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("ACME=from-dotenv\nBETA=from-dotenv\nANOTHER_S='\n")
    monkeypatch.setenv("BETA", "from-environment")
    acme, beta = accounts(ibana({"name": "acme"}, {"name": "beta"}, token_env="{NAME}"))
    assert (acme.settings()["token"], beta.settings()["token"]) == ("from-dotenv", "from-environment")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({}, "`ibana.accounts[0].token` (acme) is empty"),
        ({"token": ""}, "`ibana.accounts[0].token` (acme) is empty: is its variable set?"),
        ({"token_env": "NOT_SET"}, "`ibana.accounts[0].token_env` (acme) names a variable that is not set"),
        ({"token_file": "/nowhere/{name}"}, "`ibana.accounts[0].token_file` (acme) names a file that cannot be read"),
        ({"token_file": "{{EMPTY}"}, "`ibana.accounts[0].token_file` (acme) names a file that is empty"),
        ({"token_file": "LONG"}, "names a file of more than 64 KiB"),
        ({"token_file": "ACCENT"}, "has characters that cannot stand in a header"),
        ({"token_file": "BYTES"}, "is not UTF-8 text"),
        ({"token_file": "TWO"}, "has a line end in it"),
    ],
)
def test_a_secret_that_lacks_is_its_account_s_failure_alone(monkeypatch, tmp_path, entry, said):
    monkeypatch.chdir(tmp_path)
    for name, data in {
        "{EMPTY}": b"\n",
        "LONG": b"x" * 65537,
        "ACCENT": "é-secret".encode(),
        "BYTES": b"secret-\xff",
        "TWO": b"secret\nsecret",
    }.items():
        (tmp_path / name).write_bytes(data)
    acme, beta = accounts(ibana({"name": "acme", **entry}, BETA))
    with pytest.raises(LocalError) as failure:
        acme.settings()
    assert said in str(failure.value)
    assert "secret" not in str(failure.value).replace("holds no secret", "")
    assert beta.settings()["token"] == "beta-token"


def test_two_accounts_are_one_by_the_values_of_what_they_sign_in_with(monkeypatch):
    monkeypatch.setenv("BETA", "acme-token")
    beta = {"name": "beta", "token_env": "BETA", "api_url": f"{API}/", "page_size": 5}
    acme, beta, gamma = accounts(ibana(ACME, beta, {"name": "gamma", "token": "gamma-token"}))
    assert acme.identity(acme.settings()) == beta.identity(beta.settings())
    assert acme.identity(acme.settings()) != gamma.identity(gamma.settings())


def test_a_realm_of_their_own_makes_the_same_credentials_two_accounts():
    shared = {"api_url": API, "auth_url": API, "username": "u", "password": "p"}
    config = {"covage": {**shared, "accounts": [{"name": "a"}, {"name": "b", "realm": "other"}]}}
    assert list(map(str, accounts(config))) == ["covage/a", "covage/b"]
    config["covage"]["accounts"][1]["realm"] = "covage"  # the default
    assert faults(config) == [
        "`covage.accounts[1]` has the same credentials as `covage.accounts[0]`, whose invoices would come twice"
    ]


def test_secrets_do_not_show_in_an_account_s_representation():
    assert "acme-token" not in repr(account(ibana(ACME)))


def test_secrets_are_found_within_lists():
    assert sorted(values.secrets(SCHEMA, ibana(ACME, BETA))) == ["acme-token", "beta-token"]


@pytest.mark.parametrize(
    ("sources", "left"),
    [
        (({"token": "a"}, {}, {"token_env": "B"}), {"token_env": "B"}),
        (({"token_env": "A"}, {"token_file": "b"}, {}), {"token_file": "b"}),
        (({"token_file": "a"}, {"token_env": "B"}, {"token": "c"}), {"token": "c"}),
        (({"token": "a"}, {"token_env": None}, {"page_size": 5}), {"token": "a", "token_env": None, "page_size": 5}),
    ],
)
def test_a_higher_source_replaces_every_form_of_a_secret(sources, left):
    laid = values.lay(PROVIDERS, [{"ibana": source} for source in sources])
    assert laid == {"ibana": left}


# Which run


def test_only_those_that_are_enabled_and_chosen_run():
    config = {**ibana(ACME, BETA, {"name": "old", "enabled": False}), "i3dnet": {"token": "t0ken", "account": "acme"}}
    assert list(map(str, accounts(config))) == ["i3dnet/acme", "ibana/acme", "ibana/beta"]
    assert list(map(str, accounts({**config, "only_accounts": ["ibana/acme", "beta"]}))) == ["ibana/acme", "ibana/beta"]


def test_shards_are_by_checksum_and_leave_nothing_out():
    config = ibana(*({"name": f"a{number}", "token": f"t{number}"} for number in range(50)))
    parts = [[str(each) for each in accounts({**config, "shard": f"{part}/3"})] for part in range(3)]
    assert sorted(name for part in parts for name in part) == sorted(f"ibana/a{number}" for number in range(50))
    assert all(zlib.crc32(name.encode()) % 3 == number for number, part in enumerate(parts) for name in part)


def test_no_account_to_read_is_told():
    disabled = values.tidy(SCHEMA, ibana({**ACME, "enabled": False}))
    assert accounts(disabled) == []
    _, entries = check(SCHEMA, disabled, PROVIDERS)
    assert doubts(disabled, entries, PROVIDERS) == [
        "no account of `ibana` is read, for all are disabled; the state is passed on"
    ]
    config = ibana(ACME)
    shard = next(f"{part}/50" for part in range(50) if not accounts({**config, "shard": f"{part}/50"}))
    _, entries = check(SCHEMA, {**config, "shard": shard}, PROVIDERS)
    for only in (None, ["acme"]):
        [line] = doubts({**config, "shard": shard, "only_accounts": only}, entries, PROVIDERS)
        assert "none of them is in this shard" in line


# Refused


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (ibana({"name": "a", "tokn": "x"}), "unknown setting `ibana.accounts[0].tokn`: did you mean `token`?"),
        (ibana({"name": "a", "token": "x", "account": "b"}), "unknown setting `ibana.accounts[0].account`"),
        (ibana({"name": "a", "token": 5}), "`ibana.accounts[0].token` must be a string"),
        (ibana({"name": "a", "token": "x", "page_size": 101}), "`ibana.accounts[0].page_size` must be at most 100"),
        (ibana({"name": "a", "token": "x", "start_date": "soon"}), "`ibana.accounts[0].start_date` must be a date"),
        (ibana({"name": "a", "token": "x", "api_url": "ftp://x"}), "`ibana.accounts[0].api_url` must be a URL"),
        (ibana({"name": "a", "token": "x\ny"}), "`ibana.accounts[0].token` has characters"),
        (ibana("a"), "`ibana.accounts[0]` must be an object"),
        ({"ibana": {"accounts": "acme"}}, "`ibana.accounts` must be an array"),
        ({"ibana": {"accounts": [ACME]}}, "`ibana.accounts[0].api_url` is required for ibana"),
        (ibana(), "`ibana.accounts` names no account"),
        (ibana({"token": "x"}), "`ibana.accounts[0].name` is required"),
        *((ibana({"name": name, "token": "x"}), "`ibana.accounts[0].name` must be letters")
          for name in ("-a", "a_", "a b", "../a", "a/b", "é", "a" * 65)),
        *((ibana({"name": name, "token": "x"}), "`ibana.accounts[0].name` is a name that Windows keeps")
          for name in ("con", "NUL", "Lpt1")),
        (ibana(ACME, {**BETA, "name": "Acme"}), "`ibana.accounts[1].name` is that of `ibana.accounts[0]`"),
        (ibana({"name": "a-b"}, {"name": "a_b", "api_url": f"{API}/b"}, token_env="T_{NAME}"),
         "`ibana.accounts[1].name` is that of"),
        (ibana(ACME, {**ACME, "name": "b"}), "`ibana.accounts[1]` has the same credentials as `ibana.accounts[0]`"),
        (ibana({"name": "a"}, {"name": "b"}, token="x"), "`ibana.accounts[1]` has the same credentials"),
        (ibana({"name": "a"}, {"name": "b"}, token_env="X"), "`ibana.accounts[1]` has the same credentials"),
        (ibana({"name": "a"}, {"name": "b", "api_url": f"{API}/"}, token="x"), "`ibana.accounts[1]` has the same cred"),
        (ibana({**ACME, "token_env": "X"}), "`ibana.accounts[0].token_env` cannot stand beside"),
        (ibana({"name": "a"}, token_file="x", token_env="X"), "`ibana.token_file` cannot stand beside `ibana.token_e"),
        ({"ibana": {"api_url": API, "token": "x", "token_env": "X"}}, "`ibana.token_env` cannot stand beside"),
        (ibana({"name": "a"}, token_file="x/{nam}"), "`ibana.token_file` has a brace"),
        (ibana({"name": "a"}, token_env="no variable"), "`ibana.token_env` must be the name of a variable"),
        (ibana({"name": "a"}, token_env="X\nY"), "`ibana.token_env` has a line end"),
        (ibana({"name": "a"}, token_file="x\ny"), "`ibana.token_file` has a line end"),
        (ibana({"name": "a"}, token_file="nowhere://x"), "`ibana.token_file` has a scheme"),
        (ibana(ACME, accounts_url="x.jsonl"), "`ibana.accounts_url` cannot stand beside `accounts`"),
        (ibana(ACME, account="x"), "`ibana.account` names a provider's only account"),
        ({"ibana": {"api_url": API, "token": "x", "account": "a/b"}}, "`ibana.account` must be letters"),
        ({**ibana(ACME), "only_accounts": ["acm"]}, "`only_accounts[0]` names no account: did you mean `acme`?"),
        ({**ibana(ACME), "only_accounts": [1001]}, "`only_accounts[0]` must be"),
        ({**ibana({**ACME, "enabled": False}), "only_accounts": ["acme"]}, "`only_accounts` leaves no account"),
        ({**ibana(ACME), "only_accounts": []}, "`only_accounts` leaves no account"),
        *(({**ibana(ACME), "shard": shard}, "`shard` must be a part") for shard in ("3", "3/3", "0/0", "-1/3", "a/b")),
        ({**ibana(ACME), "accounts_at_once": 0}, "`accounts_at_once` must be at least 1"),
        ({**ibana(ACME, {**BETA, "enabled": False}), "emit_activate_version_messages": True},
         "`emit_activate_version_messages` would let"),
        ({**ibana(ACME), "only_accounts": ["acme"], "emit_activate_version_messages": True},
         "`emit_activate_version_messages` would let"),
        ({**ibana(ACME), "shard": "0/1", "emit_activate_version_messages": True},
         "`emit_activate_version_messages` would let"),
        ({**ibana(ACME, BETA), "batch_config": {"encoding": {"format": "jsonl"}}}, "`batch_config` cannot be used"),
    ],
)  # fmt: skip
def test_refused_by_name_in_one_line(config, line):
    found = faults(config)
    assert [each[: len(line)] for each in found if each.startswith(line)] == [line], found
    unexpected = [each for each in found if not each.startswith((line, "`ibana.accounts` names no", "`only_accounts`"))]
    assert unexpected == []


def test_the_same_name_at_two_providers_is_fine():
    both = {**ibana(ACME), "i3dnet": {"accounts": [{"name": "acme", "token": "x"}]}}
    assert list(map(str, accounts(both))) == ["i3dnet/acme", "ibana/acme"]


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("a.jsonl", '{"name": "a", "tokn": "s3cret"}\n', ["unknown setting `ibana.accounts_url:1.tokn`"]),
        (
            "a.jsonl",
            '\n{"name": "a", "token": "s3cret"\n[1]',
            ["`ibana.accounts_url:2`", "`ibana.accounts_url:3`"],
        ),
        ("a.csv", 'name,token\na,"s3cret\n', ["`ibana.accounts_url:2` must be CSV: "]),
        ("a.csv", "acme,s3cret\nbeta,s3cret\n", ["`ibana.accounts_url:1` must be CSV: "]),
        ("a.csv", "s3cret;name\n", ["`ibana.accounts_url:1` must be CSV: "]),
        ("a.csv", "name,token,token\na,s3cret,\n", ["`ibana.accounts_url:1` must be CSV: "]),
        ("a.csv", "name,token,page_size\na,s3cret,five\n", ["`ibana.accounts_url:2.page_size` must be a whole"]),
        ("a.csv", "name,token\na,s3cret,s3cret\n", ["unknown setting `ibana.accounts_url:2."]),
        ("a.csv", "name,token\n", ["`ibana.accounts_url` names no account"]),
        ("a.jsonl", "", ["`ibana.accounts_url` names no account"]),
        ("a.jsonl", b"\xff", ["`ibana.accounts_url` is not UTF-8"]),
        ("a.jsonl", None, ["`ibana.accounts_url` cannot be read: No such file"]),
    ],
)
def test_faults_in_a_file_are_told_by_their_line(tmp_path, name, text, lines):
    if text is not None:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    found = faults({"ibana": {"api_url": API, "accounts_url": str(tmp_path / name)}})
    assert len(found) == len(lines)
    assert all(each.startswith(line) for each, line in zip(found, lines, strict=True)), found
    assert "s3cret" not in " ".join(found)


def test_activate_version_is_refused_with_accounts_from_a_file(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(ACME))
    config = {"ibana": {"api_url": API, "accounts_url": str(tmp_path / "a.jsonl")}}
    [line] = faults({**config, "emit_activate_version_messages": True})
    assert "`emit_activate_version_messages`" in line


@pytest.mark.parametrize(
    ("name", "given", "lacking"),
    [
        ("ibana_invoices", {"__key_properties__": ["id"]}, "`source_account`, and rows of `ibana_invoices`"),
        ("own", {"__source__": "ibana_invoices", "__key_properties__": ["id"]}, "`source_account`, and rows of `iba"),
        ("ibana_*", {"__key_properties__": ["id"]}, "`source_account`, and rows of `ibana_invoices`"),
        ("invoices", {"__key_properties__": ["id"]}, "`provider` and `source_account`, and rows of `invoices`"),
        ("invoice_lines", {"__key_properties__": ["source_account"]}, "`provider`, and rows of `invoice_lines`"),
    ],
)
def test_a_map_whose_key_does_not_tell_accounts_apart_is_refused_by_name(name, given, lacking):
    [line] = faults({**ibana(ACME), "stream_maps": {name: given}})
    assert line.startswith(f"`stream_maps.{name}.__key_properties__` lacks {lacking}")


@pytest.mark.parametrize(("name", "field"), [("ibana_*", "source_account"), ("invoices", "provider")])
def test_a_map_that_makes_one_of_all_accounts_is_refused_by_name(name, field):
    [line] = faults({**ibana(ACME), "stream_maps": {name: {field: "'all of them'"}}})
    assert line.startswith(f"`stream_maps.{name}.{field}` makes one of all accounts, whose rows of ")


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("ibana_invoices", {"source_account": "md5(source_account)"}),
        ("ibana_invoices", {"source_account": "self.upper()"}),
        ("ibana_invoices", {"__key_properties__": ["source_account", "number"]}),
        ("ibana_invoices", {"__key_properties__": []}),
        ("ibana_invoices", {"double": "2 * id"}),
        ("ibana_invoices", None),
        ("invoices", {"__key_properties__": ["id", "source_account", "provider"]}),
    ],
)
def test_a_map_that_keeps_accounts_apart_is_taken(name, given):
    assert faults({**ibana(ACME), "stream_maps": {name: given}}) == []


def test_of_a_thousand_faults_the_first_twenty_are_told():
    lines = faults(ibana(*({"name": f"a{number}", "tokn": "x"} for number in range(1000))))
    assert (len(lines), lines[-1]) == (21, "and 980 more faults in the settings")


def test_no_fault_shows_a_value():
    secret = "canary"
    for entry in (
        {"name": f"{secret}/", "token": secret, "token_env": f"{secret}-"},
        {"name": "a", "token_env": f"{secret} x", "api_url": secret, "start_date": secret},
        {"name": "a", "token": [secret], "token_file": f"{{{secret}"},
    ):
        lines = faults({**ibana(entry, {**entry}), "only_accounts": [secret], "shard": secret})
        assert lines
        assert secret not in " ".join(lines)
