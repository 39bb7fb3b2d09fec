"""``--test``: what is well, and each thing that can be wrong, in one line that says what helps."""

import logging
import re
import socket
import ssl
from datetime import UTC, date, datetime, timedelta

import pytest
import trustme

from tap_invoices.sandbox import Sandbox
from tap_invoices.sandbox.einvoice import EInvoice
from tap_invoices.sandbox.einvoice_pdf import einvoice_pdf
from tap_invoices.sandbox.pdf import invoice_pdf
from tap_invoices.tap import TapInvoices
from tests.support.run import CHILDREN, LISTS, STREAMS, UNIFIED, own_signals, settings

DEFAULT = {
    "covage": ["covage_invoices"],
    "exsited": ["exsited_invoices", "exsited_invoice_details"],
    "i3dnet": ["i3dnet_invoices", "i3dnet_invoice_details", "i3dnet_unpaid_invoices"],
    "ibana": ["ibana_invoices"],
    "matas": ["matas_invoices", "matas_invoice_details"],
}


@pytest.fixture
def box():
    """A sandbox whose clock is that of this machine."""
    with Sandbox(invoices=25) as served:
        yield served


@pytest.fixture
def verdicts(caplog, make_catalog):
    """Test a configuration in this process, and return whether it passes, and its lines."""

    def run(config, select=None):
        catalog = None if select is None else make_catalog(config, select)
        caplog.clear()
        with own_signals(), caplog.at_level(logging.INFO, "tap-invoices"):
            tap = TapInvoices(config=config, catalog=catalog)
            caplog.clear()
            passed = tap.check()
        assert all((record.levelname == "INFO") == ("ok, " in record.message) for record in caplog.records)
        assert all(record.exc_info is None for record in caplog.records)
        return passed, [record.message for record in caplog.records]

    return run


def asked(box):
    return [f"{request.method} {request.path}" for request in box.requests]


def tokens(box):
    return [line for line in asked(box) if line.startswith("POST")]


def ibana(url, **more):
    return {"ibana": {"api_url": url, "token": "a-token"}, **more}


# Several accounts


def test_of_several_accounts_what_is_wrong_has_a_line_and_the_rest_one_for_all(caplog):
    with Sandbox(invoices=5, accounts=["acme", "beta", "gamma"]) as box:
        box.faults.add(account="beta", times=None, action={"status": 401})
        config = box.accounts_config("ibana")
        with own_signals(), caplog.at_level(logging.INFO, "tap-invoices"):
            tap = TapInvoices(config=config)
            caplog.clear()
            assert not tap.check()
    wrong, rest = caplog.messages
    assert wrong.startswith("ibana/beta: ibana_invoices: 401 ")
    assert wrong.endswith(" does not accept the credentials in `ibana.accounts` (beta)")
    assert rest == "2 of 3 accounts: ok"


# What is well


def test_each_stream_that_is_selected_by_default_passes_with_one_request(box, verdicts):
    passed, lines = verdicts(settings(box))
    assert passed
    assert [line.split(":")[0] for line in lines] == [name for names in DEFAULT.values() for name in names]
    assert "covage_invoices: ok, 25 invoices" in lines
    assert "matas_invoices: ok, 25 invoices" in lines
    assert "i3dnet_invoices: ok, 10 invoices or more" in lines
    assert f"exsited_invoice_details: ok, asked for id {next(iter(box.book('exsited').invoices))}" in lines
    assert len(tokens(box)) == 2
    assert len(asked(box)) == 2 + len(lines)


def test_all_streams_pass_with_one_request_each(box, verdicts):
    passed, lines = verdicts(settings(box), select="*")
    assert passed
    assert {line.split(":")[0] for line in lines} == set(STREAMS)
    for path in STREAMS.values():
        assert sum(bool(re.search(path, line)) for line in asked(box)) == 1, path
    assert len(asked(box)) == 2 + len(STREAMS)


def test_an_amount_is_shown_both_ways_until_its_unit_is_set(box, verdicts):
    keys = list(box.book("ibana").invoices)
    for key in keys:
        box.book("ibana").change(key, totalAmount=5, date="2025-01-01", type="INVOICE", currency="EUR")
    box.book("ibana").change(keys[3], totalAmount=12100, date="2025-01-02")
    config = settings(box, "ibana")
    config["ibana"]["amounts_in"] = None
    passed, lines = verdicts(config)
    assert passed
    assert len(asked(box)) == 1
    [line] = lines[1:]
    assert line.startswith("invoices (ibana): ok, 25 invoices; amounts are null until `ibana.amounts_in` is set: ")
    assert line.endswith(f": is the total of {keys[3]} 12100 EUR (units), or 121.00 (cents)?")


def test_of_unified_rows_alone_their_list_is_asked_for(box, verdicts):
    passed, lines = verdicts(settings(box, "exsited"), select=["invoices"])
    assert passed
    assert lines == ["invoices (exsited): ok, 25 invoices"]
    assert len(asked(box)) == 2


def test_a_list_is_asked_for_a_few_rows(box, verdicts):
    verdicts(settings(box))
    sizes = {
        value for request in box.requests for name, value in request.query if name in {"page_size", "take", "limit"}
    }
    assert sizes == {"10"}


def test_followers_share_the_one_request_to_a_list_that_is_not_selected(box, verdicts):
    names = ["exsited_invoice_information", "exsited_invoice_details"]
    passed, lines = verdicts(settings(box, "exsited"), select=names)
    assert passed
    assert {line.split(":")[0] for line in lines} == set(names)
    assert len(tokens(box)) == 1
    assert len(asked(box)) == 1 + 1 + 2


def test_an_empty_list_is_no_fault(verdicts):
    with Sandbox(invoices=0) as box:
        passed, lines = verdicts(settings(box), select="*")
        assert len(asked(box)) == 2 + len(LISTS)
    assert passed
    assert "matas_invoices: ok, 0 invoices" in lines
    assert "i3dnet_invoices: ok, 0 invoices" in lines
    assert (
        "matas_invoice_details: ok, as far as can be told: matas_invoices names no invoice_number to ask for" in lines
    )


def test_an_invoice_that_is_gone_is_no_fault(box, verdicts):
    box.faults.add(path=CHILDREN["matas_invoice_details"], action={"status": 404})
    passed, lines = verdicts(settings(box, "matas"))
    assert passed
    assert lines[1].endswith("; a sync passes over it")


def test_documents_are_tried_and_none_is_left(box, verdicts, tmp_path):
    documents = {"mode": "files", "url": (tmp_path / "documents").as_uri()}
    passed, lines = verdicts(settings(box, "covage", documents=documents), select=["covage_invoice_documents"])
    assert passed
    assert "ok, asked for invoice_number" in lines[0]
    assert not [path for path in (tmp_path / "documents").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("pdf", "told"),
    [
        (
            lambda key: einvoice_pdf(EInvoice(key, date(2026, 1, 2)), "MINIMUM"),
            "carries XML (urn:factur-x.eu:1p0:minimum)",
        ),
        (lambda key: einvoice_pdf(EInvoice(f"{key}?", date(2026, 1, 2))), "is with the XML of another invoice"),
        (invoice_pdf, "is without XML"),
    ],
)
def test_whether_the_first_pdf_carries_xml_is_told(box, verdicts, pdf, told):
    book = box.book("covage")
    book.pdfs.update({key: pdf(key) for key in book.invoices})
    documents = {"mode": "inline", "read_xml": True}
    passed, lines = verdicts(settings(box, "covage", documents=documents), select=["covage_invoice_documents"])
    assert passed
    assert told in lines[0]


@pytest.mark.parametrize("invoices", [0, 5])
def test_a_storage_for_documents_that_cannot_be_used_is_named(verdicts, tmp_path, invoices):
    (tmp_path / "taken").write_text("no folder")
    documents = {"mode": "files", "url": (tmp_path / "taken").as_uri()}
    with Sandbox(invoices=invoices) as box:
        config = settings(box, "covage", documents=documents)
        passed, lines = verdicts(config, select=["covage_invoices", "covage_invoice_documents"])
    assert not passed
    assert lines[0] == f"covage_invoices: ok, {invoices} invoices"
    why = "documents cannot be stored (Not a directory): check `documents.url` and `documents.storage_options`"
    assert lines[1:] == [f"covage_invoice_documents: {why}"]


def test_a_provider_without_selected_streams_is_left_alone(box, caplog, make_catalog):
    config = settings(box, "ibana", "matas")
    catalog = make_catalog(config, ["ibana_invoices"])
    with own_signals(), caplog.at_level(logging.INFO, "tap-invoices"):
        assert TapInvoices(config=config, catalog=catalog).check()
    assert "matas: none of its streams is selected" in caplog.messages
    assert len(asked(box)) == 1


def test_a_folder_that_takes_no_documents_is_told(box, verdicts, tmp_path):
    (tmp_path / "file").touch()
    documents = {"mode": "files", "url": (tmp_path / "file").as_uri()}
    passed, lines = verdicts(settings(box, "covage", documents=documents), select=["covage_invoice_documents"])
    assert not passed
    assert "check `documents.url`" in lines[0]


# What cannot be reached: one line for the provider


def test_an_unknown_host(verdicts):
    assert verdicts(ibana("https://api.ibana.invalid")) == (
        False,
        ["ibana: the host name is not known: check `ibana.api_url`"],
    )


def test_the_setting_that_leads_to_an_unknown_host_is_named(box, verdicts):
    config = settings(box, "covage")
    config["covage"]["auth_url"] = "https://keycloak.invalid"
    assert verdicts(config) == (False, ["covage: the host name is not known: check `covage.auth_url`"])
    assert not asked(box)


def test_a_refused_port(box, verdicts):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        config = settings(box, "matas", "ibana")
        config["ibana"]["api_url"] = f"http://127.0.0.1:{taken.getsockname()[1]}"
        passed, lines = verdicts(config)
    assert not passed
    assert lines[:2] == [
        "ibana: the connection is refused: check `ibana.api_url`, the port too",
        "matas_invoices: ok, 25 invoices",
    ]


def test_a_proxy_of_no_use(verdicts, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:9")
    passed, [line] = verdicts({"ibana": {"api_url": "https://api.ibana.invalid", "token": "a-token"}})
    assert not passed
    assert line.startswith("ibana: the proxy that HTTPS_PROXY names in the environment needs a library for SOCKS")


@pytest.mark.parametrize("setting", ["api_url", "auth_url"])
def test_authorities_that_are_not_there(box, verdicts, monkeypatch, tmp_path, setting):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
    config = settings(box, "covage")
    config["covage"][setting] = "https://covage.invalid"
    passed, [line] = verdicts(config)
    assert not passed
    assert line.startswith("covage: REQUESTS_CA_BUNDLE in the environment leads to no certificate authorities")


def test_no_answer_in_time(box, verdicts):
    box.faults.add(provider="ibana", action={"delay": 60})
    config = settings(box, "ibana", request_timeout=1)
    wanted = ["ibana: no answer in time: try again later, or raise `request_timeout`"]
    assert verdicts(config) == (False, wanted)
    assert len(asked(box)) == 1


def test_a_connection_that_breaks(box, verdicts):
    box.faults.add(provider="ibana", action={"reset": True})
    passed, lines = verdicts(settings(box, "ibana"))
    assert not passed
    assert re.fullmatch(r"ibana: the connection was .*: check `ibana\.api_url`, or try again later", lines[0])


def test_a_body_that_breaks_off(box, verdicts):
    box.faults.add(provider="ibana", action={"end_early": True})
    passed, lines = verdicts(settings(box, "ibana"))
    assert not passed
    assert lines == ["ibana_invoices: the body ended early: check `ibana.api_url`, or try again later"]


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def serve_tls(authority):
    """Serve with a certificate for a host, and return the URL."""

    def serve(host="127.0.0.1", **validity):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(host, **validity).configure_cert(context)
        box = Sandbox(invoices=5, ssl_context=context)
        box.start()
        started.append(box)
        return box

    started = []
    yield serve
    for box in started:
        box.stop()


@pytest.fixture
def bundle(authority, tmp_path):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


def test_a_certificate_of_a_private_authority(serve_tls, bundle, verdicts):
    config = settings(serve_tls(), "ibana")
    wanted = ["ibana: the TLS certificate is not trusted (set `ca_bundle` for a private authority)"]
    assert verdicts(config) == (False, wanted)
    assert verdicts({**config, "ca_bundle": bundle}) == (True, ["ibana_invoices: ok, 5 invoices"])


def test_a_certificate_for_another_host(serve_tls, bundle, verdicts):
    config = settings(serve_tls("elsewhere.example"), "ibana", ca_bundle=bundle)
    assert verdicts(config) == (False, ["ibana: the TLS certificate is for another host: check `ibana.api_url`"])


def test_a_certificate_that_has_expired(serve_tls, bundle, verdicts):
    over = datetime.now(UTC) - timedelta(days=1)
    box = serve_tls(not_before=over - timedelta(days=9), not_after=over)
    wanted = ["ibana: the TLS certificate has expired: check the clock of this machine, or tell ibana"]
    assert verdicts(settings(box, "ibana", ca_bundle=bundle)) == (False, wanted)


def test_a_certificate_that_is_not_valid_yet(serve_tls, bundle, verdicts):
    begins = datetime.now(UTC) + timedelta(days=1)
    box = serve_tls(not_before=begins, not_after=begins + timedelta(days=9))
    wanted = ["ibana: the TLS certificate is not valid yet: check the clock of this machine"]
    assert verdicts(settings(box, "ibana", ca_bundle=bundle)) == (False, wanted)


def test_https_where_none_is_spoken(box, verdicts):
    config = settings(box, "ibana")
    config["ibana"]["api_url"] = config["ibana"]["api_url"].replace("http:", "https:")
    wanted = ["ibana: no TLS is spoken there: check the port and the https:// of `ibana.api_url`"]
    assert verdicts(config) == (False, wanted)


# Who is not let in


@pytest.mark.parametrize("provider", ["covage", "exsited"])
def test_a_refused_sign_in_is_one_request_and_one_line(box, verdicts, provider):
    config = settings(box, provider)
    secret = "password" if provider == "covage" else "client_secret"
    config[provider][secret] = "wrong"
    passed, lines = verdicts(config)
    assert not passed
    assert len(lines) == 1
    assert re.fullmatch(rf"{provider}: at sign-in: .* refuses .*: check the credentials in `{provider}`", lines[0])
    assert len(asked(box)) == 1


@pytest.mark.parametrize("provider", ["matas", "ibana", "i3dnet"])
def test_a_bad_token(box, verdicts, provider):
    config = settings(box, provider)
    config[provider]["token"] = "wrong"
    passed, lines = verdicts(config)
    assert not passed
    assert [line.split(":")[0] for line in lines] == DEFAULT[provider]
    assert all(f"`{provider}`" in line or "API key" in line for line in lines)
    assert len(asked(box)) == sum("could not be read" not in line for line in lines)


def test_a_new_token_that_is_refused_is_not_asked_for_again(box, verdicts):
    box.faults.add(path=LISTS["covage_invoices"], times=None, action={"status": 401})
    passed, lines = verdicts(settings(box, "covage"))
    assert not passed
    assert "Covage does not accept the credentials in `covage`" in lines[0]
    assert len(asked(box)) == 2


def test_a_permission_that_is_missing_is_told_for_its_stream_alone(box, verdicts):
    box.faults.add(path=CHILDREN["exsited_invoice_details"], times=None, action={"status": 403})
    passed, lines = verdicts(settings(box, "exsited"))
    assert not passed
    why = "403 for GET /api/v3/invoices/{id}: permission denied: ask Exsited to let the API credentials read invoices"
    assert lines == ["exsited_invoices: ok, 25 invoices", f"exsited_invoice_details: {why}"]


def test_a_list_that_is_forbidden_fails_its_followers_too(box, verdicts):
    box.faults.add(path=LISTS["matas_invoices"], times=None, action={"status": 403})
    passed, lines = verdicts(settings(box, "matas"))
    why = "403 for GET /invoices: permission denied: give the token the scope `Invoices` in the Matas Extranet"
    assert not passed
    assert lines == [f"matas_invoices: {why}", f"matas_invoice_details: matas_invoices could not be read: {why}"]
    assert len(asked(box)) == 1


# What else may answer


def test_a_wrong_path(box, verdicts):
    config = settings(box, "ibana")
    config["ibana"]["api_url"] += "/elsewhere"
    passed, lines = verdicts(config)
    assert not passed
    assert lines == ["ibana_invoices: 404 for GET /v1/invoice: not found; if it is so for all, check `ibana.api_url`"]


def test_a_wrong_path_at_sign_in(box, verdicts):
    config = settings(box, "covage")
    config["covage"]["realm"] = "another"
    box.faults.add(path="token", action={"status": 404})
    passed, lines = verdicts(config)
    assert not passed
    assert lines == ["covage: at sign-in: Covage has no sign-in at this address (404): check the URLs in `covage`"]


@pytest.mark.parametrize("action", [{"html": True}, {"empty": True}, {"half_json": True}])
def test_what_is_not_json(box, verdicts, action):
    box.faults.add(provider="ibana", action=action)
    passed, lines = verdicts(settings(box, "ibana"))
    assert not passed
    why = r"the body \(\d+ bytes\) is not JSON: check `ibana\.api_url`, for something else may answer there"
    assert re.fullmatch(f"ibana_invoices: {why}", lines[0])
    assert len(asked(box)) == 1


@pytest.mark.parametrize("provider", ["covage", "exsited"])
def test_a_redirect_at_sign_in(box, verdicts, provider):
    box.faults.add(provider=provider, path="token$", action={"redirect": f"{box.url}/elsewhere"})
    passed, [line] = verdicts(settings(box, provider))
    assert not passed
    assert "answers the sign-in with a redirect (302), which is never followed: check the URLs" in line
    assert len(asked(box)) == 1


def test_what_is_not_json_at_sign_in(box, verdicts):
    box.faults.add(path="token", action={"html": True})
    passed, lines = verdicts(settings(box, "covage"))
    assert not passed
    assert re.fullmatch(r"covage: at sign-in: the body \(\d+ bytes\) is not JSON: check `covage\..*", lines[0])
    assert len(asked(box)) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_not_waited_for(box, verdicts, status):
    box.faults.add(provider="i3dnet", path="unpaid", action={"status": status, "headers": {"Retry-After": "60"}})
    passed, lines = verdicts(settings(box, "i3dnet"))
    assert not passed
    assert [line.split(":")[0] for line in lines] == DEFAULT["i3dnet"]
    assert re.fullmatch(rf"i3dnet_unpaid_invoices: {status} for GET .*: try again later", lines[-1])
    assert len(asked(box)) == 3


@pytest.mark.parametrize(("minutes", "side"), [(10, "behind"), (-10, "ahead of")])
def test_a_clock_that_is_wrong(box, verdicts, minutes, side):
    box.clock_offset = minutes * 60
    passed, lines = verdicts(settings(box, "matas"))
    assert not passed
    assert lines[-1] == f"matas: the clock of this machine is 10 minutes {side} that of Matas: set it right"


def test_a_clock_that_is_right_enough(box, verdicts):
    box.clock_offset = 240
    assert verdicts(settings(box, "matas"))[0]


def test_what_nobody_thought_of_is_one_line_too(box, verdicts, monkeypatch):
    monkeypatch.setattr("tap_invoices.streams.details.decode", lambda _: 1 // 0)
    passed, lines = verdicts(settings(box, "matas"))
    assert not passed
    assert lines[-1] == ("matas_invoice_details: unexpected ZeroDivisionError; TAP_INVOICES_LOGLEVEL=debug tells where")


# The command


def test_the_command_tells_all_on_stderr_and_exits_with_0(box, run_tap, make_catalog):
    config = settings(box)
    done = run_tap("--test", "--config", config, "--catalog", make_catalog(config, "*"))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.count(": ok, ") == len(STREAMS)


def test_the_command_exits_with_1_and_shows_no_secret_and_no_body(box, run_tap):
    config = settings(box)
    config["covage"]["password"] = "canary-of-a-password"
    box.faults.add(provider="matas", times=None, action={"html": "a canary in a page"})
    done = run_tap("--config", config, "--test", TAP_INVOICES_LOGLEVEL="debug")
    assert (done.returncode, done.stdout) == (1, "")
    assert "canary" not in done.stderr
    assert "sandbox-exsited-secret" not in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("| ERROR ") == 3


def test_bad_settings_are_told_instead(run_tap):
    done = run_tap("--test", "--config", {"ibana": {"token": "x"}, "matsa": {}})
    assert (done.returncode, done.stdout) == (1, "")
    assert "did you mean `matas`?" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_catalog_that_is_none_is_told_instead(box, run_tap):
    done = run_tap("--test", "--config", settings(box, "ibana"), "--catalog", [])
    assert done.returncode == 1
    assert "--catalog is not a JSON object" in done.stderr


def test_the_help_says_what_it_does():
    options = {option.name: option for option in TapInvoices.get_singer_command().params}
    assert options["test"].help.startswith("Ask each provider once")


def test_schemas_are_still_written_alone(box, run_tap):
    done = run_tap("--test=schema", "--config", settings(box))
    assert done.returncode == 0
    assert done.stdout.count('{"type":"SCHEMA"') == len(STREAMS) + len(UNIFIED)
    assert not asked(box)
