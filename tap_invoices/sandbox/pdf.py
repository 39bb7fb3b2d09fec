"""A small, valid PDF that says which invoice it is."""

from __future__ import annotations

from zlib import crc32


def invoice_pdf(title: str, size: int | None = None) -> bytes:
    """Return a one-page PDF: the same bytes for the same title and size.

    ``size`` is in bytes; without it the title decides (1.8 to 2.5 KB). A size too small
    for a PDF gives the smallest one.
    """
    wanted = 1800 + crc32(title.encode("utf-8", "surrogatepass")) % 700 if size is None else size
    bare = _build(title, 0)
    return _build(title, max(wanted - len(bare), 0), wanted)


def _build(title: str, padding: int, wanted: int = 0) -> bytes:
    # The lengths in the file grow with the padding: come back for the digits they took.
    text = title.encode("utf-16-be", "surrogatepass").hex()
    drawn = f"BT /F1 14 Tf 72 770 Td <{text}> Tj ET\n%".encode()
    while True:
        file = _assemble(drawn + b" " * padding)
        if not wanted or len(file) <= wanted or not padding:
            return file
        padding -= min(len(file) - wanted, padding)


def _assemble(content: bytes) -> bytes:
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    file, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return file + (
        b"xref\n0 6\n0000000000 65535 f \n%btrailer\n<</Size 6/Root 1 0 R>>\n"
        b"startxref\n%d\n%%%%EOF\n" % (table, len(file))
    )
