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

from tap_invoices.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAKE_ROOM = "make room for temporary files, or set TMPDIR to a folder that has some"
_OPEN_FEWER = "raise the limit (ulimit -n), or lower `max_connections`"
_CURES = {
    errno.ENOSPC: _MAKE_ROOM,
    errno.EDQUOT: _MAKE_ROOM,
    errno.EFBIG: _MAKE_ROOM,
    errno.EMFILE: _OPEN_FEWER,
    errno.ENFILE: _OPEN_FEWER,
}
_LOCAL = {
    *_CURES,
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


def fault(error: Exception) -> str | None:
    """Say what is wrong with this machine and what helps; None if the error is not of its making."""
    for link in causes(error):
        if not isinstance(link, OSError) or isinstance(link, _NUMBERED_OTHERWISE):
            continue
        if link.errno in _LOCAL:
            what = f"a fault of this machine: {link.strerror}"
            return f"{what}: {cure}" if (cure := _CURES.get(link.errno)) else what
        if _PROXY_WANTS_CREDENTIALS.match(str(link)):
            return "the proxy wants a user name and a password (407): check HTTPS_PROXY and NO_PROXY in the environment"
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
