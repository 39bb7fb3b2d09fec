"""Rates, line totals and tax by rate, where a provider leaves open what its numbers mean: proven, or not known."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal

from tap_invoices.einvoice.exact import Amount, Number, add, multiply, number, subtract

if TYPE_CHECKING:
    from tap_invoices.einvoice.columns import LineColumns, TaxEntry

_CENT = Decimal("0.01")
_PERCENT = Decimal("0.01")


def rate(value: Number, base: Number, tax: Number) -> Amount:
    """Return a rate in percent, whether it came as percent or as a fraction, as base and tax prove."""
    found = number(value)
    if not found:
        return found
    product = multiply(found, base)
    if product is None or tax is None:
        return None
    as_percent, as_fraction = _is_near(multiply(product, _PERCENT), tax), _is_near(product, tax)
    if as_percent == as_fraction:
        return None
    return found if as_percent else multiply(found, 100)


def _is_near(product: Amount, tax: Number) -> bool:
    difference = subtract(product, tax)
    return difference is not None and difference.copy_abs() < _CENT


def totals_are(totals: Sequence[Number], taxes: Sequence[Number], gross: Number) -> Literal["net", "gross"] | None:
    """Tell whether the totals of an invoice's lines are without tax or with it, as the invoice's total proves."""
    total, tax, whole = add(*totals), add(*taxes), number(gross)
    if whole is None or not tax:
        return None
    if add(total, tax) == whole:
        return "net"
    return "gross" if total == whole else None


def net_totals(totals: Sequence[Number], taxes: Sequence[Number], gross: Number) -> list[Amount]:
    """Return the totals of an invoice's lines, each None unless they are without tax."""
    are_net = totals_are(totals, taxes, gross) == "net"
    return [number(total) if are_net else None for total in totals]


def tax_entry(
    *,
    category: str | None = None,
    rate: Number = None,
    base_amount: Number = None,
    tax_amount: Number = None,
    exemption_reason: str | None = None,
) -> TaxEntry:
    """Return an entry of a tax breakdown."""
    return {
        "category": category,
        "rate": number(rate),
        "base_amount": number(base_amount),
        "tax_amount": number(tax_amount),
        "exemption_reason": exemption_reason,
    }


def breakdown(lines: Sequence[LineColumns], codes: Sequence[str | None] = ()) -> list[TaxEntry] | None:
    """Return the tax by category and rate, from lines; None unless each line has its amount, its tax and its rate.

    Args:
        lines: All of the invoice's.
        codes: What the provider calls each line's tax, if it does: of one rate, two of its codes are two taxes.
    """
    groups: dict[Any, TaxEntry] = {}
    for line, code in zip_longest(lines, codes):
        values = (line.get("net_amount"), line.get("tax_amount"), line.get("tax_rate"))
        net, tax, percent = map(number, values)
        if net is None or tax is None or percent is None:
            return None
        category = line.get("tax_category")
        if entry := groups.get((code, category, percent)):
            entry["base_amount"] = add(entry["base_amount"], net)
            entry["tax_amount"] = add(entry["tax_amount"], tax)
        else:
            entry = tax_entry(category=category, rate=percent, base_amount=net, tax_amount=tax)
            groups[code, category, percent] = entry
    return list(groups.values()) or None
