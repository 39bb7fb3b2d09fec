"""The road of a record, common to all streams: request, answer, record, bookmark."""

from __future__ import annotations

import json
import time
from abc import ABC
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import quote

import requests
from singer_sdk import RESTStream, StreamSchema
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from typing_extensions import override

from tap_invoices import times
from tap_invoices.errors import (
    FatalAPIError,
    GoneError,
    RetriableAPIError,
    SignedOutError,
    SignInError,
    SyncError,
    failure_type,
)
from tap_invoices.ledger import Account
from tap_invoices.logs import Doubling
from tap_invoices.record import Record, RecordFitter
from tap_invoices.retry import RETRIED_STATUSES, describe
from tap_invoices.schema import SCHEMAS
from tap_invoices.state import Bookmark
from tap_invoices.verbatim import VerbatimRow

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context
    from singer_sdk.streams.rest import HTTPRequest

    from tap_invoices.auth import Auth
    from tap_invoices.connection import Connection
    from tap_invoices.tap import TapInvoices

R = TypeVar("R")
Row = dict[str, Any]

STATE_SECONDS = 60.0
"""A STATE message goes out at least this often, where there is something new to say."""

FAILURES_TOLD = 20
"""Items that could not be had and get a line of their own, in each stream."""


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


class InvoiceStream(RESTStream[Any], ABC):
    """A stream of one provider."""

    provider: ClassVar[str]
    redirect_is_sign_in: ClassVar[bool] = False
    """Whether the provider answers wrong credentials with a redirect to a sign-in page."""

    primary_keys: Sequence[str]
    replication_key: str | None = None
    schema: ClassVar[StreamSchema] = StreamSchema(SCHEMAS)
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # post_process has done it, by the same schema
    _LOG_REQUEST_METRICS = False
    _tap: TapInvoices

    def __init__(self, tap: TapInvoices) -> None:
        super().__init__(tap)
        self.account = Account(self.name)
        self.is_short = False
        self._state_told_at = time.monotonic()
        self._is_progress_due = Doubling()
        self._failures_told = 0

    # Request

    @cached_property
    def connection(self) -> Connection:
        """What the provider's streams share."""
        return self._tap.connections[self.provider]

    @property
    def settings(self) -> Mapping[str, Any]:
        """The provider's own settings, defaults filled in."""
        return self.connection.settings

    @property
    @override
    def url_base(self) -> str:
        return str(self.settings["api_url"]).rstrip("/")

    @property
    @override
    def authenticator(self) -> Auth:
        return self.connection.auth

    @property
    @override
    def requests_session(self) -> requests.Session:
        return self.connection.session

    @property
    @override
    def http_headers(self) -> dict[str, str]:
        return {"Accept": "application/json"}

    @override
    def get_url(self, context: Context | None) -> str:
        quoted = {name: _quote_whole(str(value)) for name, value in (context or {}).items()}
        return self.url_base + self.path.format_map(quoted)

    def fetch(self, request: HTTPRequest, read: Callable[[requests.Response], R]) -> R:
        """Send a request until it is answered, and return what ``read`` makes of the answer. Any thread may.

        Raises:
            FatalAPIError: If it is refused, or its time is used up.
        """
        query = request.encode_params()
        url = f"{request.url}?{query}" if query else request.url
        headers = {**self.requests_session.headers, **request.headers}
        prepared = requests.Request(request.method, url, headers=headers).prepare()
        return self.connection.run(self.connection.retry(self._on_wait), lambda: self._attempt(prepared, read))

    def _attempt(self, request: requests.PreparedRequest, read: Callable[[requests.Response], R]) -> R:
        with self.connection.limiter.slot():
            signed = self.authenticator(request.copy())
            try:
                return self._ask(signed, read)
            except SignedOutError:
                if not self.authenticator.renew(signed):
                    raise
            return self._ask(self.authenticator(request.copy()), read)

    def _ask(self, request: requests.PreparedRequest, read: Callable[[requests.Response], R]) -> R:
        self.account.count(requests=1)
        with self.connection.send(request) as response:
            self.connection.see_clock(response)
            self.validate_response(response)
            return read(response)

    def _on_wait(self, seconds: float, reason: str, asked: bool) -> None:  # noqa: ARG002, FBT001
        self.account.wait(seconds)
        self.logger.warning("%s: %s; asking again in %.1f s", self.name, reason, seconds)

    # Answer

    def is_signed_out(self, response: requests.Response) -> bool:
        """Tell whether an answer says that the token is not good (any more)."""
        return response.status_code == HTTPStatus.UNAUTHORIZED or (self.redirect_is_sign_in and _is_redirect(response))

    @override
    def validate_response(self, response: requests.Response) -> None:
        status = response.status_code
        if status in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
            return
        message = self.response_error_message(response)
        if status in RETRIED_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise RetriableAPIError(message, response)
        if self.is_signed_out(response):
            raise SignedOutError(message)
        if status == HTTPStatus.FORBIDDEN:
            raise SignInError(message)
        if status == HTTPStatus.NOT_FOUND:
            raise GoneError(message)
        raise FatalAPIError(message)

    @override
    def response_error_message(self, response: requests.Response) -> str:
        """Say what was answered and what to do; never what the body holds, for it may be personal."""
        status = response.status_code
        provider = self.connection.provider
        if self.is_signed_out(response):
            how = "a redirect to a sign-in page" if _is_redirect(response) else "not signed in"
            advice = f"{how}: {provider.title} does not accept the credentials in `{provider.name}`"
        elif status == HTTPStatus.FORBIDDEN:
            advice = f"permission denied: {provider.permission}"
        elif _is_redirect(response):
            advice = f"a redirect, which is never followed: check `{provider.name}.api_url`"
        elif status == HTTPStatus.NOT_FOUND:
            advice = f"not found; if it is so for all, check `{provider.name}.api_url`"
        else:
            advice = _phrase(status)
        return f"{status} for GET {self.path}: {advice}"

    # Record

    @cached_property
    def fitter(self) -> RecordFitter:
        """Fits rows to the schema."""
        return RecordFitter(self.schema)

    @override
    def post_process(self, row: Any, context: Context | None = None) -> Any:
        return row if isinstance(row, VerbatimRow) else self.fitter(row)

    @property
    def emits_records_as_they_are(self) -> bool:
        """Whether nothing stands between a record and its message: no map, no flattening, no deselected field."""
        maps = self.stream_maps
        plain = len(maps) == 1 and type(maps[0]) is SameRecordTransform and not maps[0].flattening_enabled
        return plain and all(self.mask.values()) and not self.config.get("batch_config")

    @override
    def generate_child_contexts(self, record: Record, context: Context | None) -> Iterable[Context | None]:
        """Yield nothing: followers take what is due to them from the list, not from each record in turn."""
        return ()

    @override
    def _write_record_message(self, record: Any) -> None:
        """Write a verbatim row as the line that it is; for that the SDK has no public hook.

        It saves a fifth of the time of a record. All others go the SDK's way.
        """
        if not isinstance(record, VerbatimRow):
            super()._write_record_message(record)
            return
        self._tap.message_writer.write_line(b"".join((self._line_start, record.line, self._line_end)))
        self.state_manager.is_flushed = False

    def _begin_lines(self) -> None:
        """Set what stands around the verbatim rows of a batch."""
        version = "" if self._stream_version is None else f',"version":{self._stream_version}'
        now = times.rfc3339(datetime.now(UTC))
        self._line_start = f'{{"type":"RECORD","stream":{json.dumps(self.name)},"record":'.encode()
        self._line_end = f'{version},"time_extracted":"{now}"}}\n'.encode()

    @override
    def get_records(self, context: Context | None) -> Iterable[Row]:
        """Yield the rows as they come. A failure ends this stream and is told at the end; the others go on."""
        self.account.begin()
        if self.replication_method == "FULL_TABLE" and self.config.get("emit_activate_version_messages"):
            self._stream_version = self._initialized_at
        try:
            for batch in self._tap.feeds.read(self):
                self._begin_lines()
                yield from batch.rows
                self._settle(batch)
        except Exception as error:  # noqa: BLE001  (whatever it is, the other streams must go on)
            self._fail(error)
        else:
            self._complete()
        self._tell_misfits()

    def _settle(self, batch: Batch) -> None:
        self.bookmark.settle(batch.failed, batch.settled)
        self.bookmark.checkpoint(batch.floor)

    def seal_state(self, state: dict[str, Any]) -> None:
        """Add to the bookmark of a complete read what the provider's streams need beside it."""

    def _complete(self) -> None:
        self.bookmark.finish()
        self.seal_state(self.stream_state)
        if self.account.failed:
            message = f"{self.account.failed} items could not be had; they are asked for again at the next sync"
            self._tap.close_account(self, "partial", message)
        elif self.is_short:
            self._tap.close_account(self, "short")
        else:
            if self._stream_version is not None:
                self._write_activate_version_message(self._stream_version)
            self._tap.close_account(self, "complete")

    def _fail(self, error: Exception) -> None:
        if isinstance(error, SyncError):
            message = describe(error)
        else:
            message = f"unexpected {type(error).__name__}"
            self.logger.debug("Unexpected error in %s", self.name, exc_info=error)
        self.bookmark.hold()
        self._tap.close_account(self, "failed", message, failure_type(error))

    def _tell_misfits(self) -> None:
        for name, count in sorted(self.fitter.misfits.items()):
            self.logger.warning(
                "%s: %d records with a `%s` that does not fit its type; the originals are in additional_properties",
                self.name,
                count,
                name,
            )
        for name, count in sorted(self.fitter.unknown.items()):
            self.logger.warning(
                "%s: %d records with an unknown field `%s`; it is kept in additional_properties", self.name, count, name
            )

    # Bookmark

    @cached_property
    def bookmark(self) -> Bookmark:
        """Where the next sync starts."""
        return Bookmark(
            type(self).replication_key,
            self.schema["properties"],
            self.stream_state,
            lambda: self.connection.now,
            incremental=self.replication_method == "INCREMENTAL",
        )

    def prepare(self) -> None:
        """Read the bookmark, before a thread needs it."""
        _ = self.bookmark, self.fitter

    def starting_value(self) -> str | None:
        """Return from which replication value on this sync reads; None for all."""
        return self.bookmark.start(self.config.get("start_date"), int(self.settings["lookback_days"]))

    @override
    def _increment_stream_state(self, latest_record: Record, *, context: Context | None = None) -> None:
        self.account.emitted += 1
        self.bookmark.see(latest_record)
        if time.monotonic() - self._state_told_at > STATE_SECONDS:
            self._state_told_at = time.monotonic()
            self._write_state_message()
            if self._is_progress_due():
                self.logger.info("%s so far: %s", self.name, self.account.progress())

    @property
    @override
    def emit_activate_version_messages(self) -> bool:
        """Not at the start, as the SDK does: rows may go only once all that are left have come."""
        return False

    def log_failure(self, item: str, error: Exception, what_next: str) -> None:
        """Tell that one item could not be had; after so many, their count at the end says it."""
        self._failures_told += 1
        if self._failures_told <= FAILURES_TOLD:
            self.logger.warning("%s: %s: %s; %s", self.name, item, describe(error), what_next)
        elif self._failures_told == FAILURES_TOLD + 1:
            self.logger.warning("%s: more items could not be had; from here on they are only counted", self.name)


def _is_redirect(response: requests.Response) -> bool:
    return HTTPStatus.MULTIPLE_CHOICES <= response.status_code < HTTPStatus.BAD_REQUEST


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return "an unknown status"


def _quote_whole(value: str) -> str:
    """Quote an id as one path segment.

    Raises:
        FatalAPIError: If no URL can carry it.
    """
    if value.strip(".") == "":
        msg = f"an id of {value!r} cannot stand in a URL"
        raise FatalAPIError(msg)
    return quote(value, safe="")
