"""The tap: from settings to accounts, and to an exit code that tells whether all of them are whole."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import JSONSchemaValidator
from typing_extensions import override

from tap_invoices.cli import check, progress, redact
from tap_invoices.cli.command import CommandLineTap
from tap_invoices.cli.probe import Probe
from tap_invoices.config import accounts, settings, validation, values
from tap_invoices.config import catalog as catalogs
from tap_invoices.config.environment import Environment, Variables
from tap_invoices.config.state import read_state, refuse_removals, unnamed
from tap_invoices.providers import PROVIDERS
from tap_invoices.streams import maps
from tap_invoices.streams.binding import bind
from tap_invoices.streams.ledger import Ledger
from tap_invoices.streams.unified import TABLES
from tap_invoices.streams.writer import BufferedWriter
from tap_invoices.sync.account import Front
from tap_invoices.sync.opener import Opener
from tap_invoices.sync.output import Output
from tap_invoices.sync.report import Report
from tap_invoices.sync.runner import run_accounts

if TYPE_CHECKING:
    from types import FrameType

    from singer_sdk import Stream
    from singer_sdk.mapper import PluginMapper

    from tap_invoices.streams.base import InvoiceStream
    from tap_invoices.streams.unified import Unified

_STREAMS: tuple[type[InvoiceStream], ...] = (*(stream for p in PROVIDERS for stream in p.streams), *TABLES)
_NAMES = [str(stream.name) for stream in _STREAMS]  # type: ignore[misc]


class TapInvoices(CommandLineTap):
    """Singer tap for the invoices of five billing portals.

    Its streams stand for all accounts: what is selected, and the schema. Each account is synced by a tap of its own.
    """

    name = "tap-invoices"
    config_jsonschema: ClassVar[dict[str, Any]] = settings.json_schema(PROVIDERS)
    message_writer_class = BufferedWriter
    message_writer: BufferedWriter

    def __init__(
        self,
        *,
        config: Any = None,
        catalog: Any = None,
        state: Any = None,
        parse_env_config: bool = False,
        validate_config: bool = True,  # noqa: ARG002  (always: a bad setting is told before any request)
        **kwargs: Any,
    ) -> None:
        schema, given, unknown = self.config_jsonschema, copy.deepcopy(dict(config or {})), list[str]()
        self.append_builtin_config(schema)
        if parse_env_config:
            environment = Environment(self._env_var_prefix)
            given = values.lay(PROVIDERS, (given, *environment.sources(schema)))
            unknown = environment.unknown(schema)
        given = values.tidy(schema, given)
        catalog = catalogs.read_catalog(catalog, _STREAMS, given.get("decimals"))
        self._given = copy.deepcopy(given)
        super().__init__(config=given, catalog=catalog, state=state, validate_config=True, **kwargs)
        self.output = Output(self.message_writer, cast("dict[str, Any]", self.state))
        missing = catalogs.missing(self.input_catalog, self.config, PROVIDERS)
        for line in (*unknown, *validation.doubts(self.config, self._entries, PROVIDERS), *missing):
            self.logger.warning("%s", line)
        if self.config.get("batch_config"):
            catalogs.refuse_partial_batches(self._selected)
        ledger = Ledger(self.config.get("ledger_url"))
        self.report = Report(self.accounts, self.logger, ledger, self.front.selected)

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        settings.add_those_of_the_sdk(config_jsonschema)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        schema = self.config_jsonschema
        redact.guard(self)
        errors, self._entries = validation.check(schema, self._config, PROVIDERS)
        if errors:
            msg = "Config validation failed"
            raise ConfigValidationError(msg, errors=errors)
        list(JSONSchemaValidator(schema).iter_errors(self._config))  # fills in the defaults
        self.accounts = accounts.expand(self._config, self._entries, Variables())
        return errors

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        own = [stream for stream in _STREAMS if stream.provider]
        read = read_state(state, own, self._unified)
        if self.config.get("emit_activate_version_messages"):
            refuse_removals(read, own, {entry.provider.name: entry.name for entry in self._entries})
        named = [f"{entry.provider.name}/{entry.name}" for entry in self._entries]
        if count := unnamed(read, (*own, *self._unified), named):
            self.logger.info("The state passes on bookmarks of %d accounts that the settings do not name", count)
        super().load_state(read)

    @override
    def setup_mapper(self) -> None:
        super().setup_mapper()
        maps.keep_amounts_exact(self.mapper)

    # Streams

    @override
    def discover_streams(self) -> list[InvoiceStream]:
        on, left_out = catalogs.discovered(self.config, PROVIDERS)
        if left_out:
            self.logger.info("%s", catalogs.without_documents(self.input_catalog, left_out))
        return [stream(self) for stream in (*on, *TABLES)]

    @property
    @override
    def streams(self) -> Mapping[str, InvoiceStream]:  # type: ignore[override]
        """All streams, each list before those that follow it; the SDK would sort them by name."""
        if self._streams is None:
            by_name = super().streams
            self._streams = {name: by_name[name] for name in _NAMES if name in by_name}
        return self._streams  # type: ignore[return-value]

    @property
    def _selected(self) -> list[InvoiceStream]:
        return [stream for stream in self.streams.values() if stream.selected]

    def secrets(self) -> set[str]:
        """Return what must never show; an account's own secrets are its own sync's matter."""
        return set(values.secrets(self.config_jsonschema, values.without_accounts(PROVIDERS, self._config)))

    # Accounts

    @cached_property
    def front(self) -> Front:
        """What the accounts share."""
        providers = {provider.name for provider in PROVIDERS}
        config = {name: value for name, value in self.config.items() if name not in providers}
        return Front(self.streams, config, self._unified)

    @cached_property
    def _unified(self) -> list[type[Unified]]:
        """Each provider's streams that the tables of all providers stand for."""
        reads_xml = bool((self.config.get("documents") or {}).get("read_xml"))
        return [kind for p in PROVIDERS for kind in bind(p.mapping, p.streams, reads_xml=reads_xml)]

    @cached_property
    def opener(self) -> Opener:
        """What opens each account, and syncs it."""
        return Opener(
            front=self.front,
            portals={provider.name: (provider.portal, provider.sign_in) for provider in PROVIDERS},
            new_mapper=self._new_mapper,
            output=self.output,
            report=self.report,
            keep=redact.keep,
        )

    def _new_mapper(self) -> PluginMapper:
        """Return the stream maps for one account: those of all, where several threads may use them."""
        is_shared = maps.are_shareable(self.mapper)
        return self.mapper if is_shared else maps.new_mapper(self._given, self.catalog, self.logger)

    # Run

    @override
    def _setup_signal_handlers(self) -> None:
        """Leave that to `run`: before, there is no state to tell."""

    @override
    def run(self) -> bool:
        super()._setup_signal_handlers()
        with self.shown():
            self.sync_all()
        return self.report.summarise()

    @override  # type: ignore[misc]  # what the SDK calls final
    def sync_all(self) -> None:
        self.output.write_state()
        self._write_schemas()
        for account in run_accounts(self.accounts, self.config["accounts_at_once"], self.opener.sync):
            self.report.log_end(account)
        self.output.finish()

    @override  # type: ignore[misc]
    def run_sync_dry_run(self, dry_run_record_limit: int | None = 1, streams: Iterable[Stream] | None = None) -> bool:
        names = {stream.name for stream in (self.streams.values() if streams is None else streams)}
        for stream in self.streams.values():
            stream.selected = stream.name in names
        self._write_schemas()
        for account in self.accounts:
            tap = self.opener.open(account)
            tap.run_sync_dry_run(dry_run_record_limit, [s for s in tap.streams.values() if s.name in names])
            tap.message_writer.flush()
        self.output.finish()
        return True

    def _write_schemas(self) -> None:
        with self.output.turn():  # so that a signal waits for whole lines
            for stream in self._selected:
                stream._write_schema_message()  # noqa: SLF001  (the SDK's name for it)

    def shown(self) -> AbstractContextManager[object]:
        """Return what shows the counts while it is entered, where a terminal is there."""
        self.report.announce()
        return progress.shown(self.report.board)

    @classmethod
    @override
    def try_out(cls, **given: Any) -> bool:
        return cls(**given).check()

    def check(self) -> bool:
        """Ask each account once for each selected stream, and tell whether all is well."""
        open_account = partial(self.opener.open, client_class=Probe)
        return check.passes(self.accounts, self.config["accounts_at_once"], open_account, self.logger)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        self.output.stop(signum, self.logger)
