"""XML in PDFs, through the tap: what documents' rows have of it, and what is told of what cannot be read."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import date

import pytest

from tap_invoices.einvoice.reading import Outcome, read
from tap_invoices.sandbox.einvoice import EInvoice
from tap_invoices.sandbox.einvoice_pdf import einvoice_pdf
from tap_invoices.sandbox.pdf import invoice_pdf
from tests.support.run import ACCOUNT, DOCUMENTS, PATIENCE, ROOT, environment, provider_of, settings

COVAGE = "covage_invoice_documents"


def inline(box, *providers, **more):
    return settings(box, *providers, documents={"mode": "inline", **more})


def outcomes(book):
    return {key: read(io.BytesIO(book.pdf(key)), key) for key in book.invoices}


def test_a_document_s_row_has_the_xml_that_its_pdf_carries(box, sync, tmp_path):
    books = outcomes(box.book("covage"))
    assert {reading.outcome for reading in books.values()} == {*Outcome} - {Outcome.TOO_LARGE}
    files = {"mode": "files", "url": (tmp_path / "kept").as_uri(), "read_xml": True}
    for config in (inline(box, "covage", read_xml=True), settings(box, "covage", documents=files)):
        done = sync(config, select=[COVAGE])
        assert done.failures == {}
        found = {row["invoice_number"]: row for row in done.records[COVAGE]}
        assert {key: (row["embedded_xml"], row["embedded_xml_profile"]) for key, row in found.items()} == {
            key: (reading.xml, reading.profile) for key, reading in books.items()
        }
        assert [row["additional_properties"] for row in found.values()] == [None] * len(books)
    assert len(list((tmp_path / "kept" / COVAGE / ACCOUNT).iterdir())) == len(books)


@pytest.mark.parametrize("stream", DOCUMENTS)
def test_the_number_must_be_the_one_that_was_asked_for_where_that_is_known(box, sync, stream):
    book = box.book(provider_of(stream))
    keys = list(book.invoices)[:3]
    for key, number in zip(keys, (keys[0], f" {keys[1].lower()} ", "another"), strict=True):
        book.pdfs[key] = einvoice_pdf(EInvoice(number, date(2026, 1, 2)))
    done = sync(inline(box, provider_of(stream), read_xml=True), select=[stream])
    name = done.key_names(stream)[0]
    profiles = {row[name]: row["embedded_xml_profile"] for row in done.records[stream]}
    known = provider_of(stream) != "i3dnet"  # whose PDFs are asked for by an id of its own
    assert [profiles[key] is not None for key in keys] == [True, True, not known]


@pytest.mark.parametrize("stream", DOCUMENTS)
def test_without_the_setting_both_are_null(box, sync, stream):
    done = sync(inline(box, provider_of(stream)), select=[stream])
    assert {(row["embedded_xml"], row["embedded_xml_profile"]) for row in done.records[stream]} == {(None, None)}


def test_what_came_of_all_is_told_once_by_counts_and_never_with_a_word_of_a_pdf(box, sync, caplog):
    book = box.book("covage")
    keys = list(book.invoices)
    for key in keys:
        book.pdfs[key] = invoice_pdf(key)
    book.pdfs[keys[0]] = einvoice_pdf(EInvoice(keys[0], date(2026, 1, 2), note="PRIVATE"))
    book.pdfs[keys[1]] = einvoice_pdf(EInvoice("PRIVATE", date(2026, 1, 2)))
    book.pdfs[keys[2]] = invoice_pdf("PRIVATE", attached={"PRIVATE.xml": b"<PRIVATE"})
    book.pdfs[keys[3]] = b"%PDF-1.7\nPRIVATE\n%%EOF"
    book.pdfs[keys[4]] = invoice_pdf("PRIVATE", 20_000_001)
    with caplog.at_level(logging.DEBUG):
        done = sync(inline(box, "covage", read_xml=True), select=[COVAGE])
    assert done.failures == {}
    assert len(done.records[COVAGE]) == len(keys)
    [record] = [each for each in caplog.records if "XML in PDFs" in each.message]
    told = Counter({words: int(count) for count, words in re.findall(r"(\d+) ([a-z][^,(]+)", record.message)})
    assert told == {
        "read": 1,
        "without XML": len(keys) - 5,
        "with the XML of another invoice": 1,
        "not readable": 2,
        "too large to search": 1,
    }
    assert [each.message for each in caplog.records if each.levelname == "WARNING"] == [
        f"{COVAGE}: 1 PDFs with the XML of another invoice, which is not used",
        f"{COVAGE}: 1 PDFs too large to search",
        f"{COVAGE}: 1 PDFs not readable (ParseError)",
        f"{COVAGE}: 1 PDFs not readable (PdfReadError)",
    ]
    assert "PRIVATE" not in caplog.text


def test_what_is_as_it_should_be_is_no_warning(box, sync, caplog):
    book = box.book("covage")
    for key in book.invoices:
        book.pdfs[key] = einvoice_pdf(EInvoice(key, date(2026, 1, 2)), "MINIMUM")
    with caplog.at_level(logging.INFO):
        sync(inline(box, "covage", read_xml=True), select=[COVAGE])
    assert [each.message for each in caplog.records if "PDFs" in each.message] == [
        f"{COVAGE}: XML in PDFs: {len(book.invoices)} read"
    ]
    assert not [each for each in caplog.records if each.levelname == "WARNING"]


# The extra

_MAIN = """
import importlib.util, sys
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name: find_spec(name) if {is_there} or name != "pypdf" else None
from tap_invoices.__main__ import main
try:
    main()
finally:
    print("pypdf" in sys.modules, file=sys.stderr)
"""


def _run(code, config, make_catalog, folder):
    """Run the tap by some Python code, which finds modules in the folder before all others."""
    files = {name: folder / f"{name}.json" for name in ("config", "catalog")}
    for name, value in (("config", config), ("catalog", make_catalog(config, [COVAGE]))):
        files[name].write_text(json.dumps(value), encoding="utf-8")
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", code, *(f"--{name}={path}" for name, path in files.items())],
        env=environment(PYTHONPATH=f"{folder}{os.pathsep}{ROOT}"),
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("read_xml", [False, True])
@pytest.mark.parametrize("is_there", [True, False])
def test_pypdf_is_imported_only_with_the_setting(box, tmp_path, make_catalog, read_xml, is_there):
    """And before there is a PDF to read: it takes as long as some requests do."""
    for key in list(box.book("covage").invoices):
        box.book("covage").delete(key)
    done = _run(_MAIN.format(is_there=is_there), inline(box, "covage", read_xml=read_xml), make_catalog, tmp_path)
    *lines, imported = done.stderr.splitlines()
    assert imported == str(read_xml and is_there)
    assert done.returncode == int(read_xml and not is_there)
    if done.returncode:
        [line] = [line for line in lines if "read_xml" in line]
        assert "`documents.read_xml` needs pip install 'tap-invoices[einvoice]'" in line
        assert "Traceback" not in done.stderr


def test_a_pypdf_that_cannot_be_imported_is_told_as_a_count(box, tmp_path, make_catalog):
    (tmp_path / "pypdf.py").write_text("raise RuntimeError('PRIVATE')", encoding="utf-8")
    done = _run(
        "from tap_invoices.__main__ import main; main()", inline(box, "covage", read_xml=True), make_catalog, tmp_path
    )
    rows = [line for line in done.stdout.splitlines() if '"type":"RECORD"' in line]
    assert (done.returncode, len(rows)) == (0, len(box.book("covage").invoices))
    assert f"XML in PDFs: {len(rows)} not readable" in done.stderr
    assert "Traceback" not in done.stderr
    assert "PRIVATE" not in done.stderr
