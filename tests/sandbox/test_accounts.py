"""Accounts of one provider: each has credentials, tokens and a book of its own, and faults hit one alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
import requests

from tap_invoices.sandbox import Sandbox
from tests.sandbox.test_sandbox import ALL, LISTS, Client, rows_of
from tests.support.run import PATIENCE

NAMES = ("acme", "beta")


@pytest.fixture
def box():
    with Sandbox(invoices=25, accounts=NAMES) as served:
        yield served


@pytest.fixture
def session():
    with requests.Session() as session:
        session.trust_env = False
        yield session


class Customer(Client):
    """Signs in with an account's credentials."""

    def __init__(self, box, session, name):
        super().__init__(box, session)
        self.secrets = {
            provider: {key: text for key, text in account.items() if key != "name"}
            for provider, config in box.accounts_config(names=[name]).items()
            for account in config["accounts"]
        }
        bearer = {name: {"Authorization": f"Bearer {self.secrets[name]['token']}"} for name in ("matas", "ibana")}
        bearer["matas"]["Accept"] = "application/json"
        self.headers = {**bearer, "i3dnet": {"PRIVATE-TOKEN": self.secrets["i3dnet"]["token"]}}

    def sign_in(self, provider, **changed):
        return super().sign_in(provider, **{**self.secrets[provider], **changed})

    def status(self, provider):
        return self.get(LISTS[provider], ALL.get(provider)).status_code


@pytest.fixture
def acme(box, session):
    return Customer(box, session, "acme")


@pytest.fixture
def beta(box, session):
    return Customer(box, session, "beta")


def test_the_default_account_is_as_it_was_without_others(box):
    plain = Sandbox(invoices=25)
    plain.port = box.port
    assert json.dumps(box.config()) == json.dumps(plain.config())
    assert plain.accounts_config("ibana") == {
        "ibana": {"api_url": f"{box.url}/ibana", "amounts_in": "units", "accounts": []}
    }
    for provider in LISTS:
        assert list(box.book(provider).invoices.items()) == list(plain.book(provider).invoices.items())


@pytest.mark.parametrize("provider", LISTS)
def test_credentials_are_of_one_account_only(box, provider):
    given = box.config(provider)[provider].items()
    shared = {name: text for name, text in given if name.endswith("_url") or name == "amounts_in"}
    config = box.accounts_config(provider)[provider]
    accounts = config.pop("accounts")
    assert config == shared
    assert [account.pop("name") for account in accounts] == list(NAMES)
    default = {name: text for name, text in given if name not in shared}
    assert [set(account) for account in accounts] == [set(default)] * 2
    every = [text for account in (default, *accounts) for text in account.values()]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize("provider", LISTS)
def test_each_account_has_a_book_of_its_own_under_equal_ids(box, acme, beta, provider):
    key = next(iter(box.book(provider, "acme").invoices))
    box.book(provider, "acme").change(key, remark="of acme")
    box.book(provider, "beta").change(key, remark="of beta")
    field = box.book(provider).key_field
    rows = {name: {row[field]: row for row in who.rows(provider)} for name, who in (("acme", acme), ("beta", beta))}
    assert [rows[name].pop(key)["remark"] for name in NAMES] == ["of acme", "of beta"]
    assert rows["acme"] == rows["beta"]
    assert "remark" not in box.book(provider).invoices[key]


def test_accounts_with_seeds_have_other_invoices_under_the_same_ids():
    box = Sandbox(invoices=25, accounts={"acme": 1, "beta": 2})
    for provider in ("covage", "matas", "exsited", "i3dnet"):
        one, other = (box.book(provider, name).invoices for name in NAMES)
        assert list(one) == list(other)
        assert list(one.values()) != list(other.values())


@pytest.mark.parametrize("provider", ["covage", "exsited"])
def test_tokens_are_of_one_account(box, acme, beta, provider):
    box.book(provider, "acme").auth_failure = 401
    first = acme.sign_in(provider).json()
    assert [beta.status(provider), beta.status(provider)] == [200, 200]
    header = {"Authorization": f"Bearer {first['access_token']}"}
    assert acme.get(LISTS[provider], headers=header).status_code == 200, "beta's sign-in ends no token of acme"
    assert (box.tokens_issued(provider, "acme"), box.tokens_issued(provider, "beta")) == (1, 1)
    assert box.tokens_issued(provider) == 0
    acme.sign_in(provider)
    after = acme.get(LISTS[provider], headers=header).status_code
    assert after == (401 if provider == "exsited" else 200), "a new token of Exsited ends the one before"
    box.expire_tokens(provider, "acme", refresh=True)
    assert beta.status(provider) == 200


@pytest.mark.parametrize(
    ("provider", "mixed"),
    [
        ("covage", {"password"}),
        ("covage", {"username"}),
        ("exsited", {"client_id"}),
        ("exsited", {"client_secret"}),
        ("exsited", {"redirect_uri"}),
    ],
)
def test_credentials_of_two_accounts_do_not_mix(box, acme, beta, provider, mixed):
    changed = {name: beta.secrets[provider][name] for name in mixed}
    assert acme.sign_in(provider, **changed).status_code == 401
    assert [box.tokens_issued(provider, name) for name in NAMES] == [0, 0]


@pytest.mark.parametrize("provider", ["covage", "exsited"])
def test_a_refresh_token_renews_its_own_account(box, acme, beta, provider):
    refresh = {"grant_type": "refresh_token", "refresh_token": acme.sign_in(provider).json()["refresh_token"]}
    if provider == "covage":  # the request has no credentials: the token alone says whose it is
        refresh |= {"username": None, "password": None}
    else:
        assert beta.sign_in(provider, **refresh).status_code == 400
    assert acme.sign_in(provider, **refresh).status_code == 200
    assert (box.tokens_issued(provider, "acme"), box.tokens_issued(provider, "beta")) == (2, 0)
    assert box.requests[-1].account == "acme"


@pytest.mark.parametrize("provider", ["matas", "ibana", "i3dnet"])
def test_one_account_may_be_revoked(box, acme, beta, provider):
    box.expire_tokens(provider, "beta")
    assert [acme.status(provider), beta.status(provider)] == [200, 403 if provider == "i3dnet" else 401]


@pytest.mark.parametrize("provider", LISTS)
def test_a_fault_may_name_an_account(box, acme, beta, provider):
    acme.status(provider)
    beta.status(provider)
    box.faults.add(provider=provider, account="acme", times=2, action={"status": 503})
    assert [beta.status(provider), acme.status(provider), acme.status(provider)] == [200, 503, 503]
    assert [acme.status(provider), Client(box, acme.session).get(LISTS[provider]).status_code] == [200, 200]


@pytest.mark.parametrize("provider", ["covage", "exsited"])
def test_a_fault_of_an_account_hits_its_sign_in_too(box, acme, beta, provider):
    box.faults.add(account="beta", path="token$", action={"status": 401})
    assert [acme.sign_in(provider).status_code, beta.sign_in(provider).status_code] == [200, 401]


@pytest.mark.parametrize("provider", LISTS)
def test_requests_tell_their_account(box, acme, beta, provider):
    for who in (acme, beta, Client(box, acme.session)):
        who.status(provider) if who in (acme, beta) else who.get(LISTS[provider])
    acme.get(LISTS[provider], headers={"Authorization": "Bearer x", "PRIVATE-TOKEN": "x"})
    accounts = [request.account for request in box.requests]
    assert list(dict.fromkeys(accounts)) == ["acme", "beta", "default", ""]


@pytest.mark.parametrize("names", [["acme", "acme"], ["a b"], [""], ["münchen"]])
def test_a_bad_or_doubled_name_is_refused(names):
    with pytest.raises(ValueError, match="account's name"):
        Sandbox(accounts=names)


def test_a_thousand_accounts_cost_nothing_until_somebody_looks():
    names = [f"account-{number}" for number in range(1000)]
    start = time.process_time()
    with Sandbox(invoices=50, accounts=names) as box, requests.Session() as session:
        config = box.accounts_config()
        assert [len(config[provider]["accounts"]) for provider in LISTS] == [1000] * 5
        assert time.process_time() - start < 1
        assert len(rows_of(Customer(box, session, "account-999").get(LISTS["ibana"], {"take": 100}))) == 50
        assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("given", "names"), [("2", ["account-1", "account-2"]), ("acme,beta", ["acme", "beta"]), (None, None)]
)
def test_the_command_prints_a_config_with_accounts(given, names):
    command = [sys.executable, "-m", "tap_invoices.sandbox", "--port", "0", "--invoices", "3"]
    command += ["--accounts", given] if given else []
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603
        try:
            config = json.loads(process.stdout.readline())
            assert set(config) == set(LISTS)
            if names is None:
                assert "accounts" not in config["ibana"]
                return
            accounts = config["ibana"]["accounts"]
            assert [account["name"] for account in accounts] == names
            headers = {"Authorization": f"Bearer {accounts[1]['token']}"}
            url = config["ibana"]["api_url"] + "/v1/invoice"
            assert requests.get(url, headers=headers, timeout=PATIENCE).json()["meta"]["itemCount"] == 3
        finally:
            process.terminate()
