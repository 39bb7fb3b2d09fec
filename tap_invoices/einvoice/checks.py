"""Six rules of EN 16931 on an invoice's amounts, each as what is stated less what is computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tap_invoices.einvoice.exact import add, multiply, shift, subtract

if TYPE_CHECKING:
    from tap_invoices.einvoice.columns import Checks, LineColumns, TaxEntry

RULES = ("br_co_10", "br_co_13", "br_co_14", "br_co_15", "br_co_16", "br_co_17")
_CENT = Decimal("0.01")


def check(
    invoice: Mapping[str, Any],
    lines: Sequence[LineColumns] = (),
    *,
    untested: Collection[str] = (),
    states_all: bool = False,
) -> tuple[Checks, bool | None]:
    """Return each rule's difference, and whether all are within their tolerance; None is not computed.

    Args:
        invoice: Its columns.
        lines: Those that the invoice has, as far as they are known.
        untested: Rules that prove nothing here, because an amount in them is derived.
        states_all: Whether what is paid is stated wherever there is any, as an e-invoice does.
    """
    if set(untested).issuperset(RULES):
        return dict.fromkeys(RULES), None
    net, tax, gross = invoice["net_amount"], invoice["tax_amount"], invoice["gross_amount"]
    lines_net, paid = invoice["lines_net_amount"], invoice["paid_amount"]
    allowances, charges = invoice["allowances_amount"] or 0, invoice["charges_amount"] or 0
    entries: list[TaxEntry] = invoice["tax_breakdown"] or []
    off_by_rate = _off_by_rate(entries, lines) if entries else []
    found: Checks = {
        "br_co_10": subtract(lines_net, add(*(line.get("net_amount") for line in lines))),
        "br_co_13": subtract(net, add(subtract(lines_net, allowances), charges)),
        "br_co_14": subtract(tax, add(*(entry["tax_amount"] for entry in entries))),
        "br_co_15": subtract(gross, add(net, tax)),
        "br_co_16": subtract(
            invoice["due_amount"],
            add(subtract(gross, 0 if paid is None and states_all else paid), invoice["rounding_amount"] or 0),
        ),
        "br_co_17": max((off for off, _ in off_by_rate), key=Decimal.copy_abs, default=None),
    }
    checks = {rule: None if rule in untested else off for rule, off in found.items()}
    verdicts = [not off for rule, off in checks.items() if off is not None and rule != "br_co_17"]
    if checks["br_co_17"] is not None:
        verdicts += [off.copy_abs() <= tolerance for off, tolerance in off_by_rate]
    return checks, all(verdicts) if verdicts else None


def _off_by_rate(entries: Sequence[TaxEntry], lines: Sequence[LineColumns]) -> list[tuple[Decimal, Decimal]]:
    """Return for each rate by how much its tax is off, and by how much it may be.

    A cent for each line at the rate, which may have been rounded by itself, and at least one.
    """
    counts = Counter((line.get("tax_category"), line.get("tax_rate")) for line in lines)
    found = []
    for entry in entries:
        off = subtract(entry["tax_amount"], shift(multiply(entry["base_amount"], entry["rate"]), 2))
        if off is not None:
            count = max(counts[entry["category"], entry["rate"]], 1)
            found.append((off, Decimal(count) * _CENT))
    return found
