"""Bodies: limited after decompression, read by their charset."""

from __future__ import annotations

import gzip
import io

import pytest
import requests
import urllib3

from tap_invoices.errors import FatalAPIError
from tap_invoices.http import retry as retries
from tap_invoices.http.session import PAGE_LIMIT, read_body


def response(body, **headers):
    raw = urllib3.HTTPResponse(io.BytesIO(body), headers, preload_content=False, decode_content=False)
    found = requests.Response()
    found.raw, found.status_code = raw, 200
    return found


def test_a_body_is_limited_after_decompression():
    """A megabyte of zeros takes a kilobyte on the wire."""
    packed = gzip.compress(bytes(2**20))
    assert len(packed) < 2**12
    unpacked = {"Content-Encoding": "gzip"}
    assert len(read_body(response(packed, **unpacked), 2**20)) == 2**20
    with pytest.raises(FatalAPIError, match="larger than 0 MiB"):
        read_body(response(packed, **unpacked), 2**20 - 1)


def test_a_body_is_read_by_the_charset_that_it_names():
    answer = response("façade".encode("iso-8859-1"))
    answer.headers["Content-Type"] = "application/json; charset=iso-8859-1"
    assert read_body(answer).decode() == "façade"


def test_the_limit_of_a_page_is_256_mib():
    assert PAGE_LIMIT == 256 * 2**20


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_broken_compression_is_a_broken_body(coding):
    def attempt(_watch):
        return read_body(response(b"not at all", **{"Content-Encoding": coding}))

    with pytest.raises(FatalAPIError) as caught:
        retries.retry(attempt, 5, lambda *_: None)
    assert "not at all" not in str(caught.value)
