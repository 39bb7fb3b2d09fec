"""Covage: settings, sign-in and streams."""

from __future__ import annotations

from tap_invoices.providers.covage.streams import COVAGE

__all__ = ["COVAGE"]
