"""PDFs that carry their invoice as XML."""

from __future__ import annotations

import zlib
from functools import cache
from random import Random

from benchmarks.workloads import EPOCH
from tap_invoices.sandbox import pdf
from tap_invoices.sandbox.cii import to_xml
from tap_invoices.sandbox.einvoice import EInvoice

NOISE = Random(1).randbytes(1 << 20)  # noqa: S311
"""What PDFs are filled with: nothing to compress."""

_NUMBER = "FACT"
_FILE = b"<</Type/Filespec/F(factur-x.xml)/UF(factur-x.xml)/AFRelationship/Data/EF<</F 7 0 R>>>>"
_CATALOG = b"/Names<</EmbeddedFiles<</Names[(factur-x.xml)6 0 R]>>>>"
_REST = 1500
"""About what is beside the noise and the XML."""


def with_xml(number: str, kilobytes: int) -> bytes:
    """Return an invoice's PDF, of about a size."""
    xml = zlib.compress(_xml().replace(b"<ram:ID>FACT<", b"<ram:ID>%b<" % number.encode(), 1))
    noise = NOISE[: max(0, kilobytes * 1000 - len(xml) - _REST)]
    attached = pdf.stream(xml, b"/Type/EmbeddedFile/Subtype/text#2Fxml/Filter/FlateDecode")
    return pdf.assemble([*pdf.page(_CATALOG, noise), _FILE, attached])


@cache
def _xml() -> bytes:
    return to_xml(EInvoice(_NUMBER, EPOCH.date()), "EN 16931")
