"""Errors, sorted by what happens next.

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

from singer_sdk.exceptions import ConfigurationError, FatalAPIError, RetriableAPIError, SyncError

__all__ = [
    "BodyError",
    "BusyError",
    "ContestedError",
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


class ContestedError(RetriableAPIError):
    """Somebody else signs in with the same credentials, which ends this sync's tokens."""


def failure_type(error: Exception) -> str:
    """Say who can mend it: "config" the user, "transient" time, "system" neither."""
    if isinstance(error, (SignInError, RefusedError, LocalError, ConfigurationError)):
        return "config"
    return "transient" if isinstance(error, (ProviderDownError, BusyError, RetriableAPIError)) else "system"
