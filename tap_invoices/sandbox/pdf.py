"""A small, valid PDF that says which invoice it is, and may carry files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from zlib import compress, crc32

_PAGE_OBJECTS = 5


def invoice_pdf(
    title: str,
    size: int | None = None,
    attached: Mapping[str, bytes] | None = None,
    through: Literal["names", "af"] = "names",
) -> bytes:
    """Return a one-page PDF: the same bytes for the same arguments.

    ``size`` is in bytes; without it the title decides (1.8 to 2.5 KB). A size too small
    for a PDF gives the smallest one. What is attached is found through the tree of names, or only
    as a file that is associated.
    """
    wanted = 1800 + crc32(title.encode("utf-8", "surrogatepass")) % 700 if size is None else size
    files = _attachments(attached or {}, through)
    bare = _build(title, files, 0)
    return _build(title, files, max(wanted - len(bare), 0), wanted)


def assemble(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """Return a PDF of the objects, numbered from 1; the first is the catalog."""
    file, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    return file + (
        b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d/Root 1 0 R%b>>\nstartxref\n%d\n%%%%EOF\n"
        % (count, table, count, trailer, len(file))
    )


def page(catalog: bytes = b"", content: bytes = b"") -> list[bytes]:
    """Return the objects of one page, with more entries in the catalog."""
    return [
        b"<</Type/Catalog/Pages 2 0 R%b>>" % catalog,
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        stream(content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """Return a stream."""
    return b"<</Length %d%b>>stream\n%b\nendstream" % (len(content), entries, content)


def _attachments(attached: Mapping[str, bytes], through: str) -> tuple[bytes, list[bytes]]:
    """Return what the catalog says of attached files, and their objects, which follow the page's."""
    names, objects = b"", list[bytes]()
    for name, content in attached.items():
        spec = _PAGE_OBJECTS + len(objects) + 1
        text = b"<feff%b>" % name.encode("utf-16-be").hex().encode()
        names += (text if through == "names" else b"") + b" %d 0 R" % spec
        objects.append(b"<</Type/Filespec/F%b/UF%b/AFRelationship/Data/EF<</F %d 0 R>>>>" % (text, text, spec + 1))
        objects.append(stream(compress(content), b"/Type/EmbeddedFile/Subtype/text#2Fxml/Filter/FlateDecode"))
    if not names:
        return b"", objects
    entry = b"/Names<</EmbeddedFiles<</Names[%b]>>>>" if through == "names" else b"/AF[%b]"
    return entry % names, objects


def _build(title: str, files: tuple[bytes, list[bytes]], padding: int, wanted: int = 0) -> bytes:
    # The lengths in the file grow with the padding: come back for the digits they took.
    catalog, attached = files
    text = title.encode("utf-16-be", "surrogatepass").hex()
    drawn = f"BT /F1 14 Tf 72 770 Td <{text}> Tj ET\n%".encode()
    while True:
        file = assemble([*page(catalog, drawn + b" " * padding), *attached])
        if not wanted or len(file) <= wanted or not padding:
            return file
        padding -= min(len(file) - wanted, padding)
