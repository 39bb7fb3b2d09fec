"""The SDK's own tests of a tap, for every stream. Those of keys and of the final state cannot fail: ours can."""

from __future__ import annotations

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_invoices.sandbox import Sandbox
from tap_invoices.tap import TapInvoices
from tests.support.run import catalog_of, own_signals

# The class is made before there is a sandbox, and keeps this dictionary: the sandbox's addresses come into it later.
CONFIG = {**Sandbox().config(), "documents": {"mode": "inline", "read_xml": True}}

with own_signals():
    StandardTests = get_tap_test_class(
        TapInvoices,
        config=CONFIG,
        suite_config=SuiteConfig(max_records_limit=None),
        catalog=catalog_of(CONFIG),
        parse_env_config=False,
    )


@pytest.fixture(autouse=True, scope="class")
def _sandbox():
    with Sandbox(invoices=25) as served, own_signals():
        CONFIG.update(served.config())
        yield


# A document has a `url` or a `content_base64`, never both.
@pytest.mark.filterwarnings(r"ignore:Fields in transformed catalog but not in records. \(\{'url'\}\)")
class TestStandard(StandardTests):
    """All of them."""
