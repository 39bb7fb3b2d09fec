"""One provider, as its streams ask it: signed, paced, repeated while that makes sense, and judged."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tap_invoices import times
from tap_invoices.concurrency.limiter import Limiter
from tap_invoices.concurrency.pool import Pool
from tap_invoices.errors import (
    BusyError,
    Cause,
    ContestedError,
    FatalAPIError,
    LostError,
    ProviderDownError,
    SignedOutError,
)
from tap_invoices.http import oauth
from tap_invoices.http.answers import Portal, judge
from tap_invoices.http.hosts import Hosts
from tap_invoices.http.request import host_of
from tap_invoices.http.retry import Attempt, OnWait, Stopwatch, retry
from tap_invoices.http.session import Session
from tap_invoices.http.watch import Watched

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

    from tap_invoices.counts import Counts
    from tap_invoices.http.auth import SignIn
    from tap_invoices.http.request import Request, TokenRequest

_WAITS = 10
"""A piece of an answer may take as long as so many waits for its next bytes."""

R = TypeVar("R")


class Client:
    """Asks one provider; all its streams and threads share it.

    Args:
        portal: Who is asked.
        config: The provider's values, defaults included.
        sign_in: Makes what signs each request.
        logger: Where waits are told.
        away: Entered for a long wait before a retry: others may work meanwhile.
        hosts: What other accounts know of the hosts.
    """

    def __init__(  # noqa: PLR0913  (each by its name)
        self,
        portal: Portal,
        config: Mapping[str, Any],
        sign_in: SignIn,
        logger: logging.Logger,
        *,
        away: Callable[[], AbstractContextManager[None]] = nullcontext,
        hosts: Hosts | None = None,
    ) -> None:
        self.portal = portal
        self.config = config
        self.session = Session(config)
        self.workers = Pool(portal.name, config["max_connections"])
        self.down: str | None = None
        """Why the provider is not asked any more in this sync."""
        self.secrets: set[str] = set()
        """Tokens that were minted on the way."""
        self._logger = logger
        self._away = away
        self._hosts = hosts or Hosts()
        self._max_retry_seconds = _seconds(config["max_retry_seconds"]) or 0.0
        self._slowest = max(self._max_retry_seconds, _WAITS * self.session.timeout)
        self._limiter = Limiter(config["max_connections"], _seconds(config["requests_per_second"]))
        self._created_at = datetime.now(UTC)
        self._started_at: datetime | None = None
        self._host = ""
        """Where the streams' requests go."""
        self._answered: PreparedRequest | None = None
        """The last request that was answered."""
        self.auth = sign_in(config, self.fetch_token)

    @property
    def now(self) -> datetime:
        """When the sync began, by the provider's clock; by this machine's while it has not told."""
        return self._started_at or self._created_at

    def fetch(self, request: Request, read: Callable[[Response], R], counts: Counts) -> R:
        """Send a request until it is answered, and return what ``read`` makes of the answer. Any thread may.

        Raises:
            FatalAPIError: If it is refused, or its time is used up.
        """
        unsigned = request.prepare(self.session.headers)

        def ask(signed: PreparedRequest) -> R:
            counts.count(requests=1)
            with self.send(signed) as response, Watched(response, self._slowest):
                self._see_clock(response)
                judge(response, self.portal, request.path)
                answer = read(response)
            self.auth.accept()
            self._answered = signed
            return answer

        def on_wait(seconds: float, reason: str, asked: bool) -> None:  # noqa: ARG001, FBT001
            counts.wait(seconds)
            logger = self._logger.getChild(counts.stream)
            logger.warning("%s: %s; asking again in %.1f s", counts.stream, reason, seconds)

        signed = partial(self._signed, unsigned, ask, counts)
        self._host = host_of(unsigned)
        return self.run(signed, on_wait, host=self._host, is_item=request.is_item)

    def fetch_token(self, request: TokenRequest) -> dict[str, Any]:
        """Ask for a token until there is an answer, and return it.

        Raises:
            SignInError: If the credentials are refused.
            FatalAPIError: If there is none for another reason; where nothing else tells it, its words name the sign-in.
        """
        prepared = request.prepare(self.session.headers)

        def ask(_watch: Stopwatch) -> dict[str, Any]:
            with self.send(prepared) as response, Watched(response, self._slowest):
                return oauth.read_token(response, self.portal)

        def on_wait(seconds: float, reason: str, asked: bool) -> None:  # noqa: ARG001, FBT001
            self._logger.warning("Signing in at %s again in %.1f s: %s", self.portal.title, seconds, reason)

        host = host_of(prepared)
        try:
            answer = self.run(ask, on_wait, host=host, on_the_way=host == self._host)
        except FatalAPIError as error:
            if isinstance(error, (ProviderDownError, BusyError)) or error.cause is Cause.BODY:
                msg = f"at sign-in: {error}"
                raise type(error)(msg, error.cause, error.status) from None
            raise
        self.secrets.update(oauth.secrets_of(answer))
        return answer

    def run(
        self, attempt: Attempt[R], on_wait: OnWait, *, host: str, is_item: bool = False, on_the_way: bool = False
    ) -> R:
        """Repeat a request until it is answered, unless the provider is known to be down; remember if it is.

        A provider is down when the request for a list used up its time. One item alone may be broken.
        """

        def unless_down(watch: Stopwatch) -> R:
            self._refuse_if_down()
            return attempt(watch)

        def pause(seconds: float, reason: str, asked: bool) -> None:  # noqa: FBT001
            if asked:
                self._limiter.pause(seconds)
            on_wait(seconds, reason, asked)

        self._refuse_if_down()
        began = time.monotonic()
        try:
            with self._hosts.trial(host, on_the_way=on_the_way) as is_patient:
                answer = retry(unless_down, self._max_retry_seconds if is_patient else 0.0, pause, self._away)
        except ProviderDownError as error:
            if is_item and not self.down:
                raise LostError(str(error), error.cause, error.status) from None
            if not self.down:
                self.down = str(error)
                self._hosts.lost(host, self.down, began)
            raise
        self._hosts.answered(host)
        return answer

    def send(self, request: PreparedRequest) -> Response:
        """Send one request; its body is left to be read."""
        return self.session.send(request)

    def close(self) -> None:
        """Let go of threads and connections."""
        self.workers.close()
        self.session.close()

    def _refuse_if_down(self) -> None:
        if self.down:
            msg = f"{self.portal.title} is down: {self.down}"
            raise ProviderDownError(msg)

    def _signed(
        self, request: PreparedRequest, ask: Callable[[PreparedRequest], R], counts: Counts, watch: Stopwatch
    ) -> R:
        """Sign a request and ask, in its turn; where its token is refused, once more with a new one."""
        watch.stop()
        with self._limiter.slot():
            signed = self.auth(request)
            watch.go_on()
            try:
                return ask(signed)
            except SignedOutError:
                if not self._renew(signed, counts):
                    raise
            signed = self.auth(request)
            try:
                return ask(signed)
            except SignedOutError:
                self._renew(signed, counts)
                if self.auth.has_worked and not self._is_good_elsewhere(signed, counts):
                    raise ContestedError(self.portal.tell(Cause.TOKENS_END), cause=Cause.TOKENS_END) from None
                raise

    def _renew(self, signed: PreparedRequest, counts: Counts) -> bool:
        """Forget a refused token; tell whether to ask again at once.

        Raises:
            ContestedError: If it makes sense only after a pause.
        """
        renewed = self.auth.renew(signed)
        if self.auth.is_contested and not self._is_good_elsewhere(signed, counts):
            raise ContestedError(self.portal.tell(Cause.CONTESTED))
        return renewed

    def _is_good_elsewhere(self, signed: PreparedRequest, counts: Counts) -> bool:
        """Tell whether a refused token is taken where one was before: then it is this path that is refused."""
        if self._answered is None:
            return False
        again = self._answered.copy()
        again.headers["Authorization"] = signed.headers["Authorization"]
        counts.count(requests=1)
        with self.send(again) as response:
            return not self.portal.is_signed_out(response)

    def _see_clock(self, response: Response) -> None:
        """Take the start of the sync from the first answer."""
        if self._started_at is None:
            self._started_at = times.from_http(response.headers.get("Date"))


def _seconds(value: Any) -> float | None:
    """Return a setting as the standard library wants it: settings files give ``Decimal``."""
    return None if value is None else float(value)
