"""Where batches run: threads of this process, or the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tap_invoices.config import rules
from tap_invoices.fleet import pipe


class EngineError(Exception):
    """The engine cannot be used."""


@contextmanager
def threads(jobs: int) -> Iterator[Executor]:
    """Run so many batches at once here; the work is in child processes."""
    pool = ThreadPoolExecutor(jobs)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        pipe.stop()
        raise
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
    url = address if "://" in address else f"{'tls' if tls else 'tcp'}://{address}"
    if not (tls or rules.is_loopback(urlsplit(url).hostname or "")):
        msg = f"{address} is not on this machine: give --tls, for everyone on the way could run commands on the workers"
        raise EngineError(msg)
    if tls and not url.startswith("tls://"):
        msg = f"{address} is not spoken to in TLS: with --tls it must begin with tls://"
        raise EngineError(msg)
    files = [Path(tls, name) for name in ("ca.pem", "cert.pem", "key.pem")] if tls else []
    if missing := [file.name for file in files if not file.is_file()]:
        msg = f"the folder of --tls lacks {', '.join(missing)}"
        raise EngineError(msg)
    try:
        from distributed import Client, Security  # noqa: PLC0415  (an extra)
    except ImportError as error:
        msg = "--dask needs the extra: pip install 'tap-invoices[dask]'"
        raise EngineError(msg) from error
    security = None
    if tls:
        ca, cert, key = map(str, files)
        security = Security(tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key, require_encryption=True)
    try:
        client = Client(url, security=security, set_as_default=False)
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        msg = f"the scheduler at {address} cannot be reached: {error}"
        raise EngineError(msg) from error
    with client:
        yield client.get_executor(pure=False)
