"""The standard tests of Airbyte's CDK: spec, check, discover, read, and no secret in the output."""

from __future__ import annotations

import pytest
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase

from tests.airbyte.conftest import HERE
from tests.airbyte.shim import SourceInvoices

pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]


@pytest.mark.usefixtures("connector_secrets")
class TestStandard(SourceTestSuiteBase):
    connector = SourceInvoices

    @classmethod
    def get_connector_root_dir(cls):
        return HERE / "source-invoices"
