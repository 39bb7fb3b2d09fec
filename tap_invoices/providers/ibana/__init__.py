"""ibana: settings, sign-in and streams."""

from __future__ import annotations

from tap_invoices.providers.ibana.streams import IBANA

__all__ = ["IBANA"]
