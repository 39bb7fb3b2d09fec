"""i3D.net: what the portal says of itself, and its streams."""

from __future__ import annotations

from tap_invoices.providers.i3dnet.streams import I3DNET

__all__ = ["I3DNET"]
