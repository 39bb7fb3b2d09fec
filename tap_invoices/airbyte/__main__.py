"""``python -m tap_invoices.airbyte``."""

from tap_invoices.airbyte.cli import main

if __name__ == "__main__":
    main()
