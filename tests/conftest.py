"""What the tests share: a sandbox of their own, and the tap over it, in this process or as one of its own."""

from __future__ import annotations

import gc
import json
import os
import time
from datetime import UTC, datetime
from uuid import uuid4
from weakref import WeakSet

import hypothesis
import pytest

from tap_invoices.http.auth import TokenAuth
from tap_invoices.sandbox import Sandbox
from tests.support import forked, run

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
"""The providers' clock: a month after the last invented invoice."""


hypothesis.settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("wild", parent=hypothesis.settings.get_profile("steady"), derandomize=False)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

LONGEST = (
    "test_targets.py",
    "test_children.py",
    "test_airbyte_protocol.py",
    "test_crash.py",
    "test_faults.py",
    "test_documents.py",
    "test_covage.py",
    "test_completeness.py",
    "test_every_state.py",
    "test_paging.py",
    "test_moving.py",
)


def pytest_configure(config):
    """Keep xdist from another order, by the number of a file's tests, which says little of their time."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items):
    """Begin with the longest files, so that none of them is left to run alone at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def crossed(longer, shorter, times=1, possible=lambda _one, _other: True):
    """Return all pairs of values that are possible. So many of each one are in every run, so that no value is left out;
    the others are long forms.
    """
    pairs = []
    for number, one in enumerate(longer):
        fitting = [other for other in shorter if possible(one, other)]
        for place, other in enumerate(fitting):
            is_long = (place - number) % len(fitting) >= times
            pairs.append(pytest.param(one, other, marks=pytest.mark.slow if is_long else ()))
    return pairs


@pytest.fixture(autouse=True, scope="session")
def _seldom_collected():
    """Collect garbage as the command does, which is seldom: a tenth of the time is saved."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


@pytest.fixture(autouse=True, scope="session")
def _own_environment():
    """No settings and no proxy but the tests' own; and what the taps' processes import is compiled once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        for name in list(os.environ):
            if name.startswith("TAP_INVOICES_"):
                patch.delenv(name)
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1")
        yield


@pytest.fixture(autouse=True)
def _own_secrets(monkeypatch):
    """The secrets of earlier tests' taps, which are seldom collected, are looked for in no line of the log."""
    monkeypatch.setattr("tap_invoices.cli.redact._KEEPERS", WeakSet())


@pytest.fixture
def box():
    """A sandbox with 25 invoices of each provider: all the odd ones are among them."""
    with Sandbox(invoices=25) as served:
        served.now = NOW
        yield served


@pytest.fixture
def no_waits(monkeypatch):
    """What is asked for again is asked for at once."""
    monkeypatch.setattr("tap_invoices.http.retry.FIRST_WAIT", 0.001)


@pytest.fixture
def clock(monkeypatch):
    """The time in which requests are tried again, which passes only by waiting."""
    clock = run.Clock()
    monkeypatch.setattr("tap_invoices.http.retry.time", clock)
    return clock


@pytest.fixture
def hurry(box, monkeypatch):
    """With each request five seconds pass, at the provider and for the tap's tokens."""

    def pass_by(_request):
        box.clock_offset += 5

    box.on_request(pass_by)
    monkeypatch.setattr(TokenAuth.__init__, "__defaults__", (lambda: time.monotonic() + box.clock_offset,))


@pytest.fixture(scope="session")
def sync():
    """Run one sync in this process, of a catalog, of the named streams, or of those selected by default."""

    def start(config, state=None, catalog=None, select=None):
        return run.sync(config, state, catalog=catalog, streams=select)

    return start


@pytest.fixture(scope="session")
def make_catalog():
    return run.catalog_of


@pytest.fixture
def run_tap(tmp_path):
    """Run the command with its arguments; what is no text among them is written into a file, which is named instead."""

    def start(*arguments, **variables):
        words = [word if isinstance(word, str) else _written(tmp_path, word) for word in arguments]
        environment = run.environment(**variables)
        return forked.run([*run.COMMAND, *words], cwd=tmp_path, env=environment, timeout=run.PATIENCE)

    return start


def _written(folder, value):
    path = folder / f"{uuid4().hex}.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)
