"""The chart: a panel for each workload, a bar for each contender, start-up in a lighter shade."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from benchmarks.contenders import CONTENDERS

if TYPE_CHECKING:
    from benchmarks.figures import Figures
    from benchmarks.workloads import Workload

SHOWN = ("W1", "W2", "W3", "W4")

_WIDTH = 860
_LABELS = 240
_BAR, _GAP, _TITLE, _MARGIN = 16, 6, 34, 20
_NUMBERS = 70
_COLOURS = {"tap": "#d1495b", "bare": "#9aa5b1"}
"""By environment."""
_OTHERS = "#30638e"


def draw(figures: Figures, works: list[Workload]) -> str:
    """Return the chart as SVG."""
    panels, top = [], _MARGIN
    for work in works:
        panels.append(_panel(figures, work, top))
        top += _height(figures, work)
    style = "text{font:13px sans-serif;fill:#1f2933}.title{font-weight:bold}.number{font-size:12px}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" role="img">\n'
        f"<title>Seconds by workload and contender; lighter: start-up</title>\n<style>{style}</style>\n"
        f'<rect width="{_WIDTH}" height="{top}" fill="#fff"/>\n' + "\n".join(panels) + "\n</svg>\n"
    )


def _names(figures: Figures, work: Workload) -> list[str]:
    return [name for name in work.contenders if figures.has(work.key, name)]


def _height(figures: Figures, work: Workload) -> int:
    return _TITLE + len(_names(figures, work)) * (_BAR + _GAP) + _MARGIN


def _panel(figures: Figures, work: Workload, top: int) -> str:
    names = _names(figures, work)
    scale = (_WIDTH - _LABELS - _NUMBERS) / max(figures.seconds(work.key, name) for name in names)
    title = f"{work.key}: {work.title} (seconds, whole process; lighter: start-up)"
    lines = [f'<text class="title" x="{_MARGIN}" y="{top + 14}">{escape(title)}</text>']
    for number, name in enumerate(names):
        lines += _bar(figures, work, name, top + _TITLE + number * (_BAR + _GAP), scale)
    return "\n".join(lines)


def _bar(figures: Figures, work: Workload, name: str, top: int, scale: float) -> list[str]:
    seconds = figures.seconds(work.key, name)
    start = min(seconds, figures.start(work.kind, name) or 0.0)
    colour = _COLOURS.get(CONTENDERS[name].environment, _OTHERS)
    text, end = top + _BAR - 4, _LABELS + seconds * scale
    box = f'y="{top}" height="{_BAR}" fill="{colour}"'
    return [
        f'<text x="{_LABELS - 8}" y="{text}" text-anchor="end">{escape(CONTENDERS[name].title)}</text>',
        f'<rect x="{_LABELS}" width="{start * scale:.1f}" {box} opacity=".45"/>',
        f'<rect x="{_LABELS + start * scale:.1f}" width="{(seconds - start) * scale:.1f}" {box}/>',
        f'<text class="number" x="{end + 6:.1f}" y="{text}">{seconds:.2f}</text>',
    ]
