"""Covage: what the portal says of itself, and its streams."""

from __future__ import annotations

from tap_invoices.providers.covage.streams import COVAGE

__all__ = ["COVAGE"]
