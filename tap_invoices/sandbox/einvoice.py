"""What an electronic invoice says: parties, lines, and the totals that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

_CENT = Decimal("0.01")


class Party(NamedTuple):
    """A seller or a buyer."""

    name: str
    id: str = ""
    vat_id: str = ""
    country: str = ""


SELLER = Party("Réseau & Fils SARL", "S-1", "FR00123456789", "FR")
BUYER = Party("Example B.V.", "B-7", "NL001234567B01", "NL")


class Line(NamedTuple):
    """A line, taxed at a rate in percent."""

    name: str
    quantity: Decimal
    price: Decimal
    rate: Decimal
    unit: str = "C62"

    @property
    def net(self) -> Decimal:
        """Return the amount without tax."""
        return (self.quantity * self.price).quantize(_CENT)


@dataclass(frozen=True)
class EInvoice:
    """An invoice whose totals follow from its lines."""

    number: str
    issued: date
    due: date | None = None
    type_code: str = "380"
    currency: str = "EUR"
    seller: Party = SELLER
    buyer: Party = BUYER
    lines: Sequence[Line] = field(default=(Line("Fibre, 10 Gbit/s", Decimal(2), Decimal("49.90"), Decimal(20)),))
    paid: Decimal = Decimal(0)
    order: str = "PO-1"
    object: str = "SITE-9"
    preceding: str = ""
    terms: str = "30 days"
    note: str = ""
    off: Decimal = Decimal(0)
    """By how much the total with tax is wrong."""

    @property
    def taxes(self) -> dict[Decimal, tuple[Decimal, Decimal]]:
        """Return rate → amount that is taxed, tax."""
        bases: dict[Decimal, Decimal] = {}
        for line in self.lines:
            bases[line.rate] = bases.get(line.rate, Decimal(0)) + line.net
        return {rate: (base, (base * rate / 100).quantize(_CENT)) for rate, base in bases.items()}

    @property
    def net(self) -> Decimal:
        """Return the total without tax."""
        return sum((line.net for line in self.lines), Decimal(0))

    @property
    def tax(self) -> Decimal:
        """Return the tax."""
        return sum((tax for _, tax in self.taxes.values()), Decimal(0))

    @property
    def gross(self) -> Decimal:
        """Return the total with tax."""
        return self.net + self.tax + self.off
