"""How a stream's sync ends: whatever happens, it is told by name, and the other streams go on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import AbortedSyncFailedException, AbortedSyncPausedException
from typing_extensions import override

from tap_invoices.counts import Outcome
from tap_invoices.errors import FatalAPIError, SyncError, failure_type
from tap_invoices.http.causes import describe
from tap_invoices.streams.api import ApiStream
from tap_invoices.streams.maps import MapError, map_error

if TYPE_CHECKING:
    from singer_sdk import Tap
    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.helpers.types import Context

    from tap_invoices.streams.bookmark import Bookmark
    from tap_invoices.streams.services import Services

FAILURES_LOGGED = 20
"""Items that could not be had and get a line of their own, in each stream."""


class EndingStream(ApiStream, ABC):
    """A stream that closes its account, and whose failure ends nothing else."""

    def __init__(self, tap: Tap, services: Services | None = None) -> None:
        super().__init__(tap, services)
        self.is_short = False
        self.has_doubts = False
        """Whether so many items in a row seemed gone that it is not believed."""
        self.first_failure: Exception | None = None
        """Why the first item of those that could not be had was not."""
        self._failures_logged = 0
        self._error: Exception | None = None
        self._stop_reading: Callable[[], None] = lambda: None

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Sync as the SDK does. What a record meets on its way ends this stream alone."""
        records = super()._sync_records(context, write_messages=write_messages)
        if not write_messages:  # batch files, of which the last is still to come when the last record is there
            yield from records
            return
        try:
            yield from records
        except (AbortedSyncFailedException, AbortedSyncPausedException):  # a dry run has seen enough
            raise
        except Exception as error:  # noqa: BLE001
            self._error = error
        self._end()

    @override
    def _sync_batches(self, batch_config: BatchConfig, context: Context | None = None) -> None:
        """Sync as the SDK does. Where a file cannot be written, the bookmark goes back to what was told."""
        try:
            super()._sync_batches(batch_config, context)
        except Exception as error:  # noqa: BLE001
            self._error = error
            self.bookmark.undo()
        self._end()

    def _end(self) -> None:
        """Close the account, when all that can be written is written."""
        self.state_manager.is_flushed = False
        if self._error is None:
            self._complete()
        else:
            self._stop_reading()  # for its provider's other streams must not wait for it
            self._fail(map_error(self._error) or self._error)
        self._log_misfits()

    def _complete(self) -> None:
        if self.counts.failed:
            self.services.close(self.counts, Outcome.PARTIAL, self._items_lost())
        elif self.is_short:
            self.services.close(self.counts, Outcome.SHORT)
        else:
            if self._stream_version is not None and self._may_remove_rows():
                self._write_activate_version_message(self._stream_version)
            self.services.close(self.counts, Outcome.COMPLETE)

    def _items_lost(self) -> str:
        count = "1 item" if self.counts.failed == 1 else f"{self.counts.failed} items"
        why = f" ({describe(self.first_failure)})" if self.first_failure else ""
        return f"{count} could not be had{why}; asked for again at the next sync"

    def _may_remove_rows(self) -> bool:
        """Tell whether what did not come is gone: not where items are kept or doubted, or none was found at all."""
        return not (self.bookmark.failed or self.has_doubts or (self.counts.gone and not self.counts.read))

    def _fail(self, error: Exception) -> None:
        if isinstance(error, SyncError):
            message = describe(error)
        elif isinstance(error, MapError):
            message = str(error)
        else:
            message = f"unexpected {type(error).__name__}"
            self.logger.debug("Unexpected error in %s", self.name, exc_info=error)
        self.bookmark.hold()
        self.services.close(self.counts, Outcome.FAILED, message, failure_type(error))

    @property
    @abstractmethod
    def bookmark(self) -> Bookmark:
        """Where the next sync starts."""

    @abstractmethod
    def _log_misfits(self) -> None:
        """Warn of what did not fit the schema."""

    def lose(self, rows: int, why: str) -> None:
        """Take note of rows of the list that can neither go out nor be asked for by themselves."""
        self.first_failure = self.first_failure or FatalAPIError(why)
        self.counts.count(failed=rows)
        self.bookmark.stay()

    def log_failure(self, item: str, error: Exception, what_next: str) -> None:
        """Tell that one item could not be had; after so many, their count at the end says it."""
        self._failures_logged += 1
        if self._failures_logged <= FAILURES_LOGGED:
            self.logger.warning("%s: %s: %s; %s", self.name, item, describe(error), what_next)
        elif self._failures_logged == FAILURES_LOGGED + 1:
            self.logger.warning("%s: more items could not be had; from here on they are only counted", self.name)
