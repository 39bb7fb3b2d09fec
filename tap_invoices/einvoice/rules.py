"""What several providers need alike: texts, countries, signs, and the status from what is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tap_invoices.einvoice.exact import Amount, Number, add, negate, number

if TYPE_CHECKING:
    from tap_invoices.einvoice.columns import LineColumns

CREDIT_NOTES = frozenset(["81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532"])
"""Types of UNTDID 1001 that EN 16931 has as credit notes: their amounts are owed to the buyer."""
_COUNTRY = re.compile(r"[A-Z]{2}")


def text(value: str | None) -> str | None:
    """Return a text as it is; None for a blank one."""
    return value if value and not value.isspace() else None


def country(value: str | None) -> str | None:
    """Return a country if it is two capital letters."""
    code = (value or "").strip()
    return code if _COUNTRY.fullmatch(code) else None


def is_same_number(one: str | None, other: str | None) -> bool:
    """Tell whether two texts are one invoice's number, but for case and spaces."""
    first, second = ("".join((value or "").split()).upper() for value in (one, other))
    return first == second != ""


def signed(type_code: str | None, amount: Number) -> Amount:
    """Return what the buyer owes: never more than nothing for a credit note, whichever sign the provider gives it."""
    owed = number(amount)
    return negate(owed) if owed is not None and owed > 0 and type_code in CREDIT_NOTES else owed


def signed_lines(
    type_code: str | None, lines: Iterable[LineColumns], amounts: Sequence[Number] | None = None
) -> list[LineColumns]:
    """Return lines as what the buyer owes: negative in all for a credit note, whichever sign the provider gives them.

    Args:
        type_code: What kind of invoice they are of.
        lines: All of the invoice's.
        amounts: Theirs, whose signs count; without, the lines' own net amounts.
    """
    found = list(lines)
    if type_code not in CREDIT_NOTES:
        return found
    sizes = [each.get("net_amount") for each in found] if amounts is None else amounts
    total = add(0, *(size for size in sizes if size is not None))
    turned = bool(total and total > 0)
    return [credited(line, size, turned=turned) for line, size in zip(found, sizes, strict=True)]


def credited(line: LineColumns, size: Number = None, *, turned: bool) -> LineColumns:
    """Return a credit note's line as what the buyer owes.

    A line against the others, such as a discount, stays one. Quantity and tax go with the amount; prices are positive.

    Args:
        line: As it came.
        size: Its amount, whose sign counts; without, the line's own net amount.
        turned: Whether the credit note's amounts come as positive ones.
    """
    net = number(line.get("net_amount"))
    owed = net if size is None else number(size)
    is_owed = bool(owed and (owed > 0) != turned)

    def sized(amount: Number, *, positive: bool) -> Amount:
        size = number(amount)
        return size if size is None or (size > 0) == positive else negate(size)

    return line | {
        "quantity": sized(line.get("quantity"), positive=is_owed),
        "unit_price": sized(line.get("unit_price"), positive=True),
        "net_amount": negate(net) if turned else net,
        "tax_amount": sized(line.get("tax_amount"), positive=is_owed),
    }


def status(  # noqa: PLR0911, PLR0913  (one return a status, one argument a fact)
    *,
    is_deleted: object = False,
    is_void: object = False,
    is_draft: object = False,
    is_paid: bool | None = None,
    paid_amount: Number = None,
    due_amount: Number = None,
) -> str | None:
    """Return the status that facts prove; the first three count by whether there is something, such as a date.

    Args:
        is_deleted: When or whether the invoice was deleted.
        is_void: When or whether it was made void.
        is_draft: Whether it is not issued yet.
        is_paid: What the provider says; None if it says nothing.
        paid_amount: What is paid so far.
        due_amount: What is still to pay.
    """
    if is_deleted:
        return "deleted"
    if is_void:
        return "void"
    if is_draft:
        return "draft"
    if is_paid or due_amount == 0:
        return "paid"
    if paid_amount and due_amount:
        return "partially_paid"
    if due_amount or is_paid is False:
        return "open"
    return None
