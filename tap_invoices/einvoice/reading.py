"""One PDF, and what it says of one invoice."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, TYPE_CHECKING

from tap_invoices.einvoice import cii, pdf, xml
from tap_invoices.einvoice.rules import is_same_number

if TYPE_CHECKING:
    from tap_invoices.einvoice.model import Document


class Outcome(StrEnum):
    """What came of reading a PDF."""

    READ = "read"
    NO_XML = "no_xml"
    """It carries no invoice of a kind that is read."""
    OTHER_INVOICE = "other_invoice"
    """Its XML has another number than the one asked for: a wrong XML is worse than none."""
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    """It is not searched."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The outcome; the rest is None unless an XML was read."""

    outcome: Outcome
    document: Document | None = None
    xml: str | None = None
    profile: str | None = None
    fault: str | None = None
    """Class of the error, if it is unreadable: an error's text may quote the file."""


def read(file: IO[bytes], number: str | None = None) -> Reading:
    """Read the XML in a PDF; one with another number than the one asked for is not used.

    Args:
        file: The PDF.
        number: Number of the invoice (BT-1); None takes any.
    """
    if file.seek(0, os.SEEK_END) > pdf.LARGEST:
        return Reading(Outcome.TOO_LARGE)
    try:
        return _read(file, number)
    except Exception as error:  # noqa: BLE001  (a stranger's file: whatever it is, the next one may be good)
        return Reading(Outcome.UNREADABLE, fault=type(error).__name__)


def _read(file: IO[bytes], number: str | None) -> Reading:
    best, rank, is_other, fault = None, 0, False, None
    for content in pdf.attachments(file):
        try:
            if isinstance(content, Exception):
                raise content  # noqa: TRY301
            kind, reading = _invoice_in(content, number)
        except Exception as error:  # noqa: BLE001
            fault = fault or type(error).__name__
            continue
        if reading and kind > rank:
            best, rank = reading, kind
        is_other = is_other or (kind > 0 and not reading)
    if best:
        return best
    if is_other:
        return Reading(Outcome.OTHER_INVOICE)
    return Reading(Outcome.UNREADABLE, fault=fault) if fault else Reading(Outcome.NO_XML)


def _invoice_in(content: bytes, number: str | None) -> tuple[int, Reading | None]:
    """Return which kind of invoice an XML is, and what it says if it has the number; of its tree nothing is kept."""
    root = xml.parse(content)
    kind = cii.recognise(root)
    if not kind or not (number is None or is_same_number(cii.number_of(root), number)):
        return kind, None
    return kind, Reading(Outcome.READ, cii.read(root), xml.decoded(content), cii.profile(root))
