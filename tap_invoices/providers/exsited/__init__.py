"""Exsited: settings, sign-in and streams."""

from __future__ import annotations

from tap_invoices.providers.exsited.streams import EXSITED

__all__ = ["EXSITED"]
