"""The stand-ins, one file per provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_invoices.sandbox.providers.covage import Covage
from tap_invoices.sandbox.providers.exsited import Exsited
from tap_invoices.sandbox.providers.i3dnet import I3dnet
from tap_invoices.sandbox.providers.ibana import Ibana
from tap_invoices.sandbox.providers.matas import Matas

if TYPE_CHECKING:
    from tap_invoices.sandbox.provider import Provider

PROVIDERS: tuple[Provider, ...] = (Covage(), Matas(), Ibana(), Exsited(), I3dnet())
