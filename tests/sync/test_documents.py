"""Documents: byte for byte, in files and in records, wherever the files go."""

from __future__ import annotations

import base64
import errno
import gc
import hashlib
import io
import re
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import boto3
import fsspec
import pytest
import s3fs.core
from fsspec.implementations.local import LocalFileSystem
from hypothesis import example, given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer
from singer_sdk.exceptions import ConfigValidationError

from tap_invoices.streams.documents import file_name
from tap_invoices.streams.storage import locate
from tap_invoices.tap import TapInvoices
from tests.support.run import CHILDREN, DOCUMENTS, LISTS, own_signals, peak, provider_of

COVAGE = "covage_invoice_documents"
PDF = b"%PDF-1.4\n" + b"x" * 3000 + b"\n%%EOF\n"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "documents"


@pytest.fixture
def files(box, folder):
    """Settings for files in a folder."""
    return {**box.config(), "documents": {"mode": "files", "url": folder.as_uri()}}


@pytest.fixture
def inline(box):
    return {**box.config(), "documents": {"mode": "inline"}}


@pytest.fixture(params=["files", "inline"])
def config(request):
    """Settings of one mode and the other."""
    return request.getfixturevalue(request.param)


def stored(record):
    """The file that a record names."""
    return Path(url2pathname(urlsplit(record["url"]).path))


def key_of(run, stream, record):
    return record[run.key_names(stream)[0]]


# Both modes


@pytest.mark.parametrize("stream", DOCUMENTS)
def test_files_hold_what_the_provider_sent(box, sync, files, folder, stream):
    done = sync(files, select=[stream])
    book = box.book(provider_of(stream))
    assert len(done.records[stream]) == len(book.invoices)
    for record in done.records[stream]:
        body = stored(record).read_bytes()
        assert body == book.pdf(key_of(done, stream, record))
        assert (record["size"], record["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
        assert stored(record).parent == folder / stream / "default"
        assert stored(record).name == record["file_name"]
        assert record["media_type"] == "application/pdf"
        assert "content_base64" not in record
    assert len(list((folder / stream / "default").iterdir())) == len(book.invoices)


@pytest.mark.parametrize("stream", DOCUMENTS)
def test_records_hold_what_the_provider_sent(box, sync, inline, stream):
    done = sync(inline, select=[stream])
    book = box.book(provider_of(stream))
    assert len(done.records[stream]) == len(book.invoices)
    for record in done.records[stream]:
        body = base64.b64decode(record["content_base64"])
        assert body == book.pdf(key_of(done, stream, record))
        assert (record["size"], record["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
        assert record["media_type"] == "application/pdf"
        assert "url" not in record


def test_a_large_document_comes_whole(box, sync, files, inline):
    key = next(iter(box.book("covage").invoices))
    body = b"%PDF-1.7\n" + bytes(range(256)) * 20_000 + b"\n%%EOF"
    box.book("covage").pdfs[key] = body
    for config, read in (
        (files, lambda r: stored(r).read_bytes()),
        (inline, lambda r: base64.b64decode(r["content_base64"])),
    ):
        [record] = [r for r in sync(config, select=[COVAGE]).records[COVAGE] if r["invoice_number"] == key]
        assert read(record) == body


# Files


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_large_file_is_never_whole_in_memory(box, files, tmp_path):
    config = {**files, "max_connections": 1}
    small = peak(tmp_path, config, COVAGE)
    box.book("covage").pdfs[next(iter(box.book("covage").invoices))] = b"%PDF-1.7\n" + bytes(40_000_000) + b"\n%%EOF"
    assert peak(tmp_path, config, COVAGE) < small + 20_000


def test_an_unchanged_file_is_not_written_again(sync, files, folder):
    sync(files, select=[COVAGE])
    before = {path: path.stat() for path in (folder / COVAGE / "default").iterdir()}
    again = sync(files, select=[COVAGE])
    assert len(again.records[COVAGE]) == len(before)
    assert {
        path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in (folder / COVAGE / "default").iterdir()
    } == {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in before.items()}


@pytest.mark.parametrize("stored_body", [b"%PDF-1.4 other %%EOF", PDF.replace(b"x", b"y")], ids=["size", "hash"])
def test_a_changed_file_is_written_again(box, sync, files, folder, stored_body):
    key = next(iter(box.book("covage").invoices))
    box.book("covage").pdfs[key] = PDF
    path = folder / COVAGE / "default" / file_name(key)
    path.parent.mkdir(parents=True)
    path.write_bytes(stored_body)
    sync(files, select=[COVAGE])
    assert path.read_bytes() == PDF


def test_a_file_that_cannot_be_stored_fails_and_leaves_nothing_half(box, sync, files, folder, monkeypatch):
    key = next(iter(box.book("covage").invoices))
    move = LocalFileSystem.mv

    def fails_once(files, source, target, **options):
        if target.endswith(file_name(key)):
            raise OSError
        move(files, source, target, **options)

    monkeypatch.setattr(LocalFileSystem, "mv", fails_once)
    done = sync(files, select=[COVAGE])
    assert list(done.bookmark(COVAGE)["failed"]) == [key]
    assert len(done.records[COVAGE]) == len(list((folder / COVAGE / "default").iterdir())) == 24


@pytest.mark.usefixtures("no_waits")
def test_a_full_disk_is_told_as_such(sync, files, monkeypatch, caplog):
    def full(*_args, **_options):
        raise OSError(errno.ENOSPC, "a server's words")

    monkeypatch.setattr(LocalFileSystem, "mv", full)
    done = sync(files, select=[COVAGE])
    assert "(No space left on device): check `documents.url`" in done.failures[COVAGE]
    assert "a server's words" not in caplog.text


def test_a_temporary_file_that_cannot_be_written_is_no_fault_of_the_provider(box, sync, files, monkeypatch, tmp_path):
    monkeypatch.setattr("tap_invoices.streams.documents._IN_MEMORY", 100)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    done = sync(files, select=[COVAGE])
    assert "a temporary file cannot be written" in done.failures[COVAGE]
    assert "TMPDIR" in done.failures[COVAGE]
    asked = [request.path for request in box.requests if "/download/" in request.path]
    assert len(asked) == len(set(asked)), "none is downloaded again"


@pytest.mark.parametrize(
    ("url", "options"),
    [("ftp://127.0.0.1:9/invoices", {}), ("s3://invoices", {"no_such_option": 1, "client_kwargs": 3})],
    ids=["nobody is there", "a wrong option"],
)
def test_a_storage_that_cannot_be_opened_ends_only_the_streams_of_documents(box, sync, url, options):
    documents = {"mode": "files", "url": url, "storage_options": options}
    done = sync({**box.config(), "documents": documents}, select=[*LISTS, *DOCUMENTS])
    assert set(done.failures) == set(DOCUMENTS)
    assert all("check `documents.url` and `documents.storage_options`" in words for words in done.failures.values())
    assert not [request for request in box.requests if re.search("/download/|/pdf", request.path)]
    assert all(len(done.records[name]) for name in LISTS)


def test_a_file_gets_its_name_only_once_it_is_whole(box, sync, files, monkeypatch):
    move, moved = LocalFileSystem.mv, {}

    def watched(files, source, target, **options):
        moved[Path(target).name] = (Path(target).exists(), Path(source).read_bytes())
        move(files, source, target, **options)

    monkeypatch.setattr(LocalFileSystem, "mv", watched)
    sync(files, select=[COVAGE])
    book = box.book("covage")
    assert moved == {file_name(key): (False, book.pdf(key)) for key in book.invoices}


def test_memory(box, sync):
    done = sync({**box.config(), "documents": {"mode": "files", "url": "memory://invoices/all"}}, select=[COVAGE])
    for record in done.records[COVAGE]:
        assert record["url"] == f"memory:///invoices/all/{COVAGE}/default/{record['file_name']}"
        with fsspec.open(record["url"], "rb") as file:
            assert file.read() == box.book("covage").pdf(record["invoice_number"])


@pytest.fixture(scope="module")
def s3():
    """A bucket of an S3 server on this machine: what opens it for fsspec."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    keys = {"aws_access_key_id": "canary-key", "aws_secret_access_key": "canary-secret", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=endpoint, **keys)
    client.create_bucket(Bucket="invoices")
    yield {
        "key": "canary-key",
        "secret": "canary-secret",
        "endpoint_url": endpoint,
        "client_kwargs": {"region_name": "us-east-1"},
    }
    client.close()
    server.stop()


def test_s3(box, sync, s3):
    documents = {"mode": "files", "url": "s3://invoices/2026", "storage_options": s3}
    config = {**box.config(), "documents": documents}
    first, second = (sync(config, select=[COVAGE]) for _ in range(2))
    bucket = fsspec.filesystem("s3", **s3)
    assert not second.failures
    assert first.records[COVAGE] == second.records[COVAGE]
    assert len(bucket.ls(f"invoices/2026/{COVAGE}/default")) == 25
    for record in first.records[COVAGE]:
        assert record["url"] == f"s3://invoices/2026/{COVAGE}/default/{record['file_name']}"
        assert bucket.cat_file(record["url"]) == box.book("covage").pdf(record["invoice_number"])


ALL_RIGHTS = {"head_bucket", "get_object", "put_object"}
LEAST_RIGHTS = {"get_object", "put_object"}


@pytest.fixture(params=[ALL_RIGHTS, LEAST_RIGHTS], ids=["all rights", "least rights"])
def s3_calls(request, monkeypatch):
    """What S3 is asked to do, by somebody who has some rights."""
    called, send = [], s3fs.core._error_wrapper

    async def watched(method, **given):
        name = method.__name__
        if name.startswith("_"):  # a helper, which calls the method in turn
            return await send(method, **given)
        called.append(name)
        if name not in request.param:
            raise PermissionError
        try:
            return await send(method, **given)
        except FileNotFoundError:
            if name == "get_object" and request.param is LEAST_RIGHTS:  # then S3 keeps it to itself
                raise PermissionError from None
            raise

    monkeypatch.setattr("s3fs.core._error_wrapper", watched)
    return called


def test_s3_is_asked_for_nothing_but_objects_under_their_names(box, sync, s3, s3_calls, tmp_path):
    documents = {"mode": "files", "url": f"s3://invoices/{tmp_path.name}", "storage_options": s3}
    config = {**box.config(), "documents": documents}
    done = sync(config, select=[COVAGE])
    assert not done.failures
    assert s3_calls.count("put_object") == 25
    assert set(s3_calls) <= ALL_RIGHTS
    s3_calls.clear()
    again = sync(config, select=[COVAGE])
    assert not again.failures
    assert again.records[COVAGE] == done.records[COVAGE]
    assert "put_object" not in s3_calls, "what is there already is left alone"


def test_an_object_is_stored_whole_or_not_at_all(s3):
    bucket, path = locate("s3://invoices/broken.pdf", s3)
    parts = iter([b"x" * 9_000_000, b"y" * 9_000_000])

    class Broken(io.RawIOBase):
        def read(self, _size=-1):
            if (part := next(parts, None)) is None:
                raise OSError
            return part

    with pytest.raises(OSError, match=r"^$"):
        bucket.write(path, Broken())
    gc.collect()
    assert not bucket.read(path)
    bucket.write(path, io.BytesIO(b"z" * 20_000_000))
    assert bucket.read(path) == b"z" * 20_000_000


def test_a_bucket_that_is_not_there_is_told_and_not_made(box, sync, s3, s3_calls, caplog):
    documents = {"mode": "files", "url": "s3://nowhere/2026", "storage_options": s3}
    done = sync({**box.config(), "documents": documents, "max_connections": 1}, select=["covage_invoices", COVAGE])
    assert "the bucket does not exist" in done.failures[COVAGE]
    assert "check `documents.url`" in done.failures[COVAGE]
    assert list(done.failures) == [COVAGE]
    assert "canary-secret" not in caplog.text
    assert "create_bucket" not in s3_calls


@pytest.mark.parametrize(
    ("bucket", "code", "told"),
    [("nowhere", 1, "the bucket does not exist: check `documents.url`"), ("invoices", 0, ": ok, asked for")],
)
def test_a_test_makes_neither_bucket_nor_object(box, s3, run_tap, make_catalog, bucket, code, told):  # noqa: PLR0913, PLR0917
    documents = {"mode": "files", "url": f"s3://{bucket}/tested", "storage_options": s3}
    config = {**box.config("covage"), "documents": documents}
    box.now = datetime.now(UTC)
    done = run_tap("--test", "--config", config, "--catalog", make_catalog(config, [COVAGE]))
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    files = fsspec.filesystem("s3", skip_instance_cache=True, **s3)
    assert not files.exists(f"s3://{bucket}/tested")
    assert files.exists(f"s3://{bucket}") == (code == 0)


@pytest.mark.parametrize("documents", [{}, {"read_xml": True}, {"max_bytes": 1000}])
def test_a_catalog_that_selects_documents_without_their_settings_is_told_what_lacks(box, make_catalog, documents):
    catalog = make_catalog({**box.config("covage"), "documents": {"mode": "inline"}}, [COVAGE])
    with own_signals(), pytest.raises(ConfigValidationError) as refused:
        _ = TapInvoices(config={**box.config("covage"), "documents": documents}, catalog=catalog).streams
    assert refused.value.errors[0].startswith(f"The catalog selects {COVAGE}, and PDFs need `documents.mode`")


# What is no document


@pytest.mark.parametrize(
    "action",
    [
        {"pdf_html": True},
        {"html": True},
        {"empty": True},
        {"half_json": True},
        {"status": 200, "body": "%PDF-1.4 %%EO"},
        {"status": 200, "body": "<p>%%EOF</p>"},
    ],
    ids=["HTML as a PDF", "HTML", "empty", "half", "without its end", "without its start"],
)
@pytest.mark.usefixtures("no_waits")
def test_a_body_that_is_no_whole_pdf_fails_alone_and_is_asked_for_again(box, sync, config, folder, action):
    key = next(iter(box.book("covage").invoices))
    box.faults.add(path=f"/{key}/download/$", times=None, action=action)
    done = sync(config, select=[COVAGE])
    assert len([request for request in box.requests if f"/{key}/download" in request.path]) == 3
    assert len(done.records[COVAGE]) == 24
    assert list(done.bookmark(COVAGE)["failed"]) == [key]
    assert not (folder / COVAGE / "default" / file_name(key)).exists()
    box.faults.clear()
    again = sync(config, done.state, select=[COVAGE])
    assert key in {record["invoice_number"] for record in again.records[COVAGE]}
    assert not again.failures


ONE = b"1 0 obj\n<<>>\nendobj\n"
END = b"startxref\n%d\n%%%%EOF\n"
WHOLE = b"%PDF-1.7\n" + ONE + END % 9
LINEAR = b"%PDF-1.7\n5 0 obj\n<</Linearized 1/L 999>>\nendobj\n" + END % 0
AROUND = {
    "as it should be": WHOLE,
    "without a line end": WHOLE.rstrip(),
    "padded with NULs": WHOLE + bytes(80_508),
    "padded with spaces": WHOLE + b" " * 1500,
    "padded with digits": WHOLE + b"7 " * 150_000,
    "with a page after it": WHOLE + b"<object>" + b"x" * 300_000 + b"</object>",
    "with bytes before it": b"\r\n\xef\xbb\xbf" + WHOLE,
    "updated": WHOLE + ONE + END % 60,
    "first page first": LINEAR + ONE + END % 9,
    "without an offset": b"%PDF-1.4\nx\n%%EOF",
}
CUT = {
    "in an object": WHOLE[:30],
    "before the mark": WHOLE[:-7],
    "in an update": WHOLE + ONE[:12],
    "before the end of an update": WHOLE + ONE + b"startxref\n60\n",
    "after the first page": LINEAR,
    "in the second page": LINEAR + ONE,
    "and padded": WHOLE + ONE + bytes(5000),
    "after a file in it": b"%PDF-1.7\n1 0 obj\n<<>>\nstream\n" + WHOLE + b"\nendstream\n",
}


@pytest.mark.usefixtures("no_waits")
def test_a_whole_pdf_is_whole_whatever_stands_around_it_and_one_that_is_cut_is_not(box, sync, config):
    keys = list(box.book("covage").invoices)
    bodies = dict(zip(keys, [*AROUND.values(), *CUT.values()], strict=False))
    box.book("covage").pdfs |= bodies
    done = sync(config, select=[COVAGE])
    assert list(done.bookmark(COVAGE)["failed"]) == keys[len(AROUND) : len(AROUND) + len(CUT)]
    sizes = {record["invoice_number"]: record["size"] for record in done.records[COVAGE]}
    assert {key: sizes[key] for key in keys[: len(AROUND)]} == {key: len(bodies[key]) for key in keys[: len(AROUND)]}


def test_a_folder_whose_name_the_locale_cannot_write_is_told_with_what_helps(sync, config, tmp_path):
    config["documents"] |= {
        "mode": "files",
        "url": f"{tmp_path}/\ud800",
    }  # as any letter beyond ASCII is, without UTF-8
    assert "(its name has characters that this machine's locale" in sync(config, select=[COVAGE]).failures[COVAGE]


def test_a_document_that_is_too_large_fails_alone(box, sync, config):
    config["documents"]["max_bytes"] = 3000
    large, just_right, *_ = box.book("covage").invoices
    box.book("covage").pdfs |= {large: PDF, just_right: PDF[:2993] + b"\n%%EOF\n"}
    done = sync(config, select=[COVAGE])
    assert list(done.bookmark(COVAGE)["failed"]) == [large]
    assert len([request for request in box.requests if f"/{large}/download" in request.path]) == 1
    assert 3000 in {record["size"] for record in done.records[COVAGE]}


def test_a_document_may_have_100_mb_in_a_file_and_30_in_a_record(files, inline):
    with own_signals():
        limits = [TapInvoices(config=config).streams[COVAGE]._max_bytes for config in (files, inline)]
    assert limits == [100_000_000, 30_000_000]


# Names


@given(st.text(min_size=1))
@example("../../etc/passwd")
@example("/etc/passwd")
@example("..")
@example(".hidden")
@example("con\x00trol\n")
@example("CON")
@example("nul")
@example("Com1.x")
@example("LPT9/1")
@example("a" * 500)
@example("é" * 500)
@example("C:\\Windows")
def test_a_file_name_stays_in_its_folder(key):
    name = file_name(key)
    assert name.endswith(".pdf")
    assert re.fullmatch(r"[^/\\\x00-\x1f\x7f:]+", name)
    assert not name.startswith(".")
    assert len(name) <= 255
    assert name.isprintable()
    assert name.isascii(), "whatever the locale"
    assert name.split(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT9"}, "which Windows refuses"


@given(st.text(min_size=1), st.text(min_size=1))
@example("a/b", "a_b")
@example("a/b", "a?b")
@example("x" * 300, "x" * 301)
@example("INV-1-a", "INV-1-A")
@example("F\u00c9-1", "F\u00e9-1")
@example("F\u00c9", "FE\u0301")
@example("INV.1", "INV.1.")
def test_two_invoices_never_share_a_file_name_even_where_case_does_not_count(one, other):
    assert (file_name(one).casefold() == file_name(other).casefold()) == (one == other)


@pytest.mark.parametrize("key", ["FACTTSO25100246", "INV-60828777", "I220001", "4000003", "FA_2025.10-1"])
def test_a_plain_id_is_the_file_name(key):
    assert file_name(key) == f"{key}.pdf"


def test_an_odd_id_is_still_readable():
    assert file_name("I3D23-00005/ #%+é").startswith("I3D23-00005_")


@pytest.mark.parametrize("key", ["../../outside", "/etc/outside", "..%2Foutside", "a\\..\\outside"])
def test_files_cannot_leave_their_folder(box, sync, files, folder, key):
    box.book("covage").add(invoice_number=key)
    done = sync(files, select=[COVAGE])
    assert key in {record["invoice_number"] for record in done.records[COVAGE]}
    assert all(stored(record).resolve().parent == folder / COVAGE / "default" for record in done.records[COVAGE])
    assert not [path for path in folder.parent.rglob("*outside*") if path.parent != folder / COVAGE / "default"]


def test_a_name_that_the_provider_gives_is_not_used(box, sync, files, folder):
    key = next(iter(box.book("covage").invoices))
    header = {"Content-Disposition": 'attachment; filename="../../evil.pdf"', "Content-Type": "application/pdf"}
    box.faults.add(path=f"/{key}/download/$", action={"status": 200, "body": PDF.decode(), "headers": header})
    sync(files, select=[COVAGE])
    assert (folder / COVAGE / "default" / file_name(key)).read_bytes() == PDF
    assert not list(folder.parent.rglob("*evil*"))


def test_the_pdf_is_what_is_asked_for(box, sync, inline):
    sync(inline, select=list(DOCUMENTS))
    for stream in DOCUMENTS:
        asked = [request for request in box.requests if re.fullmatch(CHILDREN[stream], request.path)]
        assert len({unquote(request.path) for request in asked}) == 25
        assert {request.headers["Accept"] for request in asked} == {"application/pdf"}


def test_the_bookmark_is_the_list_s(box, sync, inline):
    done = sync(inline, select=[COVAGE])
    newest = max(row["accounting_date"] for row in box.book("covage").invoices.values())
    assert done.bookmark(COVAGE)["replication_key_value"] == newest
    assert datetime.fromisoformat(newest).replace(tzinfo=UTC) < box.now
