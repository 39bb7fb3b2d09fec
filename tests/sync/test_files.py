"""The files that the command line names: settings, catalog and state."""

from __future__ import annotations

import json

import pytest

BROKEN = {
    b"": "is empty",
    b" \n": "is empty",
    b'{"matas": {\n  "token": canary}}': "is not JSON: Expecting value, line 2, column 12",
    b'["canary"]': "is not a JSON object",
    '{"matas": "\u00e9canary"}'.encode("latin-1"): "is not in UTF-8",
}


def complaints(done):
    return [line for line in done.stderr.splitlines() if "ERROR" in line]


@pytest.mark.parametrize("option", ["--config", "--catalog", "--state"])
@pytest.mark.parametrize("content", BROKEN)
def test_a_file_that_is_no_object_is_told_by_what_is_wrong_with_it(run_tap, box, tmp_path, option, content):
    file = tmp_path / "given.json"
    file.write_bytes(content)
    more = [] if option == "--config" else ["--config", box.config("matas")]
    done = run_tap(*more, option, str(file))
    if option == "--state" and not content.strip():
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 1
    line = complaints(done)[0]
    assert option in line
    assert BROKEN[content] in line
    assert "canary" not in done.stderr


def test_settings_that_are_not_there_are_told_with_their_path(run_tap, tmp_path):
    done = run_tap("--config", str(tmp_path / "absent.json"))
    assert done.returncode == 1
    line = complaints(done)[0]
    assert line.endswith("absent.json, cannot be read: No such file or directory")


def test_files_may_begin_with_a_byte_order_mark(run_tap, box, make_catalog, tmp_path):
    config = box.config("matas")
    given = {"config": config, "catalog": make_catalog(config, ["matas_invoices"]), "state": {"bookmarks": {}}}
    words = []
    for name, value in given.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(value), encoding="utf-8-sig")
        words += [f"--{name}", str(tmp_path / f"{name}.json")]
    done = run_tap(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"RECORD"') == 25
