"""Why a request failed, read from the error that says so."""

from __future__ import annotations

from collections.abc import Sequence

import requests
import urllib3

from tap_invoices.errors import Cause, FatalAPIError, RetriableAPIError
from tap_invoices.http import machine

TRANSPORT_ERRORS = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError)

_BY_CLASS = {
    "SSLEOFError": Cause.NO_ANSWER,
    "SSLZeroReturnError": Cause.NO_ANSWER,
    "SSLError": Cause.NOT_TRUSTED,
    "SSLCertVerificationError": Cause.NOT_TRUSTED,
    "ProxyError": Cause.PROXY_REFUSES,
    "NameResolutionError": Cause.UNKNOWN_HOST,
    "ConnectionRefusedError": Cause.NOBODY_LISTENS,
    "DecodeError": Cause.UNPACKED,
    "IncompleteRead": Cause.BODY_ENDS_EARLY,
    "RemoteDisconnected": Cause.NO_ANSWER,
    "ConnectionResetError": Cause.RESET,
    "BrokenPipeError": Cause.RESET,
    "ConnectTimeout": Cause.NO_CONNECTION_IN_TIME,
    "NewConnectionError": Cause.NO_CONNECTION,
    "ReadTimeout": Cause.NO_ANSWER_IN_TIME,
    "TimeoutError": Cause.NO_ANSWER_IN_TIME,
    "ConnectionError": Cause.CONNECTION_FAILED,
    "ProtocolError": Cause.CONNECTION_BROKE,
}
"""Names of the classes of an error and of those that led to it; the first that fits says most."""

_TLS_FAULTS = {
    "WRONG_VERSION_NUMBER": Cause.NO_TLS,
    "has expired": Cause.EXPIRED,
    "not yet valid": Cause.NOT_YET_VALID,
    "mismatch": Cause.OTHER_HOST,
    "doesn't match": Cause.OTHER_HOST,
}
"""What OpenSSL or urllib3 say."""


def cause_of(error: Exception) -> Cause | None:
    """Return why a request failed; None where only an error's message says it."""
    if isinstance(error, (FatalAPIError, RetriableAPIError)):
        return error.cause
    if fault := machine.fault(error):
        return fault.cause
    names = class_names(error)
    cause = next((cause for name, cause in _BY_CLASS.items() if name in names), Cause.OTHER)
    if cause is Cause.NOT_TRUSTED:
        text = str(error)
        return next((fault for sign, fault in _TLS_FAULTS.items() if sign in text), cause)
    return cause


def describe(error: Exception) -> str:
    """Say in a few words what happened, without addresses, bodies or other data."""
    if isinstance(error, (FatalAPIError, RetriableAPIError)):
        return str(error)
    if fault := machine.fault(error):
        return str(fault)
    cause = cause_of(error) or Cause.OTHER
    return cause.words.format(reason=type(error).__name__)


def are_alike(errors: Sequence[Exception]) -> bool:
    """Tell whether errors have one cause; those without one are alike if they say the same."""
    kinds = {(cause_of(error) or str(error), getattr(error, "status", None)) for error in errors}
    return len(kinds) == 1


def class_names(error: Exception) -> set[str]:
    """Return the names of an error's classes, and of those that led to it."""
    return {cls.__name__ for link in machine.causes(error) for cls in type(link).__mro__}
