"""The invoices that the server sends."""

from __future__ import annotations

from benchmarks.invoices.exsited import EXSITED, EXSITED_SHORT
from benchmarks.invoices.ibana import IBANA
from benchmarks.invoices.others import COVAGE, I3DNET, I3DNET_WHOLE, MATAS, MATAS_WHOLE
from benchmarks.invoices.shape import PER_ACCOUNT, PER_ORDER, changed

__all__ = [
    "COVAGE",
    "EXSITED",
    "EXSITED_SHORT",
    "I3DNET",
    "I3DNET_WHOLE",
    "IBANA",
    "MATAS",
    "MATAS_WHOLE",
    "PER_ACCOUNT",
    "PER_ORDER",
    "changed",
]
