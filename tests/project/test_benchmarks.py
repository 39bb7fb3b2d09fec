"""What the benchmark writes, and where."""

from __future__ import annotations

import pytest

from benchmarks import __main__ as benchmark


@pytest.mark.parametrize(("is_whole", "place"), [(True, "."), (False, ".work")])
def test_only_a_whole_run_at_full_scale_is_shown_as_the_result(monkeypatch, tmp_path, is_whole, place):
    written = []
    monkeypatch.setattr(benchmark, "HERE", tmp_path)
    monkeypatch.setattr(benchmark.envs, "ROOT", tmp_path)
    monkeypatch.setattr(benchmark.report, "write", lambda _runs, _about, folder: written.append(folder))
    benchmark._write([], {}, is_whole=is_whole)
    assert written == [tmp_path / place]
