"""Where batches run: threads of this process, or the workers of a Dask cluster."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit


class EngineError(Exception):
    """The engine cannot be used."""


@contextmanager
def threads(jobs: int) -> Iterator[Executor]:
    """Run so many batches at once here; the work is in child processes."""
    pool = ThreadPoolExecutor(jobs)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def dask(address: str, tls: str | None) -> Iterator[Executor]:
    """Run batches on the workers of a scheduler.

    Args:
        address: The scheduler's.
        tls: Folder with ``ca.pem``, ``cert.pem`` and ``key.pem``; without it the scheduler is on this machine.

    Raises:
        EngineError: If it may not, or cannot, be reached.
    """
    if not (tls or _is_loopback(address)):
        msg = f"{address} is not on this machine: give --tls, for everyone on the way could run commands on the workers"
        raise EngineError(msg)
    try:
        from distributed import Client, Security  # noqa: PLC0415  (an extra)
    except ImportError as error:
        msg = "--dask needs the extra: pip install 'tap-invoices[dask]'"
        raise EngineError(msg) from error
    security = None
    if tls:
        ca, cert, key = (str(Path(tls, f"{name}.pem")) for name in ("ca", "cert", "key"))
        security = Security(tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key, require_encryption=True)
    try:
        client = Client(address, security=security, set_as_default=False)
    except (OSError, ValueError) as error:
        msg = f"the scheduler at {address} cannot be reached: {error}"
        raise EngineError(msg) from error
    with client:
        yield client.get_executor(pure=False)


def _is_loopback(address: str) -> bool:
    host = urlsplit(address if "://" in address else f"tcp://{address}").hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
