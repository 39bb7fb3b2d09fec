"""Clients of others, in an environment of their own: `make test-airbyte`. The default run leaves this folder out."""

from __future__ import annotations

import json
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tap_invoices.sandbox import Sandbox

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
EXECUTABLE = Path(os.environ.get("SOURCE_INVOICES", ROOT / ".venv" / "bin" / "source-invoices"))

collect_ignore_glob = [] if find_spec("airbyte_cdk") else ["*"]

os.environ |= {"AIRBYTE_OFFLINE_MODE": "1", "NO_LIVE_PROGRESS": "1", "DO_NOT_TRACK": "1"}


@pytest.fixture(scope="session", autouse=True)
def temporary_files():
    """The CDK leaves its configurations in the temporary folder: it gets one that is removed."""
    with tempfile.TemporaryDirectory() as folder:
        before, tempfile.tempdir = tempfile.tempdir, folder
        yield
        tempfile.tempdir = before


@pytest.fixture
def sandbox():
    with Sandbox(invoices=30) as box:
        yield box


@pytest.fixture
def config(sandbox):
    return {**sandbox.config(), "documents": {"mode": "inline"}}


@pytest.fixture(scope="session")
def connector_secrets():
    """The configurations that acceptance-test-config.yml names, for as long as the tests last."""
    folder = HERE / "source-invoices" / "secrets"
    folder.mkdir(exist_ok=True)
    with Sandbox(invoices=30) as box:
        good = {**box.config(), "documents": {"mode": "inline"}}
        wrong = {"ibana": {**good["ibana"], "token": "a-token-that-is-wrong"}, "max_retry_seconds": 1}
        for name, value in {"config": good, "wrong": wrong}.items():
            (folder / f"{name}.json").write_text(json.dumps(value))
        yield
    for name in ("config", "wrong"):
        (folder / f"{name}.json").unlink()
    folder.rmdir()
