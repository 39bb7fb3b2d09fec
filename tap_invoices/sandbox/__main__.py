"""``python -m tap_invoices.sandbox``."""

import sys

from tap_invoices.sandbox.cli import main

sys.exit(main())
