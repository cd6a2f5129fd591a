"""Draws the ratios as bars on a logarithmic scale, as an SVG file."""

from __future__ import annotations

import math
from html import escape

from bench.report import TIMES, Ratio, times

WIDTH, LABEL, RIGHT = 900, 360, 90
TOP, ROW, BAR = 56, 26, 14
# The contrast is at least 4.5 for text and 3 for bars, on white and on GitHub's dark background.
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .small { font-size: 11px; fill: #59636e }
  .line { stroke: #d1d9e0 } .one { stroke: #59636e }
  .bar { fill: #0969da } .missed { fill: #bc4c00 } .free { fill: #59636e }
  .aim { stroke: #1f2328; stroke-width: 2 } .spread { stroke: #1f2328 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .small { fill: #9198a1 }
    .line { stroke: #3d444d } .one { stroke: #9198a1 }
    .bar { fill: #4493f8 } .missed { fill: #db6d28 } .free { fill: #9198a1 }
    .aim, .spread { stroke: #f0f6fc }
  }
"""


def svg(ratios: list[Ratio]) -> str:
    """A bar for each ratio from 1 to its median, its spread, and a mark at its target."""
    scale = _Scale(ratios)
    height = TOP + ROW * len(ratios) + 30
    rows = "\n".join(_row(ratio, TOP + ROW * n, scale) for n, ratio in enumerate(ratios))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" \
width="{WIDTH}" height="{height}" role="img" aria-labelledby="title text">
<title id="title">Ratios of bench/run on a logarithmic scale</title>
<desc id="text">{escape(description(ratios))}</desc>
<style>{STYLE}</style>
{_legend()}
{_axis(scale, height)}
{rows}
</svg>
"""


def description(ratios: list[Ratio]) -> str:
    """The chart as text, for screen readers."""
    words = {None: "", True: ", reached", False: ", not reached"}
    return " ".join(
        f"{ratio.comparison.title}: {times(ratio.median)}"
        + (f", target {ratio.target}{words[ratio.reached]}." if ratio.target else ".")
        for ratio in ratios
    )


class _Scale:
    def __init__(self, ratios: list[Ratio]) -> None:
        every = [1.0, *(value for ratio in ratios for value in ratio.values)]
        every += [value for ratio in ratios for value in (_aim(ratio),) if value]
        self.low = math.floor(math.log10(min(every)) * 2) / 2
        self.high = max(self.low + 1, math.ceil(math.log10(max(every)) * 2) / 2)

    def x(self, value: float) -> float:
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return round(LABEL + share * (WIDTH - LABEL - RIGHT), 1)

    def ticks(self) -> list[float]:
        steps = (1, 2, 5) if self.high - self.low <= 2.5 else (1,)
        every = [n * 10**power for power in range(-3, 6) for n in steps]
        return [tick for tick in every if self.low <= math.log10(tick) <= self.high]


def _aim(ratio: Ratio) -> float | None:
    return ratio.comparison.at_least or ratio.comparison.at_most


def _legend() -> str:
    entries = (("bar", "target reached"), ("missed", "not reached"), ("free", "no target"))
    parts = [
        f'<rect class="{kind}" x="{12 + 130 * n}" y="10" width="12" height="12"/>'
        f'<text class="small" x="{30 + 130 * n}" y="20">{text}</text>'
        for n, (kind, text) in enumerate(entries)
    ]
    x = 12 + 130 * len(entries)
    parts.append(f'<line class="aim" x1="{x}" x2="{x}" y1="8" y2="24"/>')
    parts.append(f'<text class="small" x="{x + 10}" y="20">target</text>')
    parts.append(f'<line class="spread" x1="{x + 70}" x2="{x + 90}" y1="16" y2="16"/>')
    parts.append(f'<text class="small" x="{x + 96}" y="20">lowest to highest round</text>')
    return "\n".join(parts)


def _axis(scale: _Scale, height: int) -> str:
    parts = []
    for tick in scale.ticks():
        x, kind = scale.x(tick), "one" if tick == 1 else "line"
        parts.append(f'<line class="{kind}" x1="{x}" x2="{x}" y1="{TOP - 8}" y2="{height - 24}"/>')
        parts.append(
            f'<text class="small" text-anchor="middle" x="{x}" y="{height - 8}">'
            f"{tick:g}{TIMES}</text>"
        )
    return "\n".join(parts)


def _row(ratio: Ratio, y: float, scale: _Scale) -> str:
    kind = {None: "free", True: "bar", False: "missed"}[ratio.reached]
    one, end = scale.x(1), scale.x(ratio.median)
    left, width = min(one, end), max(abs(end - one), 1)
    low, high = scale.x(min(ratio.values)), scale.x(max(ratio.values))
    middle, more = y + BAR / 2, ">" if ratio.bound else ""
    aim = _aim(ratio)
    ends = [one, end, high]
    if aim and max(ends) - 4 < scale.x(aim) < max(ends) + 60:
        ends.append(scale.x(aim))  # otherwise, the number would cover the mark
    parts = [
        f'<text x="{LABEL - 10}" y="{y + 12}" text-anchor="end" class="small">'
        f"{escape(ratio.comparison.title)}</text>",
        f'<rect class="{kind}" x="{left}" y="{y}" width="{width:.1f}" height="{BAR}"/>',
        f'<line class="spread" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>',
        f'<text x="{max(ends) + 8}" y="{y + 12}">{more}{times(ratio.median)}</text>',
    ]
    if aim:
        x = scale.x(aim)
        parts.append(f'<line class="aim" x1="{x}" x2="{x}" y1="{y - 3}" y2="{y + BAR + 3}"/>')
    return "\n".join(parts)
