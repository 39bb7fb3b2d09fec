"""One PDF, and what it says of one invoice."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter
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
    found, fault = [], None
    for content in pdf.attachments(file):
        try:
            if isinstance(content, Exception):
                raise content  # noqa: TRY301
            root = xml.parse(content)
        except Exception as error:  # noqa: BLE001
            fault = fault or error
            continue
        if rank := cii.recognise(root):
            found.append((rank, content, root))
    for _, content, root in sorted(found, key=itemgetter(0), reverse=True):
        if number is None or is_same_number(cii.number_of(root), number):
            return Reading(Outcome.READ, cii.read(root), xml.decoded(content), cii.profile(root))
    if found:
        return Reading(Outcome.OTHER_INVOICE)
    if fault:
        return Reading(Outcome.UNREADABLE, fault=type(fault).__name__)
    return Reading(Outcome.NO_XML)
