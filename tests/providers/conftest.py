"""What the tests of the single providers share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.run import LISTS, provider_of

EXAMPLES = Path(__file__).parent


@pytest.fixture
def example(box):
    """Have all requests to a path answered with an example from its provider's page, from then on."""

    def answer(stream, file, path=None):
        body = (EXAMPLES / provider_of(stream) / f"{file}.json").read_text(encoding="utf-8")
        box.faults.add(path=path or LISTS[stream], times=None, action={"status": 200, "body": body})

    return answer


@pytest.fixture
def read(box, sync):
    """Sync one provider's streams, all of it or what is named."""

    def run(*streams, state=None, **settings):
        provider = provider_of(streams[0])
        config = {**box.config(provider), "documents": {"mode": "inline"}}
        config[provider] |= settings
        return sync(config, state, select=streams)

    return run
