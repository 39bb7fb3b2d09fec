"""Matas: settings, sign-in and streams."""

from __future__ import annotations

from tap_invoices.providers.matas.streams import MATAS

__all__ = ["MATAS"]
