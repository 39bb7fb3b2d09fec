"""Which documents may have been read before."""

from __future__ import annotations

import json

import pytest

from tap_invoices.streams.pending import Pending
from tap_invoices.streams.read_before import ReadBefore


def test_what_the_next_sync_reads_again_is_remembered_and_what_failed():
    before = ReadBefore(None)
    assert not before.may_hold(Pending("a", "2026-01-01"))
    for item, day in (("a", 1), ("b", 2), ("b", 2), ("c", None), ("d", 1)):
        before.add(item, day and f"2026-01-0{day}")
    kept = before.kept("2026-01-02", {"d"})
    assert kept == {"since": "2026-01-02", "items": {"2026-01-01": ["d"], "2026-01-02": ["b"], "": ["c"]}}
    before.add("f", "2026-01-02")
    assert kept["items"]["2026-01-02"] == ["b"], "a state that is told says nothing of what came after"
    later = ReadBefore(json.loads(json.dumps(kept)))
    assert [item for item in "abcde" if later.may_hold(Pending(item, "2026-01-02"))] == ["b", "c", "d"]
    assert later.may_hold(Pending("e", "2026-01-01"))
    assert not later.may_hold(Pending("e", "2026-01-01", again=True))
    assert not later.may_hold(Pending("e", None))
    later.add("e", "2026-01-03")
    assert not later.may_hold(Pending("e", "2026-01-03"))
    assert later.kept("2026-01-03", {}) == {"since": "2026-01-03", "items": {"2026-01-03": ["e"], "": ["c"]}}


SINCE = {"since": "2026-01-01"}


@pytest.mark.parametrize(
    "given", [5, [], {}, SINCE, {"items": {}}, {**SINCE, "items": {"y": "a"}}, {**SINCE, "items": {"y": [{}]}}]
)
def test_another_form_is_not_understood(given):
    assert not ReadBefore.understands(given)


def test_its_own_form_is_understood():
    assert ReadBefore.understands(None)
    assert ReadBefore.understands(ReadBefore(None).kept("2026-01-01", {}))
