"""Faults of this machine and its environment: no provider is to blame, and waiting does not mend them."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from tap_invoices.errors import Cause, LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping

_CAUSES = {
    errno.ENOSPC: Cause.NO_ROOM,
    errno.EDQUOT: Cause.NO_ROOM,
    errno.EFBIG: Cause.NO_ROOM,
    errno.EMFILE: Cause.TOO_MANY_FILES,
    errno.ENFILE: Cause.TOO_MANY_FILES,
}
_LOCAL = {
    *_CAUSES,
    errno.EACCES,
    errno.EIO,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOMEM,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}
_NUMBERED_OTHERWISE = (ssl.SSLError, socket.gaierror, socket.herror)
"""An OSError whose number is none of the operating system's."""

_PROXY_WANTS_CREDENTIALS = re.compile(r"Tunnel connection failed: 407\b")


def causes(error: BaseException) -> list[BaseException]:
    """Return an error and those that led to it."""
    chain, seen = [error], error
    while (cause := seen.__cause__ or seen.__context__) is not None and cause not in chain:
        chain.append(cause)
        seen = cause
    return chain + [reason for link in chain if isinstance(reason := getattr(link, "reason", None), Exception)]


def fault(error: Exception) -> LocalError | None:
    """Return what is wrong with this machine; None if the error is not of its making."""
    for link in causes(error):
        if not isinstance(link, OSError) or isinstance(link, _NUMBERED_OTHERWISE):
            continue
        if link.errno in _LOCAL:
            cause = _CAUSES.get(link.errno, Cause.MACHINE)
            return LocalError(cause.tell(reason=link.strerror), cause)
        if _PROXY_WANTS_CREDENTIALS.match(str(link)):
            return LocalError(Cause.PROXY_WANTS_CREDENTIALS.tell(), Cause.PROXY_WANTS_CREDENTIALS)
    return None


def check_authorities(path: str, named_by: str) -> None:
    """Load certificate authorities, whose lack looks like a fault of the network.

    Raises:
        LocalError: If they cannot be loaded.
    """
    kind = "capath" if Path(path).is_dir() else "cafile"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(**{kind: path})
    except OSError as error:
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        msg = f"{named_by} leads to no certificate authorities ({reason}): {path}"
        raise LocalError(msg) from None


def proxy_fault(error: ValueError, url: str, proxies: Mapping[str, str]) -> LocalError:
    """Say what is wrong with the proxy of the environment; never its URL, which may hold a password."""
    scheme = urlsplit(url).scheme
    variable = f"{scheme}_proxy" if scheme in proxies else "all_proxy"
    if isinstance(error, requests.exceptions.InvalidSchema):
        problem = "needs a library for SOCKS: pip install 'requests[socks]'"
    else:
        problem = "is not the URL of a proxy, such as http://proxy.example.com:3128"
    return LocalError(f"the proxy that {variable.upper()} names in the environment {problem}")
