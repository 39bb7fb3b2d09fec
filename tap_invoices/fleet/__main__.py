"""The command: ``tap-invoices-accounts``, or ``python -m tap_invoices.fleet``."""

from __future__ import annotations

from tap_invoices import signals


def main() -> None:
    """Run the command."""
    signals.end_at_once()  # before the imports, which take most of a second
    from tap_invoices.fleet import cli  # noqa: PLC0415

    cli.main()


if __name__ == "__main__":
    main()
