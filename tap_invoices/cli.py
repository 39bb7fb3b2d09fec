"""The command line: the SDK's, with an exit code that tells whether all streams are whole."""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from decimal import Decimal
from typing import IO, Any

import click
from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import PluginBase, _ConfigInput
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

from tap_invoices import logs


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
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
    ) -> None:
        """Sync as the SDK does; then exit 1 if any stream is not whole, or 128 + n after signal n."""
        PluginBase.invoke.__func__(cls, about=about, about_format=about_format)  # type: ignore[attr-defined]
        cls.print_version(print_fn=cls.logger.info)
        tap = cls(
            config=config.config,
            state=_read_json(state, "--state"),
            catalog=_read_json(catalog, "--catalog"),
            parse_env_config=config.parse_env,
        )
        logs.quieten()
        if not tap.run():
            sys.exit(1)

    @classmethod
    @override
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> _ConfigInput:
        """Read the settings' files, and name the one that cannot be read."""
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError) as error:
            msg = f"a file given with --config cannot be read, or is not a JSON object: {', '.join(value)}"
            raise ConfigValidationError(msg, errors=[msg]) from error

    @classmethod
    @override
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Ask each provider once for each selected stream; exit 1 if anything is wrong."""
        if value in {CliTestOptionValue.Disabled.value, CliTestOptionValue.Schema.value}:
            super().cb_test(ctx, param, value)
            return
        config = ctx.params["config"]
        catalog = _read_json(ctx.params.get("catalog"), "--catalog")
        passes = cls.try_out(config=config.config, catalog=catalog, parse_env_config=config.parse_env)
        ctx.exit(0 if passes else 1)

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        options = {option.name: option for option in command.params if isinstance(option, click.Option)}
        options["catalog"].is_eager = True  # --test needs it, wherever it stands
        options["test"].help = "Ask each provider once for each selected stream; --test=schema only writes schemas."
        return command


def _read_json(file: IO[str] | None, option: str) -> dict[str, Any] | None:
    """Read a file that a command line option names.

    Raises:
        ConfigValidationError: If it is no JSON object.
    """
    if file is None:
        return None
    try:
        with file:
            text = file.read()
        if option == "--state" and not text.strip():  # as a target leaves it that has had no state to tell
            return None
        value = json.loads(text, parse_float=Decimal)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        msg = f"the file given with {option} is not a JSON object"
        raise ConfigValidationError(msg, errors=[msg])
    return value
