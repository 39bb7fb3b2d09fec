"""XML of strangers, read safely: no DOCTYPE and so no entities, no deep nesting, not too much of it."""

from __future__ import annotations

import codecs
import re
from xml.etree.ElementTree import Element, TreeBuilder, XMLParser

from typing_extensions import override

MOST_BYTES = 5_000_000
_DEEPEST = 50
_UTF_16 = {
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    b"<\0": "utf-16-le",
    b"\0<": "utf-16-be",
}
"""How a document in UTF-16 begins, with its mark or without."""
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([\w.\-]+)["']""")


class XmlError(Exception):
    """The XML is too large, too deep, or has a DOCTYPE."""


class _Tree(TreeBuilder):
    """Builds the tree, and stops at what an invoice has no need of."""

    _depth = 0

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        msg = "a DOCTYPE"
        raise XmlError(msg)

    @override
    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        if self._depth > _DEEPEST:
            msg = f"more than {_DEEPEST} elements inside each other"
            raise XmlError(msg)
        return super().start(tag, attrs)

    @override
    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def parse(data: bytes | str) -> Element:
    """Return the root of an XML document.

    Raises:
        XmlError: If it is more than an invoice needs.
        ParseError: If it is not well-formed, or in an encoding that is not known.
    """
    if len(data) > MOST_BYTES:
        msg = f"more than {MOST_BYTES} bytes"
        raise XmlError(msg)
    parser = XMLParser(target=_Tree())  # noqa: S314  (without a DOCTYPE there are no entities)
    parser.feed(data)
    root: Element = parser.close()
    return root


def decoded(data: bytes) -> str:
    """Return the text of an XML document that could be parsed."""
    if wide := _UTF_16.get(data[:2]):
        return data.decode(wide)
    declared = _DECLARED.match(data)
    encoding = declared[1].decode("ascii").lower() if declared else "utf-8"
    return data.decode("utf-8-sig" if encoding in {"utf-8", "utf8"} else encoding)
