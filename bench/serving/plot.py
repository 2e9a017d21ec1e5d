"""The plot: CPU per request of every server as bars on a logarithmic axis, as SVG with a card of its own in light and dark."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from bench.serving.goals import grouped, micros

Scale = Callable[[float], float]

_WIDTH, _LEFT, _RIGHT = 960, 280, 120
_TOP, _BAR, _GAP, _BOTTOM = 86, 22, 10, 62

_STYLE = """
    .card { fill: #ffffff; stroke: #d0d7de }
    .title { font-size: 18px; font-weight: 600; fill: #1f2328 }
    .what { font-size: 13px; fill: #57606a }
    .name { font-size: 14px; fill: #1f2328 }
    .figure { font-size: 13px; fill: #1f2328; stroke: #ffffff; stroke-width: 5; paint-order: stroke }
    .tick { font-size: 12px; fill: #57606a }
    .grid { stroke: #d8dee4; stroke-width: 1 }
    .peer { fill: #8c959f }
    .ours { fill: #bc4c00 }
    .beside { fill: none; stroke: #bc4c00; stroke-width: 1.5; stroke-dasharray: 3 2 }
    .strong { font-weight: 600 }
    @media (prefers-color-scheme: dark) {
      .card { fill: #0d1117; stroke: #30363d }
      .title, .name, .figure { fill: #e6edf3 }
      .figure { stroke: #0d1117 }
      .what, .tick { fill: #9da7b3 }
      .grid { stroke: #30363d }
      .peer { fill: #6e7681 }
      .ours { fill: #f0883e }
      .beside { stroke: #f0883e }
    }
"""


@dataclass(frozen=True)
class Bar:
    """One server: CPU microseconds per request on the request path, and with what is done beside it."""

    name: str
    cpu: float
    total: float
    ours: bool


def draw(bars: Sequence[Bar], title: str, what: str) -> str:
    """The plot of some servers, the cheapest first."""
    bars = sorted(bars, key=lambda bar: bar.cpu)
    low = 10 ** math.floor(math.log10(min(bar.cpu for bar in bars) / 2))  # so that the shortest bar is one too
    high = max(bar.total for bar in bars) * 1.1
    height = _TOP + len(bars) * (_BAR + _GAP) + _BOTTOM
    span = _WIDTH - _LEFT - _RIGHT

    def x(value: float) -> float:
        return _LEFT + span * (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))

    said = "; ".join(f"{bar.name} {micros(bar.cpu)}" for bar in bars)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="title desc" '
        "font-family=\"system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\">",
        f'  <title id="title">{escape(title)}</title>',
        f'  <desc id="desc">{escape(said)}</desc>',
        f"  <style>{_STYLE}  </style>",
        f'  <rect class="card" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="10"/>',
        f'  <text class="title" x="24" y="36">{escape(title)}</text>',
        f'  <text class="what" x="24" y="58">{escape(what)}</text>',
    ]
    lines += _axis(low, high, height, x)
    for number, bar in enumerate(bars):
        lines += _bar(bar, _TOP + number * (_BAR + _GAP), x(low), x(bar.cpu), x(bar.total))
    return "\n".join([*lines, "</svg>", ""])


def _axis(low: float, high: float, height: int, x: Scale) -> list[str]:
    lines, value = [], low
    while value <= high:
        lines.append(f'  <line class="grid" x1="{x(value):.1f}" y1="{_TOP - 8}" x2="{x(value):.1f}" y2="{height - _BOTTOM + 2}"/>')
        lines.append(f'  <text class="tick" x="{x(value):.1f}" y="{height - _BOTTOM + 20}" text-anchor="middle">{grouped(value)}</text>')
        value *= 10
    middle = (x(low) + x(high)) / 2
    label = "CPU microseconds per request, all processes of the server, logarithmic"
    return [*lines, f'  <text class="tick" x="{middle:.1f}" y="{height - 18}" text-anchor="middle">{label}</text>']


def _bar(bar: Bar, y: int, start: float, end: float, total: float) -> list[str]:
    kind, weight = ("ours", " strong") if bar.ours else ("peer", "")
    figure = micros(bar.cpu)
    if bar.total > bar.cpu:
        figure += f" ({micros(bar.total)})"
    lines = [
        f'  <text class="name{weight}" x="{_LEFT - 12}" y="{y + 16}" text-anchor="end">{escape(bar.name)}</text>',
        f'  <rect class="{kind}" x="{start:.1f}" y="{y}" width="{max(1.0, end - start):.1f}" height="{_BAR}" rx="2"/>',
        f'  <text class="figure{weight}" x="{max(end, total) + 8:.1f}" y="{y + 16}">{escape(figure)}</text>',
    ]
    if bar.total > bar.cpu:
        lines.append(f'  <rect class="beside" x="{end:.1f}" y="{y + 1}" width="{max(1.0, total - end):.1f}" height="{_BAR - 2}"/>')
    return lines
