"""The command: ``source-invoices spec | check | discover | read``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tap_invoices.airbyte import catalog
from tap_invoices.airbyte.child import TapProcess
from tap_invoices.airbyte.messages import Output, SourceError
from tap_invoices.airbyte.read import Reader
from tap_invoices.airbyte.spec import connection_specification, tap_config
from tap_invoices.airbyte.stop import Stop
from tap_invoices.providers import PROVIDERS
from tap_invoices.streams.writer import READER_LEFT, discard_stdout


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; whatever goes wrong is one message and an exit code."""
    output = Output(sys.stdout.buffer)
    try:
        with Stop() as stop:
            sys.exit(_run(_parse(arguments), output, stop))
    except SourceError as error:
        output.error(str(error), error.failure_type)
    except BrokenPipeError:
        discard_stdout()
        sys.exit(READER_LEFT)
    sys.exit(1)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("source-invoices", description="An Airbyte source for invoices.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in {
        "spec": "say which settings there are",
        "check": "try whether the settings work",
        "discover": "say which streams there are",
        "read": "read streams",
    }.items():
        command = commands.add_parser(name, help=text)
        if name != "spec":
            command.add_argument("--config", required=True, help="file of the settings")
        if name == "read":
            command.add_argument("--catalog", required=True, help="file of the configured catalog")
            command.add_argument("--state", help="file of the state, a list of stream states")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, output: Output, stop: Stop) -> int:
    if options.command == "spec":
        output.write("SPEC", "spec", {"connectionSpecification": connection_specification(PROVIDERS)})
        return 0
    given = _load(options.config, "config")
    if not isinstance(given, dict):
        msg = "the settings are not a JSON object"
        raise SourceError(msg)
    if options.command == "check":
        return _check(given, output, stop)
    config = tap_config(given, PROVIDERS)
    if options.command == "discover":
        streams = [catalog.airbyte_stream(entry) for entry in _discover(config, output, stop)["streams"]]
        output.write("CATALOG", "catalog", {"streams": streams})
        return 0
    modes = catalog.sync_modes(_load(options.catalog, "catalog"))
    state = catalog.singer_state(_load(options.state, "state") if options.state else None, modes)
    return _read(config, modes, state, output, stop)


def _check(given: dict[str, Any], output: Output, stop: Stop) -> int:
    try:
        tap = TapProcess(tap_config(given, PROVIDERS), output, stop)
        with tap.run("--test") as lines:
            lines.read()
        stop.heed()
        tap.check()
    except SourceError as error:
        body = {"status": "FAILED", "message": str(error)}
    else:
        body = {"status": "SUCCEEDED"}
    output.write("CONNECTION_STATUS", "connectionStatus", body)
    return 0


def _discover(config: dict[str, Any], output: Output, stop: Stop) -> dict[str, Any]:
    tap = TapProcess(config, output, stop)
    with tap.run("--discover") as lines:
        printed = lines.read()
    stop.heed()
    if tap.exit_code and not tap.signal:  # no request was made: only the settings can be wrong
        raise SourceError(tap.reason)
    tap.check()
    found: dict[str, Any] = json.loads(printed)
    return found


def _read(config: dict[str, Any], modes: dict[str, str], state: dict[str, Any], output: Output, stop: Stop) -> int:
    selected = catalog.select(_discover(config, output, stop), modes)
    tap, reader = TapProcess(config, output, stop), Reader(modes, output)
    with tap.run(catalog=selected, state=state) as lines:
        reader.read(lines)
    unexplained = reader.finish(tap)
    stop.heed()
    if tap.signal or unexplained or not tap.names_streams:
        tap.check()
    return tap.exit_code


def _load(path: str, name: str) -> Any:
    try:
        return json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        msg = f"the {name} cannot be read as JSON"
        raise SourceError(msg) from error


if __name__ == "__main__":
    main()
