"""The XML attachments of a PDF, by pypdf; names in it are only looked at, never used as paths."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

from tap_invoices.einvoice.xml import MOST_BYTES, XmlError

if TYPE_CHECKING:
    from pypdf.generic import DictionaryObject

LARGEST = 20_000_000
"""Bytes of a PDF that is still searched."""
_MOST_WORK = 4 * MOST_BYTES
_MOST_NODES = 10_000
_LIMITS: dict[str, Any] = {
    "array_based_stream_maximum_output_length": MOST_BYTES,
    "lzw_maximum_output_length": MOST_BYTES,
    "run_length_maximum_output_length": MOST_BYTES,
    "zlib_maximum_output_length": MOST_BYTES,
    "stream_decoding_work_maximum_length": _MOST_WORK,
}
_NAMES = ("/UF", "/F")


def import_early() -> None:
    """Begin to import pypdf, which takes as long as a request or two; if it fails, the first PDF tells.

    The process does not end before that is done: an import that the interpreter's end cuts off may abort it.
    """
    if "pypdf" not in sys.modules:
        threading.Thread(target=_import, name="import-pypdf", daemon=False).start()


def _import() -> None:
    with suppress(Exception):
        import_module("pypdf")


def attachments(file: IO[bytes]) -> list[bytes | Exception]:
    """Return each XML that is attached to a PDF, or why it cannot be had.

    Raises:
        Exception: Of any kind, if the PDF cannot be read, or holds more than an invoice needs.
    """
    import pypdf  # noqa: PLC0415  (an extra, and slow to import)

    logging.getLogger("pypdf").setLevel(logging.ERROR)
    found: list[bytes | Exception] = []
    left = _MOST_WORK
    with pypdf.apply_configuration(**_LIMITS):
        for spec in _file_specs(pypdf.PdfReader(file).root_object):
            if not _is_xml(spec):
                continue
            content = _content(spec)
            left -= MOST_BYTES if isinstance(content, Exception) else len(content)
            if left < 0:
                msg = f"more than {_MOST_WORK} bytes of XML"
                raise XmlError(msg)
            found.append(content)
    return found


def _file_specs(catalog: DictionaryObject) -> Iterator[DictionaryObject]:
    """Yield the specifications of attached files: of the tree of names, then those that are only associated."""
    waiting = [*_items(catalog, "/AF"), _get(_get(catalog, "/Names"), "/EmbeddedFiles")]
    seen: set[Any] = set()
    while waiting:
        node, key = _resolve(waiting.pop())
        if node is None or key in seen:
            continue
        seen.add(key)
        if len(seen) > _MOST_NODES:
            msg = f"more than {_MOST_NODES} attachments"
            raise XmlError(msg)
        if "/EF" in node:
            yield node
        waiting += reversed([*_items(node, "/Kids"), *_items(node, "/Names")])


def _resolve(value: Any) -> tuple[DictionaryObject | None, Any]:
    """Return a dictionary, and what tells it from others: its place in the file, if it has one."""
    from pypdf.generic import DictionaryObject, IndirectObject  # noqa: PLC0415

    found = value.get_object() if isinstance(value, IndirectObject) else value
    key = (value.idnum, value.generation) if isinstance(value, IndirectObject) else id(found)
    return (found if isinstance(found, DictionaryObject) else None), key


def _get(value: Any, name: str) -> Any:
    """Return a dictionary's entry as it stands in the file, maybe a reference; None if there is none."""
    node, _ = _resolve(value)
    return None if node is None else dict.get(node, name)


def _items(node: DictionaryObject, name: str) -> list[Any]:
    """Return the entries of an array; a lone value counts as one."""
    value: Any = dict.get(node, name)
    found = value.get_object() if hasattr(value, "get_object") else value
    return list(list.__iter__(found)) if isinstance(found, list) else [value]


def _is_xml(spec: DictionaryObject) -> bool:
    return any(str(spec.get(name, "")).rstrip("\0 ").lower().endswith(".xml") for name in _NAMES)


def _content(spec: DictionaryObject) -> bytes | Exception:
    from pypdf.generic import StreamObject  # noqa: PLC0415

    try:
        for name in _NAMES:
            stream, _ = _resolve(_get(dict.get(spec, "/EF"), name))
            if isinstance(stream, StreamObject):
                data: bytes = stream.get_data()
                return data
    except Exception as error:  # noqa: BLE001  (a stranger's file: whatever it is, another attachment may be good)
        return error
    return LookupError()
