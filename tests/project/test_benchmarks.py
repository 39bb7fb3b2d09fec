"""What the benchmark writes, and where."""

from __future__ import annotations

import pytest

from benchmarks import __main__ as benchmark
from benchmarks import report
from benchmarks.contenders import CONTENDERS
from benchmarks.figures import Figures
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


def run(workload, contender, seconds, cpu):
    return {"workload": workload, "contender": contender, "count": 200, "seconds": seconds, "cpu": cpu, "peak": 1}


def accounts_at_once(one, cpu, at_4, at_16):
    """Return the rows of the targets that tell what accounts at once gain; a start takes a second."""
    seconds = {"tap-at-1": one, "tap": at_4, "tap-at-16": at_16}
    starts = [run("start-accounts", contender, 1, 1) for contender in seconds]
    runs = [run("W7l", contender, 1 + each, 1 + cpu) for contender, each in seconds.items()]
    told = report._targets(Figures([*starts, *runs]))
    return [line.split(" | ")[1:] for line in told.splitlines() if line.startswith("| W7l: speed of ")]


@pytest.mark.parametrize(
    ("seconds", "four", "sixteen"),
    [
        ((40, 2, 10, 2.5), ("1.00 times", "reached |"), ("1.00 times", "reached |")),
        ((40, 4, 12.5, 5), ("0.80 times", "reached |"), ("0.80 times", "reached |")),
        ((40, 4, 16, 8), ("0.62 times", "**not reached** |"), ("0.50 times", "**not reached** |")),
        ((12, 6, 6, 6), ("1.00 times", "reached |"), ("1.00 times", "reached |")),
    ],
    ids=["all that N allows", "what CPU allows", "too little", "half of it CPU"],
)
def test_accounts_at_once_are_held_to_what_waiting_and_cpu_time_allow(seconds, four, sixteen):
    assert accounts_at_once(*seconds) == [["at least 0.8 times", *four], ["at least 0.8 times", *sixteen]]


def test_accounts_at_once_are_not_judged_without_those_one_at_a_time():
    runs = [run("start-accounts", "tap", 1, 1), run("W7l", "tap", 11, 3)]
    assert "W7l" not in report._targets(Figures(runs))
