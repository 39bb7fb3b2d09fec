"""The Hub's definition says what the tap says of itself, what meltano.yml says, and Meltano takes it."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET

import pytest
import yaml

from tap_invoices.providers import PROVIDERS
from tests.support.run import ROOT, UNIFIED, environment
from tests.support.targets import MELTANO
from tests.sync.test_every_stream import BY_DEFAULT
from tools import hub

DEFINITION = ROOT / "hub" / "_data" / "meltano" / "extractors" / "tap-invoices" / "tap-invoices.yml"


@pytest.fixture(scope="module")
def definition():
    return yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def plugin():
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    return project["plugins"]["extractors"][0]


def by_name(settings):
    return {setting["name"]: setting for setting in settings}


def test_files_are_what_the_tool_writes():
    written = {path: (hub.HUB / path).read_text(encoding="utf-8") for path in hub.files()}
    assert written == hub.files(), "stale: run `python -m tools.hub`"
    assert hub.PROJECT.read_text(encoding="utf-8") == hub.project(), "stale: run `python -m tools.hub`"


def test_secrets_are_sensitive_and_nothing_else_is(definition):
    sensitive = {setting["name"] for setting in definition["settings"] if setting.get("sensitive")}
    assert sensitive == {
        "covage.password",
        "documents.storage_options",
        "exsited.client_secret",
        "i3dnet.token",
        "ibana.token",
        "matas.token",
        *(f"{provider.name}.accounts" for provider in PROVIDERS),
    }
    kinds = {name: setting["kind"] for name, setting in by_name(definition["settings"]).items()}
    assert {name for name in sensitive if kinds[name] == "object"} == {"documents.storage_options"}
    assert {kinds[f"{provider.name}.accounts"] for provider in PROVIDERS} == {"array"}
    assert "password" not in {kinds[name] for name in kinds.keys() - sensitive}


def test_no_nested_setting_has_a_value(definition, plugin):
    for settings in (definition["settings"], plugin["settings"]):
        assert not [setting["name"] for setting in settings if "." in setting["name"] and "value" in setting]


def test_no_kind_is_one_that_meltano_cannot_pass_on(definition):
    assert "decimal" not in {setting["kind"] for setting in definition["settings"]}


def test_it_agrees_with_meltano_yml(definition, plugin):
    assert plugin["settings"] == definition["settings"]
    assert sorted(plugin["capabilities"]) == definition["capabilities"]
    assert sorted(plugin["select"]) == definition["select"]
    assert sorted(plugin["settings_group_validation"]) == sorted(definition["settings_group_validation"])


def test_select_is_the_default_selection(definition):
    assert {rule.removesuffix(".*") for rule in definition["select"]} == {*BY_DEFAULT, *UNIFIED}


def test_keys_are_sorted(definition):
    def check(value):
        if isinstance(value, dict):
            assert list(value) == sorted(value)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(item)

    check(definition)


def test_logo_is_there_and_its_own(definition):
    logo = ROOT / "hub" / "static" / definition["logo_url"].removeprefix("/")
    text = logo.read_text(encoding="utf-8")
    assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314
    assert not {"<script", "<image", "<text", "href"} & set(text.split())


def lines_of_the_page():
    """The commands that hub/README.md gives, as words."""
    page = (ROOT / "hub" / "README.md").read_text(encoding="utf-8")
    lines = [line.removeprefix("$ meltano ") for line in page.splitlines() if line.startswith("$ meltano ")]
    return [line.replace("$CHECKOUT", str(ROOT)).split() for line in lines]


def meltano(folder, words):
    done = subprocess.run(  # noqa: S603
        [str(MELTANO), *words],
        cwd=folder,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def added_to(folder):
    project = yaml.safe_load((folder / "meltano.yml").read_text(encoding="utf-8"))
    (plugin,) = project["plugins"]["extractors"]
    return plugin


@pytest.fixture
def project(tmp_path):
    """A project in which Meltano asks nobody anything."""
    written = {"send_anonymous_usage_stats": False, "cli": {"disable_version_check": True}}
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(written), encoding="utf-8")
    return tmp_path


def test_meltano_adds_it(project):
    """Without the Hub and without an install: the whole definition lands in the project."""
    add, name_the_package, _ = lines_of_the_page()
    meltano(project, add)
    plugin = added_to(project)
    assert (plugin["name"], plugin["namespace"]) == ("tap-invoices", "tap_invoices")
    assert by_name(plugin["settings"])["covage.password"]["sensitive"] is True
    assert len(plugin["settings"]) == len(yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))["settings"])
    meltano(project, name_the_package)
    assert added_to(project)["pip_url"] == str(ROOT)


@pytest.mark.slow
def test_meltano_installs_it(project):
    for words in lines_of_the_page():
        meltano(project, words)
    assert (project / ".meltano" / "extractors" / "tap-invoices" / "venv" / "bin" / "tap-invoices").exists()


def test_meltano_yml_shows_what_a_project_needs():
    """A second account, schedules, and for production secrets from the environment and documents in a bucket."""
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    extractors = by_name(project["plugins"]["extractors"])
    assert extractors["tap-invoices--branch"]["inherit_from"] == "tap-invoices"
    assert {schedule["job"] for schedule in project["schedules"]} <= {job["name"] for job in project["jobs"]}
    production = by_name(project["environments"])["prod"]["config"]["plugins"]
    documents = by_name(production["extractors"])["tap-invoices--documents"]["config"]["documents"]
    assert documents["url"].startswith("s3://$")
    assert by_name(production["loaders"])["target-postgres"]["config"]["password"].startswith("$")
