"""The tap: from settings to streams, and to an exit code that tells whether all of them are whole."""

from __future__ import annotations

import copy
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import JSONSchemaValidator
from typing_extensions import override

from tap_invoices.cli import check, redact
from tap_invoices.cli import progress as terminal
from tap_invoices.cli.command import CommandLineTap
from tap_invoices.cli.probe import Probe
from tap_invoices.config import catalog as catalogs
from tap_invoices.config import settings, values
from tap_invoices.config import validation as validate
from tap_invoices.config.environment import Environment
from tap_invoices.config.state import read_state
from tap_invoices.http.client import Client
from tap_invoices.providers import PROVIDERS
from tap_invoices.streams import maps
from tap_invoices.streams.children import ChildStream
from tap_invoices.streams.documents import DocumentStream
from tap_invoices.streams.ledger import Ledger, LedgerError
from tap_invoices.streams.lists import ListStream
from tap_invoices.streams.services import Services
from tap_invoices.streams.writer import BufferedWriter, LastStateWriter
from tap_invoices.sync.reader import Sync

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import FrameType

    from singer_sdk.singerlib import Catalog

    from tap_invoices.counts import Counts, Outcome
    from tap_invoices.streams.base import InvoiceStream

_STREAMS = tuple(stream for provider in PROVIDERS for stream in provider.streams)
_NO_DOCUMENTS = (
    "Without `documents` in the settings these streams are left out: {}. To have them, set `documents.mode` to inline, "
    "or to files with a `documents.url`."
)

_DOCUMENTS_WANTED = (
    "The catalog selects {}, and PDFs need `documents` in the settings: set `documents.mode` to inline, or to files "
    "with a `documents.url`, or deselect them."
)


class TapInvoices(CommandLineTap):
    """Singer tap for the invoices of five billing portals."""

    name = "tap-invoices"
    config_jsonschema: ClassVar[dict[str, Any]] = settings.json_schema(PROVIDERS)
    message_writer_class = BufferedWriter
    message_writer: BufferedWriter

    def __init__(  # noqa: PLR0913  (the SDK's, and one more)
        self,
        *,
        config: Any = None,
        catalog: Any = None,
        state: Any = None,
        parse_env_config: bool = False,
        validate_config: bool = True,  # noqa: ARG002  (always: a bad setting is told before any request)
        client_class: type[Client] = Client,
        **kwargs: Any,
    ) -> None:
        schema, given, unknown = self.config_jsonschema, copy.deepcopy(dict(config or {})), list[str]()
        self.append_builtin_config(schema)
        if parse_env_config:
            environment = Environment(self._env_var_prefix)
            given = values.lay(PROVIDERS, (given, *environment.sources(schema)))
            unknown = environment.unknown(schema)
        self.failures: dict[str, str] = {}
        self.clients: dict[str, Client] = {}
        self._client_class = client_class
        self.sync = Sync()
        catalog = catalogs.read_catalog(catalog, _STREAMS)
        given = values.tidy(schema, given)
        super().__init__(config=given, catalog=catalog, state=state, validate_config=True, **kwargs)
        self._state_writer = LastStateWriter(self.message_writer)
        for line in (*unknown, *validate.doubts(self.config)):
            self.logger.warning(line)
        self._refuse_missing()
        _ = self.streams  # here, in the main thread: readers share them and their clients
        self._refuse_partial_batches()

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the SDK's settings, but of its formats of batch files the one that works here."""
        super().append_builtin_config(config_jsonschema)
        batch = copy.deepcopy(config_jsonschema["properties"]["batch_config"])
        batch["properties"]["encoding"]["properties"]["format"]["enum"] = ["jsonl"]
        config_jsonschema["properties"]["batch_config"] = batch

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        schema = self.config_jsonschema
        redact.guard(self)
        errors = validate.problems(schema, self._config, PROVIDERS)
        if errors:
            msg = "Config validation failed"
            raise ConfigValidationError(msg, errors=errors)
        list(JSONSchemaValidator(schema).iter_errors(self._config))  # fills in the defaults
        return errors

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(read_state(state, _STREAMS))

    @override
    def setup_mapper(self) -> None:
        super().setup_mapper()
        maps.keep_amounts_exact(self.mapper)

    # Streams

    @override
    def discover_streams(self) -> list[InvoiceStream]:
        on = [stream for provider in PROVIDERS if provider.is_configured(self.config) for stream in provider.streams]
        if not self._has_documents:
            left_out = [str(stream.name) for stream in on if issubclass(stream, DocumentStream)]  # type: ignore[misc]
            self._refuse_selected(left_out)
            if left_out:
                self.logger.info(_NO_DOCUMENTS.format(", ".join(left_out)))
            on = [stream for stream in on if not issubclass(stream, DocumentStream)]
        for provider in PROVIDERS:
            if provider.is_configured(self.config):
                config = values.effective(provider, self.config, self.config[provider.name])
                self.clients[provider.name] = self._client_class(provider.portal, config, provider.sign_in, self.logger)
        return self._make_streams(on)

    def _make_streams(self, classes: Sequence[type[InvoiceStream]]) -> list[InvoiceStream]:
        """Make the streams, each list before its children, which take their items from it."""
        made: dict[type[InvoiceStream], InvoiceStream] = {}
        for each in classes:
            services = Services(self.clients[each.provider], self.sync.read, self.message_writer, self.close_stream)
            made[each] = each(self, services, made.get(each.parent) if issubclass(each, ChildStream) else None)
            self.sync.add(made[each])
        return list(made.values())

    def _refuse_missing(self) -> None:
        """Refuse, or warn of, what the catalog selects of providers that are off.

        Raises:
            ConfigValidationError: If a setting of such a provider came empty.
        """
        if self.input_catalog is None:
            return
        errors, warnings = catalogs.missing(self.input_catalog, self.config, PROVIDERS)
        for warning in warnings:
            self.logger.warning("%s", warning)
        if errors:
            msg = "Catalog selects streams that are not there"
            raise ConfigValidationError(msg, errors=errors)

    def _refuse_partial_batches(self) -> None:
        """Refuse what the SDK would leave out in silence: batch files hold all fields.

        Raises:
            ConfigValidationError: If a field is deselected while `batch_config` is set.
        """
        if not self.config.get("batch_config"):
            return
        partial = [name for name, stream in self.streams.items() if stream.selected and not all(stream.mask.values())]
        if partial:
            names = ", ".join(partial)
            msg = f"`batch_config` writes all fields, and some are deselected in {names}: select them, or take it out"
            raise ConfigValidationError(msg, errors=[msg])

    @property
    def _has_documents(self) -> bool:
        return bool((self.config.get("documents") or {}).get("mode"))

    def _refuse_selected(self, left_out: list[str]) -> None:
        catalog: Catalog = self.input_catalog or {}  # type: ignore[assignment]
        selected = [name for name in left_out if (entry := catalog.get(name)) and entry.metadata.root.selected]
        if selected:
            msg = "The catalog selects documents, and the settings do not say where they go"
            raise ConfigValidationError(msg, errors=[_DOCUMENTS_WANTED.format(", ".join(selected))])

    @property
    @override
    def streams(self) -> Mapping[str, InvoiceStream]:  # type: ignore[override]
        """All streams, each list before those that follow it; the SDK would sort them by name."""
        if self._streams is None:
            order = [str(stream.name) for stream in _STREAMS]  # type: ignore[misc]
            by_name = super().streams
            self._streams = {name: by_name[name] for name in order if name in by_name}
        return self._streams  # type: ignore[return-value]

    # What the streams share

    @cached_property
    def ledger(self) -> Ledger:
        """Where each stream's counts are told."""
        return Ledger(self.logger, self.config.get("ledger_url"))

    def secrets(self) -> set[str]:
        """Return what must never show: secret settings, and tokens minted on the way."""
        found = set(values.secrets(self.config_jsonschema, self._config))
        for client in self.clients.values():
            found |= client.secrets
        return found

    # Run

    @override
    def _setup_signal_handlers(self) -> None:
        """Leave that to `run`: before, there is no state to tell."""

    @override
    def run(self) -> bool:
        super()._setup_signal_handlers()
        with self.shown():
            self.sync_all()
        self.message_writer.flush()
        if self.failures:
            self._summarise()
        return not self.failures

    def shown(self) -> AbstractContextManager[object]:
        """Return what shows the selected streams' counts while it is entered, where a terminal is there."""
        selected = {name: stream for name, stream in self.streams.items() if stream.selected}
        lists = {name: stream for name, stream in selected.items() if isinstance(stream, ListStream)}
        page_sizes = {name: size for name, stream in lists.items() if (size := stream.settings.get("page_size"))}
        return terminal.shown({name: stream.counts for name, stream in selected.items()}, page_sizes)

    @classmethod
    @override
    def try_out(cls, **given: Any) -> bool:
        return cls(**given, client_class=Probe).check()

    def check(self) -> bool:
        """Try all selected streams, where the clients are probes, and tell whether all is well."""
        probes = cast("list[Probe]", list(self.clients.values()))
        return check.passes(probes, list(self.streams.values()), self.logger)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        def stop() -> None:
            if not self.config.get("batch_config"):  # whose last rows are out only once their file is
                self._state_writer.write_state(self.state)
            self.message_writer.flush()
            self.logger.warning("Stopped by %s; what was emitted is in the state", signal.Signals(signum).name)
            sys.exit(128 + signum)

        self.message_writer.interrupt(stop)

    # Outcome

    def _summarise(self) -> None:
        """Tell which streams are not whole, and that the others are."""
        self.logger.error(
            "%d of %d streams are not whole, and their bookmarks stay: %s",
            len(self.failures),
            sum(stream.selected for stream in self.streams.values()),
            "; ".join(f"{name} ({reason})" for name, reason in self.failures.items()),
        )

    def close_stream(
        self, counts: Counts, outcome: Outcome, failure: str | None = None, failure_type: str = "system"
    ) -> None:
        """Write a stream's counts down, and remember its failure for the end."""
        counts.end(outcome)
        if failure:
            self.failures[counts.stream] = failure
            extra = {"stream_name": counts.stream, "failure_type": failure_type}
            self.logger.error("%s: %s", counts.stream, failure, extra=extra)
        try:
            self.ledger.close(counts)
        except LedgerError as error:
            self.logger.error("%s", error)  # noqa: TRY400  (a traceback tells a user nothing)
            self.failures.setdefault(counts.stream, str(error))

    def close(self) -> None:
        """Let go of threads and connections; a process that ends need not."""
        for client in self.clients.values():
            client.close()
