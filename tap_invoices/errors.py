"""Errors, sorted by what happens next.

SyncError (SDK)
├── FatalAPIError (SDK)          the stream ends, the others go on
│   ├── SignInError              also when only one item was asked for
│   │   └── SignedOutError       after one try with a new token
│   ├── GoneError                404: counted, and the stream goes on
│   ├── ProviderDownError        the provider's other streams end too
│   ├── PagingError              the list cannot be trusted
│   └── IncompleteError          the list is shorter than the provider says
└── RetriableAPIError (SDK)      asked for again
    └── BodyError                three times in all
"""

from __future__ import annotations

from singer_sdk.exceptions import FatalAPIError, RetriableAPIError, SyncError

__all__ = [
    "BodyError",
    "FatalAPIError",
    "GoneError",
    "IncompleteError",
    "PagingError",
    "ProviderDownError",
    "RetriableAPIError",
    "SignInError",
    "SignedOutError",
    "SyncError",
]


class SignInError(FatalAPIError):
    """The provider refuses the credentials or the permission (401, 403, sign-in page)."""


class SignedOutError(SignInError):
    """The token is not good, or not any more (401, redirect to a sign-in page)."""


class GoneError(FatalAPIError):
    """The provider does not know this item (any more)."""


class ProviderDownError(FatalAPIError):
    """A request used up its time on connection errors or 5xx."""


class PagingError(FatalAPIError):
    """Pages repeat, run past their total, or move faster than they can be read."""


class IncompleteError(FatalAPIError):
    """Fewer invoices arrived than the provider says it has."""


class BodyError(RetriableAPIError):
    """A 200 whose body is not the JSON or PDF that it claims to be."""
