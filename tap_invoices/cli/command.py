"""The command line: the SDK's, with an exit code that tells whether all streams are whole."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import IO, Any

import click
from singer_sdk import Tap
from singer_sdk.plugin_base import PluginBase, _ConfigInput
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

from tap_invoices.cli import files, logs


class CommandLineTap(Tap, ABC):
    """A tap as a command."""

    @abstractmethod
    def run(self) -> bool:
        """Sync, and tell whether all streams are whole."""

    @classmethod
    @abstractmethod
    def try_out(cls, **given: Any) -> bool:
        """Make a tap, ask each provider once for each selected stream, and tell whether all is well."""

    @classmethod
    @override
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        state: IO[bytes] | None = None,
        catalog: IO[bytes] | None = None,
    ) -> None:
        """Sync as the SDK does; then exit 1 if any stream is not whole, or 128 + n after signal n."""
        PluginBase.invoke.__func__(cls, about=about, about_format=about_format)  # type: ignore[attr-defined]
        cls.print_version(print_fn=cls.logger.info)
        tap = cls(
            config=config.config,
            state=files.read_json(state, "--state"),
            catalog=files.read_json(catalog, "--catalog"),
            parse_env_config=config.parse_env,
        )
        logs.quieten()
        if not tap.run():
            sys.exit(1)

    @classmethod
    @override
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> _ConfigInput:
        """Read the settings' files, later ones over earlier ones."""
        read: dict[str, Any] = {}
        for path in value:
            if path != "ENV":
                read |= files.read_config(path)
        return _ConfigInput(config=read, parse_env="ENV" in value)

    @classmethod
    @override
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Ask each provider once for each selected stream; exit 1 if anything is wrong."""
        if value in {CliTestOptionValue.Disabled.value, CliTestOptionValue.Schema.value}:
            super().cb_test(ctx, param, value)
            return
        config = ctx.params["config"]
        catalog = files.read_json(ctx.params.get("catalog"), "--catalog")
        passes = cls.try_out(config=config.config, catalog=catalog, parse_env_config=config.parse_env)
        ctx.exit(0 if passes else 1)

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        options = {option.name: option for option in command.params if isinstance(option, click.Option)}
        for name in ("catalog", "state"):
            options[name].type = click.File("rb")
        options["catalog"].is_eager = True  # --test needs it, wherever it stands
        options["test"].help = "Ask each provider once for each selected stream; --test=schema only writes schemas."
        return command
