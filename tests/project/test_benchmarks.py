"""What the benchmark writes, and where."""

from __future__ import annotations

import pytest

from benchmarks import __main__ as benchmark
from benchmarks.contenders import CONTENDERS
from benchmarks.workloads import EARLIER, PROVIDERS, WORKLOADS


@pytest.mark.parametrize(("is_whole", "place"), [(True, "."), (False, ".work")])
def test_only_a_whole_run_at_full_scale_is_shown_as_the_result(monkeypatch, tmp_path, is_whole, place):
    written = []
    monkeypatch.setattr(benchmark, "HERE", tmp_path)
    monkeypatch.setattr(benchmark.envs, "ROOT", tmp_path)
    monkeypatch.setattr(benchmark.report, "write", lambda _runs, _about, folder: written.append(folder))
    benchmark._write([], {}, is_whole=is_whole)
    assert written == [tmp_path / place]


def test_every_contender_is_known_and_its_records_are_counted():
    for work in WORKLOADS:
        for name in work.beside_earlier().contenders:
            assert name in CONTENDERS
            assert work.expected(name) >= work.count
    whole = next(work for work in WORKLOADS if work.kind == "all")
    assert whole.expected(EARLIER) == whole.expected("tap") == sum(whole.expected(f"tap-{name}") for name in PROVIDERS)
