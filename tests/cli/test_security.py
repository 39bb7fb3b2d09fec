"""Secrets and personal data: canaries in all that is secret, and none of them anywhere but where it belongs."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import trustme

from tap_invoices.cli import redact
from tap_invoices.cli.probe import Probe
from tap_invoices.cli.redact import RedactingFormatter, mask
from tap_invoices.http.client import Client
from tap_invoices.sandbox import Sandbox
from tap_invoices.sandbox.providers import PROVIDERS
from tap_invoices.tap import TapInvoices
from tests.conftest import NOW
from tests.support import forked
from tests.support.run import COMMAND, PATIENCE, ROOT, STREAMS, environment, own_signals, process, settings, sync
from tests.sync.test_faults import PASSING

CANARIES = {
    "covage": 'canary-covage/pass+word"é',
    "exsited": "canary-exsited&secret='1'",
    "matas": "canary-matas-token",
    "ibana": "canary-ibana-token",
    "i3dnet": "canary-i3dnet-token",
}
STORAGE = {"key": "canary-storage-key", "secret": "canary-storage-secret", "nested": {"token": "canary-nested"}}
MINTED = ("sandbox-covage-access", "sandbox-covage-refresh", "sandbox-exsited-access", "sandbox-exsited-refresh")
SIGNATURE = "sandbox-ibana-signature"
"""Of the signed URL in one of ibana's invoices."""

PERSONAL = ("Müller", "Zoë", "@example.com", "AT0", "NL00BANK", "M\\u00fcller", "Peña")
"""What invoices hold of people; a log holds none of it."""

FAULTS = [{"after": 4 * number, "action": action} for number, action in enumerate(PASSING.values())] + [
    {"path": "/matas/api/invoice/", "after": 3, "times": 2, "action": {"status": 400, "body": "Müller, Zoë"}},
    {"path": "/exsited/api/v3/invoices/[^/]+$", "after": 2, "times": None, "action": {"status": 403}},
    {"path": "/i3dnet/v3/account/invoice$", "times": None, "action": {"redirect": "https://evil.example/?token=1"}},
    {"path": "/exsited/.*token$", "action": {"status": 500, "body": "canary-exsited&secret='1'"}},
]


@pytest.fixture
def box(monkeypatch):
    """A sandbox whose credentials are canaries."""
    for provider in PROVIDERS:
        name = {"covage": "password", "exsited": "client_secret"}.get(provider.name, "token")
        monkeypatch.setitem(type(provider).secrets, name, CANARIES[provider.name])
    with Sandbox(invoices=25, faults=FAULTS) as served:
        served.now = NOW
        yield served


def config(box, tmp_path, **more):
    documents = {"mode": "files", "url": f"memory://{tmp_path.name}", "storage_options": {"key": STORAGE["key"]}}
    return settings(box, documents=documents, ledger_url=(tmp_path / "ledger.jsonl").as_uri(), **more)


def leaks(text, *more):
    """Return the secrets that a text shows, in any of the forms that text is quoted in."""
    secrets = [*CANARIES.values(), *texts(STORAGE), *MINTED, *more]
    return [secret for secret in secrets if mask(text, [secret]) != text]


def texts(value):
    return [text for item in value.values() for text in (texts(item) if isinstance(item, dict) else [item])]


def structured(folder):
    """Write a log configuration with handlers of its own, on the root and elsewhere."""
    path = folder / "logging.yaml"
    path.write_text(
        f"""
version: 1
disable_existing_loggers: false
formatters:
  json: {{(): singer_sdk.logging.StructuredFormatter}}
handlers:
  stderr: {{class: logging.StreamHandler, formatter: json, stream: ext://sys.stderr}}
  file: {{class: logging.FileHandler, filename: {folder / "own.log"}}}
root: {{level: DEBUG, handlers: [stderr]}}
loggers:
  urllib3: {{level: DEBUG, handlers: [file]}}
  tap-invoices: {{level: DEBUG, handlers: [file]}}
""",
        encoding="utf-8",
    )
    return {"SINGER_SDK_LOG_CONFIG": str(path)}


@pytest.mark.parametrize("own_logging", [False, True])
def test_no_secret_shows_at_debug_through_faults_of_every_kind(box, tmp_path, own_logging):
    """As a process: in what it logs, in state, ledger and file names, and in messages but for the records."""
    variables = structured(tmp_path) if own_logging else {}
    done = process(
        tmp_path, config(box, tmp_path), streams=STREAMS, TAP_INVOICES_LOGLEVEL="debug", LOGLEVEL="DEBUG", **variables
    )
    assert done.returncode == 1, "some of the faults last"
    assert len(box.requests) > 100
    files = [path for path in tmp_path.rglob("*") if path.name in {"ledger.jsonl", "own.log"}]
    written = "".join(path.read_text(encoding="utf-8") + path.name for path in files)
    assert not leaks(done.stderr + written, SIGNATURE)
    assert not [word for word in PERSONAL if word in done.stderr + written]
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert not leaks(json.dumps([message for message in messages if message["type"] != "RECORD"]), SIGNATURE)
    assert not leaks(done.stdout)
    assert not own_logging or (tmp_path / "own.log").stat().st_size > 0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_wrong_credentials_are_not_shown(box, tmp_path, status):
    """Not even where the sign-in answers with them."""
    box.faults.clear()
    body = json.dumps(list(CANARIES.values()))
    box.faults.add(times=None, action={"status": status, "body": body, "headers": {"X-Echo": "canary-matas-token"}})
    done = process(tmp_path, config(box, tmp_path, max_retry_seconds=0), TAP_INVOICES_LOGLEVEL="debug")
    assert done.returncode == 1
    assert not leaks(done.stderr + done.stdout)


def test_an_uncaught_error_shows_no_secret(box, tmp_path):
    """A stream map of the user's own that fails, with the secrets in the error's text, also those of the sign-in."""
    program = (
        "import sys; from tap_invoices import __main__; from tap_invoices.streams import base\n"
        "def fail(self, *_): raise RuntimeError(f'with {dict(self.config)!r} and {vars(self.client.auth)!r}')\n"
        "base.InvoiceStream.post_process = fail\n"
        "__main__.main()\n"
    )
    Path(tmp_path, "fail.py").write_text(program, encoding="utf-8")
    box.faults.clear()
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config(box, tmp_path)), encoding="utf-8")
    done = subprocess.run(  # noqa: S603
        [sys.executable, "fail.py", "--config", str(path)],
        cwd=tmp_path,
        env=environment(TAP_INVOICES_LOGLEVEL="debug"),
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "RuntimeError" in done.stderr
    assert not leaks(done.stderr + done.stdout)


def test_about_and_refused_settings_show_no_value(box, tmp_path):
    wrong = config(box, tmp_path)
    wrong["matas"]["token"] = {"inner": CANARIES["matas"]}
    wrong["ibana"]["api_url"] = f"https://user:{CANARIES['ibana']}@example.com"
    done = process(tmp_path, wrong)
    assert done.returncode == 1
    assert not leaks(done.stdout + done.stderr)
    arguments = [*COMMAND, "--about", "--config", str(tmp_path / "config.json")]
    about = forked.run(arguments, cwd=ROOT, env=environment(), timeout=PATIENCE)
    assert not leaks(about.stdout + about.stderr)


@pytest.mark.parametrize("secret", [*CANARIES.values(), "two\nlines", "quo\"te'\\", "日本語の鍵"])
@pytest.mark.parametrize("form", [str, repr, json.dumps, lambda text: json.dumps({"a": [text]})])
def test_masking_knows_the_forms_that_text_is_quoted_in(secret, form):
    assert secret not in mask(form(secret), [secret])
    assert "***" in mask(f"Bearer {form(secret)}", [secret])


@pytest.mark.parametrize("asks", [Client, Probe], ids=["sync", "check"])
def test_secrets_of_an_account_are_masked_from_when_it_is_opened(asks):
    accounts = [{"name": "acme", "token": CANARIES["matas"]}]
    with own_signals():
        tap = TapInvoices(config={"matas": {"accounts": accounts}})
    opened = tap.opener.open(tap.accounts[0], asks)
    record = logging.makeLogRecord({"msg": f"Bearer {CANARIES['matas']}"})
    assert RedactingFormatter(logging.Formatter()).format(record) == "Bearer ***"
    opened.client.close()


# Where credentials go


def canaries_sent(box):
    return [
        request
        for request in box.requests
        if any(canary in " ".join(request.headers.values()) for canary in (*CANARIES.values(), *MINTED))
    ]


def test_credentials_go_to_the_configured_host_only(box):
    """Foreign links and redirects to another sandbox: it sees no request."""
    with Sandbox(invoices=3) as other:
        box.faults.clear()
        box.faults.add(provider="covage", times=None, action={"foreign_next": other.url})
        for provider in ("exsited", "i3dnet", "ibana", "matas"):
            action = {"redirect": f"{other.url}/{provider}"}
            box.faults.add(provider=provider, path="invoice", times=None, action=action)
        wanted = settings(box)
        wanted["covage"]["page_size"] = 10
        run = sync(wanted, streams=STREAMS)
        assert len(run.keys("covage_invoices")) == 25
        assert not other.requests
    assert canaries_sent(box)


def test_a_scheme_downgrade_is_refused(box, tmp_path):
    wanted = settings(box, "matas")
    wanted["matas"]["api_url"] = "http://api.example.com/api"
    done = process(tmp_path, wanted)
    assert done.returncode == 1
    assert "https://" in done.stderr
    assert not done.stdout


def test_netrc_is_not_used(box, tmp_path, monkeypatch):
    secret = "machine 127.0.0.1 login canary-login password canary-netrc\n"
    Path(tmp_path, ".netrc").write_text(secret, encoding="ascii")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    box.faults.clear()
    run = sync(settings(box), streams=["ibana_invoices", "i3dnet_invoices", "covage_invoices"])
    assert not run.failures
    assert not [request for request in box.requests if "Basic" in request.headers.get("Authorization", "")]


def test_cookies_are_not_kept(box):
    box.faults.clear()
    box.faults.add(times=None, action={"cap": 5})
    box.faults.add(provider="ibana", times=1, action={"status": 503, "headers": {"Set-Cookie": "a=b; Path=/"}})
    sync(settings(box, "ibana"), streams=["ibana_invoices"])
    assert not [request for request in box.requests if "Cookie" in request.headers]


def test_a_signal_s_handler_may_log_in_a_thread_that_is_just_logging():
    said = []

    def handle():
        with redact._LOCK:  # where the signal comes
            said.append(RedactingFormatter(logging.Formatter()).format(logging.makeLogRecord({"msg": "stopped"})))

    thread = threading.Thread(target=handle, daemon=True)
    thread.start()
    thread.join(5)
    assert said == ["stopped"]


def test_a_proxy_of_the_environment_is_used(box, monkeypatch):
    """As requests does: HTTP_PROXY, unless NO_PROXY excepts the host."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert not sync(settings(box, "matas"), streams=["matas_invoices"]).failures
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    run = sync(settings(box, "matas", max_retry_seconds=0), streams=["matas_invoices"])
    assert "proxy" in run.failures["matas_invoices"]


# TLS


@pytest.fixture
def tls(tmp_path):
    """A real TLS server with a certificate of its own authority."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with Sandbox(invoices=25, ssl_context=context) as served:
        served.now = NOW
        yield served, bundle


def test_a_private_authority_is_trusted_by_ca_bundle(tls):
    served, bundle = tls
    streams = ["covage_invoices", "exsited_invoices", "matas_invoices"]
    run = sync(settings(served, ca_bundle=str(bundle)), streams=streams)
    assert not run.failures
    assert len(run.keys("covage_invoices")) == 25


@pytest.mark.usefixtures("clock")
def test_a_handshake_that_is_cut_short_is_tried_again(caplog):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connection.recv(1)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(4096)
                    connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        root = f"https://127.0.0.1:{server.getsockname()[1]}"
        config = {"ibana": {"api_url": root, "token": "t"}}
        with caplog.at_level(logging.WARNING):
            run = sync(config, streams=["ibana_invoices"])
    assert "closed without an answer" in run.failures["ibana_invoices"]
    assert "again in" in caplog.text


def test_a_certificate_that_nobody_trusts_is_refused_at_once(tls, caplog):
    served, _ = tls
    with caplog.at_level(logging.WARNING):
        run = sync(settings(served), streams=["ibana_invoices", "covage_invoices"])
    assert all("ca_bundle" in reason for reason in run.failures.values())
    assert len(run.failures) == 2
    assert not served.requests
    assert "again in" not in caplog.text
