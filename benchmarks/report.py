"""What the runs say: the table of targets, a table for each workload, and the chart."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from benchmarks import chart, envs
from benchmarks.contenders import CONTENDERS
from benchmarks.figures import Figures
from benchmarks.targets import TARGETS
from benchmarks.workloads import EARLIER, WORKLOADS, Workload

_PACKAGES = {
    "tap": ("tap-invoices", "singer-sdk", "msgspec", "requests", "urllib3"),
    "earlier": ("tap-invoices", "singer-sdk", "msgspec", "requests", "urllib3"),
    "sdk": ("singer-sdk",),
    "dlt": ("dlt",),
    "airbyte": ("airbyte-cdk",),
    "bare": ("orjson", "requests"),
    "server": ("uvloop",),
}


def about(environments: Collection[str]) -> dict[str, Any]:
    """Return the machine, and the versions in the server's environment and in those of contenders."""
    cpu = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = int(_lines("/proc/meminfo")[0].split()[1]) / 2**20
    machine = f"{cpu[0] if cpu else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB"
    system = f"{platform.system()} {platform.release()}, {platform.python_implementation()} {platform.python_version()}"
    used = {"server", *environments}
    versions = {name: envs.versions(name, *packages) for name, packages in _PACKAGES.items() if name in used}
    return {"machine": machine, "system": system, "versions": versions}


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def write(runs: list[dict[str, Any]], told: dict[str, Any], folder: Path) -> str:
    """Write RESULTS.md and results.svg, and return the part with the targets."""
    figures = Figures(runs)
    here = [work for work in WORKLOADS if figures.has(work.key)]
    (folder / "results.svg").write_text(chart.draw(figures, [work for work in here if work.key in chart.SHOWN]))
    targets = _targets(figures)
    parts = [_opening(told), targets, _ceiling(told["ceiling"])]
    parts += [_workload(figures, work) for work in here]
    (folder / "RESULTS.md").write_text("\n".join(parts))
    return targets


def _opening(told: dict[str, Any]) -> str:
    titles = {"earlier": f"earlier ({told['earlier']})"}
    versions = "\n".join(
        f"- {titles.get(name, name)}: {', '.join(f'{package} {version}' for package, version in packages.items())}"
        for name, packages in told["versions"].items()
    )
    return f"""# Results

Written by `python -m benchmarks`; [README.md](README.md) says what is measured. {told["machine"]}; {told["system"]}.
Medians, and the least and most seconds, of whole processes; "work" is without start-up, a sync of one invoice.

![Seconds by workload and contender](results.svg)

Versions in each environment:

{versions}
"""


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" if number == 0 else "--:" for number in range(len(head))), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _targets(figures: Figures) -> str:
    rows = []
    for target in TARGETS:
        value = target.value(figures)
        if value is None:
            continue
        verdict = "reached" if target.is_reached(value) else "**not reached**"
        rows.append((target.title, target.wanted, target.shown(value), verdict))
    return "## Targets\n\n" + _table(("", "wanted", "measured", ""), rows)


def _ceiling(ceiling: dict[str, float]) -> str:
    rows = [(name, f"{rate:,.0f}") for name, rate in ceiling.items()]
    return "## What the server can do\n\n" + _table(("with a client that only receives", "a second"), rows)


def _workload(figures: Figures, work: Workload) -> str:
    count = figures.count(work.key)
    scaled = f" (here {count:,})" if count != work.count else ""
    rows = [_row(figures, work, name) for name in (*work.contenders, EARLIER) if figures.has(work.key, name)]
    head = ("", "seconds", "start-up", "work", "records/s of work", "CPU s", "peak MB", "seconds, of the tap's")
    rounds = f"Rounds: {figures.rounds(work.key)}."
    return f"## {work.key}: {work.title}{scaled}\n\n{rounds}\n\n" + _table(head, rows)


def _row(figures: Figures, work: Workload, name: str) -> tuple[str, ...]:
    key = work.key
    seconds, start, worked = figures.seconds(key, name), figures.start(work.kind, name), figures.work(work, name)
    least, most = figures.span(key, name)
    whole = figures.is_whole(key, name)
    return (
        CONTENDERS[name].title + ("" if whole else " (**not complete**)"),
        f"{seconds:.2f} ({least:.2f} to {most:.2f})",
        "" if start is None else f"{start:.2f}",
        "" if worked is None else f"{worked:.2f}",
        "" if worked is None else f"{figures.found(key, name) / worked:,.0f}",
        f"{figures.median(key, name, 'cpu'):.2f}",
        f"{figures.median(key, name, 'peak') / 1e6:.0f}",
        f"{seconds / figures.seconds(key, 'tap'):.2f} times",
    )
