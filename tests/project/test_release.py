"""A tag is released only as the version that it names, with what the changelog says of it."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml

from tests.support.run import ROOT
from tools import release

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
USES = [use for path in WORKFLOWS for use in re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n', encoding="utf-8")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    return tmp_path


def test_the_notes_are_the_changelog_s_section(checkout):
    (checkout / "CHANGELOG.md").write_text(
        "# Changelog\n\n## [Unreleased]\n\n- to come\n\n## [1.2.3] - 2026-12-01\n\n### Added\n\n- this\n\n"
        "## [1.2.2] - 2026-11-30\n\n- that\n",
        encoding="utf-8",
    )
    assert release.notes("v1.2.3") == "### Added\n\n- this"


@pytest.mark.parametrize(
    ("tag", "changelog"),
    [
        ("v1.2.4", "## [1.2.3] - 2026-12-01\n\n- this\n\n## [1.2.4] - 2026-12-02\n\n- that\n"),
        ("1.2.3", "## [1.2.3] - 2026-12-01\n\n- this\n"),
        ("v1.2.3", "## [1.2.3] - unreleased\n\n- this\n"),
        ("v1.2.3", "## [1.2.3] - 2026-12-01\n\n## [1.2.2] - 2026-11-30\n\n- that\n"),
        ("v1.2.3", "## [1.2.30] - 2026-12-01\n\n- this\n"),
    ],
)
def test_what_is_no_release_is_refused(checkout, tag, changelog):
    (checkout / "CHANGELOG.md").write_text(changelog, encoding="utf-8")
    with pytest.raises(ValueError, match=r"pyproject\.toml|CHANGELOG\.md"):
        release.notes(tag)


def test_the_version_stands_in_one_place():
    patterns = ("Dockerfile", "README.md", "meltano.yml", "docs/**/*.md", "hub/**/*.yml", "tests/airbyte/**/*.yaml")
    files = [*(path for pattern in patterns for path in ROOT.glob(pattern)), *(ROOT / "tap_invoices").rglob("*.py")]
    stands = re.compile(rf"(?<![\d.]){re.escape(VERSION)}(?![\d.])")
    assert [path for path in files if stands.search(path.read_text(encoding="utf-8"))] == []


def test_every_action_is_pinned_to_one_commit_with_its_version_beside_it():
    assert USES
    assert [use for use in USES if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)] == []
    assert len({use.partition("@")[0] for use in USES}) == len(set(USES))


def test_only_the_jobs_that_publish_may_write():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
    assert jobs["permissions"] == {}
    allowed = {name: job["permissions"] for name, job in jobs["jobs"].items()}
    assert allowed == {
        "build": {"contents": "read"},
        "publish": {"id-token": "write"},
        "announce": {"contents": "write"},
    }
