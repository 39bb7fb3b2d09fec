"""What a stream is handed: its client, where its batches come from, and where its counts and lines go."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tap_invoices.errors import FailureType

if TYPE_CHECKING:
    from tap_invoices.counts import Counts, Outcome
    from tap_invoices.http.client import Client

Row = dict[str, Any]
Note = Callable[[str, int, str], None]
"""Takes a stream's title, how many, and of what."""


@dataclass(slots=True)
class Batch:
    """Rows on their way from the fetching thread to the writing one."""

    rows: list[Row]
    size: int
    floor: str | None = None
    """Nothing that is still to come has a replication value below this one, if it is set."""
    failed: dict[str, str | None] = field(default_factory=dict)
    """Items that could not be had: id → replication value."""
    settled: list[str] = field(default_factory=list)
    """Ids of items that need not be asked for again."""


class Writer(Protocol):
    """Takes what an account emits."""

    def write_line(self, line: bytes) -> None:
        """Take a message as the line that it is."""

    def is_state_due(self) -> bool:
        """Tell whether it is time to tell a state."""


class Close(Protocol):
    """Takes a stream's counts at its end."""

    def __call__(
        self,
        counts: Counts,
        outcome: Outcome,
        failure: str | None = None,
        failure_type: FailureType = FailureType.SYSTEM,
    ) -> None:
        """Write the counts down, and remember a failure."""


@dataclass(frozen=True)
class Services:
    """What the streams of one account share.

    Args:
        account: Its name.
        client: Asks the provider.
        read: Yields the batches of the stream of a name, as a reader fetches them.
        writer: Takes a record's line that needs no change.
        close: Takes each stream's counts at its end.
        note: Takes what so many of a stream's rows have in common, which their user should know.
    """

    account: str
    client: Client
    read: Callable[[str], Generator[Batch, None, None]]
    writer: Writer
    close: Close
    note: Note
