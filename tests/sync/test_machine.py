"""Faults of this machine and its environment: told at once and by name, and no provider is blamed for them."""

from __future__ import annotations

import errno
import os
import resource
import socket
import threading

import pytest
import trustme

from tap_invoices.sandbox import Sandbox
from tests.conftest import NOW
from tests.support.run import settings, sync

STREAM = "ibana_invoices"
ELSEWHERE = "https://api.ibana.invalid"


@pytest.fixture
def no_exceptions(monkeypatch):
    """Hosts are reached through the proxy, this machine too."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")


def failure(clock, config):
    """Sync ibana's list, which fails without a wait; return what is told, which is not that ibana is down."""
    run = sync(config, streams=[STREAM])
    assert clock.slept == []
    assert not run.client("ibana").down
    return run.failures[STREAM]


def ibana(url=ELSEWHERE, **more):
    return {"ibana": {"api_url": url, "token": "a-token"}, **more}


def tls_url(box):
    return settings(box, "ibana")["ibana"]["api_url"].replace("http:", "https:")


# Certificate authorities


def test_authorities_that_are_not_there(clock, monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
    told = failure(clock, ibana())
    assert "REQUESTS_CA_BUNDLE in the environment leads to no certificate authorities (No such file" in told
    assert told.endswith("nowhere.pem")


@pytest.mark.parametrize("named_by", ["`ca_bundle`", "REQUESTS_CA_BUNDLE"])
def test_a_file_without_certificates(box, clock, monkeypatch, tmp_path, named_by):
    empty = tmp_path / "empty.pem"
    empty.write_text("none here\n", encoding="ascii")
    if named_by == "REQUESTS_CA_BUNDLE":
        monkeypatch.setenv(named_by, str(empty))
        told = failure(clock, ibana(tls_url(box)))
    else:
        told = failure(clock, ibana(tls_url(box), ca_bundle=str(empty)))
    assert told.startswith(named_by)
    assert "it holds no certificate" in told


def test_authorities_that_are_good_are_not_blamed(box, clock, monkeypatch, tmp_path):
    bundle = tmp_path / "authority.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    run = sync(ibana(tls_url(box)), streams=[STREAM])
    assert clock.slept == []
    assert "no TLS is spoken there" in run.failures[STREAM]


# Proxies


@pytest.mark.usefixtures("no_exceptions")
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_socks_proxy_without_its_library(clock, monkeypatch, variable):
    monkeypatch.setenv(variable, "socks5://user:canary@127.0.0.1:9")
    told = failure(clock, ibana())
    assert f"{variable} names in the environment needs a library for SOCKS" in told
    assert "canary" not in told


@pytest.mark.usefixtures("no_exceptions")
@pytest.mark.parametrize("proxy", ["http://", "http://:3128", "http://user:canary@proxy:port", "ftp://proxy:3128"])
def test_a_proxy_that_is_no_url_of_one(clock, monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    told = failure(clock, ibana())
    assert "the proxy that HTTPS_PROXY names in the environment is not the URL of a proxy" in told
    assert "canary" not in told


@pytest.mark.usefixtures("no_exceptions")
def test_a_proxy_that_wants_a_password(clock, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse():
            line, _ = listener.accept()
            line.recv(4096)
            line.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            line.close()

        proxy = threading.Thread(target=refuse)
        proxy.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.getsockname()[1]}")
        told = failure(clock, ibana())
        proxy.join()
    assert "the proxy wants a user name and a password (407)" in told


# Files


def test_no_room_for_a_document_is_told_for_it_alone_and_it_is_not_downloaded_again(clock, caplog):
    """A write beyond a limit fails as on a full disk."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Sandbox(invoices=3) as box:
        box.now = NOW
        box.book("covage").pdf_size = 3_000_000
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
        try:
            run = sync(settings(box, "covage"), streams=["covage_invoice_documents"])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
    assert clock.slept == []
    assert run.account("covage_invoice_documents").failed == 3
    assert not run.client("covage").down
    assert "a temporary file cannot be written (File too large): make room for it, or set TMPDIR" in caplog.text


@pytest.mark.parametrize(("number", "is_local"), [(errno.EMFILE, True), (errno.ECONNREFUSED, False)])
def test_a_fault_is_found_behind_what_requests_makes_of_it(clock, monkeypatch, number, is_local):
    def fail(*_arguments, **_named):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("urllib3.util.connection.create_connection", fail)
    run = sync(ibana("https://127.0.0.1:9"), streams=[STREAM])
    assert (clock.slept == []) is is_local
    assert ("`max_connections`" in run.failures[STREAM]) is is_local


# Threads


@pytest.fixture
def threads(monkeypatch):
    """Let this machine have only so many more threads of some names."""
    start = threading.Thread.start

    def limit(prefix, left):
        started = []

        def limited(thread):
            if thread.name.startswith(prefix):
                if len(started) >= left:
                    raise RuntimeError("can't start new thread")  # noqa: EM101, TRY003  (as Python says it)
                started.append(thread)
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", limited)

    return limit


@pytest.mark.parametrize(
    ("prefix", "left", "failed"),
    [
        ("matas-", 0, {"matas_invoice_details"}),
        ("matas-", 1, set()),
        ("read-", 0, {"matas_invoices", "matas_invoice_details"}),
        ("account-matas", 0, set()),
    ],
)
def test_threads_that_cannot_be_started_hold_up_nothing(box, threads, prefix, left, failed):
    """Fewer than wanted will do; what needs one fails by name."""
    threads(prefix, left)
    streams = ["matas_invoices", "matas_invoice_details"]
    run = sync(settings(box, "matas"), streams=streams)
    assert run.failures == dict.fromkeys(failed, "unexpected RuntimeError")
    assert {stream: len(run.records[stream]) for stream in streams if stream not in failed} == dict.fromkeys(
        set(streams) - failed, 25
    )
