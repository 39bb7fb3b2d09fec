"""Settings: what is good and what is not, and the four ways in which they come."""

from __future__ import annotations

import json
import re
import sys
from copy import deepcopy

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_invoices.airbyte.spec import connection_specification
from tap_invoices.cli.files import read_config
from tap_invoices.config.environment import Environment
from tap_invoices.providers import PROVIDERS as ALL
from tap_invoices.tap import TapInvoices
from tests.support.run import DOCUMENTS, PROVIDERS, UNIFIED, own_signals

GOOD = {
    "covage": {
        "api_url": "https://api.example.com",
        "auth_url": "https://auth.example.com",
        "username": "someone",
        "password": "canary-covage-password",
    },
    "matas": {"token": "canary-matas-token"},
    "ibana": {"api_url": "https://api.example.com", "token": "canary-ibana-token"},
    "exsited": {
        "api_url": "https://api.example.com",
        "client_id": "client",
        "client_secret": "canary-exsited-secret",
        "redirect_uri": "https://example.com/back",
    },
    "i3dnet": {"token": "canary-i3dnet-token"},
}
"""Each provider's required settings."""
MATAS = {"matas": GOOD["matas"]}
SECRETS = {"covage.password", "matas.token", "ibana.token", "exsited.client_secret", "i3dnet.token"}


def tap(config=None, **options):
    with own_signals():
        return TapInvoices(config=deepcopy(config), **options)


def faults(config=None, **options):
    """What is wrong with settings, line by line."""
    try:
        _ = tap(config, **options).streams
    except ConfigValidationError as error:
        return error.errors
    return []


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Settings that come from the environment alone, in an empty folder; returns what sets a variable."""
    monkeypatch.chdir(tmp_path)
    return lambda name, value: monkeypatch.setenv(f"TAP_INVOICES_{name}", value)


# Good


@pytest.mark.parametrize("provider", PROVIDERS)
def test_required_settings_turn_a_provider_on(provider):
    names = set(tap({provider: GOOD[provider]}).streams)
    own = names - set(UNIFIED)
    assert own
    assert all(name.startswith(f"{provider}_") for name in own)
    assert names == {*own, *UNIFIED}, "those of all providers are there whichever is on"


def test_all_providers_can_be_on():
    with_documents = {**GOOD, "documents": {"mode": "inline"}}
    assert len(tap(GOOD).streams) == 13 + len(UNIFIED)
    assert len(tap(with_documents).streams) == 16 + len(UNIFIED)


@pytest.mark.parametrize(
    ("provider", "defaults"),
    {
        "covage": {"realm": "covage", "client_id": "api-client", "lookback_days": 40},
        "matas": {"api_url": "https://api.matas.nl/api", "lookback_days": 40},
        "ibana": {"page_size": 100, "lookback_days": 1},
        "exsited": {"lookback_days": 1},
        "i3dnet": {"api_url": "https://api.i3d.net", "lookback_days": 40},
    }.items(),
)
def test_defaults(provider, defaults):
    [account] = tap({provider: GOOD[provider]}).accounts
    settings = account.settings()
    assert {name: settings[name] for name in defaults} == defaults


@pytest.mark.parametrize("lookback", [{"lookback_days": 7}, {"lookback_days": 9, "matas": {"lookback_days": 7}}])
def test_a_provider_s_own_lookback_comes_before_the_common_one(lookback):
    config = {**lookback, "matas": {**GOOD["matas"], **lookback.get("matas", {})}}
    [account] = tap(config).accounts
    assert account.config["lookback_days"] == 7


def test_the_default_timeout_is_a_minute():
    assert tap(MATAS).config["request_timeout"] == 60


@pytest.mark.parametrize(
    "more",
    [
        {"start_date": "2025-01-31"},
        {"start_date": "2024-02-29T23:59:59Z"},
        {"start_date": "2025-01-31T12:00:00+02:00"},
        {"start_date": None, "lookback_days": None, "user_agent": None, "documents": None, "covage": None},
        {"lookback_days": 0, "request_timeout": 2.5, "user_agent": "us", "allow_http": True},
        {"emit_activate_version_messages": True},
        {"stream_maps": {"matas_invoices": {"total": "total"}}, "stream_map_config": {"x": 1}},
        {"flattening_enabled": True, "flattening_max_depth": 2},
        {"batch_config": {"encoding": {"format": "jsonl"}, "storage": {"root": "file:///tmp"}}},
        {"covage": {"realm": "covage", "client_id": "api-client", "page_size": 20, "lookback_days": 40}},
        {"covage": {}, "ibana": {"page_size": 100, "token": None, "api_url": ""}},
        {"documents": {}},
        {"documents": {"mode": None, "url": None, "storage_options": None, "max_bytes": None}},
        {"documents": {"mode": "inline", "max_bytes": 1}},
        {"documents": {"mode": "files", "url": "memory://invoices", "storage_options": {"anything": {"goes": True}}}},
    ],
)
def test_good_settings(more):
    assert faults({**MATAS, **more}) == []
    assert {stream.provider for stream in tap({**MATAS, **more}).streams.values()} == {"matas", ""}


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8", "http://localhost", "http://[::1]:80/api", "http://127.8.9.10", "https://example.com/x/"],
)
def test_plain_http_is_good_enough_for_this_machine(url):
    assert faults({"matas": {"token": "t0ken", "api_url": url}}) == []


def test_plain_http_can_be_allowed():
    config = {"matas": {"token": "t0ken", "api_url": "http://example.com"}}
    assert faults(config)
    assert faults({**config, "allow_http": True}) == []


def test_a_user_agent_is_sent_and_the_tap_s_own_unless_set(box, sync):
    for setting, sent in (({"user_agent": "us/1.0 (billing)"}, r"us/1\.0 \(billing\)"), ({}, r"tap-invoices/\d+\.\S+")):
        box.clear()
        sync({**box.config("covage"), **setting}, select=["covage_invoices"])
        assert box.requests
        assert all(re.fullmatch(sent, request.headers["User-Agent"]) for request in box.requests)


def test_no_answer_in_the_time_set_is_a_failure(box, sync):
    box.faults.add(provider="matas", times=None, action={"delay": 60})
    done = sync({**box.config("matas"), "request_timeout": 0.5, "max_retry_seconds": 0}, select=["matas_invoices"])
    assert "no answer in time" in done.failures["matas_invoices"]


# Bad


@pytest.mark.parametrize(
    ("provider", "setting"), [(provider, name) for provider, given in GOOD.items() for name in given if len(given) > 1]
)
@pytest.mark.parametrize("nothing", ["missing", None, ""])
def test_a_provider_needs_all_its_required_settings(provider, setting, nothing):
    given = {**GOOD[provider], setting: nothing}
    if nothing == "missing":
        del given[setting]
    [line] = faults({**MATAS, provider: given})
    assert f"`{provider}.{setting}` is required" in line


@pytest.mark.parametrize("config", [{}, None, {"matas": {}}, {"covage": {"realm": "covage"}}, {"matas": {"token": ""}}])
def test_one_provider_at_least(config):
    [line] = faults(config)
    assert "no provider" in line
    assert all(provider in line for provider in PROVIDERS)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"matas": {"tokne": "x"}}, ["`matas.tokne`", "did you mean `token`?"]),
        ({**MATAS, "start_dat": "2025-01-01"}, ["`start_dat`", "did you mean `start_date`?"]),
        ({**MATAS, "covag": {}}, ["`covag`", "did you mean `covage`?"]),
        ({**MATAS, "documents": {"mod": "inline"}}, ["`documents.mod`", "did you mean `mode`?"]),
        ({**MATAS, "zzz": 1}, ["`zzz`", "start_date", "covage"]),
        ({"i3dnet": {"token": "x", "realm": "covage"}}, ["`i3dnet.realm`"]),
    ],
)
def test_unknown_settings_are_refused_by_name(config, words):
    [line] = faults(config)
    assert all(word in line for word in words)


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"start_date": 20250101}, "start_date"),
        ({"start_date": "2025-02-30"}, "start_date"),
        ({"start_date": "2025-13-01T00:00:00Z"}, "start_date"),
        ({"start_date": "yesterday"}, "start_date"),
        ({"start_date": "20250131"}, "start_date"),
        ({"start_date": "2025-W05"}, "start_date"),
        ({"lookback_days": "40"}, "lookback_days"),
        ({"lookback_days": 1.5}, "lookback_days"),
        ({"lookback_days": -1}, "lookback_days"),
        ({"lookback_days": True}, "lookback_days"),
        ({"request_timeout": 0}, "request_timeout"),
        ({"request_timeout": "60"}, "request_timeout"),
        ({"request_timeout": float("nan")}, "request_timeout"),
        ({"requests_per_second": 1_000_001}, "requests_per_second"),
        ({"matas": {**GOOD["matas"], "requests_per_second": 0}}, "matas.requests_per_second"),
        ({"on_short": 5}, "on_short"),
        ({"on_short": ""}, "on_short"),
        ({"user_agent": 1}, "user_agent"),
        ({"user_agent": "two\nlines"}, "user_agent"),
        ({"allow_http": "yes"}, "allow_http"),
        ({"covage": "x"}, "covage"),
        ({"covage": [1]}, "covage"),
        ({"ibana": {**GOOD["ibana"], "page_size": 101}}, "ibana.page_size"),
        ({"ibana": {**GOOD["ibana"], "page_size": 0}}, "ibana.page_size"),
        ({"ibana": {**GOOD["ibana"], "page_size": "100"}}, "ibana.page_size"),
        ({"ibana": {**GOOD["ibana"], "api_url": "api.example.com"}}, "ibana.api_url"),
        ({"ibana": {**GOOD["ibana"], "api_url": "ftp://api.example.com"}}, "ibana.api_url"),
        ({"ibana": {**GOOD["ibana"], "api_url": "https://"}}, "ibana.api_url"),
        ({"ibana": {**GOOD["ibana"], "api_url": "https://example.com:port"}}, "ibana.api_url"),
        ({"ibana": {**GOOD["ibana"], "api_url": "https://example.com/v1?x=1"}}, "ibana.api_url"),
        ({"ibana": {**GOOD["ibana"], "api_url": "http://api.example.com"}}, "ibana.api_url"),
        ({"ibana": {**GOOD["ibana"], "api_url": "http://localhost.example.com"}}, "ibana.api_url"),
        ({"covage": {**GOOD["covage"], "auth_url": "http://auth.example.com"}}, "covage.auth_url"),
        ({"i3dnet": {"token": 12345}}, "i3dnet.token"),
        ({"i3dnet": {"token": "two\nlines"}}, "i3dnet.token"),
        ({"documents": {"mode": "both"}}, "documents.mode"),
        ({"documents": {"mode": "files"}}, "documents.url"),
        ({"documents": {"url": "file:///tmp"}}, "documents.mode"),
        ({"documents": {"mode": "files", "url": "nowhere://x"}}, "documents.url"),
        ({"documents": {"read_xml": True, "url": "file:///tmp"}}, "documents.mode"),
        ({"ibana": {**GOOD["ibana"], "amounts_in": "pence"}}, "ibana.amounts_in"),
        ({"ibana": {**GOOD["ibana"], "time_zone": "Europe/Wien"}}, "ibana.time_zone"),
        ({"exsited": {**GOOD["exsited"], "amounts_in": "units"}}, "exsited.amounts_in"),
        ({"documents": {"mode": "inline", "max_bytes": 0}}, "documents.max_bytes"),
        ({"documents": {"mode": "inline", "storage_options": "key=x"}}, "documents.storage_options"),
        ({"documents": "inline"}, "documents"),
    ],
)
def test_bad_settings_are_refused_by_name(more, name):
    [line] = faults({**MATAS, **more})
    assert f"`{name}`" in line


@pytest.mark.parametrize(
    ("provider", "end"),
    [
        *((provider, end) for provider in ("covage", "exsited") for end in ("/api/v1", "/api/v3/", "/api/v1/invoice/")),
        *((provider, end) for provider in ("ibana", "i3dnet") for end in ("/v1", "/v3/", "/v3/account/invoice")),
    ],
)
def test_a_root_that_ends_where_the_tap_begins_is_refused(provider, end):
    [line] = faults({provider: {**GOOD[provider], "api_url": f"https://api.example.com/root{end}"}})
    assert line == f"`{provider}.api_url` must end before {end}, which the tap adds itself"
    assert faults({provider: {**GOOD[provider], "api_url": "https://api.example.com/v1/root"}}) == []
    assert faults({"matas": {**GOOD["matas"], "api_url": "https://api.example.com/api/v1"}}) == []


def test_every_fault_is_told_on_a_line_of_its_own():
    config = {**MATAS, "start_date": 5, "one": 1, "two": 2, "ibana": {"three": 3, "page_size": "x"}}
    lines = faults(config)
    assert len(lines) == 5
    assert not any("\n" in line for line in lines)


def test_faults_of_every_kind_are_told_together_each_once():
    config = {
        "start_date": 5,
        "on_short": "maybe",
        "covage": {**GOOD["covage"], "password": ["x"], "api_url": "nowhere"},
        "ibana": {"token": "two\nlines"},
        "documents": {"mode": 1, "url": "nowhere://x"},
    }
    named = sorted(line.split("`")[1] for line in faults(config))
    assert named == [
        "covage.api_url",
        "covage.password",
        "documents.mode",
        "documents.url",
        "ibana.api_url",
        "ibana.token",
        "on_short",
        "start_date",
    ]


def test_the_first_twenty_faults_are_told_and_the_others_counted():
    lines = faults({**MATAS, **{f"unknown_{number}": number for number in range(25)}})
    assert len(lines) == 21
    assert lines[-1] == "and 5 more faults in the settings"


def test_a_limit_is_declared_once_and_every_form_of_the_settings_has_it():
    """The JSON schema is what --about and the Hub's definition are made of."""
    forms = (TapInvoices.config_jsonschema, connection_specification(ALL))
    for top, ibana, documents in (
        (form["properties"], *(form["properties"][name]["properties"] for name in ("ibana", "documents")))
        for form in forms
    ):
        assert (ibana["page_size"]["minimum"], ibana["page_size"]["maximum"]) == (1, 100)
        assert (top["lookback_days"]["minimum"], ibana["lookback_days"]["minimum"]) == (0, 0)
        assert top["request_timeout"]["exclusiveMinimum"] == 0
        assert (top["on_short"]["enum"], documents["mode"]["enum"]) == (["fail", "warn"], ["files", "inline"])
        assert top["user_agent"]["pattern"] == ibana["token"]["pattern"]
        assert (top["max_connections"]["default"], ibana["max_connections"].get("default")) == (8, None)


TEXTS = [
    f"{group}.{name}".removeprefix(".")
    for group, settings in {"": TapInvoices.config_jsonschema, **TapInvoices.config_jsonschema["properties"]}.items()
    if group in {"", "documents", *PROVIDERS}
    for name, setting in settings["properties"].items()
    if "string" in setting.get("type", ()) and not name.endswith(("_env", "_file", "accounts_url"))
]
"""All but those that lead elsewhere."""


def with_text(path, value):
    group, _, name = path.rpartition(".")
    given = {**GOOD, "documents": {"mode": "files", "url": "file:///tmp"}}
    return {**given, **({group: {**given[group], name: value}} if group else {name: value})}


@pytest.mark.parametrize("path", TEXTS)
def test_a_line_end_after_a_text_is_no_part_of_it_and_one_within_is_refused(path):
    """As files and Kubernetes' secrets have it."""
    group, _, name = path.rpartition(".")
    choices = {"on_short": "warn", "decimals": "text", "mode": "files", "shard": "0/1"}
    unified = {"time_zone": "Europe/Berlin", "amounts_in": "units"}
    good = {"start_date": "2025-01-01", "ca_bundle": __file__, **choices, **unified}.get(name)
    good = good or ("https://example.com" if name.endswith("_url") else "file:///tmp" if name == "url" else "some-text")
    for end in ("\n", "\r\n"):
        config = tap(with_text(path, good + end)).config
        assert (config[group] if group else config)[name] == good
    [line] = faults(with_text(path, f"{good}\n{good}"))
    assert f"`{path}`" in line


@pytest.mark.parametrize("url", [" https://example.com", "https://exam ple.com", "https://example.com/\t"])
def test_white_space_in_a_url_is_refused(url):
    [line] = faults({"ibana": {**GOOD["ibana"], "api_url": url}})
    assert "`ibana.api_url` must be a URL" in line


@pytest.mark.parametrize(
    "more",
    [
        {"stream_map_config": {"page_size": "x", "user_agent": 5, "lookback_days": -1, "max_bytes": [1]}},
        {"stream_map_config": {"requests_per_second": 0, "token": "a\nb", "nothing": None, "text": "x\n", "n": 1.0}},
        {"stream_maps": {"matas_invoices": {"total": None}, "matas_invoice_details": None}},
        {"faker_config": {"seed": "1\n", "locale": ["nl"], "page_size": -1}},
    ],
)
def test_the_user_s_own_names_and_values_are_left_alone(more):
    assert {name: tap({**MATAS, **more}).config[name] for name in more} == more


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"i3dnet": {"token": ""}}, "`i3dnet.token` is empty, so i3D.net is not read"),
        ({"i3dnet": {"token_env": "", "page_size": 5}}, "`i3dnet.token_env` is empty, so i3D.net is not read"),
        ({"covage": {"password": "", "api_url": ""}}, "`covage.password` is empty, so Covage is not read"),
        ({"i3dnet": {"token": None}}, None),
        ({"i3dnet": {}}, None),
        ({}, None),
    ],
    ids=str,
)
def test_a_provider_that_is_off_for_an_empty_secret_is_told(caplog, more, path):
    tap({**MATAS, **more})
    told = [record.message for record in caplog.records if "is not read" in record.message]
    assert [line.startswith(path) for line in told] == ([True] if path else [])


def test_a_start_date_in_the_future_is_told(caplog):
    tap({**MATAS, "start_date": "2999-01-01"})
    tap({**MATAS, "start_date": "2025-01-01"})
    told = [record.message for record in caplog.records if "start_date" in record.message]
    assert [message.partition(":")[0] for message in told] == ["`start_date` lies in the future (2999-01-01)"]


def test_a_start_date_in_the_future_of_one_account_is_told_and_many_are_counted(caplog):
    accounts = [{"name": f"a{n}", "token": f"t{n}", "start_date": f"{2990 + n}-01-01"} for n in range(30)]
    accounts.append({"name": "off", "token": "t", "start_date": "2999-01-01", "enabled": False})
    tap({"matas": {"accounts": accounts[:1]}})
    assert "`matas.accounts[0].start_date` lies in the future (2990-01-01)" in caplog.text
    caplog.clear()
    tap({"matas": {"accounts": accounts}})
    told = [record.message for record in caplog.records if "future" in record.message]
    assert (len(told), told[-1]) == (21, "and 10 more start dates in the future")


def test_batch_files_are_of_one_format_and_another_is_refused_by_name():
    batch = {"encoding": {"format": "parquet"}, "storage": {"root": "file:///tmp"}}
    [line] = faults({**MATAS, "batch_config": batch})
    assert line == "`batch_config.encoding.format` must be one of jsonl"


def test_a_missing_bucket_library_is_named_with_its_install_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    [line] = faults({**MATAS, "documents": {"mode": "files", "url": "gs://bucket/invoices"}})
    assert "pip install 'tap-invoices[gcs]'" in line


# Secrets


def test_secrets_are_marked():
    properties = TapInvoices.config_jsonschema["properties"]
    marked = {
        f"{name}.{part}"
        for name, group in properties.items()
        for part, setting in group.get("properties", {}).items()
        if setting.get("secret")
    }
    assert marked == {*SECRETS, "documents.storage_options"}


@pytest.mark.parametrize("secret", sorted(SECRETS))
@pytest.mark.parametrize("wrong", [["canary"], {"a": "canary"}, "canary\n"], ids=["list", "object", "line end"])
def test_no_fault_shows_a_secret(secret, wrong):
    provider, _, name = secret.partition(".")
    lines = faults({provider: {**GOOD[provider], name: wrong, "nonsense": "canary"}, "canri": "canary", **MATAS})
    assert lines
    assert "canary" not in " ".join(lines)


def test_about_shows_no_value_and_marks_secrets(run_tap):
    done = run_tap("--config", GOOD, "--about", "--format", "json")
    about = json.loads(done.stdout)
    assert done.returncode == 0
    assert about["settings"]["properties"]["matas"]["properties"]["token"]["secret"] is True
    assert "canary" not in done.stdout + done.stderr


# Ways


def test_from_the_environment_as_json(environment):
    environment("MATAS", json.dumps(GOOD["matas"]))
    environment("DOCUMENTS", '{"mode": "inline", "max_bytes": 5}')
    config = tap(parse_env_config=True).config
    assert config["matas"]["token"] == "canary-matas-token"
    assert config["documents"]["max_bytes"] == 5


def test_from_the_environment_by_flat_names(environment):
    for name, value in GOOD["exsited"].items():
        environment(f"EXSITED_{name.upper()}", value)
    environment("EXSITED_PAGE_SIZE", "50")
    environment("LOOKBACK_DAYS", "3")
    environment("REQUEST_TIMEOUT", "2.5")
    environment("ALLOW_HTTP", "true")
    environment("EMIT_ACTIVATE_VERSION_MESSAGES", "0")
    environment("DOCUMENTS_MODE", "inline")
    environment("DOCUMENTS_STORAGE_OPTIONS", '{"key": "x"}')
    config = tap(parse_env_config=True).config
    assert config["exsited"] == {**GOOD["exsited"], "page_size": 50, "time_zone": "UTC"}
    assert config["documents"] == {"mode": "inline", "storage_options": {"key": "x"}, "read_xml": False}
    assert (config["lookback_days"], config["request_timeout"]) == (3, 2.5)
    assert (config["allow_http"], config["emit_activate_version_messages"]) == (True, False)


def test_text_that_looks_like_a_number_stays_text(environment):
    environment("I3DNET_TOKEN", "12345678")
    assert tap(parse_env_config=True).config["i3dnet"]["token"] == "12345678"


def test_a_flat_name_comes_before_the_json_of_its_object(environment):
    environment("MATAS", '{"token": "json", "lookback_days": 2}')
    environment("MATAS_TOKEN", "flat")
    assert tap(parse_env_config=True).config["matas"] == {
        "token": "flat",
        "lookback_days": 2,
        "api_url": "https://api.matas.nl/api",
        "time_zone": "Europe/Amsterdam",
    }


def test_from_a_dotenv_file(environment, tmp_path):
    (tmp_path / ".env").write_text("TAP_INVOICES_MATAS_TOKEN='from .env'\nTAP_INVOICES_LOOKBACK_DAYS=2\n")
    environment("LOOKBACK_DAYS", "3")
    config = tap(parse_env_config=True).config
    assert config["matas"]["token"] == "from .env"
    assert config["lookback_days"] == 3


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ("'ab${HOME_OF_NOBODY}cd'", "ab${HOME_OF_NOBODY}cd"),
        ("'ab$cd'", "ab$cd"),
        ('"ab${OTHER}cd"', "ab-${X}-cd"),
        ("ab${OTHER}cd", "ab-${X}-cd"),
    ],
)
def test_single_quotes_in_a_dotenv_file_keep_what_is_in_them(environment, tmp_path, line, password):
    environment("MATAS_TOKEN", "t0ken")
    (tmp_path / ".env").write_text(f"# Ours\n\nOTHER='-${{X}}-'\nexport TAP_INVOICES_COVAGE_PASSWORD={line}\n")
    assert environment_of_dotenv()["covage"]["password"] == password


def environment_of_dotenv():
    dotenv, _ = Environment("TAP_INVOICES_").sources(TapInvoices.config_jsonschema)
    return dotenv


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_a_dotenv_file_in_another_encoding_is_named(environment, tmp_path, encoding):
    environment("MATAS_TOKEN", "t0ken")
    (tmp_path / ".env").write_bytes("TAP_INVOICES_COVAGE_PASSWORD=pässwort\n".encode(encoding))
    [line] = faults(parse_env_config=True)
    assert f"{tmp_path / '.env'} is not UTF-8 text" in line
    assert "wort" not in line


def test_another_project_s_dotenv_file_above_is_no_fault(environment, tmp_path, monkeypatch):
    environment("MATAS_TOKEN", "t0ken")
    (tmp_path / ".env").write_bytes("NAME=Müller\nQUOTE='\n".encode("latin-1"))
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert faults(parse_env_config=True) == []


def test_a_quote_that_is_missing_in_a_dotenv_file_is_told_with_its_line(environment, tmp_path):
    environment("MATAS_TOKEN", "t0ken")
    (tmp_path / ".env").write_text("A=1\nTAP_INVOICES_COVAGE_PASSWORD='secret\n")
    [line] = faults(parse_env_config=True)
    assert ".env cannot be read from line 2 on" in line
    assert "secret" not in line


@pytest.mark.usefixtures("environment")
def test_a_dotenv_file_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / ".env").write_text("TAP_INVOICES_MATAS_TOKEN=t0ken\n", encoding="utf-8-sig")
    assert environment_of_dotenv()["matas"] == {"token": "t0ken"}


@pytest.mark.parametrize(
    ("value", "number"), [("4.0", 4), ("1e+06", 1_000_000), ("7\n", 7), ("1e400", None), ("4.5", None), ("NaN", None)]
)
@pytest.mark.parametrize("name", ["MAX_CONNECTIONS", "COVAGE_PAGE_SIZE", "LOOKBACK_DAYS", "MAX_RETRY_SECONDS"])
def test_whole_numbers_may_be_written_with_a_fraction_or_an_exponent(environment, name, value, number):
    environment("MATAS_TOKEN", "t0ken")
    environment(name, value)
    setting = name.lower().replace("covage_", "covage.")
    if number is None:
        [line] = faults(parse_env_config=True)
        assert f"`{setting}` must be a whole number" in line
    else:
        group, _, last = setting.rpartition(".")
        config = tap(parse_env_config=True).config
        found = (config[group] if group else config)[last]
        assert (type(found), found) == (int, number)


@pytest.mark.parametrize(
    ("value", "number"), [("4.0", 4), ("1e2", 100), ("4.5", None), ("1e999999999", None), ("NaN", None)]
)
@pytest.mark.parametrize("name", ["max_connections", "page_size"])
def test_whole_numbers_in_a_file_may_be_written_so_too(tmp_path, name, value, number):
    path = tmp_path / "config.json"
    path.write_text(
        f'{{"matas": {{"token": "t"}}, "ibana": {{"api_url": "https://a", "token": "t", "{name}": {value}}}}}'
    )
    given = read_config(str(path))
    if number is None:
        assert faults(given) == [f"`ibana.{name}` must be a whole number"]
    else:
        found = tap(given).config["ibana"][name]
        assert (type(found), found) == (int, number)


def test_a_variable_that_names_no_setting_is_told_with_what_was_meant(environment, caplog):
    for name, value in {
        "MATAS_TOKEN": "t0ken",
        "MATAS_TOKNE": "x-secret-x",
        "FOO": "1",
        "ZZZ": "1",
        "LOGLEVEL": "INFO",
        "_METADATA": "{}",
        "FAKER_CONFIG_SEED": "1",
    }.items():
        environment(name, value)
    tap(parse_env_config=True)
    told = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert told == [
        "the variable `TAP_INVOICES_FOO` names no setting",
        "the variable `TAP_INVOICES_MATAS_TOKNE` names no setting: did you mean `TAP_INVOICES_MATAS_TOKEN`?",
        "the variable `TAP_INVOICES_ZZZ` names no setting",
    ]


ACCOUNTS = [{"name": "acme", "token": "acme-token"}, {"name": "beta", "token": "beta-token", "enabled": False}]


@pytest.mark.parametrize("way", ["file", "json", "flat", "dotenv"])
def test_accounts_come_in_every_way(environment, tmp_path, way):
    config = None
    if way == "file":
        config = {"matas": {"accounts": ACCOUNTS}, "only_accounts": ["acme"]}
    elif way == "json":
        environment("MATAS", json.dumps({"accounts": ACCOUNTS}))
        environment("ONLY_ACCOUNTS", '["acme"]')
    elif way == "flat":
        environment("MATAS_ACCOUNTS", json.dumps(ACCOUNTS))
        environment("SHARD", "0/1")
    else:
        lines = (f"TAP_INVOICES_MATAS_ACCOUNTS='{json.dumps(ACCOUNTS)}'", "TAP_INVOICES_ACCOUNTS_AT_ONCE=2")
        (tmp_path / ".env").write_text("\n".join(lines))
    made = tap(config, parse_env_config=True)
    assert list(map(str, made.accounts)) == ["matas/acme"]
    assert made.accounts[0].settings()["token"] == "acme-token"
    assert made.config["accounts_at_once"] == (2 if way == "dotenv" else 4)


@pytest.mark.parametrize(
    ("dotenv", "variables", "token"),
    [
        ("", {"MATAS_TOKEN_ENV": "T"}, "of T"),
        ("TAP_INVOICES_MATAS_TOKEN_ENV=T\n", {"MATAS_TOKEN": "of the environment"}, "of the environment"),
        ("TAP_INVOICES_MATAS_TOKEN=of .env\n", {}, "of .env"),
        ("TAP_INVOICES_MATAS_TOKEN=of .env\n", {"MATAS": '{"token_env": "T"}'}, "of T"),
    ],
)
def test_the_higher_source_says_what_a_secret_is_in_any_form(environment, tmp_path, dotenv, variables, token):
    (tmp_path / ".env").write_text(f"{dotenv}T=of T\n")
    for name, value in variables.items():
        environment(name, value)
    [account] = tap(MATAS, parse_env_config=True).accounts
    assert account.settings()["token"] == token


def test_two_forms_of_a_secret_in_one_source_are_refused(environment):
    environment("MATAS_TOKEN_ENV", "T")
    environment("MATAS_TOKEN", "t0ken")
    assert faults(parse_env_config=True) == ["`matas.token_env` cannot stand beside `matas.token`: give one of them"]


def test_a_secret_by_reference_is_used_and_never_logged(box, run_tap, tmp_path):
    config = box.config("ibana")
    token = config["ibana"].pop("token")
    (tmp_path / "default").write_text(f"{token}\n")
    done = run_tap("--config", {"ibana": {**config["ibana"], "token_file": f"{tmp_path}/{{name}}"}})
    assert done.returncode == 0, done.stderr
    assert "ibana_invoices" in done.stdout
    assert token not in done.stderr


def test_a_secret_s_file_that_is_missing_is_told_of_its_stream_and_in_the_summary(box, run_tap):
    config = box.config("ibana")
    del config["ibana"]["token"]
    config["ibana"]["token_file"] = "/nowhere/{name}"
    done = run_tap("--config", config)
    *lines, summary = [line for line in done.stderr.splitlines() if "token_file" in line and "LEDGER" not in line]
    assert done.returncode == 1
    assert "3 of 3 streams are not whole" in summary
    for stream, line in zip(("ibana_invoices", *UNIFIED), lines, strict=True):
        assert f" {stream}: `ibana.token_file` (default) names a file that cannot be read" in line
    assert "Traceback" not in done.stderr
    assert box.requests == []


def test_the_environment_merges_into_the_file_s_object(environment):
    environment("COVAGE_PASSWORD", "from the environment")
    environment("COVAGE", '{"realm": "other"}')
    given = {name: value for name, value in GOOD["covage"].items() if name != "password"}
    config = tap({"covage": given}, parse_env_config=True).config
    assert config["covage"]["password"] == "from the environment"
    assert config["covage"]["realm"] == "other"
    assert config["covage"]["username"] == "someone"


def test_without_env_the_environment_does_not_count(environment):
    environment("LOOKBACK_DAYS", "3")
    assert "lookback_days" not in tap(MATAS).config


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LOOKBACK_DAYS", "many", "`lookback_days`"),
        ("IBANA_PAGE_SIZE", "50x", "`ibana.page_size`"),
        ("ALLOW_HTTP", "maybe", "`allow_http`"),
        ("COVAGE", "not json", "`covage`"),
        ("COVAGE", '{"tokne": "x"}', "`covage.tokne`"),
        ("START_DATE", "2025-02-30", "`start_date`"),
    ],
)
def test_bad_settings_from_the_environment_are_refused_by_name(environment, name, value, said):
    environment("MATAS_TOKEN", "t0ken")
    environment(name, value)
    [line] = faults(parse_env_config=True)
    assert said in line


@pytest.mark.parametrize("value", ["not json", "[1]", '{"password": "canary",}'])
def test_an_object_that_is_none_is_refused_in_one_line(run_tap, value):
    done = run_tap("--config=ENV", TAP_INVOICES_COVAGE=value, TAP_INVOICES_MATAS_TOKEN="t0ken")  # noqa: S106
    assert done.returncode == 1
    told, _ = [line for line in done.stderr.splitlines() if "ERROR" in line]
    assert told.endswith("`covage` must be an object")
    assert not any(word in done.stderr for word in ("Traceback", "Logging error", value))


@pytest.mark.parametrize("way", ["file", "json", "flat", "file and flat"])
def test_the_command_takes_settings_in_every_way(run_tap, way):
    arguments, variables = {
        "file": (["--config", MATAS], {}),
        "json": (["--config=ENV"], {"TAP_INVOICES_MATAS": json.dumps(GOOD["matas"])}),
        "flat": (["--config=ENV"], {"TAP_INVOICES_MATAS_TOKEN": "t0ken"}),
        "file and flat": (["--config", {"lookback_days": 2}, "--config=ENV"], {"TAP_INVOICES_MATAS_TOKEN": "t0ken"}),
    }[way]
    done = run_tap(*arguments, "--discover", **variables)
    assert done.returncode == 0, done.stderr
    assert {entry["stream"] for entry in json.loads(done.stdout)["streams"]} == {
        "matas_invoices",
        "matas_invoice_details",
        *UNIFIED,
    }


def test_the_given_settings_are_left_as_they_are():
    given = {"ibana": GOOD["ibana"].copy()}
    with own_signals():
        TapInvoices(config=given)
    assert given == {"ibana": GOOD["ibana"]}


@pytest.mark.parametrize("text", [None, "{", "[1]"], ids=["missing", "not JSON", "a list"])
def test_a_config_file_that_cannot_be_read_is_told_in_one_line(run_tap, tmp_path, text):
    file = tmp_path / "settings.json"
    if text:
        file.write_text(text)
    done = run_tap("--config", str(file))
    [line] = [line for line in done.stderr.splitlines() if "ERROR" in line]
    assert done.returncode == 1
    assert "--config" in line


@pytest.mark.parametrize("options", [["--discover"], ["--test"], []], ids=["discover", "test", "sync"])
def test_a_bad_setting_ends_the_command_before_any_request(run_tap, box, options):
    config = {**box.config(), "start_date": "2025-02-30", "documents": {"mode": "both"}, "lookback_days": -1}
    done = run_tap("--config", config, *options)
    faults = [line for line in done.stderr.splitlines() if "`" in line]
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(faults) == 3
    assert not any(word in done.stderr for word in ("Traceback", box.config()["covage"]["password"]))
    assert box.requests == []


# Documents


def test_without_documents_their_streams_are_left_out_and_the_log_says_so(caplog):
    caplog.set_level("INFO")
    streams = tap(GOOD).streams
    [line] = [record.message for record in caplog.records if "documents.mode" in record.message]
    assert not set(DOCUMENTS) & set(streams)
    assert all(name in line for name in DOCUMENTS)


def test_a_catalog_that_selects_documents_without_documents_is_refused(make_catalog):
    catalog = make_catalog({**GOOD, "documents": {"mode": "inline"}}, DOCUMENTS)
    [line] = faults(GOOD, catalog=catalog)
    assert "documents.mode" in line
    assert all(name in line for name in DOCUMENTS)


def test_a_catalog_that_does_not_select_documents_is_good_without_documents(make_catalog):
    catalog = make_catalog({**GOOD, "documents": {"mode": "inline"}}, ["matas_invoices"])
    assert faults(GOOD, catalog=catalog) == []
