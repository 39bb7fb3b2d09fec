"""The source as the CDK's tests want one: an object in their process, which asks the console script."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from airbyte_cdk.models import AirbyteMessageSerializer, Type
from airbyte_cdk.sources.source import Source
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from tests.airbyte.conftest import EXECUTABLE


class SourceInvoices(Source):
    def spec(self, logger):  # noqa: ARG002
        return self._only(Type.SPEC, "spec").spec

    def check(self, logger, config):  # noqa: ARG002
        return self._only(Type.CONNECTION_STATUS, "check", config=config).connectionStatus

    def discover(self, logger, config):  # noqa: ARG002
        return self._only(Type.CATALOG, "discover", config=config).catalog

    @classmethod
    def read_catalog(cls, catalog_path):
        return json.loads(Path(catalog_path).read_text())

    def read(self, logger, config, catalog, state=None):  # noqa: ARG002
        yield from self._run("read", config=config, catalog=catalog)

    def _only(self, kind, command, **files):
        (message,) = (message for message in self._run(command, **files) if message.type == kind)
        return message

    @staticmethod
    def _run(command, **files):
        with tempfile.TemporaryDirectory() as folder:
            arguments = [str(EXECUTABLE), command]
            for name, value in files.items():
                path = Path(folder, f"{name}.json")
                path.write_text(json.dumps(value))
                arguments += [f"--{name}", str(path)]
            done = subprocess.run(arguments, stdout=subprocess.PIPE, check=False)  # noqa: S603
        messages = [AirbyteMessageSerializer.load(json.loads(line)) for line in done.stdout.splitlines()]
        if done.returncode == 0:
            return messages
        error = next(message.trace.error for message in messages if message.trace and message.trace.error)
        raise AirbyteTracedException(error.internal_message, error.message, error.failure_type)
