"""The XML in a stream's PDFs: read where that is wanted, and what came of it told once, by counts alone."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import IO, TYPE_CHECKING

from tap_invoices.einvoice.reading import Outcome, Reading, read

if TYPE_CHECKING:
    from tap_invoices.streams.services import Note

_WORDS = {
    Outcome.READ: "read",
    Outcome.NO_XML: "without XML",
    Outcome.OTHER_INVOICE: "with the XML of another invoice, which is not used",
    Outcome.UNREADABLE: "not readable",
    Outcome.TOO_LARGE: "too large to search",
}


class EmbeddedXml:
    """Reads PDFs, and counts. Any thread may read."""

    def __init__(self) -> None:
        self._outcomes: Counter[Outcome] = Counter()
        self._faults: Counter[str] = Counter()
        self._lock = threading.Lock()

    def read(self, file: IO[bytes], number: str | None) -> Reading:
        """Return what a PDF says of an invoice; None takes any number."""
        reading = read(file, number)
        with self._lock:
            self._outcomes[reading.outcome] += 1
            if reading.fault:
                self._faults[reading.fault] += 1
        return reading

    def log(self, stream: str, logger: logging.Logger, note: Note) -> None:
        """Tell what came of all PDFs, and warn of what is not as it should be; of an error only its class."""
        if not self._outcomes:
            return
        words = [f"{count} {_WORDS[outcome]}" for outcome, count in sorted(self._outcomes.items())]
        logger.info("%s: XML in PDFs: %s", stream, ", ".join(words))
        for outcome in (Outcome.OTHER_INVOICE, Outcome.TOO_LARGE):
            if count := self._outcomes[outcome]:
                note(stream, count, f"PDFs {_WORDS[outcome]}")
        for fault, count in sorted(self._faults.items()):
            note(stream, count, f"PDFs {_WORDS[Outcome.UNREADABLE]} ({fault})")


def described(reading: Reading) -> str:
    """Say what came of reading one PDF."""
    if reading.outcome is Outcome.READ:
        return f", which carries XML ({reading.profile or 'of no profile'})"
    return f", which is {_WORDS[reading.outcome]}"
