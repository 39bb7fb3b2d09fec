"""The providers, a folder each, and their list in alphabetical order: a new one is added here."""

from __future__ import annotations

from tap_invoices.providers.covage import COVAGE
from tap_invoices.providers.exsited import EXSITED
from tap_invoices.providers.i3dnet import I3DNET
from tap_invoices.providers.ibana import IBANA
from tap_invoices.providers.matas import MATAS

PROVIDERS = (COVAGE, EXSITED, I3DNET, IBANA, MATAS)
