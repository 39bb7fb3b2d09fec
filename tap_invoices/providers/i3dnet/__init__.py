"""i3D.net: settings, sign-in and streams."""

from __future__ import annotations

from tap_invoices.providers.i3dnet.streams import I3DNET

__all__ = ["I3DNET"]
