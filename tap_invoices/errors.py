"""Errors, sorted by what happens next, and what caused them.

SyncError (SDK)
├── FatalAPIError (SDK)          the stream ends, the others go on
│   ├── LocalError               this machine lacks something: no provider is to blame
│   ├── SignInError              also when only one item was asked for
│   │   └── SignedOutError       after one try with a new token
│   ├── RefusedError             of one item: kept as failed, and the stream goes on
│   ├── LostError                the same
│   ├── GoneError                404, 410: counted, and the stream goes on
│   ├── ProviderDownError        the provider's other streams end too
│   ├── BusyError                the provider asks for more patience than allowed
│   ├── PagingError              the list cannot be trusted
│   └── IncompleteError          the list is shorter than the provider says
└── RetriableAPIError (SDK)      asked for again
    ├── BodyError                three times in all
    └── ContestedError           with a new token each time
"""

from __future__ import annotations

from enum import Enum, StrEnum, unique
from typing import Any, ClassVar

from singer_sdk import exceptions as sdk
from singer_sdk.exceptions import ConfigurationError, SyncError

__all__ = [
    "BodyError",
    "BusyError",
    "Cause",
    "ContestedError",
    "FailureType",
    "FatalAPIError",
    "GoneError",
    "IncompleteError",
    "LocalError",
    "LostError",
    "PagingError",
    "ProviderDownError",
    "RefusedError",
    "RetriableAPIError",
    "SignInError",
    "SignedOutError",
    "SyncError",
    "failure_type",
]


_CHECK_OR_WAIT = "check {urls}, or try again later"
_CHECK_PROXY = "check HTTPS_PROXY and NO_PROXY in the environment"
_CHECK_CREDENTIALS = "{title} does not accept the credentials in {credentials}"


@unique
class Cause(Enum):
    """Why a request failed: what is said of it, and what helps; whoever tells it fills in the names."""

    # An answer
    MAY_PASS = "{phrase}", "try again later"
    SIGNED_OUT = "not signed in", _CHECK_CREDENTIALS
    SIGN_IN_PAGE = "a redirect to a sign-in page", _CHECK_CREDENTIALS
    FORBIDDEN = "permission denied", "{permission}"
    REDIRECT = "a redirect, which is never followed", "check `{name}.api_url`"
    NOT_FOUND = "not found; if it is so for all, check `{name}.api_url`", ""
    GONE = "gone", ""
    REFUSED = "{phrase}", ""
    CONTESTED = (
        "{title} refuses tokens that it has just given: somebody else signs in with the same credentials",
        "give the tap credentials of its own in {credentials}, for each sign-in ends the token before",
    )
    TOKENS_END = (
        "{title} refuses a token that it has just given, though earlier ones were good",
        "try again later, or lower `max_connections`",
    )
    # An answer to a sign-in
    SIGN_IN_MAY_PASS = "{status}", "try again later"
    NO_SIGN_IN = "{title} has no sign-in at this address ({status})", "check the URLs in `{name}`"
    SIGN_IN_REDIRECTS = (
        "{title} answers the sign-in with a redirect ({status}), which is never followed",
        "check the URLs in `{name}`, and the credentials in {credentials}",
    )
    SIGN_IN_REFUSED = "{title} refuses the sign-in ({status})", "check the credentials in {credentials}"
    # A body
    BODY = "the body is not what it claims to be", "check {urls}, for something else may answer there"
    UNPACKED = "the body cannot be decompressed", _CHECK_OR_WAIT
    BODY_ENDS_EARLY = "the body ended early", _CHECK_OR_WAIT
    # The network
    UNKNOWN_HOST = "the host name is not known", "check {urls}"
    NOBODY_LISTENS = "the connection is refused", "check {urls}, the port too"
    NO_CONNECTION_IN_TIME = "no connection in time", "check {urls}, and that no firewall is between"
    NO_CONNECTION = "no connection", _CHECK_OR_WAIT
    NO_ANSWER_IN_TIME = "no answer in time", "try again later, or raise `request_timeout`"
    NO_ANSWER = "the connection was closed without an answer", _CHECK_OR_WAIT
    RESET = "the connection was reset", _CHECK_OR_WAIT
    CONNECTION_FAILED = "the connection failed", _CHECK_OR_WAIT
    CONNECTION_BROKE = "the connection broke", _CHECK_OR_WAIT
    PROXY_REFUSES = "the proxy refuses", _CHECK_PROXY
    OTHER = "{reason}", _CHECK_OR_WAIT
    # TLS
    NOT_TRUSTED = "the TLS certificate is not trusted (set `ca_bundle` for a private authority)", ""
    NO_TLS = "no TLS is spoken there", "check the port and the https:// of {urls}"
    EXPIRED = "the TLS certificate has expired", "check the clock of this machine, or tell {title}"
    NOT_YET_VALID = "the TLS certificate is not valid yet", "check the clock of this machine"
    OTHER_HOST = "the TLS certificate is for another host", "check {urls}"
    # This machine
    NO_ROOM = (
        "a fault of this machine: {reason}",
        "make room for temporary files, or set TMPDIR to a folder that has some",
    )
    TOO_MANY_FILES = "a fault of this machine: {reason}", "raise the limit (ulimit -n), or lower `max_connections`"
    MACHINE = "a fault of this machine: {reason}", ""
    PROXY_WANTS_CREDENTIALS = "the proxy wants a user name and a password (407)", _CHECK_PROXY

    def __init__(self, words: str, cure: str) -> None:
        self.words = words
        self.cure = cure

    def tell(self, **names: Any) -> str:
        """Say what went wrong and what helps."""
        return (f"{self.words}: {self.cure}" if self.cure else self.words).format(**names)


class FailureType(StrEnum):
    """Who can mend a failure."""

    CONFIG = "config"
    """The user."""
    TRANSIENT = "transient"
    """Time."""
    SYSTEM = "system"
    """Neither."""


class FatalAPIError(sdk.FatalAPIError):
    """What asking again does not help against; its message is whole, and says what does."""

    def __init__(self, message: str, cause: Cause | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.cause = cause
        self.status = status


class RetriableAPIError(sdk.RetriableAPIError):
    """What may pass."""

    usual_cause: ClassVar[Cause] = Cause.MAY_PASS

    def __init__(self, message: str, response: Any = None, cause: Cause | None = None) -> None:
        super().__init__(message, response)
        self.cause = cause or self.usual_cause
        self.status: int | None = None if response is None else response.status_code


class LocalError(FatalAPIError):
    """This machine or its environment is not fit for a request: files, room, certificates, proxy."""


class SignInError(FatalAPIError):
    """The provider refuses the credentials (401, sign-in page)."""


class SignedOutError(SignInError):
    """The token is not good, or not any more (401, redirect to a sign-in page)."""


class RefusedError(FatalAPIError):
    """The provider refuses what was asked for to these credentials (403)."""


class LostError(FatalAPIError):
    """The request for one item used up its time on connection errors or 5xx."""


class GoneError(FatalAPIError):
    """The provider does not know this item (any more)."""


class ProviderDownError(FatalAPIError):
    """A request used up its time on connection errors or 5xx."""


class BusyError(FatalAPIError):
    """The provider asks to come back later than this sync may wait (429, Retry-After)."""


class PagingError(FatalAPIError):
    """Pages repeat, run past their total, or move faster than they can be read."""


class IncompleteError(FatalAPIError):
    """Fewer invoices arrived than the provider says it has."""


class BodyError(RetriableAPIError):
    """A 200 whose body is not the JSON or PDF that it claims to be."""

    usual_cause = Cause.BODY


class ContestedError(RetriableAPIError):
    """Tokens end as soon as they are given, as where somebody else signs in with the same credentials."""

    usual_cause = Cause.CONTESTED


def failure_type(error: Exception) -> FailureType:
    """Say who can mend an error."""
    if isinstance(error, (SignInError, RefusedError, LocalError, ConfigurationError)):
        return FailureType.CONFIG
    passes = isinstance(error, (ProviderDownError, BusyError, RetriableAPIError))
    return FailureType.TRANSIENT if passes else FailureType.SYSTEM
