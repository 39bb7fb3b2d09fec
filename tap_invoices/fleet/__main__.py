"""``python -m tap_invoices.fleet``."""

from __future__ import annotations

from tap_invoices.fleet.cli import main

if __name__ == "__main__":
    main()
