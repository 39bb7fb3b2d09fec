"""The streams ``invoices`` and ``invoice_lines``: the rows of other streams in the terms of EN 16931.

In the catalog each stands once, for all accounts. In an account's sync it is bound to the stream that its rows are made
from: of the same class, it shares that one's requests, from a bookmark of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_invoices.einvoice.mapping import InvoiceMapping, MappingContext
from tap_invoices.records.conform import Conformer
from tap_invoices.records.decimals import with_text
from tap_invoices.records.decode import encode
from tap_invoices.records.verbatim import VerbatimRow
from tap_invoices.streams.base import InvoiceStream
from tap_invoices.streams.schemas import SOURCE_ACCOUNT

if TYPE_CHECKING:
    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context

    from tap_invoices.records.conform import Record
    from tap_invoices.streams.services import Batch, Row, Services


class UnifiedTable(InvoiceStream, ABC):
    """Stands for all accounts, and reads none."""

    provider = ""
    path = ""
    replication_key = "changed_at"


class Invoices(UnifiedTable):
    """One row for each invoice."""

    name = "invoices"
    primary_keys = ("provider", SOURCE_ACCOUNT, "id")


class InvoiceLines(UnifiedTable):
    """One row for each line of an invoice."""

    name = "invoice_lines"
    primary_keys = ("provider", SOURCE_ACCOUNT, "invoice_id", "position")


TABLES: tuple[type[UnifiedTable], ...] = (Invoices, InvoiceLines)


class Unified(InvoiceStream, ABC):
    """Makes rows from those of another stream of its account."""

    source: ClassVar[type[InvoiceStream]]
    """Whose requests it shares, and whose rows it maps."""
    table: ClassVar[type[UnifiedTable]]
    mapping: ClassVar[InvoiceMapping]

    def __init__(self, tap: Tap, services: Services | None = None, parent: InvoiceStream | None = None) -> None:
        super().__init__(tap, services, parent)
        self.primary_keys = self.table.primary_keys
        self.replication_key = self.table.replication_key

    @abstractmethod
    def unify(self, row: Record, context: MappingContext) -> Iterable[Row]:
        """Return the rows that are made from one of the source's."""

    def context_of(self, row: Row) -> MappingContext:  # noqa: ARG002
        """Return what shapes a row beside what the provider says; takes from the row what is not the provider's."""
        return self.settings_context

    @property
    def lacks_units(self) -> bool:
        """Whether amounts are null until the user says what they are in."""
        return bool(self.mapping.unknown_units) and not self.settings_context.amounts_in

    @cached_property
    def settings_context(self) -> MappingContext:
        """What the settings say of all rows."""
        return MappingContext(self.zone, self.settings.get("amounts_in"))

    @property
    @override
    def shape(self) -> Mapping[str, Any]:
        """What other rows would be made with: another shape reads all again."""
        return {
            "model": self.mapping.version,
            "amounts_in": self.settings.get("amounts_in"),
            "time_zone": self.settings.get("time_zone"),
            "read_xml": bool((self.config.get("documents") or {}).get("read_xml") and self.mapping.documents),
        }

    @classmethod
    @override
    def row_schema(cls) -> dict[str, Any]:
        return cls.source.row_schema()

    @cached_property
    def conformer(self) -> Conformer:
        """Fits the source's rows to their schema, which tells itself of what does not fit."""
        return Conformer(self.row_schema())

    @override
    def prepare(self) -> None:
        super().prepare()
        self._stream_version = None  # of what other providers have sent, none may go

    @override
    def emit(self, batch: Batch) -> Iterator[Any]:
        """Yield the rows that are made from a batch's, as whole messages where nothing stands in between."""
        is_message, whose = self.emits_records_as_they_are, {"provider": self.provider, SOURCE_ACCOUNT: self.account}
        start, end = self.around_record()
        for row in batch.rows:
            context = self.context_of(row)
            for made in self.unify(self.record_of(row), context):
                record = whose | made
                yield VerbatimRow(start + encode(record) + end, "", None) if is_message else record
                self.counts.emitted += 1

    @property
    def account(self) -> str:
        """Name of its account."""
        return self.services.account

    def record_of(self, row: Any) -> Record:
        """Return a row of the source as the mapping takes it."""
        return row.record() if isinstance(row, VerbatimRow) else self.conformer(row)

    @override
    def post_process(self, row: Any, context: Context | None = None) -> Any:
        if isinstance(row, VerbatimRow):
            return row
        return self.deselected.removed_from(with_text(row, self.schema) if self.has_text_amounts else row)

    @override
    def _log_misfits(self) -> None:
        """Say nothing: the source does."""

    def _note_units(self) -> None:
        if self.lacks_units and (count := self.counts.emitted):
            setting = f"`{self.provider}.amounts_in`"
            what = f"rows without amounts, for the provider does not say their unit: set {setting} to units or cents"
            self.services.note(f"{self.name} ({self.provider})", count, what)


class UnifiedInvoices(Unified, ABC):
    """Makes one row of ``invoices`` from each row."""

    table = Invoices

    def __init__(self, tap: Tap, services: Services | None = None, parent: InvoiceStream | None = None) -> None:
        super().__init__(tap, services, parent)
        self._off: Counter[str] = Counter()
        """Rule → rows that do not keep it."""
        self._fractions = 0
        """Rows with an amount in cents that is no whole number of them."""

    def amounts_both_ways(self, rows: list[Any]) -> str:
        """Return a question, by what the newest of some rows would be, that a user can answer."""
        records = [self.record_of(row) for row in rows]
        units, cents = (
            [self.mapping.invoice(record, replace(self.settings_context, amounts_in=unit)) for record in records]
            for unit in ("units", "cents")
        )
        told = [both for both in zip(units, cents, strict=True) if both[1]["gross_amount"]]
        if not told:
            return ""
        in_units, in_cents = max(told, key=lambda both: both[0]["issue_date"] or "")
        return (
            f"; amounts are null until `{self.provider}.amounts_in` is set: is the total of {in_units['id']} "
            f"{in_units['gross_amount']:f} {in_units['currency']} (units), or {in_cents['gross_amount']:f} (cents)?"
        )

    @override
    def unify(self, row: Record, context: MappingContext) -> Iterable[Row]:
        made = self.mapping.invoice(row, context)
        if made["checks_ok"] is False:
            self._off.update(rule for rule, off in made["checks"].items() if off)
        if context.amounts_in == "cents":
            self._fractions += any(_has_fraction(row.get(name)) for name in self.mapping.unknown_units)
        return (made,)

    @override
    def _log_misfits(self) -> None:
        super()._log_misfits()
        self._note_units()
        where = f"{self.name} ({self.provider})"
        if self._fractions:
            what = (
                f"invoices with an amount that is no whole number of cents: set `{self.provider}.amounts_in` to units"
            )
            self.services.note(where, self._fractions, what)
        for rule, count in sorted(self._off.items()):
            self.services.note(where, count, f"rows that do not add up by {rule}")


class UnifiedLines(Unified, ABC):
    """Makes the rows of ``invoice_lines`` from each row."""

    table = InvoiceLines

    @override
    def unify(self, row: Record, context: MappingContext) -> Iterable[Row]:
        return self.mapping.lines(row, context)

    @override
    def _log_misfits(self) -> None:
        super()._log_misfits()
        if not self._tap.streams[str(Invoices.name)].selected:
            self._note_units()


def _has_fraction(value: Any) -> bool:
    return value is not None and value != Decimal(value).to_integral_value()  # ``int`` of 1e999999 takes for ever
