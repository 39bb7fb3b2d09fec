"""Arithmetic that keeps every digit, or gives nothing.

Decimal's own operators round to 28 digits, even unary minus, ``abs`` and ``scaleb``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Context, Decimal, Inexact, InvalidOperation

Number = Decimal | int | None
"""An amount as a provider's row has it."""
Amount = Decimal | None
"""An amount of the model; None is not known."""

_EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])


def number(value: Number) -> Amount:
    """Return an amount as a ``Decimal`` with all its digits, and zero without a sign."""
    if value is None:
        return None
    decimal = Decimal(value)
    return decimal or decimal.copy_abs()


def negate(value: Number) -> Amount:
    """Return the amount with the other sign."""
    decimal = number(value)
    return decimal.copy_negate() if decimal else decimal


def shift(value: Number, places: int) -> Amount:
    """Return the amount with its point so many places further left."""
    decimal = number(value)
    if decimal is None:
        return None
    sign, digits, exponent = decimal.as_tuple()
    return Decimal((sign, digits, int(exponent) - places))


def add(*values: Number) -> Amount:
    """Return the sum; None if a part is not known, or there is none."""
    return _fold(_EXACT.add, values)


def subtract(*values: Number) -> Amount:
    """Return the first less the others; None if one is not known."""
    return _fold(_EXACT.subtract, values)


def multiply(*values: Number) -> Amount:
    """Return the product; None if a factor is not known."""
    return _fold(_EXACT.multiply, values)


def _fold(operate: Callable[[Decimal, Decimal], Decimal], values: Iterable[Number]) -> Amount:
    result: Amount = None
    for value in values:
        if value is None:
            return None
        part = Decimal(value)
        try:
            result = part if result is None else operate(result, part)
        except (Inexact, InvalidOperation):
            return None
    return number(result)
