"""Matas: what the portal says of itself, and its streams."""

from __future__ import annotations

from tap_invoices.providers.matas.streams import MATAS

__all__ = ["MATAS"]
