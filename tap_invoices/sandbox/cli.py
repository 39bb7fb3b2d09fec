"""The command ``tap-invoices-sandbox``."""

from __future__ import annotations

import argparse
import errno
import json
import sys
from decimal import Decimal
from pathlib import Path

from tap_invoices import sandbox


def main(arguments: list[str] | None = None) -> int:
    """Serve invented invoices on the loopback interface until told to stop; 1 if that cannot be."""
    options = _parser().parse_args(arguments)
    try:
        rules = json.loads(options.faults.read_bytes(), parse_float=Decimal) if options.faults else []
        box = sandbox.Sandbox(
            invoices=options.invoices,
            seed=options.seed,
            latency=options.latency,
            faults=rules,
            accounts=options.accounts,
        )
        sandbox.serve(box, options.port)
    except (ImportError, OSError, ValueError) as error:
        sys.stderr.write(f"tap-invoices-sandbox: {_told(error, options)}\n")
        return 1
    return 0


def _told(error: Exception, options: argparse.Namespace) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {options.port} is in use: name another one with --port, or 0 for any free one"
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tap-invoices-sandbox",
        description="Stand in for the APIs of all providers. Prints the tap's configuration that points here.",
    )
    parser.add_argument("--port", type=int, default=8765, help="0 takes any free one (default: %(default)s)")
    parser.add_argument("--invoices", type=int, default=200, metavar="N", help="per provider (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="of what is invented (default: %(default)s)")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="of every request")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="rules as JSON; see tap_invoices/sandbox/faults.py")
    parser.add_argument(
        "--accounts",
        type=_names,
        default=(),
        metavar="N|NAMES",
        help="accounts at each provider: how many, or their names with commas between them",
    )
    return parser


def _names(text: str) -> list[str]:
    return [f"account-{number}" for number in range(1, int(text) + 1)] if text.isdecimal() else text.split(",")
