"""One account's sync: a tap of its own, with one account's settings, client, reader and bookmarks."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Tap
from typing_extensions import override

from tap_invoices.concurrency.spill_queue import Memory
from tap_invoices.streams.children import ChildStream
from tap_invoices.streams.services import Services
from tap_invoices.streams.unified import Unified
from tap_invoices.sync.output import AccountWriter, HandOver
from tap_invoices.sync.reader import AccountReader
from tap_invoices.sync.report import AccountLogger

if TYPE_CHECKING:
    from singer_sdk.mapper import PluginMapper

    from tap_invoices.http.account import Account
    from tap_invoices.http.client import Client
    from tap_invoices.streams.base import InvoiceStream
    from tap_invoices.streams.services import Batch, Close, Note


def _parent_of(kind: type[InvoiceStream]) -> type[InvoiceStream] | None:
    if issubclass(kind, ChildStream):
        return kind.parent
    return kind.source if issubclass(kind, Unified) else None


@dataclass(frozen=True)
class Front:
    """What the accounts of a tap share.

    Args:
        tables: The streams that stand for all accounts, by name: what is selected, and how each is replicated.
        config: The tap's settings for all accounts.
    """

    tables: Mapping[str, InvoiceStream]
    config: Mapping[str, Any]
    unified: Sequence[type[Unified]]
    """Each provider's streams that the tables of all providers stand for."""

    memory: Memory = field(default_factory=Memory)
    """What the rows of all accounts wait in."""

    def kinds(self, account: Account) -> list[tuple[InvoiceStream, type[InvoiceStream]]]:
        """Return an account's streams, each with the table that stands for it."""
        return [
            (table, kind)
            for table in self.tables.values()
            for kind in (type(table), *(kind for kind in self.unified if isinstance(table, kind.table)))
            if kind.provider == account.provider
        ]

    def names(self, account: Account) -> list[str]:
        """Return the names of the streams that an account has."""
        return [table.name for table, _ in self.kinds(account)]

    def selected(self, account: Account) -> list[str]:
        """Return the names of those that are selected."""
        return [table.name for table, _ in self.kinds(account) if table.selected]


class AccountTap(Tap):
    """The tap that an account's streams belong to.

    Args:
        account: Which one.
        client: Asks the provider.
        front: What it shares with others.
        mapper: The stream maps; its own, where one thread alone may use them.
        logger: Where it tells what happens.
        writer: Takes what it emits.
        close: Takes each stream's counts at its end.
        note: Takes what so many of a stream's rows have in common.
        bookmarks: Where its streams begin, which are written to.
    """

    name = "tap-invoices"
    config_jsonschema: ClassVar[dict[str, Any]] = {"properties": {}}
    message_writer: AccountWriter
    logger: Any = logging.getLogger(name)  # the SDK has one for all taps of a class

    def __init__(  # noqa: PLR0913  (each by its name)
        self,
        account: Account,
        *,
        client: Client,
        front: Front,
        mapper: PluginMapper,
        logger: logging.Logger,
        writer: AccountWriter,
        close: Close,
        note: Note,
        bookmarks: dict[str, Any],
    ) -> None:
        self.account = account
        self.client = client
        self.logger = AccountLogger(logging.getLogger(self.name), account)  # what the SDK says of each tap is for DEBUG
        self._kinds = front.kinds(account)
        self._memory = front.memory
        self._services = Services(account.name, client, self._read, writer, close, note)
        self._reader: AccountReader | None = None
        super().__init__(
            config={**front.config, **{n: v for n, v in account.config.items() if n == "start_date"}},
            state={"bookmarks": bookmarks},
            validate_config=False,
            setup_mapper=False,
            message_writer=writer,
        )
        self.logger = logger
        self._mapper = mapper
        self._state_writer = HandOver(writer)
        writer.bookmarks = self.state.get("bookmarks", {})

    @override
    def discover_streams(self) -> list[InvoiceStream]:
        made: dict[type[InvoiceStream], InvoiceStream] = {}
        for table, kind in self._kinds:
            parent = _parent_of(kind)
            made[kind] = kind(self, self._services, made.get(parent) if parent else None)
            made[kind].choose_as(table)
            made[kind].state_manager._logger = made[kind].logger  # noqa: SLF001  (the SDK's own tells each start)
        return list(made.values())

    @property
    @override
    def streams(self) -> Mapping[str, InvoiceStream]:  # type: ignore[override]
        """Its streams, each list before its children; the SDK would sort them by name."""
        if self._streams is None:
            self._streams = {stream.name: stream for stream in self.discover_streams()}
        return self._streams  # type: ignore[return-value]

    def run(self) -> None:
        """Sync all selected streams, and hand the last lines over."""
        self.sync_all()
        self.message_writer.flush()

    def _read(self, name: str) -> Generator[Batch, None, None]:
        """Return a stream's batches; the reader starts when the first stream is read, in its account's thread."""
        if self._reader is None:
            reader = AccountReader(list(self.streams.values()), self._memory)
            reader.start()
            self._reader = reader
        return self._reader.read(name)

    def secrets(self) -> set[str]:
        """Return what must never show: its secret settings, and tokens minted on the way."""
        return {str(self.client.config[name]) for name in self.account.secrets} | self.client.secrets

    @override
    def _setup_signal_handlers(self) -> None:
        """Leave signals to the front."""
