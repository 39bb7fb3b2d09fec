"""The table of targets that ``make test-targets`` writes."""

from __future__ import annotations

import re
import sys

import pytest

from tools import loads
from tools.targets import PAGE


def target(tmp_path, code):
    """A target of one line of Python, that holds nothing."""
    program = tmp_path / "target"
    program.write_text(f"#!{sys.executable}\n{code}\n", encoding="utf-8")
    program.chmod(0o755)
    return loads.Target("target-of-the-test", program, lambda _: {}, lambda *_: [])


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise SystemExit('no room')", "AssertionError: no room"),
        ("import sys; sys.stdin.read(); print('{}')", "LostRowsError: "),
    ],
    ids=["refuses", "loses"],
)
def test_a_target_that_fails_or_loses_rows_is_told_and_has_its_line(tmp_path, capsys, code, told):
    line, is_well = loads.tried(target(tmp_path, code), tmp_path / "t0")
    assert not is_well
    assert line == "| target-of-the-test | fails |  | fails |  |  |"
    assert f"target-of-the-test, text: {told}" in capsys.readouterr().err


def test_the_table_is_replaced_and_the_page_around_it_stays():
    page = PAGE.read_text(encoding="utf-8")
    changed = loads.rendered(page, ["| one | | | | | updates |"])
    table = re.compile(r"<!-- from a run: make test-targets -->\n(.*?)<!-- end -->", re.DOTALL)
    assert table.sub("", changed) == table.sub("", page)
    assert table.search(changed)[1].splitlines()[2:] == ["| one | | | | | updates |"]
