"""Six rules of EN 16931 on an invoice's amounts, each as what is stated less what is computed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tap_invoices.einvoice.exact import Amount, add, multiply, number, shift, subtract

if TYPE_CHECKING:
    from tap_invoices.einvoice.columns import Checks, LineColumns, TaxEntry

RULES = ("br_co_10", "br_co_13", "br_co_14", "br_co_15", "br_co_16", "br_co_17")
_ZERO, _CENT = Decimal(0), Decimal("0.01")


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

    def stated(name: str) -> Amount:
        return number(invoice[name])

    def or_zero(name: str) -> Decimal:
        return number(invoice[name]) or _ZERO

    net, tax, gross, lines_net = (stated(f"{name}_amount") for name in ("net", "tax", "gross", "lines_net"))
    paid = or_zero("paid_amount") if states_all else stated("paid_amount")
    entries: list[TaxEntry] = invoice["tax_breakdown"] or []
    off_by_rate = [(_off(entry), _tolerance(entry, lines)) for entry in entries]
    allowances, charges = or_zero("allowances_amount"), or_zero("charges_amount")
    found: Checks = {
        "br_co_10": subtract(lines_net, add(*(line.get("net_amount") for line in lines))),
        "br_co_13": subtract(net, add(subtract(lines_net, allowances), charges)),
        "br_co_14": subtract(tax, add(*(entry["tax_amount"] for entry in entries))),
        "br_co_15": subtract(gross, add(net, tax)),
        "br_co_16": subtract(stated("due_amount"), add(subtract(gross, paid), or_zero("rounding_amount"))),
        "br_co_17": max((off for off, _ in off_by_rate if off is not None), key=Decimal.copy_abs, default=None),
    }
    checks = {rule: None if rule in untested else off for rule, off in found.items()}
    verdicts = [not off for rule, off in checks.items() if off is not None and rule != "br_co_17"]
    if checks["br_co_17"] is not None:
        verdicts += [off.copy_abs() <= tolerance for off, tolerance in off_by_rate if off is not None]
    return checks, all(verdicts) if verdicts else None


def _off(entry: TaxEntry) -> Amount:
    return subtract(entry["tax_amount"], shift(multiply(entry["base_amount"], entry["rate"]), 2))


def _tolerance(entry: TaxEntry, lines: Sequence[LineColumns]) -> Decimal:
    """Return a cent for each line at the rate, which may have been rounded by itself, and at least one."""
    rate = (entry["category"], entry["rate"])
    count = sum((line.get("tax_category"), line.get("tax_rate")) == rate for line in lines)
    return number(multiply(_CENT, max(count, 1))) or _CENT
